"""Do these arguments fit that function? Said before anything is sent, in Python's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import FunctionType, MethodType
from typing import Any

__all__ = ["check_arguments"]

VAR_POSITIONAL = 0x04
VAR_KEYWORD = 0x08


def check_arguments(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """TypeError if `func(*args, **kwargs)` could not be called.

    Only Python functions and bound methods of them are looked at: others say too little about
    what they take.
    """
    given = len(args)
    if isinstance(func, MethodType):
        func = func.__func__
        given += 1
    if type(func) is not FunctionType:
        return
    code = func.__code__
    positional = code.co_argcount
    defaults = func.__defaults__ or ()
    required = positional - len(defaults)
    fits = required <= given and (given <= positional or code.co_flags & VAR_POSITIONAL)
    if kwargs or code.co_kwonlyargcount or not fits:
        _check(func, given, kwargs)


def _check(func: FunctionType, given: int, kwargs: Mapping[str, Any]) -> None:
    code = func.__code__
    name = f"{func.__qualname__}()"
    names = code.co_varnames
    positional = names[: code.co_argcount]
    positional_only = positional[: code.co_posonlyargcount]
    keyword_only = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    defaults = func.__defaults__ or ()
    filled = set(positional[:given])
    wrongly_named = []
    for keyword in kwargs:
        if keyword in positional[len(positional_only) :]:
            if keyword in filled:
                raise TypeError(f"{name} got multiple values for argument {keyword!r}")
            filled.add(keyword)
        elif keyword in keyword_only:
            filled.add(keyword)
        elif code.co_flags & VAR_KEYWORD:
            continue
        elif keyword in positional_only:
            wrongly_named.append(keyword)
        else:
            raise TypeError(f"{name} got an unexpected keyword argument {keyword!r}")
    if wrongly_named:
        listed = ", ".join(wrongly_named)
        raise TypeError(f"{name} got some positional-only arguments passed as keyword arguments: {listed!r}")
    if given > len(positional) and not code.co_flags & VAR_POSITIONAL:
        raise TypeError(f"{name} {_too_many(len(positional), len(defaults), given, kwargs, keyword_only)}")
    required = positional[: len(positional) - len(defaults)]
    _refuse_missing(name, "positional", [n for n in required if n not in filled])
    with_default = func.__kwdefaults__ or {}
    missing = [n for n in keyword_only if n not in filled and n not in with_default]
    _refuse_missing(name, "keyword-only", missing)


def _too_many(
    most: int, defaults: int, given: int, kwargs: Mapping[str, Any], keyword_only: Sequence[str]
) -> str:
    takes = f"from {most - defaults} to {most}" if defaults else str(most)
    plural = "s" if defaults or most != 1 else ""
    extra = sum(1 for keyword in kwargs if keyword in keyword_only)
    were = "was" if given == 1 and not extra else "were"
    what = str(given)
    if extra:
        what += f" positional argument{'s' if given != 1 else ''}"
        what += f" (and {extra} keyword-only argument{'s' if extra != 1 else ''})"
    return f"takes {takes} positional argument{plural} but {what} {were} given"


def _refuse_missing(name: str, kind: str, missing: list[str]) -> None:
    if not missing:
        return
    quoted = [repr(n) for n in missing]
    if len(quoted) == 1:
        listed = quoted[0]
    elif len(quoted) == 2:
        listed = " and ".join(quoted)
    else:
        listed = ", ".join(quoted[:-1]) + f", and {quoted[-1]}"
    plural = "s" if len(missing) > 1 else ""
    raise TypeError(f"{name} missing {len(missing)} required {kind} argument{plural}: {listed}")
