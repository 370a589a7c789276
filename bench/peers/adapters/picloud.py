"""picloud: one `picloud serve` process tree, the client in this process."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import work
from adapters import Base
from collector import Collector
from common import REPOSITORY, Box, can_connect, wait_for

BINARY = Path(os.environ.get("PICLOUD_BINARY") or REPOSITORY / "target/release/picloud")


class NotInstalledError(Exception):
    """There is nothing to measure."""


if not BINARY.exists():
    raise NotInstalledError("run `make build` first: there is no target/release/picloud")


class Peer(Base):
    modes = {
        "roundtrip": ["default", "relaxed"],
        "map10k": ["default", "relaxed"],
        "map_fat": ["default", "relaxed"],
        "pipeline": ["default", "relaxed"],
        "pushpop": ["default", "relaxed"],
        "coldstart": ["default"],
        "kill9": ["default", "default+agent", "default+tree"],
    }
    notes = {
        "default": "fsync before each answer, shared by those that wait; kills the process that runs a job",
        "relaxed": "--durability relaxed: survives a killed process, not a loss of power",
        "default+agent": "kills the worker and all its Python processes; the server starts another",
        "default+tree": "kills server, worker and Python processes; the server is started again on its data",
    }
    caveats = {
        "kill9": "lost under default: the job whose own process was killed, recorded as its error; "
        "duplicated: run again, recorded once"
    }
    durability = {"*": "fsync", "relaxed": "process crash"}
    packages = ["cloudpickle"]

    def __init__(self, box: Box, workload: str, mode: str) -> None:
        super().__init__(box, workload, mode)
        self.attached = False
        os.environ["PICLOUD_CONFIG_DIR"] = f"{box.dir}/config"
        for name in ("PICLOUD_SERVER", "PICLOUD_API_KEY", "PICLOUD_API_SECRETKEY"):
            os.environ.pop(name, None)

    def up(self) -> None:
        ready = Path(self.box.dir, "ready.json")
        serve = [str(BINARY), "serve", "--data-dir", f"{self.box.dir}/data", "--ready-file", str(ready)]
        # A port of its own rather than 0: after a kill the server must come back where its clients look.
        serve += ["--listen", f"127.0.0.1:{self.box.port}"]
        if self.mode == "relaxed":
            serve += ["--durability", "relaxed"]
        server = self.box.spawn(*serve, worker=True, stop=signal.SIGTERM)
        import cloud  # while the server starts, as a script would

        wait_for(lambda: ready.exists() or server.process.poll() is not None, what="picloud", step=0.001)
        if not ready.exists():
            raise RuntimeError(f"picloud serve ended with {server.process.returncode}")
        self.cloud = cloud

    def call(self) -> None:
        self.cloud.result(self.cloud.call(work.noop))

    def map(self, xs: Sequence[int]) -> Sequence[int]:
        got: list[int] = self.cloud.result(self.cloud.map(work.inc, xs))
        return got

    def fat(self, blobs: list[bytes]) -> Sequence[bytes]:
        got: list[bytes] = self.cloud.result(self.cloud.map(work.echo, blobs))
        return got

    def pipe(self, msgs: list[dict[str, Any]]) -> None:
        """Attached with the first messages, which are not timed: what is measured are warm handlers."""
        queue = self.cloud.queue.get
        stages = [queue(f"stage-{number}") for number in range(3)]
        if not self.attached:
            self.attached = True
            log = Collector(self.box.log).address
            queue("sink").attach(work.sink, _os_env_vars={"PEER_LOG": log})
            for stage, following in zip(stages, [*stages[1:], queue("sink")]):
                stage.attach(work.stage, [following])
        stages[0].push(msgs)

    def push(self, bodies: list[bytes]) -> None:
        self.cloud.queue.get("bodies").push(bodies)

    def pop(self, n: int) -> list[bytes]:
        """By tickets, each acknowledged: what is compared is safe consumption."""
        queue, bodies = self.cloud.queue.get("bodies"), []
        while len(bodies) < n:
            tickets = queue.pop_tickets(max_count=min(1000, n - len(bodies)))
            queue.ack(tickets)
            bodies += [ticket.message for ticket in tickets]
        return bodies

    def naps(self, n: int) -> None:
        log = Collector(self.box.log).address
        self.jids = self.cloud.map(work.nap, range(n), _os_env_vars={"PEER_LOG": log})

    def settled(self) -> bool:
        try:
            can_connect(self.box.port)
        except OSError:
            return False  # killed, and not yet back
        return set(self.cloud.status(self.jids)) <= {"done", "error"}

    def audit(self, n: int) -> None:
        """Each job has its own result; only the one whose very process was killed has that as its outcome."""
        got = self.cloud.result(self.jids, timeout=30, ignore_errors=True)
        wrong = [(i, value) for i, value in enumerate(got) if value != i]
        allowed = 1 if self.mode == "default" else 0
        assert len(got) == n, f"{len(got)} outcomes for {n} jobs"
        assert len(wrong) <= allowed, f"not the outcomes of these jobs: {wrong[:5]}"
        assert all(isinstance(value, Exception) for _, value in wrong), f"not a failure: {wrong}"

    def close(self) -> None:
        self.cloud.close()
