"""A queue on Postgres as PGMQ does it: one table per queue, SKIP LOCKED reads with a visibility timeout."""

from __future__ import annotations

import os
import time
from typing import Any

import psycopg

from adapters._queues import QUEUES, Fetched, QueuePeer
from common import Box, pg_url

READ = """WITH c AS (SELECT id FROM q_{0} WHERE vt <= clock_timestamp()
ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
UPDATE q_{0} m SET vt = clock_timestamp() + interval '30 seconds', read_ct = read_ct + 1
FROM c WHERE m.id = c.id RETURNING m.id, m.body"""


class Backend:
    batch = 100

    def serve(self, box: Box) -> None:
        box.postgres(*(["synchronous_commit=off"] if os.environ["PEER_MODE"] == "async-commit" else []))
        self.connect(None)
        for q in QUEUES:
            self.db.execute(
                f"CREATE TABLE q_{q} (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, "
                "read_ct int NOT NULL DEFAULT 0, enqueued_at timestamptz NOT NULL DEFAULT now(), "
                "vt timestamptz NOT NULL DEFAULT now(), body bytea NOT NULL)"
            )
            self.db.execute(f"CREATE INDEX ON q_{q} (vt)")

    def connect(self, index: int | None) -> None:
        self.db = psycopg.connect(pg_url(), autocommit=True)

    def push(self, queue: str, bodies: list[bytes]) -> None:
        self.db.execute(f"INSERT INTO q_{queue} (body) SELECT unnest(%b::bytea[])", (bodies,))

    def fetch(self, queues: list[str], most: int) -> Fetched:
        for q in queues:
            rows = self.db.execute(READ.format(q), (most,), binary=True).fetchall()
            if rows:
                return q, rows
        time.sleep(0.001)
        return None

    def ack(self, queue: str, tokens: list[Any]) -> None:
        self.db.execute(f"DELETE FROM q_{queue} WHERE id = ANY(%s)", (tokens,))


class Peer(QueuePeer):
    modes = {
        "roundtrip": ["default"],
        "pipeline": ["default", "async-commit"],
        "pushpop": ["default", "async-commit"],
        "coldstart": ["default"],
        "kill9": ["default"],
    }
    notes = {
        "default": "fsync per commit (a batch is one); idle consumers poll every 1 ms; timeout 30 s",
        "async-commit": "synchronous_commit=off: fsync in groups, up to 0.6 s later",
    }
    durability = {"default": "fsync", "async-commit": "fsync within 0.6 s"}
    packages = ["psycopg"]
    backend, module = Backend, "adapters.postgres"
