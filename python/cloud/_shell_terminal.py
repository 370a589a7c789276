"""The job that is a shell for a terminal elsewhere. Standard library only.

Two requests that last are joined by the server: what this one sends in its body, the terminal gets, and the
other way round. One thread does all, so that nothing is read that nobody takes: a program that writes faster
than the terminal shows waits, as it would at a terminal of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from typing import Any

__all__ = ["run"]

MEDIA_TYPE = "application/vnd.picloud.terminal"
HEAD = struct.Struct(">cI")
FRAME_BYTES = 64 << 10
AWAY_BYTES = 64 << 10
"""So much of the end of what was written while no terminal was open is shown to the next one."""
KEEP_ALIVE_S = 15.0
SILENCE_S = 60.0
"""A server that says nothing for so long is gone."""
ALONE_S = 60.0
"""How long a shell waits for its first terminal, and one that is kept for a server that is away."""
END_S = 2.0
"""How long programs have to end after the terminal hung up."""
RECONNECT_S = 0.5
SEND_S = 20.0
"""How long the last of what was written may take."""
ENDED_POLL_S = 0.2
DRAINED_POLL_S = 0.01
LAST_BYTES = 256 << 10


def run(*, pty: bool, keep_alive: bool, term: str = "", columns: int = 80, rows: int = 24) -> bytes:
    """Runs bash for a terminal until it exits or the terminal is closed.

    A job that is kept alive keeps its shell for the next terminal, and has a fresh one after that exits.
    Without `pty` the shell reads commands from a pipe. Returns the exit status as text.
    """
    while True:
        shell = _Shell(pty, term, columns, rows)
        try:
            stay = _serve(shell, keep_alive)
        finally:
            status = shell.end()
        if not stay:
            return b"%d\n" % status


def _serve(shell: _Shell, keep_alive: bool) -> bool:
    """Has terminals talk to one shell. Whether the job goes on with another."""
    from ._core import current

    connection = current()._session().connection
    path = f"/v1/jobs/{int(os.environ['PICLOUD_JOB_ID'])}/terminal/job"
    talk = _Talk(shell, keep_alive)
    since: float | None = None
    while since is None or time.monotonic() - since < ALONE_S:
        try:
            line = _Line(connection, path)
        except OSError as error:
            if since is None:
                raise connection._unreachable(error) from None
            time.sleep(RECONNECT_S)
            continue
        try:
            ended = talk.through(line)
        finally:
            line.close()
        if ended or not keep_alive:
            return ended and keep_alive
        since = time.monotonic()
    return False


class _Line:
    """The request: chunks of its body go out, those of the answer come in, neither waiting for the other."""

    def __init__(self, connection: Any, path: str) -> None:
        self._line = connection.dial()
        try:
            self.socket = self._line._socket
            self.socket.settimeout(connection.request_timeout)
            head = connection.head("POST", path, MEDIA_TYPE)
            self.socket.sendall((head + "Transfer-Encoding: chunked\r\n\r\n").encode("latin-1"))
            status, headers, _ = self._line._head()
            if status != 200:
                from ._http import refusal
                from ._wire import Reply

                raise refusal(Reply(status, headers, self._line._body(headers, None)[0]))
        except BaseException:
            self.close()
            raise
        self._raw, self._line._buffer = bytearray(self._line._buffer), b""
        self._in_chunk = 0
        self._frames = bytearray()
        self._out = bytearray()
        self.is_over = False
        self.socket.setblocking(False)
        # What came with the head.
        self._unchunk()

    def close(self) -> None:
        self._line.close()

    @property
    def wants_to_send(self) -> bool:
        return bool(self._out)

    def say(self, kind: bytes, rest: bytes = b"") -> None:
        """Puts a frame in line. To be called when nothing else is, or it is short."""
        frame = HEAD.pack(kind, len(rest)) + rest
        self._out += b"%x\r\n%s\r\n" % (len(frame), frame)

    def finish(self) -> None:
        """The end of the body, sent with what is left as far as that goes."""
        self._out += b"0\r\n\r\n"
        self.socket.settimeout(SEND_S)
        with contextlib.suppress(OSError):
            self.socket.sendall(self._out)
            # The server ends its answer when it has taken all; to hang up before could cut that short.
            while not self.is_over:
                self.receive()

    def send(self) -> None:
        """Some of what is in line."""
        try:
            del self._out[: self.socket.send(self._out)]
        except OSError as error:
            self.is_over = self.is_over or not _is_busy(error)

    def receive(self) -> None:
        """What is there."""
        try:
            piece = self.socket.recv(FRAME_BYTES)
        except OSError as error:
            self.is_over = self.is_over or not _is_busy(error)
            return
        if not piece:
            self.is_over = True
        self._raw += piece
        self._unchunk()

    def has_more(self) -> bool:
        """Whether TLS has read more than it handed out, of which `select` knows nothing."""
        pending = getattr(self.socket, "pending", None)
        return bool(pending and pending())

    def frames(self) -> Iterator[tuple[bytes, bytes]]:
        """Frames that are there whole."""
        while len(self._frames) >= HEAD.size:
            kind, length = HEAD.unpack_from(self._frames)
            if len(self._frames) < HEAD.size + length:
                return
            rest = bytes(self._frames[HEAD.size : HEAD.size + length])
            del self._frames[: HEAD.size + length]
            yield kind, rest

    def _unchunk(self) -> None:
        while self._raw:
            if self._in_chunk > 2:
                part = self._raw[: self._in_chunk - 2]
                self._frames += part
                self._in_chunk -= len(part)
                del self._raw[: len(part)]
            elif self._in_chunk:
                part = self._raw[: self._in_chunk]
                self._in_chunk -= len(part)
                del self._raw[: len(part)]
            else:
                end = self._raw.find(b"\r\n")
                if end < 0:
                    return
                size = int(bytes(self._raw[:end]).partition(b";")[0], 16)
                del self._raw[: end + 2]
                if not size:
                    self.is_over = True
                    return
                self._in_chunk = size + 2


def _is_busy(error: OSError) -> bool:
    # Those of TLS are no BlockingIOError, and importing `ssl` to say so is not worth it.
    return isinstance(error, (BlockingIOError, InterruptedError)) or type(error).__name__ in (
        "SSLWantReadError",
        "SSLWantWriteError",
    )


class _Shell:
    """bash, with a terminal of its own or with pipes."""

    def __init__(self, pty: bool, term: str, columns: int, rows: int) -> None:
        environment = {**os.environ, "TERM": term or "dumb"}
        self._is_pty = pty
        self._status: int | None = None
        if pty:
            self.reads, pid = _forked(environment, columns, rows)
            self.writes = self.reads
            self._process: subprocess.Popen[bytes] | None = None
            self._pid = pid
        else:
            process = subprocess.Popen(
                ["bash"],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            assert process.stdin is not None and process.stdout is not None, "they were asked for"
            self._process, self._pid = process, process.pid
            self.reads, self.writes = os.dup(process.stdout.fileno()), os.dup(process.stdin.fileno())
            process.stdin.close()
            process.stdout.close()
        os.set_blocking(self.reads, False)
        os.set_blocking(self.writes, False)

    def read(self) -> bytes | None:
        """What it wrote; nothing at the end, None for not yet."""
        try:
            return os.read(self.reads, FRAME_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""  # nobody has the other side of the terminal open any more

    def write(self, typed: bytes) -> int:
        """How much it took. All, when it reads no more."""
        try:
            return os.write(self.writes, typed)
        except BlockingIOError:
            return 0
        except OSError:
            return len(typed)

    def end_input(self) -> None:
        """There is nothing more to read for it."""
        if self._is_pty:
            self.write(b"\x04")
        elif self.writes >= 0:
            os.close(self.writes)
            self.writes = -1

    def resize(self, columns: int, rows: int) -> None:
        """The terminal has another size; the kernel tells the program."""
        if self._is_pty:
            with contextlib.suppress(OSError):
                fcntl.ioctl(self.reads, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def poll(self) -> int | None:
        """Its exit status, if it has ended; above 128 for a signal, as shells say it."""
        if self._status is None:
            if self._process is not None:
                code = self._process.poll()
            else:
                pid, status = os.waitpid(self._pid, os.WNOHANG)
                code = os.waitstatus_to_exitcode(status) if pid else None
            if code is not None:
                self._status = code if code >= 0 else 128 - code
        return self._status

    def end(self) -> int:
        """Hangs up, and sees to it that it has ended."""
        for descriptor in {self.reads, self.writes} - {-1}:
            os.close(descriptor)
        self.reads = self.writes = -1
        for number in (signal.SIGHUP, signal.SIGKILL):
            end = time.monotonic() + END_S
            if self.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._pid, number)
            while self.poll() is None and time.monotonic() < end:
                time.sleep(0.02)
        status = self.poll()
        return 137 if status is None else status


def _forked(environment: dict[str, str], columns: int, rows: int) -> tuple[int, int]:
    """A shell at a terminal of its own: the terminal's other side, and the process."""
    import pty

    pid, terminal = pty.fork()
    if not pid:
        try:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.execvpe("bash", ["bash"], environment)
        finally:
            os._exit(127)
    return terminal, pid


class _Talk:
    """Passes on between shell and line."""

    def __init__(self, shell: _Shell, keep_alive: bool) -> None:
        self._shell = shell
        self._keep_alive = keep_alive
        self._typed = bytearray()
        self._no_more_typed = False
        self._away = bytearray()
        self._is_open = False
        self._was_open = False
        self._began = time.monotonic()

    def through(self, line: _Line) -> bool:
        """Until the shell or the line ends. Whether the job is to end: not for a line that broke."""
        shell = self._shell
        heard = said = time.monotonic()
        self._is_open = False
        drained = False
        while not line.is_over:
            now = time.monotonic()
            for kind, rest in self._frames(line):
                if self._take(line, kind, rest):
                    return True
            status = shell.poll()
            if status is not None:
                self._drain(line)
                line.say(b"x", struct.pack(">I", status))
                line.finish()
                return True
            if not (self._was_open or self._keep_alive) and now - self._began > ALONE_S:
                return True
            if self._typed:
                heard = now  # nobody listens until that is taken
            elif now - heard > SILENCE_S:
                return False
            if now - said > KEEP_ALIVE_S and not line.wants_to_send:
                line.say(b"k")
                said = now
            readable, writable, _ = self._ready(line, drained)
            if line.socket in readable or line.has_more():
                line.receive()
                heard = time.monotonic()
            if line.socket in writable:
                line.send()
            if self._typed and shell.writes in writable:
                del self._typed[: shell.write(bytes(self._typed))]
            if self._no_more_typed and not self._typed:
                self._no_more_typed = False
                shell.end_input()
            if shell.reads in readable:
                written = shell.read()
                # A shell may have closed its side long before it ends.
                drained = written == b""
                self._show(line, written or b"")
        return False

    def _frames(self, line: _Line) -> Iterator[tuple[bytes, bytes]]:
        # What was typed before is taken first, so that there is never more than a piece of it here.
        while not self._typed:
            frame = next(line.frames(), None)
            if frame is None:
                return
            yield frame

    def _ready(self, line: _Line, drained: bool) -> tuple[list[Any], list[Any], list[Any]]:
        shell = self._shell
        reads: list[Any] = [] if self._typed else [line.socket]
        writes: list[Any] = [line.socket] if line.wants_to_send else []
        if not (drained or line.wants_to_send):
            reads.append(shell.reads)
        if self._typed and shell.writes >= 0:
            writes.append(shell.writes)
        # A shell that ended while a program of its keeps the terminal open is only seen by looking.
        pause = DRAINED_POLL_S if drained else ENDED_POLL_S
        if line.has_more() and not self._typed:
            pause = 0.0
        return select.select(reads, writes, [], pause)

    def _take(self, line: _Line, kind: bytes, rest: bytes) -> bool:
        """One frame. Whether it is the end."""
        if kind == b"d":
            if rest:
                self._typed += rest
            else:
                self._no_more_typed = True
        elif kind == b"w":
            columns, rows = struct.unpack(">HH", rest)
            self._shell.resize(columns, rows)
        elif kind == b"o":
            self._is_open = self._was_open = True
            away, self._away = bytes(self._away), bytearray()
            self._show(line, away)
        elif kind == b"c":
            self._is_open = False
            return not self._keep_alive
        return False

    def _show(self, line: _Line, written: bytes) -> None:
        if not written:
            return
        if self._is_open:
            line.say(b"d", written)
            return
        self._away += written
        del self._away[: max(0, len(self._away) - AWAY_BYTES)]

    def _drain(self, line: _Line) -> None:
        """What is left of a shell that has ended; what its programs still write is not waited for."""
        left = LAST_BYTES
        while left > 0:
            written = self._shell.read()
            if not written:
                return
            left -= len(written)
            self._show(line, written)
