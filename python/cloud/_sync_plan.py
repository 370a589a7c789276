"""What a sync makes of a tree, by the rules of rsync: pure, for either direction.

`dir/` means what is in a directory, `dir` the directory itself; several sources need a directory to go into.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from ._errors import CloudException
from ._trees import Entry, Found, Tree, below, parent

__all__ = ["Plan", "Source", "plan"]


@dataclass
class Source:
    """Something to be synced: a file, a link, a directory, or what is in one."""

    said: str
    """As it was named, for messages."""
    name: str
    """The last part of its path."""
    contents: bool
    """A directory of which only what is in it is meant."""
    top: Found | None
    """Itself; None for the root of a volume."""
    inside: Callable[[str], Iterable[Found]]
    """What is in it, parents first, as entries below a prefix."""

    @property
    def is_dir(self) -> bool:
        return self.top is None or self.top.entry["kind"] == "dir"


@dataclass
class Plan:
    """What is to be at the destination afterwards."""

    wanted: dict[str, Found] = field(default_factory=dict)
    """By path, parents first."""
    made: list[str] = field(default_factory=list)
    """Directories that lead there and are not there yet."""
    removed: list[str] = field(default_factory=list)
    """Paths that go."""

    def apply(self, tree: Tree, entry_of: Callable[[Found], Entry]) -> Tree:
        """The tree afterwards."""
        gone = set(self.removed)
        after = {path: entry for path, entry in tree.items() if path not in gone}
        now = time.time_ns() // 1_000_000
        for path in self.made:
            after[path] = {"path": path, "kind": "dir", "mode": 0o755, "modified_ms": now}
        for path, found in self.wanted.items():
            after[path] = entry_of(found)
        return after


def plan(sources: list[Source], dest: str, slash: bool, tree: Tree, delete: bool) -> Plan:
    """Sources into `dest`, a path of `tree`, which has `/` at its end as said if `slash`.

    CloudException where something is in the way.
    """
    result = Plan()
    into_dir = slash or not dest or len(sources) > 1 or _kind(tree, dest) == "dir"
    if (into_dir or any(source.is_dir for source in sources)) and _kind(tree, dest) not in (None, "dir"):
        raise CloudException(f"{dest!r} is there and no directory", kind="conflict")
    scopes: list[str] = []
    for source in sources:
        if source.is_dir:
            at = dest if source.contents else _join(dest, source.name)
            scopes.append(at)
            if source.top is not None and at:
                _want(result, at, source.top)
            for found in source.inside(at):
                _want(result, found.entry["path"], found)
        else:
            assert source.top is not None
            _want(result, _join(dest, source.name) if into_dir else dest, source.top)
    _lead_there(result, tree)
    _make_way(result, tree, delete)
    if delete:
        for scope in scopes:
            result.removed += [path for path in below(tree, scope) if path not in result.wanted]
    result.removed = sorted(set(result.removed))
    return result


def _join(dest: str, name: str) -> str:
    return f"{dest}/{name}" if dest else name


def _kind(tree: Tree, path: str) -> str | None:
    return tree[path]["kind"] if path in tree else None


def _want(result: Plan, path: str, found: Found) -> None:
    # Of several sources with the same name the first one counts, as with rsync.
    result.wanted.setdefault(path, Found({**found.entry, "path": path}, found.source))


def _lead_there(result: Plan, tree: Tree) -> None:
    made = set()
    for path in result.wanted:
        above = parent(path)
        while above and above not in result.wanted:
            kind = _kind(tree, above)
            if kind not in (None, "dir"):
                raise CloudException(f"{above!r} is there and no directory", kind="conflict")
            if kind is None:
                made.add(above)
            above = parent(above)
        if above and result.wanted[above].entry["kind"] != "dir":
            raise CloudException(f"{above!r} is a directory in one source and none in another")
    result.made = sorted(made)


def _make_way(result: Plan, tree: Tree, delete: bool) -> None:
    for path, found in result.wanted.items():
        if found.entry["kind"] == "dir" or _kind(tree, path) != "dir":
            continue
        inside = list(below(tree, path))
        if inside and not delete:
            raise CloudException(
                f"{path!r} is a directory with something in it where a {found.entry['kind']} is to go",
                kind="conflict",
                hint="remove it, or sync with delete=True",
            )
        result.removed += inside


def local_source(said: str) -> Source:
    """A path of this machine. FileNotFoundError if there is nothing."""
    from ._trees import look, scan

    path = Path(said)
    contents = said.endswith("/") or path.name in ("", "..")
    # A link with a slash after it means the directory it leads to.
    real = path.resolve() if contents else path
    name = real.name
    top = look(real, name)
    if top is None:
        raise CloudException(f"{said!r} cannot be in a volume: it is neither file nor directory nor link")
    if contents and top.entry["kind"] != "dir":
        raise NotADirectoryError(f"{said!r} is no directory")
    return Source(said, name, contents, top, lambda prefix: scan(real, prefix))
