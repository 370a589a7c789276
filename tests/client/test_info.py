"""The fields of `cloud.info`, from what the service says of a job."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from harness.scripted import Scripted, reply

import cloud
from cloud._config import Credentials
from cloud._core import Cloud
from cloud._info import FIELDS, fields_of

USAGE = {
    "runtime_us": 2_500_000,
    "cpu_user_us": 2_000_000,
    "cpu_system_us": 250_000,
    "memory_peak_bytes": 120_000_000,
    "memory_failures": 2,
    "swap_peak_bytes": 0,
    "disk_peak_bytes": 5_000,
    "disk_read_bytes": 4_096,
    "disk_write_bytes": 8_192,
    "net_received_bytes": 700,
}
SAMPLE = {"second": 2, "cpu_user_us": 1_900_000, "memory_bytes": 110_000_000, "disk_bytes": 4_000}
LIVE = {
    "sample": SAMPLE,
    "cpu_cores": 0.975,
    "cpu_user_cores": 0.9,
    "cpu_system_cores": 0.075,
    "ports": [{"protocol": "tcp", "port": 8000}, {"protocol": "udp", "port": 53}],
    "address": "worker-3",
}


def job(**fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "jid": 7,
        "status": "done",
        "attempt": 1,
        "created": 1_000,
        "started": 2_000,
        "finished": 4_500,
        "runtime": 2.5,
        "cpu_user": 2.0,
        "cpu_system": 0.25,
        "usage": USAGE,
        "core_ms": 2_500,
        "cost": 0.0000347,
        "parent_jid": None,
        "worker": "worker-3",
        "confinement": {"isolation": "sandbox", "limits": "cgroup2"},
        "waiting_because": None,
        "failure": None,
        "spec": {"function_name": "f", "label": "night"},
    }
    return {**found, **fields}


RUNNING = job(status="processing", finished=None, live=LIVE, core_ms=None, cost=None)
WAITING = job(status="queued", started=None, finished=None, runtime=None, cpu_user=None, cpu_system=None)
WAITING.update(usage=None, core_ms=None, cost=None, worker=None)
del WAITING["confinement"]


def field(name: str, of: dict[str, Any]) -> Any:
    return FIELDS[name][1](of)


def test_totals_and_peaks_stay_and_what_is_of_the_moment_goes() -> None:
    assert field("memory", job()) == {"usage": None, "max_usage": 120_000_000, "failcnt": 2}
    assert field("swap", job()) == {"usage": None, "max_usage": 0}
    assert field("disk", job()) == {"usage": None, "max_usage": 5_000, "read": 4_096, "written": 8_192}
    assert field("cputime", job()) == {"user": 2.0, "system": 0.25}
    assert (field("cpu_percentage", job()), field("ports", job())) == (None, None)
    assert (field("core_ms", job()), field("cost", job())) == (2_500, 0.0000347)
    assert field("confinement", job()) == {"isolation": "sandbox", "limits": "cgroup2"}


def test_a_running_job_tells_of_this_moment() -> None:
    assert field("memory", RUNNING) == {"usage": 110_000_000, "max_usage": 120_000_000, "failcnt": 2}
    assert field("disk.usage", RUNNING) == 4_000
    assert field("swap.usage", RUNNING) == 0
    assert field("cpu_percentage", RUNNING) == {"user": 90.0, "system": 7.5, "total": 97.5}
    assert field("ports", RUNNING) == {
        "tcp": {8000: {"address": "worker-3", "port": 8000}},
        "udp": {53: {"address": "worker-3", "port": 53}},
    }


def test_what_the_worker_cannot_tell_is_none() -> None:
    assert field("network", job()) == {"received": 700, "sent": None}
    assert field("memory.max_usage", job(usage={**USAGE, "memory_peak_bytes": 0})) is None


def test_a_job_that_waits_has_every_field_and_nothing_in_them() -> None:
    empty = {name: field(name, WAITING) for name in fields_of("all")}
    for name in ("memory", "swap", "disk", "network", "cputime"):
        assert set(empty[name].values()) == {None}, name
    for name in ("core_ms", "cost", "ports", "cpu_percentage", "confinement", "env"):
        assert empty[name] is None, name
    assert empty["vol"] == []


def test_dotted_names_agree_with_their_groups_and_are_not_repeated_by_all() -> None:
    everything = fields_of("all")
    dotted = [name for name in FIELDS if "." in name]
    assert len(dotted) == 13
    for name in dotted:
        group, _, part = name.partition(".")
        assert group in everything
        assert name not in everything
        assert field(name, RUNNING) == field(group, RUNNING)[part]


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.listener.close()


def test_a_jid_tells_what_its_job_used(scripted: Scripted) -> None:
    scripted.script = [scripted.forever(reply(200, {"info": {"7": job()}}))]
    here = Cloud(lambda: Credentials(scripted.url, "5", "secret"))
    jid = cloud.Jid(7)
    jid._owner = here
    used = jid.usage()
    assert list(used) == ["runtime", "cputime", "memory", "swap", "disk", "network", "core_ms", "cost"]
    assert used["memory"]["max_usage"] == 120_000_000
    asked = json.loads(scripted.requests[0].partition(b"\r\n\r\n")[2])
    assert asked == {"jids": "7", "with": []}, "nothing heavy is asked for"


def test_a_port_is_waited_for_until_the_job_opens_it(scripted: Scripted) -> None:
    answers = [WAITING, job(status="processing", live={**LIVE, "ports": []}), RUNNING]
    scripted.script = [scripted.answer(*(reply(200, {"info": {"7": found}}) for found in answers))]
    use(scripted)
    assert cloud.wait_for.port(7, 8000, timeout=10) == {"address": "worker-3", "port": 8000}
    assert len(scripted.requests) == 3


@pytest.mark.parametrize("status", ["done", "error", "killed", "stalled"])
def test_a_job_that_has_ended_opens_no_port_any_more(scripted: Scripted, status: str) -> None:
    scripted.script = [scripted.forever(reply(200, {"info": {"7": job(status=status)}}))]
    use(scripted)
    with pytest.raises(cloud.CloudException, match=f"Job 7: it is {status} and listens on no port"):
        cloud.wait_for.port(7, 8000)


def test_waiting_for_a_port_ends_in_time(scripted: Scripted) -> None:
    scripted.script = [scripted.forever(reply(200, {"info": {"7": RUNNING}}))]
    use(scripted)
    with pytest.raises(cloud.CloudTimeoutError, match="does not listen on udp port 8000"):
        cloud.wait_for.port(7, 8000, protocol="udp", timeout=0.05)


def test_what_is_no_port_is_refused() -> None:
    port = cloud.wait_for.port
    with pytest.raises(TypeError, match="jid"):
        port([7], 80)
    with pytest.raises(TypeError, match="port must be an integer"):
        port(7, "80")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="70000"):
        port(7, 70_000)
    with pytest.raises(ValueError, match="'tcp' or 'udp'"):
        port(7, 80, "http")


@pytest.fixture(autouse=True)
def _let_go() -> Iterator[None]:
    yield
    cloud.close()


def use(scripted: Scripted) -> None:
    cloud.setkey(5, "secret", scripted.url)
