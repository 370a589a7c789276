"""Requests to one server: a pool of connections, retries, refusals as exceptions.

Every request that is repeated here is harmless to repeat: submissions carry a key by which the
server knows them again.
"""

from __future__ import annotations

import base64
import json
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from typing import IO, Any, Callable

from ._config import WRONG_KEY_HINT, Config, Credentials
from ._errors import CloudException, CloudTimeoutError
from ._frames import MEDIA_TYPE, Bytes, dumps
from ._wire import BadReply, Body, Line, LineBroken, Reply, Target
from .version import __version__

__all__ = ["Connection", "Patience", "Source"]

CONNECT_TIMEOUT = 10.0
IDLE_MAX = 16
BACKOFF_FIRST = 0.05
BACKOFF_MAX = 2.0
START_HINT = "start one with `picloud serve`, or name another with cloud.setkey(..., server_url=...)"


class Connection:
    """Speaks to one server with one key. Threads may share it; a forked child gets its own lines."""

    def __init__(self, credentials: Credentials, config: Config) -> None:
        self.credentials = credentials
        self._config = config
        self._target = Target(credentials.server, credentials.ca_file)
        pair = f"{credentials.api_key}:{credentials.api_secretkey}".encode()
        self._common = (
            f"Host: {self._target.host_header}\r\n"
            f"User-Agent: picloud-python/{__version__}\r\n"
            f"Authorization: Basic {base64.b64encode(pair).decode()}\r\n"
        )
        self._idle: list[Line] = []
        self._pid = os.getpid()
        self._answered = False
        self.closed = threading.Event()

    def close(self) -> None:
        """Hangs up; requests that wait to be repeated end."""
        self.closed.set()
        idle, self._idle = self._idle, []
        for line in idle:
            line.close()

    def __del__(self) -> None:
        # A connection that was let go rather than closed hangs up all the same.
        for line in getattr(self, "_idle", ()):
            line.close()

    def json(
        self, method: str, path: str, content: Any = None, timeout: float | None = None, repeat: bool = True
    ) -> Any:
        """Sends and receives JSON."""
        body = None
        if content is not None:
            body = Body([dumps(content)])
        reply = self.request(method, path, body, "application/json", timeout, repeat=repeat)
        if not reply.body:
            return None
        try:
            return json.loads(bytes(reply.body))
        except ValueError:
            raise self._no_picloud("it answered with something else than JSON") from None

    def framed(self, path: str, parts: list[Bytes], timeout: float | None = None) -> Any:
        """Posts frames and receives JSON."""
        return json.loads(bytes(self.request("POST", path, Body(parts), MEDIA_TYPE, timeout).body))

    def request(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        content_type: str = "application/octet-stream",
        timeout: float | None = None,
        sink: Callable[[], IO[bytes]] | None = None,
        repeat: bool = True,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """One request and its answer, repeated as long as that makes sense.

        `timeout`: seconds the server is expected to take beyond the usual. `sink`: makes a
        fresh file for the body of the answer, once per try. `repeat`: whether doing it twice is harmless.
        """
        head = self.head(method, path, content_type if body is not None else "", headers)
        seconds = self._config.request_timeout + (timeout or 0.0)

        def once() -> Reply:
            return self._exchange(
                lambda line: line.exchange(head, body, seconds, sink() if sink else None), repeat
            )

        return self._persist(once, seconds, repeat)

    def fetch(self, path: str, headers: dict[str, str] | None = None) -> tuple[Reply, Source]:
        """A `GET` whose body is read by the caller, at his pace; opening it is repeated as a request is.

        CloudException for a refusal.
        """
        head = self.head("GET", path, "", headers)
        seconds = self._config.request_timeout
        source = Source(self)

        def take(line: Line) -> tuple[Reply, bool]:
            reply, fill, keep = line.fetch(head, seconds)
            if fill is None:
                return reply, keep
            source.takes(line, fill, keep)
            return reply, False

        return self._persist(lambda: self._exchange(take, True, source), seconds, True), source

    def head(
        self, method: str, path: str, content_type: str = "", headers: dict[str, str] | None = None
    ) -> str:
        """How a request begins, as `Line` takes it."""
        head = f"{method} {self._target.prefix}{path} HTTP/1.1\r\n{self._common}"
        if content_type:
            head += f"Content-Type: {content_type}\r\n"
        return head + "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())

    def dial(self) -> Line:
        """A line of the caller's own, to close himself."""
        return Line(self._target, CONNECT_TIMEOUT)

    def _persist(self, once: Callable[[], Reply], seconds: float, repeat: bool) -> Reply:
        """Tries until there is an answer, or no sense in trying again."""
        patience = self.patience()
        while True:
            try:
                reply = once()
            except (LineBroken, ConnectionError) as error:
                refused = isinstance(error, ConnectionRefusedError)
                failure = self._unreachable(error)
                again = repeat or refused  # nothing was sent where nobody listened
            except (TimeoutError, socket.timeout):  # two classes before Python 3.10
                message = f"no answer from {self.credentials.server} within {seconds:.0f} s"
                raise CloudTimeoutError(message, kind="no_answer") from None
            except BadReply as error:
                raise self._no_picloud(str(error)) from None
            except OSError as error:
                raise self._unreachable(error) from None
            else:
                self._answered = True
                if reply.status < 400:
                    return reply
                failure = refusal(reply)
                again = failure.status == 503 and failure.retry
            if not again or not patience.pause():
                raise failure from None

    def stream(self, path: str, headers: dict[str, str] | None = None) -> Iterator[bytes]:
        """The body of a `GET` as it comes, on a connection of its own; tried once.

        CloudException with `retry` when the server cannot be reached, hangs up, or is silent for too long.
        """
        head = self.head("GET", path, "", headers)
        line: Line | None = None
        try:
            line = self.dial()
            reply, pieces = line.stream(head, self._config.request_timeout)
            self._answered = True
            if reply.status >= 300:
                raise refusal(reply)
            yield from pieces
        except BadReply as error:
            raise self._no_picloud(str(error)) from None
        except OSError as error:  # among them a broken line and a silent one
            raise self._unreachable(error) from None
        finally:
            if line is not None:
                line.close()

    @property
    def request_timeout(self) -> float:
        """Seconds without a sign of life after which a request is given up."""
        return self._config.request_timeout

    def patience(self) -> Patience:
        """For whoever repeats by himself what `request` would not: as long as `request` would."""
        return Patience(self)

    def _exchange(
        self, take: Callable[[Line], tuple[Reply, bool]], repeat: bool, source: Source | None = None
    ) -> Reply:
        line = self._line()
        while line.used and not repeat and line.stale():
            # What may be said once only must not be said to one who has hung up.
            line.close()
            line = self._line()
        reused = line.used
        try:
            reply, keep = take(line)
        except LineBroken as error:
            line.close()
            if not reused or error.answered or not repeat:
                raise
            # An idle connection the server had given up: say it again on a fresh one, at once.
            self._drop_idle()
            line = self.dial()
            try:
                reply, keep = take(line)
            except BaseException:
                line.close()
                raise
        except BaseException:
            line.close()
            raise
        if source is None or not source.open:
            self._give_back(line, keep)
        return reply

    def _give_back(self, line: Line, keep: bool) -> None:
        if keep and len(self._idle) < IDLE_MAX and not self.closed.is_set():
            self._idle.append(line)
        else:
            line.close()

    def _line(self) -> Line:
        if self._pid != os.getpid():
            # Sockets of the parent: closing the child's copies does not disturb it.
            self._drop_idle()
            self._pid = os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return self.dial()

    def _drop_idle(self) -> None:
        idle, self._idle = self._idle, []
        for line in idle:
            line.close()

    def _unreachable(self, error: OSError) -> CloudException:
        server = self.credentials.server
        if type(error).__name__ == "SSLCertVerificationError":
            hint = "name the server's certificate with PICLOUD_CA_FILE, or ca_file in the profile"
            return CloudException(
                f"{server} has a certificate that is not trusted: {error}", kind="tls", hint=hint
            )
        if self._answered:
            return CloudException(f"lost the server at {server}: {error}", kind="server_down", retry=True)
        text = f"no picloud server answers at {server}: {error}"
        return CloudException(text, kind="server_down", retry=True, hint=START_HINT)

    def _no_picloud(self, reason: str) -> CloudException:
        text = f"what listens at {self.credentials.server} is no picloud server: {reason}"
        return CloudException(text, kind="bad_reply", hint=START_HINT)


class Source:
    """The body of an answer, read piece by piece. Its line goes back to the others at the end."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._line: Line | None = None
        self._fill: Callable[[memoryview], int] = lambda view: 0
        self._keep = False

    def takes(self, line: Line, fill: Callable[[memoryview], int], keep: bool) -> None:
        """From now on it reads from this line."""
        self._line, self._fill, self._keep = line, fill, keep

    @property
    def open(self) -> bool:
        """Whether there may be more."""
        return self._line is not None

    def readinto(self, view: memoryview) -> int:
        """Fills a buffer and says how much of it; 0 at the end. OSError when the connection breaks."""
        if self._line is None:
            return 0
        count = self._fill(view)
        if not count and view:
            line, self._line = self._line, None
            self._connection._give_back(line, self._keep)
        return count

    def __del__(self) -> None:
        # One that was let go rather than read or closed hangs up all the same.
        self.close()

    def close(self) -> None:
        """Hangs up, unless it was read to its end."""
        line, self._line = self._line, None
        if line is not None:
            line.close()


class Patience:
    """How long a server that fails is asked again: longer when it has answered before."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tries = 0
        self._since = 0.0

    def pause(self) -> bool:
        """Waits before another try. False, at once, when it is time to give up."""
        connection, config = self._connection, self._connection._config
        now = time.monotonic()
        if not self._tries:
            self._since = now
        self._tries += 1
        patient = connection._answered and now - self._since < config.retry_seconds
        if not (patient or self._tries < config.retry_attempts):
            return False
        pause = min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** min(self._tries, 10)) * (0.5 + random.random() / 2)
        return not connection.closed.wait(pause)

    def renew(self) -> None:
        """There was a sign of life."""
        self._tries = 0


def refusal(reply: Reply) -> CloudException:
    """The exception for an answer with a status of 400 or above."""
    try:
        error = json.loads(bytes(reply.body))["error"]
        return CloudException(
            str(error["msg"]),
            status=int(error.get("code", reply.status)),
            retry=bool(error.get("retry")),
            hint=WRONG_KEY_HINT if reply.status == 401 else error.get("hint"),
            kind=error.get("kind"),
        )
    except (ValueError, KeyError, TypeError):
        text = bytes(reply.body[:200]).decode("utf-8", "replace").strip() or "no explanation was given"
        return CloudException(text, status=reply.status, retry=reply.status == 503)
