"""Results in other forms than pickles, for callers that do not speak Python: JSON, and plain bytes.

Their first byte says which: a pickle begins with 0x80, `J` begins JSON, `R` bytes.
"""

from __future__ import annotations

from json import dumps as write_json
from typing import Any

from .names import a_name

#: Of a long value only so much is looked at to find what JSON cannot say.
_LOOKED_AT = 100_000
_PLAIN = (str, int, float, bool, type(None))
_TO_JSON = "return lists, dicts, texts and numbers, or say out_encoding='raw' and return bytes"
_TO_RAW = "return bytes or a text, or say out_encoding='json'"


class NotSaidError(Exception):
    """A value that the form asked for cannot say."""

    def __init__(self, form: str, why: str, path: str, hint: str) -> None:
        super().__init__(why)
        self.sentence = f"The result of the job cannot be written as {form}: {why}"
        self.path = path
        self.hint = hint


def in_form(value: Any, form: str) -> tuple[bytes, Any]:
    """The first byte of a result, and what follows it."""
    if form == "raw":
        return b"R", _raw(value)
    try:
        text = write_json(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return b"J", text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise _explained(value, error) from error


def _raw(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return value
    if isinstance(value, memoryview):
        return value.cast("B") if value.c_contiguous and value.nbytes else value.tobytes()
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise NotSaidError(
                "bytes", "the text has half a character (a surrogate)", "result", _TO_RAW
            ) from error
    raise NotSaidError("bytes", f"it is {a_name(value)}", "result", _TO_RAW)


def _explained(value: Any, error: BaseException) -> NotSaidError:
    if isinstance(error, RecursionError):
        return NotSaidError("JSON", "it is nested too deeply", "result", "return something flatter")
    try:
        found = _culprit(value)
    except BaseException:  # Code of the job ran in there.
        found = None
    if found is None:
        return NotSaidError("JSON", str(error), "result", _TO_JSON)
    path, reason, hint = found
    return NotSaidError("JSON", f"{path} {reason}" if path != "result" else f"it {reason}", path, hint)


def _culprit(value: Any) -> tuple[str, str, str] | None:
    """Path, reason and advice for the first part that JSON cannot say."""
    waiting: list[tuple[str, Any]] = [("result", value)]
    seen: set[int] = set()
    while waiting and len(seen) < _LOOKED_AT:
        path, part = waiting.pop()
        if isinstance(part, _PLAIN):
            reason = _of_plain(part)
            if reason is not None:
                return path, *reason
        elif isinstance(part, (list, tuple, dict)):
            if id(part) in seen:
                continue
            seen.add(id(part))
            if isinstance(part, dict):
                for key in part:
                    if not isinstance(key, _PLAIN):
                        what = f"has {a_name(key)} among its keys"
                        return path, what, "use texts as the keys of dicts"
                items = [(f"{path}[{key!r}]", inner) for key, inner in part.items()]
            else:
                items = [(f"{path}[{index}]", inner) for index, inner in enumerate(part[:_LOOKED_AT])]
            waiting.extend(reversed(items))
        else:
            return path, f"is {a_name(part)}", _advice(part)
    return None


def _of_plain(part: Any) -> tuple[str, str] | None:
    if isinstance(part, float) and (part != part or part in (float("inf"), float("-inf"))):
        return f"is {part!r}, which no JSON number is", "return None in its place, or a text"
    if isinstance(part, str) and any("\ud800" <= letter <= "\udfff" for letter in part):
        return "is a text with half a character (a surrogate)", "return whole characters"
    return None


def _advice(part: Any) -> str:
    if isinstance(part, (bytes, bytearray, memoryview)):
        return "say out_encoding='raw' and return the bytes alone, or return them as a text"
    if isinstance(part, (set, frozenset)):
        return "return a list: sorted(...) makes one"
    if hasattr(part, "tolist"):
        return "call its method tolist(), or say out_encoding='raw' and return bytes"
    return _TO_JSON
