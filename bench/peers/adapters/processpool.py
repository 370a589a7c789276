"""concurrent.futures.ProcessPoolExecutor: the local limit."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import work
from adapters import Base


class Peer(Base):
    modes = {
        "roundtrip": ["default"],
        "map10k": ["default", "chunked"],
        "map_fat": ["default"],
        "pipeline": ["chunked"],
        "coldstart": ["default"],
        "kill9": ["default"],
    }
    na = {"pushpop": "no durable queue"}
    caveats = {"pipeline": "futures in memory, not durable"}
    notes = {"default": "2 processes", "chunked": "map(chunksize=625): the docs' advice for long iterables"}
    own_sink = True

    def up(self) -> None:
        self.ex = ProcessPoolExecutor(2)

    def call(self) -> None:
        self.ex.submit(work.noop).result()

    def _map(self, fn, xs):
        size = max(1, len(xs) // 16) if self.mode == "chunked" else 1
        return list(self.ex.map(fn, xs, chunksize=size))

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
        self.ex.shutdown(wait=False, cancel_futures=True)
