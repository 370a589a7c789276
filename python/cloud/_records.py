"""Records of a chunk of a file: each belongs to the chunk in which its first byte lies.

So a record that crosses a border is read by one chunk, which reads on beyond its end, and passed over
by the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Callable

__all__ = ["records"]

BLOCK_BYTES = 64 << 10
FORWARD_BYTES = 256 << 10
BLOCKS_KEPT = 4

Read = Callable[[int, int], bytes]


def records(file: IO[bytes], size: int, start: int, end: int, delimiter: bytes) -> Iterator[bytes]:
    """The records that begin in `start <= position < end`, without their delimiter.

    All chunks together yield what `content.split(delimiter)` does, but for an empty record after the last
    delimiter: a file whose last line ends with a newline has no line behind it.
    """
    position = 0 if start == 0 else _first(_reader(file, size), start, end, delimiter)
    if position is None or position >= min(end, size):
        return
    file.seek(position)
    buffer, offset = b"", 0
    while position < end:
        found = buffer.find(delimiter, offset)
        searched = max(offset, len(buffer) - len(delimiter) + 1)
        while found < 0:
            # As much again as there is: a record of any length is copied a few times, not for every block.
            more = file.read(max(FORWARD_BYTES, len(buffer) - offset))
            if not more:
                if offset < len(buffer):
                    yield buffer[offset:]
                return
            buffer, searched, offset = buffer[offset:] + more, searched - offset, 0
            found = buffer.find(delimiter, searched)
            searched = max(searched, len(buffer) - len(delimiter) + 1)
        yield buffer[offset:found]
        position += found + len(delimiter) - offset
        offset = found + len(delimiter)


def _first(read: Read, start: int, end: int, delimiter: bytes) -> int | None:
    """Where the first record at or after `start` begins, if that is before `end`."""
    length = len(delimiter)
    found = _find(read, delimiter, max(0, start - length), end - length)
    if found is None:
        return None
    # Delimiters are taken from the left. Where one can overlap itself, as two newlines do, it depends on
    # what lies before it which ones count: back to one that overlaps none before it, which does count.
    while (earlier := _find(read, delimiter, max(0, found - length + 1), found)) is not None:
        found = earlier
    while found is not None and found + length < start:
        found = _find(read, delimiter, found + length, end - length)
    return None if found is None else found + length


def _find(read: Read, delimiter: bytes, low: int, high: int) -> int | None:
    """The first occurrence that begins in `low <= position < high`."""
    while low < high:
        stop = min(high, low + BLOCK_BYTES)
        index = read(low, stop + len(delimiter) - 1).find(delimiter)
        if index >= 0:
            return low + index
        low = stop
    return None


def _reader(file: IO[bytes], size: int) -> Read:
    """Reads anywhere; the last blocks are kept, because who goes back goes by little steps."""
    blocks: dict[int, bytes] = {}

    def block(number: int) -> bytes:
        if number not in blocks:
            if len(blocks) >= BLOCKS_KEPT:
                del blocks[next(iter(blocks))]
            file.seek(number * BLOCK_BYTES)
            blocks[number] = file.read(BLOCK_BYTES)
        return blocks[number]

    def read(low: int, high: int) -> bytes:
        high = min(high, size)
        if low >= high:
            return b""
        first, last = low // BLOCK_BYTES, (high - 1) // BLOCK_BYTES
        joined = b"".join(block(number) for number in range(first, last + 1))
        return joined[low - first * BLOCK_BYTES : high - first * BLOCK_BYTES]

    return read
