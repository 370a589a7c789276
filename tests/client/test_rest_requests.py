"""What `cloud.rest` sends, and what it refuses before it sends anything. Real sockets."""

from __future__ import annotations

import email
import io
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.scripted import Scripted, reply

import cloud
from cloud._core import Cloud, set_current
from cloud._session import Session, python_version

SERVICE = {
    "account": 7,
    "payload_max_bytes": 1 << 30,
    "inline_max_bytes": 64 << 10,
    "pythons": [python_version()],
    "core_types": [{"name": "c1", "cores_allowed": [1]}, {"name": "c2", "cores_allowed": [1, 2]}],
}
ABOUT = {
    "label": "add",
    "uri": "http://127.0.0.1:1/r/7/add/",
    "version": 2,
    "access": "account",
    "calls_per_minute": 0,
    "created": 1_000,
    "published": 2_000,
    "signature": "add(x)",
    "parameters": {"parameters": [{"name": "x", "required": True}]},
    "description": "",
    "output_encoding": "json",
    "function": "add",
    "core_type": "c1",
    "cores": 1,
    "code_version": None,
}
CALLED = {"jid": 12, "result_uri": "http://127.0.0.1:1/job/12/result/"}


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    server = Scripted()
    monkeypatch.setitem(Session._services, server.url, (time.monotonic(), SERVICE))
    cloud.setkey("5", "secret", server_url=server.url)
    yield server
    server.listener.close()
    set_current(Cloud())


def asked(request: bytes) -> tuple[str, str]:
    method, path, _ = request.decode("latin-1").split(" ", 2)
    return method, path


def content(request: bytes) -> Any:
    return json.loads(request.partition(b"\r\n\r\n")[2])


def form(request: bytes) -> list[tuple[str, str | None, bytes]]:
    """Name, file name and content of each field, as another program reads them."""
    head, _, body = request.partition(b"\r\n\r\n")
    kind = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Type:"))
    message = email.message_from_bytes(kind + b"\r\n\r\n" + body)
    found = []
    for part in message.get_payload():
        assert isinstance(part, email.message.Message)
        name = part.get_param("name", header="Content-Disposition")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found.append((str(name), part.get_filename(), content))
    return found


def add(x: int, y: int = 1) -> int:
    """This function adds!"""
    return x + y


add.__module__ = "__main__"  # travels by value, so that nothing is shipped beside it


def test_publish_sends_function_signature_and_description(scripted: Scripted) -> None:
    scripted.script = [scripted.answer(reply(200, ABOUT))]
    uri = cloud.rest.publish(add, "add", out_encoding="raw", _type="c2", _cores=2, _max_runtime=1)
    assert uri == ABOUT["uri"]
    (request,) = scripted.requests[-1:]
    assert asked(request) == ("PUT", "/v1/published/add")
    body = request.partition(b"\r\n\r\n")[2]
    length = int.from_bytes(body[:4], "big")
    header = json.loads(body[4 : 4 + length])
    assert header["description"] == "This function adds!"
    assert [one["name"] for one in header["signature"]["parameters"]] == ["x", "y"]
    assert header["signature"]["returns"] == {"type": "integer"}
    spec = header["spec"]
    assert (spec["result"], spec["function_name"], spec["label"]) == ("raw", "add", "add")
    assert (spec["core_type"], spec["cores"], spec["max_runtime_ms"]) == ("c2", 2, 60_000)
    assert body[4 + length :][4:5] == b"\0", "then the function, and nothing else"


@pytest.mark.parametrize("label", ["", "a b", "ä", "a/b", "..", ".", "a" * 65, "a\n", None, 7])
def test_what_no_address_can_have_in_it_is_no_label(label: Any) -> None:
    for use in (lambda: cloud.rest.publish(add, label), lambda: cloud.rest.info(label)):
        with pytest.raises(TypeError, match="label"):
            use()
    with pytest.raises(TypeError, match="label"):
        cloud.rest.invoke(label)


def test_wrong_publishing_is_refused_before_anybody_is_asked() -> None:
    with pytest.raises(TypeError, match="not callable"):
        cloud.rest.publish(3, "x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'json' or 'raw', not 'xml'"):
        cloud.rest.publish(add, "x", "xml")
    with pytest.raises(TypeError, match="unexpected keyword argument '_depends_on'"):
        cloud.rest.publish(add, "x", _depends_on=1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'lable'"):
        cloud.rest.publish(add, "x", lable="y")
    with pytest.raises(TypeError, match="_cores must be an integer"):
        cloud.rest.publish(add, "x", _cores=0)


def test_arguments_that_json_can_say_travel_as_json(scripted: Scripted) -> None:
    scripted.script = [scripted.answer(reply(200, SERVICE), *[reply(200, CALLED)] * 2)]
    jid = cloud.rest.invoke("add", x=1, label="é", self=[None, {"a": 1.5}])
    assert (jid, type(jid)) == (12, cloud.Jid)
    cloud.rest.invoke("add")
    service, first, second = scripted.requests
    assert asked(service) == ("GET", "/v1/service"), "whose addresses these are is asked once"
    assert asked(first) == ("POST", "/r/7/add/")
    assert content(first) == {"x": 1, "label": "é", "self": [None, {"a": 1.5}]}
    assert content(second) == {}


def test_bytes_and_files_travel_as_they_are(scripted: Scripted, tmp_path: Path) -> None:
    scripted.script = [scripted.answer(reply(200, SERVICE), reply(200, CALLED))]
    path = tmp_path / 'a "photo".jpg'
    path.write_bytes(b"\xff\xd8\r\n--\0")
    with path.open("rb") as file:
        cloud.rest.invoke("add", image=file, raw=b"\0", text=io.StringIO("é"), width=60, name="x\ny")
    assert form(scripted.requests[-1]) == [
        ("image", "a %22photo%22.jpg", b"\xff\xd8\r\n--\0"),
        ("raw", "raw", b"\0"),
        ("text", "text", "é".encode()),
        ("width", None, b"60"),
        ("name", None, b'"x\\ny"'),
    ]


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), object(), 1j])
def test_what_is_neither_file_nor_json_is_refused_by_name(value: Any) -> None:
    cloud.setkey("5", "secret", server_url="http://127.0.0.1:9")
    with pytest.raises(TypeError, match="the argument 'x' is no file"):
        cloud.rest.invoke("add", x=value)
    set_current(Cloud())


def test_a_call_whose_answer_is_lost_is_not_made_twice(scripted: Scripted) -> None:
    def hang_up_in_the_call(line: socket.socket) -> None:
        scripted.read(line)
        line.sendall(reply(200, SERVICE))
        scripted.read(line)

    scripted.script = [hang_up_in_the_call, scripted.answer(reply(200, CALLED))]
    with pytest.raises(cloud.CloudException):
        cloud.rest.invoke("add", x=1)
    assert [asked(request)[1] for request in scripted.requests].count("/r/7/add/") == 1


def test_a_map_sends_every_element_as_a_field(scripted: Scripted) -> None:
    scripted.script = [scripted.answer(reply(200, SERVICE), reply(200, {"jids": "4-6", "count": 3}))]
    jids = cloud.rest.invoke_map("add", x=[1, "a", b"\0"], y=(7,))
    assert list(jids) == [4, 5, 6]
    assert asked(scripted.requests[-1]) == ("POST", "/r/7/add/map/")
    assert form(scripted.requests[-1]) == [
        ("x", None, b"1"),
        ("x", None, b'"a"'),
        ("x", "x", b"\0"),
        ("y", None, b"7"),
    ]


def test_wrong_maps_are_refused_before_anybody_is_asked() -> None:
    cloud.setkey("5", "secret", server_url="http://127.0.0.1:9")
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({}, ValueError, "at least one list"),
        ({"x": []}, ValueError, "'x' is empty"),
        ({"x": [1, 2], "y": [1, 2, 3]}, ValueError, "x 2, y 3"),
        ({"x": range(501)}, ValueError, "501 calls are more than the 500"),
        ({"x": "abc"}, TypeError, "'x' is none"),
        ({"x": 3}, TypeError, "'x' is none"),
        ({"x": [object()]}, TypeError, "JSON cannot say it"),
    ]
    for arguments, kind, said in wrong:
        with pytest.raises(kind, match=said):
            cloud.rest.invoke_map("add", **arguments)
    set_current(Cloud())


def test_what_is_known_comes_as_a_dict(scripted: Scripted) -> None:
    numbered = [{**ABOUT, "version": 2}, {**ABOUT, "version": 1}]
    scripted.script = [
        scripted.answer(
            reply(200, ABOUT),
            reply(200, {"published": [{**ABOUT, "label": "b"}, ABOUT]}),
            reply(200, {"current": 1, "versions": numbered}),
        )
    ]
    about = cloud.rest.info("add")
    assert about["func_name"] == "add"
    assert about["parameters"] == [{"name": "x", "required": True}]
    assert about["published"].timestamp() == 2
    assert cloud.rest.list() == ["add", "b"]
    assert [(one["version"], one["current"]) for one in cloud.rest.versions("add")] == [(2, False), (1, True)]
    assert [asked(request) for request in scripted.requests] == [
        ("GET", "/v1/published/add"),
        ("GET", "/v1/published"),
        ("GET", "/v1/published/add/versions"),
    ]


def test_changes_send_what_was_given_and_nothing_else(scripted: Scripted) -> None:
    scripted.script = [
        scripted.answer(
            reply(200, {**ABOUT, "token": "secret"}), reply(200, ABOUT), reply(200, ABOUT), reply(204, None)
        )
    ]
    assert cloud.rest.set_access("add", "token", calls_per_minute=60, new_token=True) == "secret"
    assert cloud.rest.set_access("add", calls_per_minute=0) is None
    assert cloud.rest.rollback("add", 1) == 2
    cloud.rest.deregister("add")
    token, limit, rollback, remove = scripted.requests
    assert asked(token) == asked(limit) == ("PATCH", "/v1/published/add")
    assert content(token) == {"access": "token", "calls_per_minute": 60, "new_token": True}
    assert content(limit) == {"calls_per_minute": 0}
    assert (asked(rollback), content(rollback)) == (("POST", "/v1/published/add/rollback"), {"version": 1})
    assert asked(remove) == ("DELETE", "/v1/published/add")


def test_wrong_changes_are_refused_before_anybody_is_asked() -> None:
    with pytest.raises(ValueError, match="not 'everybody'"):
        cloud.rest.set_access("add", "everybody")
    with pytest.raises(ValueError, match="not -1"):
        cloud.rest.set_access("add", calls_per_minute=-1)
    with pytest.raises(TypeError, match="is a number"):
        cloud.rest.set_access("add", calls_per_minute=1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="needs access"):
        cloud.rest.set_access("add")
    with pytest.raises(TypeError, match="number of a version"):
        cloud.rest.rollback("add", "1")  # type: ignore[arg-type]
