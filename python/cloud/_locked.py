"""One process at a time, of those of one machine that want the same file."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ._errors import CloudTimeoutError

__all__ = ["locked"]

POLL_SECONDS = 0.02


@contextlib.contextmanager
def locked(path: Path, timeout: float | None) -> Iterator[None]:
    """Holds the lock of a file that need not be there. CloudTimeoutError when another has it for longer.

    The lock is that of a file beside it, which is gone afterwards, and ends with the process that has it.
    """
    until = None if timeout is None else time.monotonic() + timeout
    beside = path.parent / f".{path.name[:200]}.picloud-lock"
    beside.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            while not _try(handle):
                if until is not None and time.monotonic() >= until:
                    raise CloudTimeoutError(f"Timed out: another process is still downloading {path}")
                # The kernel can wait for a lock, but not for a time.
                time.sleep(POLL_SECONDS)
            # Who had it before has removed it: what is locked then is nobody's name any more.
            if not _is(handle, beside):
                continue
            try:
                yield
                return
            finally:
                beside.unlink()
        finally:
            os.close(handle)


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
