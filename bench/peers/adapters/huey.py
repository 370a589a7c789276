"""Huey on Redis. This module is also the consumer's app."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from huey import RedisHuey

import work
from adapters import Base
from common import BIN

huey = RedisHuey(
    "peer",
    url=f"redis://127.0.0.1:{os.environ['PEER_PORT']}/0",
    store_none=True,
    notify_result=os.environ["PEER_MODE"] == "notify",
)
noop, inc, echo, nap = (huey.task()(f) for f in (work.noop, work.inc, work.echo, work.nap))


@huey.task()
def stage1(m: dict[str, Any]) -> None:
    stage2(work.stage(m))


@huey.task()
def stage2(m: dict[str, Any]) -> None:
    stage3(work.stage(m))


@huey.task()
def stage3(m: dict[str, Any]) -> None:
    work.sink(work.stage(m))


class Peer(Base):
    modes = {
        "roundtrip": ["default", "notify"],
        "map10k": ["default", "notify"],
        "map_fat": ["default", "notify"],
        "pipeline": ["default"],
        "coldstart": ["default"],
        "kill9": ["default", "default+tree"],
    }
    na = {"pushpop": "no client-side pop: only the consumer pops"}
    notes = {
        "default": "huey_consumer -w 2 -k process; task.map(); results are polled from 50 ms up",
        "notify": "RedisHuey(notify_result=True): results by BLPOP",
        "default+tree": "kills the consumer and its workers; huey has no acknowledgement",
    }
    durability = {"*": "redis snapshots"}
    packages = ["huey", "redis"]

    def up(self) -> None:
        self.box.redis()
        self.box.worker(BIN + "huey_consumer", "adapters.huey.huey", "-w", "2", "-k", "process", "-q")

    def call(self) -> None:
        noop().get(blocking=True, timeout=60)

    def map(self, xs: Sequence[int]) -> Sequence[int]:
        return inc.map(xs).get(blocking=True, timeout=280)

    def fat(self, blobs: list[bytes]) -> Sequence[bytes]:
        return echo.map(blobs).get(blocking=True, timeout=280)

    def pipe(self, msgs: list[dict[str, Any]]) -> Any:
        for m in msgs:
            stage1(m)

    def naps(self, n: int) -> None:
        for i in range(n):
            nap(i)
