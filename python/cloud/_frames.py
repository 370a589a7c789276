"""Binary bodies: frames of a big-endian `u32` length and that many bytes; the first is JSON.

Pickles are bytes: in JSON they would be a third longer and slow to read.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from typing import Any, Union

from ._errors import CloudException

__all__ = ["MEDIA_TYPE", "Payload", "blob_frame", "encode", "inline_frame", "read_frames", "read_header"]

MEDIA_TYPE = "application/vnd.picloud.frames"

INLINE = b"\x00"
BLOB = 1

_LENGTH = struct.Struct(">I")
_BLOB = struct.Struct(">32sQ")

Bytes = Union[bytes, bytearray, memoryview]


class Payload:
    """A pickled value on its way: its bytes, or the hash and size of an uploaded blob."""

    __slots__ = ("data", "hash", "size")

    def __init__(self, data: Bytes = b"", hash: str = "", size: int = 0) -> None:
        self.data = data
        self.hash = hash
        self.size = size if hash else len(data)

    @classmethod
    def decode(cls, frame: memoryview) -> Payload:
        """Reads the frame form."""
        if len(frame) >= 1 and frame[0] == 0:
            return cls(frame[1:])
        if len(frame) == 41 and frame[0] == BLOB:
            digest, size = _BLOB.unpack_from(frame, 1)
            return cls(hash=digest.hex(), size=size)
        raise CloudException("the server sent a payload of an unknown kind", kind="bad_reply")


_encoder = json.JSONEncoder(separators=(",", ":"))


def dumps(content: Any) -> bytes:
    """Short JSON. `json.dumps` with arguments would make a new encoder for each request."""
    return _encoder.encode(content).encode()


def inline_frame(data: Bytes) -> bytes:
    """A whole frame with a payload that travels in the message."""
    return b"".join((_LENGTH.pack(len(data) + 1), INLINE, data))


def blob_frame(hash: str, size: int) -> bytes:
    """A whole frame with a payload that names an uploaded blob."""
    return b"\x00\x00\x00\x29\x01" + _BLOB.pack(bytes.fromhex(hash), size)


def frame(data: Bytes) -> bytes:
    """A whole frame with these bytes."""
    return _LENGTH.pack(len(data)) + data


def encode(header: Any, frames: Iterable[Bytes] = ()) -> list[Bytes]:
    """A body as a list of parts: the header as JSON, then frames that are complete already."""
    return [frame(dumps(header)), *frames]


def read_header(body: Bytes) -> tuple[Any, int]:
    """The header of a body, and where the next frame begins."""
    try:
        (length,) = _LENGTH.unpack_from(body, 0)
        return json.loads(bytes(body[4 : 4 + length])), 4 + length
    except (struct.error, ValueError):
        raise CloudException("the server sent a body without a readable header", kind="bad_reply") from None


def read_frames(body: Bytes, position: int) -> Iterator[memoryview]:
    """The frames from a position on."""
    view = memoryview(body)
    end = len(view)
    while position < end:
        if end - position < 4:
            raise CloudException("the server sent a body that ends inside a frame", kind="bad_reply")
        (length,) = _LENGTH.unpack_from(view, position)
        position += 4
        if end - position < length:
            raise CloudException("the server sent a body that ends inside a frame", kind="bad_reply")
        yield view[position : position + length]
        position += length
