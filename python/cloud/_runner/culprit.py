"""Finds the part of a value that cannot be pickled, to name it: `result['model'].lock`."""

from __future__ import annotations

import functools
import io
import time
import types
from collections.abc import Iterator
from typing import Any

import cloudpickle

#: Enough for what people return; a search that takes longer than this is abandoned where it is.
_SECONDS = 3.0
_DEPTH = 30
_CHILDREN = 2000
#: A part this large that has been fine so far is taken to be fine.
_BYTES = 64 << 20


class _LargeError(Exception):
    """The part is large, and picklable up to here."""


class _Null(io.RawIOBase):
    """Swallows a pickle."""

    def __init__(self) -> None:
        self._left = _BYTES

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        size = memoryview(data).nbytes
        self._left -= size
        if self._left < 0:
            raise _LargeError
        return size


def refusal(value: Any) -> BaseException | None:
    """The exception that pickling `value` ends with, if it does."""
    try:
        cloudpickle.CloudPickler(_Null(), 5).dump(value)
    except _LargeError:
        return None
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        return error
    return None


def find(value: Any, name: str) -> tuple[str, Any]:
    """The way from `value`, called `name`, to the smallest part that resists, and that part."""
    until = time.monotonic() + _SECONDS
    seen = {id(value)}
    for _ in range(_DEPTH):
        for count, (way, part) in enumerate(_parts(value)):
            if count >= _CHILDREN or time.monotonic() > until:
                return name, value
            if id(part) not in seen and refusal(part) is not None:
                seen.add(id(part))
                name, value = name + way, part
                break
        else:
            break
    return name, value


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """The parts of a value with the way to each, as one would write it in Python where one can."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"[{_short(key)}]", item
            yield f" key {_short(key)}", key
    elif isinstance(value, (list, tuple)):
        names = getattr(value, "_fields", None)
        for index, item in enumerate(value):
            yield (f".{names[index]}" if names else f"[{index}]"), item
    elif isinstance(value, (set, frozenset)):
        for item in value:
            yield f" element {_short(item)}", item
    elif isinstance(value, functools.partial):
        yield ".func", value.func
        yield ".args", value.args
        yield ".keywords", value.keywords
    elif isinstance(value, types.MethodType):
        yield ".__self__", value.__self__
        yield ".__func__", value.__func__
    elif isinstance(value, types.FunctionType):
        yield from _function_parts(value)
    if not isinstance(value, (type, types.ModuleType, types.FunctionType)):
        yield from _state_parts(value)


def _function_parts(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            yield f" closure variable {variable!r}", cell.cell_contents
        except ValueError:  # An empty cell.
            continue
    for variable in function.__code__.co_names:
        if variable in function.__globals__:
            yield f" global variable {variable!r}", function.__globals__[variable]
    for index, default in enumerate(function.__defaults__ or ()):
        yield f".__defaults__[{index}]", default
    for variable, default in (function.__kwdefaults__ or {}).items():
        yield f".__kwdefaults__[{variable!r}]", default
    for attribute, item in vars(function).items():
        yield f".{attribute}", item


def _state_parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What an object would pickle of itself, by `__getstate__` if it has its own."""
    own = getattr(type(value), "__getstate__", None)
    if own is not None and own is not getattr(object, "__getstate__", None):
        try:
            state = own(value)
        except Exception:
            return
        if isinstance(state, dict):
            yield from ((f".{attribute}", item) for attribute, item in state.items())
        else:
            yield ".__getstate__()", state
        return
    yield from ((f".{attribute}", item) for attribute, item in getattr(value, "__dict__", {}).items())
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for attribute in (slots,) if isinstance(slots, str) else slots:
            if attribute not in ("__dict__", "__weakref__") and hasattr(value, attribute):
                yield f".{attribute}", getattr(value, attribute)
    if isinstance(value, BaseException):
        yield ".args", value.args


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:
        return f"<{type(value).__name__}>"
    return text if len(text) <= 40 else text[:37] + "..."
