"""The profile of a job: a text for people and figures for the page, and nothing where none was asked for."""

from __future__ import annotations

import json
from typing import Any, Callable

from runner.harness import FAILED, Executor


def add(a: int, b: int = 1) -> int:
    return a + b


def adds(count: int) -> int:
    total = 0
    for _ in range(count):
        total = add(total)
    return sorted([total, 0])[1]


def down(depth: int) -> int:
    return down(depth - 1) if depth else 0


def many(count: int) -> int:
    made: list[Callable[[], None]] = []
    for number in range(count):
        names: dict[str, Any] = {}
        exec(f"def function_{number}(): pass", names)
        made.append(names[f"function_{number}"])
    for function in made:
        function()
    return count


def strange() -> None:
    names: dict[str, Any] = {}
    exec(compile("def inner(): pass", "\udc80<b>" + "x" * 5_000, "exec"), names)
    names["inner"]()


def profile(executor: Executor, function: Callable[..., Any], *args: Any) -> dict[str, Any]:
    answer = executor.run(function, *args, profile=True)
    assert answer.profile is not None
    said: dict[str, Any] = json.loads(answer.profile)
    assert set(said) == {"text", "calls"}
    assert set(said["calls"]) == {"functions", "edges"}
    return said


def test_a_profile_comes_with_the_answer_as_text(executor: Executor) -> None:
    text = profile(executor, add, 1)["text"]
    assert "cumulative" in text
    assert "(add)" in text


def test_a_job_without_profile_has_none(executor: Executor) -> None:
    assert executor.run(add, 1).profile is None


def test_a_failing_job_has_a_profile_of_nothing_but_its_failure(executor: Executor) -> None:
    answer = executor.run(lambda: 1 / 0, profile=True)
    assert (answer.status, answer.verdict) == (FAILED, "raised")
    assert answer.profile is None


def test_a_profile_says_how_often_who_called_whom(executor: Executor) -> None:
    calls = profile(executor, adds, 250)["calls"]
    functions = calls["functions"]
    place = {one["name"]: index for index, one in enumerate(functions)}
    called = functions[place["add"]]
    assert (called["calls"], called["primitive_calls"]) == (250, 250)
    assert called["line"] > 0
    assert called["file"]
    assert functions[place["<built-in method builtins.sorted>"]]["line"] == 0
    (edge,) = [one for one in calls["edges"] if one["callee"] == place["add"]]
    assert (edge["caller"], edge["calls"]) == (place["adds"], 250)
    assert 0 <= edge["own_s"] <= edge["total_s"] <= functions[place["adds"]]["total_s"]


def test_the_functions_that_took_longest_come_first(executor: Executor) -> None:
    totals = [one["total_s"] for one in profile(executor, adds, 50)["calls"]["functions"]]
    assert totals == sorted(totals, reverse=True)


def test_a_recursion_is_an_edge_to_itself(executor: Executor) -> None:
    calls = profile(executor, down, 20)["calls"]
    place = [one["name"] for one in calls["functions"]].index("down")
    assert calls["functions"][place]["calls"] == 21
    assert calls["functions"][place]["primitive_calls"] == 1
    assert {"caller": place, "callee": place} in [
        {"caller": one["caller"], "callee": one["callee"]} for one in calls["edges"]
    ]


def test_of_very_many_functions_some_are_left_out_with_their_edges(executor: Executor) -> None:
    calls = profile(executor, many, 6_000)["calls"]
    assert len(calls["functions"]) == 5_000
    assert all(0 <= one[end] < 5_000 for one in calls["edges"] for end in ("caller", "callee"))


def test_names_that_are_no_unicode_or_very_long_are_put_right(executor: Executor) -> None:
    said = profile(executor, strange)
    (inner,) = [one for one in said["calls"]["functions"] if one["name"] == "inner"]
    assert inner["file"].startswith("\\udc80<b>xxx")
    assert len(inner["file"]) < 400
    said["text"].encode()
