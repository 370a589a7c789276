"""joblib.Parallel and its executor loky."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import joblib
from joblib.externals.loky import get_reusable_executor

import work
from adapters import Base


class Peer(Base):
    modes = {
        "roundtrip": ["default"],
        "map10k": ["default"],
        "map_fat": ["default"],
        "pipeline": ["default"],
        "coldstart": ["default"],
        "kill9": ["default"],
    }
    na = {"pushpop": "no durable queue"}
    caveats = {"pipeline": "futures in memory, not durable"}
    notes = {"default": "joblib.Parallel(n_jobs=2), batch_size='auto'; single calls through loky's executor"}
    packages = ["joblib", "loky"]
    own_sink = True

    def up(self) -> None:
        self.ex = None
        if self.workload in ("roundtrip", "coldstart", "kill9"):  # joblib.Parallel makes its own
            self.ex = get_reusable_executor(max_workers=2)

    def call(self) -> None:
        self.ex.submit(work.noop).result()

    def _map(self, fn, xs):
        return joblib.Parallel(n_jobs=2)(joblib.delayed(fn)(x) for x in xs)

    def map(self, xs: Sequence[int]) -> Sequence[int]:
        return self._map(work.inc, xs)

    def fat(self, blobs: list[bytes]) -> Sequence[bytes]:
        return self._map(work.echo, blobs)

    def pipe(self, msgs: list[dict[str, Any]]) -> Any:
        for _ in range(3):
            msgs = self._map(work.stage, msgs)
        return msgs

    def naps(self, n: int) -> None:
        self.futures = [self.ex.submit(work.nap, i) for i in range(n)]

    def close(self) -> None:
        if self.ex:
            self.ex.shutdown(wait=False, kill_workers=True)
