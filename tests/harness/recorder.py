"""Marks that jobs leave with the test: a sandbox shows no file of the test, but loopback is shared.

A job that has left a mark knows that it is recorded, and a held one is seen until its process ends: the
kernel closes its connection, however it died.
"""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType


class Recorder(socketserver.ThreadingTCPServer):
    """Listens for jobs. Give them `mark` and `hold`, taken out of it first: those travel, this does not."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.mark, self.hold = _ends_of_jobs(self.server_address[1])
        self.change = threading.Condition()
        self.words: list[str] = []
        self.held: Counter[str] = Counter()
        self.released: set[str] = set()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def marks(self) -> list[str]:
        """What was left so far, in the order it came."""
        with self.change:
            return list(self.words)

    def holding(self, gate: str) -> int:
        """How many living processes wait at this gate."""
        with self.change:
            return self.held[gate]

    def release(self, gate: str) -> None:
        """Lets everyone through who waits at this gate, or comes to it later."""
        with self.change:
            self.released.add(gate)
            self.change.notify_all()

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Connection(socketserver.StreamRequestHandler):
    """One mark, or one stay at a gate."""

    server: Recorder

    def handle(self) -> None:
        # A job may be killed in the middle of a word; what is incomplete is no mark.
        with contextlib.suppress(ConnectionError):
            line = self.rfile.readline().decode()
            if line.endswith("\n"):
                kind, word = line[:-1].split(" ", 1)
                answer = self._mark(word) if kind == "mark" else self._hold(word)
                self.wfile.write(f"{answer}\n".encode())

    def _mark(self, word: str) -> int:
        recorder = self.server
        with recorder.change:
            recorder.words.append(word)
            return recorder.words.count(word)

    def _hold(self, gate: str) -> int:
        recorder = self.server
        with recorder.change:
            recorder.held[gate] += 1
            try:
                # The other end never speaks again: something to read is its end.
                while gate not in recorder.released and not select.select([self.connection], [], [], 0)[0]:
                    recorder.change.wait(0.02)
            finally:
                recorder.held[gate] -= 1
        return 0


def _ends_of_jobs(port: int) -> tuple[Callable[[object], int], Callable[[str], int]]:
    """Functions inside a function are pickled by value, so a job needs nothing of this module."""

    def tell(kind: str, word: object) -> int:
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(f"{kind} {word}\n".encode())
            with line.makefile() as answer:
                return int(answer.readline())

    def mark(word: object) -> int:
        """Leaves a mark. How many like it there are now."""
        return tell("mark", word)

    def hold(gate: str) -> int:
        """Waits until the test releases this gate."""
        return tell("hold", gate)

    return mark, hold
