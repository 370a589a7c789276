"""Results and arguments on their way: small, large, refused."""

from __future__ import annotations

import collections
import functools
import pickle
import threading
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from runner.harness import DONE, FAILED, Executor, Zygote


def same(value: Any) -> Any:
    return value


Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        2**100,
        1.5,
        "é\ud800",
        b"\0",
        (),
        (1, "a"),
        [1, None],
        {"a": 1},
        {1: (2, [3])},
        {1, 2},
        [[1]] * 3,
    ],
    ids=repr,
)
def test_plain_values_come_back_equal(executor: Executor, value: Any) -> None:
    back = executor.run(same, value).value
    assert back == value
    assert type(back) is type(value)


def test_a_named_tuple_stays_one(executor: Executor) -> None:
    assert executor.run(lambda: Point(1, 2)).value == Point(1, 2)


def test_functions_and_classes_of_a_script_come_back_by_value(executor: Executor) -> None:
    script: dict[str, Any] = {"__name__": "__main__"}
    exec("class Thing:\n    x = 3\ndef make():\n    return Thing, lambda y: Thing.x + y", script)
    kind, function = executor.run(script["make"]).value
    assert kind.x == 3
    assert function(4) == 7


def test_one_pickler_serves_many_results(executor: Executor) -> None:
    spec = executor.function(lambda n: {"f": lambda: n, "again": [n, [n]]})
    for n in range(20):
        value = executor.answer(executor.send(spec, n)).value
        assert (value["f"](), value["again"]) == (n, [n, [n]])


@pytest.mark.parametrize("fast", [0, 2])
@pytest.mark.parametrize(
    "value", [b"x" * 300_000, list(range(100_000)), [bytes(100_000)] * 2 + [b"y" * 70_000]]
)
def test_a_large_result_comes_in_a_file(executor: Executor, value: Any, fast: int) -> None:
    answer = executor.run(same, value, fast_serialization=fast)
    assert answer.path is not None
    assert answer.value == value
    Path(answer.path).unlink()


def test_the_fast_pickler_refuses_what_only_the_rich_one_takes(executor: Executor) -> None:
    assert executor.run(lambda: lambda: 1).value() == 1
    assert executor.run(lambda: lambda: 1, fast_serialization=2).verdict == "result_not_pickled"


def test_arguments_and_functions_are_read_from_files(executor: Executor, tmp_path: Path) -> None:
    function, arguments = tmp_path / "function", tmp_path / "arguments"
    function.write_bytes(cloudpickle.dumps(same))
    arguments.write_bytes(cloudpickle.dumps(((b"x" * 1_000_000,), {})))
    spec = executor.function_payload(b"\2" + str(function).encode())
    jid = executor.send(spec, payload=b"\2" + str(arguments).encode())
    assert executor.answer(jid).value == b"x" * 1_000_000
    assert arguments.exists(), "others may need it"


@pytest.mark.parametrize("value", [b"x" * 200_000, [b"x" * 90_000, b"x" * 90_000, {}], "y" * 150_000])
def test_a_result_beyond_the_limit_is_refused_with_both_figures(zygote: Zygote, value: Any) -> None:
    executor = zygote.fork(set_up=False)
    executor.set_up(result_limit=100_000, inline_limit=50_000)
    answer = executor.run(same, value)
    verdict = answer.failure["verdict"]
    assert (answer.status, verdict["kind"], verdict["limit_bytes"]) == (FAILED, "result_too_big", 100_000)
    assert abs(verdict["size_bytes"] - len(cloudpickle.dumps(value))) < 50
    assert not list(zygote.scratch.glob(f"results-{executor.number}/*")), "nothing is left of it"
    assert executor.run(same, 1).value == 1


def test_a_disk_without_room_is_a_failure_in_words(zygote: Zygote) -> None:
    # As root every directory can be written to, so the full disk is one that is not there.
    executor = zygote.fork(scratch="/nonexistent")
    answer = executor.run(same, b"x" * 1_000_000)
    assert answer.status == FAILED
    assert "could not store the result" in answer.failure["exception"]
    assert executor.run(same, 1).value == 1


class Model:
    def __init__(self) -> None:
        self.name = "m"
        self.lock = threading.Lock()


class Slotted:
    __slots__ = ("guard", "name")

    def __init__(self) -> None:
        self.name = "s"
        self.guard = threading.Lock()


class Stateful:
    def __getstate__(self) -> dict[str, Any]:
        return {"fine": 1, "handle": threading.Lock()}


def returns_closure() -> Any:
    lock = threading.Lock()
    return [lambda: lock]


def returns_generator() -> Any:
    return {"rows": (n for n in range(3))}


def returns_cycle() -> Any:
    loop: list[Any] = []
    loop.append({"self": loop, "lock": threading.Lock()})
    return loop


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda: {"model": Model()}, "result['model'].lock"),
        (lambda: [0, (1, Slotted())], "result[1][1].guard"),
        (lambda: Stateful(), "result.handle"),
        (lambda: threading.Lock(), "result"),
        (lambda: functools.partial(print, threading.Lock()), "result.args[0]"),
        (lambda: Point(1, threading.Lock()), "result.y"),
        (returns_closure, "result[0] closure variable 'lock'"),
        (returns_generator, "result['rows']"),
        (returns_cycle, "result[0]['lock']"),
    ],
)
def test_a_result_that_cannot_be_pickled_is_traced_to_the_culprit(
    executor: Executor, make: Any, path: str
) -> None:
    answer = executor.run(make)
    assert answer.status == FAILED
    assert answer.failure["verdict"] == {"kind": "result_not_pickled", "path": path}
    assert path in answer.failure["exception"]
    assert executor.run(same, 1).value == 1


def test_a_result_whose_pickling_raises_anything_is_a_failure(executor: Executor) -> None:
    class Nasty:
        def __reduce__(self) -> Any:
            raise SystemExit(3)

    answer = executor.run(lambda: [Nasty()])
    assert (answer.status, answer.verdict) == (FAILED, "result_not_pickled")


def test_a_result_nested_too_deep_is_a_failure_with_a_reason(executor: Executor) -> None:
    def deep() -> Any:
        value: list[Any] = []
        for _ in range(100_000):
            value = [value]
        return value

    answer = executor.run(deep)
    assert answer.verdict == "result_not_pickled"
    assert "recursion" in answer.failure["exception"].lower()
    assert executor.run(same, 1).value == 1


def test_results_load_without_cloudpickle_where_they_can(executor: Executor) -> None:
    answer = executor.run(same, {"a": [1, 2.0, "x"]})
    assert answer.status == DONE
    assert pickle.loads(answer.pickle) == {"a": [1, 2.0, "x"]}
