"""What `cloud.cron` sends, and what it refuses. Real sockets."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from harness.scripted import Scripted, reply

import cloud
from cloud._core import Cloud, set_current
from cloud._cron_checks import schedule_text
from cloud._session import Session, python_version

SERVICE = {
    "payload_max_bytes": 1 << 30,
    "inline_max_bytes": 64 << 10,
    "pythons": [python_version()],
    "core_types": [{"name": "c1", "cores_allowed": [1]}],
}
ABOUT: dict[str, Any] = {
    "label": "beat",
    "schedule": "* * * * *",
    "timezone": "UTC",
    "overlap": "allow",
    "paused": False,
    "created": 1_339_527_600_000,
    "creator_host": "here",
    "function": "heartbeat",
    "core_type": "c1",
    "cores": 1,
    "last_run": None,
    "last_jid": None,
    "next": [1_339_527_660_000],
}


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


def heartbeat(beats: int = 1) -> int:
    return beats


heartbeat.__module__ = "__main__"  # travels by value, so that nothing is shipped beside it


def test_a_schedule_is_tried_before_the_function_is_sent(scripted: Scripted) -> None:
    scripted.script = [scripted.answer(reply(200, {"next": [1]}), reply(200, ABOUT))]
    cloud.cron.register(
        heartbeat,
        "beat",
        ["*/5", 0, "*", "*", "mon"],
        timezone="Europe/Berlin",
        overlap="skip",
        _max_runtime=1,
    )
    preview, put = scripted.requests
    assert asked(preview) == ("POST", "/v1/crons/preview")
    assert content(preview) == {"schedule": "*/5 0 * * mon", "count": 1, "timezone": "Europe/Berlin"}
    assert asked(put) == ("PUT", "/v1/crons/beat")
    body = put.partition(b"\r\n\r\n")[2]
    header = json.loads(body[4 : 4 + int.from_bytes(body[:4], "big")])
    assert header["schedule"] == "*/5 0 * * mon"
    assert (header["timezone"], header["overlap"]) == ("Europe/Berlin", "skip")
    assert header["creator_host"]
    assert (header["spec"]["function_name"], header["spec"]["max_runtime_ms"]) == ("heartbeat", 60_000)
    assert "result" not in header["spec"], "what it returns is any Python value"


def test_a_schedule_that_the_service_refuses_is_a_value_error_and_nothing_is_stored(
    scripted: Scripted,
) -> None:
    error = {"code": 400, "kind": "bad_request", "msg": "the minute is 0 to 59, not 60", "hint": "say 0"}
    scripted.script = [scripted.answer(reply(400, {"error": error}))]
    with pytest.raises(ValueError, match="the minute is 0 to 59, not 60; say 0"):
        cloud.cron.register(heartbeat, "beat", "60 * * * *")
    assert len(scripted.requests) == 1


def test_what_is_no_schedule_in_shape_is_refused_here() -> None:
    assert schedule_text("  0  19 * *\tmon ") == "0 19 * * mon"
    assert schedule_text((0, 19, "*", "*", "*")) == "0 19 * * *"
    for wrong in (
        "",
        "* * * *",
        "* * * * * *",
        ["*"] * 4,
        ["*"] * 6,
        ["* *", "*", "*", "*", "*"],
        ["", 1, 2, 3, 4],
    ):
        with pytest.raises(ValueError, match="schedule"):
            schedule_text(wrong)
    for no_schedule in (5, None, b"* * * * *", {"a": 1}, [1.5, 0, 0, 0, 0], [True, 0, 0, 0, 0]):
        with pytest.raises(TypeError, match="schedule"):
            schedule_text(no_schedule)  # type: ignore[arg-type]


def test_wrong_use_is_refused_before_anybody_is_asked() -> None:
    with pytest.raises(TypeError, match="not callable"):
        cloud.cron.register(3, "x", "* * * * *")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs 'x': wrap it"):
        cloud.cron.register(lambda x: x, "x", "* * * * *")
    for label in ("ä", "", "a\n", None):
        with pytest.raises(TypeError, match="label of a cron"):
            cloud.cron.register(heartbeat, label, "* * * * *")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="overlap is"):
        cloud.cron.register(heartbeat, "x", "* * * * *", overlap="never")
    with pytest.raises(TypeError, match="unexpected keyword argument '_label'"):
        cloud.cron.register(heartbeat, "x", "* * * * *", _label="y")
    with pytest.raises(TypeError, match="unexpected keyword argument 'zone'"):
        cloud.cron.register(heartbeat, "x", "* * * * *", zone="y")
    for count in (0, 1001):
        with pytest.raises(ValueError, match="1 to 1,000"):
            cloud.cron.next("* * * * *", count=count)
    with pytest.raises(TypeError, match="limit is a number"):
        cloud.cron.firings("x", "3")  # type: ignore[arg-type]


def test_functions_that_need_no_arguments_may_take_some() -> None:
    from cloud._cron_checks import check_callable

    for fine in (heartbeat, lambda *args, **kwargs: None, dict, print):
        check_callable(fine)


def test_what_is_known_comes_with_times_as_texts(scripted: Scripted) -> None:
    later = {**ABOUT, "last_run": 1_339_527_660_000, "last_jid": 9, "label": "a b"}
    crons = {"crons": [{**ABOUT, "label": "z"}, ABOUT]}
    scripted.script = [scripted.answer(reply(200, ABOUT), reply(200, later), reply(200, crons))]
    about = cloud.cron.info("beat")
    assert about["created"] == "2012-06-12 19:00:00"
    assert about["next"] == ["2012-06-12 19:01:00"]
    assert (about["last_run"], about["last_jid"], about["func_name"]) == (None, None, "heartbeat")
    ran = cloud.cron.info("a b")
    assert (ran["last_run"], ran["last_jid"]) == ("2012-06-12 19:01:00", 9)
    assert cloud.cron.list() == ["beat", "z"]
    assert asked(scripted.requests[1]) == ("GET", "/v1/crons/a%20b")


def test_changes_are_said_once(scripted: Scripted) -> None:
    scripted.script = [
        scripted.answer(reply(200, {"jid": 7}), reply(200, ABOUT), reply(200, ABOUT), reply(204, None))
    ]
    assert cloud.cron.manual_run("beat") == 7
    cloud.cron.pause("beat")
    cloud.cron.resume("beat")
    cloud.cron.deregister("beat")
    run, pause, resume, gone = scripted.requests
    assert asked(run) == ("POST", "/v1/crons/beat/run")
    assert asked(pause) == asked(resume) == ("PATCH", "/v1/crons/beat")
    assert (content(pause), content(resume)) == ({"paused": True}, {"paused": False})
    assert asked(gone) == ("DELETE", "/v1/crons/beat")


def test_history_is_told(scripted: Scripted) -> None:
    fired = {"id": 2, "kind": "fired", "tick": 60_000, "at": 60_010, "jid": 5, "ticks": 1}
    failed = {"id": 1, "kind": "failed", "tick": 0, "at": 1, "jid": None, "ticks": 1, "because": "no room"}
    scripted.script = [scripted.answer(reply(200, {"firings": [fired, failed]}))]
    first, second = cloud.cron.firings("beat", limit=2)
    assert asked(scripted.requests[0]) == ("GET", "/v1/crons/beat/firings?limit=2")
    assert (first.kind, first.jid, first.tick.timestamp(), first.because) == ("fired", 5, 60, None)
    assert (second.jid, second.because) == (None, "no room")


def test_ticks_are_told_in_the_zone_that_was_asked_for(scripted: Scripted) -> None:
    ticks = {"next": [1_764_230_400_000]}
    scripted.script = [scripted.answer(*[reply(200, ticks)] * 2)]
    (utc,) = cloud.cron.next("0 8 * * *")
    (berlin,) = cloud.cron.next("0 9 * * *", timezone="Europe/Berlin", count=1)
    assert utc == datetime(2025, 11, 27, 8, tzinfo=timezone.utc) == berlin
    assert (utc.hour, berlin.hour) == (8, 9)
    assert content(scripted.requests[0]) == {"schedule": "0 8 * * *", "count": 5}
