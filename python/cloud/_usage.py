"""What an account used, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timezone
from typing import Any, Callable, NamedTuple, Union
from urllib.parse import urlencode

from ._figures import table
from ._session import Session

__all__ = ["Day", "UsageReport", "UsageRow", "UsageSum", "usage"]

Day = Union[str, date]
"""A day: `datetime.date`, a datetime (its day in UTC where it has a zone), or `'2026-11-26'`."""

GROUPS = ("day", "core_type", "label", "queue", "account")
_MS_PER_HOUR = 3_600_000


class UsageSum(NamedTuple):
    """Jobs that ended, their core time and its price.

    Attributes:
        jobs: how many.
        core_ms: milliseconds of run time times cores, which is what is charged.
        cpu_seconds: processor time that they used.
        cost: in the report's currency.
    """

    jobs: int
    core_ms: int
    cpu_seconds: float
    cost: float

    @property
    def core_hours(self) -> float:
        """Hours of run time times cores."""
        return self.core_ms / _MS_PER_HOUR


class UsageRow(NamedTuple):
    """One sum with what it is kept apart by; the other names are None.

    Attributes:
        day: such as `'2026-11-26'`, in UTC; the day on which the jobs ended.
        core_type: name of the core type.
        label: label of the jobs; empty for those without one.
        queue: their queue; empty for those of none.
        account: name of the account.
        jobs, core_ms, cpu_seconds, cost: as in `UsageSum`.
    """

    day: str | None
    core_type: str | None
    label: str | None
    queue: str | None
    account: str | None
    jobs: int
    core_ms: int
    cpu_seconds: float
    cost: float

    @property
    def core_hours(self) -> float:
        """Hours of run time times cores."""
        return self.core_ms / _MS_PER_HOUR


class UsageReport:
    """What jobs that ended between two days used. Prints as a table; its rows suit `pandas.DataFrame`.

    Attributes:
        start, end: first and last day, as text.
        group_by: names of what the rows are kept apart by.
        currency: of all costs.
        total: a `UsageSum`.
        rows: a list of `UsageRow`: by day where days are kept apart, else the largest cost first.
    """

    def __init__(
        self,
        start: str,
        end: str,
        group_by: tuple[str, ...],
        currency: str,
        total: UsageSum,
        rows: list[UsageRow],
    ) -> None:
        self.start = start
        self.end = end
        self.group_by = group_by
        self.currency = currency
        self.total = total
        self.rows = rows

    def _cells(self) -> list[list[str]]:
        heading = [*self.group_by, "jobs", "core hours", "CPU hours", self.currency]
        cells = [heading]
        for row in self.rows if self.group_by else []:
            names = [getattr(row, name) or "-" for name in self.group_by]
            cells.append([*names, *_figures(row)])
        total = ["total"] * bool(self.group_by) + [""] * (len(self.group_by) - 1)
        cells.append([*total, *_figures(self.total)])
        return cells

    def __repr__(self) -> str:
        heading, *rows = self._cells()
        return f"Usage from {self.start} to {self.end}\n{table(heading, rows, len(self.group_by))}"

    def _repr_html_(self) -> str:
        from html import escape

        heading, *rows = self._cells()
        head = "".join(f"<th>{escape(cell)}</th>" for cell in heading)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        caption = f"Usage from {self.start} to {self.end}"
        return (
            f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


def _figures(found: UsageSum | UsageRow) -> list[str]:
    hours = f"{found.core_hours:,.3f}", f"{found.cpu_seconds / 3600:,.3f}"
    return [f"{found.jobs:,}", *hours, f"{found.cost:,.4f}"]


def usage(
    session: Callable[[], Session],
    start: Day | None,
    end: Day | None,
    group_by: str | Iterable[str] | None,
    all_accounts: bool,
) -> UsageReport:
    """Asks for the sums. What is wrong with the arguments is said before a server or a key is looked for."""
    groups = _groups(group_by)
    query = {"from": _day("start", start), "to": _day("end", end), "group_by": ",".join(groups)}
    if all_accounts:
        query["all_accounts"] = "true"
    text = urlencode({name: value for name, value in query.items() if value})
    reply = session().connection.json("GET", f"/v1/usage?{text}" if text else "/v1/usage")
    rows = [UsageRow._make((*map(row.get, GROUPS), *_sum(row))) for row in reply["rows"]]
    return UsageReport(reply["from"], reply["to"], groups, reply["currency"], _sum(reply["total"]), rows)


def _sum(found: dict[str, Any]) -> UsageSum:
    return UsageSum(found["jobs"], found["core_ms"], found["cpu_us"] / 1e6, found["cost"])


def _groups(group_by: str | Iterable[str] | None) -> tuple[str, ...]:
    groups = (group_by,) if isinstance(group_by, str) else tuple(group_by or ())
    for name in groups:
        if name not in GROUPS:
            raise ValueError(f"usage is kept apart by {', '.join(GROUPS)}, not by {name!r}")
    return groups


def _day(name: str, day: Day | None) -> str | None:
    if day is None:
        return None
    if isinstance(day, datetime):
        day = (day if day.tzinfo is None else day.astimezone(timezone.utc)).date()
    if isinstance(day, date):
        return day.isoformat()
    if not isinstance(day, str):
        raise TypeError(f"{name} must be a date or text such as '2026-11-26'")
    try:
        return date.fromisoformat(day).isoformat()
    except ValueError:
        raise ValueError(f"{name} must be a day such as '2026-11-26', not {day!r}") from None
