"""From how a job failed to the exception that says so."""

from __future__ import annotations

import pickle
from typing import Any

from ._errors import CloudException, RemoteTraceback
from ._frames import Bytes

__all__ = ["ERROR", "FAILED", "KILLED", "STALLED", "STATES", "failure_exception", "rebuilt", "warn_failed"]

STATES = ("waiting", "queued", "queued", "processing", "done", "error", "killed", "stalled")
"""Names of the states by their numbers on the wire."""
DONE, ERROR, KILLED, STALLED = 4, 5, 6, 7
FAILED = ("error", "killed", "stalled")


def failure_exception(jid: int, state: int, failure: dict[str, Any], pickled: Bytes) -> Exception:
    """The exception a job raised, with the remote traceback as its cause; else a CloudException."""
    text = str(failure.get("exception") or "").rstrip()
    verdict = failure.get("verdict")
    verdict = verdict if isinstance(verdict, dict) else {}
    kind = verdict.get("kind")
    hint = failure.get("hint")
    # A function that could not be loaded raised nothing itself: its ImportError would look like one here.
    if state == ERROR and kind != "not_loaded" and len(pickled):
        raised = rebuilt(pickled, jid, text, hint)
        if raised is not None:
            return raised
    message = _out_of_memory(verdict, text) if kind == "out_of_memory" else _message(state, kind, text)
    return CloudException(
        message, jid=jid, hint=hint, kind=kind, remote_traceback=text or None, verdict=verdict or None
    )


def _message(state: int, kind: str | None, text: str) -> str:
    if state == KILLED:
        if not text or text.lower().startswith("killed"):
            return text or "Killed"
        separator = "\n" if "\n" in text else ": "
        return f"Killed{separator}{text}"
    if state == STALLED:
        reason = "Could not start due to dependency erroring"
        return f"{reason}: {text}" if text and not text.startswith(reason) else reason
    if kind == "not_loaded" and not text.startswith("Could not depickle job"):
        return f"Could not depickle job\n{text}"
    return text or "unknown error"


def _out_of_memory(verdict: dict[str, Any], text: str) -> str:
    """The evidence in one sentence, and the traceback below it where there is one."""
    from ._figures import size

    limit, peak = size(verdict.get("limit_bytes", 0)), size(verdict.get("peak_bytes", 0))
    count = verdict.get("failures", 0)
    failures = "one allocation" if count == 1 else f"{count} allocations"
    said = f"Out of memory: limit {limit}, peak {peak}, {failures} failed"
    return f"{said}\n{text}" if "\n" in text else said


def rebuilt(pickled: Bytes, jid: int, text: str, hint: str | None = None) -> Exception | None:
    """The exception that was raised in a job, with the traceback it had there; None if it cannot be had."""
    try:
        exception = pickle.loads(pickled)
    except Exception:
        return None  # its class does not exist here, or refuses; the traceback still tells the story
    # What ends a program must not end this one: KeyboardInterrupt there is not one here.
    if not isinstance(exception, Exception):
        return None
    # With the tip: notes would say it more plainly, but Python has them only since 3.11.
    exception.__cause__ = RemoteTraceback(f"{text}\nTIP: {hint}" if hint else text, jid)
    exception.__suppress_context__ = True
    try:
        exception.jid = jid  # type: ignore[attr-defined]
        exception.hint = hint  # type: ignore[attr-defined]
        exception.remote_traceback = text  # type: ignore[attr-defined]
        add_note = getattr(exception, "add_note", None)
        if add_note is not None:
            add_note(f"raised in job {jid}")
    except (AttributeError, TypeError):
        pass  # a class with __slots__; the cause has both
    return exception


def warn_failed(jid: int, exception: BaseException) -> None:
    """The line on the console that a job failed."""
    import logging

    logger = logging.getLogger("Cloud")
    if not logger.handlers and not logging.getLogger().handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(
            logging.Formatter("[%(asctime)s] - [%(levelname)s] - %(name)s: %(message)s", "%c")
        )
        logger.addHandler(handler)
        logger.propagate = False
    if not logger.isEnabledFor(logging.WARNING):
        return
    text = (
        getattr(exception, "remote_traceback", None)
        or getattr(exception, "parameter", None)
        or str(exception)
    )
    logger.warning("Job %d threw exception:\n %s", jid, str(text).rstrip())
