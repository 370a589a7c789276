"""The kernel and the machine refuse what a job has no business with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from escapes.attacks import kernel
from escapes.attacks.tries import GOT_THROUGH
from escapes.site import Site


@pytest.mark.parametrize(
    "attack",
    [
        kernel.system_calls,
        kernel.sockets,
        kernel.network_changes,
        kernel.devices,
        kernel.terminals,
        kernel.writes,
        kernel.control_groups,
    ],
)
def test_every_try_is_refused(site: Site, attack: Callable[[], dict[str, str]]) -> None:
    said = site.run(attack)
    assert said, "it tried nothing"
    assert {name: got for name, got in said.items() if got.startswith(GOT_THROUGH)} == {}


def test_calls_that_are_left_out_of_the_filter_are_refused_by_the_filter(site: Site) -> None:
    said = site.run(kernel.system_calls)
    # Another error would mean that the kernel looked at the arguments.
    absent = {"io_uring_setup", "io_setup", "clone3"}
    for name, got in said.items():
        assert got == ("ENOSYS" if name in absent else "EPERM"), (name, got)


def test_a_job_is_nobody_and_stays_nobody(site: Site) -> None:
    said = site.run(kernel.rise)
    state = said.pop("state")
    assert {name: got for name, got in said.items() if got.startswith(GOT_THROUGH)} == {}
    none = "0" * 16
    assert {state[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {none}
    assert (state["NoNewPrivs"], state["Seccomp"]) == ("1", "2")
    assert set(state["Uid"].split()) == set(state["Gid"].split()) == {"1000"}
    assert state["Groups"].split() == []


def test_programs_that_make_others_root_make_nobody_root(site: Site) -> None:
    said = site.run(kernel.setuid_programs)
    for name, got in said.items():
        if name.startswith("/") or name == "own copy of id":
            assert got == "1000", (name, got)
        else:
            assert not got.startswith("0"), (name, got)
    assert any(name.startswith("/") for name in said), "this machine has programs with the mark"


def test_numbers_of_other_architectures_lead_nowhere(site: Site) -> None:
    said = site.run(kernel.other_architectures)
    if not said:
        pytest.skip("only x86-64 runs programs of other architectures")
    assert (said.pop("x32 getpid"), said.pop("x32 mount")) == ("EPERM", "EPERM")
    # The filter ends a process that comes with numbers of 32 bits, or the kernel has none of it.
    for name, code in said.items():
        assert code in (-31, -11), (name, code)
