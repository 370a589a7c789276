"""A server that answers as a test says, also wrongly: real sockets, no picloud behind them."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import Callable

from cloud._config import Config, Credentials
from cloud._http import Connection

Serve = Callable[[socket.socket], None]


class Scripted:
    """Accepts connections; the n-th is served by the n-th function, further ones by the last."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self.connections = 0
        self.script: list[Serve] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            serve = self.script[min(self.connections, len(self.script) - 1)]
            self.connections += 1
            threading.Thread(target=self._serve, args=(serve, line), daemon=True).start()

    def _serve(self, serve: Serve, line: socket.socket) -> None:
        # The client under test may hang up at any moment.
        with line, contextlib.suppress(ConnectionError):
            serve(line)

    def read(self, line: socket.socket) -> bytes:
        """One request, or nothing when the client hung up."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = line.recv(65536)
            if not piece:
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = next((int(h[15:]) for h in head.split(b"\r\n") if h.startswith(b"Content-Length:")), 0)
        while len(body) < length:
            body += line.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return data

    def answer(self, *answers: bytes) -> Serve:
        """Answers so many requests on one connection, then hangs up."""

        def serve(line: socket.socket) -> None:
            for answer in answers:
                if not self.read(line):
                    return
                line.sendall(answer)

        return serve

    def forever(self, answer: bytes) -> Serve:
        """Answers every request alike."""

        def serve(line: socket.socket) -> None:
            while self.read(line):
                line.sendall(answer)

        return serve


def connect(url: str, **settings: float) -> Connection:
    config = Config()
    for name, value in settings.items():
        setattr(config, name, value)
    return Connection(Credentials(url, "5", "secret"), config)


def reply(status: int, content: object, *headers: str) -> bytes:
    body = json.dumps(content).encode()
    lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
