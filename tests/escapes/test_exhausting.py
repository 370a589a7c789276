"""A job that takes all there is of something ends with that as its verdict, alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from escapes.attacks import exhausting
from escapes.site import DISK_BYTES, OPEN_FILES, PROCESSES, Fate, Site

MEMORY_BYTES = 300_000_000


def attacked(site: Site, attack: Callable[..., Any], *arguments: Any, **options: Any) -> Fate:
    """How it ended, while the server and a neighbour went on undisturbed."""
    with site.watched():
        jid = site.start(attack, *arguments, **options)
        site.neighbour_is_served()
        return site.fate(jid)


@pytest.mark.parametrize(
    "attack",
    [
        exhausting.one_process,
        exhausting.one_process_without_its_own_limit,
        exhausting.mapped,
        exhausting.many_processes,
        exhausting.memory_files,
        exhausting.segments,
    ],
)
def test_a_job_without_memory_is_told_so_with_the_figures(site: Site, attack: Callable[[], None]) -> None:
    fate = attacked(site, attack)
    assert (fate.status, fate.kind) == ("error", "out_of_memory"), fate
    assert fate.verdict["limit_bytes"] == MEMORY_BYTES
    assert fate.verdict["peak_bytes"] < 1.15 * MEMORY_BYTES
    assert fate.verdict["fits"] == {"core_type": "c2", "cores": 1}


@pytest.mark.parametrize(
    "attack",
    [
        exhausting.files_in_memory,
        exhausting.socket_buffers,
        exhausting.pipe_buffers,
        exhausting.directories_in_memory,
    ],
)
def test_memory_of_the_kernel_is_a_jobs_own_too(site: Site, attack: Callable[[], None]) -> None:
    fate = attacked(site, attack)
    # Which limit is met first differs between kernels; that one is met does not.
    assert fate.status == "done" or fate.kind in ("out_of_memory", "limit_reached", "raised"), fate


def test_no_memory_can_be_kept_from_the_machine(site: Site) -> None:
    assert site.run(exhausting.locked) == ""


def test_files_that_the_kernel_keeps_are_no_reason_to_end_a_job(site: Site) -> None:
    assert site.run(exhausting.read_files) == 4 * 90_000_000


@pytest.mark.parametrize("attack", [exhausting.forks_at_the_limit, exhausting.threads_at_the_limit])
def test_a_job_without_processes_is_told_so(site: Site, attack: Callable[[], None]) -> None:
    fate = attacked(site, attack)
    assert fate.kind == "limit_reached", fate
    assert (fate.verdict["limit"], fate.verdict["value"]) == ("processes", PROCESSES)


def test_a_fork_bomb_goes_off_in_its_sandbox(site: Site) -> None:
    with site.watched():
        jid = site.start(exhausting.fork_bomb, _max_runtime=0.03)
        site.neighbour_is_served()
        assert site.fate(jid).kind == "time_limit"


def test_children_that_nobody_waits_for_go_with_their_sandbox(site: Site) -> None:
    assert 0 < site.run(exhausting.zombies) < PROCESSES


def test_processors_are_shared(site: Site) -> None:
    with site.watched():
        jid = site.start(exhausting.spin, 20, 1.5)
        site.cloud.wait_for.status(jid, "processing", timeout=10)
        assert site.neighbour_is_served(4.0) > 0
        assert site.fate(jid).status == "done"


@pytest.mark.parametrize(
    "attack",
    [
        exhausting.one_file,
        exhausting.many_files,
        exhausting.removed_files,
        exhausting.files_that_never_had_a_name,
        exhausting.removed_files_in_memory,
    ],
)
def test_a_job_that_fills_the_disk_is_told_so(site: Site, attack: Callable[[], None]) -> None:
    # With more memory than disk: what is written and not yet on the disk is memory, too, and where
    # the disk is slow that limit may come first.
    fate = attacked(site, attack, _type="f2")
    assert fate.kind == "limit_reached", fate
    assert (fate.verdict["limit"], fate.verdict["value"]) == ("disk", DISK_BYTES)


def test_files_that_are_only_on_their_way_count_too(site: Site) -> None:
    fate = attacked(site, exhausting.removed_files_on_their_way)
    assert (fate.kind, fate.verdict.get("limit")) == ("limit_reached", "disk"), fate


@pytest.mark.parametrize("attack", [exhausting.empty_files, exhausting.deep_directories])
def test_a_job_that_fills_the_disk_with_names_is_told_so(site: Site, attack: Callable[[], None]) -> None:
    fate = attacked(site, attack)
    assert fate.kind == "limit_reached", fate
    assert (fate.verdict["limit"], fate.verdict["value"]) == ("files", DISK_BYTES // 4096)


def test_a_file_that_is_large_in_name_only_is_small(site: Site) -> None:
    assert site.run(exhausting.sparse_file) < 100


def test_what_short_jobs_leave_behind_adds_up(site: Site) -> None:
    processes = [site.run(exhausting.a_little, number, _kill_process=False) for number in range(16)]
    # One process would have kept 640 MB; it is exchanged once that is seen, and the last one ends.
    assert len(set(processes)) > 1


@pytest.mark.parametrize(
    "attack",
    [exhausting.open_files, exhausting.sockets, exhausting.pipes, exhausting.pollers, exhausting.timers],
)
def test_a_job_without_descriptors_is_told_so(site: Site, attack: Callable[[], None]) -> None:
    fate = attacked(site, attack)
    assert fate.kind == "limit_reached", fate
    assert (fate.verdict["limit"], fate.verdict["value"]) == ("open_files", OPEN_FILES)


@pytest.mark.parametrize("attack", [exhausting.watches, exhausting.terminals, exhausting.posix_timers])
def test_other_things_of_the_kernel_run_out_for_the_job_alone(site: Site, attack: Callable[[], None]) -> None:
    fate = attacked(site, attack)
    assert fate.status == "done" or fate.kind in ("limit_reached", "raised", "out_of_memory"), fate


@pytest.mark.parametrize(
    ("attack", "amount"),
    [(exhausting.shout, 400), (exhausting.log, 100_000), (exhausting.remark, 100_000)],
)
def test_a_flood_of_output_drowns_nobody(site: Site, attack: Callable[[int], None], amount: int) -> None:
    assert attacked(site, attack, amount).status == "done"


def test_an_environment_can_be_too_large_for_ones_own_programs_only(site: Site) -> None:
    fate = attacked(site, exhausting.large_environment)
    assert fate.kind == "raised" and "Argument list too long" in fate.said, fate


def test_the_machine_is_as_it_was(site: Site) -> None:
    began = time.monotonic()
    site.neighbour_is_served()
    assert time.monotonic() - began < 2
