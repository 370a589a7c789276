"""Taskiq on Redis. This module is also the worker's module."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Sequence
from typing import Any

from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend, RedisStreamBroker

import work
from adapters import Base
from common import BIN

MODE = os.environ["PEER_MODE"]
URL = f"redis://127.0.0.1:{os.environ['PEER_PORT']}/0"
CHECK = 0.2 if MODE == "default" else 0.001  # wait_result's polling interval

conf = {"max_connection_pool_size": 20}
if MODE == "list":
    broker = ListQueueBroker(URL, **conf)
else:
    reliable = {"idle_timeout": 5000, "unacknowledged_lock_timeout": 10} if MODE == "reclaim5s" else {}
    broker = RedisStreamBroker(URL, consumer_id="0", **conf, **reliable)
broker = broker.with_result_backend(
    RedisAsyncResultBackend(URL, result_ex_time=600, max_connection_pool_size=20)
)


@broker.task
async def noop() -> None:
    return work.noop()


@broker.task
async def inc(x: int) -> int:
    return work.inc(x)


@broker.task
async def echo(text: str) -> str:  # its message formatter rejects bytes under any serializer
    return base64.b64encode(work.echo(base64.b64decode(text))).decode()


nap = broker.task(work.nap)  # a plain function: it runs in the worker's thread pool


@broker.task
async def stage1(m: dict[str, Any]) -> None:
    await stage2.kiq(work.stage(m))


@broker.task
async def stage2(m: dict[str, Any]) -> None:
    await stage3.kiq(work.stage(m))


@broker.task
async def stage3(m: dict[str, Any]) -> None:
    work.sink(work.stage(m))


class Peer(Base):
    modes = {
        "roundtrip": ["default", "poll1ms"],
        "map10k": ["default", "poll1ms", "list"],
        "map_fat": ["default", "poll1ms"],
        "pipeline": ["default", "list"],
        "coldstart": ["default"],
        "kill9": ["default", "reclaim5s", "list"],
    }
    na = {"pushpop": "no client-side pop: only workers consume"}
    notes = {
        "default": "RedisStreamBroker (acks), --workers 2, async tasks; wait_result polls every 200 ms",
        "poll1ms": "wait_result(check_interval=0.001)",
        "list": "as poll1ms with ListQueueBroker (no acks)",
        "reclaim5s": "RedisStreamBroker(idle_timeout=5000, unacknowledged_lock_timeout=10), a no-op every "
        "0.2 s: it looks for a dead worker's messages only after it received a new one",
    }
    durability = {"*": "redis snapshots"}
    packages = ["taskiq", "taskiq-redis"]

    def up(self) -> None:
        self.box.redis()
        one_each = ["--max-async-tasks", "1"] if self.workload == "kill9" else []
        self.box.worker(
            BIN + "taskiq",
            "worker",
            "adapters.taskiq:broker",
            "--workers",
            "2",
            "--log-level",
            "ERROR",
            *one_each,
        )
        self.loop = asyncio.new_event_loop()
        self.run = self.loop.run_until_complete
        self.run(broker.startup())

    def call(self) -> None:
        async def go() -> Any:
            await (await noop.kiq()).wait_result(check_interval=CHECK, timeout=60)

        self.run(go())

    def _map(self, task, xs):
        async def go() -> Any:
            sem = asyncio.Semaphore(20)

            async def send(x):
                async with sem:
                    return await task.kiq(x)

            async def wait(t):
                async with sem:
                    return (await t.wait_result(check_interval=CHECK, timeout=280)).return_value

            sent = await asyncio.gather(*map(send, xs))
            return await asyncio.gather(*map(wait, sent))

        return self.run(go())

    def map(self, xs: Sequence[int]) -> Sequence[int]:
        return self._map(inc, xs)

    def fat(self, blobs: list[bytes]) -> Sequence[bytes]:
        return [base64.b64decode(t) for t in self._map(echo, [base64.b64encode(b).decode() for b in blobs])]

    def _send(self, task, xs):
        async def go() -> Any:
            for i in range(0, len(xs), 20):
                await asyncio.gather(*(task.kiq(x) for x in xs[i : i + 20]))

        self.run(go())

    def pipe(self, msgs: list[dict[str, Any]]) -> Any:
        self._send(stage1, msgs)

    def naps(self, n: int) -> None:
        self._send(nap, range(n))

    def tick(self) -> None:
        if self.mode == "reclaim5s":
            self.run(noop.kiq())
