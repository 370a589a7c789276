#!/usr/bin/env python3
"""Where the time of a round trip and of a map goes, hop by hop.

Three views of the same calls, none of which slows them much: the client's requests with what it computes
between them; the server's own time per route (/metrics); and the CPU time of every process (/proc).
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import os
import re
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent / "peers"))

from common import adopt_orphans, descendants, environment, interpreter

TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass
class Hop:
    """One request as the client saw it."""

    route: str
    start: float
    end: float


class Trace:
    """Times every request of the client by standing in for the one function they all pass."""

    def __init__(self) -> None:
        from cloud import _http

        self.hops: list[Hop] = []
        inner = _http.Connection._once

        def timed(connection: Any, head: str, *rest: Any) -> Any:
            start = time.perf_counter()
            try:
                return inner(connection, head, *rest)
            finally:
                method, path = head.split(" ", 2)[:2]
                route = re.sub(r"[0-9a-f]{32,}|\d{3,}", "*", path.split("?")[0])
                self.hops.append(Hop(f"{method} {route}", start, time.perf_counter()))

        setattr(_http.Connection, "_once", timed)  # noqa: B010, a method of ours replaced knowingly

    def of(self, work: Callable[[], Any]) -> tuple[float, float, list[Hop]]:
        """Runs something; its start, end and requests, in order."""
        self.hops.clear()
        start = time.perf_counter()
        work()
        end = time.perf_counter()
        return start, end, sorted(self.hops, key=lambda hop: hop.start)


def timeline(start: float, end: float, hops: list[Hop]) -> list[tuple[str, float]]:
    """Seconds of each request and of the client's own work before, between and after them."""
    parts, at = [], start
    for i, hop in enumerate(hops):
        own = "client: encode" if i == 0 else f"client: between {i} and {i + 1}"
        parts.append((own, max(0.0, hop.start - at)))
        parts.append((f"{i + 1} {hop.route}", hop.end - hop.start))
        at = max(at, hop.end)
    return [*parts, ("client: decode", end - at)]


def folded(parts: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """The same with like parts added up, in the order of their first appearance."""
    sums: dict[str, tuple[int, float]] = {}
    for name, seconds in parts:
        route = name.split(" ", 1)[1] if name[0].isdigit() else name.split(" between")[0]
        count, total = sums.get(route, (0, 0.0))
        sums[route] = (count + 1, total + seconds)
    return [(f"{count} x {route}", total) for route, (count, total) in sums.items()]


@dataclasses.dataclass
class Cpu:
    """Processor time of one process so far, in microseconds."""

    name: str
    user: float
    system: float


def cpu_of(pid: int) -> Cpu | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    fields = stat.rsplit(")", 1)[1].split()
    # What follows `-c` is a program's text, not its name.
    words = [os.path.basename(a.decode(errors="replace")) for a in argv[:4] if a and a[:1] not in b"-\n"]
    return Cpu(" ".join(words[:2]), int(fields[11]) * TICK_US, int(fields[12]) * TICK_US)


def cpu_now() -> dict[int, Cpu]:
    found = {pid: cpu_of(pid) for pid in [os.getpid(), *descendants(os.getpid())]}
    return {pid: cpu for pid, cpu in found.items() if cpu is not None}


def route_times(port: int) -> dict[str, tuple[float, float]]:
    """Route -> (requests, seconds) so far, as the server counts them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as reply:
        text = reply.read().decode()
    found: dict[str, dict[str, float]] = collections.defaultdict(dict)
    pattern = r'^picloud_http_request_seconds_(sum|count)\{method="(\w+)",route="([^"]*)"\} (\S+)$'
    for kind, method, route, value in re.findall(pattern, text, re.MULTILINE):
        found[f"{method} {route}"][kind] = float(value)
    return {route: (v.get("count", 0.0), v.get("sum", 0.0)) for route, v in found.items()}


class Measured:
    """Differences over a stretch of work: CPU per process, requests per route."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._routes = route_times(port)
        self._cpu = cpu_now()
        self._start = time.perf_counter()

    def report(self, jobs: int) -> None:
        wall = time.perf_counter() - self._start
        print(f"\n  {'CPU per job by process, µs':<46}{'user':>10}{'system':>10}")
        total = 0.0
        for pid, now in sorted(cpu_now().items()):
            before = self._cpu.get(pid, Cpu("", 0, 0))
            user, system = now.user - before.user, now.system - before.system
            total += user + system
            if user + system >= TICK_US:
                name = "client" if pid == os.getpid() else now.name
                print(f"  {f'{pid} {name}':<46}{user / jobs:>10.1f}{system / jobs:>10.1f}")
        busy = total / 1e6 / wall / (os.cpu_count() or 1) * 100
        print(f"  {'all':<46}{total / jobs:>20.1f}   ({busy:.0f} % of the machine)")
        print(f"\n  {'server, by route':<46}{'requests':>10}{'ms each':>10}{'µs per job':>12}")
        for route, (count, seconds) in sorted(route_times(self._port).items()):
            known_count, known_seconds = self._routes.get(route, (0.0, 0.0))
            n, took = count - known_count, seconds - known_seconds
            if n and "/metrics" not in route:
                print(f"  {route:<46}{n:>10.0f}{took / n * 1e3:>10.3f}{took / jobs * 1e6:>12.1f}")


def round_trips(peer: Any, trace: Trace, n: int) -> None:
    for _ in range(30):
        peer.call()
    measured = Measured(peer.box.port)
    runs = [timeline(*trace.of(peer.call)) for _ in range(n)]
    shape = collections.Counter(tuple(name for name, _ in run) for run in runs).most_common(1)[0][0]
    alike = [run for run in runs if tuple(name for name, _ in run) == shape]
    print(f"round trip of one no-op: {n} calls, {len(alike)} of them with these hops; µs, median and p90")
    for i, name in enumerate(shape):
        took = sorted(run[i][1] * 1e6 for run in alike)
        print(f"  {name:<46}{statistics.median(took):>10.0f}{took[int(len(took) * 0.9)]:>10.0f}")
    total = sorted(sum(s for _, s in run) * 1e6 for run in runs)
    print(f"  {'all':<46}{statistics.median(total):>10.0f}{total[int(len(total) * 0.9)]:>10.0f}")
    measured.report(n)


def whole_map(peer: Any, trace: Trace, n: int, repeats: int) -> None:
    peer.map(range(100))
    for _ in range(repeats):
        measured = Measured(peer.box.port)
        parts = timeline(*trace.of(lambda: peer.map(range(n))))
        total = sum(s for _, s in parts)
        print(f"\nmap of {n:,}: {n / total:,.0f} jobs/s, {total / n * 1e6:.0f} µs per job; ms")
        for name, seconds in [*folded(parts), ("all", total)]:
            print(f"  {name:<46}{seconds * 1e3:>10.1f}")
        measured.report(n)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--mode", default="default", choices=["default", "relaxed"], help="durability")
    p.add_argument("--calls", type=int, default=200)
    p.add_argument("--jobs", type=int, default=10_000)
    p.add_argument("--repeats", type=int, default=2, help="maps of that size")
    p.add_argument("--wait", action="store_true", help="stop before each part, for a profiler to attach")
    a = p.parse_args()
    from adapters import picloud
    from common import Box

    adopt_orphans()
    box = Box("map10k", a.mode)
    peer = picloud.Peer(box, "map10k", a.mode)
    try:
        peer.up()
        trace = Trace()
        peer.call()
        parts: list[Callable[[], None]] = [
            lambda: round_trips(peer, trace, a.calls),
            lambda: whole_map(peer, trace, a.jobs, a.repeats),
        ]
        for part in parts:
            if a.wait:
                for pid, cpu in cpu_now().items():
                    print(f"  {pid} {cpu.name}", file=sys.stderr)
                input("Enter to go on ")
            part()
        peer.close()
    except BaseException:
        print(box.logs(), file=sys.stderr)
        raise
    finally:
        box.stop()


if __name__ == "__main__":
    if (
        os.environ.get("PICLOUD_BENCH_READY") != "1"
    ):  # once more, with the interpreter and paths of our client
        python = interpreter("picloud")
        os.execvpe(python, [python, *sys.argv], environment("picloud") | {"PICLOUD_BENCH_READY": "1"})
    main()
