"""Records of a file that is cut anywhere are those of the whole file, each once."""

from __future__ import annotations

import io
import random

import pytest

from cloud import _records
from cloud._records import records


def naive(content: bytes, delimiter: bytes) -> list[bytes]:
    found = content.split(delimiter)
    return found if found[-1] else found[:-1]


def chunked(content: bytes, delimiter: bytes, chunk_size: int) -> list[bytes]:
    found: list[bytes] = []
    for start in range(0, len(content), chunk_size):
        end = min(start + chunk_size, len(content))
        found += records(io.BytesIO(content), len(content), start, end, delimiter)
    return found


@pytest.mark.parametrize(
    "delimiter", [b"\n", b"\r\n", b"\n\n", b"aba", b"abab", b"--x--", "ü".encode(), b"aaaa"]
)
def test_records_are_those_of_a_split_whatever_the_chunks(
    delimiter: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(delimiter)
    # Letters of the delimiter are frequent, so that it is there in part, in full, and overlapping itself.
    letters = [bytes([byte]) for byte in delimiter] * 2 + [b"x", delimiter, delimiter]
    for _ in range(400):
        # Blocks smaller than the delimiter and larger than the file: every border is met.
        monkeypatch.setattr(_records, "BLOCK_BYTES", chance.choice([1, 2, 3, 7, 64, 65_536]))
        monkeypatch.setattr(_records, "FORWARD_BYTES", chance.choice([1, 2, 5, 64, 65_536]))
        content = b"".join(chance.choices(letters, k=chance.randrange(40)))
        size = chance.randrange(1, len(content) + 3)
        assert chunked(content, delimiter, size) == naive(content, delimiter), (content, size)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n", [b""]),
        (b"\n\n\n", [b"", b"", b""]),
        (b"one", [b"one"]),
        (b"one\n", [b"one"]),
        (b"one\ntwo", [b"one", b"two"]),
        (b"\none\n\ntwo\n", [b"", b"one", b"", b"two"]),
    ],
)
def test_empty_records_count_and_a_final_newline_does_not_make_one(
    content: bytes, expected: list[bytes]
) -> None:
    for size in range(1, len(content) + 2):
        assert chunked(content, b"\n", size) == expected


class Counting(io.BytesIO):
    bytes_read = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.bytes_read += len(data)
        return data


def test_a_chunk_without_a_beginning_does_not_read_on() -> None:
    size = 8 << 20
    file = Counting(b"x" * size)
    assert not list(records(file, size, 1 << 20, 2 << 20, b"\n"))
    assert file.bytes_read < (1 << 20) + 3 * _records.BLOCK_BYTES, "a record of the whole file is another's"


def test_a_record_is_read_as_far_as_it_reaches_and_not_much_farther() -> None:
    size = 8 << 20
    file = Counting(b"x" * 100 + b"\n" + b"y" * (size - 101))
    assert list(records(file, size, 0, 50, b"\n")) == [b"x" * 100]
    assert file.bytes_read <= _records.FORWARD_BYTES


def test_a_long_record_is_searched_once() -> None:
    size = 32 << 20
    (record,) = records(io.BytesIO(bytes(size)), size, 0, size, b"\n\n")
    assert len(record) == size
