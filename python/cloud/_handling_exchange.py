"""The thread of a handler job that talks with the server: one request settles messages and fetches more.

Requests are numbered. One that is said again, because its answer did not arrive, settles nothing twice
and gets the same messages. What was settled goes at once: a request that waits for messages is cut off.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from typing import TYPE_CHECKING, Any

from ._errors import CloudException
from ._frames import MEDIA_TYPE, encode, read_header
from ._handling_desk import Desk, Settled
from ._http import BACKOFF_FIRST, BACKOFF_MAX, refusal
from ._queue_calls import path_of
from ._queue_wire import Delivered, read_delivered
from ._wire import BadReply, Body, Line

if TYPE_CHECKING:
    from ._handling_reader import Reader
    from ._session import Session

__all__ = ["AttemptOver", "Channel", "Exchanger"]

IDLE_SECONDS = 20.0
"""A job ends after so long without a message."""
AHEAD_US = 250_000
"""Messages are fetched ahead for about so long: more would wait here while others could handle them."""
STUCK_SECONDS = 0.3
"""When handlers have not finished one for so long, those fetched ahead go back."""
LEASE_MAX = 1000
SETTLED_MAX = 2000
SETTLED_BYTES = 8 << 20
"""Bounds of what one request settles; one message is never split."""
EMPTY_SECONDS = 0.1
"""Before asking again a server that did not wait as long as it was asked to."""
OVER = (404, 409)
"""Refusals of an attempt that is over, or of a job whose queue is gone."""
LOCKED_OUT = (401, 403)
"""The same, of a job whose key was good before."""


class AttemptOver(Exception):  # noqa: N818, says what happened
    """The server has given up this attempt; what it held, others have."""


class _CutOff(Exception):  # noqa: N818, says what happened
    """A request that waited was ended, because there is something to settle."""


class Channel:
    """Says requests of one job to the server, each until it is answered."""

    def __init__(self, session: Session, name: str, desk: Desk) -> None:
        self._session = session
        self._desk = desk
        self._head = session.connection.head("POST", path_of(name, "/exchange"), MEDIA_TYPE)
        self._seconds = session.connection.request_timeout
        self._line: Line | None = None
        self._answered = False
        self._seq = 0

    def close(self) -> None:
        """Hangs up."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def exchange(
        self, settled: list[Settled], give_back: list[int], lease: int, wait: float
    ) -> tuple[list[Delivered], int | None, str | None]:
        """One exchange: messages that came, how many the job holds now, and why it is to end if it is."""
        self._seq += 1
        header: dict[str, Any] = {"seq": self._seq, "settled": len(settled), "lease": lease}
        if give_back:
            header["give_back"] = give_back
        if wait > 0:
            header["wait_ms"] = int(wait * 1000)
        frames = [done.frames for done in settled]
        try:
            body = self._ask(encode(header, frames), settled, wait)
        except _CutOff:
            # Whether it had got messages by then is not known: the same again, without waiting, tells.
            del header["wait_ms"]
            body = self._ask(encode(header), settled, 0.0)
        for done in settled:
            for _, pickled in done.blobs or ():
                pickled.close()
        answer, position = read_header(body)
        messages = read_delivered(body, position, int(answer["count"]))
        return messages, answer.get("holds"), answer.get("finish")

    def _ask(self, parts: list[Any], settled: list[Settled], wait: float) -> Any:
        body = Body(parts)
        tries = 0
        while True:
            fresh = self._line is None
            try:
                reply = self._once(body, wait)
            except (OSError, BadReply):
                # An idle line that the server had given up is no reason to wait.
                tries += fresh
                if tries and not self._pause(tries):
                    raise AttemptOver from None
                continue
            if reply.status < 400:
                self._answered = True
                return reply.body
            failure = refusal(reply)
            if failure.kind == "blob_missing":
                self._upload(settled)
            elif failure.status in OVER or (failure.status in LOCKED_OUT and self._answered):
                raise AttemptOver
            elif reply.status < 500 and not failure.retry:
                raise failure
            tries += 1
            if not self._pause(tries):
                raise AttemptOver

    def _once(self, body: Body, wait: float) -> Any:
        if self._desk.over:
            raise AttemptOver
        line = self._line
        if line is None:
            line = self._line = self._session.connection.dial()
        try:
            if wait > 0 and not self._desk.may_interrupt(line.interrupt):
                raise _CutOff
            reply, keep = line.exchange(self._head, body, self._seconds + wait)
        except (OSError, BadReply):
            self.close()
            if wait > 0 and self._desk.done:
                raise _CutOff from None
            raise
        finally:
            self._desk.may_interrupt(None)
        if not keep:
            self.close()
        return reply

    def _pause(self, tries: int) -> bool:
        """Waits before another try. False when the attempt is over."""
        pause = min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** min(tries, 10)) * (0.5 + random.random() / 2)
        end = time.monotonic() + pause
        while not self._desk.over and time.monotonic() < end:
            time.sleep(min(0.1, pause))
        return not self._desk.over

    def _upload(self, settled: list[Settled]) -> None:
        """Large contents that the server was believed to have: the last message with them is gone by now."""
        blobs = self._session.blobs
        blobs.forget()
        with contextlib.suppress(CloudException):  # then the exchange says again that they are missing
            blobs.put([blob for done in settled for blob in done.blobs or ()])


class Exchanger:
    """Fetches messages for readers and settles those they are done with."""

    def __init__(self, session: Session, name: str, desk: Desk, ahead: bool = True) -> None:
        self.readers: list[Reader] = []
        self.fault: BaseException | None = None
        self._desk = desk
        self._channel = Channel(session, name, desk)
        self._thread = threading.Thread(target=self._run, name="picloud-exchange", daemon=True)
        # Without `ahead`: what waits here would fail with a crash, as if it had been begun.
        self._ahead = ahead
        self._held = 0
        self._target = desk.readers
        """Messages that readers can handle within `AHEAD_US`."""
        self._counted = (0, 0)
        self._moved = time.monotonic()
        """When a reader was seen to have finished a message, or there was none to begin with."""

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def join(self, seconds: float | None = None) -> None:
        """Waits until everything is settled."""
        self._thread.join(seconds)

    def wait_until_unwanted(self, seconds: float, ask_seconds: float) -> None:
        """Handles nothing; returns when the job is to end, or after so long."""
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end and self._channel.exchange([], [], 0, 0.0)[2] is None:
                time.sleep(ask_seconds)
        except (AttemptOver, CloudException):
            pass
        finally:
            self._channel.close()

    def _run(self) -> None:
        try:
            self._exchange_until_done()
            self._desk.close()
        except AttemptOver:
            self._desk.abandon()
        except BaseException as error:
            self.fault = error
            self._desk.abandon()
        finally:
            self._channel.close()

    def _exchange_until_done(self) -> None:
        desk = self._desk
        last_message = time.monotonic()
        while True:
            idle = desk.idle
            settled = self._take()
            give_back = [message.id for message in self._stuck()]
            now = time.monotonic()
            if self._held or settled:
                last_message = now
            if desk.over or (desk.closing and not self._held):
                return
            lease, wait = self._wish(len(settled) + len(give_back))
            if wait and not self._held:
                wait = last_message + IDLE_SECONDS - now
                if wait <= 0:
                    return
            if not (settled or give_back or lease):
                desk.sleep(STUCK_SECONDS if desk.pending else None, idle)
                continue
            messages, holds, finish = self._channel.exchange(settled, give_back, lease, wait)
            self._held += len(messages) - len(settled) - len(give_back)
            if messages:
                last_message = time.monotonic()
                if not desk.pending:
                    self._moved = last_message
                desk.put(messages)
            elif wait and not finish and time.monotonic() - now < min(wait, 2 * EMPTY_SECONDS):
                desk.sleep(EMPTY_SECONDS, desk.readers)
            if finish or (holds or 0) > self._held:
                # More than it knows of came with an answer that was cut off: they go back with its end.
                desk.close()

    def _take(self) -> list[Settled]:
        """What readers are done with, as much as fits into a request."""
        taken = self._desk.take_settled(SETTLED_MAX, SETTLED_BYTES)
        if taken:
            self._measure()
        return taken

    def _measure(self) -> None:
        """How many messages to have at hand, from how long the last ones took."""
        count, busy_us = self._totals()
        some = count - self._counted[0]
        if some:
            each_us = max(1, (busy_us - self._counted[1]) // some)
            self._target = max(1, min(LEASE_MAX, self._desk.readers * AHEAD_US // each_us))
            self._counted = (count, busy_us)
            self._moved = time.monotonic()

    def _totals(self) -> tuple[int, int]:
        readers = self.readers
        return sum(reader.handled for reader in readers), sum(reader.busy_us for reader in readers)

    def _stuck(self) -> list[Delivered]:
        """Messages fetched ahead by handlers that have become slow: they are for others."""
        desk = self._desk
        now = time.monotonic()
        if not desk.pending or self._totals()[0] != self._counted[0]:
            self._moved = now
            return []
        if now - self._moved < STUCK_SECONDS:
            return []
        self._target = 0
        self._moved = now
        return desk.take_back()

    def _wish(self, leaving: int) -> tuple[int, float]:
        """How many messages to ask for, and how long to wait for the first of them."""
        desk = self._desk
        if desk.closing:
            return 0, 0.0
        pending = len(desk.pending)
        free = desk.readers - (self._held - leaving - pending - len(desk.done))
        most = max(free, self._target) if self._ahead else free
        lease = max(0, min(LEASE_MAX, most - pending))
        if leaving:
            return lease, 0.0
        if pending or free <= 0:
            # There is something to do: more is asked for when that is settled.
            return 0, 0.0
        return lease, IDLE_SECONDS
