"""What a job changed is as it was for the next one."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import pytest

from runner.harness import DONE, Executor


def state() -> dict[str, Any]:
    """What a job finds, as far as this file's jobs change it."""
    import faulthandler
    import gc
    import resource
    import socket
    import threading

    mask = os.umask(0)
    os.umask(mask)
    stack_bytes = threading.stack_size()
    threading.stack_size(stack_bytes)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PICLOUD_")}
    return {
        "cwd": os.getcwd(),
        "umask": mask,
        "environment": environment,
        "child environment": os.popen("env | grep -c ''").read(),
        "limits": [resource.getrlimit(number) for number in range(10)],
        "recursion limit": sys.getrecursionlimit(),
        "timeout": socket.getdefaulttimeout(),
        "blocked": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "timers": [signal.getitimer(number)[0] for number in (0, 1, 2)],
        "handlers": {number: repr(signal.getsignal(number)) for number in range(1, 32)},
        "path": sys.path[:],
        "gc": gc.isenabled(),
        "faulthandler": faulthandler.is_enabled(),
        "trace": (sys.gettrace(), sys.getprofile()),
        "threads": threading.active_count(),
        "stack size": stack_bytes,
    }


def change_directory() -> None:
    os.chdir("/")


def remove_directory() -> None:
    import shutil

    shutil.rmtree(os.getcwd())


def change_umask() -> None:
    os.umask(0o777)


def change_environment() -> None:
    os.environ["NEW_ONE"] = "x"
    os.environ["HOME"] = "/nowhere"
    del os.environ["PATH"]


def clear_environment() -> None:
    os.environ.clear()


def change_recursion_limit() -> None:
    sys.setrecursionlimit(30)


def change_timeout() -> None:
    import socket

    socket.setdefaulttimeout(0.001)


def block_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def change_handlers() -> None:
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGUSR1,
        signal.SIGCHLD,
        signal.SIGALRM,
        signal.SIGPIPE,
    ):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, lambda *_: None)


def set_timers() -> None:
    signal.alarm(1)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.5)
    signal.setitimer(signal.ITIMER_PROF, 0.5)


def change_path() -> None:
    sys.path[:] = ["/nowhere"]


def disable_things() -> None:
    import faulthandler
    import gc

    gc.disable()
    faulthandler.disable()


def lower_limits() -> None:
    import resource

    memory = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    for number in (*memory, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
        soft = 1 << 30 if number in memory else 250
        resource.setrlimit(number, (soft, resource.getrlimit(number)[1]))


def enlarge_stacks() -> None:
    import threading

    threading.stack_size(256 << 20)


def trace() -> None:
    sys.settrace(lambda *_: None)
    sys.setprofile(lambda *_: None)


@pytest.mark.parametrize(
    "change",
    [
        change_directory,
        remove_directory,
        change_umask,
        change_environment,
        clear_environment,
        change_recursion_limit,
        change_timeout,
        block_signals,
        change_handlers,
        set_timers,
        change_path,
        disable_things,
        trace,
        lower_limits,
        enlarge_stacks,
    ],
)
def test_what_a_job_changed_is_put_back(executor: Executor, change: Any) -> None:
    looks = executor.function(state)
    before = executor.answer(executor.send(looks)).value
    answer = executor.run(change)
    assert (answer.status, answer.flags) == (DONE, 0), answer.failure
    assert executor.answer(executor.send(looks)).value == before


def test_sockets_of_jobs_have_a_timeout(executor: Executor) -> None:
    assert executor.run(state).value["timeout"] == 60


def test_a_variable_set_by_the_platform_is_right_after_a_job_changed_it(executor: Executor) -> None:
    def change() -> None:
        os.environ["PICLOUD_JOB_ID"] = "wrong"
        os.environ["PICLOUD_API_SECRETKEY"] = "x" * 5000

    def look() -> Any:
        return os.environ["PICLOUD_JOB_ID"], os.popen("echo $PICLOUD_JOB_ID $PICLOUD_API_SECRETKEY").read()

    executor.run(change)
    for _ in range(2):
        answer = executor.run(look)
        assert answer.value == (str(answer.jid), f"{answer.jid} secret\n")


def test_modules_and_globals_of_the_function_stay(executor: Executor) -> None:
    def count() -> int:
        import colorsys

        colorsys.calls = getattr(colorsys, "calls", 0) + 1  # type: ignore[attr-defined]
        return colorsys.calls  # type: ignore[attr-defined, no-any-return]

    spec = executor.function(count)
    assert [executor.answer(executor.send(spec)).value for _ in range(3)] == [1, 2, 3]


def test_many_jobs_leak_no_memory_and_no_descriptor(executor: Executor) -> None:
    def measure() -> tuple[int, int]:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, len(os.listdir("/proc/self/fd"))

    spec, looks = executor.function(lambda n: [n]), executor.function(measure)

    def many(count: int) -> tuple[int, int]:
        for _ in range(count // 500):
            jids = [executor.send(spec, n) for n in range(500)]
            executor.answer(jids[-1])
        found: tuple[int, int] = executor.answer(executor.send(looks)).value
        return found

    memory, descriptors = many(5_000)
    more_memory, same_descriptors = many(20_000)
    assert more_memory - memory < 1024, "KiB; a variable leaked with each job would be 4 MiB"
    assert same_descriptors == descriptors
