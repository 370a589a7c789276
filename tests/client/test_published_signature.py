"""What is sent of a function that is published: parameters, defaults, hints as JSON schema, description."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Callable, Literal, Optional, Union

import pytest

from cloud._published_signature import description_of, schema_of, signature_of


def parameters(func: Callable[..., Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = signature_of(func, "label")["parameters"]
    return found


def test_parameters_have_names_and_say_whether_a_call_must_give_them() -> None:
    def thumbnail(raw, width=50, *more, height=50, title):  # type: ignore[no-untyped-def]
        return raw, width, more, height, title

    assert signature_of(thumbnail, "thumbnail") == {
        "parameters": [
            {"name": "raw", "required": True},
            {"name": "width", "required": False, "default": 50},
            {"name": "height", "required": False, "default": 50},
            {"name": "title", "required": True},
        ]
    }


def test_keywords_of_any_name_are_an_open_signature() -> None:
    assert signature_of(lambda **more: more, "x") == {"parameters": [], "open": True}


def test_a_default_that_json_cannot_say_is_only_said_to_be_there() -> None:
    def f(a=(1, 2), b=float("nan"), c=object(), d={1: 2}, e="x" * 20_000, f=None, g=b""):  # type: ignore[no-untyped-def] # noqa: B006, B008
        return a, b, c, d, e, f, g

    assert [one.get("default", "nothing") for one in parameters(f)] == ["nothing"] * 5 + [None, "nothing"]
    assert not any(one["required"] for one in parameters(f))


def test_an_argument_without_a_name_is_refused_with_the_way_out() -> None:
    def f(x, /):  # type: ignore[no-untyped-def]
        return x

    with pytest.raises(ValueError, match=r"'x' has no name that a caller could use: wrap the function"):
        signature_of(f, "label")
    assert parameters(lambda x=1, /, y=2: x + y) == [{"name": "y", "required": False, "default": 2}]


def test_what_says_nothing_about_itself_is_to_be_wrapped() -> None:
    with pytest.raises(ValueError, match="wrap it in one that does"):
        signature_of(dict, "label")


class Adder:
    """Describes the class."""

    def __init__(self, start: int) -> None:
        self.start = start

    def __call__(self, x: int) -> int:
        """Adds."""
        return self.start + x

    def method(self, y: str = "") -> None:
        """Does something."""


def test_methods_objects_and_partials_are_functions_too() -> None:
    assert signature_of(Adder(1), "x") == {
        "parameters": [{"name": "x", "required": True, "schema": {"type": "integer"}}],
        "returns": {"type": "integer"},
    }
    assert description_of(Adder(1)) == "Adds."
    (method,) = parameters(Adder(1).method)
    assert method == {"name": "y", "required": False, "default": "", "schema": {"type": "string"}}

    def f(a: int, b: int) -> int:
        """Subtracts."""
        return a - b

    assert [one["name"] for one in parameters(functools.partial(f, 1))] == ["b"]
    assert parameters(functools.partial(f, b=1))[1]["default"] == 1
    assert description_of(functools.partial(f, 1)) == "Subtracts."
    assert [one["name"] for one in parameters(Adder)] == ["start"]


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (str, {"type": "string"}),
        (None, {"type": "null"}),
        (bytes, {"type": "string", "format": "binary"}),
        (list, {"type": "array"}),
        (dict, {"type": "object"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (Sequence[str], {"type": "array", "items": {"type": "string"}}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            tuple[int, str],
            {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]}},
        ),
        (list[Any], {"type": "array"}),
        (dict[str, float], {"type": "object", "additionalProperties": {"type": "number"}}),
        (Mapping[str, Any], {"type": "object"}),
        (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Union[int, str, None], {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]}),
        (Union[int, Any], None),
        (Literal["a", 1, None], {"enum": ["a", 1, None]}),
        (Literal[b"a"], None),
        (Annotated[int, "a number"], {"type": "integer"}),
        (Any, None),
        (Adder, None),
        (Callable[[], int], None),
        ("not a type", None),
        ([], None),
    ],
    ids=str,
)
def test_hints_become_schemas(hint: Any, schema: Any) -> None:
    assert schema_of(hint) == schema
    json.dumps(schema)


def test_a_union_by_a_bar_is_one() -> None:
    def f(x: int | str = 1) -> None:
        del x

    types = pytest.importorskip("types")
    if not hasattr(types, "UnionType"):
        pytest.skip("this Python cannot evaluate the hint")
    assert parameters(f)[0]["schema"] == {"anyOf": [{"type": "integer"}, {"type": "string"}]}


def test_a_default_of_none_allows_null() -> None:
    def f(x: int = None) -> None:  # type: ignore[assignment] # noqa: RUF013
        del x

    assert parameters(f)[0]["schema"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}


def test_hints_that_cannot_be_looked_up_are_left_out() -> None:
    def f(x: Nowhere) -> Elsewhere:  # type: ignore[name-defined] # noqa: F821
        return x

    assert signature_of(f, "f") == {"parameters": [{"name": "x", "required": True}]}


def test_a_long_description_is_cut() -> None:
    def f() -> None: ...

    f.__doc__ = "é" * 20_000
    assert description_of(f) == "é" * 16_000
    f.__doc__ = None
    assert description_of(f) == ""
