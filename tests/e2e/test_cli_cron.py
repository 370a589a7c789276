"""Commands by the clock, cared for from the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Server
from harness.command_line import CommandLine

MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:00")


@pytest.fixture
def picloud(server: Server, tmp_path: Path) -> Iterator[CommandLine]:
    picloud = CommandLine(server, tmp_path / "work")
    before = labels(picloud)
    yield picloud
    for label in labels(picloud) - before:
        picloud("cron", "deregister", label)


def labels(picloud: CommandLine) -> set[str]:
    return {cron["label"] for cron in picloud.json("cron", "list")}


def test_a_command_is_registered_shown_and_ended(picloud: CommandLine) -> None:
    said = picloud("cron", "register", "-w", "/tmp", "a b/c", "30 2 29 2 *", "pwd; echo $((1+1))")
    assert re.fullmatch(r"a b/c fires next at \d{4}-02-29 02:30:00 UTC", said), said
    info = picloud.json("cron", "info", "a b/c")
    assert (info["schedule"], info["timezone"], info["overlap"]) == ("30 2 29 2 *", "UTC", "allow")
    assert info["function"] == "pwd; echo $((1+1))"
    assert info["creator_host"]
    shown = picloud("cron", "info", "a b/c")
    assert len(MOMENT.findall(shown.split("next:")[1])) == 5, shown
    assert "30 2 29 2 *" in picloud("cron", "list")
    assert "no more" in picloud("cron", "deregister", "a b/c")
    assert "a b/c" in picloud.refused(3, "cron", "info", "a b/c")


def test_a_run_by_hand_is_a_job_and_is_recorded(picloud: CommandLine) -> None:
    picloud("cron", "register", "-z", "Europe/Berlin", "--overlap", "skip", "hand", "0 0 1 1 *", "echo ran")
    jid = picloud("cron", "run", "hand")
    assert picloud("result", jid) == "ran"
    (firing,) = picloud.json("cron", "firings", "hand")
    assert (firing["kind"], firing["jid"]) == ("manual", int(jid))
    assert "manual" in picloud("cron", "firings", "hand", "-n", "1")
    info = picloud.json("cron", "info", "hand")
    assert (info["last_jid"], info["timezone"], info["overlap"]) == (int(jid), "Europe/Berlin", "skip")


def test_a_pause_is_seen_and_ends(picloud: CommandLine) -> None:
    picloud("cron", "register", "still", "* * * * *", "true")
    assert picloud("cron", "pause", "still") == "still is paused"
    assert "paused" in picloud("cron", "list")
    assert picloud.json("cron", "info", "still")["next"] == []
    assert MOMENT.search(picloud("cron", "resume", "still"))


def test_a_schedule_is_tried_without_a_cron(picloud: CommandLine) -> None:
    ticks = picloud("cron", "preview", "-n", "3", "0 9 * * mon", "-z", "Europe/Berlin").splitlines()
    assert ticks[0] == "NEXT (UTC)"
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d 0[78]:00:00", tick) for tick in ticks[1:]), ticks
    assert len(ticks) == 4
    assert len(picloud.json("cron", "preview", "*/5 * * * *")["next"]) == 5


def test_what_is_no_schedule_is_refused_and_nothing_is_kept(picloud: CommandLine) -> None:
    for words in (["61 * * * *", "true"], ["* * * *", "true"], ["-z", "Mars/Olympus", "* * * * *", "true"]):
        label = len(words) - 2
        assert picloud.refused(3, "cron", "register", *words[:label], "bad", *words[label:])
    assert "{x}" in picloud.refused(1, "cron", "register", "bad", "* * * * *", "echo {x}")
    assert "preview" in picloud.refused(1, "cron", "register", "preview", "* * * * *", "true")
    assert not labels(picloud) & {"bad", "preview"}
