"""What the runner itself costs per no-op job: `python tests/runner/bench_runner.py [PYTHON]`.

Sends jobs ahead in a window, as the worker does, and reads answers in big chunks, so that the
executor never waits. Its processor time, from its own answers, is the figure that counts; the
round trip beside it includes this very script.
"""

from __future__ import annotations

import struct
import sys
import tempfile
import time
from pathlib import Path

import cloudpickle

sys.path.insert(0, str(Path(__file__).parents[1]))

from runner.harness import TOKEN, Executor, Zygote, frame, support_directory

JOBS = 50_000
WINDOW = 64


def executor_cpu_us(executor: Executor) -> float:
    """Processor time of the only child of init, from the machine's `/proc`."""
    children = Path(f"/proc/{executor.init}/task/{executor.init}/children").read_text().split()
    fields = Path(f"/proc/{children[0]}/schedstat").read_text().split()
    return int(fields[0]) / 1000


def many(executor: Executor, spec: int) -> tuple[float, float]:
    """Microseconds per job: of the clock, and of the executor's processor time."""
    payload = b"\0" + cloudpickle.dumps(((1,), {}))
    size = len(frame(b"X", bytes(8 + 2 + 56 + 4) + b"\0" + cloudpickle.dumps(None)))
    line = executor.line
    line.setblocking(True)
    sent = answered = 0
    rest = 0
    began, cpu = time.perf_counter(), executor_cpu_us(executor)
    while answered < JOBS:
        batch = b""
        while sent < JOBS and sent - answered < WINDOW:
            sent += 1
            batch += frame(b"J", struct.pack(">QIQH", sent, 1, spec, len(TOKEN)) + TOKEN + payload)
        if batch:
            line.sendall(batch)
        rest += len(line.recv(1 << 16))
        answered += rest // size
        rest %= size
    clock_us = (time.perf_counter() - began) * 1e6 / JOBS
    return clock_us, (executor_cpu_us(executor) - cpu) / JOBS


def memory_kib(pid: int) -> int:
    """Proportional share of memory."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def main() -> None:
    python = sys.argv[1] if len(sys.argv) > 1 else sys.executable
    with tempfile.TemporaryDirectory() as scratch:
        support = support_directory(Path(scratch))
        began = time.perf_counter()
        zygote = Zygote(python, Path(scratch), "--support", str(support))
        started = time.perf_counter()
        limits = {"open_files": 1024, "file_bytes": 1 << 30, "data_bytes": 300_000_000}
        executor = zygote.fork(cores=1, limits=limits)
        forked = time.perf_counter()
        print(f"Python {zygote.about['full_version']}")
        print(f"zygote ready     {(started - began) * 1000:8.1f} ms")
        print(f"executor ready   {(forked - started) * 1000:8.1f} ms")
        executor.run(lambda _: None, 1)
        assert executor.init is not None
        runner = Path(f"/proc/{executor.init}/task/{executor.init}/children").read_text().split()[0]
        for name, pid in ("zygote", zygote.process.pid), ("init", executor.init), ("executor", int(runner)):
            print(f"{name:10} PSS   {memory_kib(pid):8} KiB")
        spec = executor.function(lambda _: None)
        many(executor, spec)
        clock_us, cpu_us = min(many(executor, spec) for _ in range(3))
        print(
            f"no-op job        {clock_us:8.1f} µs of the clock, {cpu_us:.1f} µs of the executor's processor"
        )
        zygote.stop()


if __name__ == "__main__":
    main()
