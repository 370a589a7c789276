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
from resource import RLIM_INFINITY, RLIMIT_CORE, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_NOFILE, setrlimit
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
    """The limit on memory: what was granted on top of what the runner itself has.

    It holds while code of a job runs. The runner is not under it, for it has to say what
    happened, whatever the job has left.
    """

    def __init__(self, granted_bytes: int | None) -> None:
        soft, hard = resource.getrlimit(RLIMIT_DATA)
        self._granted = granted_bytes or 0
        self._base = data_bytes() if granted_bytes is not None else None
        #: While code of a job runs, and while it does not. The hard limit stays: a job cannot gain
        #: by it, for its group is the real limit.
        self._held = self._lifted = (soft, hard)
        if self._base is not None:
            most = self._base + self._granted
            self._held = (most if hard == RLIM_INFINITY else min(most, hard), hard)
            self._lifted = (hard, hard)
        #: Whether a job lowered it for good, as only root can undo.
        self.lost = False

    def hold(self) -> None:
        """Code of a job runs next."""
        if self._base is not None:
            setrlimit(RLIMIT_DATA, self._held)

    def lift(self) -> None:
        """Code of a job has run. Set, not compared: that takes as long."""
        try:
            setrlimit(RLIMIT_DATA, self._lifted)
        except (OSError, ValueError):
            self.lost = True

    def not_for_another(self, starved: bool) -> str | None:
        """Why this process has no room for another job, in words, if so.

        After an allocation failed, half of what was granted is too much to find still in use.
        Otherwise modules are given the benefit of the doubt: libraries of mathematics reserve half of
        a small job's memory, never touch it, and take long to import.
        """
        if self.lost:
            return "the job lowered the limit of its memory for good"
        if self._base is None:
            return None
        bound = self._granted * (2 if starved else 3) // 4
        left = self._left()
        if left > bound:
            gc.collect()
            left = self._left()
        if left <= bound:
            return None
        return f"the job left {left // 1_000_000} MB of its {self._granted // 1_000_000} MB of memory in use"

    def _left(self) -> int:
        found = data_bytes()
        return 0 if found is None or self._base is None else found - self._base


def impose(limits: dict[str, Any]) -> DataLimit:
    """Puts this process under its limits, once, when it is otherwise ready. That of memory is to be held."""
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
    setrlimit(number, (soft, hard))
