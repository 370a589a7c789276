"""`cloud.info`: the fields of the reference from what the service says of a job."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any, Callable

from ._errors import CloudException
from ._info_used import USED, USED_PARTS
from ._jids import JidSet
from ._session import Session

__all__ = ["DEFAULT_FIELDS", "FIELDS", "info"]

PER_REQUEST = 1000
DEFAULT_FIELDS = ("stdout", "stderr", "status", "runtime")

Read = Callable[[dict[str, Any]], Any]


def _time(value: int | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value / 1000, timezone.utc)


def _spec(name: str) -> Read:
    return lambda job: job["spec"].get(name)


def _stream(name: str) -> Read:
    return lambda job: (job.get("streams") or {}).get(name, "")


def _exception(job: dict[str, Any]) -> str | None:
    failure = job.get("failure")
    return None if failure is None else failure["exception"]


def _pickled(name: str, job: dict[str, Any]) -> Any:
    text = job.get(name)
    if text is None:
        return None
    try:
        return pickle.loads(base64.b64decode(text))
    except Exception as error:
        raise CloudException(f"its {name} could not be unpickled here: {error}", jid=job["jid"]) from error


def _args(job: dict[str, Any]) -> Any:
    return (_pickled("args_pickle", job) or ((), {}))[0]


def _kwargs(job: dict[str, Any]) -> Any:
    return (_pickled("args_pickle", job) or ((), {}))[1]


def _function(job: dict[str, Any]) -> Any:
    return _pickled("function_pickle", job)


def _hint(job: dict[str, Any]) -> str | None:
    failure = job.get("failure")
    return None if failure is None else failure.get("hint")


FIELDS: dict[str, tuple[str | None, Read]] = {
    "status": (None, lambda job: job["status"]),
    "stdout": ("streams", _stream("stdout")),
    "stderr": ("streams", _stream("stderr")),
    "logging": ("streams", _stream("logging")),
    "pilog": ("streams", _stream("pilog")),
    "syslog": ("streams", _stream("syslog")),
    "exception": (None, _exception),
    "runtime": (None, lambda job: job["runtime"]),
    "created": (None, lambda job: _time(job["created"])),
    "started": (None, lambda job: _time(job["started"])),
    "finished": (None, lambda job: _time(job["finished"])),
    "label": (None, _spec("label")),
    "env": (None, _spec("env")),
    "vol": (None, lambda job: job["spec"].get("volumes") or []),
    "function": (None, _spec("function_name")),
    "code_version": (None, _spec("code_version")),
    "attributes": (None, lambda job: job["spec"]),
    "args": ("pickles", _args),
    "kwargs": ("pickles", _kwargs),
    "func_object": ("pickles", _function),
    "func_body": ("pickles", _function),
    "profile": ("profile", lambda job: job.get("profile")),
    **{name: (None, read) for name, read in (*USED.items(), *USED_PARTS.items())},
    "parent_jid": (None, lambda job: job["parent_jid"]),
    "attempt": (None, lambda job: job["attempt"]),
    "worker": (None, lambda job: job["worker"]),
    "waiting_because": (None, lambda job: job["waiting_because"]),
    "failure": (None, lambda job: job.get("failure")),
    "_hint": (None, _hint),
}
"""Each field: the group to ask the service for, and how it is read from the answer."""

ALIASES = frozenset(("func_body", "_hint", *USED_PARTS))


def fields_of(requested: str | Iterable[str] | None) -> list[str]:
    """The fields asked for. TypeError for what is no string, ValueError for unknown names."""
    if requested is None:
        return list(DEFAULT_FIELDS)
    if isinstance(requested, str):
        if requested == "all":
            return [name for name in FIELDS if name not in ALIASES]
        names = [requested]
    else:
        try:
            names = list(requested)
        except TypeError:
            names = [requested]  # type: ignore[list-item]
    for name in names:
        if not isinstance(name, str):
            raise TypeError("info_requested must be a field's name, a list of names, or 'all'")
        if name not in FIELDS:
            raise ValueError(f"{name!r} is not a field of a job; known are {', '.join(FIELDS)}")
    return names


def info(session: Session, jids: JidSet, requested: str | Iterable[str] | None) -> dict[int, dict[str, Any]]:
    """The fields of each job, by jid."""
    names = fields_of(requested)
    groups = sorted({group for group, _ in (FIELDS[name] for name in names) if group is not None})
    found: dict[int, dict[str, Any]] = {}
    for part in jids.parts(max_count=PER_REQUEST):
        reply = session.connection.json("POST", "/v1/jobs/info", {"jids": str(part), "with": groups})
        for jid, job in reply["info"].items():
            found[int(jid)] = {name: FIELDS[name][1](job) for name in names}
    return {jid: found[jid] for jid in jids if jid in found}
