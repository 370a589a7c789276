"""The connection: against servers that misbehave on purpose, on real sockets."""

from __future__ import annotations

import io
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from harness.scripted import Scripted, connect, reply

from cloud import CloudException, CloudTimeoutError
from cloud._wire import Body, Target

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
UNAVAILABLE = {"error": {"code": 503, "kind": "unavailable", "msg": "stopping", "retry": True}}


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.listener.close()


def test_one_connection_serves_many_requests_with_the_key(scripted: Scripted) -> None:
    scripted.script = [scripted.forever(reply(200, {"a": 1}))]
    connection = connect(scripted.url)
    for _ in range(5):
        assert connection.json("POST", "/v1/x", {"b": 2}) == {"a": 1}
    assert scripted.connections == 1
    assert b"POST /v1/x HTTP/1.1\r\n" in scripted.requests[0]
    assert b"Authorization: Basic NTpzZWNyZXQ=\r\n" in scripted.requests[0]
    assert scripted.requests[0].endswith(b'\r\n\r\n{"b":2}')


def test_a_refusal_becomes_an_exception_with_all_it_says(scripted: Scripted) -> None:
    error = {
        "code": 404,
        "kind": "job_unknown",
        "msg": "job 9 does not exist",
        "hint": "look",
        "retry": False,
    }
    scripted.script = [scripted.forever(reply(404, {"error": error}))]
    with pytest.raises(CloudException) as caught:
        connect(scripted.url).json("GET", "/v1/x")
    found = caught.value
    assert (found.status, found.code, found.kind, found.hint, found.retry) == (
        404,
        404,
        "job_unknown",
        "look",
        False,
    )
    assert str(found) == "Error 404: job 9 does not exist\nTIP: look"


def test_a_wrong_key_leads_to_a_right_one(scripted: Scripted) -> None:
    error = {"code": 401, "kind": "unauthorized", "msg": "wrong key", "retry": False}
    scripted.script = [scripted.forever(reply(401, {"error": error}))]
    with pytest.raises(CloudException, match="picloud setup"):
        connect(scripted.url).json("GET", "/v1/x")


def test_a_server_that_is_not_ready_is_asked_again(scripted: Scripted) -> None:
    scripted.script = [scripted.answer(reply(503, UNAVAILABLE), reply(503, UNAVAILABLE), OK)]
    assert connect(scripted.url).json("GET", "/v1/x") == {}
    assert len(scripted.requests) == 3


def test_a_server_that_hangs_up_is_asked_again(scripted: Scripted) -> None:
    def hang_up(line: socket.socket) -> None:
        scripted.read(line)

    scripted.script = [hang_up, scripted.answer(OK[:20]), scripted.forever(OK)]
    assert connect(scripted.url).json("GET", "/v1/x") == {}
    assert scripted.connections == 3


def test_an_idle_connection_the_server_closed_is_replaced_at_once(scripted: Scripted) -> None:
    scripted.script = [scripted.answer(OK), scripted.forever(OK)]
    connection = connect(scripted.url, retry_attempts=1, retry_seconds=0)
    connection.json("GET", "/v1/x")
    connection.json("GET", "/v1/x")
    assert scripted.connections == 2, "and it was no retry, of which none is allowed"


def test_what_must_not_be_done_twice_is_not_repeated(scripted: Scripted) -> None:
    def hang_up(line: socket.socket) -> None:
        scripted.read(line)

    scripted.script = [hang_up]
    with pytest.raises(CloudException, match="no picloud server answers"):
        connect(scripted.url).json("POST", "/v1/keys", {}, repeat=False)
    assert len(scripted.requests) == 1


def test_nobody_there_is_said_with_the_way_to_start_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(
        CloudException, match=f"(?s)no picloud server answers at {url}.*picloud serve"
    ) as caught:
        connect(url).json("GET", "/v1/x")
    assert caught.value.kind == "server_down"


def test_a_server_that_restarts_is_waited_for(scripted: Scripted) -> None:
    scripted.script = [scripted.answer(OK)]
    connection = connect(scripted.url, retry_seconds=20)
    connection.json("GET", "/v1/x")
    port = scripted.listener.getsockname()[1]
    scripted.listener.shutdown(socket.SHUT_RDWR)
    scripted.listener.close()
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(connection.json("GET", "/v1/x")))
    thread.start()
    time.sleep(0.5)  # the time the server is away is what is tested
    again = Scripted.__new__(Scripted)
    again.listener = socket.create_server(("127.0.0.1", port))
    again.requests, again.connections = [], 0
    again.script = [again.forever(OK)]
    threading.Thread(target=again._run, daemon=True).start()
    thread.join(10)
    assert answers == [{}]
    again.listener.close()


def test_silence_ends_in_a_timeout(scripted: Scripted) -> None:
    gone = threading.Event()

    def silent(line: socket.socket) -> None:
        scripted.read(line)
        gone.wait(10)

    scripted.script = [silent]
    with pytest.raises(CloudTimeoutError, match="no answer from"):
        connect(scripted.url, request_timeout=0.1).json("GET", "/v1/x")
    gone.set()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 okay\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        b"x" * 100_000,
    ],
    ids=lambda a: str(a[:30]),
)
def test_what_is_no_picloud_is_said_to_be_none(scripted: Scripted, answer: bytes) -> None:
    scripted.script = [scripted.forever(answer)]
    with pytest.raises(CloudException, match="is no picloud server"):
        connect(scripted.url).json("GET", "/v1/x")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n"
        b"0\r\nTrailer: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nabcdefg",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length:7\r\n\r\nabcdefg",
        b"HTTP/1.0 200 OK\r\n\r\nabcdefg",
    ],
    ids=["chunked", "length", "continue", "to the end"],
)
@pytest.mark.parametrize("piecemeal", [False, True])
def test_every_form_of_a_body_is_read(scripted: Scripted, answer: bytes, piecemeal: bool) -> None:
    def serve(line: socket.socket) -> None:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        scripted.read(line)
        for index in range(len(answer) if piecemeal else 1):
            line.sendall(answer[index : index + 1] if piecemeal else answer)

    scripted.script = [serve]
    assert bytes(connect(scripted.url).request("GET", "/").body) == b"abcdefg"
    sink = io.BytesIO()
    connect(scripted.url).request("GET", "/", sink=lambda: sink)
    assert sink.getvalue() == b"abcdefg"


def test_a_large_body_goes_and_comes_whole_and_can_be_a_file(scripted: Scripted) -> None:
    content = os.urandom(5 << 20)

    def echo(line: socket.socket) -> None:
        while scripted.read(line):
            body = scripted.requests[-1].partition(b"\r\n\r\n")[2]
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    scripted.script = [echo]
    connection = connect(scripted.url)
    parts = Body([content[:10], content[10:1000], content[1000:-3], content[-3:]])
    assert connection.request("PUT", "/x", parts).body == content
    assert connection.request("PUT", "/x", Body(io.BytesIO(content), len(content))).body == content
    assert scripted.connections == 1


def test_an_early_refusal_of_a_large_body_is_heard(scripted: Scripted) -> None:
    error = {"error": {"code": 413, "kind": "too_large", "msg": "too much", "retry": False}}

    def refuse(line: socket.socket) -> None:
        line.recv(1000)
        line.sendall(reply(413, error, "Connection: close"))
        line.shutdown(socket.SHUT_WR)
        while line.recv(1 << 20):
            pass

    scripted.script = [refuse]
    with pytest.raises(CloudException, match="too much"):
        connect(scripted.url).request("PUT", "/x", Body([bytes(30 << 20)]))


def test_a_forked_child_uses_connections_of_its_own(scripted: Scripted) -> None:
    scripted.script = [scripted.forever(OK)]
    connection = connect(scripted.url)
    connection.json("GET", "/v1/x")
    child = os.fork()
    if child == 0:
        connection.json("GET", "/v1/child")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0
    connection.json("GET", "/v1/x")
    assert scripted.connections == 2


@pytest.mark.parametrize("url", ["ftp://x", "http://", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not the address of a server"):
        Target(url)


def test_addresses_may_leave_out_what_is_usual() -> None:
    assert (Target("host:80").port, Target("http://host").port, Target("https://host").port) == (80, 80, 443)
    target = Target("http://[::1]:8780/prefix/")
    assert (target.host, target.port, target.prefix, target.host_header) == (
        "::1",
        8780,
        "/prefix",
        "[::1]:8780",
    )
