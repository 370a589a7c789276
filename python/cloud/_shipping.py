"""Code on its way: from a plan of files to a code version that the server has.

A code version is the content hash of a manifest that lists files by content hash. What the
server has is not sent again, whichever project, machine or job it came from first.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from opcode import opmap
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING

from ._errors import CloudException
from ._pickling import Pickled, References
from ._session import python_version

if TYPE_CHECKING:
    from ._plan import Plan, PlannedFile
    from ._session import Session

__all__ = ["Shipper"]

PACKAGES_SECONDS = 60.0
BATCH_BYTES = 16 << 20

# By path: mtime, size, hash. Files rarely change between two calls, and hashing reads all of them.
_hashes: dict[str, tuple[int, int, str]] = {}


class Shipper:
    """Sends the modules functions refer to."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._packages: tuple[float, frozenset[str] | None] = (-1e9, None)
        self._warned: set[str] = set()

    def plan(self, references: References) -> Plan:
        """What would be sent."""
        from ._plan import make_plan

        whitelist = self._session.whitelist
        return make_plan(references, self._installed, None if whitelist is None else list(whitelist))

    def ship(self, references: References) -> str | None:
        """Sends what is missing; returns the code version, None when nothing needs to travel."""
        self._add_settings(references)
        if not _leads_anywhere(references):
            return None
        if not self._session.config.automatic_dependency_transfer:
            return None
        plan = self.plan(references)
        self._warn(plan)
        if not plan.files:
            return None
        return self._send(plan.files)

    def _add_settings(self, references: References) -> None:
        settings = os.environ.get("DJANGO_SETTINGS_MODULE")
        if settings and "django" in sys.modules:
            references.module(settings, "DJANGO_SETTINGS_MODULE")

    def _warn(self, plan: Plan) -> None:
        import warnings

        for module, text in plan.warnings.items():
            if module not in self._warned:
                self._warned.add(module)
                warnings.warn(text, RuntimeWarning, stacklevel=8)

    def _installed(self, module: str) -> bool | None:
        """Whether workers have a top-level module; None while none with this Python is connected."""
        names = self._names(PACKAGES_SECONDS)
        if names is not None and module not in names:
            # It may have been installed since: what is absent is worth a second question.
            names = self._names(5.0)
        return None if names is None else module in names

    def _names(self, max_age: float) -> frozenset[str] | None:
        asked, names = self._packages
        if time.monotonic() - asked > max_age:
            try:
                reply = self._session.connection.json("GET", f"/v1/packages?python={python_version()}")
            except CloudException as error:
                if error.status is None:
                    raise
                reply = {"packages": []}
            listed = [name for package in reply["packages"] for name in package.get("modules", ())]
            names = frozenset(listed) if listed else None
            self._packages = (time.monotonic(), names)
        return names

    def _send(self, files: list[PlannedFile]) -> str:
        entries = []
        for file in files:
            hash, size = hash_file(file.source)
            entries.append({"path": file.path, "hash": hash, "size": size, "archive": file.archive})
        manifest = json.dumps({"files": entries}, separators=(",", ":")).encode()
        version = hashlib.sha256(manifest).hexdigest()
        blobs = self._session.blobs
        hashes = {str(entry["hash"]): file for entry, file in zip(entries, files)}
        # The manifest goes last: where it is, its files are.
        batch: list[tuple[str, Pickled]] = []
        size = 0
        for hash in blobs.ask([*hashes, version]):
            if hash not in hashes:
                continue
            content = _read(hash, hashes[hash])
            batch.append((hash, Pickled.of(content)))
            size += len(content)
            if size > BATCH_BYTES:
                blobs.put(batch)
                batch, size = [], 0
        blobs.put(batch)
        if not blobs.knows(version):
            blobs.put([(version, Pickled.of(manifest))])
        return version


_NEVER_SHIPPED = frozenset(("__main__", "cloud", "cloudpickle")) | getattr(
    sys, "stdlib_module_names", frozenset()
)


def _leads_anywhere(references: References) -> bool:
    """Whether there can be anything to ship. Most functions of a prompt or notebook use nothing
    but Python, and need not wait until the machinery to find out is loaded."""
    if any(name.partition(".")[0] not in _NEVER_SHIPPED for name in references.modules):
        return True
    return any(_imports(code) for code, _, _ in references.codes)


def _imports(code: CodeType) -> bool:
    if opmap["IMPORT_NAME"] in code.co_code[::2]:
        return True
    return any(isinstance(constant, CodeType) and _imports(constant) for constant in code.co_consts)


def _read(hash: str, file: PlannedFile) -> bytes:
    content = Path(file.source).read_bytes()
    if hashlib.sha256(content).hexdigest() != hash:
        raise CloudException(f"{file.source} changed while it was being sent", retry=True)
    return content


def hash_file(path: str) -> tuple[str, int]:
    """Content hash and size; read only when the file has changed."""
    stat = Path(path).stat()
    known = _hashes.get(path)
    if known is not None and known[:2] == (stat.st_mtime_ns, stat.st_size):
        return known[2], stat.st_size
    content = Path(path).read_bytes()
    hash = hashlib.sha256(content).hexdigest()
    _hashes[path] = (stat.st_mtime_ns, stat.st_size, hash)
    return hash, len(content)
