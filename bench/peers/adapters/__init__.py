"""The interface every adapter fills in. NAMES is the run order."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from common import Box

NAMES = [
    "picloud",
    "processpool",
    "loky",
    "dask",
    "ray",
    "celery-redis",
    "celery-rabbit",
    "rq",
    "dramatiq",
    "huey",
    "taskiq",
    "procrastinate",
    "hyperqueue",
    "redis-streams",
    "rabbitmq",
    "nats",
    "postgres",
    "sqs-moto",
]


class Base:
    """One peer in one mode. The static tables may be read without starting anything."""

    modes: ClassVar[dict[str, list[str]]] = {}  # workload -> modes to run, "default" first
    na: ClassVar[dict[str, str]] = {}  # workload -> why this peer cannot do it
    caveats: ClassVar[dict[str, str]] = {}  # workload (or "*") -> what the table says beside this peer's rows
    notes: ClassVar[dict[str, str]] = {}  # mode -> what it sets
    durability: ClassVar[dict[str, str]] = {"*": "memory"}  # mode (or "*") -> where accepted work is kept
    packages: ClassVar[list[str]] = []  # distributions whose versions belong to the figures
    fewer: ClassVar[
        dict[str, int]
    ] = {}  # "workload/mode" -> divide its count by this (it would need many minutes)
    own_sink = False  # pipe() returns the results itself, instead of the handlers writing to the sink

    def __init__(self, box: Box, workload: str, mode: str) -> None:
        self.box, self.workload, self.mode = box, workload, mode

    def up(self) -> None:
        """Start services and workers; return as soon as submitting is possible."""

    def call(self) -> None:
        """Submit a no-op, wait for its result."""
        raise NotImplementedError

    def map(self, xs: Sequence[int]) -> Sequence[int]:
        """inc() over xs; the results in order."""
        raise NotImplementedError

    def fat(self, blobs: list[bytes]) -> Sequence[bytes]:
        """echo() over blobs; the results in order."""
        raise NotImplementedError

    def pipe(self, msgs: list[dict[str, Any]]) -> Any:
        """Push msgs into stage 1 of 3."""
        raise NotImplementedError

    def push(self, bodies: list[bytes]) -> None:
        """Push all to a durable queue; return once the server has confirmed them (if it does)."""
        raise NotImplementedError

    def pop(self, n: int) -> list[bytes]:
        """Pop and acknowledge n; return the bodies."""
        raise NotImplementedError

    def naps(self, n: int) -> None:
        """Submit nap(0..n-1); don't wait."""
        raise NotImplementedError

    def tick(self) -> None:
        """Called every 0.2 s while kill9 waits, for what a peer's docs tell a user to run."""

    def settled(self) -> bool:
        """Whether every task of kill9 has its outcome, if a peer can tell: nothing more is to come then."""
        return False

    def audit(self, n: int) -> None:
        """After kill9, where a peer keeps outcomes: fails unless each of the n has its own, once."""

    def close(self) -> None:
        """Close client connections."""


def load(name: str) -> type[Base]:
    """The adapter of a peer."""
    found: type[Base] = importlib.import_module("adapters." + name.replace("-", "_")).Peer
    return found
