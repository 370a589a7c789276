"""Messages of queues in their binary forms: one frame each, numbers big-endian.

A handler job reads and writes tens of thousands a second, so the frames are made whole, with their length.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ._errors import CloudException
from ._frames import Bytes

__all__ = ["JSON", "PICKLE", "Delivered", "body_frame", "read_delivered", "settled_frame"]

JSON, PICKLE = 0, 1
HANDLED, RETRY, FAILED = 0, 1, 2
NONE = 0xFFFF_FFFF

_DELIVERED = struct.Struct(">IqIIIqI")
_BODY = struct.Struct(">IBB")
_BLOB_BODY = struct.Struct(">IBB32sQ")
_BLOB = struct.Struct(">32sQ")
_HANDLED = struct.Struct(">IqBQI")
_RETRY = struct.Struct(">IqBQIII")
_FAILED = struct.Struct(">IqBQII")
_HANDLED_LENGTH, _RETRY_LENGTH, _FAILED_LENGTH = _HANDLED.size - 4, _RETRY.size - 4, _FAILED.size - 4


class Delivered(NamedTuple):
    """A message on its way to who handles it."""

    id: int
    deliveries: int
    cur_retry: int
    max_retries: int
    """`NONE`: as the attachment says."""
    created: int
    """When it came into its first queue, in milliseconds."""
    error: bytes
    """JSON of what became of it, for error messages."""
    kind: int
    blob: bool
    data: bytes
    """The body, or hash and size of its blob."""

    def blob_id(self) -> tuple[str, int]:
        """Hash and size of a body that is a blob."""
        digest, size = _BLOB.unpack(self.data)
        return digest.hex(), size


def body_frame(kind: int, data: bytes) -> bytes:
    """The frame of a body that travels in the message."""
    return _BODY.pack(len(data) + 2, kind, 0) + data


def blob_body_frame(kind: int, hash: str, size: int) -> bytes:
    """The frame of a body that is an uploaded blob."""
    return _BLOB_BODY.pack(_BLOB_BODY.size - 4, kind, 1, bytes.fromhex(hash), size)


def read_delivered(body: Bytes, position: int, count: int) -> list[Delivered]:
    """So many messages from a position on."""
    if type(body) is not bytes:
        body = bytes(body)
    unpack = _DELIVERED.unpack_from
    found = []
    try:
        for _ in range(count):
            length, id, deliveries, cur_retry, max_retries, created, error_length = unpack(body, position)
            start = position + 36
            position += 4 + length
            error = b""
            if error_length:
                error = body[start : start + error_length]
                start += error_length
            data = body[start + 2 : position]
            found.append(
                Delivered(
                    id,
                    deliveries,
                    cur_retry,
                    max_retries,
                    created,
                    error,
                    body[start],
                    body[start + 1] == 1,
                    data,
                )
            )
    except (struct.error, IndexError):
        raise CloudException("the server sent fewer messages than it said", kind="bad_reply") from None
    if position > len(body):
        raise CloudException("the server sent a body that ends inside a message", kind="bad_reply")
    return found


def settled_frame(id: int, handled_us: int, outputs: int) -> bytes:
    """A message that was handled; so many body frames follow."""
    return _HANDLED.pack(_HANDLED_LENGTH, id, HANDLED, handled_us, outputs)


def retry_frame(id: int, handled_us: int, delay_s: int, max_retries: int) -> bytes:
    """A message that is to come back."""
    return _RETRY.pack(_RETRY_LENGTH, id, RETRY, handled_us, 0, delay_s, max_retries)


def failed_frame(id: int, handled_us: int, on_error: int, error: bytes) -> bytes:
    """A message that is over, and which entry of `on_error` takes it."""
    return _FAILED.pack(_FAILED_LENGTH + len(error), id, FAILED, handled_us, 0, on_error) + error
