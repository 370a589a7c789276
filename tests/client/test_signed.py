"""Large contents past the server, by signed addresses; and what if they lead where nothing can be reached."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.scripted import Scripted, connect, reply

from cloud import _signed, _transfer
from cloud._errors import CloudException
from cloud._objects import Objects
from cloud._transfer import get_file, put_file

CONTENT = b"0123456789" * 1_000


@pytest.fixture
def servers() -> Iterator[tuple[Scripted, Scripted]]:
    """The server, and the store it signs addresses of."""
    found = Scripted(), Scripted()
    yield found
    for server in found:
        server.listener.close()


@pytest.fixture(autouse=True)
def _small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (_signed, _transfer):
        monkeypatch.setattr(module, "DIRECT_BYTES", 1_000)


def serving(server: Scripted, store_url: str, seen: list[str]) -> None:
    """Answers as a server does whose contents are elsewhere."""
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    signed = {
        "url": f"{store_url}/b/k?signature=1",
        "headers": {"content-length": str(len(CONTENT)), "content-md5": "x"},
        "expires": 0,
        "commit": "token",
    }
    answers: dict[str, Any] = {
        "GET /v1/bucket ": {"direct": True},
        "POST /v1/bucket/sign": signed,
        "POST /v1/bucket/commit": {"key": "k", "sha256": sha256},
        "PUT /v1/bucket/objects/k": {"key": "k", "sha256": sha256},
    }

    def serve(line: socket.socket) -> None:
        while head := server.read(line).decode("latin-1"):
            if head.startswith("GET /v1/bucket/objects/k"):
                seen.append("GET object")
                line.sendall(
                    f'HTTP/1.1 200 OK\r\nContent-Length: {len(CONTENT)}\r\nETag: "{sha256}"\r\n\r\n'.encode()
                    + CONTENT
                )
                continue
            found = next(name for name in answers if head.startswith(name))
            seen.append(found.strip())
            line.sendall(reply(200, answers[found]))

    server.script = [serve]


def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


def test_a_large_file_goes_to_the_store_and_is_committed(
    servers: tuple[Scripted, Scripted], tmp_path: Path
) -> None:
    server, store = servers
    seen: list[str] = []
    serving(server, store.url, seen)
    store.script = [store.forever(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]
    put_file(Objects(connect(server.url)), source(tmp_path), "k")
    assert seen == ["GET /v1/bucket", "POST /v1/bucket/sign", "POST /v1/bucket/commit"]
    (sent,) = store.requests
    head, _, body = sent.partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /b/k?signature=1 HTTP/1.1\r\n") and body == CONTENT
    assert head.lower().count(b"content-length") == 1 and b"content-md5: x" in head
    assert b"authorization" not in head.lower(), "the key is for the server alone"


def test_a_large_object_comes_from_the_store_and_is_verified(
    servers: tuple[Scripted, Scripted], tmp_path: Path
) -> None:
    server, store = servers
    seen: list[str] = []
    serving(server, store.url, seen)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(CONTENT)}\r\n\r\n".encode()
    store.script = [store.answer(head + CONTENT), store.answer(head + CONTENT[::-1])]
    objects = Objects(connect(server.url))
    get_file(objects, "k", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == CONTENT
    with pytest.raises(RuntimeError, match="damaged, twice"):
        get_file(objects, "k", tmp_path / "other")
    assert os.listdir(tmp_path) == ["target"]


@pytest.mark.parametrize("half", [False, True], ids=["nobody listens", "the line breaks"])
def test_where_the_store_cannot_be_reached_contents_go_through_the_server(
    servers: tuple[Scripted, Scripted], tmp_path: Path, half: bool
) -> None:
    server, store = servers
    seen: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as was:
        nobody = f"http://127.0.0.1:{was.getsockname()[1]}"
    serving(server, store.url if half else nobody, seen)
    if half:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(CONTENT)}\r\n\r\n".encode()
        store.script = [store.answer(head + CONTENT[:500])]
    objects = Objects(connect(server.url))
    get_file(objects, "k", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == CONTENT
    assert seen[-1] == "POST /v1/bucket/sign" or seen[-1] == "GET object"
    if not half:
        put_file(objects, source(tmp_path), "k")
        assert seen[-1] == "PUT /v1/bucket/objects/k"
        assert server.requests[-1].endswith(CONTENT)


def test_a_store_that_refuses_is_an_error_with_its_words(
    servers: tuple[Scripted, Scripted], tmp_path: Path
) -> None:
    server, store = servers
    serving(server, store.url, [])
    store.script = [store.forever(b"HTTP/1.1 403 No\r\nContent-Length: 12\r\n\r\n<AccessDenie")]
    with pytest.raises(CloudException, match="the store of objects answered 403: <AccessDenie"):
        put_file(Objects(connect(server.url)), source(tmp_path), "k")
