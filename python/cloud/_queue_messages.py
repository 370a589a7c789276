"""Values to messages and back: JSON where that is enough, else a pickle; large ones are blobs."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Iterable, Iterator
from typing import Any

from ._errors import CloudException
from ._failures import rebuilt
from ._frames import Bytes
from ._pickling import PROTOCOL, Pickled, Pickler
from ._queue_errors import HandlerCrashed
from ._queue_wire import JSON, PICKLE, Delivered, blob_body_frame, body_frame
from ._session import Session

__all__ = ["Encoder", "Part", "decode", "decode_all", "error_message", "from_json", "parts_of", "shown"]

PART_MESSAGES = 1000
PART_BYTES = 4 << 20
BLOB_PART_BYTES = 16 << 20
"""Large messages of one part wait in memory until it is sent."""
FILE_BYTES = 64 << 20
"""Messages from this size on are unpickled from a temporary file rather than from memory."""
PARALLEL = 4

# Without `NaN`, which is no JSON, and without escapes for what UTF-8 can say.
_to_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_decoder = json.JSONDecoder()
_read_json = _decoder.raw_decode

Blob = tuple[str, Pickled]


def from_json(data: Bytes) -> Any:
    """The value of a JSON text."""
    text = str(data, "utf-8")
    try:
        value, end = _read_json(text)
    except ValueError:
        end = -1
    # The long way looks for white space around the value, which those who write by program leave out.
    return value if end == len(text) else _decoder.decode(text)


PLAIN_BYTES = 16 * 1024
"""Bytes up to so many need no second look: JSON cannot say them, and their pickle is no blob."""


class Encoder:
    """Makes bodies of values. For one thread."""

    def __init__(self, session: Session) -> None:
        self._limit = session.payload_limit()
        self._inline_max = int(session.service()["inline_max_bytes"])
        self._pickler: Pickler | None = None
        self.blobs: list[Blob] = []
        """What the frames made so far name, to be uploaded before they are sent."""

    def take_blobs(self) -> list[Blob]:
        """The blobs of the frames made since this was asked the last time."""
        blobs, self.blobs = self.blobs, []
        return blobs

    def frame(self, value: Any, name: str = "the message") -> bytes:
        """The frame of a value, called `name` in a PicklingError, or a CloudException if it is too large."""
        if type(value) is bytes and len(value) < PLAIN_BYTES:
            return body_frame(PICKLE, pickle.dumps(value, PROTOCOL))
        try:
            data = _to_json(value).encode()
        except (TypeError, ValueError, RecursionError):
            return self._pickled(value, name)
        if len(data) <= self._inline_max:
            return body_frame(JSON, data)
        if len(data) > self._limit:
            from ._pickling import ExcessiveData

            raise ExcessiveData(len(data), self._limit, name)
        return self._blob(JSON, Pickled.of(data))

    def _pickled(self, value: Any, name: str) -> bytes:
        if self._pickler is None:
            self._pickler = Pickler(self._limit)
        pickled = self._pickler.value(value, name)
        if pickled.size <= self._inline_max:
            return body_frame(PICKLE, pickled.data())
        return self._blob(PICKLE, pickled)

    def _blob(self, kind: int, pickled: Pickled) -> bytes:
        hash = pickled.hash()
        self.blobs.append((hash, pickled))
        return blob_body_frame(kind, hash, pickled.size)


class Part:
    """Messages that travel in one request."""

    __slots__ = ("blobs", "frames")

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.blobs: list[Blob] = []

    def close(self) -> None:
        """Frees what it holds."""
        for _, pickled in self.blobs:
            pickled.close()


def parts_of(encoder: Encoder, messages: Iterable[Any]) -> Iterator[Part]:
    """Messages in parts, made as they are asked for; at least one part."""
    part, size, sent = Part(), 0, 0
    for number, message in enumerate(messages):
        frame = encoder.frame(message, f"message {number}")
        part.frames.append(frame)
        size += len(frame)
        blob_bytes = sum(pickled.size for _, pickled in encoder.blobs) if encoder.blobs else 0
        if len(part.frames) >= PART_MESSAGES or size > PART_BYTES or blob_bytes > BLOB_PART_BYTES:
            part.blobs = encoder.take_blobs()
            yield part
            part, size, sent = Part(), 0, sent + 1
    if part.frames or not sent:
        part.blobs = encoder.take_blobs()
        yield part


def decode(session: Session, message: Delivered) -> Any:
    """The value of a message; of an error message what `error_message` makes of it.

    CloudException where it cannot be unpickled here.
    """
    value = _value(session, message)
    return error_message(message.error, value) if message.error else value


def _value(session: Session, message: Delivered) -> Any:
    try:
        if message.blob:
            return _blob_value(session, message)
        if message.kind == JSON:
            return from_json(message.data)
        return pickle.loads(message.data)
    except (CloudException, OSError):
        raise
    except Exception as error:
        raise _not_loaded(message.id, error) from error


def _not_loaded(id: int, error: Exception) -> CloudException:
    hint = None
    if isinstance(error, (ImportError, AttributeError)):
        hint = "a class or module that the message is made of does not exist on this side"
    text = f"message {id} could not be read: {type(error).__name__}: {error}"
    return CloudException(text, kind="message_not_loaded", hint=hint)


def _blob_value(session: Session, message: Delivered) -> Any:
    hash, size = message.blob_id()
    if message.kind == PICKLE and size >= FILE_BYTES:
        with session.blobs.get_file(hash, size) as file:
            return pickle.load(file)
    content = session.blobs.get(hash, size)
    return from_json(content) if message.kind == JSON else pickle.loads(content)


def decode_all(session: Session, messages: list[Delivered]) -> list[Any]:
    """The values of many messages; an exception that `_Unread` holds, where one cannot be had."""

    def one(message: Delivered) -> Any:
        try:
            return decode(session, message)
        except (CloudException, OSError) as error:
            return Unread(error)

    large = [message for message in messages if message.blob]
    if len(large) < 2:
        return [one(message) for message in messages]
    session.blobs  # noqa: B018, made here so that the threads share it
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(PARALLEL, len(large)), "picloud-messages") as pool:
        fetched = pool.map(one, large)
        return [next(fetched) if message.blob else one(message) for message in messages]


def shown(message: dict[str, Any]) -> Any:
    """The value of a message in JSON; an exception where it is not shown or cannot be read."""
    value, pickled = message["message"], message["datatype"] != "json"
    if value is None and (pickled or message["size_bytes"] != len("null")):
        text = f"message {message['id']} is too large to be shown: it has {message['size_bytes']:,} bytes"
        value = CloudException(text, kind="too_large")
    elif pickled:
        try:
            value = pickle.loads(base64.b64decode(value))
        except Exception as error:
            value = _not_loaded(message["id"], error)
    of = message.get("error")
    return error_message(of, value) if of else value


class Unread:
    """In the place of a message that could not be read."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


def error_message(error: bytes | dict[str, Any], source_message: Any) -> dict[str, Any]:
    """What a message that failed says: `exception`, `traceback`, `source_message`, `cur_retry`."""
    found = error if isinstance(error, dict) else json.loads(error)
    return {
        "exception": _exception(found),
        "traceback": found["traceback"],
        "source_message": source_message,
        "cur_retry": found["cur_retry"],
    }


def _exception(error: dict[str, Any]) -> Exception:
    jid, traceback = int(error["jid"]), error["traceback"]
    pickled = error.get("exception_pickle")
    if pickled:
        raised = rebuilt(base64.b64decode(pickled), jid, traceback)
        if raised is not None:
            return raised
    kind, text = error["exception_type"], error["exception_text"]
    if kind == "cloud.queue.HandlerCrashed":
        verdict = error.get("verdict")
        why = verdict["kind"] if verdict else None
        return HandlerCrashed(text, jid, None, False, None, why, traceback or None, verdict)
    text = f"{kind}: {text}" if text else kind
    return CloudException(text, jid=jid, remote_traceback=traceback or None)
