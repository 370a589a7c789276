"""The fields of `cloud.info` that say what a job used: named and grouped as PiCloud did.

What is called `usage` is of this moment, so there only while the job runs; `max_usage` and what is
counted are there from the first sample on, and stay.
"""

from __future__ import annotations

from typing import Any, Callable

__all__ = ["USED", "USED_PARTS"]

Job = dict[str, Any]
Read = Callable[[Job], Any]


def _now(name: str) -> Read:
    def read(job: Job) -> Any:
        live = job.get("live")
        return None if live is None else live["sample"].get(name, 0)

    return read


def _total(name: str) -> Read:
    return lambda job: (job.get("usage") or {}).get(name)


def _max_memory(job: Job) -> int | None:
    # 0 says that nobody looked: there is no process without memory.
    return (job.get("usage") or {}).get("memory_peak_bytes") or None


def _percentage(job: Job) -> dict[str, float] | None:
    live = job.get("live")
    if live is None:
        return None
    shares = {"user": live["cpu_user_cores"], "system": live["cpu_system_cores"], "total": live["cpu_cores"]}
    return {name: round(100 * cores, 1) for name, cores in shares.items()}


def _ports(job: Job) -> dict[str, dict[int, dict[str, Any]]] | None:
    live = job.get("live")
    if live is None:
        return None
    ports: dict[str, dict[int, dict[str, Any]]] = {"tcp": {}, "udp": {}}
    for found in live["ports"]:
        number = int(found["port"])
        ports[found["protocol"]][number] = {"address": live["address"], "port": number}
    return ports


USED_PARTS: dict[str, Read] = {
    "cputime.user": lambda job: job.get("cpu_user"),
    "cputime.system": lambda job: job.get("cpu_system"),
    "memory.usage": _now("memory_bytes"),
    "memory.max_usage": _max_memory,
    "memory.failcnt": _total("memory_failures"),
    "swap.usage": _now("swap_bytes"),
    "swap.max_usage": _total("swap_peak_bytes"),
    "disk.usage": _now("disk_bytes"),
    "disk.max_usage": _total("disk_peak_bytes"),
    "disk.read": _total("disk_read_bytes"),
    "disk.written": _total("disk_write_bytes"),
    "network.received": _total("net_received_bytes"),
    "network.sent": _total("net_sent_bytes"),
}
"""Single figures, by their dotted names: bytes, counts and seconds."""


def _group(prefix: str) -> Read:
    parts = {
        name.partition(".")[2]: read for name, read in USED_PARTS.items() if name.startswith(f"{prefix}.")
    }
    return lambda job: {name: read(job) for name, read in parts.items()}


USED: dict[str, Read] = {
    "cputime": _group("cputime"),
    "cpu_percentage": _percentage,
    "memory": _group("memory"),
    "swap": _group("swap"),
    "disk": _group("disk"),
    "network": _group("network"),
    "ports": _ports,
    "core_ms": lambda job: job.get("core_ms"),
    "cost": lambda job: job.get("cost"),
    "confinement": lambda job: job.get("confinement"),
}
"""Groups of them, and the rest."""
