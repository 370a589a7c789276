"""What lies between those who handle messages and the thread that fetches and settles them.

Both ends are deques, whose ends may be used by any thread without a lock. Who finds nothing waits; the
other side looks at a flag whether somebody does. Both first put down what they have, then look, so that
no wake-up is missed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Callable, NamedTuple

if TYPE_CHECKING:
    from ._queue_messages import Blob
    from ._queue_wire import Delivered

__all__ = ["Desk", "Settled"]


LARGE = 32 << 10
"""What is said of a message counts from so many bytes on: less is not much, of all fetched ahead."""
DONE_BYTES = 32 << 20
"""What is settled and not yet sent may be so large."""


class Settled(NamedTuple):
    """What became of a message: the frames that say so, and the large contents that they name."""

    frames: bytes
    blobs: list[Blob] | None


class Desk:
    """Messages to be handled on one side, messages that were on the other."""

    def __init__(self, readers: int) -> None:
        self.readers = readers
        self.pending: deque[Delivered] = deque()
        self.done: deque[Settled] = deque()
        self.idle = 0
        """Readers that wait for a message; changed with `_change` held."""
        self.closing = False
        """No more messages come: readers end when there is none left."""
        self.over = False
        """The attempt is over: what is handled now counts for nothing."""
        self._large_bytes = 0
        self._change = threading.Condition(threading.Lock())
        self._waiting = False
        self._wake = threading.Event()
        self._interrupt: Callable[[], None] | None = None

    # For readers.

    def settle(self, settled: Settled) -> None:
        """Puts down what became of a message."""
        self.done.append(settled)
        if self._waiting or self._interrupt is not None:
            self._call()

    def settle_large(self, settled: Settled) -> None:
        """As `settle`, but waits while too much lies here: handlers may be faster than the server's disk."""
        while not self.over and self._large_bytes > DONE_BYTES:
            time.sleep(0.01)
        with self._change:
            self._large_bytes += len(settled.frames)
        self.settle(settled)

    def wait(self) -> bool:
        """Waits for a message. False when there will be none any more."""
        with self._change:
            self.idle += 1
            try:
                if self._waiting:
                    self._call()
                while not self.pending:
                    if self.closing:
                        return False
                    self._change.wait()
                return True
            finally:
                self.idle -= 1

    # For the exchange.

    def take_settled(self, count: int, size: int) -> list[Settled]:
        """What readers are done with: at most so many, and not more once they have so many bytes."""
        taken: list[Settled] = []
        while self.done and len(taken) < count and size > 0:
            settled = self.done.popleft()
            length = len(settled.frames)
            if length > LARGE:
                with self._change:
                    self._large_bytes -= length
            size -= length
            taken.append(settled)
        return taken

    def put(self, messages: list[Delivered]) -> None:
        """Lays out messages."""
        self.pending.extend(messages)
        if self.idle:
            with self._change:
                self._change.notify(len(messages))

    def take_back(self) -> list[Delivered]:
        """Those that nobody has begun with."""
        found = []
        try:
            while True:
                found.append(self.pending.popleft())
        except IndexError:
            return found

    def sleep(self, seconds: float | None, idle: int) -> None:
        """Waits until a reader has settled a message, or more than `idle` of them wait; at most so long."""
        self._waiting = True
        if not self.done and self.idle <= idle and not self.over:
            self._wake.wait(seconds)
        self._waiting = False
        self._wake.clear()

    def may_interrupt(self, interrupt: Callable[[], None] | None) -> bool:
        """From now on `interrupt` is called when a message is settled. False if one is already."""
        self._interrupt = interrupt
        if self.done or self.over:
            self._interrupt = None
            return False
        return True

    def close(self) -> None:
        """Lets readers end."""
        self.closing = True
        with self._change:
            self._change.notify_all()

    def abandon(self) -> None:
        """Ends everything: nothing that is done here counts any more."""
        self.over = True
        self.take_back()
        self.close()
        self._call()

    def _call(self) -> None:
        self._waiting = False
        self._wake.set()
        interrupt, self._interrupt = self._interrupt, None
        if interrupt is not None:
            interrupt()
