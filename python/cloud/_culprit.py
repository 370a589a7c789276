"""Which part of a value resists pickling? Searched only after pickling has failed.

Descends into the first part that cannot be pickled by itself, until one has no such part. Each
level pickles its parts again; that is slow, and fine for an error message.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from types import FunctionType, MethodType
from typing import Any, Callable

__all__ = ["culprit_path"]

DEPTH_MAX = 40
PARTS_MAX = 10_000


def culprit_path(name: str, value: Any, dumps: Callable[[Any], object]) -> str:
    """Such as `closure variable 'model' of train → .lock: cannot pickle '_thread.lock' object`."""
    path = [name] if name else []
    seen: set[int] = set()
    reason = _failure(value, dumps) or "cannot be pickled"
    for _ in range(DEPTH_MAX):
        seen.add(id(value))
        for label, part in _parts(value):
            if id(part) in seen:
                continue
            failure = _failure(part, dumps)
            if failure is not None:
                path.append(label)
                value, reason = part, failure
                break
        else:
            break
    where = " → ".join(path)
    return f"{where}: {reason}" if where else reason


def _failure(value: Any, dumps: Callable[[Any], object]) -> str | None:
    try:
        dumps(value)
    except RecursionError:
        return "nested too deeply; _fast_serialization=2 allows more levels"
    except Exception as error:
        return str(error) or type(error).__name__
    return None


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, FunctionType):
        yield from _function_parts(value)
    elif isinstance(value, MethodType):
        yield f"self of {value.__name__}", value.__self__
        yield f"function {value.__name__}", value.__func__
    elif isinstance(value, dict):
        for count, (key, item) in enumerate(value.items()):
            if count == PARTS_MAX:
                return
            yield f"key {_short(key)}", key
            yield f"[{_short(key)}]", item
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value[:PARTS_MAX]):
            yield f"[{index}]", item
    elif isinstance(value, (set, frozenset)):
        for item in value:
            yield f"element {_short(item)}", item
    elif isinstance(value, type):
        for key, item in vars(value).items():
            if not (key.startswith("__") and key.endswith("__")):
                yield f"{value.__name__}.{key}", item
    else:
        yield from _object_parts(value)


def _function_parts(function: FunctionType) -> Iterator[tuple[str, Any]]:
    name = function.__qualname__.replace("<locals>.", "")
    for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            yield f"closure variable {variable!r} of {name}", cell.cell_contents
        except ValueError:  # not filled yet
            continue
    for variable in _names(function.__code__):
        if variable in function.__globals__:
            yield f"global variable {variable!r} of {name}", function.__globals__[variable]
    count = len(function.__defaults__ or ())
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
    for variable, default in zip(arguments[len(arguments) - count :], function.__defaults__ or ()):
        yield f"default of {variable!r} of {name}", default
    for variable, default in (function.__kwdefaults__ or {}).items():
        yield f"default of {variable!r} of {name}", default
    for attribute, item in function.__dict__.items():
        yield f"attribute .{attribute} of {name}", item


def _names(code: Any) -> list[str]:
    names = list(code.co_names)
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            names += _names(constant)
    return names


def _object_parts(value: Any) -> Iterator[tuple[str, Any]]:
    function = getattr(value, "func", None)
    if type(value).__name__ == "partial" and function is not None:
        yield "function of partial", function
        yield "arguments of partial", value.args
        yield "keywords of partial", value.keywords
        return
    try:
        state = vars(value)
    except TypeError:
        state = {}
    for attribute, item in state.items():
        yield f".{attribute}", item
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot not in ("__dict__", "__weakref__") and hasattr(value, slot):
                yield f".{slot}", getattr(value, slot)
    try:
        reduced = value.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    except Exception:
        return
    if isinstance(reduced, tuple):
        labels = ("constructor", "constructor arguments", "state")
        for label, part in zip(labels, reduced):
            if part is not None and part is not state:
                yield f"{label} of {type(value).__name__}", part


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
