"""Ray: a one-node cluster with 2 CPUs, without the dashboard."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import work
from adapters import Base
from common import BIN, free_port, wait_for


class Peer(Base):
    modes = {
        "roundtrip": ["default", "actor"],
        "map10k": ["default", "pool"],
        "map_fat": ["default"],
        "pipeline": ["default", "actor"],
        "coldstart": ["default"],
        "kill9": ["default"],
    }
    na = {"pushpop": "no durable queue (ray.util.queue is one actor's memory)"}
    caveats = {"pipeline": "futures in memory, not durable"}
    notes = {
        "default": "remote functions, one task per call (max_retries=3 is Ray's default)",
        "actor": "calls on 2 actors",
        "pool": "ray.util.multiprocessing.Pool(2).map: batches calls",
    }
    packages = ["ray"]
    own_sink = True

    def up(self) -> None:
        os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_DISABLE_IMPORT_WARNING="1", RAY_DEDUP_LOGS="0")
        import ray

        self.ray = ray
        port = free_port()
        self.box.spawn(
            BIN + "ray",
            "start",
            "--head",
            "--block",
            "--num-cpus=2",
            "--node-ip-address=127.0.0.1",
            f"--port={port}",
            "--include-dashboard=false",
            f"--temp-dir={self.box.dir}/r",
            "--disable-usage-stats",
            "--object-store-memory=2000000000",
        )
        wait_for(lambda: self._init(port), what="ray")
        self.fn = {f.__name__: ray.remote(f) for f in (work.noop, work.inc, work.echo, work.stage, work.nap)}
        if self.mode == "actor":

            @ray.remote(num_cpus=1)
            class Actor:
                def noop(self):
                    return None

                def stage(self, m):
                    return work.stage(m)

            self.actors = [Actor.remote() for _ in range(2)]
        if self.mode == "pool":
            from ray.util.multiprocessing import Pool

            self.pool = Pool(2)

    def _init(self, port):
        self.ray.init(
            address=f"127.0.0.1:{port}",
            log_to_driver=False,
            logging_level="ERROR",
            _temp_dir=f"{self.box.dir}/r",
        )
        return True

    def call(self) -> None:
        f = self.actors[0].noop if self.mode == "actor" else self.fn["noop"]
        self.ray.get(f.remote())

    def map(self, xs: Sequence[int]) -> Sequence[int]:
        if self.mode == "pool":
            return self.pool.map(work.inc, xs)
        return self.ray.get([self.fn["inc"].remote(x) for x in xs])

    def fat(self, blobs: list[bytes]) -> Sequence[bytes]:
        return self.ray.get([self.fn["echo"].remote(b) for b in blobs])

    def pipe(self, msgs: list[dict[str, Any]]) -> Any:
        refs = []
        for i, m in enumerate(msgs):
            f = self.actors[i % 2].stage if self.mode == "actor" else self.fn["stage"]
            refs.append(f.remote(f.remote(f.remote(m))))
        return self.ray.get(refs)

    def naps(self, n: int) -> None:
        self.refs = [self.fn["nap"].remote(i) for i in range(n)]

    def close(self) -> None:
        self.ray.shutdown()
