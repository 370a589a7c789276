"""Schedules against cronsim, a program of others that follows Debian's cron: five years, in many zones."""

from __future__ import annotations

import random
import subprocess
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from harness.paths import ROOT

BEGIN = datetime(2021, 1, 1, tzinfo=timezone.utc)
END = datetime(2026, 1, 1, tzinfo=timezone.utc)
# Every kind of change of clocks: an hour, half an hour, around midnight, in Ramadan, given up, never had.
ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Havana",
    "America/Santiago",
    "America/St_Johns",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Apia",
)
SCHEDULES = (
    "0 0 * * *",
    "30 2 * * *",
    "15 1,2,3 * * *",
    "0 3 * * sun",
    "0 19 * * *",
    "5,35 0-4 * 3,4,10,11 *",
    "*/15 2 * * *",
    "0 */6 * * *",
    "*/30 0-3 * * 0,6",
    "0 12 13 * 5",
    "0 0 */2 * 1",
    "59 23 28-31 * *",
    "0 0 29 2 *",
    "0 0 1 jan *",
    "20 4/7 * * mon-fri",
    "1-59/29 */5 */10 * *",
)


# Where clocks are set back by half an hour, or in the midst of one, cronsim passes over minutes of the
# repeated hour: it looks for hours by whole ones. The scheduler's own tests have an oracle for those.
MID_HOUR_CHANGES = ("Australia/Lord_Howe", "Pacific/Chatham")


def is_rhythm(schedule: str) -> bool:
    return any(field.startswith("*") for field in schedule.split()[:2])


def is_compared(schedule: str, zone: str) -> bool:
    return zone not in MID_HOUR_CHANGES or not is_rhythm(schedule)


def ours(asked: list[tuple[str, str]]) -> list[list[int]]:
    """Ticks of schedules in zones from the beginning to the end, in seconds."""
    bounds = f"{int(BEGIN.timestamp())};{int(END.timestamp())}"
    lines = "".join(f"{bounds};{zone};{schedule}\n" for schedule, zone in asked)
    command = [
        "cargo",
        "run",
        "--release",
        "--quiet",
        "--package",
        "picloud-scheduler",
        "--example",
        "crontab",
    ]
    done = subprocess.run(command, cwd=ROOT, input=lines, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    answers = done.stdout.splitlines()
    assert len(answers) == len(asked)
    assert not [answer for answer in answers if answer.startswith("refused")]
    return [[int(tick) for tick in answer.split()] for answer in answers]


def theirs(schedule: str, zone: str) -> list[int]:
    ticks: list[int] = []
    for tick in CronSim(schedule, BEGIN.astimezone(ZoneInfo(zone))):
        seconds = int(tick.timestamp())
        if is_rhythm(schedule) and tick != tick.astimezone(timezone.utc).astimezone(tick.tzinfo):
            continue  # it begins a day at midnight, also where the clocks have none: no rhythm hits that
        if seconds > END.timestamp():
            return ticks
        # Several times of one gap are the same moment, which is one tick of ours.
        if not ticks or seconds != ticks[-1]:
            ticks.append(seconds)
    return ticks


def compare(asked: list[tuple[str, str]]) -> int:
    compared = 0
    for (schedule, zone), ticks in zip(asked, ours(asked)):
        expected = theirs(schedule, zone)
        different = sorted(set(ticks) ^ set(expected))[:5]
        shown = [str(datetime.fromtimestamp(t, timezone.utc)) for t in different]
        assert ticks == expected, f"{schedule} in {zone} differs at {shown}"
        compared += len(ticks)
    return compared


@pytest.mark.timeout(900)
def test_five_years_of_ticks_are_those_of_cronsim_in_every_zone() -> None:
    asked = [(schedule, zone) for schedule in SCHEDULES for zone in ZONES]
    compared = compare([one for one in asked if is_compared(*one)])
    assert compared > 500_000


@pytest.mark.timeout(900)
def test_schedules_that_nobody_thought_of_have_the_ticks_of_cronsim() -> None:
    dice = random.Random(2011)

    def field(low: int, high: int) -> str:
        def term() -> str:
            first, last = sorted(dice.sample(range(low, high + 1), 2))
            return dice.choice(
                [f"{first}", f"{last}", f"{first}-{last}", f"{first}-{last}/{dice.randint(1, 9)}"]
            )

        return dice.choice(["*", f"*/{dice.randint(2, 9)}", term(), term(), f"{term()},{term()}"])

    schedules = []
    while len(schedules) < 120:
        # A tick every few minutes of five years would be compared for long and prove little.
        minute = dice.choice(
            [str(dice.randint(0, 59)), f"{dice.randint(0, 29)},{dice.randint(30, 59)}", "*/30"]
        )
        day, month, weekday = field(1, 31), field(1, 12), field(0, 6)
        if day.startswith("3") and (weekday.startswith("*") or len(day) < 4):
            continue  # a day that its months may not have
        schedules.append(f"{minute} {field(0, 23)} {day} {month} {weekday}")
    asked = [(schedule, dice.choice(ZONES)) for schedule in schedules]
    compare([one for one in asked if is_compared(*one)])


def test_clocks_are_changed_in_the_years_that_are_compared() -> None:
    changes = 0
    for zone in ZONES:
        offsets = [(BEGIN + timedelta(days=d)).astimezone(ZoneInfo(zone)).utcoffset() for d in range(1826)]
        changes += sum(one != two for one, two in zip(offsets, offsets[1:]))
    assert changes > 100
