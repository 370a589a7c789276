"""Dask.distributed: one scheduler process, two single-thread workers under nannies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import work
from adapters import Base
from common import BIN, can_connect, free_port, wait_for


class Peer(Base):
    modes = {
        "roundtrip": ["default"],
        "map10k": ["default", "bag"],
        "map_fat": ["default", "scatter"],
        "pipeline": ["default", "bag"],
        "coldstart": ["default"],
        "kill9": ["default"],
    }
    na = {"pushpop": "no durable queue (distributed.Queue is in the scheduler's memory)"}
    caveats = {"pipeline": "futures in memory, not durable"}
    notes = {
        "default": "client.map, one task per call",
        "scatter": "client.scatter for the large arguments",
        "bag": "dask.bag with 16 partitions: the docs' advice against tiny tasks",
    }
    packages = ["dask", "distributed"]
    own_sink = True

    def up(self) -> None:
        from distributed import Client

        port = free_port()
        self.box.spawn(
            BIN + "dask",
            "scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--dashboard-address",
            "127.0.0.1:0",
        )
        wait_for(lambda: can_connect(port), what="dask scheduler")
        url = f"tcp://127.0.0.1:{port}"
        self.box.worker(
            BIN + "dask",
            "worker",
            url,
            "--host",
            "127.0.0.1",
            "--nworkers",
            "2",
            "--nthreads",
            "1",
            "--dashboard-address",
            "127.0.0.1:0",
            "--local-directory",
            self.box.dir,
        )
        self.client = Client(url)
        if self.workload != "coldstart":
            self.client.wait_for_workers(2)

    def call(self) -> None:
        self.client.submit(work.noop, pure=False).result()

    def _map(self, *fns, xs):
        if self.mode == "bag":
            import dask.bag

            bag = dask.bag.from_sequence(xs, npartitions=min(16, len(xs)))
            for fn in fns:
                bag = bag.map(fn)
            return bag.compute(scheduler=self.client)
        for fn in fns:
            xs = self.client.map(fn, xs, pure=False)
        return self.client.gather(xs)

    def map(self, xs: Sequence[int]) -> Sequence[int]:
        return self._map(work.inc, xs=xs)

    def fat(self, blobs: list[bytes]) -> Sequence[bytes]:
        if self.mode == "scatter":
            blobs = self.client.scatter(blobs, hash=False)
        return self._map(work.echo, xs=blobs)

    def pipe(self, msgs: list[dict[str, Any]]) -> Any:
        return self._map(work.stage, work.stage, work.stage, xs=msgs)

    def naps(self, n: int) -> None:
        self.futures = self.client.map(work.nap, range(n), pure=False)

    def close(self) -> None:
        self.client.close(timeout=2)
