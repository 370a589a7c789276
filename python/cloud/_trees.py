"""Directory trees as lists of entries: read from a directory, written to one, and put together.

An entry is a dict as in the manifest of a volume: `path`, `kind` (`dir`, `file`, `link`), `mode`,
`modified_ms`; a file has `size` and `chunks` too, a link `target`. A tree is a dict of entries by path.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._errors import CloudException

__all__ = [
    "CHUNK_BYTES",
    "Entry",
    "Found",
    "Tree",
    "below",
    "check_path",
    "from_manifest",
    "parent",
    "scan",
    "to_manifest",
]

CHUNK_BYTES = 4 << 20
PATH_MAX_BYTES = 4_000
PART_MAX_BYTES = 255

Entry = dict[str, Any]
Tree = dict[str, Entry]


@dataclass
class Found:
    """Something in a directory of this machine. Chunks of a file are not known yet."""

    entry: Entry
    source: Path


def check_path(path: str) -> str:
    """A path inside a volume without outer slashes. CloudException for what is none."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts or "\0" in path:
        raise CloudException(
            f"{path!r} is no path inside a volume: those are relative, without ..", kind="bad_request"
        )
    return "/".join(parts)


def parent(path: str) -> str:
    """What a path is in; empty for one at the top."""
    return path.rpartition("/")[0]


def below(tree: Tree, path: str) -> Iterator[str]:
    """Paths in a directory of a tree, however deep; all of them for the root."""
    prefix = f"{path}/" if path else ""
    return (name for name in tree if name.startswith(prefix))


def from_manifest(content: bytes) -> Tree:
    """The tree of a manifest."""
    try:
        return {entry["path"]: entry for entry in json.loads(content)["entries"]}
    except (ValueError, KeyError, TypeError):
        raise CloudException("the server sent a tree that does not read", kind="bad_reply") from None


def to_manifest(tree: Tree) -> bytes:
    """The manifest of a tree: the same tree is always the same bytes."""
    # Code points sort as their UTF-8 does.
    entries = [tree[path] for path in sorted(tree)]
    text = json.dumps({"entries": entries}, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return text.encode()


def scan(directory: Path, prefix: str) -> Iterator[Found]:
    """Everything in a directory, parents first, as entries below `prefix`.

    What cannot be in a volume is left out with a warning: sockets, pipes, devices, names that are no UTF-8,
    and links that lead out of it.
    """
    with os.scandir(directory) as found:
        items = sorted(found, key=lambda item: item.name)
    for item in items:
        path = f"{prefix}/{item.name}" if prefix else item.name
        one = look(Path(item.path), path)
        if one is None:
            continue
        yield one
        if one.entry["kind"] == "dir":
            yield from scan(Path(item.path), path)


def look(source: Path, path: str) -> Found | None:
    """One file, directory or link as an entry; None, with a warning, where it cannot be one."""
    about = os.lstat(source)
    entry: Entry = {
        "path": path,
        "mode": stat.S_IMODE(about.st_mode) & 0o777,
        "modified_ms": about.st_mtime_ns // 1_000_000,
    }
    reason = _unfit(path)
    if reason:
        _skip(source, reason)
        return None
    if stat.S_ISDIR(about.st_mode):
        entry["kind"] = "dir"
    elif stat.S_ISREG(about.st_mode):
        entry.update(kind="file", size=about.st_size)
    elif stat.S_ISLNK(about.st_mode):
        target = os.readlink(source)
        if _unfit_text(target) or not _stays_inside(path, target):
            _skip(source, f"it is a link that leads out of the volume, to {target!r}")
            return None
        entry.update(kind="link", target=target)
    else:
        _skip(source, "it is neither file nor directory nor link")
        return None
    return Found(entry, source)


def _skip(source: Path, reason: str) -> None:
    warnings.warn(f"{str(source)!r} is left out: {reason}", RuntimeWarning, stacklevel=2)


def _unfit(path: str) -> str:
    if _unfit_text(path):
        return "its name is no UTF-8"
    if len(path.encode()) > PATH_MAX_BYTES or len(path.rpartition("/")[2].encode()) > PART_MAX_BYTES:
        return "its path is too long"
    return ""


def _unfit_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _stays_inside(path: str, target: str) -> bool:
    """As the service sees it: as many `..` as there are directories above the link, and then none."""
    if not target or target.startswith("/") or len(target.encode()) > PATH_MAX_BYTES:
        return False
    parts = [part for part in target.split("/") if part not in ("", ".")]
    climbs = 0
    while climbs < len(parts) and parts[climbs] == "..":
        climbs += 1
    return climbs <= path.count("/") and ".." not in parts[climbs:]


def chunks_of(source: Path, size: int) -> Iterator[bytes]:
    """The content of a file in chunks; OSError if it is not as long as it was when it was looked at."""
    with open(source, "rb", buffering=0) as file:
        left = size
        while left:
            piece = _read(file, min(CHUNK_BYTES, left))
            left -= len(piece)
            yield piece
        if file.read(1):
            raise OSError(f"{str(source)!r} grew while it was read")


def _read(file: Any, size: int) -> bytes:
    pieces = []
    while size:
        piece = file.read(size)
        if not piece:
            raise OSError(f"{file.name!r} became shorter while it was read")
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def hashes_of(source: Path, size: int) -> list[str]:
    """Hashes of a file's chunks."""
    return [hashlib.sha256(piece).hexdigest() for piece in chunks_of(source, size)]
