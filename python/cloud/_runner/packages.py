"""What is installed in this interpreter: the distributions, and the modules each provides."""

from __future__ import annotations

import json
import os
from typing import Any, NoReturn


def write(descriptor: int) -> NoReturn:
    """Writes the list as JSON and ends the process: what this imports is large, and used once."""
    try:
        # Jobs that came meanwhile go first.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        with open(descriptor, "wb", closefd=False) as file:
            file.write(json.dumps(installed()).encode())
    except BaseException:
        os._exit(1)
    os._exit(0)


def installed() -> list[dict[str, Any]]:
    """The distributions on `sys.path`, the first of each name, as an import would find them."""
    import importlib.metadata

    found: dict[str, dict[str, Any]] = {}
    for distribution in importlib.metadata.distributions():
        try:
            name = distribution.metadata["Name"]
            if not name or name.lower() in found:
                continue
            found[name.lower()] = {
                "name": name,
                "version": distribution.version,
                "modules": _modules(distribution),
            }
        except Exception:  # A broken installation of one package hides only that one.
            continue
    return sorted(found.values(), key=lambda package: str(package["name"]).lower())


def _modules(distribution: Any) -> list[str]:
    names = {name for name in (distribution.read_text("top_level.txt") or "").split() if name.isidentifier()}
    if not names:
        names = {_top_level(str(path)) for path in distribution.files or ()}
    return sorted(name for name in names if name.isidentifier() and name != "__pycache__")


def _top_level(path: str) -> str:
    """The module that a file of a distribution belongs to; an empty text when to none."""
    first, slash, _rest = path.partition("/")
    if slash:
        return first if path.endswith((".py", ".so", ".pyd", ".pyi")) else ""
    return first.partition(".")[0] if first.endswith((".py", ".so", ".pyd")) else ""
