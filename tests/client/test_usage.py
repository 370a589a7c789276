"""Sums of what was used, and core types: what is asked, and how answers read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from harness.scripted import Scripted, reply

import cloud
from cloud import account
from cloud._core_types import refusal

SUM = {"jobs": 3, "core_ms": 7_200_000, "cpu_us": 3_600_000_000, "cost": 0.1}
REPLY = {
    "from": "2026-11-01",
    "to": "2026-11-26",
    "currency": "EUR",
    "total": SUM,
    "rows": [
        {"core_type": "c1", "label": "night", **SUM},
        {"core_type": "c2", "label": "", **SUM, "jobs": 0},
    ],
}


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    server.script = [server.forever(reply(200, REPLY))]
    cloud.setkey(5, "secret", server.url)
    yield server
    cloud.close()
    server.listener.close()


def asked(scripted: Scripted) -> str:
    return scripted.requests[-1].split(b" ", 2)[1].decode()


def test_days_and_groups_are_asked_for_in_the_services_words(scripted: Scripted) -> None:
    account.usage()
    assert asked(scripted) == "/v1/usage?group_by=day"
    account.usage(group_by=None)
    assert asked(scripted) == "/v1/usage"
    east = timezone(timedelta(hours=5))
    account.usage("2026-11-01", datetime(2026, 11, 27, 3, tzinfo=east), ["day", "label"], all_accounts=True)
    assert asked(scripted) == (
        "/v1/usage?from=2026-11-01&to=2026-11-26&group_by=day%2Clabel&all_accounts=true"
    )
    account.usage(date(2026, 11, 1), group_by=())
    assert asked(scripted) == "/v1/usage?from=2026-11-01"


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        ({"start": "yesterday"}, ValueError, "start must be a day such as"),
        ({"end": 20261126}, TypeError, "end must be a date"),
        ({"group_by": "month"}, ValueError, "day, core_type, label, queue, account, not by 'month'"),
    ],
)
def test_what_is_no_day_or_group_is_refused_here(arguments: Any, error: Any, word: str) -> None:
    with pytest.raises(error, match=word):
        account.usage(**arguments)


def test_a_report_reads_well_and_is_data(scripted: Scripted) -> None:
    report = account.usage(group_by=["core_type", "label"])
    assert (report.start, report.end, report.currency) == ("2026-11-01", "2026-11-26", "EUR")
    assert (report.total.jobs, report.total.core_hours, report.total.cpu_seconds) == (3, 2.0, 3600.0)
    first, second = report.rows
    assert (first.core_type, first.label, first.day, first.core_hours) == ("c1", "night", None, 2.0)
    assert (second.label, second.jobs) == ("", 0)
    assert repr(report).splitlines() == [
        "Usage from 2026-11-01 to 2026-11-26",
        "core_type  label  jobs  core hours  CPU hours     EUR",
        "c1         night     3       2.000      1.000  0.1000",
        "c2         -         0       2.000      1.000  0.1000",
        "total                3       2.000      1.000  0.1000",
    ]
    assert report._repr_html_().count("<tr>") == 4
    assert repr(account.usage(group_by=None)).splitlines()[1:] == [
        "jobs  core hours  CPU hours     EUR",
        "   3       2.000      1.000  0.1000",
    ]


TYPES: list[dict[str, Any]] = [
    {"name": "c1", "cores_allowed": [1]},
    {"name": "c2", "cores_allowed": [1, 2, 4, 8]},
]


def test_core_types_come_in_the_counts_they_come_in() -> None:
    assert refusal(TYPES, "c2", 4) is None
    said = str(refusal(TYPES, "c2", 3))
    assert said == "core type c2 comes in 1, 2, 4, 8 core(s) per job, not 3\nTIP: " + (
        "ask for one of these counts, such as _cores=4"
    )
    assert "such as _cores=8" in str(refusal(TYPES, "c2", 20))
    assert "there is no core type 'x9'; choose one of c1, c2" in str(refusal(TYPES, "x9", 1))


@pytest.mark.parametrize(
    "submit", [cloud.call, lambda f, x, **k: cloud.map(f, [x], **k)], ids=["call", "map"]
)
def test_a_wrong_count_is_refused_before_anything_is_sent(scripted: Scripted, submit: Any) -> None:
    service = {"core_types": TYPES, "pythons": [], "payload_max_bytes": 1000, "inline_max_bytes": 1000}
    scripted.script = [scripted.forever(reply(200, service))]
    with pytest.raises(cloud.CloudException, match="c2 comes in 1, 2, 4, 8"):
        submit(abs, 1, _type="c2", _cores=3)
    lines = [request.split(b"\r\n")[0] for request in scripted.requests]
    assert lines == [b"GET /v1/service HTTP/1.1"] * 2, "asked again, for settings may have changed"
