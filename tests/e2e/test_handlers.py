"""Handlers attached to queues: jobs that start when there are messages, and what becomes of each message."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from harness import Recorder, Server, run_python, until
from harness.queues import job_of, jobs_of, queue, taken

__all__ = ["queue"]


def test_the_seeds_example_a_thousand_numbers_are_incremented(queue: Any) -> None:
    numbers, sums = queue("numbers"), queue("sums")
    numbers.push(range(1000))
    assert numbers.attach(lambda n: n + 1, sums) == 1
    until(lambda: (numbers.count(), sums.count()) == (0, 1000), 60, "all are handled")
    assert sorted(sums.pop(2000)) == list(range(1, 1001))


def test_every_output_goes_to_every_queue_and_none_to_none(queue: Any) -> None:
    q, a, b = queue(), queue("a"), queue("b")
    q.attach(lambda n: n * 2 if n % 2 else None, [a, b])
    q.push(range(10))
    for out in (a, b):
        assert sorted(taken(out, 5)) == [2, 6, 10, 14, 18]
    assert q.count() == 0


def test_each_element_of_an_iterable_may_be_a_message(queue: Any, recorder: Recorder) -> None:
    q, out, last = queue(), queue("out"), queue("last")
    mark = recorder.mark

    def split(text: str) -> Iterator[Any]:
        yield from text
        yield None

    def ends(letter: Any) -> Iterator[Any]:
        yield letter
        mark("ran on")

    q.attach(split, out, iter_output=True)
    q.push(["abc"])
    assert Counter(taken(out, 4)) == Counter(["a", "b", "c", None])
    last.attach(ends, iter_output=True)
    last.push(["x"])
    until(lambda: recorder.marks() == ["ran on"], what="the iterator is run, though nothing takes it")


def test_the_code_of_local_modules_travels_with_a_handler(
    server: Server, tmp_path: Path, cloud: ModuleType, queue: Any
) -> None:
    out = queue("out")
    (tmp_path / "recipes.py").write_text("def cook(x):\n    return {'cooked': x}\n")
    source = f"""
        import cloud, recipes

        class Kitchen:
            def message_handler(self, message):
                return recipes.cook(message)

        q = cloud.queue.get({queue().name!r})
        assert 'recipes.py' in str(cloud.explain(Kitchen()))
        q.attach(Kitchen(), cloud.queue.get({out.name!r}))
        q.push(['egg'])
    """
    run_python(server, source, tmp_path).check()
    assert taken(out, 1) == [{"cooked": "egg"}]


def test_an_object_keeps_its_state_and_has_hooks(queue: Any, recorder: Recorder) -> None:
    mark = recorder.mark

    class Counts:
        def __init__(self) -> None:
            self.seen = 0

        def pre_handling(self) -> None:
            mark("pre")

        def message_handler(self, message: Any) -> int:
            self.seen += 1
            return self.seen

        def post_handling(self) -> None:
            mark("post")

    q, out = queue(), queue("out")
    q.attach(Counts(), out)
    q.push(range(5))
    assert sorted(taken(out, 5)) == [1, 2, 3, 4, 5]
    assert recorder.marks() == ["pre"]
    q.detach()
    until(lambda: recorder.marks() == ["pre", "post"], what="the job ends")


def test_readers_handle_messages_at_the_same_time_each_with_a_copy(
    server: Server, queue: Any, recorder: Recorder
) -> None:
    mark, hold = recorder.mark, recorder.hold

    class Slow:
        def __init__(self) -> None:
            self.seen = 0

        def pre_handling(self) -> None:
            mark("pre")

        def message_handler(self, message: Any) -> list[int]:
            self.seen += 1
            if message < 4:
                hold("gate")
            return [message, self.seen]

    q, out = queue(), queue("out")
    q.attach(Slow(), out, readers_per_job=4)
    q.push(range(4))
    until(lambda: recorder.holding("gate") == 4, what="all four are being handled")
    assert recorder.marks() == ["pre"] * 4
    assert len(jobs_of(server, q)) == 1
    recorder.release("gate")
    assert sorted(taken(out, 4)) == [[0, 1], [1, 1], [2, 1], [3, 1]]


def test_a_slow_message_does_not_hold_up_what_others_are_done_with(queue: Any, recorder: Recorder) -> None:
    hold = recorder.hold

    def handler(message: int) -> int:
        if message == 0:
            hold("gate")
        return message

    q, out = queue(), queue("out")
    q.attach(handler, out, readers_per_job=2)
    q.push([0])
    until(lambda: recorder.holding("gate") == 1)
    q.push(range(1, 21))
    assert sorted(taken(out, 20)) == list(range(1, 21)), "while the first one is still being handled"
    recorder.release("gate")
    assert taken(out, 1) == [0]


def test_messages_do_not_wait_behind_a_slow_one_when_there_is_another_job(
    queue: Any, recorder: Recorder
) -> None:
    hold = recorder.hold

    def handler(message: int) -> int:
        if message == 200:
            hold("gate")
        return message

    q, out = queue(), queue("out")
    q.attach(handler, out, max_parallel_jobs=2)
    q.push(range(400))
    until(lambda: out.count() == 399, 60, "the rest is handled by the other job")
    recorder.release("gate")
    until(lambda: out.count() == 400)
    assert sorted(out.pop(400)) == list(range(400))


def test_none_at_once_pauses_and_the_number_can_be_changed_while_jobs_run(
    server: Server, queue: Any, recorder: Recorder
) -> None:
    hold = recorder.hold

    def handler(message: int) -> int:
        hold(f"gate {message}")
        return message

    q, out = queue(), queue("out")
    q.attach(handler, out, max_parallel_jobs=0)
    q.push(range(4))
    assert q.info()["attachment"]["jobs"] == 0

    def held() -> int:
        return sum(recorder.holding(f"gate {n}") for n in range(4))

    q.set_max_parallel_jobs(2)
    until(lambda: held() == 2, what="two are being handled")
    assert q.info()["attachment"]["max_parallel_jobs"] == 2
    assert len(jobs_of(server, q)) == 2
    q.set_max_parallel_jobs(0)
    for n in range(4):
        recorder.release(f"gate {n}")
    until(lambda: q.info()["attachment"]["jobs"] == 0, what="jobs end after what they have")
    assert (q.count(), out.count()) == (2, 2)
    q.set_max_parallel_jobs(1)
    assert sorted(taken(out, 4)) == [0, 1, 2, 3]


def test_another_version_takes_over_and_an_earlier_one_can_come_back(queue: Any, recorder: Recorder) -> None:
    mark, hold = recorder.mark, recorder.hold

    def version(number: int) -> Any:
        def handler(message: Any) -> list[Any]:
            if message == "slow":
                mark("slow")
                hold("gate")
            return [number, message]

        return handler

    q, out = queue(), queue("out")
    assert q.attach(version(1), out) == 1
    q.push(["slow"])
    until(lambda: recorder.marks() == ["slow"])
    assert q.attach(version(2), out, max_parallel_jobs=2) == 2
    q.push(["a"])
    assert taken(out, 1) == [[2, "a"]]
    recorder.release("gate")
    assert taken(out, 1) == [[1, "slow"]], "what the old version had, it finishes"
    versions = q.versions()
    assert [(v["version"], v["current"]) for v in versions] == [(2, True), (1, False)]
    assert versions[0]["handler"].endswith("handler")
    assert versions[0]["output_queues"] == [out.name]
    assert q.rollback() == 1
    q.push(["b"])
    assert taken(out, 1) == [[1, "b"]]
    assert q.rollback(2) == 2
    q.detach()
    assert q.info()["attachment"] is None
    q.push(["c"])
    assert q.count() == 1
    assert q.rollback(1) == 1
    assert taken(out, 1) == [[1, "c"]]


def test_a_handler_is_tried_again_as_often_as_it_may_be(server: Server, queue: Any) -> None:
    def handler(message: int, cur_retry: int, max_retries: int) -> list[int]:
        if cur_retry < message:
            raise ValueError(f"{message} is not ready")
        return [message, cur_retry, max_retries]

    q, out, errors = queue(), queue("out"), queue("errors")
    q.attach(
        handler,
        out,
        retry_on=ValueError,
        max_retries=2,
        retry_delay=0,
        on_error={ValueError: {"queue": errors}},
    )
    q.push([0, 1, 2, 3])
    assert sorted(taken(out, 3)) == [[0, 0, 2], [1, 1, 2], [2, 2, 2]]
    (error,) = taken(errors, 1)
    assert type(error["exception"]).__name__ == "MaxRetryException"
    assert type(error["exception"].exception) is ValueError
    assert (error["source_message"], error["cur_retry"]) == (3, 2)
    assert "3 is not ready" in error["traceback"]
    assert q.count() == 0


def test_retry_says_when_and_how_often(cloud: ModuleType, queue: Any) -> None:
    def handler(message: float, cur_retry: int) -> list[float]:
        import cloud

        if cur_retry == 0:
            raise cloud.queue.Retry(delay=1, max_retries=1)
        return [message, time.time()]

    q, out = queue(), queue("out")
    q.attach(handler, out)
    q.push([time.time()])
    ((pushed, handled),) = taken(out, 1)
    assert 1.0 <= handled - pushed < 10


def test_an_error_goes_where_its_closest_class_says_and_the_job_shows_the_first(
    server: Server, cloud: ModuleType, queue: Any
) -> None:
    def handler(message: str) -> str:
        print(f"handling {message}")
        if message == "key":
            return {}[message]
        if message == "value":
            raise ValueError("no value")
        if message == "lost":
            raise TypeError("nobody asked")
        return message

    q, out, keys, others = queue(), queue("out"), queue("keys"), queue("others")
    q.attach(
        handler,
        out,
        on_error={LookupError: {"queue": keys}, ValueError: {"queue": others, "delay": 0}},
        _label="sorted",
    )
    q.push(["key", "value", "lost", "fine"])
    assert taken(out, 1) == ["fine"]
    (key,) = taken(keys, 1)
    assert (type(key["exception"]), key["source_message"]) == (KeyError, "key")
    assert taken(others, 1)[0]["exception"].args == ("no value",)
    jid = job_of(server, q)
    q.detach()
    until(lambda: cloud.status(jid) in cloud.finished_statuses)
    info = cloud.info(jid, ["status", "stdout", "stderr", "exception", "label", "function"])[jid]
    assert info["status"] == "error"
    assert info["label"] == "sorted"
    assert info["function"].endswith("handler")
    assert sorted(info["stdout"].splitlines()) == [f"handling {m}" for m in ("fine", "key", "lost", "value")]
    for text in ("KeyError: 'key'", "ValueError: no value", "TypeError: nobody asked"):
        assert text in info["stderr"]
    assert "_handling" not in info["stderr"]


def test_error_messages_go_back_to_where_they_failed(queue: Any) -> None:
    def fails(message: Any) -> Any:
        raise ValueError(message)

    q, out, errors = queue(), queue("out"), queue("errors")
    q.attach(fails, out, on_error={Exception: {"queue": errors}})
    q.push([1, {2}])
    until(lambda: errors.count() == 2)
    peeked = errors.peek()
    assert sorted(str(p.message["source_message"]) for p in peeked) == ["1", "{2}"]
    q.attach(lambda message: ["fixed", message], out)
    assert errors.redrive() == 2
    assert sorted(str(m[1]) for m in taken(out, 2)) == ["1", "{2}"]
    assert errors.count() == 0


def test_what_cannot_be_sent_on_fails_for_its_message_alone(queue: Any) -> None:
    def handler(message: int) -> Any:
        import threading

        return threading.Lock() if message == 1 else message

    q, out, errors = queue(), queue("out"), queue("errors")
    q.attach(handler, out, on_error={Exception: {"queue": errors}})
    q.push(range(3))
    assert sorted(taken(out, 2)) == [0, 2]
    (error,) = taken(errors, 1)
    assert error["source_message"] == 1
    assert "lock" in str(error["exception"])


def test_large_messages_pass_through(queue: Any) -> None:
    q, out = queue(), queue("out")
    q.attach(lambda message: message[::-1], out)
    large = [b"ab" * 100_000, "x" * 100_000, list(range(50_000))]
    for _ in range(2):
        q.push(large)
        found = taken(out, 3)
        assert sorted(found, key=len) == sorted((m[::-1] for m in large), key=len)


def test_a_profiled_handler_job_has_a_profile_and_its_variables(
    server: Server, cloud: ModuleType, queue: Any
) -> None:
    def handler(message: int) -> Any:

        return [os.environ["COLOUR"], os.cpu_count()]

    q, out = queue(), queue("out")
    q.attach(handler, out, _profile=True, _os_env_vars={"COLOUR": "red"}, _type="c1")
    q.push([1])
    assert taken(out, 1) == [["red", 1]]
    jid = job_of(server, q)
    q.detach()
    until(lambda: cloud.status(jid) == "done")
    assert "handler" in cloud.info(jid, "profile")[jid]["profile"]


def test_one_message_makes_thousands_in_one_moment_but_not_any_number(queue: Any) -> None:
    q, out, errors = queue(), queue("out"), queue("errors")
    q.attach(range, out, iter_output=True, on_error={Exception: {"queue": errors}})
    q.push([9_000, 9_001])
    until(lambda: (out.count(), errors.count()) == (9_000, 1), 60)
    assert sorted(out.pop(10_000)) == list(range(9_000))
    assert "9,001 outputs" in str(errors.pop()[0]["exception"])


def test_a_job_that_is_killed_with_several_readers_ends_with_all_of_them(
    server: Server, cloud: ModuleType, queue: Any, recorder: Recorder
) -> None:
    hold = recorder.hold

    def handler(message: int) -> int:
        hold("gate")
        return message

    q = queue()
    q.attach(handler, readers_per_job=4)
    q.push(range(4))
    until(lambda: recorder.holding("gate") == 4)
    jid = job_of(server, q)
    q.set_max_parallel_jobs(0)
    cloud.kill(jid)
    until(lambda: cloud.status(jid) == "killed")
    until(lambda: recorder.holding("gate") == 0, what="its process is gone")
    until(lambda: q.info()["in_flight"] == 0)
    assert q.count() == 4


def test_a_handler_that_forks_and_returns_twice_has_handled_its_message_once(queue: Any) -> None:
    def handler(message: int) -> int:

        os.fork()
        return message

    q, out = queue(), queue("out")
    q.attach(handler, out)
    q.push(range(5))
    until(lambda: (q.count(), out.count()) == (0, 5))
    assert sorted(out.pop()) == list(range(5))


def test_handlers_push_to_queues_and_call_functions_themselves(cloud: ModuleType, queue: Any) -> None:
    other = queue("other")

    def handler(message: int) -> Any:
        import cloud

        other.push([message])
        return cloud.result(cloud.call(pow, message, 2))

    q, out = queue(), queue("out")
    q.attach(handler, out)
    q.push([5])
    assert taken(out, 1) == [25]
    assert taken(other, 1) == [5]


def test_who_is_attached_is_there_at_once(cloud: ModuleType, queue: Any) -> None:
    """On warm processes: from `attach` to the first message, and from `push` to the handler."""
    cloud.result(cloud.call(abs, 1), timeout=60)
    attached, handled = [], []
    for number in range(3):
        q, out = queue(f"q{number}"), queue(f"out{number}")
        q.push([time.time()])
        began = time.time()
        q.attach(lambda pushed: [pushed, time.time()], out)
        attached.append(taken(out, 1)[0][1] - began)
        for _ in range(10):
            q.push([time.time()])
            pushed, at = taken(out, 1)[0]
            handled.append(at - pushed)
        q.detach()
    print(f"attach to first message {sorted(attached)[1] * 1e3:.0f} ms", file=sys.stderr)
    print(f"push to handler {sorted(handled)[len(handled) // 2] * 1e3:.1f} ms", file=sys.stderr)
    assert sorted(attached)[1] < 1.0
    assert sorted(handled)[len(handled) // 2] < 0.1


def test_one_job_handles_thousands_of_messages_a_second(server: Server, queue: Any) -> None:
    """With every message synced, and each of them handed on. The seed managed 150."""
    q, out = queue(), queue("out")
    q.attach(lambda n: n + 1, out)
    q.push([0])
    assert taken(out, 1) == [1]
    began = time.monotonic()
    q.push(range(20_000))
    until(lambda: out.count() == 20_000, 60)
    rate = 20_000 / (time.monotonic() - began)
    print(f"{rate:,.0f} messages a second", file=sys.stderr)
    assert len(jobs_of(server, q)) == 1
    assert rate > 2_000
