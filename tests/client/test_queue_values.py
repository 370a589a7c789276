"""Values to messages and back, and what becomes of a message that could not be handled. No server."""

from __future__ import annotations

import base64
import enum
import json
import pickle
import struct
import time
from collections.abc import Iterable
from typing import Any

import pytest

import cloud
from cloud._config import Credentials, config
from cloud._handling import HandlerOptions
from cloud._handling_desk import Desk
from cloud._handling_outcomes import Outcomes
from cloud._handling_reader import OUTPUTS_MAX, Reader
from cloud._pickling import ExcessiveData
from cloud._queue_messages import Encoder, decode, error_message, parts_of, shown
from cloud._queue_wire import JSON, NONE, PICKLE, Delivered, body_frame, read_delivered
from cloud._session import Session
from cloud.queue import HandlerCrashed, MaxRetryException, Retry

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    """One that knows its server, as after a first request; nothing listens there."""
    service = {"payload_max_bytes": 1 << 20, "inline_max_bytes": 64 << 10}
    monkeypatch.setitem(Session._services, NOWHERE, (time.monotonic(), service))
    return Session(Credentials(NOWHERE, "1", "secret"), config)


def body(frame: bytes) -> tuple[int, bytes]:
    """Kind and content of an inline body."""
    length, kind, where = struct.unpack_from(">IBB", frame)
    assert (length, where) == (len(frame) - 4, 0)
    return kind, frame[6:]


def delivered(kind: int, data: bytes, **more: Any) -> Delivered:
    fields = {
        "id": 7,
        "deliveries": 1,
        "cur_retry": 0,
        "max_retries": NONE,
        "created": int(time.time() * 1000),
    }
    return Delivered(**{**fields, "error": b"", "kind": kind, "blob": False, "data": data, **more})


def through(session: Session, value: Any) -> tuple[int, Any]:
    """How it travels, and what arrives."""
    kind, data = body(Encoder(session).frame(value))
    return kind, decode(session, delivered(kind, data))


class Colour(enum.IntEnum):
    RED = 1


class Plain:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plain) and other.value == self.value

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (1, 1),
        (True, True),
        (None, None),
        (10**40, 10**40),
        (0.1, 0.1),
        ("grüße 🎈", "grüße 🎈"),
        ((1, (2, 3)), [1, [2, 3]]),
        ({1: "a", None: "b", "c": [1.5, None]}, {"1": "a", "null": "b", "c": [1.5, None]}),
        (Colour.RED, 1),
        ([], []),
    ],
)
def test_what_json_can_say_travels_as_json(session: Session, value: Any, arrives: Any) -> None:
    assert through(session, value) == (JSON, arrives)


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        {1, 2},
        1j,
        {(1, 2): 3},
        [b""],
        Plain([1]),
        float("inf"),
        {"x": float("-inf")},
        "\ud800",
        range(3),
    ],
)
def test_the_rest_is_pickled_and_arrives_as_it_was(session: Session, value: Any) -> None:
    assert through(session, value) == (PICKLE, value)


def test_functions_and_classes_of_a_prompt_are_messages(session: Session) -> None:
    base = 5

    class Local:
        def more(self, x: int) -> int:
            return x + base

    kind, arrived = through(session, Local())
    assert (kind, arrived.more(1)) == (PICKLE, 6)


def test_what_cannot_be_pickled_is_named(session: Session) -> None:
    import threading

    with pytest.raises(pickle.PicklingError, match=r"message 2.*model.*lock"):
        list(parts_of(Encoder(session), [1, 2, {"model": threading.Lock()}]))


@pytest.mark.parametrize("value", ["x" * 70_000, b"x" * 70_000, {"list": ["x" * 1000] * 80}])
def test_large_ones_are_blobs(session: Session, value: Any) -> None:
    encoder = Encoder(session)
    frame = encoder.frame(value)
    ((hash, pickled),) = encoder.take_blobs()
    length, _, where, digest, size = struct.unpack(">IBB32sQ", frame)
    assert (length, where, digest.hex(), size) == (42, 1, hash, pickled.size)
    assert encoder.take_blobs() == []


@pytest.mark.parametrize(
    "value", ["x" * (1 << 20), b"x" * (1 << 20), [b"%9d" % n * 100 for n in range(2000)]]
)
def test_what_is_larger_than_the_server_takes_is_refused_here(session: Session, value: Any) -> None:
    with pytest.raises(ExcessiveData, match="message 0"):
        list(parts_of(Encoder(session), [value]))


def test_any_number_of_messages_travels_in_bounded_parts(session: Session) -> None:
    def sizes(messages: Iterable[Any]) -> list[int]:
        return [len(part.frames) for part in parts_of(Encoder(session), messages)]

    assert sizes([]) == [0], "an empty push makes the queue all the same"
    assert sizes(range(1000)) == [1000]
    assert sizes(iter(range(2500))) == [1000, 1000, 500]
    assert max(sizes(["x" * 60_000] * 200)) <= 75
    assert max(sizes([f"{n}" * 400_000 for n in range(9)] * 20)) <= 60


def test_parts_are_made_as_they_are_asked_for(session: Session) -> None:
    made = []

    def endless() -> Iterable[int]:
        number = 0
        while True:
            made.append(number)
            yield number
            number += 1

    parts = parts_of(Encoder(session), endless())
    next(parts)
    assert len(made) == 1000


def frame_of(message: Delivered) -> bytes:
    head = struct.pack(
        ">qIIIqI",
        message.id,
        message.deliveries,
        message.cur_retry,
        message.max_retries,
        message.created,
        len(message.error),
    )
    content = head + message.error + bytes([message.kind, message.blob]) + message.data
    return struct.pack(">I", len(content)) + content


def test_delivered_messages_are_read_from_their_frames() -> None:
    messages = [
        delivered(JSON, b"1"),
        delivered(PICKLE, b"", id=1 << 40, deliveries=3, cur_retry=2, max_retries=0, error=b'{"a":1}'),
        delivered(JSON, struct.pack(">32sQ", b"h" * 32, 70_000), blob=True),
    ]
    sent = b"head" + b"".join(map(frame_of, messages))
    assert read_delivered(sent, 4, 3) == messages
    assert messages[2].blob_id() == ((b"h" * 32).hex(), 70_000)
    for wrong in (sent[:-1], sent[:20]):
        with pytest.raises(cloud.CloudException):
            read_delivered(wrong, 4, 3)


def test_messages_of_other_programs_are_handed_over_as_they_are(session: Session) -> None:
    text = b' {"datatype": "json", "message": 5}\n'
    assert decode(session, delivered(JSON, text)) == {"datatype": "json", "message": 5}
    for kind, wrong in ((JSON, b"{"), (JSON, b"\xff"), (PICKLE, b"\x80"), (PICKLE, b"cnowhere\nnothing\n.")):
        with pytest.raises(cloud.CloudException, match="message 7 could not be read") as caught:
            decode(session, delivered(kind, wrong))
        assert caught.value.kind == "message_not_loaded"


def peeked(**fields: Any) -> Any:
    return shown({"id": 7, "datatype": "json", "size_bytes": 4, **fields})


def test_what_is_looked_at_is_shown_if_it_can_be() -> None:
    assert peeked(message={"a": None}) == {"a": None}
    assert peeked(message=None) is None
    assert "too large" in str(peeked(message=None, size_bytes=70_000))
    pickled = base64.b64encode(pickle.dumps({1, 2})).decode()
    assert peeked(message=pickled, datatype="python_pickle") == {1, 2}
    assert "could not be read" in str(peeked(message="!", datatype="python_pickle"))


# What becomes of messages whose handler failed.


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Unpicklable(Exception):
    def __reduce__(self) -> Any:
        raise RuntimeError("no pickle")


class Handling:
    """A reader that handled one message, and what it said of it."""

    def __init__(self, session: Session, handler: Any, message: Delivered, **options: Any) -> None:
        defaults: dict[str, Any] = {
            "name": "source",
            "extras": (),
            "has_outputs": True,
            "iter_output": False,
            "readers": 1,
            "retry_on": (),
            "max_retries": None,
            "retry_delay": None,
            "on_error": (),
            "restartable": True,
        }
        of = HandlerOptions(**{**defaults, **options})
        self.desk = Desk(1)
        self.outcomes = Outcomes(session, of, 42)
        reader = Reader(session, self.desk, of, self.outcomes)
        self.desk.put([message])
        self.desk.close()
        reader.run(handler)
        (settled,) = self.desk.done
        frame = settled.frames
        length, self.id, self.outcome, _, self.outputs = struct.unpack_from(">IqBQI", frame)
        self.rest = frame[25 : 4 + length]
        self.bodies = frame[4 + length :]

    @property
    def retry(self) -> tuple[int, int]:
        """Delay and retries allowed."""
        assert self.outcome == 1
        delay, allowed = struct.unpack(">II", self.rest)
        return delay, allowed

    @property
    def failure(self) -> tuple[int, dict[str, Any]]:
        """Entry of `on_error`, and the error message."""
        assert self.outcome == 2
        return struct.unpack_from(">I", self.rest)[0], error_message(self.rest[4:], "source message")


def raising(error: BaseException) -> Any:
    def handler(message: Any) -> Any:
        raise error

    return handler


ONE = delivered(JSON, b"1")


def test_what_a_handler_returns_is_a_message_and_none_is_nothing(session: Session) -> None:
    handled = Handling(session, lambda n: n + 1, ONE)
    assert (handled.id, handled.outcome, handled.outputs, handled.bodies) == (7, 0, 1, body_frame(JSON, b"2"))
    assert Handling(session, lambda n: None, ONE).outputs == 0
    assert Handling(session, lambda n: n, ONE, has_outputs=False).outputs == 0


def test_each_element_is_a_message_if_so_wished_none_included(session: Session) -> None:
    handled = Handling(session, lambda n: iter([n, None]), ONE, iter_output=True)
    assert (handled.outputs, handled.bodies) == (2, body_frame(JSON, b"1") + body_frame(JSON, b"null"))


def test_an_iterator_is_run_where_nothing_takes_what_it_yields(session: Session) -> None:
    ran = []
    handled = Handling(
        session, lambda n: (ran.append(x) for x in "ab"), ONE, iter_output=True, has_outputs=False
    )
    assert (handled.outcome, handled.outputs, ran) == (0, 0, ["a", "b"])


def test_a_handler_gets_what_it_asks_for(session: Session) -> None:
    got: dict[str, Any] = {}
    message = delivered(JSON, b"1", cur_retry=2, max_retries=0)
    extras = ("message_id", "cur_retry", "max_retries")
    Handling(session, lambda n, **more: got.update(more), message, extras=extras, max_retries=9)
    assert got == {"message_id": 7, "cur_retry": 2, "max_retries": 0}, "0 of its own means none"
    Handling(session, lambda n, max_retries: got.update(m=max_retries), ONE, extras=extras[2:], max_retries=9)
    assert got["m"] == 9


def test_retry_uses_what_it_says_then_what_the_message_has_then_the_attachment(session: Session) -> None:
    def retry(error: Retry, message: Delivered = ONE, **options: Any) -> tuple[int, int]:
        return Handling(session, raising(error), message, **options).retry

    assert retry(Retry(5, 3)) == (5, 3)
    assert retry(Retry(None, None)) == (0, NONE)
    assert retry(Retry(), max_retries=2, retry_delay=9) == (9, NONE)
    assert retry(Retry(0), max_retries=2, retry_delay=9) == (0, NONE)
    carried = delivered(JSON, b"1", cur_retry=1, max_retries=4)
    assert retry(Retry(), carried, max_retries=1) == (0, 4)
    assert retry(Retry(1, 2), carried) == (1, 2)


def test_classes_worth_another_try_are_retried_and_others_are_not(session: Session) -> None:
    options = {"retry_on": (OSError, KeyError), "max_retries": 1, "retry_delay": 60}
    assert Handling(session, raising(FileNotFoundError("f")), ONE, **options).retry == (60, NONE)
    assert Handling(session, raising(ValueError("v")), ONE, **options).outcome == 2


def test_the_last_retry_ends_with_max_retry_exception_sorted_by_what_was_raised(session: Session) -> None:
    last = delivered(JSON, b"1", cur_retry=2)
    options: dict[str, Any] = {"retry_on": (OSError,), "max_retries": 2, "retry_delay": 0}
    handled = Handling(session, raising(OSError("gone")), last, on_error=(Exception, OSError), **options)
    entry, error = handled.failure
    assert entry == 1
    assert type(error["exception"]) is MaxRetryException
    assert type(error["exception"].exception) is OSError
    assert "retried 2 times" in str(error["exception"])
    assert (error["cur_retry"], error["source_message"]) == (2, "source message")
    assert "OSError: gone" in error["traceback"] and "MaxRetryException" in error["traceback"]
    assert type(handled.outcomes.first) is MaxRetryException

    by_class = Handling(session, raising(OSError()), last, on_error=(OSError, MaxRetryException), **options)
    assert by_class.failure[0] == 1
    explicit = Handling(session, raising(Retry(0, 0)), ONE, on_error=(OSError, Retry))
    assert explicit.failure[0] == 1
    assert Handling(session, raising(Retry(0, 0)), ONE).outcome == 2, "0 means none"


def test_a_message_older_than_the_queue_keeps_any_is_not_retried(session: Session) -> None:
    config_of = session.config
    before, config_of.retry_attempts = config_of.retry_attempts, 1
    try:
        old = delivered(JSON, b"1", created=int((time.time() - 5 * 86_400) * 1000))
        _, error = Handling(session, raising(Retry(0)), old).failure
    finally:
        config_of.retry_attempts = before
    assert "first pushed more than 345,600 s ago" in str(error["exception"])


@pytest.mark.parametrize(
    ("on_error", "entry"),
    [
        ((Exception, LookupError, KeyError), 2),
        ((Exception, LookupError), 1),
        ((BaseException,), 0),
        ((ValueError,), NONE),
        ((), NONE),
    ],
)
def test_the_closest_class_takes_the_error(session: Session, on_error: Any, entry: int) -> None:
    assert Handling(session, raising(KeyError("k")), ONE, on_error=on_error).failure[0] == entry


def test_an_error_message_has_exception_traceback_message_and_retries(session: Session) -> None:
    def handler(message: Any) -> Any:
        try:
            return {}["missing"]
        except KeyError as error:
            raise ValueError("bad") from error

    _, error = Handling(session, handler, delivered(JSON, b"1", cur_retry=3), on_error=(Exception,)).failure
    assert set(error) == {"exception", "traceback", "source_message", "cur_retry"}
    assert isinstance(error["exception"], ValueError)
    assert error["exception"].jid == 42  # type: ignore[attr-defined]
    assert "KeyError: 'missing'" in error["traceback"] and "in handler" in error["traceback"]
    assert "_handling_reader" not in error["traceback"], "people see their own code"
    assert error["cur_retry"] == 3


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (Unpicklable("text"), "Unpicklable: text"),
        (SystemExit(3), "SystemExit: 3"),
        (ValueError("x" * 100_000), "ValueError: xxx"),
    ],
)
def test_an_exception_that_cannot_travel_has_a_stand_in(session: Session, raised: Any, said: str) -> None:
    _, error = Handling(session, raising(raised), ONE, on_error=(BaseException,)).failure
    assert said in str(error["exception"])
    assert isinstance(error["exception"], Exception)
    assert len(json.dumps(str(error))) < 200_000


@pytest.mark.parametrize("raised", [Unprintable(), ValueError("\ud800")])
def test_an_exception_without_a_proper_text_is_told_about_all_the_same(session: Session, raised: Any) -> None:
    handled = Handling(session, raising(raised), ONE, on_error=(BaseException,))
    assert type(handled.failure[1]["exception"]) is type(raised)
    assert json.loads(handled.rest[4:])["exception_text"] in (
        "\\ud800",
        "<its text could not be had: RuntimeError>",
    )


def test_an_error_message_of_a_dead_process_says_how_it_died() -> None:
    about = {
        "source_queue": "source",
        "exception_type": "cloud.queue.HandlerCrashed",
        "exception_text": "it ended with exit code 7",
        "traceback": "",
        "cur_retry": 0,
        "jid": 42,
        "verdict": {"kind": "exited", "code": 7},
    }
    crashed = error_message(about, [1])["exception"]
    assert type(crashed) is HandlerCrashed
    assert (crashed.jid, crashed.kind, crashed.verdict) == (42, "exited", {"kind": "exited", "code": 7})


def test_what_cannot_be_read_or_sent_on_fails_for_its_message_and_is_not_retried(session: Session) -> None:
    import threading

    again: dict[str, Any] = {
        "retry_on": (Exception,),
        "max_retries": 9,
        "retry_delay": 0,
        "on_error": (Exception,),
    }
    unread = Handling(session, raising(AssertionError()), delivered(PICKLE, b"\x80"), **again)
    assert unread.failure[1]["exception"].kind == "message_not_loaded"
    output = Handling(session, lambda n: threading.Lock(), ONE, **again)
    assert isinstance(output.failure[1]["exception"], pickle.PicklingError)
    large = Handling(session, lambda n: "x" * (1 << 20), ONE, **again)
    assert isinstance(large.failure[1]["exception"], cloud.CloudException)
    many = Handling(session, lambda n: range(OUTPUTS_MAX + 1), ONE, iter_output=True, **again)
    assert many.failure[1]["exception"].kind == "too_large"
    bodies = Handling(session, lambda n: 5, ONE, iter_output=True, **again)
    assert bodies.retry == (0, NONE), "but what a handler should not return is its own fault"


def test_the_first_failure_is_what_the_job_ends_with(session: Session, capsys: Any) -> None:
    handled = Handling(session, raising(ValueError("first")), ONE)
    handled.outcomes.report(ValueError("second"))
    assert str(handled.outcomes.first) == "first"
    said = capsys.readouterr().err
    assert "message 7 of the queue source failed" in said and "ValueError: second" in said


class Hooks:
    def __init__(self, said: list[str]) -> None:
        self.said = said

    def pre_handling(self) -> None:
        self.said.append("pre")
        raise OSError("pre")

    def message_handler(self, message: Any) -> None:
        self.said.append(f"message {message}")

    def post_handling(self) -> None:
        self.said.append("post")


def test_hooks_run_before_and_after_and_their_failure_stops_nothing(session: Session) -> None:
    said: list[str] = []
    handled = Handling(session, Hooks(said), ONE)
    assert said == ["pre", "message 1", "post"]
    assert (handled.outcome, str(handled.outcomes.first)) == (0, "pre")
