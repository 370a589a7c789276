"""Commands and functions behind addresses, cared for and called from the command line."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from harness import Server
from harness.command_line import CommandLine


@pytest.fixture
def picloud(server: Server, tmp_path: Path) -> CommandLine:
    return CommandLine(server, tmp_path / "work")


def add(x: Any, y: Any = 10) -> Any:
    """Adds."""
    return x + y


def called(url: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    """One form sent as anybody would send it."""
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_a_command_is_published_and_called(picloud: CommandLine) -> None:
    url = picloud("rest", "publish", "shout", 'tr a-z A-Z <<< "{text}"')
    assert url.endswith("/shout/")
    assert picloud("result", picloud("rest", "invoke", "shout", "-d", "text=hello; echo there")) == (
        "HELLO; ECHO THERE"
    )
    info = picloud.json("rest", "info", "shout")
    assert (info["signature"], info["output_encoding"]) == ("shout(text)", "raw")
    assert info["uri"] == url
    assert "shout" in [one["label"] for one in picloud.json("rest", "list")]
    assert "shout(text)" in picloud("rest", "list")
    assert "Runs the command: tr a-z" in picloud("rest", "info", "shout")
    picloud("rest", "remove", "shout")
    assert "shout" in picloud.refused(3, "rest", "info", "shout")
    assert "shout" in picloud.refused(3, "rest", "remove", "shout")


def test_a_file_is_an_argument_and_a_file_is_the_result(picloud: CommandLine) -> None:
    content = bytes(range(256)) * 400
    (picloud.directory / "in.bin").write_bytes(content)
    picloud("rest", "publish", "-r", "out.bin", "twice", 'cat "{data}" "{data}" > out.bin; echo {n}')
    jid = picloud("rest", "invoke", "twice", "-d", "data=@in.bin", "-d", "n=5")
    assert picloud.run("result", jid).out == content * 2
    assert picloud("logs", jid) == "5"
    picloud("rest", "remove", "twice")


def test_wrong_arguments_make_no_job(picloud: CommandLine) -> None:
    picloud("rest", "publish", "one", 'echo "{x}"')
    assert "x" in picloud.refused(3, "rest", "invoke", "one")
    assert "y" in picloud.refused(3, "rest", "invoke", "one", "-d", "x=1", "-d", "y=2")
    assert "single quotes" in picloud.refused(1, "rest", "publish", "two", "echo '{x}'")
    assert "label" in picloud.refused(1, "rest", "publish", "a/b", "echo")
    assert "how many" in picloud.refused(1, "rest", "mapinvoke", "one", "-d", "x=1")
    picloud("rest", "remove", "one")


def test_functions_of_python_take_json_and_texts(picloud: CommandLine, cloud: ModuleType) -> None:
    cloud.rest.publish(add, "add")
    for words, result in (
        (["x=1"], "11"),
        (["x=[1]", "y=[2]"], "[1, 2]"),
        (["x=a", "y=b"], '"ab"'),
        (['x="5"', 'y="6"'], '"56"'),
    ):
        arguments = [part for word in words for part in ("-d", word)]
        jid = picloud("rest", "invoke", "add", *arguments)
        (found,) = picloud.json("result", jid)
        assert found["result"] == cloud.result(int(jid))
        assert picloud("result", jid).replace(" ", "") == result.replace(" ", "")
    cloud.rest.remove("add")


def test_a_map_of_calls_has_one_job_for_each(picloud: CommandLine) -> None:
    picloud("rest", "publish", "pair", 'echo "{a}-{b}"')
    (picloud.directory / "b.txt").write_text("one\n\ntwo words\n")
    told = picloud.json("rest", "mapinvoke", "pair", "-n", "a=x,y", "-N", "b=b.txt")
    assert told["count"] == 2
    assert [found["result"] for found in picloud.json("result", told["jids"])] == ["x-one\n", "y-two words\n"]
    jids = picloud("rest", "mapinvoke", "pair", "-n", "a=1,2,3", "-d", "b=z")
    assert [found["result"] for found in picloud.json("result", jids)] == ["1-z\n", "2-z\n", "3-z\n"]
    picloud("rest", "remove", "pair")


def test_versions_are_kept_and_one_can_go_back(picloud: CommandLine) -> None:
    picloud("rest", "publish", "counted", "echo one")
    picloud("rest", "publish", "counted", "echo two")
    assert picloud("result", picloud("rest", "invoke", "counted")) == "two"
    assert "version 1" in picloud("rest", "rollback", "counted")
    assert picloud("result", picloud("rest", "invoke", "counted")) == "one"
    found = picloud.json("rest", "versions", "counted")
    assert (found["current"], [one["version"] for one in found["versions"]]) == (1, [2, 1])
    assert "2" in picloud("rest", "rollback", "counted", "2")
    assert "9" in picloud.refused(3, "rest", "rollback", "counted", "9")
    picloud("rest", "remove", "counted")


def test_access_is_opened_and_closed(picloud: CommandLine, server: Server) -> None:
    url = picloud("rest", "publish", "open", "echo in") + "?wait=60"
    assert called(url, b"")[0] == 401
    assert "nothing says" in picloud.refused(1, "rest", "access", "open")
    assert "anybody" in picloud("rest", "access", "open", "public", "--calls-per-minute", "1000")
    assert called(url, b"") == (200, b"in\n")
    token = picloud.json("rest", "access", "open", "token")["token"]
    assert token
    assert called(url, b"")[0] == 401
    assert called(url, b"", Authorization=f"Bearer {token}") == (200, b"in\n")
    second = picloud("rest", "access", "open", "--new-token").split("token: ")[1]
    assert called(url, b"", Authorization=f"Bearer {token}")[0] == 401
    assert called(url, b"", Authorization=f"Bearer {second}") == (200, b"in\n")
    assert "key of the account" in picloud("rest", "access", "open", "account")
    assert called(url, b"", Authorization=f"Bearer {second}")[0] == 401
    ready = server.ready
    key = base64.b64encode(f"{ready.api_key}:{ready.api_secretkey}".encode()).decode()
    assert called(url, b"", Authorization=f"Basic {key}") == (200, b"in\n")
    picloud("rest", "remove", "open")
