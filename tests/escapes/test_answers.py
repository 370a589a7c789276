"""What a job says to the worker in its runner's place harms nobody, and brings it nothing."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
from harness import until

from escapes.attacks import protocol
from escapes.site import Site, executors


@pytest.fixture
def secret(site: Site) -> Path:
    """A file beside those of the worker."""
    path = site.worker_dir / "secret"
    path.write_text("secret of the machine\n" * 100_000)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    "path",
    [
        "{secret}",
        "/etc/shadow",
        "/run/picloud/secret",
        "/run/picloud/scratch/../secret",
        "../secret",
        "",
        "\n",
    ],
)
def test_a_file_of_the_machine_is_no_result(site: Site, secret: Path, path: str) -> None:
    before = secret.stat()
    fate = site.fate(site.start(protocol.claim_file, path.format(secret=secret)))
    assert (fate.status, fate.kind) == ("error", "could_not_start"), fate
    assert "result could not be stored" in fate.said
    after = secret.stat()
    assert (before.st_ino, before.st_size, before.st_nlink) == (after.st_ino, after.st_size, after.st_nlink)
    assert Path("/etc/shadow").exists()


@pytest.mark.parametrize(
    "kind",
    ["symlink", "newline", "fifo", "socket", "directory", "up", "itself", "parent", "missing"],
)
def test_what_is_no_file_of_the_job_is_no_result(site: Site, secret: Path, kind: str) -> None:
    began = time.monotonic()
    fate = site.fate(site.start(protocol.claim_own, kind, str(secret)))
    assert (fate.status, fate.kind) == ("error", "could_not_start"), fate
    assert time.monotonic() - began < 5, "nobody waits for a writer"
    assert secret.stat().st_size > 0
    assert (site.worker_dir / "lock").exists()
    site.neighbour_is_served()


@pytest.mark.parametrize("kind", ["symlink", "fifo", "directory", "truncate", "grow"])
def test_a_result_that_is_exchanged_on_its_way_is_lost_and_nothing_else(site: Site, kind: str) -> None:
    size = 4_000_000
    jid = site.start(protocol.swap_result, kind, size)
    fate = site.fate(jid)
    if fate.status == "done":
        # The exchange came too late, or the job cut its own result short.
        with contextlib.suppress(site.cloud.CloudException):
            assert set(site.result(jid)) <= set(b"r")
    else:
        assert fate.kind in ("could_not_start", "limit_reached"), fate
        assert "root:" not in fate.said
    site.neighbour_is_served()


def test_results_that_are_still_written_to_do_not_keep_others_waiting(site: Site) -> None:
    # More of them than are uploaded at the same time.
    with site.watched():
        jids = [site.start(protocol.leave_file_open, 3_000_000) for _ in range(18)]
        assert len(site.run(bytes, 2_000_000, by="neighbour")) == 2_000_000
    for jid in jids:
        assert site.fate(jid).status in ("done", "error")


def test_a_job_answers_for_itself_alone(site: Site) -> None:
    with (
        site.running(time.sleep, 60, by="neighbour") as victim,
        site.running(time.sleep, 60, by="attacker") as own,
    ):
        for jid in (victim, own, 0, 2**63 - 1, 2**64 - 1):
            fate = site.fate(site.start(protocol.answer_for, jid, _type="c2"))
            assert (fate.status, fate.kind) == ("error", "disconnected"), (jid, fate)


@pytest.mark.parametrize("value", [2**63 - 1, 2**63, 2**64 - 1])
def test_figures_no_machine_has_are_no_fault_of_the_report(site: Site, value: int) -> None:
    fate = site.fate(site.start(protocol.lie_about_usage, value))
    assert fate.status in ("done", "error")
    site.neighbour_is_served()
    cost = site.become("attacker").account.usage().total
    assert cost.core_ms < 10 * 60_000, "a minute of work is not paid as an age of the earth"


@pytest.mark.parametrize(
    ("attack", "arguments"),
    [
        (protocol.huge_frame, (16 << 20,)),
        (protocol.huge_frame, (2**32 - 1,)),
        (protocol.huge_frame, (0,)),
        (protocol.nonsense, (1,)),
        (protocol.nonsense, (2,)),
        (protocol.be_ready_again, (200_000,)),
    ],
)
def test_what_is_no_word_of_the_protocol_ends_the_process(
    site: Site, attack: object, arguments: tuple[int, ...]
) -> None:
    assert callable(attack)
    with site.watched():
        jid = site.start(attack, *arguments)
        site.neighbour_is_served()
        fate = site.fate(jid)
    # The end of half a frame is only the end.
    assert fate.kind in ("disconnected", "exited"), fate


def test_failures_that_are_made_up_reach_their_owner_only(site: Site) -> None:
    fate = site.fate(site.start(protocol.long_failure, 4_000_000))
    assert fate.status == "error"
    for verdict in (
        {"kind": "killed"},
        {"kind": "no such"},
        {"kind": "dependency_failed", "jid": 1},
        None,
        7,
    ):
        assert site.fate(site.start(protocol.odd_failure, verdict)).status in ("error", "killed")
    site.neighbour_is_served()


def test_output_in_the_name_of_another_job_is_not_heard(site: Site) -> None:
    with site.running(time.sleep, 60, by="neighbour") as victim:
        with site.watched():
            jid = site.start(protocol.flood_of_output, victim, 64, _type="c2")
            site.neighbour_is_served()
            assert site.fate(jid).kind == "exited"
        assert site.become("neighbour").info(victim, "stdout")[victim]["stdout"] == ""


def test_a_job_that_said_it_is_done_does_not_go_on_at_nobodys_expense(site: Site) -> None:
    jid = site.start(protocol.answer_and_go_on, 60.0, _kill_process=False)
    assert site.fate(jid).status == "done"
    until(lambda: not executors(site.server), 10, "its process is ended")
