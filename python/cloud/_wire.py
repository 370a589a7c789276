"""One kept-alive HTTP/1.1 connection.

Written by hand because the libraries cost more than what they carry: importing one takes as
long as starting a whole job, and sending a request through one as long as the server needs to
make the job durable. Speaks to one origin; follows no redirects, keeps no cookies, knows no
proxies. It does not decide about retries; it only says what is known about the exchange that failed.
"""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    import ssl
    from typing import Protocol

    from ._frames import Bytes

    class Content(Protocol):
        """What a body may be read from: something with a start."""

        def seek(self, position: int, /) -> object: ...
        def read(self, size: int, /) -> bytes: ...


__all__ = ["BadReply", "Body", "Line", "LineBroken", "Reply", "Target"]

HEAD_MAX = 64 * 1024
JOIN_MAX = 128 * 1024
PIECE = 1 << 20


class LineBroken(ConnectionError):  # noqa: N818, says what happened
    """The other side hung up. `answered` says whether it had begun to answer."""

    def __init__(self, message: str, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered


class BadReply(Exception):  # noqa: N818, says what it is
    """What came back is no HTTP."""


class Target:
    """Where to dial, and how requests to there begin."""

    def __init__(self, url: str, ca_file: str | None = None) -> None:
        from urllib.parse import urlsplit

        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"{url!r} is not the address of a server; write http://host:port or https://host"
            )
        self.tls = parts.scheme == "https"
        self.host = parts.hostname
        self.port = parts.port or (443 if self.tls else 80)
        self.prefix = parts.path.rstrip("/")
        self.host_header = parts.netloc.rpartition("@")[2]
        self.ca_file = ca_file
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """The TLS settings, made once: loading certificates takes milliseconds."""
        if self._context is None:
            import ssl

            self._context = ssl.create_default_context()
            if self.ca_file:
                self._context.load_verify_locations(self.ca_file)
        return self._context


class Body:
    """A request body whose length is known and that can be sent again."""

    def __init__(self, parts: list[Bytes] | Content, length: int | None = None) -> None:
        self.parts = parts
        self.length = sum(map(len, parts)) if isinstance(parts, list) else int(length or 0)

    def pieces(self) -> Iterable[Bytes]:
        """The bytes, from the beginning."""
        if isinstance(self.parts, list):
            return self.parts
        return self._file_pieces(self.parts)

    def _file_pieces(self, file: Content) -> Iterator[bytes]:
        file.seek(0)
        rest = self.length
        while rest:
            piece = file.read(min(PIECE, rest))
            if not piece:
                raise OSError("a spooled value became shorter while it was sent")
            rest -= len(piece)
            yield piece


class Reply:
    """Status, headers (names in lower case) and body of an answer."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: Bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Line:
    """A connection to a server; one request at a time."""

    def __init__(self, target: Target, connect_timeout: float) -> None:
        self.used = False
        self._target = target
        raw = socket.create_connection((target.host, target.port), timeout=connect_timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket: socket.socket = raw
        if target.tls:
            try:
                self._socket = target.context().wrap_socket(raw, server_hostname=target.host)
            except BaseException:
                raw.close()
                raise
        self._buffer = b""
        self._answering = False

    def close(self) -> None:
        """Hangs up."""
        self._socket.close()

    def interrupt(self) -> None:
        """Ends the exchange that another thread waits in, with LineBroken there."""
        with contextlib.suppress(OSError):
            # Of the plain class: that of TLS forgets its state, which the other thread is using.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def stale(self) -> bool:
        """Whether an idle line has something to say, which is that the server has hung up."""
        try:
            return bool(select.select([self._socket], [], [], 0)[0])
        except (OSError, ValueError):
            return True  # closed, or a number too large for select: a fresh one is as good

    def exchange(
        self, head: str, body: Body | None, timeout: float, sink: IO[bytes] | None = None
    ) -> tuple[Reply, bool]:
        """Sends one request (`head` without its last blank line) and reads the answer.

        The body of a good answer goes into `sink` where one is given. Also returned: whether
        the line can be used again. After any exception it cannot.
        """
        self._socket.settimeout(timeout)
        try:
            self._send(head, body)
        except (BrokenPipeError, ConnectionResetError):
            # A server that refuses a body early has answered before it hung up.
            try:
                reply, _ = self._receive(None)
            except (OSError, BadReply):
                raise LineBroken("the server closed the connection while it was sent a request") from None
            return reply, False
        self.used = True
        try:
            return self._receive(sink)
        except ConnectionResetError as error:
            # As good as hanging up: a server that closes while a request is under way resets.
            raise LineBroken(str(error), answered=self._answering) from None

    def stream(self, head: str, timeout: float) -> tuple[Reply, Iterator[bytes]]:
        """Sends a request without a body; hands out a good answer's body as it comes, a bad one whole.

        `timeout` is for each piece. The line serves nothing else afterwards.
        """
        self._socket.settimeout(timeout)
        self._send(head, None)
        self.used = True
        status, headers, _ = self._head()
        if status >= 300:
            return Reply(status, headers, self._body(headers, None)[0]), iter(())
        pieces = self._chunk_pieces() if _is_chunked(headers) else self._end_pieces()
        return Reply(status, headers, b""), pieces

    def fetch(self, head: str, timeout: float) -> tuple[Reply, Callable[[memoryview], int] | None, bool]:
        """Sends a request without a body; leaves a good answer's body to be read by the function returned.

        That function fills a buffer and says how much of it, 0 at the end. A bad answer, or one without
        a body, comes whole, without a function. Also returned: whether the line can be used afterwards.
        """
        self._socket.settimeout(timeout)
        try:
            self._send(head, None)
            self.used = True
            status, headers, keep = self._head()
            if status not in (200, 206):
                body, bounded = self._body(headers, None)
                return Reply(status, headers, body), None, keep and bounded
        except ConnectionResetError as error:
            raise LineBroken(str(error), answered=self._answering) from None
        length = headers.get("content-length", "")
        if not length.isdigit():
            raise BadReply(f"the length of the answer is {length!r}")
        return Reply(status, headers, b""), self._filler(int(length)), keep

    def _filler(self, rest: int) -> Callable[[memoryview], int]:
        def fill(view: memoryview) -> int:
            nonlocal rest
            view = view[:rest]
            if self._buffer:
                count = min(len(view), len(self._buffer))
                view[:count] = self._buffer[:count]
                self._buffer = self._buffer[count:]
            else:
                count = self._socket.recv_into(view) if view else 0
            if view and not count:
                raise LineBroken("the server closed the connection inside an answer", answered=True)
            rest -= count
            return count

        return fill

    def _send(self, head: str, body: Body | None) -> None:
        start = head.encode("latin-1")
        if body is None:
            self._socket.sendall(start + b"\r\n")
            return
        start += b"Content-Length: %d\r\n\r\n" % body.length
        if isinstance(body.parts, list) and body.length <= JOIN_MAX:
            self._socket.sendall(b"".join((start, *body.parts)))
            return
        self._socket.sendall(start)
        small: list[Any] = []
        waiting = 0
        for piece in body.pieces():
            if len(piece) < JOIN_MAX:
                small.append(piece)
                waiting += len(piece)
                if waiting < JOIN_MAX:
                    continue
                piece = b"".join(small)
            elif small:
                self._socket.sendall(b"".join(small))
            small, waiting = [], 0
            self._socket.sendall(piece)
        if small:
            self._socket.sendall(b"".join(small))

    def _receive(self, sink: IO[bytes] | None) -> tuple[Reply, bool]:
        status, headers, keep = self._head()
        while status < 200:
            status, headers, keep = self._head()
        if status in (204, 304):
            return Reply(status, headers, b""), keep
        body, bounded = self._body(headers, sink if status < 300 else None)
        return Reply(status, headers, body), keep and bounded

    def _body(self, headers: dict[str, str], sink: IO[bytes] | None) -> tuple[Bytes, bool]:
        """The body, and whether it ended before the connection does."""
        if _is_chunked(headers):
            return _collected(self._chunk_pieces(), sink), True
        length = headers.get("content-length")
        if length is None:
            return _collected(self._end_pieces(), sink), False
        if not length.isdigit():
            raise BadReply(f"the length of the answer is {length!r}")
        return self._exactly(int(length), sink), True

    def _head(self) -> tuple[int, dict[str, str], bool]:
        buffer = self._buffer
        self._answering = bool(buffer)
        while (end := buffer.find(b"\r\n\r\n")) < 0:
            if len(buffer) > HEAD_MAX:
                raise BadReply("the head of the answer does not end")
            piece = self._socket.recv(64 * 1024)
            if not piece:
                raise LineBroken("the server closed the connection without an answer", answered=bool(buffer))
            buffer += piece
            self._answering = True
        self._buffer = buffer[end + 4 :]
        first, *lines = buffer[:end].decode("latin-1").split("\r\n")
        words = first.split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
            raise BadReply(f"the answer begins with {first[:60]!r}")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        keep = words[0] == "HTTP/1.1" and "close" not in headers.get("connection", "").lower()
        return int(words[1]), headers, keep

    def _exactly(self, length: int, sink: IO[bytes] | None) -> Bytes:
        have, self._buffer = self._buffer[:length], self._buffer[length:]
        if sink is not None:
            sink.write(have)
            rest = length - len(have)
            while rest:
                piece = self._some(min(rest, PIECE))
                sink.write(piece)
                rest -= len(piece)
            return b""
        if len(have) == length:
            return have
        body = bytearray(length)
        body[: len(have)] = have
        view = memoryview(body)[len(have) :]
        while view:
            count = self._socket.recv_into(view)
            if not count:
                raise LineBroken("the server closed the connection inside an answer", answered=True)
            view = view[count:]
        return body

    def _some(self, most: int) -> bytes:
        if self._buffer:
            piece, self._buffer = self._buffer[:most], self._buffer[most:]
            return piece
        piece = self._socket.recv(most)
        if not piece:
            raise LineBroken("the server closed the connection inside an answer", answered=True)
        return piece

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > HEAD_MAX:
                raise BadReply("a line of the answer does not end")
            piece = self._socket.recv(64 * 1024)
            if not piece:
                raise LineBroken("the server closed the connection inside an answer", answered=True)
            self._buffer += piece
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        return line

    def _chunk_pieces(self) -> Iterator[bytes]:
        while True:
            size = self._line().partition(b";")[0].strip()
            try:
                rest = int(size, 16)
            except ValueError:
                raise BadReply(f"a chunk of the answer has the size {size[:20]!r}") from None
            if rest == 0:
                while self._line():  # trailers
                    pass
                return
            while rest:
                piece = self._some(min(rest, PIECE))
                rest -= len(piece)
                yield piece
            if self._line():
                raise BadReply("a chunk of the answer is longer than it said")

    def _end_pieces(self) -> Iterator[bytes]:
        piece, self._buffer = self._buffer, b""
        while True:
            yield piece
            piece = self._socket.recv(PIECE)
            if not piece:
                return


def _is_chunked(headers: dict[str, str]) -> bool:
    return "chunked" in headers.get("transfer-encoding", "").lower()


def _collected(pieces: Iterator[bytes], sink: IO[bytes] | None) -> Bytes:
    if sink is None:
        return b"".join(pieces)
    for piece in pieces:
        sink.write(piece)
    return b""
