"""What a job used second by second: read whole, and live over lines that break."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from harness.scripted import Scripted, reply

import cloud
from cloud._config import Credentials, config
from cloud._core import Cloud
from cloud._events import Event, parse

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.listener.close()


def at(scripted: Scripted) -> Cloud:
    return Cloud(lambda: Credentials(scripted.url, "5", "secret"))


def sample(second: int, cpu_us: int = 0, **more: Any) -> dict[str, Any]:
    return {"second": second, "cpu_user_us": cpu_us, "memory_bytes": 1_000 * second, **more}


def event(name: str, data: Any, number: int | None = None) -> bytes:
    lines = [
        f"event: {name}",
        *([f"id: {number}"] if number is not None else []),
        f"data: {json.dumps(data)}",
    ]
    return ("\n".join(lines) + "\n\n").encode()


END = event("end", {"status": "done", "attempt": 1})


def stream(scripted: Scripted, *events: bytes) -> Any:
    """Answers one request with these events and hangs up."""

    def serve(line: socket.socket) -> None:
        if scripted.read(line):
            line.sendall(HEAD + b"".join(events))

    return serve


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_events_are_read_however_they_are_cut(size: int) -> None:
    said = (
        b': keeps the line open\n\nid: 4\nevent: sample\ndata: {"a":\ndata:  1}\n\n'
        b"data: 5\r\n\r\nretry: 10\nevent: nothing\n\nevent: end\ndata: null\n\nevent: half\ndata: 1\n"
    )
    pieces = (said[start : start + size] for start in range(0, len(said), size))
    assert list(parse(pieces)) == [
        Event("sample", "4", {"a": 1}),
        Event("message", "4", 5),
        Event("end", "4", None),
    ]


def test_a_series_has_a_list_for_each_figure(scripted: Scripted) -> None:
    samples = [sample(1, 900_000, net_sent_bytes=9), sample(2, 2_400_000), sample(12, 7_400_000, processes=3)]
    whole = {"attempt": 2, "samples": samples, "finished": True}
    scripted.script = [scripted.answer(reply(200, whole), reply(200, {**whole, "samples": samples[2:]}))]
    series = at(scripted).series(7)
    assert (series.attempt, series.finished, len(series)) == (2, True, 3)
    assert series.second == [1, 2, 12]
    assert series.cpu_cores == [0.9, 1.5, 0.5], "since the sample before, also over a gap"
    assert series.memory == [1_000, 2_000, 12_000]
    assert series.network_sent == [9, None, None]
    assert series.processes == [0, 0, 3]
    assert [found.second for found in series] == series.second
    assert series.columns()["cpu_user"] == [0.9, 2.4, 7.4]
    assert {len(column) for column in series.columns().values()} == {3}
    assert repr(series) == "<Series of job 7: 3 samples, seconds 1 to 12, up to 1.50 cores and 12.0 kB>"
    assert b"GET /v1/jobs/7/series HTTP" in scripted.requests[0]


@pytest.mark.parametrize("repeats_the_last", [True, False])
def test_a_long_series_comes_in_parts(scripted: Scripted, repeats_the_last: bool) -> None:
    def serve(line: socket.socket) -> None:
        while request := scripted.read(line):
            since = int(request.partition(b"since=")[2].partition(b" ")[0] or -1)
            first = since if repeats_the_last and since >= 0 else since + 1
            part = [sample(second) for second in range(first, min(first + 100, 250))]
            line.sendall(reply(200, {"attempt": 1, "samples": part, "finished": False}))

    scripted.script = [serve]
    assert at(scripted).series(7).second == list(range(250))


def test_a_job_that_starts_again_meanwhile_begins_a_new_series(scripted: Scripted) -> None:
    def answer(attempt: int, *seconds: int) -> bytes:
        samples = [sample(second) for second in seconds]
        return reply(200, {"attempt": attempt, "samples": samples, "finished": False})

    scripted.script = [scripted.answer(answer(1, 0, 1, 2), answer(2, 3), answer(2, 0, 1), answer(2, 1))]
    series = at(scripted).series(7)
    assert (series.attempt, series.second) == (2, [0, 1])


def test_a_short_job_has_no_samples(scripted: Scripted) -> None:
    scripted.script = [scripted.forever(reply(200, {"attempt": 1, "samples": [], "finished": True}))]
    series = at(scripted).series(7)
    assert not series
    assert repr(series) == "<Series of job 7: no samples>"


def test_samples_come_live_until_the_job_ends(scripted: Scripted) -> None:
    go_on = threading.Event()

    def serve(line: socket.socket) -> None:
        scripted.read(line)
        line.sendall(HEAD + event("status", {"status": "queued", "attempt": 0}))
        line.sendall(event("status", {"status": "processing", "attempt": 1}) + event("sample", sample(1), 1))
        assert go_on.wait(10)
        line.sendall(b": still here\n\n" + event("sample", sample(2, 500_000), 2) + END)
        line.recv(1)  # hangs up when it has heard the end

    scripted.script = [serve]
    watched = at(scripted).watch(7)
    assert next(watched).second == 1
    go_on.set()
    assert [(found.second, found.cpu_cores) for found in watched] == [(2, 0.5)]
    assert b"GET /v1/jobs/7/events HTTP" in scripted.requests[0]


def test_a_line_that_breaks_is_opened_again_where_it_was(scripted: Scripted) -> None:
    stopping = reply(503, {"error": {"code": 503, "kind": "unavailable", "msg": "stopping", "retry": True}})
    scripted.script = [
        stream(scripted, event("sample", sample(1), 1), event("sample", sample(2), 2)[:-20]),
        scripted.answer(stopping),
        stream(scripted, event("sample", sample(1), 1), event("sample", sample(2), 2), END),
    ]
    assert [found.second for found in at(scripted).watch(7)] == [1, 2], "none twice, none missed"
    assert b"Last-Event-ID" not in scripted.requests[0]
    assert b"Last-Event-ID: 1\r\n" in scripted.requests[2]


def test_a_new_attempt_counts_from_its_own_beginning(scripted: Scripted) -> None:
    scripted.script = [
        stream(
            scripted,
            event("status", {"status": "processing", "attempt": 1}),
            event("sample", sample(5, 4_000_000), 5),
            event("status", {"status": "queued", "attempt": 1}),
            event("status", {"status": "processing", "attempt": 2}),
            event("sample", sample(1, 500_000), 1),
            END,
        )
    ]
    assert [(found.second, found.cpu_cores) for found in at(scripted).watch(7)] == [(5, 0.8), (1, 0.5)]


def test_a_server_that_stays_away_is_not_watched_for_ever(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "retry_seconds", 0.2)
    monkeypatch.setattr(config, "retry_attempts", 1)

    def serve(line: socket.socket) -> None:
        scripted.read(line)
        scripted.listener.close()
        line.sendall(HEAD + event("sample", sample(1), 1))

    scripted.script = [serve]
    watched = at(scripted).watch(7)
    assert next(watched).second == 1
    with pytest.raises(cloud.CloudException, match="server"):
        next(watched)


def test_a_job_that_does_not_exist_is_said_at_once(scripted: Scripted) -> None:
    error = {"code": 404, "kind": "job_unknown", "msg": "job 7 does not exist", "retry": False}
    scripted.script = [scripted.forever(reply(404, {"error": error}))]
    with pytest.raises(cloud.CloudException, match="job 7 does not exist"):
        next(at(scripted).watch(7))
    assert len(scripted.requests) == 1


def test_asyncio_watches_without_blocking_the_loop(scripted: Scripted) -> None:
    scripted.script = [stream(scripted, event("sample", sample(1), 1), event("sample", sample(2), 2), END)]
    cloud.setkey(5, "secret", scripted.url)

    async def seconds() -> list[int]:
        return [found.second async for found in cloud.aio.watch(7)]

    try:
        assert asyncio.run(seconds()) == [1, 2]
    finally:
        cloud.close()


def test_one_job_at_a_time() -> None:
    for function in (cloud.series, cloud.watch):
        with pytest.raises(TypeError, match="jid must be an integer"):
            function([1, 2])  # type: ignore[operator]
