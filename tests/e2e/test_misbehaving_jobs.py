"""Jobs that misbehave get a verdict in words, and the next job is unaffected."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from types import ModuleType
from typing import Any

import pytest
from harness import Recorder, until


def leave_at_once() -> None:
    os._exit(7)


def exit_politely() -> None:
    sys.exit(3)


def segfault() -> None:
    import ctypes

    ctypes.string_at(0)


def kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def close_everything() -> None:
    os.closerange(0, 1024)


def write_nonsense_to_every_descriptor() -> None:
    for number in range(3, 4096):
        with contextlib.suppress(OSError):
            os.write(number, b"\xff" * 64)
    time.sleep(0.5)


def fork_and_return_twice() -> str:
    return "child" if os.fork() == 0 else "parent"


def leave_threads_running() -> str:
    import threading

    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    return "left"


def leave_forks_behind() -> str:
    for _ in range(20):
        if os.fork() == 0:
            time.sleep(3600)
            os._exit(0)
    return "left"


def return_a_lock() -> Any:
    import threading

    return {"model": [threading.Lock()]}


def raise_the_unprintable() -> None:
    class Nasty(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

        def __reduce__(self) -> Any:
            raise RuntimeError("no pickle")

    raise Nasty


def ends_with(cloud: ModuleType, function: Any, *words: str) -> None:
    def wrapped() -> Any:
        return function()

    jid = cloud.call(wrapped)
    with pytest.raises(BaseException) as caught:
        cloud.result(jid, timeout=60)
    assert cloud.status(jid) == "error"
    said = cloud.info(jid, "exception")[jid]["exception"] + str(caught.value)
    for word in words:
        assert word.lower() in said.lower(), f"{word!r} is not in the verdict:\n{said}"
    assert cloud.result(cloud.call(abs, -1), timeout=60) == 1, "the next job is unaffected"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (leave_at_once, ["exit", "7"]),
        (exit_politely, ["exit", "3"]),
        (segfault, ["SIGSEGV"]),
        (kill_myself, ["SIGKILL"]),
        (close_everything, ["clos"]),
        (write_nonsense_to_every_descriptor, []),
        (return_a_lock, ["pickle", "model"]),
        (raise_the_unprintable, ["Nasty"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_death_has_a_verdict(cloud: ModuleType, function: Any, words: list[str]) -> None:
    ends_with(cloud, function, *words)


@pytest.mark.parametrize("function", [fork_and_return_twice, leave_threads_running, leave_forks_behind])
def test_what_a_job_leaves_behind_does_not_reach_the_next(cloud: ModuleType, function: Any) -> None:
    def count() -> int:
        import threading

        return threading.active_count()

    jid = cloud.call(lambda: function())
    assert cloud.result(jid, timeout=60) in ("left", "parent")
    assert cloud.result(cloud.call(count), timeout=60) == 1


def test_processes_left_behind_are_ended(cloud: ModuleType, recorder: Recorder) -> None:
    hold = recorder.hold

    def multiply() -> None:
        # A bomb with a bound: each stays, in a session of its own, until it is ended.
        for _ in range(6):
            if os.fork() == 0:
                os.setsid()
                os.fork()
                while True:
                    hold("stay")
        hold("the job")

    jid = cloud.call(multiply)
    until(lambda: recorder.holding("stay") == 12, what="all of them live")
    recorder.release("the job")
    cloud.join(jid)
    until(lambda: recorder.holding("stay") == 0, what="every process of the job has ended")


def test_a_gigabyte_of_output_is_cut_in_the_middle_and_harms_nobody(cloud: ModuleType) -> None:
    def shout() -> str:
        line = "x" * 1023 + "\n"
        block = line * 1024
        for _ in range(1024):
            sys.stdout.write(block)
        print("the end")
        return "done"

    jid = cloud.call(shout)
    assert cloud.result(jid, timeout=180) == "done"
    info = cloud.info(jid, ["stdout", "pilog"])[jid]
    assert info["stdout"].endswith("the end\n")
    assert len(info["stdout"]) <= 64_000
    assert "stdout" in info["pilog"], "the cut is said"


def test_output_that_is_no_text_is_shown_as_far_as_it_goes(cloud: ModuleType) -> None:
    def speak() -> None:
        os.write(1, b"before \xff\xfe after\n")
        print("snow \u2603")
        print("half \ud800 surrogate")

    jid = cloud.call(speak)
    cloud.join(jid, timeout=60)
    said = cloud.info(jid, "stdout")[jid]["stdout"]
    assert "before" in said and "after" in said and "\u2603" in said and "surrogate" in said


def test_a_job_that_ignores_every_signal_can_be_killed(cloud: ModuleType) -> None:
    def stubborn() -> None:
        for number in range(1, 32):
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_IGN)
        while True:
            with contextlib.suppress(BaseException):
                time.sleep(1)

    jid = cloud.call(stubborn)
    cloud.wait_for.status(jid, "processing", timeout=20)
    begun = time.monotonic()
    cloud.kill(jid)
    assert cloud.status(jid) == "killed" and time.monotonic() - begun < 10


def test_an_endless_loop_in_c_can_be_killed(cloud: ModuleType) -> None:
    def spin() -> None:
        import itertools

        sum(1 for _ in iter(int, 1)) if False else max(itertools.repeat(1))

    jid = cloud.call(spin)
    cloud.wait_for.status(jid, "processing", timeout=20)
    cloud.kill(jid)
    assert cloud.status(jid) == "killed"


def test_one_bad_element_of_a_map_takes_no_neighbour_with_it(cloud: ModuleType) -> None:
    def work(x: int) -> int:
        if x % 100 == 50:
            os._exit(1)
        return x

    got = cloud.result(cloud.map(work, range(500)), ignore_errors=True, timeout=120)
    for x, value in enumerate(got):
        if x % 100 == 50:
            assert isinstance(value, Exception), f"element {x} died"
        else:
            assert value == x


def test_what_a_job_changes_in_its_process_is_put_back(cloud: ModuleType) -> None:
    def vandalise() -> None:
        os.chdir("/")
        os.environ["LEFT_BY_A_JOB"] = "1"
        sys.stdout = None  # type: ignore[assignment]
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.setrecursionlimit(100)

    def look() -> Any:
        return os.getcwd(), os.environ.get("LEFT_BY_A_JOB"), sys.stdout is None, sys.getrecursionlimit()

    before = cloud.result(cloud.call(look))
    cloud.join(cloud.call(vandalise))
    assert cloud.result(cloud.call(look))[1:] == before[1:]
    assert cloud.result(cloud.call(look))[0] != "/"
