"""One daemon thread that waits until any of the jobs it was given ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import Callable

from ._errors import CloudException
from ._jids import JidSet
from ._session import Session
from ._wait import wait

__all__ = ["Watcher"]

POLL_FIRST_MS = 20
POLL_MAX_MS = 200
"""A job added while a poll is under way is in the next one: so polls are short."""
AFTER_FAILURE_SECONDS = 1.0


class Watcher:
    """Calls `on_finished` with the ids of jobs that have ended, each once."""

    def __init__(
        self,
        session: Session,
        on_finished: Callable[[JidSet], None],
        on_lost: Callable[[JidSet, CloudException], None] | None = None,
    ) -> None:
        self._session = session
        self._on_finished = on_finished
        self._on_lost = on_lost
        self._jids: set[int] = set()
        self._condition = threading.Condition()
        self._poll_ms = POLL_FIRST_MS
        self._stopped = False
        self._pid = 0

    def add(self, jids: Iterable[int]) -> None:
        """Watches more jobs."""
        with self._condition:
            self._jids.update(jids)
            self._poll_ms = POLL_FIRST_MS
            if self._pid != os.getpid():  # also after a fork, which takes no threads along
                self._pid = os.getpid()
                threading.Thread(target=self._run, name="picloud-watcher", daemon=True).start()
            self._condition.notify()

    def stop(self) -> None:
        """Watches no more."""
        with self._condition:
            self._stopped = True
            self._condition.notify()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._jids and not self._stopped:
                    self._condition.wait()
                if self._stopped:
                    return
                jids = next(JidSet.of(sorted(self._jids)).parts())
                poll_ms, self._poll_ms = self._poll_ms, min(POLL_MAX_MS, self._poll_ms * 2)
            try:
                finished = JidSet.parse(wait(self._session, jids, "any", poll_ms)["finished"])
                if finished:
                    with self._condition:
                        self._jids.difference_update(finished)
                    self._on_finished(finished)
            except CloudException as error:
                if self._give_up(jids, error):
                    return

    def _give_up(self, jids: JidSet, error: CloudException) -> bool:
        """After a refusal, tells about it; after a lost connection tries again. True once stopped."""
        if error.status is not None and error.status < 500:
            with self._condition:
                self._jids.difference_update(jids)
            if self._on_lost is not None:
                self._on_lost(jids, error)
            return False
        return self._session.connection.closed.wait(AFTER_FAILURE_SECONDS)
