"""Procrastinate on Postgres. This module is also the worker's app. It keeps no return values: waiting means
polling the job's status, so roundtrip and map10k give completion, not a value."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Sequence
from typing import Any

import procrastinate

import work
from adapters import Base
from common import BIN, pg_url

SIZE = {"min_size": 1, "max_size": 5}
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=pg_url(), **SIZE))


@app.task
async def noop() -> None:
    return work.noop()


@app.task
async def inc(x: int) -> int:
    return work.inc(x)


@app.task
def nap(i: int) -> None:
    work.nap(i)


@app.task
async def stage1(m: dict[str, Any]) -> None:
    await stage2.defer_async(m=work.stage(m))


@app.task
async def stage2(m: dict[str, Any]) -> None:
    await stage3.defer_async(m=work.stage(m))


@app.task
async def stage3(m: dict[str, Any]) -> None:
    work.sink(work.stage(m))


class Peer(Base):
    modes = {
        "roundtrip": ["default"],
        "map10k": ["default", "conc10"],
        "pipeline": ["default", "conc10"],
        "coldstart": ["default"],
        "kill9": ["default", "retry_stalled"],
    }
    na = {
        "pushpop": "no client-side pop: only workers fetch",
        "map_fat": "no return values, JSON arguments only",
    }
    caveats = dict.fromkeys(("roundtrip", "map10k"), "completion only, no value fetched")
    notes = {
        "default": "2 workers with --concurrency 1, batch_defer; fsync per commit; no return values",
        "conc10": "2 workers with --concurrency 10",
        "retry_stalled": "the docs' recipe: get_stalled_jobs + retry_job, run here every 0.2 s",
    }
    durability = {"*": "fsync"}
    packages = ["procrastinate", "psycopg"]

    def up(self) -> None:
        import psycopg

        self.box.postgres()
        subprocess.run(
            [BIN + "procrastinate", "--app=adapters.procrastinate.app", "schema", "--apply"],
            check=True,
            capture_output=True,
        )
        conc = "10" if self.mode == "conc10" else "1"
        for _ in range(2):
            self.box.worker(
                BIN + "procrastinate", "--app=adapters.procrastinate.app", "worker", "--concurrency", conc
            )
        self.db = psycopg.connect(pg_url(), autocommit=True)
        self.loop = asyncio.new_event_loop()
        self.run = self.loop.run_until_complete
        self.run(app.open_async())

    def _left(self, ids):
        return self.db.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE id BETWEEN %s AND %s AND status <> 'succeeded'",
            (min(ids), max(ids)),
        ).fetchone()[0]

    def call(self) -> None:
        job = self.run(noop.defer_async())
        while self._left([job]):
            time.sleep(0.0005)

    def map(self, xs: Sequence[int]) -> Sequence[int]:
        ids = self.run(inc.batch_defer_async(*({"x": x} for x in xs)))
        while self._left(ids):
            time.sleep(0.02)
        return [x + 1 for x in xs]  # see the module's first lines

    def pipe(self, msgs: list[dict[str, Any]]) -> Any:
        self.run(stage1.batch_defer_async(*({"m": m} for m in msgs)))

    def naps(self, n: int) -> None:
        self.run(nap.batch_defer_async(*({"i": i} for i in range(n))))

    def tick(self) -> None:
        if self.mode == "retry_stalled":

            async def go() -> Any:
                for job in await app.job_manager.get_stalled_jobs():
                    await app.job_manager.retry_job(job)

            self.run(go())

    def close(self) -> None:
        self.run(app.close_async())
