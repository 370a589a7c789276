"""What a job used and costs, as its owner sees it: fields, series, live samples, sums, ports."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from harness import Server, until


def busy(seconds: float, size: int = 0) -> int:
    block = bytearray(size)
    block[::4096] = b"x" * len(block[::4096])
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(10_000))
    return len(block)


def test_a_job_tells_what_it_used_and_costs(cloud: ModuleType) -> None:
    jid = cloud.call(busy, 0.3, 60_000_000, _type="c2", _cores=2)
    jid.join()
    info = cloud.info(jid, "all")[jid]
    assert info["memory"]["max_usage"] > 60_000_000
    assert info["memory"]["failcnt"] == 0
    assert 0.3 <= info["cputime"]["user"] + info["cputime"]["system"] < 3
    assert (info["memory"]["usage"], info["cpu_percentage"], info["ports"]) == (None, None, None)
    assert info["core_ms"] == pytest.approx(info["runtime"] * 1000 * 2, abs=4)
    assert info["cost"] == pytest.approx(info["core_ms"] / 3_600_000 * 0.13, rel=1e-3)
    assert set(info["confinement"]) == {"isolation", "limits"}
    assert cloud.info(jid, "memory.max_usage")[jid] == {"memory.max_usage": info["memory"]["max_usage"]}


def test_what_one_job_used_is_not_told_of_the_next_in_the_same_process(cloud: ModuleType) -> None:
    large = cloud.call(busy, 0.3, 150_000_000)
    large.join()
    small = cloud.call(busy, 0.0)
    small.join()
    assert large.usage()["memory"]["max_usage"] > 150_000_000
    assert small.usage()["memory"]["max_usage"] < 100_000_000
    assert small.usage()["cputime"]["user"] < 0.2


def test_a_running_job_is_watched_and_keeps_its_series(cloud: ModuleType) -> None:
    jid = cloud.call(busy, 2.6, 40_000_000)
    watched = list(cloud.watch(jid))
    assert jid.status() == "done"
    assert len(watched) >= 2
    assert [sample.second for sample in watched] == sorted({sample.second for sample in watched})
    assert max(sample.cpu_cores for sample in watched) > 0.3
    assert max(sample.memory for sample in watched) > 40_000_000

    series = jid.series()
    assert series.finished
    assert [sample.second for sample in watched] == series.second
    assert series.memory == [sample.memory for sample in watched]
    assert list(cloud.watch(jid)) == watched, "of a job that has ended it tells the same"


def test_this_moment_is_told_while_a_job_runs(cloud: ModuleType) -> None:
    jid = cloud.call(busy, 60.0, 30_000_000)
    fields = ["memory.usage", "cpu_percentage"]

    def live() -> Any:
        found = cloud.info(jid, fields)[jid]
        return found if (found["cpu_percentage"] or {}).get("total") else None

    try:
        found = until(live, what="a sample with processor time")
        assert found["memory.usage"] > 30_000_000
        share = found["cpu_percentage"]
        assert share["user"] + share["system"] == pytest.approx(share["total"], abs=0.3)
    finally:
        cloud.kill(jid)
    cloud.join(jid, ignore_errors=True)
    assert set(cloud.info(jid, fields)[jid].values()) == {None}


def test_watching_goes_on_when_the_server_comes_back(
    new_server: Callable[..., Server], bind: Callable[[Server], ModuleType]
) -> None:
    server = new_server("--stop-grace", "0")
    cloud = bind(server)
    jid = cloud.call(busy, 2.5)
    samples = cloud.watch(jid)
    first = next(samples)
    assert first.second >= 0
    server.restart()
    later = list(samples)
    assert later, "the second attempt is watched as well"
    assert jid.status() == "done"


def serve_once(greeting: bytes) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        line, _ = listener.accept()
        with line:
            line.sendall(greeting)


@pytest.mark.parametrize("isolation", ["sandbox", "process"])
def test_a_port_of_a_job_is_found_and_reached(
    new_server: Callable[..., Server], bind: Callable[[Server], ModuleType], isolation: str
) -> None:
    cloud = bind(new_server("--isolation", isolation))
    jid = cloud.call(serve_once, b"hello")
    said = until(lambda: jid.info("stdout")["stdout"].strip(), what="the number of the port")
    there = cloud.wait_for.port(jid, int(said), timeout=30)
    with socket.create_connection((there["address"], there["port"]), timeout=10) as line:
        assert line.recv(10) == b"hello"
    jid.join()
    with pytest.raises(cloud.CloudException, match="it is done and listens on no port"):
        cloud.wait_for.port(jid, int(said))


def test_sums_are_those_of_the_jobs_and_stay_when_jobs_go(
    own_server: Server, bind: Callable[[Server], ModuleType]
) -> None:
    cloud = bind(own_server)
    jids = [*cloud.map(busy, [0.0] * 20, _label="many"), cloud.call(busy, 0.2, _type="c2", _cores=2)]
    cloud.join(jids)
    info = cloud.info(jids, ["core_ms", "cost"])
    report = cloud.account.usage(group_by=["core_type", "label"])
    assert (report.total.jobs, report.currency) == (21, "USD")
    assert report.total.core_ms == sum(job["core_ms"] for job in info.values())
    assert report.total.cost == pytest.approx(sum(job["cost"] for job in info.values()))
    by_name = {(row.core_type, row.label): row for row in report.rows}
    assert {name: row.jobs for name, row in by_name.items()} == {("c1", "many"): 20, ("c2", ""): 1}
    assert by_name["c2", ""].cpu_seconds >= 0.2

    cloud.delete(jids)
    again = cloud.account.usage()
    assert again.total[:3] == report.total[:3]
    assert again.total.cost == pytest.approx(report.total.cost)
    assert [row.day for row in again.rows] == [again.end]
    with pytest.raises(cloud.CloudException, match="does not exist"):
        cloud.series(jids[0])


def test_only_administrators_see_all_accounts(
    own_server: Server, bind: Callable[[Server], ModuleType]
) -> None:
    cloud = bind(own_server)
    cloud.join(cloud.call(busy, 0.0))
    (row,) = cloud.account.usage(group_by="account", all_accounts=True).rows
    assert row.jobs == 1
    _, made = own_server.request("POST", "/v1/accounts", {"name": "ana"})
    cloud.setkey(made["key"]["api_key"], made["key"]["api_secretkey"], own_server.url)
    assert cloud.account.usage().total.jobs == 0
    with pytest.raises(cloud.CloudException) as refused:
        cloud.account.usage(all_accounts=True)
    assert refused.value.status == 403


def test_a_watcher_may_leave_at_any_time(cloud: ModuleType) -> None:
    jid = cloud.call(busy, 60.0)
    samples = cloud.watch(jid)
    next(samples)
    before = threading.active_count()
    samples.close()
    assert threading.active_count() == before
    cloud.kill(jid)
    assert jid.series().second, "and the job knew nothing of it"
