"""API keys of the account. A secret is shown once, when its key is made.

>>> cloud.account.list_keys()    # doctest: +SKIP
[{'api_key': 1, 'active': True, 'note': '', 'created': datetime.datetime(...)}]
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ._core import current

__all__ = ["activate_key", "create_key", "deactivate_key", "list_keys"]


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
