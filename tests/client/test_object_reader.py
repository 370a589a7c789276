"""Reading objects over connections that break, from servers that send what they should not."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.scripted import Scripted, connect, reply

from cloud._errors import CloudException, DamagedError
from cloud._http import Connection
from cloud._object_reader import CloudBucketObject, ObjectRange, RemoteFile
from cloud._objects import Objects
from cloud._transfer import get_file

CONTENT = b"".join(b"line %d\n" % number for number in range(200_000))


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.listener.close()


class Store:
    """Serves one content with ranges, and hangs up after so many bytes of the first answers."""

    def __init__(
        self, scripted: Scripted, content: bytes, *cuts: int, contents: tuple[bytes, ...] = ()
    ) -> None:
        self.contents = [content, *contents]
        self.cuts = list(cuts)
        self.scripted = scripted
        scripted.script = [self.serve]

    def serve(self, line: socket.socket) -> None:
        while head := self.scripted.read(line):
            content = self.contents[0] if len(self.contents) == 1 else self.contents.pop(0)
            asked = next((h for h in head.split(b"\r\n") if h.startswith(b"Range: bytes=")), b"")
            first, _, last = asked[13:].decode().partition("-")
            start, end = int(first or 0), min(int(last or len(content)), len(content) - 1)
            body = content[start : end + 1]
            # What a damaged transfer is: the names are those of the true content.
            named = getattr(self, "true", content)
            answer = [
                f"HTTP/1.1 {206 if asked else 200} Word",
                f"Content-Length: {len(body)}",
                f'ETag: "{hashlib.sha256(named).hexdigest()}"',
                f"Content-MD5: {base64.b64encode(hashlib.md5(named).digest()).decode()}",
            ]
            if asked:
                answer.append(f"Content-Range: bytes {start}-{end}/{len(content)}")
            line.sendall("\r\n".join(answer).encode() + b"\r\n\r\n")
            if self.cuts:
                line.sendall(body[: self.cuts.pop(0)])
                return
            line.sendall(body)

    def ranges(self) -> list[bytes]:
        heads = [request.partition(b"\r\n\r\n")[0] for request in self.scripted.requests]
        return [
            next((h[13:] for h in head.split(b"\r\n") if h.startswith(b"Range: bytes=")), b"")
            for head in heads
        ]


def opened(connection: Connection, start: int = 0, end: int | None = None) -> CloudBucketObject:
    return CloudBucketObject(ObjectRange(connection, "a/b", start, end), start, start == 0 and end is None)


def test_a_transfer_that_breaks_goes_on_where_it_stopped(scripted: Scripted) -> None:
    store = Store(scripted, CONTENT, 1_000_000, 0, 5)
    file = opened(connect(scripted.url))
    assert file.read() == CONTENT
    last = b"%d" % (len(CONTENT) - 1)
    assert store.ranges() == [b"", b"1000000-" + last, b"1000000-" + last, b"1000005-" + last]
    assert file.read() == b"" and file.tell() == file.end() == file.filesize() == len(CONTENT)
    assert file.md5 == hashlib.md5(CONTENT).hexdigest()


def test_a_range_that_breaks_keeps_its_end(scripted: Scripted) -> None:
    store = Store(scripted, CONTENT, 10)
    file = opened(connect(scripted.url), 100, 199)
    assert file.read(30) + file.read() == CONTENT[100:200]
    assert (file.tell(), file.end(), file.filesize()) == (200, 200, len(CONTENT))
    assert store.ranges() == [b"100-199", b"110-199"]


def test_an_object_that_was_replaced_meanwhile_is_not_mixed_with_the_first(scripted: Scripted) -> None:
    Store(scripted, CONTENT, 1_000_000, contents=(CONTENT[::-1],))
    with pytest.raises(CloudException, match="a/b was replaced while it was read") as caught:
        opened(connect(scripted.url)).read()
    assert caught.value.retry


def test_a_server_that_breaks_again_and_again_is_given_up(scripted: Scripted) -> None:
    Store(scripted, CONTENT, *[0] * 100)
    connection = connect(scripted.url, retry_seconds=0, retry_attempts=3)
    with pytest.raises(CloudException, match="lost the server while a/b was read"):
        opened(connection).read()
    assert scripted.connections == 3


def test_lines_are_those_of_a_file(scripted: Scripted) -> None:
    content = b"one\n\ntwo\nthree"
    Store(scripted, content, *[1] * 5)
    connection = connect(scripted.url)
    assert list(opened(connection)) == list(io.BytesIO(content))
    file = opened(connection)
    assert (file.readline(), file.tell(), file.readline(1)) == (b"one\n", 4, b"\n")
    assert file.read(2) == b"tw" and file.readlines() == [b"o\n", b"three"]
    assert opened(connection).readlines(4) == [b"one\n"]
    with opened(connection) as file:
        assert file.read(3) == b"one"
    assert file.closed
    with pytest.raises(ValueError, match="is closed"):
        file.read()


def test_a_line_that_was_read_to_its_end_serves_the_next(scripted: Scripted) -> None:
    Store(scripted, CONTENT)
    connection = connect(scripted.url)
    for _ in range(3):
        assert opened(connection).read() == CONTENT
    assert scripted.connections == 1
    opened(connection).close()
    assert opened(connection).read(1) == b"l"
    assert scripted.connections == 2, "one that was left in the middle does not"


def test_damage_is_noticed_at_the_end_of_a_whole_object(scripted: Scripted) -> None:
    store = Store(scripted, CONTENT)
    store.true = CONTENT[::-1]  # type: ignore[attr-defined]
    file = opened(connect(scripted.url))
    assert file.read(1_000) == CONTENT[:1_000]
    with pytest.raises(DamagedError, match="a/b arrived damaged"):
        file.read()


def test_a_damaged_download_is_tried_again_and_leaves_nothing(scripted: Scripted, tmp_path: Path) -> None:
    store = Store(scripted, CONTENT, contents=(CONTENT,))
    store.true = CONTENT[::-1]  # type: ignore[attr-defined]
    target = tmp_path / "deep" / "file"
    with pytest.raises(RuntimeError, match="damaged, twice; nothing was written"):
        get_file(Objects(connect(scripted.url)), "a/b", target)
    assert len(scripted.requests) == 2
    assert os.listdir(target.parent) == []

    store.contents = [CONTENT, store.true]  # type: ignore[attr-defined]
    get_file(Objects(connect(scripted.url)), "a/b", target)
    assert target.read_bytes() == CONTENT[::-1], "the second time it came whole"


def test_what_was_there_stays_until_a_download_is_complete(scripted: Scripted, tmp_path: Path) -> None:
    Store(scripted, CONTENT, *[100] * 100)
    target = tmp_path / "file"
    target.write_bytes(b"before")
    connection = connect(scripted.url, retry_seconds=0, retry_attempts=1)
    with pytest.raises(CloudException):
        get_file(Objects(connection), "a/b", target)
    assert target.read_bytes() == b"before" and os.listdir(tmp_path) == ["file"]


def test_a_remote_file_is_read_anywhere(scripted: Scripted) -> None:
    store = Store(scripted, CONTENT, 1, 70_000)
    etag = f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    raw = RemoteFile(connect(scripted.url), "a/b", len(CONTENT), etag)
    with io.BufferedReader(raw, 4_096) as file:
        local = io.BytesIO(CONTENT)
        for seek in ((500, 0), (-100, 2), (1_000_000, 0), (-500_000, 1), (5, 2), (-7, 1)):
            assert file.seek(*seek) == local.seek(*seek) == file.tell()
            assert file.read(100) == local.read(100)
        with pytest.raises(OSError if seek is None else ValueError):
            file.seek(-1)
    store.contents = [b"another"]
    with pytest.raises(CloudException, match="was replaced"):
        RemoteFile(connect(scripted.url), "a/b", len(CONTENT), etag).readinto(bytearray(10))


def test_a_refusal_says_what_the_server_said(scripted: Scripted) -> None:
    error = {"error": {"code": 404, "kind": "not_found", "msg": "there is no object a/b"}}
    scripted.script = [scripted.forever(reply(404, error))]
    connection = connect(scripted.url)
    for _ in range(2):
        with pytest.raises(CloudException, match="there is no object a/b") as caught:
            opened(connection)
        assert (caught.value.status, caught.value.kind) == (404, "not_found")
    assert scripted.connections == 1


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nendless", "the length of the answer is ''"),
        (b"HTTP/1.1 206 Partial\r\nContent-Length: 4\r\n\r\nwhat", "did not say how large"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwhat", "another range than was asked for"),
    ],
)
def test_answers_without_sense_are_refused(scripted: Scripted, head: bytes, said: str) -> None:
    scripted.script = [scripted.forever(head)]
    with pytest.raises(CloudException, match=said):
        opened(connect(scripted.url), 5)
