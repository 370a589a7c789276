"""Names of objects: what may be one, and how a prefix goes before it. Checked before anything is sent."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Union

__all__ = ["KEY_MAX_BYTES", "Prefix", "base_name", "key_of", "keys_of", "prefix_of", "quoted"]

KEY_MAX_BYTES = 1_024

Prefix = Union[str, Iterable[str], None]

# Control characters, halves of surrogate pairs, and what is no character: XML has no way to write them.
_ILLEGAL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_RULES = (
    "write it as parts joined by single slashes, such as 'images/7/thumb.jpg', without a slash at either end"
)


def key_of(obj_path: str, prefix: Prefix = None) -> str:
    """The name of an object below a prefix.

    TypeError for what is no string, ValueError for what cannot be a name.
    """
    text = _text(obj_path, "a path")
    start = prefix_of(prefix)
    if start and not start.endswith("/"):
        start += "/"
    _check_edges(text)
    return _checked(start + text)


def keys_of(obj_paths: str | Iterable[str], prefix: Prefix = None) -> list[str]:
    """The same of one path or many, each once."""
    if isinstance(obj_paths, str):
        return [key_of(obj_paths, prefix)]
    if not _is_listing(obj_paths):
        raise TypeError(f"paths of objects are strings, not {type(obj_paths).__name__}")
    return list(dict.fromkeys(key_of(path, prefix) for path in obj_paths))


def prefix_of(prefix: Prefix) -> str:
    """A prefix as text: as it is given, or the parts of a list joined by slashes."""
    if prefix is None:
        return ""
    if isinstance(prefix, str):
        text = _text(prefix, "a prefix")
    elif _is_listing(prefix):
        parts = [_text(part, "a part of a prefix") for part in prefix]
        text = "/".join(part[:-1] if part.endswith("/") and len(part) > 1 else part for part in parts)
    else:
        raise TypeError(f"a prefix is a string or a list of strings, not {type(prefix).__name__}")
    if text.startswith("/"):
        raise ValueError(f"the prefix {text!r} begins with a slash: leave it out, all paths begin at the top")
    if text.endswith("/"):
        _checked(text[:-1])
    elif text:
        # Its last part may go on: `..` is how `...` and `..x` begin.
        folder, _, last = text.rpartition("/")
        _checked(f"{folder}/{last}x" if folder else f"{last}x")
    return text


def base_name(file_path: str | os.PathLike[str]) -> str:
    """The last part of the path of a file: the name its object gets by default."""
    name = os.path.basename(os.path.abspath(os.fspath(file_path)))
    if not name:
        raise ValueError(
            f"{os.fspath(file_path)!r} has no last part that could name an object: pass obj_path"
        )
    return name


def quoted(key: str) -> str:
    """For the path of a request."""
    from urllib.parse import quote

    return quote(key, safe="/")


def _is_listing(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray))


def _text(value: object, what: str) -> str:
    if isinstance(value, str):
        return value
    hint = ": decode it first" if isinstance(value, (bytes, bytearray)) else ""
    raise TypeError(f"{what} is a string, not {type(value).__name__}{hint}")


def _check_edges(text: str) -> None:
    if not text:
        raise ValueError("the path of an object is not empty")
    if text.startswith("/") or text.endswith("/"):
        where = "begins" if text.startswith("/") else "ends"
        raise ValueError(f"the path {text!r} {where} with a slash: {_RULES}")


def _checked(key: str) -> str:
    """The rules of the server, with the offending part in the message."""
    found = _ILLEGAL.search(key)
    if found is not None:
        code = f"U+{ord(found.group()):04X}"
        raise ValueError(f"{key!r} has the character {code} at {found.start()}, which no path may have")
    parts = key.split("/")
    if "" in parts:
        raise ValueError(f"{key!r} has two slashes in a row: {_RULES}")
    for part in parts:
        if part in (".", ".."):
            raise ValueError(
                f"{key!r} has the part {part!r}, which would lead elsewhere: write the full path"
            )
    size = len(key.encode())
    if size > KEY_MAX_BYTES:
        raise ValueError(f"the path {key[:40]!r}... has {size} bytes; at most {KEY_MAX_BYTES} are allowed")
    return key
