"""The workloads, timed here and only here, so that every peer is measured alike."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import statistics
import sys
import time
from typing import Any

import adapters
from adapters import Base
from common import Box, ancestry, descendants, pid_here, pss_mib, wait_for

MIB = 1 << 20
Figures = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Metric:
    """One figure of a workload."""

    unit: str
    digits: int
    higher_is_better: bool


@dataclasses.dataclass(frozen=True)
class Workload:
    """What is run and how often; `base` is the function below and what adapters know it as."""

    number: str
    base: str
    count: int
    metrics: dict[str, Metric]
    settings: dict[str, str] = dataclasses.field(default_factory=dict)


FAT = {"rate": Metric("MB/s", 1, True)}
WORKLOADS = {
    "roundtrip": Workload(
        "W1", "roundtrip", 300, {"median": Metric("ms", 2, False), "p99": Metric("ms", 2, False)}
    ),
    "map10k": Workload("W2", "map10k", 10_000, {"rate": Metric("tasks/s", 0, True)}),
    "map_fat": Workload("W3", "map_fat", 200, FAT),
    "map_fat_unique": Workload("W3", "map_fat", 200, FAT, {"PEER_DISTINCT": "all"}),
    "pipeline": Workload("W4", "pipeline", 5_000, {"rate": Metric("msgs/s", 0, True)}),
    "pushpop": Workload(
        "W5", "pushpop", 20_000, {"push": Metric("msgs/s", 0, True), "pop": Metric("msgs/s", 0, True)}
    ),
    "coldstart": Workload(
        "W6",
        "coldstart",
        1,
        {"ready": Metric("s", 2, False), "idle": Metric("MiB", 0, False), "client": Metric("MiB", 0, False)},
    ),
    "kill9": Workload(
        "W7",
        "kill9",
        500,
        {
            "completed": Metric("", 0, True),
            "lost": Metric("", 0, False),
            "duplicated": Metric("", 0, False),
            "seconds": Metric("s", 1, False),
        },
    ),
}


def read_log() -> list[str]:
    with open(os.environ["PEER_LOG"]) as f:
        return f.read().splitlines()


def msgs(n: int, base: int = 0) -> list[dict[str, Any]]:
    return [
        {"id": base + i, "hops": 0, "name": f"user{i}", "amount": i * 1.5, "tags": ["a", "b"]}
        for i in range(n)
    ]


def wait_sink(n: int, timeout: float = 240) -> None:
    """Until n lines are in the sink; polls the file's size every 2 ms."""
    count = 0
    end = time.monotonic() + timeout
    with open(os.environ["PEER_LOG"], "rb") as f:
        while count < n:
            if time.monotonic() > end:
                raise TimeoutError(f"{count} of {n} messages reached the sink")
            data = f.read()
            count += data.count(b"\n")
            if not data:
                time.sleep(0.002)


def roundtrip(peer: Base, n: int) -> Figures:
    for _ in range(20):
        peer.call()
    took = []
    for _ in range(n):
        t = time.perf_counter()
        peer.call()
        took.append((time.perf_counter() - t) * 1000)
    took.sort()
    return {"median": statistics.median(took), "p99": took[min(len(took) - 1, int(len(took) * 0.99))]}


def map10k(peer: Base, n: int) -> Figures:
    peer.map(range(min(n, 100)))
    time.sleep(0.3)
    t = time.perf_counter()
    got = list(peer.map(range(n)))
    dt = time.perf_counter() - t
    assert got == list(range(1, n + 1)), f"wrong results: {got[:5]}..."
    return {"rate": n / dt}


def map_fat(peer: Base, n: int) -> Figures:
    """PEER_DISTINCT says how many of the n blobs differ: who stores by content sends equal ones once."""
    distinct = os.environ.get("PEER_DISTINCT", "4")
    peer.fat([os.urandom(MIB) for _ in range(4)])  # others than the timed ones, so that none is known already
    pool = [os.urandom(MIB) for _ in range(n if distinct == "all" else int(distinct))]
    blobs = [pool[i % len(pool)] for i in range(n)]
    t = time.perf_counter()
    got = peer.fat(blobs)
    dt = time.perf_counter() - t
    assert list(got) == blobs, "wrong blobs"
    return {"rate": 2 * n * MIB / 1e6 / dt}  # argument plus result


def pipeline(peer: Base, n: int) -> Figures:
    peer.pipe(msgs(50, base=10_000_000))
    if not peer.own_sink:
        wait_sink(50)
    os.truncate(os.environ["PEER_LOG"], 0)
    data = msgs(n)
    t = time.perf_counter()
    out = peer.pipe(data)
    if peer.own_sink:
        dt = time.perf_counter() - t
        assert sorted(m["id"] for m in out) == list(range(n))
        assert all(m["hops"] == 3 for m in out)
    else:
        wait_sink(n)
        dt = time.perf_counter() - t
        assert sorted(int(line[2:]) for line in read_log()) == list(range(n)), "wrong messages in the sink"
    return {"rate": n / dt}


def pushpop(peer: Base, n: int) -> Figures:
    body = [os.urandom(512).hex().encode() for _ in range(n)]  # 1 KiB each, all different
    peer.push(body[:100])
    assert len(peer.pop(100)) == 100
    t = time.perf_counter()
    peer.push(body)
    t1 = time.perf_counter()
    got = peer.pop(n)
    t2 = time.perf_counter()
    assert sorted(got) == sorted(body), "wrong messages popped"
    return {"push": n / (t1 - t), "pop": n / (t2 - t1)}


def idle_memory() -> Figures:
    time.sleep(5)
    return {"idle": pss_mib(descendants(os.getpid())), "client": pss_mib([os.getpid()])}


def stop_busy_process() -> int:
    """SIGSTOPs a process that is surely in the middle of a task and returns its pid."""
    for _ in range(1000):
        _, task, number, namespace = [x for x in read_log() if x[0] == "s"][-1].split()
        pid = pid_here(int(number), namespace)
        if pid is not None:
            try:
                os.kill(pid, signal.SIGSTOP)
                time.sleep(0.005)  # a line that comes over a socket is in the log by then
                if f"e {task}" not in read_log():
                    return pid
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        time.sleep(0.003)
    raise RuntimeError("no process caught in a task")


def victims_of(mode: str, executing: int) -> list[int]:
    """Whom a mode kills: the process that runs a task; `+agent`: the worker that supervises it, and all
    below; `+tree`: everything up to what this run started, and all below."""
    chain = ancestry(executing)
    if mode.endswith("+tree"):
        root = chain[-1]
    elif mode.endswith("+agent"):
        root = chain[-2]
    else:
        return [executing]
    return [root, *descendants(root)]


def kill9(peer: Base, n: int) -> Figures:
    for _ in range(4):
        peer.call()
    time.sleep(0.5)

    def ends() -> list[str]:
        return [x for x in read_log() if x[0] == "e"]

    t = time.monotonic()
    peer.naps(n)
    wait_for(lambda: len(ends()) >= n * 2 // 5, timeout=60, what="first tasks")
    for pid in victims_of(peer.mode, stop_busy_process()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    time.sleep(0.5)
    done_at = settled_at = None
    restarted, limit = 0, float(os.environ.get("PEER_KILL_WAIT", 60))
    while time.monotonic() - killed < limit:
        restarted += peer.box.revive()
        if done_at is None and len(set(ends())) >= n:
            done_at = time.monotonic() - t
        if done_at is None and settled_at is None and peer.settled():
            settled_at = time.monotonic() - t
        over = done_at or settled_at
        if over and time.monotonic() - t > over + 3:  # 3 s more for late duplicates
            break
        peer.tick()
        time.sleep(0.2)
    done = ends()
    peer.audit(n)
    return {
        "completed": len(set(done)),
        "lost": n - len(set(done)),
        "duplicated": len(done) - len(set(done)),
        "seconds": done_at or settled_at or limit,
        "restarted": restarted,
    }


RUN = {f.__name__: f for f in (roundtrip, map10k, map_fat, pipeline, pushpop, kill9)}


def run_one(name: str, workload: str, mode: str, n: int) -> Figures:
    """Starts one peer, runs one workload on it, stops everything."""
    t = time.perf_counter()
    what = WORKLOADS[workload]
    os.environ.update(what.settings)
    box = Box(what.base, mode)
    peer: Base | None = None
    ok = False
    try:
        peer = adapters.load(name)(box, what.base, mode)
        peer.up()
        n = max(1, n // peer.fewer.get(f"{what.base}/{mode}", 1))
        if what.base == "coldstart":
            peer.call()
            out = {"ready": time.perf_counter() - t, **idle_memory()}
        else:
            out = RUN[what.base](peer, n)
        ok = True
        return {**out, "n": n}
    finally:
        if not ok:
            print(box.logs(), file=sys.stderr)
        try:
            if peer:
                peer.close()
        except Exception as e:
            print("close:", repr(e), file=sys.stderr)
        box.stop()
