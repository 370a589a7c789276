"""Waiting for jobs: long polls in parts, time limits, dead-locks."""

from __future__ import annotations

import math
import time
from typing import Any

from ._errors import CloudTimeoutError
from ._jids import JidSet
from ._progress import Progress
from ._session import Session, inside_job

__all__ = ["Deadline", "DeadlockWatch", "join", "wait"]

POLL_MS = 30_000
WATCHED_MS = 400
DEADLOCK_SECONDS = 60.0
"""Jobs that a job waits for and that stay queued this long are taken for a dead-lock."""


class Deadline:
    """A point in time that may lie in all eternity."""

    def __init__(self, timeout: float | None) -> None:
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, (int, float))):
            raise TypeError("timeout must be a number of seconds or None")
        self._at = math.inf if timeout is None else time.monotonic() + timeout

    def left_ms(self, most: int) -> int:
        """Milliseconds until then, at most `most`, at least 0."""
        left = (self._at - time.monotonic()) * 1000
        # The bound comes first: eternity has no whole number of milliseconds.
        return math.ceil(max(0.0, min(float(most), left)))

    def passed(self) -> bool:
        """Whether it is over."""
        return time.monotonic() >= self._at


class DeadlockWatch:
    """Inside a job: notices when what is waited for does not even begin, as when jobs that wait
    for jobs hold every core."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled and inside_job()
        self._queued = -1
        self._since = time.monotonic()

    def see(self, queued: int, unfinished: int) -> None:
        """CloudTimeoutError when `queued` has stood still for too long."""
        if not self.enabled:
            return
        now = time.monotonic()
        if queued != self._queued or queued == 0 or queued < unfinished:
            self._queued, self._since = queued, now
        elif now - self._since >= DEADLOCK_SECONDS:
            raise CloudTimeoutError(
                f"{queued} jobs waited for stayed queued for {DEADLOCK_SECONDS:.0f} s: "
                "possible dead-lock by recursion",
                kind="deadlock",
                hint="jobs that wait for other jobs hold their cores meanwhile; start the jobs from outside, "
                "use _depends_on, add workers, or pass deadlock_check=False",
            )

    def poll_ms(self, most: int) -> int:
        """How long one poll may last so that nothing is missed."""
        return min(most, max(50, int(DEADLOCK_SECONDS * 1000 / 4))) if self.enabled else most


def wait(session: Session, jids: JidSet, until: str, timeout_ms: int) -> dict[str, Any]:
    """One long poll."""
    content = {"jids": str(jids), "until": until, "timeout_ms": timeout_ms}
    reply: dict[str, Any] = session.connection.json(
        "POST", "/v1/jobs/wait", content, timeout=timeout_ms / 1000
    )
    return reply


def join(
    session: Session,
    jids: JidSet,
    timeout: float | None,
    ignore_errors: bool,
    deadlock_check: bool,
    text: str,
) -> None:
    """Returns when all have ended; raises for the first failure seen."""
    deadline = Deadline(timeout)
    watch = DeadlockWatch(deadlock_check)
    total = len(jids)
    before = 0
    with Progress(total, text) as progress:
        for part in jids.parts():
            _join_part(session, part, deadline, ignore_errors, watch, progress, before)
            before += len(part)


def _join_part(
    session: Session,
    jids: JidSet,
    deadline: Deadline,
    ignore_errors: bool,
    watch: DeadlockWatch,
    progress: Progress,
    before: int,
) -> None:
    until = "all" if ignore_errors else "all_or_failure"
    while True:
        poll = watch.poll_ms(WATCHED_MS if progress.shown else POLL_MS)
        reply = wait(session, jids, until, deadline.left_ms(poll))
        progress.at(before + len(jids) - reply["unfinished"])
        if reply["first_failed"] is not None and not ignore_errors:
            from ._results import raise_failure

            raise_failure(session, reply["first_failed"])
        if reply["unfinished"] == 0:
            return
        watch.see(reply["queued"], reply["unfinished"])
        if deadline.passed():
            raise CloudTimeoutError(f"Timed out: {reply['unfinished']} of {len(jids)} jobs have not ended")
