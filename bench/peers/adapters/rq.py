"""RQ: two workers on Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import work
from adapters import Base
from common import BIN


def stage1(m: dict[str, Any]) -> None:
    _queue().enqueue(stage2, work.stage(m), result_ttl=0)


def stage2(m: dict[str, Any]) -> None:
    _queue().enqueue(stage3, work.stage(m), result_ttl=0)


def stage3(m: dict[str, Any]) -> None:
    work.sink(work.stage(m))


def _queue():
    from rq import Queue, get_current_job

    return Queue(connection=get_current_job().connection)


class Peer(Base):
    modes = {
        "roundtrip": ["default", "simple"],
        "map10k": ["default", "simple"],
        "map_fat": ["default", "simple"],
        "pipeline": ["default", "simple"],
        "coldstart": ["default"],
        "kill9": ["default", "retry", "retry+tree"],
    }
    na = {"pushpop": "no client-side pop: only workers consume"}
    notes = {
        "default": "2 x `rq worker` (forks for every job), enqueue_many, Job.latest_result(timeout)",
        "simple": "rq.worker.SimpleWorker: no fork",
        "retry": "Retry(max=3); kills the forked work horse",
        "retry+tree": "the same, but kills the whole worker",
    }
    durability = {"*": "redis snapshots"}
    packages = ["rq", "redis"]
    fewer = {"map10k/default": 5, "pipeline/default": 5}

    def up(self) -> None:
        import redis
        import rq

        self.box.redis()
        cls = ["-w", "rq.worker.SimpleWorker"] if self.mode == "simple" else []
        for _ in range(2):
            self.box.worker(BIN + "rq", "worker", "-q", "--url", f"redis://127.0.0.1:{self.box.port}/0", *cls)
        self.rq, self.q = rq, rq.Queue(connection=redis.Redis(port=self.box.port))

    def _get(self, job):
        return job.latest_result(timeout=280).return_value

    def call(self) -> None:
        self._get(self.q.enqueue(work.noop))

    def _map(self, fn, xs):
        jobs = self.q.enqueue_many([self.rq.Queue.prepare_data(fn, (x,)) for x in xs])
        return [self._get(j) for j in jobs]

    def map(self, xs: Sequence[int]) -> Sequence[int]:
        return self._map(work.inc, xs)

    def fat(self, blobs: list[bytes]) -> Sequence[bytes]:
        return self._map(work.echo, blobs)

    def pipe(self, msgs: list[dict[str, Any]]) -> Any:
        self.q.enqueue_many([self.rq.Queue.prepare_data(stage1, (m,), result_ttl=0) for m in msgs])

    def naps(self, n: int) -> None:
        retry = self.rq.Retry(max=3) if self.mode.startswith("retry") else None
        self.q.enqueue_many([self.rq.Queue.prepare_data(work.nap, (i,), retry=retry) for i in range(n)])
