"""Results that are no pickles say so in their first byte: `J` begins JSON, `R` bytes."""

from __future__ import annotations

import json
import pickle
from typing import IO, Any

from ._frames import Bytes

__all__ = ["PICKLED", "value_in", "value_of"]

PICKLED = 0x80
"""What pickles begin with."""
_JSON, _RAW = b"J"[0], b"R"[0]


def value_of(data: Bytes) -> Any:
    """The value of a result."""
    first = data[0]
    if first == PICKLED:
        return pickle.loads(data)
    if first in (_JSON, _RAW):
        rest = bytes(memoryview(data)[1:])
        return rest if first == _RAW else json.loads(rest)
    raise pickle.UnpicklingError(f"it begins with the byte {first:#04x}, as no result does")


def value_in(file: IO[bytes]) -> Any:
    """The same of a file at its beginning, which holds it."""
    first = file.read(1)
    if first in (b"J", b"R"):
        rest = file.read()
        return json.loads(rest) if first == b"J" else rest
    file.seek(0)
    return pickle.load(file)
