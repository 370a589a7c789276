"""Says in words, and in a form programs can act on, why a job did not end with a result."""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
import types
from json import dumps as write_json
from typing import Any

from . import culprit
from .forms import NotSaidError
from .frames import clean, shorten
from .limits import Granted
from .names import a_name, type_name

_TEXT_LIMIT = 64 << 10
#: Frames of a deeper stack are left out but for the last ones.
_DEPTH_LIMIT = 1000
#: Errors that wrap each other, followed so far.
_CHAIN_LIMIT = 20
_HEAD = "Traceback (most recent call last):"
_OWN_FILES = os.path.dirname(os.path.abspath(__file__)) + os.sep
#: A verdict's exit code is 32 bits wide; `sys.exit` takes any number.
_CODES = range(-(2**31), 2**31)

_ON_MODULE = re.compile(r"on <module '([\w.]+)'")
_OTHER_PYTHON = re.compile(
    r"unsupported pickle protocol|bad marshal data|code\(\) (argument|takes)|code expected|unknown opcode"
)


def to_json(
    verdict: dict[str, Any], exception: str, exception_type: str | None = None, hint: str | None = None
) -> dict[str, Any]:
    """A `Failure` of the API."""
    failure: dict[str, Any] = {"verdict": verdict, "exception": clean(shorten(exception, _TEXT_LIMIT))}
    if exception_type is not None:
        failure["exception_type"] = clean(exception_type)
    if hint is not None:
        failure["hint"] = clean(hint)
    return failure


def encode(failure: dict[str, Any] | None, profile: str | None) -> bytes:
    """The JSON of an answer."""
    remarks: dict[str, Any] = {}
    if failure is not None:
        remarks["failure"] = failure
    if profile is not None:
        remarks["profile"] = clean(profile)
    # Python's escapes for lone surrogates are JSON that others refuse; a text of the job may have some.
    return write_json(remarks, ensure_ascii=False).encode("utf-8", "replace") if remarks else b""


def raised(error: BaseException) -> dict[str, Any]:
    """The function raised."""
    if isinstance(error, SystemExit):
        return _exited(error)
    return to_json({"kind": "raised"}, traceback_text(error), type_name(error))


def _exited(error: SystemExit) -> dict[str, Any]:
    code = error.code
    if code is None:
        number = 0
    elif isinstance(code, int):
        number = int(code) if code in _CODES else int(code) & 0xFF
    else:
        number = 1  # As Python itself does with a text, which it prints.
    text = traceback_text(error)
    said = f"sys.exit({_printed(code)})" if code is not None else "sys.exit()"
    return to_json(
        {"kind": "exited", "code": number},
        f"{text}\nThe function called {said}, which ends a program. A job is no program: it ends with "
        "the value its function returns, or with an exception.",
        type_name(error),
        "return a value instead of calling sys.exit, or raise an exception to make the job fail",
    )


def not_loaded(error: BaseException) -> dict[str, Any]:
    """The function or its arguments could not be unpickled."""
    module = _missing_module(error)
    return to_json(
        {"kind": "not_loaded", "module": module},
        "Could not depickle job\n" + traceback_text(error),
        type_name(error),
        _loading_hint(error, module),
    )


def _missing_module(error: BaseException) -> str | None:
    if isinstance(error, ImportError) and isinstance(error.name, str):
        return error.name
    if isinstance(error, AttributeError):
        of = getattr(error, "obj", None)
        if isinstance(of, types.ModuleType):
            return of.__name__
        found = _ON_MODULE.search(_printed(error))
        if found:
            return found[1]
    # A module that is there, but raised while it was imported: the innermost one.
    module = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "<module>":
            module = trace.tb_frame.f_globals.get("__name__")
        trace = trace.tb_next
    return module if isinstance(module, str) else None


def _loading_hint(error: BaseException, module: str | None) -> str | None:
    version = "{}.{}".format(*sys.version_info)
    if isinstance(error, ModuleNotFoundError) and module is not None:
        top = module.partition(".")[0]
        return (
            f"the worker's Python {version} has no module {module!r}. If it is pure Python and yours, import "
            "it in your script, so that it travels with the job (and do not exclude it). If it is compiled "
            "or comes from a package, install it into the interpreter that the worker uses: "
            f"{sys.executable} -m pip install {top}. Or run the job in an environment that has it."
        )
    if isinstance(error, (ImportError, AttributeError)) and module is not None:
        return (
            f"the module {module!r} of the worker is another than yours, perhaps another version. Install "
            f"yours into the interpreter that the worker uses ({sys.executable}), or import it in your "
            "script from where it can travel with the job."
        )
    if isinstance(error, (TypeError, ValueError, SystemError)) and _OTHER_PYTHON.search(_printed(error)):
        return f"this is Python {version}; functions travel only between Pythons of one minor version"
    if module is not None:
        return f"the module {module!r} is there, but raised while it was imported"
    return None


def out_of_memory(error: MemoryError, limit: int, peak: int) -> dict[str, Any]:
    """An allocation failed, at whatever the job was doing."""
    return to_json(
        {"kind": "out_of_memory", "limit_bytes": limit, "peak_bytes": peak, "failures": 1},
        traceback_text(error),
        type_name(error),
        f"the job may use {_megabytes(limit)}, its core type's memory times its cores, and had used "
        f"{_megabytes(peak)} at most when an allocation failed; ask for more with _type or _cores, or hold "
        "less at a time",
    )


def limit_reached(error: OSError, granted: Granted) -> dict[str, Any] | None:
    """The failure of a job that ended at a limit on files, None if this was another error."""
    number = _error_number(error)
    if number == errno.EMFILE and granted.open_files is not None:
        limit, value = "open_files", granted.open_files
        hint = f"a process of a job may have {value:,} files and sockets open; close those that are done with"
    elif number == errno.EFBIG and granted.disk_bytes is not None:
        limit, value = "disk", granted.disk_bytes
        hint = f"a job may keep {_megabytes(value)} in files; write less, or store it elsewhere as it comes"
    else:
        return None
    verdict = {"kind": "limit_reached", "limit": limit, "value": value}
    return to_json(verdict, traceback_text(error), type_name(error), hint)


def _error_number(error: OSError) -> int | None:
    """Of the error that ended the job, or of the one it stands for.

    Libraries for networks wrap one `OSError` in others that have no number. The first number
    counts: what came before it was dealt with.
    """
    found: BaseException | None = error
    try:
        for _ in range(_CHAIN_LIMIT):
            if not isinstance(found, OSError):
                return None
            if found.errno is not None:
                return found.errno
            found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    except BaseException:  # A class of the job can make anything of these names.
        return None
    return None


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB"


def not_pickled(value: Any, error: BaseException) -> dict[str, Any]:
    """The result could not be pickled."""
    try:
        path, part = culprit.find(value, "result")
        told = f"{path} is {a_name(part)}"
    except BaseException:  # Code of the job ran in there.
        path, told = "result", f"it is {a_name(value)}"
    return to_json(
        {"kind": "result_not_pickled", "path": clean(path)},
        f"The result of the job could not be pickled: {told}\n{traceback_text(error)}",
        type_name(error),
        f"return something without {path}" if path != "result" else "return something that can be pickled",
    )


def not_said(error: NotSaidError) -> dict[str, Any]:
    """The result is none that the form asked for can say."""
    return to_json(
        {"kind": "result_not_pickled", "path": clean(error.path)},
        error.sentence,
        hint=error.hint,
    )


def not_stored(error: OSError) -> dict[str, Any]:
    """The result could be pickled, but there was no room for the file."""
    return to_json(
        {"kind": "could_not_start", "reason": f"the worker could not store the result: {error}"},
        f"The worker could not store the result of the job\n{traceback_text(error)}",
        type_name(error),
        "free space where the worker keeps its data",
    )


def too_big(size: int, limit: int) -> dict[str, Any]:
    """The result is larger than allowed."""
    return to_json(
        {"kind": "result_too_big", "size_bytes": size, "limit_bytes": limit},
        f"The result of the job has {size:,} bytes when pickled, more than the limit of {limit:,}",
        hint="return less, or store the data and return where it is",
    )


def traceback_text(error: BaseException) -> str:
    """The traceback, with its causes, without the frames of the runner. Whatever happens, a text."""
    try:
        return _formatted(error)
    except BaseException:
        # Its own `__str__` may raise, or memory may be short: then without any of it.
        try:
            return f"{type_name(error)} (its traceback could not be formatted)\n"
        except BaseException:
            return "the exception of the job could not be formatted\n"


def _formatted(error: BaseException) -> str:
    limit = None
    trace, depth = error.__traceback__, 0
    while trace is not None:
        trace, depth = trace.tb_next, depth + 1
    if depth > _DEPTH_LIMIT:
        limit = -_DEPTH_LIMIT  # A negative limit keeps the last frames.
    told = traceback.TracebackException(type(error), error, error.__traceback__, limit=limit)
    _without_own_frames(told, set())
    text = "".join(told.format())
    # Without any frame of the user's, the head is missing that people and programs look for.
    return text if _HEAD in text else f"{_HEAD}\n{text}"


def _without_own_frames(told: traceback.TracebackException, seen: set[int]) -> None:
    if id(told) in seen:
        return
    seen.add(id(told))
    told.stack[:] = [frame for frame in told.stack if not frame.filename.startswith(_OWN_FILES)]
    others = [told.__cause__, told.__context__, *(getattr(told, "exceptions", None) or ())]
    for other in others:
        if other is not None:
            _without_own_frames(other, seen)


def _printed(value: Any) -> str:
    try:
        return repr(value) if not isinstance(value, BaseException) else str(value)
    except BaseException:
        return f"<{type_name(value)}>"
