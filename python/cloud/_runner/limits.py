"""What one executor may use, as far as the process itself can be told by its kernel.

The sandbox's control group is what holds. These limits come first and are kinder: at them a
job meets an exception it can read, where the group would end it.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import threading
from resource import RLIM_INFINITY, RLIMIT_CORE, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_NOFILE
from typing import Any, NamedTuple

#: Stacks of threads count in full against RLIMIT_DATA, touched or not; the usual 8 MiB each would
#: allow 35 threads in 300 MB.
STACK_BYTES = 2 << 20

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# In `/proc/self/statm`.
_DATA_FIELD = 5


class Granted(NamedTuple):
    """What the worker says was granted, for what is told to people. None: no limit, or not known."""

    memory_bytes: int | None = None
    disk_bytes: int | None = None
    open_files: int | None = None


def data_bytes() -> int | None:
    """What counts against RLIMIT_DATA now; None where `/proc` does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[_DATA_FIELD]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return None


class DataLimit:
    """The limit on memory: what was granted on top of what the runner itself has."""

    def __init__(self, granted_bytes: int | None) -> None:
        self._hard = resource.getrlimit(RLIMIT_DATA)[1]
        self._base = data_bytes() if granted_bytes is not None else None
        self._granted = granted_bytes
        if granted_bytes is not None and self._base is not None:
            # The hard limit stays: a job cannot gain by it, for its group is the real limit.
            _put(RLIMIT_DATA, self._base + granted_bytes, self._hard)

    def lift(self) -> None:
        """So that there is room to say what happened. Hygiene puts the limit back."""
        if self._base is not None:
            _put(RLIMIT_DATA, self._hard, self._hard)

    def stays(self) -> int:
        """What jobs left behind, after a collection if it is much. 0 where that is not known."""
        if self._base is None or self._granted is None:
            return 0
        found = data_bytes()
        if found is not None and found - self._base > self._granted // 2:
            gc.collect()
            found = data_bytes()
        return 0 if found is None else max(0, found - self._base)

    def crowded(self, after_failure: bool) -> str | None:
        """Why another job would have too little room here, if so.

        After an allocation failed, half of what was granted is too much to find still in use.
        Otherwise modules are given the benefit of the doubt: libraries of mathematics reserve half of
        a small job's memory, never touch it, and take long to import.
        """
        if self._granted is None:
            return None
        left = self.stays()
        if left > self._granted * (2 if after_failure else 3) // 4:
            return (
                f"the job left {left // 1_000_000} MB of its {self._granted // 1_000_000} MB of memory in use"
            )
        return None


def impose(limits: dict[str, Any]) -> DataLimit:
    """Puts this process under its limits, once, when it is otherwise ready."""
    # A dump of a job's memory helps nobody and fills a disk.
    _put(RLIMIT_CORE, 0, 0)
    open_files, file_bytes = limits.get("open_files"), limits.get("file_bytes")
    if open_files is not None:
        _put(RLIMIT_NOFILE, open_files, open_files)
    if file_bytes is not None:
        # Ignored, so that the write raises `OSError`. Python does so by itself, unless embedded.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        _put(RLIMIT_FSIZE, file_bytes, resource.getrlimit(RLIMIT_FSIZE)[1])
    granted = limits.get("data_bytes")
    if granted is not None:
        threading.stack_size(STACK_BYTES)
    return DataLimit(granted)


def _put(number: int, soft: int, hard: int) -> None:
    """Sets a limit, as near as the one of this process's own allows."""
    most = resource.getrlimit(number)[1]
    if most != RLIM_INFINITY and not 0 <= hard <= most:
        hard = most
    if hard != RLIM_INFINITY and not 0 <= soft <= hard:
        soft = hard
    resource.setrlimit(number, (soft, hard))
