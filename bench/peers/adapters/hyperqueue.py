"""HyperQueue's PyPI build: server and worker run inside one Python process (LocalCluster); no hq binary.
Every task is a process of its own; return values are not kept, so tasks print theirs to a file."""

from __future__ import annotations

import os
import pathlib
import sys
import time
from collections.abc import Sequence

from adapters import Base
from common import BIN, wait_for


def cluster(path):
    from hyperqueue.cluster import LocalCluster, WorkerConfig

    LocalCluster(path, WorkerConfig(cores=2))
    while True:
        time.sleep(3600)


def inc_to_stdout(x):
    print(x + 1)


class Peer(Base):
    modes = {"roundtrip": ["default", "python"], "map10k": ["default", "python"], "coldstart": ["default"]}
    na = {
        "map_fat": "data passes only through files",
        "pipeline": "no queues; each task is a process",
        "pushpop": "no queues",
        "kill9": "in the PyPI build the worker is a thread of the server's process",
    }
    caveats = {"roundtrip": "client polls once a second", "map10k": "results through files"}
    notes = {
        "default": "one job; tasks are `sh -c 'echo N+1'`, stdout to one file per task",
        "python": "job.function: starts a Python interpreter per task",
    }
    packages = ["hyperqueue"]
    fewer = {"roundtrip/default": 10, "roundtrip/python": 10, "map10k/default": 2, "map10k/python": 40}

    def up(self) -> None:
        import hyperqueue.client
        from hyperqueue import Client
        from hyperqueue.task.function import PythonEnv

        hyperqueue.client.create_progress_callback = lambda: lambda jobs: None  # no progress bar
        self.dir = pathlib.Path(self.box.dir, "hq")
        self.box.spawn(
            BIN + "python", "-c", f"from adapters.hyperqueue import cluster; cluster({str(self.dir)!r})"
        )
        wait_for(lambda: any(self.dir.glob("*/access.json")), what="hyperqueue")
        self.client = wait_for(
            lambda: Client(self.dir, python_env=PythonEnv(python_bin=BIN + "python")),
            what="hyperqueue client",
        )

    def _run(self, build):
        from hyperqueue import Job

        job = Job(self.box.dir)
        build(job)
        self.client.wait_for_jobs([self.client.submit(job)])

    def call(self) -> None:
        if self.mode == "python":
            self._run(lambda job: job.function(os.getpid, stdout=None, stderr=None))
        else:
            self._run(lambda job: job.program(["true"], stdout=None, stderr=None))

    def map(self, xs: Sequence[int]) -> Sequence[int]:
        out = pathlib.Path(self.box.dir, f"o{time.monotonic_ns()}")
        out.mkdir()

        def build(job):
            for x in xs:
                if self.mode == "python":
                    job.function(inc_to_stdout, args=(x,), stdout=str(out / str(x)), stderr=None)
                else:
                    job.program(["sh", "-c", f"echo $(({x}+1))"], stdout=str(out / str(x)), stderr=None)

        self._run(build)
        return [int((out / str(x)).read_text()) for x in xs]


if __name__ == "__main__":
    cluster(sys.argv[1])
