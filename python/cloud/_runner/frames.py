"""Frames: a big-endian `u32` length, then that many bytes, the first of which is the kind."""

from __future__ import annotations

import json
import struct
from typing import Any

#: Longest frame either side accepts.
MAX_BYTES = 16 << 20
#: Kind byte of a payload whose bytes follow, and of one that is in a file whose path follows.
INLINE = 0
FILE = 2

_LENGTH = struct.Struct(">I")
_KIND = struct.Struct(">Ic")


class FrameError(Exception):
    """What arrived is no frame of the protocol; there is no way to find the next one."""


def frame(kind: bytes, body: bytes = b"") -> bytes:
    """One frame as it goes over the socket."""
    return _KIND.pack(1 + len(body), kind) + body


def json_frame(kind: bytes, value: Any) -> bytes:
    """A frame that is a kind and JSON."""
    return frame(kind, json.dumps(value).encode())


def clean(text: str) -> str:
    """`text` without lone surrogates, which no JSON reader but Python's accepts."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def shorten(text: str, limit: int) -> str:
    """The beginning and the end of a text that is too long; the end is what matters more."""
    if len(text) <= limit:
        return text
    head = limit // 4
    left_out = len(text) - limit
    return f"{text[:head]}\n... {left_out} characters left out ...\n{text[head + left_out :]}"


class FrameBuffer:
    """Cuts what arrives into frames, whatever the pieces are."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._need = 4

    @property
    def missing(self) -> int:
        """How many bytes are missing, at least, until the next frame is whole."""
        return self._need - len(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """Takes what arrived and gives the frames that are now whole, without their lengths."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._need:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        frames = []
        position, size = 0, len(data)
        self._need = 4
        while size - position >= 4:
            length = _LENGTH.unpack_from(data, position)[0]
            if not 0 < length <= MAX_BYTES:
                raise FrameError(f"a frame of {length} bytes")
            end = position + 4 + length
            if end > size:
                self._need = 4 + length
                break
            frames.append(data[position + 4 : end])
            position = end
        if position < size:
            self._rest += data[position:]
        return frames
