"""Queue servers: one Peer and one consumer loop for all of them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Optional, Protocol

import work
from adapters import Base
from common import BIN

if TYPE_CHECKING:
    from common import Box

Fetched = Optional[tuple[str, list[tuple[Any, bytes]]]]  # queue, and (token, body) of each message

QUEUES = ["s1", "s2", "s3", "call", "reply", "nap", "pp"]
WORK = {"pipeline": ["s1", "s2", "s3"], "kill9": ["call", "nap"]}.get(os.environ["PEER_WORKLOAD"], ["call"])


class Backend(Protocol):
    """What a queue server's adapter brings."""

    batch: int  # messages a consumer takes at once

    def serve(self, box: Box) -> None:
        """Start the server, make its queues."""

    def connect(self, index: int | None) -> None:
        """Open this process's connection: consumer `index`, or none for the client."""

    def push(self, queue: str, bodies: list[bytes]) -> None:
        """Push all; return once confirmed."""

    def fetch(self, queues: list[str], most: int) -> Fetched:
        """Some messages of one of the queues, or none after a while."""

    def ack(self, queue: str, tokens: list[Any]) -> None:
        """Acknowledge."""


def consume(backend: Backend, index: int) -> None:
    """A worker: fetch a batch, run its handlers, push what they return, acknowledge."""
    backend.connect(index)
    batch = 1 if os.environ["PEER_WORKLOAD"] == "kill9" else backend.batch
    after = {"s1": "s2", "s2": "s3"}
    while True:
        got = backend.fetch(WORK, batch)
        if not got:
            continue
        queue, items = got
        if queue in after:
            out = [json.dumps(work.stage(json.loads(body))).encode() for _, body in items]
            backend.push(after[queue], out)
        elif queue == "s3":
            for _, body in items:
                work.sink(work.stage(json.loads(body)))
        elif queue == "call":
            for _ in items:
                work.noop()
            backend.push("reply", [b"null"] * len(items))
        else:
            for _, body in items:
                work.nap(int(body))
        backend.ack(queue, [token for token, _ in items])


class QueuePeer(Base):
    na = {"map10k": "a queue: no results", "map_fat": "a queue: no results"}
    backend: type[Backend]
    size = 1000  # messages per push batch
    module = ""

    def up(self) -> None:
        self.q = self.backend()
        self.q.serve(self.box)
        self.q.connect(None)
        if self.workload != "pushpop":
            for i in range(2):
                self.box.worker(
                    BIN + "python",
                    "-c",
                    "import sys; from adapters import _queues; import importlib;"
                    f"_queues.consume(importlib.import_module({self.module!r}).Peer.backend(), {i})",
                )

    def _push(self, queue: str, bodies: list[bytes]) -> None:
        for i in range(0, len(bodies), self.size):
            self.q.push(queue, bodies[i : i + self.size])

    def _pop(self, queue: str, n: int) -> list[bytes]:
        out: list[bytes] = []
        while len(out) < n:
            got = self.q.fetch([queue], min(self.size, n - len(out)))
            if got:
                out += [body for _, body in got[1]]
                self.q.ack(queue, [token for token, _ in got[1]])
        return out

    def call(self) -> None:
        self.q.push("call", [b"0"])
        self._pop("reply", 1)

    def pipe(self, msgs: list[dict[str, Any]]) -> None:
        self._push("s1", [json.dumps(m).encode() for m in msgs])

    def push(self, bodies: list[bytes]) -> None:
        self._push("pp", bodies)

    def pop(self, n: int) -> list[bytes]:
        return self._pop("pp", n)

    def naps(self, n: int) -> None:
        self._push("nap", [str(i).encode() for i in range(n)])
