"""Results as JSON and as bytes, for callers that do not speak Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.harness import DONE, FAILED, Answer, Executor


def same(value: Any) -> Any:
    return value


def in_form(executor: Executor, form: str, function: Any, *args: Any) -> Answer:
    return executor.run(function, *args, result=form)


@pytest.mark.parametrize(
    "value",
    [None, True, 7, -(2**70), 1.5, 'é\u2028 "\\\0', [], {}, [1, [2, {"a": None}]], {"ключ": "値"}],
    ids=repr,
)
def test_what_json_can_say_is_said_in_json(executor: Executor, value: Any) -> None:
    answer = in_form(executor, "json", same, value)
    assert answer.status == DONE
    assert answer.pickle[:1] == b"J"
    assert json.loads(answer.pickle[1:].decode()) == value


def test_json_is_compact_and_leaves_letters_as_they_are(executor: Executor) -> None:
    assert (
        in_form(executor, "json", same, {"a": [1, "ä"], "b": (1, 2)}).pickle
        == b'J{"a":[1,"\xc3\xa4"],"b":[1,2]}'
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"\0\xff", b"\0\xff"),
        (b"", b""),
        (bytearray(b"ab"), b"ab"),
        ("é", b"\xc3\xa9"),
    ],
    ids=repr,
)
def test_bytes_and_texts_are_their_bytes(executor: Executor, value: Any, said: bytes) -> None:
    assert in_form(executor, "raw", same, value).pickle == b"R" + said


def test_every_view_is_its_bytes(executor: Executor) -> None:
    def strided() -> memoryview:
        return memoryview(b"abcdef")[::2]

    def wide() -> memoryview:
        import array

        return memoryview(array.array("H", [1, 2]))

    assert in_form(executor, "raw", strided).pickle == b"Race"
    assert in_form(executor, "raw", wide).pickle == b"R\1\0\2\0"


@pytest.mark.parametrize(
    ("form", "value", "first"), [("json", list(range(50_000)), b"J"), ("raw", b"x" * 300_000, b"R")]
)
def test_a_large_one_comes_in_a_file(executor: Executor, form: str, value: Any, first: bytes) -> None:
    answer = in_form(executor, form, same, value)
    assert answer.path is not None
    assert answer.pickle[:1] == first
    said = answer.pickle[1:]
    assert (json.loads(said) if form == "json" else said) == value
    Path(answer.path).unlink()


def a_set() -> Any:
    return {"found": [1, {2, 3}]}


def not_a_number() -> Any:
    return [0.5, float("nan")]


def keys_of_tuples() -> Any:
    return {"a": {(1, 2): 3}}


def bytes_inside() -> Any:
    return {"image": b"..."}


def half_a_letter() -> Any:
    return ["\ud83d"]


def an_array() -> Any:
    class Array:
        def tolist(self) -> list[int]:
            return [1]

    Array.__module__, Array.__qualname__ = "numpy", "ndarray"
    return Array()


def itself() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def an_own_class() -> Any:
    class Thing:
        @property
        def tolist(self) -> Any:
            raise RuntimeError("no")

    return {"x": Thing()}


@pytest.mark.parametrize(
    ("function", "sentence", "hint"),
    [
        (a_set, "result['found'][1] is a set", "return a list"),
        (not_a_number, "result[1] is nan, which no JSON number is", "return None"),
        (keys_of_tuples, "result['a'] has a tuple among its keys", "texts as the keys"),
        (bytes_inside, "result['image'] is a bytes", "out_encoding='raw'"),
        (half_a_letter, "result[0] is a text with half a character", "whole characters"),
        (an_array, "it is a numpy.ndarray", "tolist()"),
        (itself, "Circular reference", "return lists"),
        (an_own_class, "Object of type Thing is not JSON serializable", "return lists"),
    ],
)
def test_what_json_cannot_say_fails_with_place_and_advice(
    executor: Executor, function: Any, sentence: str, hint: str
) -> None:
    answer = in_form(executor, "json", function)
    assert (answer.status, answer.verdict) == (FAILED, "result_not_pickled")
    assert answer.failure["exception"].startswith("The result of the job cannot be written as JSON: ")
    assert sentence in answer.failure["exception"]
    assert hint in answer.failure["hint"]
    assert in_form(executor, "json", same, 1).pickle == b"J1", "its process goes on"


def test_what_is_nested_too_deeply_is_refused(executor: Executor) -> None:
    def nested() -> Any:
        value: list[Any] = []
        for _ in range(200_000):
            value = [value]
        return value

    answer = in_form(executor, "json", nested)
    assert answer.status == FAILED
    assert "nested too deeply" in answer.failure["exception"]


@pytest.mark.parametrize("value", [7, None, ["a"], "\ud800"], ids=ascii)
def test_what_is_no_bytes_is_not_handed_out_as_bytes(executor: Executor, value: Any) -> None:
    answer = in_form(executor, "raw", same, value)
    assert (answer.status, answer.verdict) == (FAILED, "result_not_pickled")
    assert "cannot be written as bytes" in answer.failure["exception"]
    assert "out_encoding='json'" in answer.failure["hint"]


def test_one_that_is_too_big_is_refused_with_its_size(executor: Executor) -> None:
    executor.set_up(result_limit=1000)
    for form, value in (("json", "x" * 1000), ("raw", b"x" * 1000)):
        answer = in_form(executor, form, same, value)
        assert answer.verdict == "result_too_big"
        assert answer.failure["verdict"]["size_bytes"] in (1001, 1003)
