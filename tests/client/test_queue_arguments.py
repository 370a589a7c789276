"""What queues refuse, before anything is sent: no server is reachable here, nor a key known."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

import cloud
from cloud._core import Cloud, set_current
from cloud.queue import CloudQueue, MaxRetryException, MessageTicket, Retry, get


def handler(message: Any) -> Any:
    return message


class Handler:
    def message_handler(self, message: Any) -> Any:
        return message


class NotCallable:
    message_handler = 3


class CallableObject:
    def __call__(self, message: Any, cur_retry: int) -> Any:
        return message, cur_retry


queue = get("some-queue")
other = get("other")


@pytest.fixture(autouse=True)
def _no_server() -> Iterator[None]:
    set_current(Cloud())
    yield
    set_current(Cloud())


@pytest.mark.parametrize("name", ["a", "q" * 39, "-", "Bad_URLs-2", "0"])
def test_names_have_letters_digits_hyphens_and_underscores(name: str) -> None:
    assert get(name).name == name


@pytest.mark.parametrize("name", ["", "q" * 40, "a b", "a/b", "ä", "a.b", "a\n"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 39 letters, digits, - and _"):
        get(name)


@pytest.mark.parametrize("name", [None, 3, b"q"])
def test_a_name_is_a_string(name: Any) -> None:
    with pytest.raises(TypeError, match="is a string"):
        get(name)


def test_queues_are_equal_by_name_and_travel() -> None:
    assert queue == get("some-queue") != other
    assert queue != "some-queue"
    assert len({queue, get("some-queue"), other}) == 2
    assert repr(queue) == "CloudQueue('some-queue')"
    assert pickle.loads(pickle.dumps(queue)) == queue


@pytest.mark.parametrize("messages", ["text", b"bytes", bytearray(b"b"), {"id": 1}, 5, 1.5, None, True])
def test_one_value_is_not_many_messages_and_the_fix_is_named(messages: Any) -> None:
    with pytest.raises(ValueError, match=r"push\(\[message\]\)"):
        queue.push(messages)


TOO_LATE = [
    lambda: queue.push([1], delay=901),
    lambda: queue.push([1], delay=-1),
    lambda: queue.pop(0),
    lambda: queue.pop(timeout=-1),
    lambda: queue.pop_tickets(-1),
    lambda: queue.pop_tickets(deadline=2),
    lambda: queue.pop_tickets(deadline=43_201),
    lambda: queue.update_deadline([], 2),
    lambda: queue.peek(0),
    lambda: queue.set_max_parallel_jobs(-1),
    lambda: queue.set_retention(59),
    lambda: queue.requeue(1, delay=901),
    lambda: queue.rollback(0),
    lambda: Retry(901),
    lambda: Retry(1, -1),
]
NOT_WHOLE = [
    lambda: queue.push([1], delay=1.5),
    lambda: queue.push([1], delay=True),
    lambda: queue.pop("3"),
    lambda: queue.pop(timeout=0.5),
    lambda: queue.pop_tickets(max_count=None),
    lambda: queue.pop_tickets(deadline="30"),
    lambda: queue.update_deadline([], 3.0),
    lambda: queue.set_max_parallel_jobs(None),
    lambda: queue.purge(["7"]),
    lambda: queue.purge(7),
    lambda: queue.move(7),
    lambda: queue.rates("today"),
    lambda: Retry("soon"),
]


@pytest.mark.parametrize("wrong", TOO_LATE)
def test_numbers_out_of_bounds_are_value_errors(wrong: Any) -> None:
    with pytest.raises(ValueError):
        wrong()


@pytest.mark.parametrize("wrong", NOT_WHOLE)
def test_what_is_no_whole_number_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError):
        wrong()


def ticket(of: CloudQueue) -> MessageTicket:
    now = datetime.now(timezone.utc)
    return MessageTicket(of, "7-2", "message", now, 30, 1, 2, 5_000)


def test_tickets_are_checked() -> None:
    for wrong in (ticket(queue), "7-2", 7, None, [7], [b"7-2"]):
        with pytest.raises(TypeError):
            queue.ack(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="is not of"):
        queue.ack([ticket(other)])
    assert queue.ack([]) == [] == queue.update_deadline([], 3), "nothing is sent for nothing"


def test_a_ticket_says_what_it_is_of() -> None:
    one = ticket(queue)
    assert one.created.timestamp() == 5
    assert (one.id, one.ticket, one.ticket_id, one.message) == (7, "7-2", "7-2", "message")
    assert 29 < one.time_until_deadline() <= 30
    again = pickle.loads(pickle.dumps(one))
    assert (again.queue, again.ticket, again.deadline) == (queue, "7-2", one.deadline)


@pytest.mark.parametrize("wrong", [5, None, "text", NotCallable()])
def test_what_cannot_be_called_is_no_handler(wrong: Any) -> None:
    with pytest.raises(TypeError, match="message handler"):
        queue.attach(wrong)


def test_a_class_is_attached_as_an_object_of_it() -> None:
    with pytest.raises(TypeError, match=r"Handler\(\)"):
        queue.attach(Handler)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: None,
        lambda *, message: None,
        lambda message, other: None,
        lambda message, *, other: None,
        functools.partial(handler, 1),
    ],
)
def test_a_handler_must_take_one_message(wrong: Any) -> None:
    with pytest.raises(ValueError, match="message"):
        queue.attach(wrong)


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"output_queues": "name"}, TypeError, "CloudQueue"),
        ({"output_queues": ["name"]}, TypeError, "CloudQueue"),
        ({"output_queues": [get(f"q{n}") for n in range(51)]}, ValueError, "51 output queues"),
        ({"output_queues": [other, other]}, ValueError, "twice"),
        ({"readers_per_job": 0}, ValueError, "readers_per_job"),
        ({"readers_per_job": 129}, ValueError, "readers_per_job"),
        ({"readers_per_job": "4"}, TypeError, "readers_per_job"),
        ({"max_parallel_jobs": -1}, ValueError, "max_parallel_jobs"),
        ({"_max_parallel_jobs": 1.5}, TypeError, "max_parallel_jobs"),
        ({"retry_on": ValueError}, ValueError, "max_retries and retry_delay"),
        ({"retry_on": ValueError, "max_retries": 1}, ValueError, "max_retries and retry_delay"),
        ({"retry_on": "ValueError", "max_retries": 1, "retry_delay": 1}, TypeError, "retry_on"),
        ({"retry_on": [3], "max_retries": 1, "retry_delay": 1}, TypeError, "retry_on"),
        ({"retry_on": [int], "max_retries": 1, "retry_delay": 1}, TypeError, "retry_on"),
        ({"max_retries": -1}, ValueError, "max_retries"),
        ({"retry_delay": 901}, ValueError, "retry_delay"),
        ({"on_error": [Exception]}, TypeError, "on_error"),
        ({"on_error": {"Exception": {"queue": other}}}, ValueError, "keys of on_error"),
        ({"on_error": {Exception: {}}}, ValueError, "CloudQueue"),
        ({"on_error": {Exception: {"queue": "other"}}}, ValueError, "CloudQueue"),
        ({"on_error": {Exception: {"queue": other, "delay": 901}}}, ValueError, "delay"),
        ({"on_error": {Exception: {"queue": other, "dealy": 1}}}, ValueError, "dealy"),
        ({"on_error": {Exception: "other"}}, ValueError, "on_error of Exception"),
        ({"batch": 10}, TypeError, "'batch'"),
        ({"_max_runtime": 5}, TypeError, "'_max_runtime'"),
        ({"_depends_on": 5}, TypeError, "'_depends_on'"),
        ({"_fast_serialization": 2}, TypeError, "'_fast_serialization'"),
        ({"_kill_process": True}, TypeError, "'_kill_process'"),
        ({"_tpye": "c2"}, TypeError, "did you mean '_type'"),
        ({"_cores": 0}, TypeError, "_cores"),
        ({"_restartable": 1}, TypeError, "_restartable"),
    ],
)
def test_attach_checks_its_arguments(more: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        queue.attach(handler, **more)


@pytest.mark.parametrize(
    "right",
    [
        handler,
        Handler(),
        CallableObject(),
        functools.partial(lambda a, message: message, 1),
        lambda *messages: None,
        lambda message, **more: None,
        lambda message, cur_retry, message_id=None: None,
        str.upper,
        len,
    ],
)
def test_what_is_right_gets_as_far_as_the_key(right: Any) -> None:
    with pytest.raises(cloud.CloudException) as caught:
        queue.attach(
            right,
            other,
            retry_on=[OSError],
            max_retries=2,
            retry_delay=0,
            on_error={Exception: {"queue": other}},
        )
    assert caught.value.kind == "no_key"


def test_what_a_handler_takes_beside_the_message_is_seen() -> None:
    from cloud._attaching import _extras

    assert _extras(handler) == ()
    assert _extras(CallableObject()) == ("cur_retry",)
    assert _extras(lambda message, **more: None) == ("message_id", "cur_retry", "max_retries")
    assert _extras(lambda message, *, max_retries=0, other=1: None) == ("max_retries",)
    assert _extras(lambda cur_retry: None) == (), "the first is the message, whatever its name"
    assert _extras(print) == _extras(len) == ()


def test_exceptions_of_queues_travel_with_what_they_say() -> None:
    retry = pickle.loads(pickle.dumps(Retry(5, 0, "busy")))
    assert (retry.delay, retry.max_retries, retry.message, str(retry)) == (5, 0, "busy", "busy")
    assert (Retry().delay, Retry().max_retries) == (None, None)
    final = pickle.loads(pickle.dumps(MaxRetryException(OSError("gone"))))
    assert isinstance(final, Retry)
    assert (type(final.exception), str(final)) == (OSError, "gone")
    crashed = cloud.queue.HandlerCrashed("out of memory", 5)
    again = pickle.loads(pickle.dumps(crashed))
    assert isinstance(again, cloud.CloudException)
    assert (again.jid, str(again)) == (5, "Job 5: out of memory")
    assert {type(e).__module__ for e in (retry, final, again)} == {"cloud.queue"}
