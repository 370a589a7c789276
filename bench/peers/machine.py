"""The machine and the versions that figures belong to."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from common import BENCH_HOME


def field(path: str, name: str) -> str:
    """The value of the first `name : value` line of a file of /proc or /etc."""
    for line in Path(path).read_text().splitlines():
        key, _, value = line.replace("=", ":", 1).partition(":")
        if key.strip() == name:
            return value.strip().strip('"')
    return ""


def sync_ms(directory: str, times: int = 100) -> float:
    """Median time to append 4 KiB and wait until the disk has it: what one durable answer must cost."""
    took = []
    with tempfile.NamedTemporaryFile(dir=directory, buffering=0) as f:
        for _ in range(times):
            t = time.perf_counter()
            f.write(bytes(4096))
            os.fdatasync(f.fileno())
            took.append((time.perf_counter() - t) * 1000)
    return statistics.median(took)


def describe() -> dict[str, str | int | float]:
    home = Path(BENCH_HOME)
    home.mkdir(parents=True, exist_ok=True)
    return {
        "cpu": field("/proc/cpuinfo", "model name") or platform.machine(),
        "threads": os.cpu_count() or 0,
        "memory": f"{int(field('/proc/meminfo', 'MemTotal').split()[0]) / (1 << 20):.0f} GiB",
        "system": field("/etc/os-release", "PRETTY_NAME"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "fdatasync_ms": round(sync_ms(str(home)), 3),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
