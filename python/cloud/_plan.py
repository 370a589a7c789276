"""Which files a function needs on the other side: from names of modules to a list of files.

Starts from what pickling met and follows imports through every module it would ship. A package
goes as a whole, with the data files beside its code, because code asks for those by path. Only
modules that are really reached can cause a warning: a package's untouched corners are not
the user's problem.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ._modules import BUILTIN, INSTALLED, LOCAL, Module, code_imports, file_imports, is_extension, locate
from ._pickling import References

__all__ = ["Expected", "Installed", "Plan", "PlannedFile", "make_plan"]

FILE_MAX = 16 << 20
FILES_MANY = 5_000
_SKIPPED_DIRS = frozenset(("__pycache__", "node_modules"))


class Installed(Protocol):
    """What workers have."""

    def __call__(self, module: str) -> bool | None:
        """Whether they have a top-level module; None when nothing is known of them."""


class PlannedFile:
    """A file to be laid out on the worker, and why."""

    __slots__ = ("archive", "path", "size", "source", "why")

    def __init__(self, path: str, source: str, size: int, why: str, archive: bool = False) -> None:
        self.path = path
        self.source = source
        self.size = size
        self.why = why
        self.archive = archive


class Expected:
    """A top-level module that is not sent because workers have it."""

    __slots__ = ("name", "why")

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why


class Plan:
    """Files to send, modules to be found there, and what may go wrong."""

    def __init__(self) -> None:
        self.files: list[PlannedFile] = []
        self.expected: list[Expected] = []
        self.warnings: dict[str, str] = {}
        """By top-level module, so that each is told once."""
        self.notes: list[str] = []


def make_plan(references: References, installed: Installed, whitelist: list[str] | None = None) -> Plan:
    """Follows what `references` names."""
    return _Planner(installed, whitelist).plan(references)


class _Planner:
    def __init__(self, installed: Installed, whitelist: list[str] | None) -> None:
        self._installed = installed
        self._whitelist = whitelist
        self._plan = Plan()
        self._tops: dict[str, Module] = {}
        self._shipped: set[str] = set()
        self._reached: set[str] = set()
        self._todo: deque[tuple[str, str]] = deque()

    def plan(self, references: References) -> Plan:
        for name, why in references.modules.items():
            self._todo.append((name, why))
        for code, package, name in references.codes:
            for imported in code_imports(code, package):
                self._todo.append((imported, f"imported in {name}"))
        while self._todo:
            name, why = self._todo.popleft()
            if name and name not in self._reached and not name.startswith("__main__"):
                self._reached.add(name)
                self._reach(name, why)
        self._plan.files.sort(key=lambda file: file.path)
        self._plan.expected.sort(key=lambda expected: expected.name)
        if len(self._plan.files) > FILES_MANY:
            self._plan.notes.append(
                f"{len(self._plan.files):,} files would be sent: is a data directory a package?"
            )
        return self._plan

    def _reach(self, name: str, why: str) -> None:
        top = name.partition(".")[0]
        module = self._tops.get(top)
        if module is None:
            module = self._tops[top] = locate(top)
            self._first_seen(module, why)
        if top not in self._shipped:
            return
        if module.archive is not None:
            return
        for file, package, full in _files_of(module, name):
            for imported in file_imports(file, package):
                self._todo.append((imported, f"imported in {full} ← {why}" if len(why) < 200 else why))

    def _first_seen(self, module: Module, why: str) -> None:
        plan = self._plan
        if module.kind == INSTALLED:
            has = self._installed(module.name)
            if has is not False:
                plan.expected.append(Expected(module.name, why))
                return
            if _is_compiled(module):
                plan.warnings[module.name] = _compiled_warning(module.name)
                return
        elif module.kind != LOCAL:
            if module.kind != BUILTIN and self._installed(module.name):
                plan.expected.append(Expected(module.name, why))
            return
        if self._whitelist is not None and not self._allowed_at_all(module.name):
            plan.notes.append(f"{module.name} is not on the whitelist")
            return
        self._shipped.add(module.name)
        for file in _collect(module, why, plan):
            if self._allowed(file):
                plan.files.append(file)

    def _allowed_at_all(self, top: str) -> bool:
        return any(entry.partition(".")[0] == top for entry in self._whitelist or ())

    def _allowed(self, file: PlannedFile) -> bool:
        if self._whitelist is None or file.archive:
            return True
        dotted = file.path.rpartition(".")[0].replace("/", ".") if file.path.endswith(".py") else ""
        holder = file.path.rpartition("/")[0].replace("/", ".")
        for entry in self._whitelist:
            if dotted == entry or f"{holder}.".startswith(f"{entry}."):
                return True
            # Importing a.b.c runs a/__init__ and a/b/__init__ first.
            if dotted.endswith(".__init__") and f"{entry}.".startswith(f"{holder}."):
                return True
        return False


def _files_of(module: Module, name: str) -> Iterator[tuple[str, str, str]]:
    """Source files that importing `name` runs: file, its package, its full name."""
    parts = name.split(".")
    if module.file is not None:
        if module.file.endswith(".py"):
            yield module.file, "", parts[0]
        return
    for root in module.paths:
        directory = Path(root)
        for count, part in enumerate(parts):
            if count:
                source = directory / f"{part}.py"
                if source.is_file():
                    yield str(source), ".".join(parts[:count]), ".".join(parts[: count + 1])
                    break
                directory = directory / part
            if not directory.is_dir():
                break
            package = ".".join(parts[: count + 1])
            if (directory / "__init__.py").is_file():
                yield str(directory / "__init__.py"), package, package


def _collect(module: Module, why: str, plan: Plan) -> Iterator[PlannedFile]:
    if module.archive is not None:
        yield _file(os.path.basename(module.archive), module.archive, why, archive=True)
    elif module.file is not None:
        if is_extension(module.file):
            plan.warnings[module.name] = _local_compiled_warning(module.name, module.file)
        else:
            yield _file(os.path.basename(module.file), module.file, why)
    else:
        for root in module.paths:
            yield from _tree(module, root, why, plan)


def _tree(module: Module, root: str, why: str, plan: Plan) -> Iterator[PlannedFile]:
    seen: set[str] = set()
    for directory, subdirs, names in os.walk(root, followlinks=True):
        real = os.path.realpath(directory)
        if real in seen:  # a link that leads back up
            subdirs.clear()
            continue
        seen.add(real)
        subdirs[:] = sorted(d for d in subdirs if d not in _SKIPPED_DIRS and not d.startswith("."))
        inner = os.path.relpath(directory, root)
        prefix = module.name if inner == "." else f"{module.name}/{inner}".replace(os.sep, "/")
        for name in sorted(names):
            if name.startswith(".") or name.endswith(("~", ".swp")):
                continue
            source = os.path.join(directory, name)
            if is_extension(source):
                plan.warnings.setdefault(module.name, _local_compiled_warning(module.name, source))
                continue
            try:
                planned = _file(f"{prefix}/{name}", source, why)
            except OSError:
                continue  # a link to nowhere, a file just removed
            if planned.size > FILE_MAX:
                plan.notes.append(f"{source} stays here: {planned.size:,} bytes are more than {FILE_MAX:,}")
                continue
            yield planned


def _file(path: str, source: str, why: str, archive: bool = False) -> PlannedFile:
    return PlannedFile(path, source, Path(source).stat().st_size, why, archive)


def _is_compiled(module: Module) -> bool:
    if module.archive is not None:
        return False
    if module.file is not None:
        return is_extension(module.file)
    return any(is_extension(name) for root in module.paths for _, _, names in os.walk(root) for name in names)


def distribution_of(module: str) -> str:
    """The name by which `pip` knows a module; the module's own where that is not known."""
    from importlib.metadata import distributions

    for distribution in distributions():
        tops = (distribution.read_text("top_level.txt") or "").split()
        if module in tops or any(_top_of(str(file)) == module for file in distribution.files or ()):
            return str(distribution.metadata["Name"])
    return module


def _top_of(file: str) -> str:
    first = file.replace(os.sep, "/").partition("/")[0]
    return first.partition(".")[0]


def _compiled_warning(module: str) -> str:
    name = distribution_of(module)
    return (
        f"{module} is compiled and no worker has it: it cannot be sent, and importing it there will fail. "
        f"Run `pip install {name}` for the Python the worker uses"
    )


def _local_compiled_warning(module: str, file: str) -> str:
    return (
        f"{file} is compiled code and is not sent: importing it there will fail. "
        f"Build and install {module} for the Python the worker uses"
    )
