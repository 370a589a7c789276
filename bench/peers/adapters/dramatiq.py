"""Dramatiq on Redis. This module is also the worker's module."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.encoder import PickleEncoder
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

import work
from adapters import Base
from common import BIN

URL = f"redis://127.0.0.1:{os.environ['PEER_PORT']}/0"
if os.environ["PEER_WORKLOAD"] == "map_fat":  # the default JSON encoder cannot carry bytes
    dramatiq.set_encoder(PickleEncoder())
conf = (
    {"heartbeat_timeout": 5000, "maintenance_chance": 100_000}
    if os.environ["PEER_MODE"] == "heartbeat5s"
    else {}
)
broker = RedisBroker(url=URL, **conf)
broker.add_middleware(Results(backend=RedisBackend(url=URL)))
dramatiq.set_broker(broker)

noop = dramatiq.actor(work.noop, store_results=True)
inc = dramatiq.actor(work.inc, store_results=True)
echo = dramatiq.actor(work.echo, store_results=True)
nap = dramatiq.actor(work.nap)


@dramatiq.actor
def stage1(m: dict[str, Any]) -> None:
    stage2.send(work.stage(m))


@dramatiq.actor
def stage2(m: dict[str, Any]) -> None:
    stage3.send(work.stage(m))


@dramatiq.actor
def stage3(m: dict[str, Any]) -> None:
    work.sink(work.stage(m))


class Peer(Base):
    modes = {
        "roundtrip": ["default", "threads8"],
        "map10k": ["default", "threads8"],
        "map_fat": ["default", "threads8"],
        "pipeline": ["default", "threads8"],
        "coldstart": ["default"],
        "kill9": ["default", "heartbeat5s"],
    }
    na = {"pushpop": "no client-side pop: only workers consume"}
    notes = {
        "default": "2 processes x 1 thread, group()",
        "threads8": "2 processes x 8 threads (its CLI default)",
        "heartbeat5s": "heartbeat_timeout=5000, maintenance_chance=100_000 instead of 60000 and 1000",
    }
    durability = {"*": "redis snapshots"}
    packages = ["dramatiq", "redis"]

    def up(self) -> None:
        self.box.redis()
        threads = "8" if self.mode == "threads8" else "1"
        self.box.worker(BIN + "dramatiq", "adapters.dramatiq", "--processes", "2", "--threads", threads)

    def call(self) -> None:
        noop.send().get_result(block=True, timeout=60_000)

    def _map(self, actor, xs):
        g = dramatiq.group([actor.message(x) for x in xs]).run()
        return list(g.get_results(block=True, timeout=280_000))

    def map(self, xs: Sequence[int]) -> Sequence[int]:
        return self._map(inc, xs)

    def fat(self, blobs: list[bytes]) -> Sequence[bytes]:
        return self._map(echo, blobs)

    def pipe(self, msgs: list[dict[str, Any]]) -> Any:
        for m in msgs:
            stage1.send(m)

    def naps(self, n: int) -> None:
        for i in range(n):
            nap.send(i)
