"""Results that are no pickles are read wherever results are. Real sockets."""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
from harness.scripted import Scripted, reply

import cloud
from cloud import _results
from cloud._core import Cloud, set_current
from cloud._session import Session

VALUES: list[tuple[bytes, Any]] = [
    (pickle.dumps({1, 2}, 5), {1, 2}),
    (b'J{"a":[1,"\xc3\xa9",null]}', {"a": [1, "é", None]}),
    (b"J7", 7),
    (b"R\0\xff", b"\0\xff"),
    (b"R", b""),
    (b"J" + json.dumps("x" * 5000).encode(), "x" * 5000),
    (b"R" + b"y" * 5000, b"y" * 5000),
]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    server = Scripted()
    monkeypatch.setitem(Session._services, server.url, (time.monotonic(), {}))
    cloud.setkey("5", "secret", server_url=server.url)
    yield server
    server.listener.close()
    set_current(Cloud())


def plain(body: bytes) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def done(*payloads: bytes) -> bytes:
    """An answer with jobs from 1 on that have these payloads."""
    header = json.dumps({"count": len(payloads)}).encode()
    body = struct.pack(">I", len(header)) + header
    for jid, payload in enumerate(payloads, 1):
        frame = struct.pack(">qBI", jid, 4, 0) + payload
        body += struct.pack(">I", len(frame)) + frame
    return plain(body)


def test_the_first_byte_says_what_it_is(scripted: Scripted) -> None:
    scripted.script = [scripted.answer(done(*(b"\0" + said for said, _ in VALUES)))]
    expected = [value for _, value in VALUES]
    jids = range(1, len(VALUES) + 1)
    assert cloud.result(jids) == expected
    assert cloud.result([1, 2, 3, 4, 5]) == expected[:5], "also what is remembered"
    assert len(scripted.requests) == 1


def test_large_ones_are_read_from_memory_or_a_file(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    for said, value in VALUES:
        digest = hashlib.sha256(said)
        payload = b"\1" + struct.pack(">32sQ", digest.digest(), len(said))
        for from_file in (False, True):
            monkeypatch.setattr(_results, "FILE_BYTES", 1 if from_file else 1 << 30)
            cloud.setkey("5", "secret", server_url=scripted.url, restart=True)
            scripted.connections, scripted.script = 0, [scripted.answer(done(payload), plain(said))]
            assert cloud.result(1) == value
            assert f"GET /v1/blobs/{digest.hexdigest()} ".encode() in scripted.requests[-1]


def test_what_is_neither_is_refused_in_words(scripted: Scripted) -> None:
    for wrong in (b"\0Xyz", b"\0J{", b"\0J\xff"):
        cloud.setkey("5", "secret", server_url=scripted.url, restart=True)
        scripted.connections, scripted.script = 0, [scripted.answer(done(wrong))]
        with pytest.raises(cloud.CloudException, match="the result could not be read here"):
            cloud.result(1)


def test_an_iterator_reads_them_too(scripted: Scripted) -> None:
    scripted.script = [scripted.answer(done(*(b"\0" + said for said, _ in VALUES)), reply(200, {}))]
    assert list(cloud.iresult(range(1, len(VALUES) + 1))) == [value for _, value in VALUES]
