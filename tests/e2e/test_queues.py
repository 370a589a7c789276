"""Queues through a real server: messages in and out, tickets, and care."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from types import ModuleType
from typing import Any, Callable

import pytest
from harness import Server, eventually, until

_numbers = itertools.count()


@pytest.fixture
def queue(cloud: ModuleType, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Queues of the test's own: `queue()`, `queue('errors')`; deleted after it."""
    made = []
    prefix = f"t{next(_numbers)}"

    def make(name: str = "q") -> Any:
        made.append(cloud.queue.get(f"{prefix}-{name}"))
        return made[-1]

    yield make
    for one in made:
        with contextlib.suppress(cloud.CloudException):
            one.delete()


def test_what_is_pushed_is_popped_and_gone(queue: Any) -> None:
    q = queue()
    assert q.count() == 0, "it is not there yet, and empty"
    assert q.push(range(25)) is True
    assert q.count() == 25
    first = q.pop()
    assert len(first) == 10
    assert sorted(first + q.pop(100)) == list(range(25))
    assert (q.pop(timeout=0), q.count()) == ([], 0)


def test_batches_may_be_of_any_size(queue: Any) -> None:
    q = queue()
    q.push(n for n in range(5500))
    assert q.count() == 5500
    assert len(q.pop(3210)) == 3210
    tickets = q.pop_tickets(10_000)
    assert len(tickets) == 2290
    assert q.ack(tickets) == []
    assert q.count() == 0


class Point:
    def __init__(self, x: int) -> None:
        self.x = x


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        ((1, "a"), [1, "a"]),
        ({1: None}, {"1": None}),
        (b"\x00\xff", b"\x00\xff"),
        ({1, 2}, {1, 2}),
        ("ä" * 100_000, "ä" * 100_000),
        (b"x" * (5 << 20), b"x" * (5 << 20)),
        (None, None),
    ],
    ids=["tuple", "int-key", "bytes", "set", "large-json", "large-pickle", "none"],
)
def test_values_arrive_as_json_or_as_they_were(queue: Any, value: Any, arrives: Any) -> None:
    q = queue()
    for _ in range(2):  # the second time a large content was there before, and may be gone
        q.push([value])
        assert q.pop() == [arrives]


def test_objects_of_the_script_are_messages(queue: Any) -> None:
    class Local(Point):
        def twice(self) -> int:
            return 2 * self.x

    q = queue()
    q.push([Local(4), lambda: 5])
    made, function = sorted(q.pop(), key=callable)
    assert (made.twice(), function()) == (8, 5)


def test_many_large_messages_are_fetched_in_their_order_with_small_ones(queue: Any) -> None:
    q = queue()
    messages = [n if n % 2 else [n] * 40_000 for n in range(12)]
    q.push(messages)
    popped = q.pop(12)
    assert sorted(str(m) for m in popped) == sorted(str(m) for m in messages)


def test_a_delayed_message_cannot_be_taken_before(queue: Any) -> None:
    q = queue()
    began = time.monotonic()
    q.push(["later"], delay=2)
    q.push(["now"])
    assert q.pop(timeout=0) == ["now"]
    assert q.pop(timeout=0) == []
    info = q.info()
    assert (info["count"], info["delayed"]) == (1, 1)
    assert q.peek()[0].visible_at > datetime.now(timezone.utc)
    assert q.pop(timeout=20) == ["later"]
    assert 1.9 < time.monotonic() - began < 6


def test_pop_waits_for_the_first_message(queue: Any) -> None:
    began = time.monotonic()
    assert queue().pop(timeout=1) == []
    assert 0.9 < time.monotonic() - began < 5


def test_who_waits_is_woken_at_once(queue: Any) -> None:
    q = queue()
    popped: list[tuple[float, Any]] = []

    def wait() -> None:
        while "end" not in [message for _, message in popped]:
            popped.extend((time.monotonic(), message) for message in q.pop(timeout=30))

    waiting = threading.Thread(target=wait)
    waiting.start()
    took = []
    for number, message in enumerate(["first", "a", "b", "c", "d", "e", "end"], 1):
        pushed = time.monotonic()
        q.push([message])
        until(lambda number=number: len(popped) == number, what=f"{message} arrives")
        took.append(popped[-1][0] - pushed)
    waiting.join(30)
    assert sorted(took)[len(took) // 2] < 0.5


def test_a_ticket_is_good_until_its_deadline_and_for_one_delivery(queue: Any) -> None:
    q = queue()
    q.push(["a", "b"])
    tickets = q.pop_tickets(deadline=3)
    by_message = {ticket.message: ticket for ticket in tickets}
    a, b = by_message["a"], by_message["b"]
    assert (q.count(), q.info()["in_flight"]) == (2, 2)
    assert 0 < a.time_until_deadline() <= 3
    assert abs(a.deadline - datetime.now(timezone.utc)) < timedelta(seconds=5)
    assert a.ack() is True
    assert a.ack() is False, "a second time it is gone already"
    assert q.pop(timeout=0) == [], "what is delivered is nobody else's"
    (again,) = q.pop_tickets(timeout=20)
    assert (again.message, again.id, again.deliveries) == ("b", b.id, 2)
    assert q.ack([b]) == [b.ticket], "the first delivery is over"
    assert q.count() == 1
    assert q.ack([again.ticket_id]) == []
    assert q.count() == 0


def test_a_deadline_can_be_moved(queue: Any) -> None:
    q = queue()
    q.push([1])
    (ticket,) = q.pop_tickets(deadline=3)
    assert ticket.update_deadline(60) is True
    assert 50 < ticket.time_until_deadline() <= 60
    assert q.pop(timeout=4) == [], "the first deadline has passed"
    assert ticket.update_deadline(3) is True
    assert q.pop(timeout=20) == [1]
    assert ticket.update_deadline(60) is False
    assert q.update_deadline([ticket.ticket], 60) == [ticket.ticket]


def test_queues_are_listed_and_exist_from_the_first_message_on(cloud: ModuleType, queue: Any) -> None:
    q = queue()
    assert not cloud.queue.exists(q.name)
    assert q not in cloud.queue.list()
    for absent in (q.info, q.delete, q.detach, q.versions, q.rollback):
        with pytest.raises(cloud.CloudException) as caught:
            absent()
        assert caught.value.status == 404
    q.push([])
    assert cloud.queue.exists(q.name)
    assert q in cloud.queue.list()
    q.delete()
    assert not cloud.queue.exists(q.name)
    q.push([1])
    assert q.pop() == [1], "the name is free"


def test_info_tells_how_a_queue_is(queue: Any) -> None:
    q = queue()
    q.push(range(3))
    info = q.info()
    assert (info["name"], info["count"], info["in_flight"], info["paused"]) == (q.name, 3, 0, False)
    assert info["retention"] == 4 * 86_400
    assert info["attachment"] is None
    assert abs(info["created"] - datetime.now(timezone.utc)) < timedelta(seconds=60)
    assert until(lambda: q.info()["oldest_age"], what="it has an age") > 0
    q.set_retention(3600)
    assert q.info()["retention"] == 3600


def test_a_paused_queue_takes_and_does_not_give(queue: Any) -> None:
    q = queue()
    q.push([1])
    q.pause()
    q.push([2])
    assert (q.pop(timeout=0), q.count(), q.info()["paused"]) == ([], 2, True)
    q.resume()
    assert sorted(q.pop()) == [1, 2]


def test_messages_are_looked_at_moved_and_purged(queue: Any) -> None:
    q, other = queue(), queue("other")
    q.push([0, {1}, "2" * 70_000, 3])
    peeked = q.peek(100)
    assert (peeked[0].message, peeked[1].message, peeked[3].message) == (0, {1}, 3)
    assert "too large" in str(peeked[2].message)
    assert peeked[2].size > 70_000
    assert [p.deliveries for p in peeked] == [0] * 4
    assert q.move(other, [peeked[0].id, peeked[1].id]) == 2
    assert (q.count(), other.count()) == (2, 2)
    assert q.purge([peeked[3].id]) == 1
    assert q.move(other.name) == 1
    assert {len(str(m)) for m in other.pop(10)} == {1, 3, 70_000}
    other.push(range(50))
    assert len(other.peek(3)) == 3
    assert (other.purge(), other.count()) == (50, 0)


def test_a_waiting_message_is_edited_and_requeued(cloud: ModuleType, queue: Any) -> None:
    q, other = queue(), queue("other")
    q.push([{"url": "htp://x"}])
    (wrong,) = q.peek()
    q.requeue(wrong.id, {"url": "http://x"})
    (right,) = q.peek()
    assert right.message == {"url": "http://x"}
    q.requeue(right.id, to=other, delay=1)
    assert (q.count(), other.count()) == (0, 1)
    assert other.pop(timeout=20) == [{"url": "http://x"}]
    with pytest.raises(cloud.CloudException) as caught:
        q.requeue(right.id)
    assert caught.value.status == 404


def test_rates_count_what_came_and_went(queue: Any) -> None:
    q = queue()
    q.push(range(30))
    q.pop(20)

    def counted() -> None:
        windows = q.rates(since=600)
        assert sum(w.enqueued for w in windows) == 30
        assert sum(w.dequeued for w in windows) == 20

    eventually(counted)
    assert all(w.start.second % 10 == 0 for w in q.rates())
    assert q.rates(datetime.now(timezone.utc) + timedelta(hours=1)) == []


def test_other_programs_push_and_pop_json(server: Server, queue: Any) -> None:
    q = queue()
    path = f"/v1/queues/{q.name}"
    status, reply = server.request("POST", f"{path}/messages", {"messages": [{"a": [1, None]}, "x"]})
    assert (status, reply) == (200, {"pushed": 2})
    assert sorted(map(str, q.pop())) == ["x", "{'a': [1, None]}"]
    q.push([(1, 2)])
    headers = {"Accept": "application/json"}
    status, reply = server.request("POST", f"{path}/pop", {"deadline_s": 30}, headers=headers)
    assert (status, reply["messages"][0]["message"]) == (200, [1, 2])
    status, reply = server.request("POST", f"{path}/ack", {"tickets": [reply["messages"][0]["ticket"]]})
    assert (status, reply["done"], reply["lost"]) == (200, 1, [])


def test_jobs_use_queues(cloud: ModuleType, queue: Any) -> None:
    q = queue()

    def work(q: Any, n: int) -> int:
        q.push([n, {n}])
        return len(q.pop_tickets(1, deadline=3))

    assert cloud.result(cloud.call(work, q, 7), timeout=60) == 1
    assert until(lambda: q.count() == 2)
    assert sorted(map(str, q.pop(1, timeout=20) + q.pop(1, timeout=20))) == ["7", "{7}"]


def test_a_message_that_cannot_be_read_costs_no_other(cloud: ModuleType, queue: Any) -> None:
    q = queue()

    class Broken:
        def __reduce__(self) -> Any:
            return (eval, ("1 / 0",))

    q.push([1, Broken(), 2])
    with pytest.raises(cloud.CloudException, match="ZeroDivisionError") as caught:
        q.pop(10)
    assert sorted(caught.value.messages) == [1, 2]
    q.push([Broken()])
    (ticket,) = q.pop_tickets()
    with pytest.raises(cloud.CloudException, match="ZeroDivisionError"):
        ticket.message  # noqa: B018
    assert ticket.ack()


def test_promise_1_and_4_what_was_pushed_survives_kill_9_and_what_was_acknowledged_stays_away(
    new_server: Any, bind: Any
) -> None:
    server = new_server()
    q = bind(server).queue.get("q")
    q.push(range(2000))
    acked = q.pop_tickets(500, deadline=600)
    assert q.ack(acked) == []
    held = q.pop_tickets(300, deadline=600)
    removed = q.pop(100)
    server.kill_all()
    server.start()
    q = bind(server).queue.get("q")
    assert q.count() == 1400
    rest = q.pop(5000)
    assert q.ack([ticket.ticket for ticket in held]) == [], "a delivery outlives the server"
    messages = [t.message for t in acked] + [t.message for t in held] + removed + rest
    assert sorted(messages) == list(range(2000))


def test_promise_10_another_account_has_queues_of_its_own(new_server: Any, bind: Any) -> None:
    server = new_server()
    cloud = bind(server)
    cloud.queue.get("q").push(["mine"])
    status, other = server.request("POST", "/v1/accounts", {"name": "other"})
    assert status in (200, 201), other
    key = other["key"]
    cloud.setkey(key["api_key"], key["api_secretkey"], server_url=server.url)
    theirs = cloud.queue.get("q")
    assert cloud.queue.list() == []
    assert (theirs.count(), theirs.pop(timeout=0)) == (0, [])
    theirs.push(["theirs"])
    bind(server)
    assert cloud.queue.get("q").pop(10) == ["mine"]
