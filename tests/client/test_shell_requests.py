"""What `cloud.shell` sends, and what it refuses before it sends anything. Real sockets."""

from __future__ import annotations

import json
import pickle
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
    "core_types": [{"name": "c1", "cores_allowed": [1]}],
}
MADE = reply(200, {"first_jid": 3})


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    server = Scripted()
    monkeypatch.setitem(Session._services, server.url, (time.monotonic(), SERVICE))
    cloud.setkey("5", "secret", server_url=server.url)
    yield server
    server.listener.close()
    set_current(Cloud())


def frames(request: bytes) -> list[bytes]:
    body = request.partition(b"\r\n\r\n")[2]
    found = []
    while body:
        length = int.from_bytes(body[:4], "big")
        found.append(body[4 : 4 + length])
        body = body[4 + length :]
    return found


def unpickled(frame: bytes) -> Any:
    assert frame[:1] == b"\0"
    return pickle.loads(frame[1:])


def test_execute_makes_a_job_that_knows_everything(scripted: Scripted, tmp_path: Path) -> None:
    from cloud import _shell_job

    (tmp_path / "in.txt").write_bytes(b"content")
    scripted.script = [scripted.answer(MADE)]
    jid = cloud.shell.execute(
        "cat {f} | head -n {n}", {"f": f"@{tmp_path}/in.txt", "n": 3}, return_file="out", cwd="d", _label="x"
    )
    assert jid == 3
    header, function, arguments = frames(scripted.requests[-1])
    spec = json.loads(header)["spec"]
    assert (spec["result"], spec["function_name"], spec["label"]) == ("raw", "cat {f} | head -n {n}", "x")
    assert spec["fast_serialization"] == 2
    assert unpickled(function) is _shell_job.run
    assert unpickled(arguments) == (
        (),
        {
            "command": "cat {f} | head -n {n}",
            "return_file": "out",
            "ignore_exit_status": False,
            "cwd": "d",
            "parameters": {"n": "3"},
            "files": {"f": b"content"},
            "file_names": {"f": "in.txt"},
        },
    )


def test_a_map_sends_what_is_common_once(scripted: Scripted, tmp_path: Path) -> None:
    (tmp_path / "common").write_bytes(b"c" * 1000)
    scripted.script = [scripted.answer(MADE)]
    jids = cloud.shell.execute_map(
        "cat {common}; echo {a}{b}", {"common": f"@{tmp_path}/common"}, {"a": [1, 2], "b": ("x", "y")}
    )
    assert list(jids) == [3, 4]
    header, function, *elements = frames(scripted.requests[-1])
    assert json.loads(header)["spec"]["function_name"] == "cat {common}; echo {a}{b}"
    assert unpickled(function).common["files"] == {"common": b"c" * 1000}
    assert [unpickled(element)[0][0]["parameters"] for element in elements] == [
        {"a": "1", "b": "x"},
        {"a": "2", "b": "y"},
    ]
    assert all(len(element) < 300 for element in elements)


def test_a_published_command_is_made_from_its_settings(scripted: Scripted) -> None:
    scripted.script = [scripted.answer(reply(200, {"uri": "http://127.0.0.1:1/r/7/head/"}))]
    uri = cloud.shell.rest_publish('head -n {n} "{f}" | tac > out', "head", return_file="out", cwd="~")
    assert uri == "http://127.0.0.1:1/r/7/head/"
    request = scripted.requests[-1]
    assert request.startswith(b"PUT /v1/published/head ")
    header, function = frames(request)
    said = json.loads(header)
    assert (said["spec"]["result"], said["spec"]["label"]) == ("raw", "head")
    assert said["signature"] == {
        "parameters": [{"name": "n", "required": True}, {"name": "f", "required": True}]
    }
    assert unpickled(function).settings == {
        "command": 'head -n {n} "{f}" | tac > out',
        "return_file": "out",
        "ignore_exit_status": False,
        "cwd": "~",
    }


def test_a_command_by_the_clock_is_tried_and_sent(scripted: Scripted) -> None:
    scripted.script = [scripted.answer(reply(200, {"next": [1]}), reply(200, {}))]
    cloud.shell.cron_register("date", "date", "0 * * * *", overlap="queue")
    header, function, arguments = frames(scripted.requests[-1])
    said = json.loads(header)
    assert (said["schedule"], said["overlap"], said["spec"]["result"]) == ("0 * * * *", "queue", "raw")
    assert said["spec"]["function_name"] == "date"
    assert unpickled(function).settings["command"] == "date"
    assert unpickled(arguments) == ((), {})


def test_wrong_use_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    execute: Any = cloud.shell.execute
    execute_map: Any = cloud.shell.execute_map
    wrong: list[tuple[Any, type[Exception], str]] = [
        (lambda: execute(3, {}), TypeError, "a command is a string"),
        (lambda: execute(" ", {}), ValueError, "no command"),
        (lambda: execute("a\0b", {}), ValueError, "zero byte"),
        (lambda: execute("echo {a}", {}), ValueError, "no value was given"),
        (lambda: execute("echo", {"a": "1"}), ValueError, "the command has no {a}"),
        (lambda: execute("echo {a}", {"a": b"1"}), TypeError, "value of 'a' is a string or a number"),
        (lambda: execute("echo {a}", {"a": None}), TypeError, "value of 'a'"),
        (lambda: execute("echo {a}", {"a": "x\0"}), ValueError, "give it as a file"),
        (lambda: execute("echo {a}", {"a": f"@{tmp_path}/none"}), FileNotFoundError, "none"),
        (lambda: execute("echo", {}, return_file=3), TypeError, "return_file is a path"),
        (lambda: execute("echo", {}, _fast_serialization=0), TypeError, "unexpected keyword"),
        (lambda: execute("echo", {}, label="x"), TypeError, "unexpected keyword argument 'label'"),
        (lambda: execute_map("echo {a}", {}, {}), ValueError, "no list of values"),
        (lambda: execute_map("echo {a}", {}, {"a": []}), ValueError, "are empty"),
        (lambda: execute_map("echo {a}{b}", {}, {"a": [1], "b": [1, 2]}), ValueError, "a 1, b 2"),
        (lambda: execute_map("echo {a}", {}, {"a": "abc"}), TypeError, "for 'a' it has none"),
        (lambda: execute_map("echo {a}", {"a": 1}, {"a": [1]}), ValueError, "both in"),
        (lambda: execute_map("echo {a}", {}, {"a": [1], "b": [1]}), ValueError, "no {b}"),
        (lambda: execute_map("echo {a}", {}, {"a": [1, None]}), TypeError, "value of 'a'"),
        (lambda: cloud.shell.rest_publish("echo '{a}'", "x"), ValueError, "between single quotes"),
        (lambda: cloud.shell.rest_publish("echo", "a b"), TypeError, "label"),
        (lambda: cloud.shell.rest_publish("echo", "x", _depends_on=1), TypeError, "unexpected keyword"),
        (lambda: cloud.shell.cron_register("echo {a}", "x", "* * * * *"), ValueError, "no value"),
        (lambda: cloud.shell.cron_register("echo", "ä", "* * * * *"), TypeError, "label"),
        (lambda: cloud.shell.cron_register("echo", "x", "* * * *"), ValueError, "five fields"),
    ]
    cloud.setkey("5", "secret", server_url="http://127.0.0.1:9")
    for use, kind, said in wrong:
        with pytest.raises(kind, match=said.replace("{", r"\{")):
            use()
    set_current(Cloud())
