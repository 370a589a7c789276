"""What one job used, counted from answer to answer.

The process stays and its counters with it, so figures are differences. A peak has none: the
kernel's high-water mark of memory is set back after a job that raised it, so that the next one
begins from what is in use then. A job that used nothing special costs two system calls.
"""

from __future__ import annotations

import os
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

from .line import Usage

#: The kernel counts reads and writes in blocks of this size, whatever the disk's are.
_BLOCK_BYTES = 512
#: Growth that is not worth setting the mark back: a page here and there, and what the kernel's
#: own count is off by.
_SLACK_KIB = 1024
#: Written to `/proc/self/clear_refs`, sets the high-water mark to what is in use.
_RESET_PEAK = b"5"


class Meter:
    """Remembers the counters as they were at the last answer."""

    def __init__(self, clear_refs: int) -> None:
        """`clear_refs` is that file of `/proc`, open for writing, or -1."""
        self._clear_refs = clear_refs
        self._identity = _identity(clear_refs)
        self._counters = (0, 0, 0, 0)
        #: High-water mark when the job began.
        self._floor_kib = 0
        self._child_kib = 0
        #: Whether the last job raised the mark.
        self.raised = True
        #: Whether the mark is the running job's own, not that of an earlier one.
        self._own_mark = True
        self.used(0, 0)
        self.settle()

    def used(self, wall_us: int, failures: int) -> Usage:
        """What was used since the last call."""
        own, children = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
        before = self._counters
        self._counters = after = (
            int((own.ru_utime + children.ru_utime) * 1_000_000),
            int((own.ru_stime + children.ru_stime) * 1_000_000),
            own.ru_inblock + children.ru_inblock,
            own.ru_oublock + children.ru_oublock,
        )
        peak_kib = self._peak_kib(own.ru_maxrss, children.ru_maxrss)
        self.raised = own.ru_maxrss > self._floor_kib + _SLACK_KIB
        # The size of the largest child cannot be set back: it counts for the job in which it came.
        self._child_kib = children.ru_maxrss
        return (
            wall_us,
            after[0] - before[0],
            after[1] - before[1],
            peak_kib * 1024,
            failures,
            (after[2] - before[2]) * _BLOCK_BYTES,
            (after[3] - before[3]) * _BLOCK_BYTES,
        )

    def peak_bytes(self) -> int:
        """The most memory of the job so far."""
        own, children = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
        return self._peak_kib(own.ru_maxrss, children.ru_maxrss) * 1024

    def _peak_kib(self, mark_kib: int, child_kib: int) -> int:
        peak_kib = mark_kib if self._own_mark or mark_kib > self._floor_kib else 0
        # A child begins with the mark of its parent, which may be that of an earlier job.
        return child_kib if child_kib > self._child_kib and child_kib > mark_kib else peak_kib

    def settle(self) -> None:
        """To be called between an answer and the next job."""
        if self.raised:
            self._own_mark = self._reset_mark()
            self._floor_kib = getrusage(RUSAGE_SELF).ru_maxrss

    def _reset_mark(self) -> bool:
        try:
            # A job can close what is not its own, and open something in its place.
            if self._identity is None or _identity(self._clear_refs) != self._identity:
                return False
            os.write(self._clear_refs, _RESET_PEAK)
        except OSError:
            return False
        return True


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino
