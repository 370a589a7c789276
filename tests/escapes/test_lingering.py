"""A job ends when it is to end, with all it started."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from escapes.attacks import lingering
from escapes.attacks.tries import GOT_THROUGH
from escapes.site import Site

#: A job that must be ended is ended after this.
SHORT_MINUTES = 0.01


@pytest.mark.parametrize("attack", [lingering.deaf, lingering.stopped])
def test_a_job_that_does_not_listen_is_ended_at_its_time_limit(
    site: Site, attack: Callable[[], object]
) -> None:
    jid = site.start(attack, _max_runtime=SHORT_MINUTES)
    began = time.monotonic()
    assert site.fate(jid).kind == "time_limit"
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("attack", [lingering.deaf, lingering.stopped])
def test_a_job_that_does_not_listen_can_be_killed(site: Site, attack: Callable[[], object]) -> None:
    jid = site.start(attack)
    site.cloud.wait_for.status(jid, "processing", timeout=10)
    site.cloud.kill(jid)
    assert site.fate(jid).kind == "killed"


@pytest.mark.parametrize(
    "attack",
    [
        lingering.deaf_children,
        lingering.stopped_children,
        lingering.daemon,
        lingering.program,
        lingering.hidden_daemon,
        lingering.quiet_child,
    ],
)
def test_what_a_job_leaves_running_ends_its_warm_process(site: Site, attack: Callable[[], object]) -> None:
    # Not told to end its process: that is for the worker to find out. Afterwards nothing may be left.
    jid = site.start(attack, _kill_process=False)
    assert site.fate(jid).status == "done"


def test_killing_everybody_kills_ones_own(site: Site) -> None:
    with site.running(time.sleep, 60, by="neighbour"):
        assert site.run(lingering.everybody, _type="c2") == [1, 2]


def test_init_of_the_sandbox_is_out_of_reach(site: Site) -> None:
    said = site.run(lingering.init)
    assert {name: got for name, got in said.items() if got.startswith(GOT_THROUGH)} == {}
