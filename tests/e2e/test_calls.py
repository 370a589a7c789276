"""A function called: its value, its failure, its options."""

from __future__ import annotations

import functools
import os
import time
from types import ModuleType
from typing import Any

import pytest
from harness import Recorder, until


def test_a_call_answers_with_an_integer_id_at_once_and_a_result_later(cloud: ModuleType) -> None:
    def slowly(x: int, y: int = 1) -> int:
        time.sleep(0.3)
        return x * y

    cloud.call(slowly, 1)  # The first one connects and looks at what must be shipped.
    begun = time.monotonic()
    jid = cloud.call(slowly, 6, y=7)
    assert time.monotonic() - begun < 0.25, "call must not wait for the job"
    assert isinstance(jid, int) and jid > 0
    assert cloud.result(jid) == 42
    assert cloud.status(jid) == "done"


def test_what_can_be_called_is_what_python_can_call(cloud: ModuleType) -> None:
    class Adder:
        def __init__(self, amount: int) -> None:
            self.amount = amount

        def __call__(self, x: int) -> int:
            return x + self.amount

        def method(self, x: int) -> int:
            return x - self.amount

    factor = 3
    calls: list[tuple[Any, tuple[Any, ...], Any]] = [
        (lambda x: x * factor, (5,), 15),
        (Adder(2), (5,), 7),
        (Adder(2).method, (5,), 3),
        (functools.partial(pow, 2), (5,), 32),
        (len, ([1, 2, 3],), 3),
        (complex, (1, 2), 1 + 2j),
    ]
    jids = [cloud.call(function, *args) for function, args, _ in calls]
    assert cloud.result(jids) == [expected for _, _, expected in calls]


def test_an_instance_of_a_local_class_comes_back_as_that_class(cloud: ModuleType) -> None:
    class Point:
        def __init__(self, x: int) -> None:
            self.x = x

    def move(point: Any) -> Any:
        point.x += 1
        return point

    start = Point(1)
    end = cloud.result(cloud.call(move, start))
    assert type(end) is Point and end.x == 2
    assert start.x == 1, "arguments travel by value"


def test_a_failure_is_raised_as_itself_with_the_remote_traceback(cloud: ModuleType) -> None:
    def divide(a: int, b: int) -> float:
        return a / b

    jid = cloud.call(divide, 1, 0)
    with pytest.raises(ZeroDivisionError) as caught:
        cloud.result(jid)
    assert caught.value.jid == jid
    assert "in divide" in caught.value.remote_traceback
    assert "return a / b" in caught.value.remote_traceback or "divide" in caught.value.remote_traceback
    assert "in divide" in str(caught.value.__cause__)
    assert cloud.status(jid) == "error"
    assert "ZeroDivisionError" in cloud.info(jid, "exception")[jid]["exception"]


def test_an_exception_class_made_by_the_user_is_caught_as_that_class(cloud: ModuleType) -> None:
    class Overdrawn(Exception):
        def __init__(self, missing: int) -> None:
            super().__init__(f"{missing} missing")
            self.missing = missing

    def pay() -> None:
        raise Overdrawn(5)

    with pytest.raises(Overdrawn) as caught:
        cloud.result(cloud.call(pay))
    assert caught.value.missing == 5


def test_join_and_ignore_errors(cloud: ModuleType) -> None:
    def fail() -> None:
        raise KeyError("gone")

    good, bad = cloud.call(abs, -1), cloud.call(fail)
    cloud.join(good)
    with pytest.raises(Exception, match="gone"):
        cloud.join([good, bad])
    assert cloud.join([good, bad], ignore_errors=True) is None
    value, error = cloud.result([good, bad], ignore_errors=True)
    assert value == 1 and isinstance(error, Exception) and "gone" in str(error)


def test_timeouts_are_timeouts(cloud: ModuleType) -> None:
    jid = cloud.call(time.sleep, 30)
    begun = time.monotonic()
    for wait in (cloud.join, cloud.result):
        with pytest.raises(cloud.CloudTimeoutError):
            wait(jid, timeout=0.2)
    with pytest.raises(cloud.CloudTimeoutError):
        next(cloud.iresult([jid], timeout=0.2))
    assert time.monotonic() - begun < 5
    cloud.kill(jid)


def test_labels_priority_and_other_attributes_are_kept(cloud: ModuleType) -> None:
    jid = cloud.call(abs, -1, _label="blue", _priority=3, _type="c2", _cores=2)
    cloud.join(jid)
    info = cloud.info(jid, "all")[jid]
    assert (info["label"], info["status"]) == ("blue", "done")
    assert info["attributes"]["priority"] == 3 or info["priority"] == 3
    assert info["args"] == (-1,) and info["kwargs"] == {}
    assert info["func_object"](-2) == 2
    assert info["runtime"] >= 0 and info["created"] <= info["finished"]


def test_lower_priority_numbers_run_earlier(new_server: Any, bind: Any) -> None:
    cloud = bind(new_server("--worker-units", "1"))
    blocker = cloud.call(time.sleep, 1.0)
    until(lambda: cloud.status(blocker) == "processing", what="the only core is busy")
    late = cloud.map(time.time_ns, [], _priority=9) or [cloud.call(lambda: time.time_ns(), _priority=9)]
    early = cloud.call(lambda: time.time_ns(), _priority=1)
    assert cloud.result(early) < cloud.result(late[0])


def test_environment_variables_are_set_before_the_function_loads(
    cloud: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLOUR_OF_TEST", "green")

    def look() -> Any:
        return os.environ.get("COLOUR_OF_TEST"), os.environ.get("SHAPE_OF_TEST")

    assert cloud.result(cloud.call(look, _os_env_vars=["COLOUR_OF_TEST", "NOT_SET_HERE"])) == ("green", None)
    assert cloud.result(cloud.call(look, _os_env_vars={"SHAPE_OF_TEST": "round"})) == (None, "round")
    assert cloud.result(cloud.call(look)) == (None, None), "they must not stay for other jobs"


def test_max_runtime_kills_and_says_so(cloud: ModuleType) -> None:
    jid = cloud.call(time.sleep, 60, _max_runtime=0.01)  # minutes
    with pytest.raises(cloud.CloudException, match="(?i)max_runtime|time limit|longer than"):
        cloud.result(jid, timeout=30)
    assert cloud.status(jid) == "killed"


def test_a_profile_is_kept_with_the_job(cloud: ModuleType) -> None:
    def work() -> int:
        return sum(range(1000))

    jid = cloud.call(work, _profile=True)
    cloud.join(jid)
    assert "cumulative" in cloud.info(jid, "profile")[jid]["profile"]


def test_kill_process_gives_the_next_job_a_fresh_interpreter(cloud: ModuleType) -> None:
    first = cloud.result(cloud.call(os.getpid, _kill_process=True, _label="fresh"))

    def seen() -> Any:
        import builtins

        mark = getattr(builtins, "mark_of_test", None)
        builtins.mark_of_test = True  # type: ignore[attr-defined]
        return mark

    assert first
    assert cloud.result(cloud.call(seen, _kill_process=True)) is None
    assert cloud.result(cloud.call(seen, _kill_process=True)) is None


def test_callbacks_run_on_the_client(cloud: ModuleType) -> None:
    ends: list[tuple[str, int]] = []

    def fail() -> None:
        raise ValueError

    good = cloud.call(abs, -1, _callback=lambda jid: ends.append(("done", jid)))
    bad = cloud.call(
        fail, _callback_on_error=[lambda jid: ends.append(("error", jid)), lambda: ends.append(("no", 0))]
    )
    until(lambda: len(ends) == 3, what="all callbacks ran")
    assert sorted(ends) == sorted([("done", good), ("error", bad), ("no", 0)])


def test_wait_for_status_ends_when_it_comes_or_cannot_come(cloud: ModuleType) -> None:
    jid = cloud.call(time.sleep, 0.2)
    assert cloud.wait_for.status(jid, "processing", timeout=20) == "processing"
    assert cloud.wait_for.status(jid, "done", timeout=20) == "done"
    with pytest.raises(cloud.CloudException):
        cloud.wait_for.status(jid, "processing", timeout=20)


def test_kill_records_where_the_job_was(cloud: ModuleType) -> None:
    def dig() -> None:
        while True:
            time.sleep(0.05)

    jid = cloud.call(dig)
    cloud.wait_for.status(jid, "processing", timeout=20)
    cloud.kill(jid)
    assert cloud.status(jid) == "killed"
    assert "in dig" in cloud.info(jid, "exception")[jid]["exception"]
    with pytest.raises(cloud.CloudException):
        cloud.result(jid)


def test_kill_with_nothing_kills_nothing_and_without_arguments_everything(new_server: Any, bind: Any) -> None:
    cloud = bind(new_server())
    jids = cloud.map(time.sleep, [60] * 20)
    cloud.kill([])
    assert "killed" not in cloud.status(jids)
    cloud.kill()
    assert set(cloud.status(jids)) == {"killed"}


def test_output_is_kept_by_stream_and_seen_while_the_job_runs(cloud: ModuleType, recorder: Recorder) -> None:
    hold = recorder.hold

    def speak() -> None:
        import logging
        import subprocess
        import sys

        print("to standard output")
        print("to standard error", file=sys.stderr)
        logging.getLogger("moon").warning("to the log")
        subprocess.run(["echo", "from a subprocess"], check=True)
        hold("the gate")

    jid = cloud.call(speak)
    fields = ["stdout", "stderr", "logging", "status"]

    def live() -> bool:
        info = cloud.info(jid, fields)[jid]
        return "subprocess" in info["stdout"] and info["status"] == "processing"

    until(live, what="output shows while the job runs")
    recorder.release("the gate")
    cloud.join(jid)
    info = cloud.info(jid, fields)[jid]
    assert info["stdout"].splitlines() == ["to standard output", "from a subprocess"]
    assert "to standard error" in info["stderr"] and "to the log" not in info["stderr"]
    assert "moon" in info["logging"] and "to the log" in info["logging"]


def test_each_job_of_a_shared_process_keeps_its_own_output(cloud: ModuleType) -> None:
    def speak(number: int) -> None:
        print(f"I am {number}")

    jids = cloud.map(speak, range(300))
    cloud.join(jids)
    infos = cloud.info(jids, "stdout")
    assert [infos[jid]["stdout"] for jid in jids] == [f"I am {n}\n" for n in range(300)]
