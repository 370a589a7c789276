"""Time limits, dead-locks, progress: the parts of waiting that need no server."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from cloud import CloudTimeoutError, _wait, config
from cloud._progress import Progress
from cloud._session import ResultCache
from cloud._wait import Deadline, DeadlockWatch


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_wait, "time", clock)
    return clock


def test_a_deadline_counts_down_to_nothing(clock: Clock) -> None:
    deadline = Deadline(2.5)
    assert deadline.left_ms(60_000) == 2500
    assert deadline.left_ms(1000) == 1000
    clock.now += 2.5
    assert deadline.left_ms(60_000) == 0
    assert deadline.passed()
    assert not Deadline(None).passed()
    assert Deadline(None).left_ms(30_000) == 30_000
    with pytest.raises(TypeError, match="number of seconds"):
        Deadline("5")  # type: ignore[arg-type]


def test_jobs_that_stay_queued_under_a_waiting_job_are_a_dead_lock(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICLOUD_JOB_ID", "7")
    watch = DeadlockWatch(True)
    watch.see(queued=3, unfinished=3)
    clock.now += 59
    watch.see(queued=3, unfinished=3)
    clock.now += 2
    with pytest.raises(CloudTimeoutError, match="3 jobs .* possible dead-lock by recursion"):
        watch.see(queued=3, unfinished=3)


@pytest.mark.parametrize("between", [(2, 2), (3, 4), (0, 1)], ids=["fewer queued", "one runs", "none queued"])
def test_jobs_that_move_are_no_dead_lock(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, between: tuple[int, int]
) -> None:
    monkeypatch.setenv("PICLOUD_JOB_ID", "7")
    watch = DeadlockWatch(True)
    watch.see(3, 3)
    clock.now += 59
    watch.see(*between)
    clock.now += 59
    watch.see(3, 3)


def test_outside_a_job_and_where_told_nobody_looks_for_dead_locks(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PICLOUD_JOB_ID", raising=False)
    outside = DeadlockWatch(True)
    monkeypatch.setenv("PICLOUD_JOB_ID", "7")
    for watch in (outside, DeadlockWatch(False)):
        watch.see(3, 3)
        clock.now += 1000
        watch.see(3, 3)
        assert watch.poll_ms(30_000) == 30_000


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def wait_long(monkeypatch: pytest.MonkeyPatch, stream: Any) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("cloud._progress.DELAY", -1.0)
    with Progress(4, "results") as progress:
        progress.at(1)
        progress.at(4)
    return str(stream.getvalue())


def test_progress_is_shown_to_people_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "4/4" in wait_long(monkeypatch, Terminal())
    assert wait_long(monkeypatch, io.StringIO()) == ""
    monkeypatch.setattr(config, "progress", False)
    assert wait_long(monkeypatch, Terminal()) == ""
    monkeypatch.setattr(config, "progress", True)
    assert "4/4" in wait_long(monkeypatch, io.StringIO())


def test_the_result_cache_keeps_to_its_limit_and_drops_the_oldest() -> None:
    from cloud._jids import JidSet

    cache = ResultCache(10_000)
    for jid in range(1, 101):
        cache.add(jid, bytes(100))
    assert 25 <= len(cache) <= 50
    assert cache.get(50) is None
    assert cache.get(100) == bytes(100)
    cache.add(200, bytes(5000))
    assert cache.get(200) is None, "one large result would push out many small ones"
    cache.drop(JidSet.of(range(1, 99)))
    assert [jid for jid in range(1, 201) if cache.get(jid) is not None] == [99, 100]
