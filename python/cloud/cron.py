"""Jobs by the clock: a function that is run at the times of a schedule, whether anybody is there or not.

>>> cloud.cron.register(heartbeat, 'heartbeat', '*/5 * * * *')                               # doctest: +SKIP
>>> cloud.cron.register(report, 'report', '0 9 * * mon', timezone='Europe/Berlin')           # doctest: +SKIP
>>> cloud.cron.next('0 9 * * mon', timezone='Europe/Berlin', count=1)                        # doctest: +SKIP
[datetime.datetime(2026, 11, 30, 9, 0, tzinfo=zoneinfo.ZoneInfo(key='Europe/Berlin'))]
>>> cloud.cron.firings('heartbeat')[0]                                                       # doctest: +SKIP
Firing(kind='fired', tick=..., at=..., jid=812, ticks=1, because=None)

A schedule has five fields: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday). A
field is `*`, a number, a range `a-b`, a step `*/n` or `a-b/n`, or some of these with commas between; months
and days of the week also go by their first three letters. Where both days are given, either is enough. Times
are UTC unless a `timezone` is named.
"""

from __future__ import annotations

import builtins
import socket
from collections.abc import Sequence
from datetime import datetime, tzinfo
from datetime import timezone as _timezone
from typing import Any, Callable, NamedTuple
from urllib.parse import quote

from ._core import current
from ._cron_checks import OVERLAPS, check_callable, check_label, schedule_text
from ._errors import CloudException
from ._jids import Jid
from ._options import PUBLISH, Options, take_options
from ._published import put_framed
from ._session import Session

__all__ = [
    "Firing",
    "deregister",
    "firings",
    "info",
    "list",
    "manual_run",
    "next",
    "pause",
    "register",
    "resume",
]

COUNT_MAX = 1000


class Firing(NamedTuple):
    """What became of a tick.

    Attributes:
        kind: `'fired'`: it made a job. `'manual'`: it was run by hand. `'overlapped'`: skipped, as the job
        before had
            not ended. `'missed'`: nobody was there when it was due. `'failed'`: no job could be made.
        tick: when it was due; of several that were missed, the first.
        at: when that was recorded.
        jid: the job, or None.
        ticks: how many it stands for.
        because: why no job could be made, or None.
    """

    kind: str
    tick: datetime
    at: datetime
    jid: Jid | None
    ticks: int
    because: str | None


def _session() -> Session:
    return current()._session()


def register(
    func: Callable[..., Any],
    label: str,
    schedule: str | Sequence[Any],
    timezone: str | None = None,
    overlap: str = "allow",
    **reserved: Any,
) -> None:
    """Runs a function at the times of a schedule, from now on. A label in use is replaced; its history stays.

    Args:
        func: called without arguments. What it needs travels with it as for `cloud.call`, and stays as it was
            then.
        label: a name of 1 to 64 ASCII characters.
        schedule: `'0 19 * * *'`, or its five fields in a list.
        timezone: name of a time zone such as `'Europe/Berlin'`; UTC without one.
        overlap: what happens at a tick while the job before has not ended: `'allow'` makes another beside it,
            `'skip'` none, `'queue'` one that waits for it.
        reserved: those of `cloud.call` but for `_label`, `_callback` and `_depends_on`.

    Raises:
        TypeError: `func` cannot be called, the label is none, a keyword is unknown.
        ValueError: `func` needs arguments; the schedule, time zone or overlap is none. Nothing is stored
            then.
        CloudException: the service refused.
    """
    check_callable(func)
    check_label(label)
    options, rest = take_options(reserved, PUBLISH, "register")
    for keyword in rest:
        raise TypeError(f"register() got an unexpected keyword argument {keyword!r}")
    _put(func, label, schedule, timezone, overlap, options)


def _put(
    func: Any,
    label: str,
    schedule: str | Sequence[Any],
    timezone: str | None,
    overlap: str,
    options: Options,
) -> None:
    if overlap not in OVERLAPS:
        raise ValueError(f"overlap is 'allow', 'skip' or 'queue', not {overlap!r}")
    session = _session()
    text = schedule_text(schedule)
    _preview(session, text, timezone, 1)
    options.label = label
    header: dict[str, Any] = {"schedule": text, "overlap": overlap, "creator_host": socket.gethostname()}
    if timezone is not None:
        header["timezone"] = timezone
    put_framed(session, _path(label), func, ((), {}), options, header)


def deregister(label: str) -> None:
    """Ends a cron. Jobs that it made stay. CloudException if there is none."""
    _ask("DELETE", label)


def manual_run(label: str) -> Jid:
    """Runs it now, whatever its schedule says, also while it is paused. CloudException if there is none."""
    return Jid(_ask("POST", label, "/run", {})["jid"])


def list() -> builtins.list[str]:
    """Labels of all crons, sorted."""
    return sorted(cron["label"] for cron in _session().connection.json("GET", "/v1/crons")["crons"])


def info(label: str) -> dict[str, Any]:
    """What is known of a cron. CloudException if there is none.

    A dict of `label`, `schedule`, `timezone`, `overlap`, `paused`, `created`, `creator_host`, `func_name`,
    `core_type`, `cores`, `last_run` and `last_jid` (both None before the first), and `next`: the next five
    ticks, none while it is paused. Times are texts such as `2012-06-12 19:00:00`, in UTC.
    """
    found = _ask("GET", label)
    about = {name: found[name] for name in _SAME}
    about["func_name"] = found["function"]
    about["created"] = _text(found["created"])
    about["last_run"] = None if found["last_run"] is None else _text(found["last_run"])
    about["last_jid"] = None if found["last_jid"] is None else Jid(found["last_jid"])
    about["next"] = [_text(tick) for tick in found["next"]]
    return about


def pause(label: str) -> None:
    """Lets ticks pass unheeded from now on. CloudException if there is none."""
    _ask("PATCH", label, content={"paused": True})


def resume(label: str) -> None:
    """Heeds its ticks again. Those that passed are not made up for. CloudException if there is none."""
    _ask("PATCH", label, content={"paused": False})


def firings(label: str, limit: int = 100) -> builtins.list[Firing]:
    """What became of its ticks, the latest first. The last 1,000 are kept. CloudException if there is none.

    Args:
        label: which cron.
        limit: 1 to 1,000 of them.
    """
    _check_count("limit", limit)
    found = _ask("GET", label, f"/firings?limit={limit}")["firings"]
    return [
        Firing(
            kind=one["kind"],
            tick=_moment(one["tick"]),
            at=_moment(one["at"]),
            jid=None if one["jid"] is None else Jid(one["jid"]),
            ticks=one["ticks"],
            because=one.get("because"),
        )
        for one in found
    ]


def next(
    schedule: str | Sequence[Any], timezone: str | None = None, count: int = 5
) -> builtins.list[datetime]:
    """When a schedule would fire from now on. Nothing is registered.

    Args:
        schedule: as in `register`.
        timezone: as in `register`; the times are told in it.
        count: 1 to 1,000 of them. There may be fewer, of days that are rare.

    Raises:
        ValueError: the schedule or time zone is none.
    """
    _check_count("count", count)
    ticks = _preview(_session(), schedule_text(schedule), timezone, count)
    zone = _zone(timezone)
    return [_moment(tick).astimezone(zone) for tick in ticks]


_SAME = ("label", "schedule", "timezone", "overlap", "paused", "creator_host", "core_type", "cores")


def _path(label: str) -> str:
    return f"/v1/crons/{quote(check_label(label), safe='')}"


def _ask(method: str, label: str, rest: str = "", content: Any = None) -> Any:
    # What is said twice may be done twice, so only questions are.
    return _session().connection.json(method, _path(label) + rest, content, repeat=method == "GET")


def _preview(session: Session, schedule: str, timezone: str | None, count: int) -> builtins.list[int]:
    if timezone is not None and not isinstance(timezone, str):
        raise TypeError("timezone is the name of a time zone, such as 'Europe/Berlin'")
    content: dict[str, Any] = {"schedule": schedule, "count": count}
    if timezone is not None:
        content["timezone"] = timezone
    try:
        ticks: builtins.list[int] = session.connection.json("POST", "/v1/crons/preview", content)["next"]
    except CloudException as error:
        if error.status != 400:
            raise
        text = f"{error.parameter}; {error.hint}" if error.hint else error.parameter
        raise ValueError(text) from None
    return ticks


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is a number")
    if not 1 <= value <= COUNT_MAX:
        raise ValueError(f"{name} is 1 to {COUNT_MAX:,}, not {value}")


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, _timezone.utc)


def _text(ms: int) -> str:
    return _moment(ms).strftime("%Y-%m-%d %H:%M:%S")


def _zone(name: str | None) -> tzinfo:
    if name is None:
        return _timezone.utc
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return _timezone.utc  # this machine has no such zone, though the server has
