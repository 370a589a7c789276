"""Jobs by the clock through a real server."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from types import ModuleType
from typing import Any, Callable

import pytest
from harness import until

_numbers = itertools.count()
NEVER = "0 0 29 2 *"
"""A schedule that does not fire while a test runs."""


@pytest.fixture
def register(cloud: ModuleType) -> Iterator[Callable[..., str]]:
    """Registers under a label of the test's own, which it returns. Deregistered after it."""
    made = []

    def make(func: Any, schedule: str = NEVER, **more: Any) -> str:
        label = f"cron {next(_numbers)}"
        cloud.cron.register(func, label, schedule, **more)
        made.append(label)
        return label

    yield make
    for label in made:
        cloud.cron.deregister(label)


def beat() -> Any:
    return {"any", "value"}


def test_a_run_by_hand_is_a_job_like_any_other(cloud: ModuleType, register: Any) -> None:
    label = register(beat, _type="c2", _cores=2)
    jid = cloud.cron.manual_run(label)
    assert cloud.result(jid) == {"any", "value"}
    about = cloud.cron.info(label)
    assert (about["last_jid"], about["core_type"], about["cores"]) == (jid, "c2", 2)
    assert about["func_name"] == "beat"
    ran = datetime.strptime(about["last_run"] + " +0000", "%Y-%m-%d %H:%M:%S %z")
    assert abs(ran - datetime.now(timezone.utc)) < timedelta(seconds=60)
    (firing,) = cloud.cron.firings(label)
    assert (firing.kind, firing.jid, firing.ticks) == ("manual", jid, 1)


def test_what_is_known_of_one(cloud: ModuleType, register: Any) -> None:
    label = register(beat, "30 8 * * mon", timezone="Europe/Berlin", overlap="queue")
    about = cloud.cron.info(label)
    assert about["label"] == label and label in cloud.cron.list()
    assert (about["schedule"], about["timezone"]) == ("30 8 * * mon", "Europe/Berlin")
    assert (about["overlap"], about["paused"]) == ("queue", False)
    assert (about["last_run"], about["last_jid"]) == (None, None)
    assert about["creator_host"]
    expected = cloud.cron.next("30 8 * * mon", timezone="Europe/Berlin")
    assert about["next"] == [t.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S") for t in expected]
    assert {(t.hour, t.minute, t.weekday()) for t in expected} == {(8, 30, 0)}


def test_a_label_in_use_is_replaced(cloud: ModuleType, register: Any) -> None:
    label = register(lambda: 1)
    cloud.cron.register(lambda: 2, label, "0 1 * * *")
    assert cloud.result(cloud.cron.manual_run(label)) == 2
    assert cloud.cron.info(label)["schedule"] == "0 1 * * *"


def test_while_it_is_paused_no_tick_is_ahead(cloud: ModuleType, register: Any) -> None:
    label = register(beat, "* * * * *")
    cloud.cron.pause(label)
    about = cloud.cron.info(label)
    assert (about["paused"], about["next"]) == (True, [])
    assert cloud.result(cloud.cron.manual_run(label)) == {"any", "value"}, "by hand it runs all the same"
    cloud.cron.resume(label)
    assert len(cloud.cron.info(label)["next"]) == 5


@pytest.mark.parametrize(
    "schedule",
    [
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "x * * * *",
        "0 0 30 2 *",
        "5-1 * * * *",
    ],
)
def test_a_schedule_that_is_none_is_refused_and_nothing_is_stored(cloud: ModuleType, schedule: str) -> None:
    with pytest.raises(ValueError):
        cloud.cron.register(beat, "never", schedule)
    with pytest.raises(ValueError, match="zone"):
        cloud.cron.register(beat, "never", NEVER, timezone="Europe/Atlantis")
    assert "never" not in cloud.cron.list()
    with pytest.raises(ValueError):
        cloud.cron.next(schedule)


def test_what_is_not_there_is_said_to_be_not_there(cloud: ModuleType) -> None:
    cron = cloud.cron
    for use in (cron.info, cron.deregister, cron.manual_run, cron.pause, cron.resume, cron.firings):
        with pytest.raises(cloud.CloudException) as caught:
            use("nobody")
        assert caught.value.status == 404


def test_a_cron_fires_once_at_the_minute(cloud: ModuleType, register: Any) -> None:
    label = register(time.time, "* * * * *")
    (expected,) = cloud.cron.next("* * * * *", count=1)
    firings = until(lambda: cloud.cron.firings(label), timeout=75, what="the minute is over")
    assert [firing.kind for firing in firings] == ["fired"]
    assert firings[0].tick in (expected, expected + timedelta(minutes=1))
    assert firings[0].jid is not None
    ran = cloud.result(firings[0].jid)
    assert 0 <= ran - firings[0].tick.timestamp() < 20


def test_a_command_by_the_clock(cloud: ModuleType) -> None:
    cloud.shell.cron_register("echo tick; pwd > out", "tick", "0 0 29 2 *", return_file="out")
    try:
        assert cloud.result(cloud.cron.manual_run("tick")).strip()
        assert cloud.cron.info("tick")["func_name"] == "echo tick; pwd > out"
    finally:
        cloud.cron.deregister("tick")
