"""What can be given to a published function: its parameters, and what their type hints say as JSON schema."""

from __future__ import annotations

import collections.abc
import functools
import inspect
import json
import sys
import typing
from typing import Any, Callable, Union

__all__ = ["description_of", "schema_of", "signature_of"]

DESCRIPTION_MAX = 16_000
DEFAULT_MAX = 10_000
"""Of a default that is longer as JSON, it is only said that there is one."""
DEPTH_MAX = 10

Schema = dict[str, Any]

_SCALARS: dict[Any, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    None: {"type": "null"},
    type(None): {"type": "null"},
    bytes: {"type": "string", "format": "binary"},
    list: {"type": "array"},
    tuple: {"type": "array"},
    dict: {"type": "object"},
}
_LISTS = (list, tuple, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)
_DICTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_UNIONS: tuple[Any, ...] = (Union,)
if sys.version_info >= (3, 10):
    import types

    _UNIONS = (Union, types.UnionType)


def signature_of(func: Callable[..., Any], label: str) -> dict[str, Any]:
    """The `Signature` of the API. ValueError for a function that cannot be called by names alone."""
    try:
        found = inspect.signature(func)
    except (TypeError, ValueError):
        raise ValueError(
            f"{label}: the function does not say what arguments it takes: wrap it in one that does, "
            "such as a lambda"
        ) from None
    hints = _hints(func)
    signature: dict[str, Any] = {"parameters": []}
    for parameter in found.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            signature["open"] = True
        elif parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            if parameter.default is inspect.Parameter.empty:
                raise ValueError(
                    f"{label}: the argument {parameter.name!r} has no name that a caller could use: wrap the "
                    f"function, such as in lambda {parameter.name}: ...({parameter.name})"
                )
        elif parameter.kind is not inspect.Parameter.VAR_POSITIONAL:
            signature["parameters"].append(_parameter(parameter, hints))
    returns = schema_of(hints["return"]) if "return" in hints else None
    if returns is not None:
        signature["returns"] = returns
    return signature


def description_of(func: Any) -> str:
    """Its docstring."""
    # The docstring of its class would describe the class.
    described = func if inspect.isroutine(func) or isinstance(func, type) else type(func).__call__
    if isinstance(func, functools.partial):
        described = func.func
    text = inspect.getdoc(described) or ""
    return text.encode("utf-8", "replace").decode()[:DESCRIPTION_MAX]


def _parameter(parameter: inspect.Parameter, hints: dict[str, Any]) -> dict[str, Any]:
    required = parameter.default is inspect.Parameter.empty
    about: dict[str, Any] = {"name": parameter.name, "required": required}
    if not required and _in_json(parameter.default):
        about["default"] = parameter.default
    if parameter.name in hints:
        schema = schema_of(hints[parameter.name])
        if schema is not None:
            about["schema"] = _or_null(schema) if parameter.default is None else schema
    return about


def _in_json(value: Any) -> bool:
    """Whether JSON says it, and says the same when it is read again."""
    try:
        text = json.dumps(value, allow_nan=False)
        return len(text) <= DEFAULT_MAX and bool(json.loads(text) == value) and text.encode() is not None
    except (TypeError, ValueError, RecursionError):
        return False


def _hints(func: Any) -> dict[str, Any]:
    while isinstance(func, functools.partial):
        func = func.func
    if isinstance(func, type):
        func = func.__dict__.get("__init__")
    elif not inspect.isroutine(func):
        func = type(func).__call__
    try:
        # A name that cannot be looked up, say of a class imported for the checker only, is no reason to fail.
        return typing.get_type_hints(inspect.unwrap(func))
    except Exception:
        return {}


def schema_of(hint: Any, depth: int = 0) -> Schema | None:
    """JSON schema of a type hint; None where it says nothing, or nothing that JSON knows."""
    try:
        if hint in _SCALARS:
            return dict(_SCALARS[hint])
    except TypeError:
        return None  # not hashable, so no type either
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if depth > DEPTH_MAX or origin is None:
        return None
    if origin is typing.Literal:
        return {"enum": [*parts]} if all(map(_in_json, parts)) else None
    if origin in _UNIONS:
        return _any_of([schema_of(part, depth + 1) for part in parts])
    if hasattr(hint, "__metadata__"):  # Annotated[T, ...]
        return schema_of(parts[0], depth + 1)
    if origin in _LISTS:
        return _array(origin, parts, depth)
    if origin in _DICTS:
        schema: Schema = {"type": "object"}
        values = schema_of(parts[1], depth + 1) if len(parts) == 2 else None
        return schema if values is None else {**schema, "additionalProperties": values}
    return None


def _array(origin: Any, parts: tuple[Any, ...], depth: int) -> Schema:
    if origin is tuple:
        if len(parts) == 2 and parts[1] is Ellipsis:
            parts = parts[:1]
        items = _any_of([schema_of(part, depth + 1) for part in parts]) if parts else None
    else:
        items = schema_of(parts[0], depth + 1) if parts else None
    return {"type": "array"} if items is None else {"type": "array", "items": items}


def _any_of(schemas: list[Schema | None]) -> Schema | None:
    """One of them; None as soon as anything goes for one."""
    found: list[Schema] = []
    for schema in schemas:
        if schema is None:
            return None
        for one in schema.get("anyOf", [schema]):
            if one not in found:
                found.append(one)
    return found[0] if len(found) == 1 else {"anyOf": found}


def _or_null(schema: Schema) -> Schema:
    return _any_of([schema, _SCALARS[None]]) or schema
