"""The functions every peer runs, and the log by which sinks and kill9 count."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

_log: tuple[int, int] | None = None  # (pid, descriptor): a forked worker opens its own


def open_log(where: str) -> int:
    if where.startswith("tcp:"):
        line = socket.create_connection(("127.0.0.1", int(where[4:])))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return line.detach()
    return os.open(where, os.O_WRONLY | os.O_APPEND)


def note(line: str) -> None:
    """One write per line: atomic, cheap, and the same for every peer; in a sandbox to a socket."""
    global _log
    if _log is None or _log[0] != os.getpid():
        _log = os.getpid(), open_log(os.environ["PEER_LOG"])
    os.write(_log[1], (line + "\n").encode())


def noop() -> None:
    return None


def inc(x: int) -> int:
    return x + 1


def echo(blob: bytes) -> bytes:
    return blob


def nap(i: int) -> int:
    """kill9's task: logs its start with its process, works 20 ms, logs its end."""
    note(f"s {i} {os.getpid()} {os.readlink('/proc/self/ns/pid')}")
    time.sleep(0.02)
    note(f"e {i}")
    return i


def stage(msg: dict[str, Any]) -> dict[str, Any]:
    """One pipeline handler: a new dict with one more hop."""
    return {**msg, "hops": msg["hops"] + 1}


def sink(msg: dict[str, Any]) -> None:
    """The end of the pipeline; checks that all three handlers ran."""
    assert msg["hops"] == 3, msg
    note(f"k {msg['id']}")
