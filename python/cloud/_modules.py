"""Where a module comes from, and what it imports. Looks at files; imports nothing."""

from __future__ import annotations

import ast
import os
import re
import site
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from types import CodeType
from typing import Any

__all__ = ["Module", "code_imports", "file_imports", "locate"]

BUILTIN = "builtin"
"""Part of Python, or of the runner: every worker has it."""
INSTALLED = "installed"
"""In a site-packages directory: came with a package manager."""
LOCAL = "local"
"""Anywhere else, editable installs too: the user's own code."""
MISSING = "missing"

_OF_THE_RUNNER = frozenset(("cloud", "cloudpickle", "_picloud_runner"))
_EXTENSIONS = tuple(EXTENSION_SUFFIXES)


class Module:
    """A top-level module or package: its kind, and the places it is read from."""

    __slots__ = ("archive", "file", "kind", "name", "paths")

    def __init__(
        self,
        name: str,
        kind: str,
        file: str | None = None,
        paths: tuple[str, ...] = (),
        archive: str | None = None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.file = file
        """The file of a module that is no package."""
        self.paths = paths
        """The directories of a package; several for a namespace package."""
        self.archive = archive
        """The zip or egg it is in."""


@lru_cache(maxsize=1)
def _stdlib_names() -> frozenset[str]:
    names: frozenset[str] | None = getattr(sys, "stdlib_module_names", None)
    if names is None:  # Python 3.9 has no list of its own
        places = [Path(place) for place in _stdlib_dirs() if Path(place).is_dir()]
        found = (entry.name.partition(".")[0] for place in places for entry in place.iterdir())
        names = frozenset(name for name in found if name.isidentifier())
    return names | frozenset(sys.builtin_module_names)


@lru_cache(maxsize=1)
def _stdlib_dirs() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    found = {paths["stdlib"], paths["platstdlib"], str(Path(paths["stdlib"]) / "lib-dynload")}
    return tuple(os.path.realpath(path) + os.sep for path in found)


@lru_cache(maxsize=1)
def _site_dirs() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    found = {paths["purelib"], paths["platlib"], site.getusersitepackages()}
    found.update(site.getsitepackages() if hasattr(site, "getsitepackages") else ())
    return tuple(os.path.realpath(path) + os.sep for path in found)


@lru_cache(maxsize=4096)
def _kind_of_path(path: str) -> str:
    real = os.path.realpath(path)
    parts = Path(real).parts
    if "site-packages" in parts or "dist-packages" in parts or real.startswith(_site_dirs()):
        return INSTALLED
    return BUILTIN if real.startswith(_stdlib_dirs()) else LOCAL


def locate(name: str) -> Module:
    """The top-level module of that name as this process would import it."""
    if name in _OF_THE_RUNNER or name in _stdlib_names():
        return Module(name, BUILTIN)
    spec = _spec(name)
    if spec is None:
        return Module(name, MISSING)
    archive = getattr(spec.loader, "archive", None)
    if isinstance(archive, str):
        return Module(name, _kind_of_path(archive), archive=archive)
    if spec.submodule_search_locations is not None:
        # A namespace package may be spread over many directories; only real ones count.
        paths = tuple(str(path) for path in spec.submodule_search_locations if Path(path).is_dir())
        if not paths:
            return Module(name, MISSING)
        kinds = {_kind_of_path(path) for path in paths}
        kind = LOCAL if LOCAL in kinds else INSTALLED if INSTALLED in kinds else BUILTIN
        return Module(name, kind, paths=tuple(path for path in paths if _kind_of_path(path) == kind))
    if spec.origin in ("built-in", "frozen"):
        return Module(name, BUILTIN)
    if spec.origin is None or not Path(spec.origin).is_file():
        return Module(name, MISSING)
    return Module(name, _kind_of_path(spec.origin), file=spec.origin)


def _spec(name: str) -> Any:
    loaded = sys.modules.get(name)
    spec = getattr(loaded, "__spec__", None)
    if spec is not None:
        return spec
    if loaded is not None:
        return _made_by_hand(name, loaded)
    try:
        return find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def _made_by_hand(name: str, module: Any) -> Any:
    """The spec of a module that was loaded without one, as by `exec` in a tool."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return None
    from importlib.util import spec_from_file_location

    locations = getattr(module, "__path__", None)
    return spec_from_file_location(
        name, file, submodule_search_locations=None if locations is None else list(locations)
    )


def is_extension(path: str) -> bool:
    """Whether a file is compiled code."""
    return path.endswith((".so", ".pyd")) or path.endswith(_EXTENSIONS)


_LINE = re.compile(rb"^[ \t]*(?:from|import)[ \t]+([^\n#]*)", re.MULTILINE)

_file_cache: dict[str, tuple[int, int, tuple[str, ...]]] = {}


def file_imports(path: str, package: str) -> tuple[str, ...]:
    """The full names a source file imports, relative ones resolved against its package."""
    try:
        stat = Path(path).stat()
        known = _file_cache.get(path)
        if known is not None and known[:2] == (stat.st_mtime_ns, stat.st_size):
            return known[2]
        source = Path(path).read_bytes()
    except OSError:
        return ()
    names = _source_imports(source, package)
    _file_cache[path] = (stat.st_mtime_ns, stat.st_size, names)
    return names


def _source_imports(source: bytes, package: str) -> tuple[str, ...]:
    # Parsing is slow; a file whose import lines name only the standard library needs none.
    if not any(_interesting(match.group(1)) for match in _LINE.finditer(source)) and b";" not in source:
        return ()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _resolve(node.module or "", node.level, package)
            if base:
                names[base] = None
                names.update((f"{base}.{alias.name}", None) for alias in node.names if alias.name != "*")
    return tuple(names)


def _interesting(rest: bytes) -> bool:
    first = re.split(rb"[ \t.,;\r]", rest.strip(), maxsplit=1)[0].decode("utf-8", "replace")
    return "," in rest.decode("utf-8", "replace").partition(" import ")[0] or first not in _stdlib_names()


def _resolve(module: str, level: int, package: str) -> str:
    if level == 0:
        return module
    parts = package.split(".") if package else []
    if level - 1 > len(parts) or not parts:
        return ""
    base = parts[: len(parts) - (level - 1)]
    return ".".join([*base, module] if module else base)


def code_imports(code: CodeType, package: str) -> Iterator[str]:
    """The full names that a function's code imports, code of inner functions too."""
    import dis

    level: Any = 0
    names: Any = ()
    constants: list[Any] = []
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_CONST", "LOAD_SMALL_INT"):
            constants.append(instruction.argval)
        elif instruction.opname == "IMPORT_NAME":
            if len(constants) >= 2:
                level, names = constants[-2], constants[-1]
            base = _resolve(str(instruction.argval), level if isinstance(level, int) else 0, package)
            if base:
                yield base
                for name in names if isinstance(names, tuple) else ():
                    if name != "*":
                        yield f"{base}.{name}"
            constants.clear()
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from code_imports(constant, package)
