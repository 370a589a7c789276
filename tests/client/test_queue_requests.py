"""Requests about queues on connections that break: what is said again, and what is not. Real sockets."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
from harness import until
from harness.scripted import Scripted, reply

import cloud
from cloud._core import Cloud, current, set_current
from cloud._session import Session

UNKNOWN_BLOB = reply(409, {"error": {"code": 409, "kind": "blob_missing", "msg": "a blob is missing"}})
PUSHED = reply(200, {"pushed": 1})


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    server = Scripted()
    service = {"payload_max_bytes": 1 << 30, "inline_max_bytes": 64 << 10}
    monkeypatch.setitem(Session._services, server.url, (time.monotonic(), service))
    cloud.setkey("5", "secret", server_url=server.url)
    yield server
    server.listener.close()
    set_current(Cloud())


def messages(*ids: int) -> bytes:
    header = json.dumps({"count": len(ids), "deadline": 60_000}).encode()
    body = struct.pack(">I", len(header)) + header
    for id in ids:
        content = struct.pack(">qIIIqI", id, 1, 0, 0xFFFF_FFFF, 5, 0) + b"\0\0" + str(id).encode()
        body += struct.pack(">I", len(content)) + content
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def framed(request: bytes) -> dict[str, Any]:
    """The header of a framed body."""
    body = request.partition(b"\r\n\r\n")[2]
    found: dict[str, Any] = json.loads(body[4 : 4 + int.from_bytes(body[:4], "big")])
    return found


def asked(request: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.partition(b"\r\n\r\n")[2])
    return found


def paths(scripted: Scripted) -> list[str]:
    return [request.split(b" ")[1].decode() for request in scripted.requests]


def test_a_push_without_an_answer_is_said_again_under_its_key(scripted: Scripted) -> None:
    def hang_up(line: socket.socket) -> None:
        scripted.read(line)

    scripted.script = [hang_up, scripted.answer(PUSHED, PUSHED)]
    queue = cloud.queue.get("q")
    queue.push(["a"])
    queue.push(["a"])
    first, again, other = map(framed, scripted.requests)
    assert first == again
    assert (first["count"], first["delay_s"]) == (1, 0)
    assert first["key"] != other["key"], "another push is another, whatever it says"


def test_a_large_message_that_is_gone_from_the_server_is_sent_once_more(scripted: Scripted) -> None:
    stored = reply(200, {})
    scripted.script = [scripted.answer(stored, UNKNOWN_BLOB, stored, PUSHED)]
    cloud.queue.get("q").push(["x" * 70_000])
    blob, push, blob_again, push_again = paths(scripted)
    assert blob == blob_again and blob.startswith("/v1/blobs/")
    assert push == push_again == "/v1/queues/q/messages"
    assert scripted.requests[1] == scripted.requests[3], "under the same key"


def test_a_pop_for_good_is_not_said_twice_and_one_with_a_deadline_is(scripted: Scripted) -> None:
    def hang_up(line: socket.socket) -> None:
        scripted.read(line)

    scripted.script = [hang_up, hang_up, scripted.answer(messages(7))]
    queue = cloud.queue.get("q")
    with pytest.raises(cloud.CloudException, match="server"):
        queue.pop()
    assert scripted.connections == 1
    assert [ticket.ticket for ticket in queue.pop_tickets(1)] == ["7-1"]
    assert scripted.connections == 3


def test_a_pop_for_good_takes_no_line_that_was_hung_up_meanwhile(scripted: Scripted) -> None:
    scripted.script = [scripted.answer(messages(1)), scripted.answer(messages(2))]
    queue = cloud.queue.get("q")
    assert queue.pop(1) == [1]
    (line,) = current()._session().connection._idle
    until(line.stale, what="the other side has hung up")
    assert queue.pop(1) == [2]


def test_many_are_taken_in_several_requests_of_which_the_first_waits(scripted: Scripted) -> None:
    scripted.script = [scripted.answer(messages(*range(1000)), messages(*range(1000, 1500)))]
    assert cloud.queue.get("q").pop(2500, timeout=5) == list(range(1500))
    first, second = map(asked, scripted.requests)
    assert (first["max_count"], second["max_count"], second["wait_ms"]) == (1000, 1000, 0)
    assert 4_000 < first["wait_ms"] <= 5_000


def test_what_was_taken_is_handed_over_though_the_next_request_fails(scripted: Scripted) -> None:
    refused = reply(400, {"error": {"code": 400, "kind": "bad_request", "msg": "no"}})
    scripted.script = [scripted.answer(messages(*range(1000)), refused)]
    assert len(cloud.queue.get("q").pop(2000)) == 1000


def test_a_server_that_does_not_wait_is_asked_again_until_the_time_is_over(scripted: Scripted) -> None:
    scripted.script = [scripted.answer(messages(), messages(), messages(7))]
    assert cloud.queue.get("q").pop(1, timeout=20) == [7]
    assert len(scripted.requests) == 3


def test_tickets_are_acknowledged_in_parts(scripted: Scripted) -> None:
    lost = [reply(200, {"done": 5000, "lost": [f"{n}-1"], "deadline": None}) for n in (3, 5003)]
    scripted.script = [scripted.answer(*lost)]
    assert cloud.queue.get("q").ack([f"{n}-1" for n in range(6000)]) == ["3-1", "5003-1"]
    assert [len(asked(request)["tickets"]) for request in scripted.requests] == [5000, 1000]


def test_rates_of_a_week_come_in_pages(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud.queue, "RATES_PAGE", 3)

    def windows(*starts: int) -> bytes:
        zero = {"enqueued": 1, "dequeued": 0, "retried": 0, "failed": 0, "handled_us": 5_000_000}
        found = [{"start": 10_000 * start, "version": n, **zero} for n, start in enumerate(starts)]
        return reply(200, {"window_s": 10, "windows": found})

    scripted.script = [scripted.answer(windows(1, 1, 2), windows(2, 2, 3), windows(3))]
    found = cloud.queue.get("q").rates(since=60)
    assert [window.start.timestamp() for window in found] == [10, 10, 20, 20, 30]
    assert found[0].handled_seconds == 5
    assert [path.rpartition("since=")[2] for path in paths(scripted)[1:]] == [
        "20000&limit=3",
        "30000&limit=3",
    ]
