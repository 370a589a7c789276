"""Arguments are checked in Python's own words: Python itself is asked what they are."""

from __future__ import annotations

import functools
from typing import Any, Callable

import pytest

from cloud._signature import check_arguments


def none() -> None: ...
def one(a: Any) -> None: ...
def two(a: Any, b: Any) -> None: ...
def three(a: Any, b: Any, c: Any) -> None: ...
def default(a: Any, b: Any = 1) -> None: ...
def several(a: Any, *more: Any, k: Any, d: Any = 1, **rest: Any) -> None: ...
def keyword(a: Any, *, k: Any, d: Any = 1) -> None: ...
def two_keywords(*, k: Any, m: Any) -> None: ...
def positional(a: Any, b: Any, /, c: Any = 1) -> None: ...
def positional_rest(a: Any, /, **rest: Any) -> None: ...


class Thing:
    def method(self, a: Any) -> None: ...


FUNCTIONS: list[Callable[..., None]] = [
    none,
    one,
    two,
    three,
    default,
    several,
    keyword,
    two_keywords,
    positional,
    positional_rest,
    Thing().method,
]
ARGUMENTS = [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]
KEYWORDS: list[dict[str, Any]] = [
    {},
    {"a": 1},
    {"b": 1},
    {"c": 1},
    {"k": 1},
    {"k": 1, "m": 2},
    {"k": 1, "d": 2},
    {"x": 1},
    {"a": 1, "b": 2},
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_the_check_says_what_python_would(function: Callable[..., None]) -> None:
    for args in ARGUMENTS:
        for kwargs in KEYWORDS:
            said = asked = None
            try:
                function(*args, **kwargs)
            except TypeError as error:
                asked = str(error)
            try:
                check_arguments(function, args, kwargs)
            except TypeError as error:
                said = str(error)
            assert (said is None) == (asked is None), (args, kwargs, said, asked)
            if asked is not None and "Did you mean" not in asked:
                # Before 3.10 Python left the class out of the name.
                assert said in (asked, f"Thing.{asked}"), (args, kwargs)


def test_what_says_little_about_itself_is_not_checked() -> None:
    check_arguments(len, (), {})
    check_arguments(Thing, (1, 2, 3), {})
    check_arguments(functools.partial(one), (), {})
