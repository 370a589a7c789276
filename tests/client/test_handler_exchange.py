"""What a handler job says to its server: against servers that misbehave on purpose, on real sockets."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from harness import until
from harness.scripted import Scripted, reply

from cloud import CloudException
from cloud._config import Config, Credentials
from cloud._handling_desk import Desk, Settled
from cloud._handling_exchange import AttemptOver, Channel, Exchanger
from cloud._queue_wire import JSON, NONE, Delivered, settled_frame
from cloud._session import Session


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.listener.close()


@pytest.fixture
def desk() -> Desk:
    return Desk(1)


@pytest.fixture
def channel(scripted: Scripted, desk: Desk) -> Iterator[Channel]:
    made = Channel(Session(Credentials(scripted.url, "job-1-2-3", "token"), Config()), "q", desk)
    yield made
    made.close()


def messages(*ids: int, finish: str | None = None, holds: int | None = None) -> bytes:
    """An answer with these messages."""
    held = len(ids) if holds is None else holds
    header = json.dumps({"count": len(ids), "holds": held, "finish": finish}).encode()
    body = struct.pack(">I", len(header)) + header
    for id in ids:
        content = struct.pack(">qIIIqI", id, 1, 0, NONE, 5, 0) + b"\0\0" + str(id).encode()
        body += struct.pack(">I", len(content)) + content
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def headers(scripted: Scripted) -> list[dict[str, Any]]:
    """What the requests began with."""
    found = []
    for request in scripted.requests:
        body = request.partition(b"\r\n\r\n")[2]
        found.append(json.loads(body[4 : 4 + int.from_bytes(body[:4], "big")]))
    return found


def done(id: int) -> Settled:
    return Settled(settled_frame(id, 5, 0), None)


def never(line: socket.socket) -> None:
    """Reads, and says nothing until the other side hangs up."""
    while line.recv(65536):
        pass


def test_one_request_settles_and_fetches(scripted: Scripted, channel: Channel) -> None:
    scripted.script = [scripted.answer(messages(7, 8), messages(finish="crowded"))]
    found, holds, finish = channel.exchange([done(5), done(6)], [4], 10, 0.0)
    assert ([m.id for m in found], found[0].data, found[0].kind, holds, finish) == (
        [7, 8],
        b"7",
        JSON,
        2,
        None,
    )
    assert channel.exchange([], [], 1, 20.0) == ([], 0, "crowded")
    assert headers(scripted) == [
        {"seq": 1, "settled": 2, "lease": 10, "give_back": [4]},
        {"seq": 2, "settled": 0, "lease": 1, "wait_ms": 20_000},
    ]
    assert scripted.requests[0].startswith(b"POST /v1/queues/q/exchange HTTP/1.1\r\n")
    assert scripted.requests[0].endswith(done(5).frames + done(6).frames)


def test_a_request_without_an_answer_is_said_again_with_its_number(
    scripted: Scripted, channel: Channel
) -> None:
    def hang_up(line: socket.socket) -> None:
        scripted.read(line)

    unavailable = reply(
        503, {"error": {"code": 503, "kind": "unavailable", "msg": "stopping", "retry": True}}
    )
    scripted.script = [hang_up, hang_up, scripted.answer(unavailable), scripted.answer(messages(7))]
    assert [m.id for m in channel.exchange([done(5)], [], 1, 0.0)[0]] == [7]
    assert headers(scripted) == [{"seq": 1, "settled": 1, "lease": 1}] * 4


@pytest.mark.parametrize("status", [404, 409])
def test_an_attempt_that_is_over_ends_quietly(scripted: Scripted, channel: Channel, status: int) -> None:
    error = {"code": status, "kind": "attempt_over", "msg": "over"}
    scripted.script = [scripted.answer(reply(status, {"error": error}))]
    with pytest.raises(AttemptOver):
        channel.exchange([done(5)], [], 1, 0.0)


def test_a_request_that_is_wrong_is_a_failure(scripted: Scripted, channel: Channel) -> None:
    error = {"code": 400, "kind": "bad_request", "msg": "wrong"}
    scripted.script = [scripted.answer(reply(400, {"error": error}))]
    with pytest.raises(CloudException, match="wrong"):
        channel.exchange([], [], 1, 0.0)


def test_who_gives_up_does_not_go_on_trying(scripted: Scripted, channel: Channel, desk: Desk) -> None:
    def hang_up_and_end(line: socket.socket) -> None:
        scripted.read(line)
        if scripted.connections == 3:
            desk.abandon()

    scripted.script = [hang_up_and_end]
    with pytest.raises(AttemptOver):
        channel.exchange([], [], 1, 20.0)
    assert scripted.connections == 3


def test_what_is_settled_does_not_wait_for_messages(scripted: Scripted, channel: Channel, desk: Desk) -> None:
    scripted.script = [never, scripted.answer(messages(7))]
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.append(channel.exchange([], [], 1, 30.0)))
    waiting.start()
    until(lambda: scripted.connections == 1 and desk._interrupt is not None)
    desk.settle(done(5))
    waiting.join(10)
    assert not waiting.is_alive(), "it is cut off"
    assert [m.id for m in found[0][0]] == [7], "what it may have got meanwhile is asked for"
    assert headers(scripted) == [{"seq": 1, "settled": 0, "lease": 1}]


# What is asked for, and when.


def exchanger(scripted: Scripted, desk: Desk, handled: int = 0, busy_us: int = 0) -> Exchanger:
    session = Session(Credentials(scripted.url, "job-1-2-3", "token"), Config())
    made = Exchanger(session, "q", desk)
    reader: Any = SimpleNamespace(handled=handled, busy_us=busy_us)
    made.readers = [reader]
    return made


def message(id: int) -> Delivered:
    return Delivered(id, 1, 0, NONE, 5, b"", JSON, False, b"1")


@pytest.mark.parametrize(
    ("each_us", "readers", "asked"),
    [
        (10, 1, 1000),
        (1_000, 1, 250),
        (100_000, 1, 2),
        (60_000_000, 1, 1),
        (100_000, 10, 25),
        (60_000_000, 10, 10),
    ],
)
def test_as_many_messages_are_fetched_as_take_a_quarter_of_a_second(
    scripted: Scripted, each_us: int, readers: int, asked: int
) -> None:
    desk = Desk(readers)
    of = exchanger(scripted, desk)
    assert of._wish(0)[0] == readers, "one for each at first, when nobody knows"
    of.readers[0].handled, of.readers[0].busy_us = 10, 10 * each_us
    of._measure()
    assert of._wish(0)[0] == asked


def test_nothing_is_fetched_for_readers_that_are_busy(scripted: Scripted, desk: Desk) -> None:
    of = exchanger(scripted, desk)
    of._held = 1
    assert of._wish(0) == (0, 0.0)
    assert of._wish(1) == (1, 0.0), "but with what settles the last one"
    desk.close()
    assert of._wish(1) == (0, 0.0), "unless it is time to end"


def test_nothing_is_fetched_ahead_where_a_crash_would_be_the_end_of_it(scripted: Scripted) -> None:
    desk = Desk(2)
    of = Exchanger(Session(Credentials(scripted.url, "job-1-2-3", "token"), Config()), "q", desk, ahead=False)
    reader: Any = SimpleNamespace(handled=10, busy_us=10)
    of.readers = [reader]
    of._measure()
    assert of._wish(0)[0] == 2
    of._held = 2
    assert of._wish(1) == (1, 0.0)


def test_messages_go_back_when_the_one_before_them_takes_long(
    scripted: Scripted, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    import cloud._handling_exchange as module

    of = exchanger(scripted, desk)
    desk.put([message(1), message(2)])
    assert of._stuck() == []
    monkeypatch.setattr(module, "STUCK_SECONDS", 0.0)
    assert [m.id for m in of._stuck()] == [1, 2]
    assert of._stuck() == []
    of._held = 3
    assert of._wish(2) == (0, 0.0), "no others in their place"


class Job:
    """Readers and exchange of a job, without a job around them."""

    def __init__(self, scripted: Scripted, readers: int) -> None:
        self.desk = Desk(readers)
        self.exchanger = exchanger(scripted, self.desk)
        self.exchanger.start()


def test_all_that_is_held_is_settled_before_a_job_ends(scripted: Scripted) -> None:
    scripted.script = [scripted.answer(messages(1, 2, finish="replaced"), messages(finish="replaced"))]
    job = Job(scripted, 1)
    for id in (1, 2):
        assert job.desk.wait()
        assert job.desk.pending.popleft().id == id
        job.desk.settle(done(id))
    assert not job.desk.wait()
    job.exchanger.join(10)
    assert job.exchanger.fault is None
    assert sum(header["settled"] for header in headers(scripted)) == 2
    assert all(header["lease"] == 0 for header in headers(scripted)[1:])


def test_a_job_that_has_missed_messages_ends_so_that_others_get_them(scripted: Scripted) -> None:
    scripted.script = [scripted.answer(messages(1, holds=2), messages(holds=1))]
    job = Job(scripted, 1)
    assert job.desk.wait()
    job.desk.pending.popleft()
    job.desk.settle(done(1))
    assert not job.desk.wait()
    job.exchanger.join(10)
    assert job.exchanger.fault is None
    assert headers(scripted)[1:] == [{"seq": 2, "settled": 1, "lease": 0}]


def test_a_job_that_is_over_lets_its_readers_go(scripted: Scripted) -> None:
    over = reply(409, {"error": {"code": 409, "kind": "attempt_over", "msg": "over"}})
    scripted.script = [scripted.answer(messages(1), over)]
    job = Job(scripted, 2)
    assert job.desk.wait()
    job.desk.pending.popleft()
    job.desk.settle(done(1))
    assert not job.desk.wait()
    assert job.desk.over
    job.exchanger.join(10)
    assert job.exchanger.fault is None


def test_a_fault_of_the_exchange_ends_the_job_and_is_told(scripted: Scripted) -> None:
    scripted.script = [
        scripted.answer(reply(400, {"error": {"code": 400, "kind": "bad_request", "msg": "no"}}))
    ]
    job = Job(scripted, 1)
    assert not job.desk.wait()
    job.exchanger.join(10)
    assert isinstance(job.exchanger.fault, CloudException)
