"""API keys of the account, and what it used. A secret is shown once, when its key is made.

>>> cloud.account.list_keys()    # doctest: +SKIP
[{'api_key': 1, 'active': True, 'note': '', 'created': datetime.datetime(...)}]
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

from . import _usage
from ._core import current
from ._usage import Day, UsageReport, UsageRow, UsageSum

__all__ = [
    "UsageReport",
    "UsageRow",
    "UsageSum",
    "activate_key",
    "create_key",
    "deactivate_key",
    "list_keys",
    "usage",
]


def list_keys() -> list[dict[str, Any]]:
    """The account's keys, as dicts of `api_key`, `active`, `note`, `created`; without secrets."""
    keys = current()._session().connection.json("GET", "/v1/keys")["keys"]
    return [{**key, "created": datetime.fromtimestamp(key["created"] / 1000, timezone.utc)} for key in keys]


def create_key(note: str = "") -> dict[str, Any]:
    """Makes a key; a dict of `api_key` and `api_secretkey`.

    `note` says what it is for, in at most 200 characters.
    """
    # Not repeated after a lost connection: a second key is one too many.
    connection = current()._session().connection
    made: dict[str, Any] = connection.json("POST", "/v1/keys", {"note": note}, repeat=False)
    return made


def activate_key(api_key: int) -> None:
    """Makes a deactivated key work again. CloudException if there is none."""
    current()._session().connection.json("POST", f"/v1/keys/{int(api_key)}/activate", {})


def deactivate_key(api_key: int) -> None:
    """Makes a key stop working at once. CloudException if there is none."""
    current()._session().connection.json("POST", f"/v1/keys/{int(api_key)}/deactivate", {})


def usage(
    start: Day | None = None,
    end: Day | None = None,
    group_by: str | Iterable[str] | None = "day",
    all_accounts: bool = False,
) -> UsageReport:
    """What the account's jobs that ended between two days used, and what it costs.

    Deleted jobs count too: they ran. Jobs that never ran do not.

    Args:
        start: first day, a date or `'2026-11-26'`, in UTC; 30 days before the last by default.
        end: last day, included; today by default.
        group_by: what sums are kept apart by: `'day'`, `'core_type'`, `'label'`, `'queue'`, for
            administrators `'account'`, or a list of these; None for one sum.
        all_accounts: every account's jobs (administrators).

    Raises:
        TypeError, ValueError: a day or a name of a group is wrong.
        CloudException: it is for administrators only.

    >>> cloud.account.usage('2026-11-01', group_by='label')    # doctest: +SKIP
    Usage from 2026-11-01 to 2026-11-26
    label    jobs  core hours  CPU hours     USD
    nightly   812      40.117     38.904  5.2152
    -       1,204       0.803      0.512  0.0402
    total   2,016      40.920     39.416  5.2554
    """
    return _usage.usage(current()._session, start, end, group_by, all_accounts)
