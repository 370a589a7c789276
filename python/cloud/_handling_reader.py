"""One of the threads of a handler job that handle messages. What it does for each is kept short."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Iterable
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Callable

from ._errors import CloudException
from ._handling import HandlerOptions
from ._handling_desk import LARGE, Desk, Settled
from ._handling_outcomes import Outcomes
from ._queue_messages import Encoder, decode, from_json
from ._queue_wire import JSON, NONE, Delivered, settled_frame

if TYPE_CHECKING:
    from ._queue_messages import Blob
    from ._session import Session

__all__ = ["Reader"]

OUTPUT_BYTES = 32 << 20
OUTPUTS_MAX = 9_000
"""What becomes of one message travels in one request; these fit into it."""
AGAIN_SECONDS = 1.0


class _BadOutput(Exception):  # noqa: N818, carries the one that is told about
    """What the handler made cannot be sent on."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class Reader:
    """Handles messages with a copy of the handler of its own."""

    def __init__(self, session: Session, desk: Desk, options: HandlerOptions, outcomes: Outcomes) -> None:
        self.handled = 0
        """Messages, and ..."""
        self.busy_us = 0
        """... the time they took."""
        self._session = session
        self._desk = desk
        self._options = options
        self._outcomes = outcomes
        self._encoder = Encoder(session)
        self._call: Callable[..., Any]

    def run_copy(self, handler: bytes) -> None:
        """As `run`, with a handler that is still to be loaded."""
        try:
            loaded = pickle.loads(handler)
        except Exception as error:
            self._outcomes.report(error)
            return
        self.run(loaded)

    def run(self, handler: Any) -> None:
        """Handles messages until there are no more."""
        method = getattr(handler, "message_handler", None)
        self._call = handler if method is None else method
        if method is not None:
            self._hook(handler, "pre_handling")
        desk, pending, one = self._desk, self._desk.pending, self._one
        getpid, pid = os.getpid, os.getpid()
        while True:
            try:
                message = pending.popleft()
            except IndexError:
                if desk.wait():
                    continue
                break
            began = perf_counter_ns()
            settled = one(message, began)
            if getpid() != pid:
                # A child that the handler forked and that came back from it: the message is its parent's.
                os._exit(0)
            self.handled += 1
            self.busy_us += (perf_counter_ns() - began) // 1000
            if len(settled.frames) > LARGE:
                desk.settle_large(settled)
            else:
                desk.settle(settled)
        if method is not None and not desk.over:
            self._hook(handler, "post_handling")

    def _hook(self, handler: Any, name: str) -> None:
        hook = getattr(handler, name, None)
        if hook is None:
            return
        try:
            hook()
        except BaseException as error:
            if self._is_interruption(error):
                raise
            self._outcomes.report(error)

    def _one(self, message: Delivered, began: int) -> Settled:
        try:
            if message.kind == JSON and not message.blob and not message.error:
                value = from_json(message.data)
            else:
                value = self._patiently(lambda: decode(self._session, message))
        except Exception as error:
            return self._outcomes.failed(message, error, _since(began))
        try:
            options = self._options
            made = self._call(value, **self._extras(message)) if options.extras else self._call(value)
            if options.iter_output:
                count, frames = self._frames_of(made)
            elif made is None or not options.has_outputs:
                return Settled(settled_frame(message.id, _since(began), 0), None)
            else:
                count, frames = 1, self._frame(made, "the output")
            blobs = self._uploaded() if self._encoder.blobs else None
        except _BadOutput as error:
            self._encoder.take_blobs()
            return self._outcomes.failed(message, error.error, _since(began))
        except BaseException as error:
            self._encoder.take_blobs()
            if self._is_interruption(error):
                raise
            return self._outcomes.raised(message, error, _since(began))
        return Settled(settled_frame(message.id, _since(began), count) + frames, blobs)

    def _extras(self, message: Delivered) -> dict[str, Any]:
        allowed = self._options.max_retries if message.max_retries == NONE else message.max_retries
        extras = {"message_id": message.id, "cur_retry": message.cur_retry, "max_retries": allowed}
        return {name: extras[name] for name in self._options.extras}

    def _frame(self, value: Any, name: str) -> bytes:
        try:
            return self._encoder.frame(value, name)
        except Exception as error:
            raise _BadOutput(error) from None

    def _uploaded(self) -> list[Blob]:
        """The large outputs of a message, on the server."""
        blobs = self._encoder.take_blobs()
        try:
            self._patiently(lambda: self._session.blobs.put(blobs))
        except CloudException as error:
            raise _BadOutput(error) from None
        return blobs

    def _frames_of(self, made: Iterable[Any]) -> tuple[int, bytes]:
        """Each element is an output. Without output queues they are made all the same, and dropped."""
        if not self._options.has_outputs:
            for _ in made:
                pass
            return 0, b""
        frames: list[bytes] = []
        size = 0
        for element in made:
            frame = self._frame(element, f"output {len(frames)}")
            frames.append(frame)
            size += len(frame)
            if size > OUTPUT_BYTES or len(frames) > OUTPUTS_MAX:
                raise _BadOutput(_too_much(len(frames), size))
        return len(frames), b"".join(frames)

    def _patiently(self, do: Callable[[], Any]) -> Any:
        """What needs the server, again while it is away: that is no fault of the message."""
        while True:
            try:
                return do()
            except CloudException as error:
                passes = error.retry or (error.status or 0) >= 500
                if not passes or self._desk.over:
                    raise
                time.sleep(AGAIN_SECONDS)

    def _is_interruption(self, error: BaseException) -> bool:
        """Whether the job is being killed, which is not a matter of this message."""
        return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()


def _since(began: int) -> int:
    return (perf_counter_ns() - began) // 1000


def _too_much(count: int, size: int) -> CloudException:
    return CloudException(
        f"one message made more than may be handed on at once: {count:,} outputs, {size:,} bytes",
        kind="too_large",
        hint=f"at most {OUTPUTS_MAX:,} outputs, {OUTPUT_BYTES >> 20} MiB together; make them larger",
    )
