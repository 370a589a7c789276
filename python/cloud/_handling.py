"""The function of handler jobs: takes messages of a queue and runs the handler on them.

The main thread handles messages, and so do more threads where `readers_per_job` asks for them. One thread
beside them exchanges with the server: what was settled goes, what comes next arrives, while handlers work.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

from ._errors import CloudException

if TYPE_CHECKING:
    from ._handling_exchange import Exchanger

__all__ = ["EXTRAS", "HandlerOptions", "handle"]

EXTRAS = ("message_id", "cur_retry", "max_retries")
"""What a handler may take beside the message, by these names."""
LOAD_SECONDS = 10.0
"""How long a job lasts at least that cannot handle anything: the next one will not fare better."""
ASK_SECONDS = 0.5
JOIN_SECONDS = 1.0


class HandlerOptions:
    """What a job must know to run the handler; made by `attach`, and sent with it."""

    def __init__(
        self,
        name: str,
        extras: tuple[str, ...],
        has_outputs: bool,
        iter_output: bool,
        readers: int,
        retry_on: tuple[type[BaseException], ...],
        max_retries: int | None,
        retry_delay: int | None,
        on_error: tuple[type[BaseException], ...],
        restartable: bool,
    ) -> None:
        self.name = name
        self.extras = extras
        self.has_outputs = has_outputs
        self.iter_output = iter_output
        self.readers = readers
        self.retry_on = retry_on
        self.max_retries = max_retries
        self.retry_delay = retry_delay
        self.on_error = on_error
        self.restartable = restartable

    def entry_of(self, kind: type[BaseException]) -> int | None:
        """The entry of `on_error` that takes exceptions of this class: that of its closest base."""
        for base in kind.__mro__:
            if base in self.on_error:
                return self.on_error.index(base)
        return None


def handle(handler: bytes, options: HandlerOptions) -> None:
    """Runs until there are no messages for a while, or the server says that it is enough.

    Raises the first exception that a message failed with: the job shows it.
    """
    from ._core import current
    from ._handling_desk import Desk
    from ._handling_exchange import Exchanger
    from ._handling_outcomes import Outcomes
    from ._handling_reader import Reader

    session = current()._session()
    desk = Desk(options.readers)
    exchanger = Exchanger(session, options.name, desk, options.restartable)
    try:
        first: Any = pickle.loads(handler)
    except Exception:
        _report_unloadable(exchanger, options.name)
        raise
    outcomes = Outcomes(session, options, int(os.environ["PICLOUD_JOB_ID"]))
    try:
        readers = [Reader(session, desk, options, outcomes) for _ in range(options.readers)]
    except CloudException:
        # Nobody to ask whether it is wanted: jobs of this worker may have no network.
        time.sleep(LOAD_SECONDS)
        raise
    exchanger.readers = readers
    # Not named like the package's own threads: a process in which one is stuck must not run other jobs.
    threads = [
        threading.Thread(target=reader.run_copy, args=(handler,), name=f"reader-{number}", daemon=True)
        for number, reader in enumerate(readers[1:], 2)
    ]
    exchanger.start()
    try:
        for thread in threads:
            thread.start()
        readers[0].run(first)
        for thread in threads:
            _join(thread, desk)
        exchanger.join()
    except BaseException:
        desk.abandon()
        exchanger.join(JOIN_SECONDS)
        raise
    if exchanger.fault is not None:
        raise exchanger.fault
    if outcomes.first is not None:
        raise outcomes.first


def _join(thread: threading.Thread, desk: Any) -> None:
    """Waits for a reader; once the attempt is over, only as long as it takes one that is not stuck."""
    while thread.is_alive():
        thread.join(JOIN_SECONDS)
        if desk.over:
            return


def _report_unloadable(exchanger: Exchanger, name: str) -> None:
    """Says so, and does not end at once: the server would make the next job, which ends the same way."""
    sys.stderr.write(
        f"the handler of the queue {name} could not be loaded; its messages stay in the queue\n"
        f"{traceback.format_exc()}"
    )
    sys.stderr.flush()
    exchanger.wait_until_unwanted(LOAD_SECONDS, ASK_SECONDS)
