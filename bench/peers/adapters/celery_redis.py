"""Celery with Redis as broker and result backend. This module is also the worker's app."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from celery import Celery, group

import work
from adapters import Base
from common import BIN

MODE = os.environ["PEER_MODE"]
PORT = os.environ["PEER_PORT"]
app = Celery("peer", broker=f"redis://127.0.0.1:{PORT}/0", backend=f"redis://127.0.0.1:{PORT}/1")
app.conf.update(broker_connection_retry_on_startup=True)
if MODE == "pickle":
    app.conf.update(task_serializer="pickle", result_serializer="pickle", accept_content=["pickle", "json"])
late = {"acks_late": True, "reject_on_worker_lost": True} if MODE.startswith("acks_late") else {}

noop, inc, echo = app.task(work.noop), app.task(work.inc), app.task(work.echo)
nap = app.task(work.nap, **late)


@app.task(ignore_result=True)
def stage1(m: dict[str, Any]) -> None:
    stage2.delay(work.stage(m))


@app.task(ignore_result=True)
def stage2(m: dict[str, Any]) -> None:
    stage3.delay(work.stage(m))


@app.task(ignore_result=True)
def stage3(m: dict[str, Any]) -> None:
    work.sink(work.stage(m))


LEAN = ["--without-gossip", "--without-mingle", "--without-heartbeat"]


class Peer(Base):
    modes = {
        "roundtrip": ["default", "solo"],
        "map10k": ["default", "solo", "chunks"],
        "map_fat": ["default", "pickle"],
        "pipeline": ["default", "solo"],
        "coldstart": ["default"],
        "kill9": ["default", "acks_late", "acks_late+tree"],
    }
    na = {"pushpop": "no client-side pop: only workers consume"}
    notes = {
        "default": "prefork -c 2, JSON, group()",
        "pickle": "pickle serializer",
        "solo": "2 worker processes with --pool=solo, prefetch multiplier 128, no gossip/mingle/heartbeat",
        "chunks": "as solo, and task.chunks(..., 100)",
        "acks_late": "acks_late and reject_on_worker_lost; kills the pool child",
        "acks_late+tree": "the same, but kills the worker's main process and its children",
    }
    durability = {"*": "redis snapshots"}
    packages = ["celery", "redis"]
    module = "adapters.celery_redis"

    def services(self) -> None:
        self.box.redis()

    def up(self) -> None:
        self.services()
        os.environ["C_FORCE_ROOT"] = "1"  # lets a root worker accept pickle
        base = [BIN + "celery", "-A", self.module, "worker", "-l", "ERROR"]
        if self.mode in ("solo", "chunks"):
            for i in "ab":
                self.box.worker(*base, "-P", "solo", "--prefetch-multiplier=128", "-n", f"{i}@bench", *LEAN)
        else:
            self.box.worker(*base, "-c", "2", "-n", "a@bench")

    def call(self) -> None:
        noop.delay().get(timeout=60)

    def map(self, xs: Sequence[int]) -> Sequence[int]:
        if self.mode == "chunks":
            parts = inc.chunks(zip(xs), 100).group().apply_async().get(timeout=280)
            return [y for part in parts for y in part]
        return group(inc.s(x) for x in xs).apply_async().get(timeout=280)

    def fat(self, blobs: list[bytes]) -> Sequence[bytes]:
        return group(echo.s(b) for b in blobs).apply_async().get(timeout=280)

    def pipe(self, msgs: list[dict[str, Any]]) -> Any:
        for m in msgs:
            stage1.delay(m)

    def naps(self, n: int) -> None:
        # kept until the process exits: once Redis is gone, AsyncResult.__del__ would retry for 20 s
        app.bench_keep = [nap.delay(i) for i in range(n)]
