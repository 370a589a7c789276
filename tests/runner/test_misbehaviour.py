"""Jobs that misbehave, with and without a pid namespace: the next job, or the next process, is unaffected."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from harness import until

from runner.harness import DONE, FAILED, Executor, Zygote


def one() -> int:
    return 1


def next_one_is_fine(zygote: Zygote) -> None:
    assert zygote.fork().run(one).value == 1


def end_of(executor: Executor, function: Any) -> dict[str, Any]:
    """Runs a job that is not answered; how its executor ended."""
    jid = executor.send(executor.function(function))
    ended = executor.end()
    assert jid not in executor.answers
    return ended


def processes_with(mark: str) -> list[int]:
    """Processes that have `mark` in their environment."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (directory / "environ").read_bytes() and (directory / "exe").exists():
                found.append(int(directory.name))
        except OSError:
            continue
    return found


def test_leaving_at_once_is_told_with_the_code(any_zygote: Zygote) -> None:
    assert end_of(any_zygote.fork(), lambda: os._exit(7))["code"] == 7
    next_one_is_fine(any_zygote)


def test_a_segfault_is_told_with_its_stack(any_zygote: Zygote) -> None:
    def crash_here() -> None:
        import ctypes

        ctypes.string_at(0)

    ended = end_of(any_zygote.fork(), crash_here)
    assert ended["signal"] == signal.SIGSEGV
    assert "crash_here" in ended["syslog"]
    next_one_is_fine(any_zygote)


def test_an_abort_is_told(any_zygote: Zygote) -> None:
    ended = end_of(any_zygote.fork(), os.abort)
    assert ended["signal"] == signal.SIGABRT
    assert "Aborted" in ended["syslog"]


def test_the_syslog_of_a_crash_is_bounded(zygote: Zygote) -> None:
    def crash() -> None:
        for number in range(3, 300):
            try:
                if "picloud-crash" in os.readlink(f"/proc/self/fd/{number}"):
                    os.write(number, b"\xff\0" * (1 << 20))
            except OSError:
                continue
        os.abort()

    assert len(end_of(zygote.fork(), crash)["syslog"]) <= 16 << 10


def test_killing_itself_is_told(any_zygote: Zygote) -> None:
    assert end_of(any_zygote.fork(), lambda: os.kill(os.getpid(), signal.SIGKILL))["signal"] == signal.SIGKILL


def test_closing_every_descriptor_ends_only_this_process(any_zygote: Zygote) -> None:
    assert end_of(any_zygote.fork(), lambda: os.closerange(0, 1024))["code"] == 71
    next_one_is_fine(any_zygote)


def test_a_descriptor_opened_in_the_place_of_the_line_gets_no_answer(zygote: Zygote, tmp_path: Path) -> None:
    target = str(tmp_path / "target")

    def usurp() -> None:
        os.closerange(3, 1024)
        import socket

        pairs = [socket.socketpair() for _ in range(150)]
        sys.kept = pairs  # type: ignore[attr-defined]
        opened = [os.open(target, os.O_WRONLY | os.O_CREAT) for _ in range(100)]
        assert max(opened) > 300

    assert end_of(zygote.fork(), usurp)["code"] == 71
    assert os.path.getsize(target) == 0


def test_closing_the_standard_descriptors_is_undone(executor: Executor) -> None:
    def close() -> None:
        os.closerange(0, 3)
        os.open("/dev/null", os.O_RDONLY)

    assert executor.run(close).status == DONE
    assert executor.run(lambda: os.write(1, b"raw")).value == 3
    executor.run(one)
    assert bytes(executor.pipes[executor.out]) == b"raw"


def test_garbage_to_every_descriptor_ends_only_this_process(zygote: Zygote) -> None:
    executor = zygote.fork()

    def spoil() -> None:
        for number in range(3, 1024):
            try:
                os.write(number, b"\xff" * 64)
            except OSError:
                continue
        while True:
            pass

    executor.send(executor.function(spoil))
    zygote.pump(lambda: executor.broken is not None, "the garbage")
    executor.signal(signal.SIGKILL)
    assert executor.end()["signal"] == signal.SIGKILL
    next_one_is_fine(zygote)


@pytest.mark.parametrize("fork", ["os", "c"])
def test_a_fork_whose_both_sides_return_is_answered_once(any_zygote: Zygote, fork: str) -> None:
    def both() -> str:
        import ctypes

        pid = os.fork() if fork == "os" else ctypes.CDLL(None).fork()
        return "parent" if pid else "child"

    executor = any_zygote.fork()
    answer = executor.run(both)
    assert answer.value == "parent"
    if answer.flags == 0:
        assert executor.run(one).value == 1
    else:
        executor.end()
    assert executor.broken is None
    assert len(executor.order) == len(executor.answers)
    next_one_is_fine(any_zygote)


def test_a_fork_whose_child_raises_is_answered_once(executor: Executor) -> None:
    def child_raises() -> str:
        pid = os.fork()
        if pid == 0:
            raise ValueError("child")
        os.waitpid(pid, 0)
        return "parent"

    assert executor.run(child_raises).value == "parent"
    assert executor.run(one).value == 1


def test_children_left_behind_end_with_the_process(any_zygote: Zygote) -> None:
    def leave() -> None:
        import subprocess

        os.environ["LEFT_BEHIND_MARK"] = "1"
        subprocess.Popen(["sleep", "3600"])
        # One that makes itself independent.
        subprocess.run("setsid sleep 3600 & disown", shell=True, executable="/bin/bash")

    executor = any_zygote.fork()
    answer = executor.run(leave)
    assert (answer.status, answer.flags) == (DONE, 1)
    remark = executor.text(answer.jid, "pilog")
    assert remark.startswith("the job started subprocesses")
    assert remark.endswith("; its process is not reused\n")
    assert executor.end()["code"] == 0
    until(lambda: not processes_with("LEFT_BEHIND_MARK=1"), what="nothing is left")
    next_one_is_fine(any_zygote)


def test_children_that_ended_are_no_reason_to_end(executor: Executor) -> None:
    def start() -> None:
        import subprocess

        subprocess.run(["true"])
        subprocess.Popen(["true"]).wait()
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # Ended, but not reaped.

    for _ in range(3):
        answer = executor.run(start)
        assert (answer.status, answer.flags) == (DONE, 0)


def test_a_fork_bomb_left_behind_ends_with_the_process(any_zygote: Zygote) -> None:
    def bomb() -> None:
        import subprocess

        code = (
            "import os, sys, time\n"
            "for depth in range(5):\n"
            "    os.fork()\n"
            "while True:\n"
            "    if os.fork() == 0: os._exit(0)\n"
            "    try: os.waitpid(-1, 0)\n"
            "    except OSError: pass\n"
        )
        subprocess.Popen([sys.executable, "-c", code], env={"FORK_BOMB_MARK": "1"})

    executor = any_zygote.fork()
    assert executor.run(bomb).flags == 1
    executor.end()
    until(lambda: not processes_with("FORK_BOMB_MARK=1"), what="nothing is left")
    next_one_is_fine(any_zygote)


def test_killing_init_ends_what_a_job_started(any_zygote: Zygote) -> None:
    def start() -> None:
        import subprocess

        print("here")
        subprocess.run(["sleep", "3600"], env={**os.environ, "KILLED_MARK": "1"})

    executor = any_zygote.fork()
    jid = executor.send(executor.function(start))
    any_zygote.pump(lambda: bool(executor.said[jid, "stdout"]), "the job")
    until(lambda: processes_with("KILLED_MARK=1"))
    executor.signal(signal.SIGKILL)
    assert executor.end()["signal"] == signal.SIGKILL
    assert not processes_with("KILLED_MARK=1")
    next_one_is_fine(any_zygote)


def test_killing_everything_in_reach_ends_only_this_process(zygote: Zygote) -> None:
    def rampage() -> None:
        assert os.getppid() == 1, "only in a namespace of its own"
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGKILL, signal.SIGSTOP):
            os.kill(1, number)
        with contextlib.suppress(ProcessLookupError):  # Nobody else is there.
            os.kill(-1, signal.SIGKILL)  # Spares init and the caller.

    other = zygote.fork()
    executor = zygote.fork()
    if not _in_namespace(executor):
        pytest.skip("the kernel gives no pid namespace here")
    assert executor.run(rampage).status == DONE
    assert executor.run(one).value == 1
    assert other.run(one).value == 1


def _in_namespace(executor: Executor) -> bool:
    return bool(executor.run(os.getppid).value == 1)


def test_threads_left_running_end_the_process(executor: Executor) -> None:
    def leave() -> str:
        import threading

        threading.Thread(target=threading.Event().wait, daemon=True, name="straggler").start()
        return "left"

    answer = executor.run(leave)
    assert (answer.value, answer.flags) == ("left", 1)
    assert (
        executor.text(answer.jid, "pilog")
        == "the job left threads running (straggler); its process is not reused\n"
    )
    assert executor.end()["code"] == 0


def test_threads_without_a_name_are_noticed(executor: Executor) -> None:
    def leave() -> None:
        import _thread
        import time

        runs = _thread.allocate_lock()
        runs.acquire()
        _thread.start_new_thread(lambda: (runs.release(), time.sleep(3600)), ())
        runs.acquire()

    assert executor.run(leave).flags == 1


def test_threads_that_ended_or_are_about_to_are_no_reason_to_end(executor: Executor) -> None:
    def start() -> None:
        import concurrent.futures
        import threading
        import time

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(abs, range(10)))
        threading.Thread(target=time.sleep, args=(0.005,)).start()

    for _ in range(5):
        assert executor.run(start).flags == 0


def test_threads_of_the_client_package_may_stay(executor: Executor) -> None:
    def start() -> None:
        import threading

        threading.Thread(target=threading.Event().wait, daemon=True, name="picloud-callbacks").start()

    for _ in range(3):
        assert executor.run(start).flags == 0


def test_an_uncaught_exception_in_a_thread_is_output(executor: Executor) -> None:
    def start() -> None:
        import threading

        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()

    answer = executor.run(start)
    assert (answer.status, answer.flags) == (DONE, 0)
    assert "ZeroDivisionError" in executor.text(answer.jid, "stderr")


def test_a_patched_standard_library_does_not_reach_the_runner(executor: Executor) -> None:
    def patch() -> None:
        import json
        import pickle
        import socket
        import threading
        import time

        def broken(*_: Any, **__: Any) -> Any:
            raise RuntimeError("patched")

        os.getpid = os.getcwd = os.waitpid = os.umask = os.dup2 = broken
        time.perf_counter_ns = threading.active_count = socket.socket.sendall = broken  # type: ignore[method-assign]
        json.loads = pickle.Unpickler = broken  # type: ignore[misc, assignment]

    assert executor.run(patch).status == DONE
    assert executor.run(one).value == 1
    assert executor.run(lambda: 1 / 0).verdict == "raised"


def test_a_failure_is_no_reason_to_end(executor: Executor) -> None:
    for _ in range(3):
        answer = executor.run(lambda: 1 / 0)
        assert (answer.status, answer.flags) == (FAILED, 0)
