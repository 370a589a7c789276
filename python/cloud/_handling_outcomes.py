"""What becomes of messages whose handler failed: another try, or an error message, or nothing."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

from ._errors import CloudException
from ._handling_desk import Settled
from ._queue_calls import path_of
from ._queue_errors import MaxRetryException, Retry
from ._queue_wire import NONE, Delivered, failed_frame, retry_frame

if TYPE_CHECKING:
    from ._handling import HandlerOptions
    from ._session import Session

__all__ = ["Outcomes"]

RETENTION_DEFAULT_S = 345_600
RETENTION_ASKED_SECONDS = 300.0
EXCEPTION_BYTES = 48 << 10
"""A pickled exception may be so large; in base64 that is 64 KiB."""
TEXT_MAX = 4_000
TRACEBACK_MAX = 32_000
_OWN = ("_handling_reader.py", "_handling_outcomes.py", "_handling.py")


class Outcomes:
    """Decides for all readers of a job, and remembers the first failure."""

    def __init__(self, session: Session, options: HandlerOptions, jid: int) -> None:
        self.first: BaseException | None = None
        """What the job ends with."""
        self._session = session
        self._options = options
        self._jid = jid
        self._lock = threading.Lock()
        self._retention: tuple[float, int] = (-1e9, RETENTION_DEFAULT_S)

    def raised(self, message: Delivered, error: BaseException, handled_us: int) -> Settled:
        """The handler raised."""
        options = self._options
        retry: Retry | None = None
        if isinstance(error, Retry) and not isinstance(error, MaxRetryException):
            retry = error
        elif options.retry_on and isinstance(error, options.retry_on):
            retry = Retry()
        if retry is None:
            return self.failed(message, error, handled_us)
        carried = message.max_retries if retry.max_retries is None else retry.max_retries
        allowed = options.max_retries if carried == NONE else carried
        if allowed is not None and message.cur_retry >= allowed:
            tries = "once" if allowed == 1 else f"{allowed} times"
            return self._exhausted(message, error, f"retried {tries}", handled_us)
        delay = retry.delay if retry.delay is not None else options.retry_delay or 0
        kept = self._retention_s()
        if time.time() + delay - message.created / 1000 > kept:
            return self._exhausted(message, error, f"first pushed more than {kept:,} s ago", handled_us)
        return Settled(retry_frame(message.id, handled_us, delay, carried), None)

    def _exhausted(self, message: Delivered, error: BaseException, why: str, handled_us: int) -> Settled:
        text = _printed(error) or type(error).__name__
        error.__traceback__ = _below_own(error)
        final = MaxRetryException(error, f"{text} ({why})")
        final.__cause__ = error
        # Whoever sorts errors by their class means that of the last one, unless he says otherwise.
        of = MaxRetryException if MaxRetryException in self._options.on_error else type(error)
        return self.failed(message, final, handled_us, of)

    def failed(
        self, message: Delivered, error: BaseException, handled_us: int, of: type[BaseException] | None = None
    ) -> Settled:
        """It is over for the message. `of`: the class that decides where the error goes."""
        text = self.report(error, message.id)
        entry = self._options.entry_of(of or type(error))
        about = {
            "source_queue": self._options.name,
            "exception_type": _plain(_type_name(error)),
            "exception_text": _plain(_printed(error)[:TEXT_MAX]),
            "traceback": _plain(text if len(text) <= TRACEBACK_MAX else f"...\n{text[-TRACEBACK_MAX:]}"),
            "cur_retry": message.cur_retry,
            "jid": self._jid,
        }
        if entry is not None:
            pickled = _pickled(error)
            if pickled is not None:
                about["exception_pickle"] = base64.b64encode(pickled).decode()
        data = json.dumps(about).encode()
        return Settled(failed_frame(message.id, handled_us, NONE if entry is None else entry, data), None)

    def report(self, error: BaseException, id: int | None = None) -> str:
        """Writes a traceback to stderr and returns it; the job ends with the first."""
        trace = _below_own(error)
        text = "".join(_lines(error, trace))
        with self._lock:
            if self.first is None:
                self.first = error.with_traceback(trace)
                # What the frames hold would live as long as the job does.
                traceback.clear_frames(trace)
            about = "" if id is None else f"message {id} of the queue {self._options.name} failed\n"
            stderr: Any = sys.stderr
            try:
                stderr.write(about + text)
                stderr.flush()
            except Exception:  # what the handler put in its place; the error message has the traceback, too
                pass
        return text

    def _retention_s(self) -> int:
        """How long the queue keeps messages."""
        asked, known = self._retention
        if time.monotonic() - asked > RETENTION_ASKED_SECONDS:
            try:
                found = self._session.connection.json("GET", path_of(self._options.name))
                known = int(found["retention_s"])
            except CloudException:
                pass  # as it was known last
            self._retention = (time.monotonic(), known)
        return known


def _below_own(error: BaseException) -> Any:
    """The traceback from where code of the user begins."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        if not trace.tb_frame.f_code.co_filename.endswith(_OWN):
            break
        trace = trace.tb_next
    return trace


def _lines(error: BaseException, trace: Any) -> list[str]:
    try:
        return traceback.format_exception(type(error), error, trace)
    except Exception:  # its __str__ raises, or something above it
        return [*traceback.format_tb(trace), f"{_type_name(error)}: {_printed(error)}\n"]


def _printed(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as cause:
        return f"<its text could not be had: {type(cause).__name__}>"


def _plain(text: str) -> str:
    """Without halves of characters, which strings of Python may have and others may not."""
    return text.encode("utf-8", "backslashreplace").decode()


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _pickled(error: BaseException) -> bytes | None:
    """The exception, with its causes if they can be; None where it cannot be."""
    import pickle

    # Classes travel by name only if the module they are in has been imported.
    from . import queue  # noqa: F401
    from ._runner.pickles import dump_exception

    for chained, bare in ((True, False), (True, True), (False, False), (False, True)):
        try:
            data = dump_exception(error, chained, bare)
            if len(data) <= EXCEPTION_BYTES and type(pickle.loads(data)) is type(error):
                return data
        except BaseException:  # code of the handler ran in there
            continue
    return None
