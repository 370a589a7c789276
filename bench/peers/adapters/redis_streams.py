"""Redis streams: pipelined XADD, XREADGROUP COUNT, one XACK per batch."""

from __future__ import annotations

import os
from typing import Any

import redis

from adapters._queues import QUEUES, Fetched, QueuePeer
from common import Box

CONF = {
    "aof-everysec": ["--appendonly", "yes"],
    "aof-always": ["--appendonly", "yes", "--appendfsync", "always"],
}


class Backend:
    batch = 100

    def serve(self, box: Box) -> None:
        box.redis(*CONF.get(os.environ["PEER_MODE"], []))
        r = redis.Redis(port=box.port)
        for q in QUEUES:
            r.xgroup_create(q, "g", id="0", mkstream=True)

    def connect(self, index: int | None) -> None:
        self.r = redis.Redis(port=int(os.environ["PEER_PORT"]))
        self.me = f"c{index}"
        self.own = (
            True  # first, what this consumer name left unacknowledged before a crash (the docs' pattern)
        )

    def push(self, queue: str, bodies: list[bytes]) -> None:
        with self.r.pipeline(transaction=False) as p:
            for b in bodies:
                p.xadd(queue, {"b": b})
            p.execute()

    def fetch(self, queues: list[str], most: int) -> Fetched:
        if self.own:
            got = self.r.xreadgroup("g", self.me, dict.fromkeys(queues, "0"), count=most)
            got = [(q, m) for q, m in _pairs(got) if m]
            if not got:
                self.own = False
        if not self.own:
            got = _pairs(self.r.xreadgroup("g", self.me, dict.fromkeys(queues, ">"), count=most, block=1000))
        for q, items in got:
            return self._rest(q.decode(), items, got[1:])
        return None

    def _rest(self, queue, items, others):
        """XREADGROUP answers for several streams at once; only the first is returned now, so the others are
        given back to this consumer's own pending list and read from there next."""
        if others:
            self.own = True
        return queue, [(i, fields[b"b"]) for i, fields in items]

    def ack(self, queue: str, tokens: list[Any]) -> None:
        self.r.xack(queue, "g", *tokens)


def _pairs(got):
    return list(got.items()) if isinstance(got, dict) else list(got or [])


class Peer(QueuePeer):
    modes = {
        "roundtrip": ["default"],
        "pipeline": ["default", "aof-everysec", "aof-always"],
        "pushpop": ["default", "aof-everysec", "aof-always"],
        "coldstart": ["default"],
        "kill9": ["default"],
    }
    notes = {
        "default": "built-in conf: RDB snapshots, no AOF; a restarted consumer rereads its own pending",
        "aof-everysec": "AOF, fsync once a second",
        "aof-always": "AOF, fsync before each reply (grouped per pipeline)",
    }
    durability = {"default": "redis snapshots", "aof-everysec": "fsync each second", "aof-always": "fsync"}
    packages = ["redis", "hiredis"]
    backend, module = Backend, "adapters.redis_streams"
