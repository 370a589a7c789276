"""The executor's end of the job socket.

Three may want it at once: the executor, the job's threads, which print, and the handler of
SIGUSR1, which reads to learn what must not go on. A reentrant lock keeps frames whole, and its
owner is how the handler knows that it interrupted the main thread inside a frame: then it only
leaves a note, for the main thread to act on once the frame is out.
"""

from __future__ import annotations

import collections
import os
import select
import signal
import socket
import struct
import threading
from typing import Any

from .frames import FrameBuffer, FrameError, frame

#: Exit code when the socket, or what came over it, was broken.
EXIT_BROKEN = 71

_CHUNK_BYTES = 64 << 10
_BIG_CHUNK_BYTES = 1 << 20
#: Identifies a socket for as long as it lives (Linux 4.12); absent from the module before 3.14.
_SO_COOKIE = 57

_OUTPUT = struct.Struct(">IcQ")
_JIDS = struct.Struct(">Q")
_ANSWER = struct.Struct(">IcQBB7QI")

DONE, FAILED, SKIPPED, INTERRUPTED = range(4)
ENDS, DRAIN = 1, 2

#: Wall, user and system time in µs, peak memory, failed allocations, bytes read and written.
Usage = tuple[int, int, int, int, int, int, int]
NOTHING_USED: Usage = (0, 0, 0, 0, 0, 0, 0)

_CANCEL = ord("C")
_DRAINED = ord("D")
_JOB = ord("J")


def answer(
    jid: int,
    status: int,
    payload: bytes = b"\0",
    json: bytes = b"",
    flags: int = 0,
    usage: Usage = NOTHING_USED,
) -> bytes:
    """An `X` frame."""
    length = _ANSWER.size - 4 + len(json) + len(payload)
    return b"".join((_ANSWER.pack(length, b"X", jid, status, flags, *usage, len(json)), json, payload))


class Line:
    """Frames in and out, and the interruption of the running job."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.settimeout(None)
        # Bound now: jobs patch classes, as gevent does.
        self._sendall, self._recv = self._socket.sendall, self._socket.recv
        self._getsockopt = self._socket.getsockopt
        self._cookie = self._read_cookie()
        self._lock = threading.RLock()
        # Held by this very thread: private to typeshed, but there since Python 2.
        self._owned: Any = getattr(self._lock, "_is_owned")  # noqa: B009
        self._buffer = FrameBuffer()
        self._queue: collections.deque[bytes] = collections.deque()
        self._drained = False
        # A signal came that was not acted on yet.
        self._noted = False
        # The handler reads; another signal must not start a second reading inside the first.
        self._reading = False
        #: Job that output belongs to; 0 between jobs, when output belongs to nobody.
        self.running = 0
        #: Whether code of the job runs in the main thread, so that it may be interrupted.
        self.in_job = False
        #: Whether the running job was.
        self.interrupted = False
        #: Set in a child that a job forked: the line is not its own.
        self.foreign = False

    def _read_cookie(self) -> bytes:
        try:
            return self._getsockopt(socket.SOL_SOCKET, _SO_COOKIE, 8)
        except OSError:
            # Not here, or closed by the job; told apart by what it was at the start.
            return b""

    def intact(self) -> bool:
        """Whether our descriptor is still our socket, and not what a job opened in its place."""
        return self._read_cookie() == self._cookie

    def disown(self) -> None:
        """In a forked child: its parent's socket must neither be written to nor kept open."""
        self.foreign = True
        self._socket.close()

    # Out.

    def send(self, data: bytes) -> None:
        """Sends whole frames. Raises `OSError` when the job closed the socket."""
        with self._lock:
            # A job may have put SIGPIPE back to its default, which ends the process.
            self._sendall(data, socket.MSG_NOSIGNAL)
        self._after_sending()

    def _after_sending(self) -> None:
        if self._noted and self.in_job and threading.current_thread() is threading.main_thread():
            self._read_at_once()

    def output(self, kind: bytes, data: bytes) -> None:
        """Sends a piece of a stream of the running job. What is said between jobs is lost."""
        with self._lock:
            jid = self.running
            if jid:
                self._sendall(_OUTPUT.pack(9 + len(data), kind, jid) + data, socket.MSG_NOSIGNAL)
        self._after_sending()

    def finish(self, data: bytes) -> None:
        """Sends the answer; no output of the job comes after it, whatever its threads do."""
        with self._lock:
            self._sendall(data, socket.MSG_NOSIGNAL)
            self.running = 0

    # In.

    def next(self) -> bytes | None:
        """The next frame in order, waiting for it. None when the worker is gone."""
        if self._take_note():
            self._read_ready()
        while not self._queue:
            data = self._receive(0)
            if not data:
                return None
            self._feed(data)
        return self._queue.popleft()

    def begin(self, jid: int) -> None:
        """From here until `in_job` is false SIGUSR1 may raise `KeyboardInterrupt`, even in this call."""
        self.running = jid
        self.in_job = True
        if self._noted:
            self._read_at_once()

    def wait_drained(self, timeout_s: float) -> None:
        """Waits until the worker has read the pipes, but not forever."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while not self._drained and poll.poll(timeout_s * 1000):
            data = self._receive(0)
            if not data:
                break
            self._feed(data)
        self._drained = False

    def _receive(self, flags: int) -> bytes:
        size = _CHUNK_BYTES if self._buffer.missing <= _CHUNK_BYTES else _BIG_CHUNK_BYTES
        return self._recv(size, flags)

    def _read_ready(self) -> bool:
        """Takes in what has arrived, without waiting; whether the running job is meant by it."""
        meant = False
        while True:
            try:
                data = self._receive(socket.MSG_DONTWAIT)
            except BlockingIOError:
                return meant
            except OSError:
                # Raised into the job, it would be a riddle; and the job could not be answered.
                os._exit(EXIT_BROKEN)
            if not data:
                os._exit(0)
            meant |= self._feed(data)

    def _feed(self, data: bytes) -> bool:
        meant = False
        try:
            bodies = self._buffer.feed(data)
        except FrameError:
            os._exit(EXIT_BROKEN)
        for body in bodies:
            kind = body[0]
            if kind == _CANCEL:
                jids = {jid for (jid,) in _JIDS.iter_unpack(body[1:])}
                self._skip(jids)
                meant |= self.in_job and self.running in jids
            elif kind == _DRAINED:
                self._drained = True
            else:
                self._queue.append(body)
        return meant

    def _skip(self, jids: set[int]) -> None:
        """Answers for those that have not begun, and forgets them."""
        kept: list[bytes] = []
        skipped: list[bytes] = []
        for body in self._queue:
            jid = _JIDS.unpack_from(body, 1)[0] if body[0] == _JOB else None
            if jid in jids:
                skipped.append(answer(jid, SKIPPED))
            else:
                kept.append(body)
        self._queue.clear()
        self._queue.extend(kept)
        if skipped:
            with self._lock:
                self._sendall(b"".join(skipped), socket.MSG_NOSIGNAL)

    # Interruption.

    def handle_signal(self, _signum: int = signal.SIGUSR1, _frame: object = None) -> None:
        """The handler of SIGUSR1: "read your socket"."""
        if self.foreign:
            return
        self._noted = True
        if self.in_job and not self._owned():
            self._read_at_once()

    def _take_note(self) -> bool:
        if self._noted:
            # Cleared before the reading: a signal in between means more to read.
            self._noted = False
            return True
        return False

    def _read_at_once(self) -> None:
        if self._reading:
            return
        meant = False
        self._reading = True
        while self._take_note():
            meant |= self._read_ready()
        self._reading = False
        if self._noted:
            # Came between the last look and the line above.
            self._read_at_once()
        # Marked before the raise and never twice in one job: who catches the first has no
        # second one to fear while putting things in order.
        if meant and not self.interrupted:
            self.interrupted = True
            raise KeyboardInterrupt("the job was killed")


def ready() -> bytes:
    """The frame that says that jobs can be sent."""
    return frame(b"R")
