"""Where the things a job says go: its standard streams, its log records, remarks about it.

`sys.stdout` and `sys.stderr` write frames, so that their order with the job's answer is fixed.
The descriptors 1 and 2 are pipes to the worker, for what programs and C code write.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from typing import Any

from .frames import clean
from .line import Line

#: Longest piece of a stream in one frame: a job that prints a gigabyte must not make anybody hold it.
_PIECE_BYTES = 64 << 10


class _FrameRaw(io.RawIOBase):
    """The bottom of a text stream: every write is a frame."""

    mode = "wb"

    def __init__(self, line: Line, kind: bytes, descriptor: int, name: str) -> None:
        self._line = line
        self._kind = kind
        self._descriptor = descriptor
        self.name = name

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """A real descriptor, which `subprocess` and `os.dup2` ask for."""
        return self._descriptor

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        if self._line.foreign:
            # A child that a job forked; the frames are its parent's, the pipe is everybody's.
            return os.write(self._descriptor, view)
        for start in range(0, len(view), _PIECE_BYTES):
            self._line.output(self._kind, view[start : start + _PIECE_BYTES].tobytes())
        return len(view)


class _FrameHandler(logging.Handler):
    """The root logger's handler."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
            if self._line.foreign:
                os.write(2, text)
                return
            for start in range(0, len(text), _PIECE_BYTES):
                self._line.output(b"L", text[start : start + _PIECE_BYTES])
        except Exception:
            # What a record with a wrong format string does; the standard way is a note on stderr.
            self.handleError(record)


class Streams:
    """Owns `sys.stdout`, `sys.stderr` and the root logger, and takes them back after each job."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._handlers: list[logging.Handler] = [_FrameHandler(line)]
        # Closed and opened by nobody: it has no way to fail.
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
        vars(sys)["__stdin__"] = sys.stdin
        self._make_standard()
        self._install()
        self._take_logging()
        # What is half written must not be written by parent and child both.
        os.register_at_fork(before=self._flush)

    def _open(self, kind: bytes, descriptor: int, name: str) -> io.TextIOWrapper:
        raw = _FrameRaw(self._line, kind, descriptor, name)
        return io.TextIOWrapper(
            io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
        )

    def _make_standard(self) -> None:
        self._out = self._open(b"O", 1, "<stdout>")
        self._err = self._open(b"E", 2, "<stderr>")

    def _install(self) -> None:
        # The second names are constants to a type checker, but not to Python, nor to a job.
        sys.stdout = self._out
        sys.stderr = self._err
        vars(sys).update(__stdout__=self._out, __stderr__=self._err)

    def _take_logging(self) -> None:
        logging.root.handlers = self._handlers[:]
        logging.root.setLevel(logging.INFO)
        logging.disable(logging.NOTSET)

    def remark(self, text: str) -> None:
        """A remark of the platform about the running job."""
        self._line.output(b"P", clean(text).encode() + b"\n")

    def syslog(self, text: bytes) -> None:
        """What the system saw of the running job."""
        self._line.output(b"Y", text)

    def _flush(self) -> bool:
        try:
            self._out.flush()
            self._err.flush()
        except (ValueError, OSError):
            # The job closed or detached one, or its own bytes cannot be sent any more.
            return False
        return True

    def finish(self) -> None:
        """Sends what the job has said but not yet flushed, and takes back what it replaced."""
        # By `getattr`, for a job may even have deleted them.
        out: Any = getattr(sys, "stdout", None)
        err: Any = getattr(sys, "stderr", None)
        theirs = out is not self._out or err is not self._err
        if theirs:
            for stream in (out, err):
                with contextlib.suppress(BaseException):  # An object of the job: anything may happen.
                    stream.flush()
        flushed = self._flush()
        if not flushed:
            self._make_standard()
        if theirs or not flushed or sys.__stdout__ is not self._out or sys.__stderr__ is not self._err:
            self._install()
        root = logging.root
        if root.handlers != self._handlers or root.level != logging.INFO or root.manager.disable:
            self._take_logging()
