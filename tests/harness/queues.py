"""Queues of tests, and the jobs that handle them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Callable

import pytest
from harness.server import Server
from harness.waiting import until

__all__ = ["job_of", "jobs_of", "queue", "taken"]

_numbers = itertools.count()


@pytest.fixture
def queue(cloud: ModuleType) -> Iterator[Callable[..., Any]]:
    """Queues of the test's own: `queue()`, `queue('errors')`; deleted after it, which ends their jobs."""
    made: list[Any] = []
    prefix = f"h{next(_numbers)}"

    def make(name: str = "q") -> Any:
        made.append(cloud.queue.get(f"{prefix}-{name}"))
        return made[-1]

    yield make
    for one in made:
        with contextlib.suppress(cloud.CloudException):
            one.delete()


def taken(q: Any, count: int, timeout: float = 60) -> list[Any]:
    """So many messages, once they are there."""
    until(lambda: q.count() >= count, timeout, f"{q} has {count} messages")
    return list(q.pop(count + 1))


def jobs_of(server: Server, q: Any) -> list[dict[str, Any]]:
    """The jobs that handle a queue."""
    status, reply = server.request("GET", f"/v1/jobs?queue={q.name}")
    assert status == 200, reply
    jobs: list[dict[str, Any]] = reply["jobs"]
    return jobs


def job_of(server: Server, q: Any) -> int:
    """The one job that handles a queue."""
    (job,) = until(lambda: jobs_of(server, q), what=f"{q} has a job")
    return int(job["jid"])
