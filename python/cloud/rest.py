"""Functions behind addresses: whatever speaks HTTP can call them, in any language.

>>> def add(x: int, y: int = 1) -> int:
...     'This function adds!'
...     return x + y
>>> cloud.rest.publish(add, 'addition')               # doctest: +SKIP
'https://cloud.example.org/r/1/addition/'
>>> jid = cloud.rest.invoke('addition', x=1, y=2)     # doctest: +SKIP
>>> cloud.result(jid)                                 # doctest: +SKIP
3

From a shell:

    $ curl -u 'key:secret' https://cloud.example.org/r/1/addition/ -d x=1 -d y=2
    {"jid": 4, ...}
    $ curl -u 'key:secret' https://cloud.example.org/job/4/result/
    {"result": 3}

Arguments come by name. A call with others than the function takes is refused before there is a job. The guide
"call your function from anything" has the rest.
"""

from __future__ import annotations

import builtins
from datetime import datetime, timezone
from typing import Any, Callable

from ._core import current
from ._jids import Jid, JidRange
from ._options import PUBLISH, take_options
from ._published import check_label, send_call, send_map
from ._published import publish as _send
from ._published_signature import description_of, signature_of
from ._session import Session

__all__ = [
    "deregister",
    "info",
    "invoke",
    "invoke_map",
    "list",
    "publish",
    "register",
    "remove",
    "rollback",
    "set_access",
    "versions",
]

ENCODINGS = ("json", "raw")
ACCESSES = ("account", "token", "public")
CALLS_MAX = 2**32 - 1


def _session() -> Session:
    return current()._session()


def publish(func: Callable[..., Any], label: str, out_encoding: str = "json", **reserved: Any) -> str:
    """Puts a function at an address, and returns that. A label in use gets another version at the same
    address.

    The function's parameters, their defaults and type hints, and its docstring are published with it: calls
    are checked against them. What it needs travels with it as for `cloud.call`, and stays as it was then.

    Args:
        func: called with arguments by name. `*args` of it get nothing.
        label: 1 to 64 letters, digits and characters of `_+-.,`.
        out_encoding: `'json'`: it returns what JSON can say, such as lists, dicts, texts and numbers.
            `'raw'`: it returns bytes or a text, which callers get as they are.
        reserved: those of `cloud.call` but for `_label`, `_callback` and `_depends_on`.

    Raises:
        TypeError: no label, no function, or an unknown keyword.
        ValueError: there is no such encoding, or `func` takes an argument that has no name.
        CloudException: the service refused.
    """
    if not callable(func):
        raise TypeError(f"cloud.rest.publish: {func!r} is not callable")
    check_label(label)
    if out_encoding not in ENCODINGS:
        raise ValueError(f"out_encoding is 'json' or 'raw', not {out_encoding!r}")
    options, rest = take_options(reserved, PUBLISH, "publish")
    for keyword in rest:
        raise TypeError(f"publish() got an unexpected keyword argument {keyword!r}")
    options.result = out_encoding
    signature = signature_of(func, label)
    return str(_send(_session(), func, label, signature, description_of(func), options)["uri"])


register = publish
"""The same as `publish`."""


def remove(label: str) -> None:
    """Takes a function from its address, with all versions. Jobs that it made stay. CloudException if there
    is none.
    """
    _ask("DELETE", label)


deregister = remove
"""The same as `remove`."""


def list() -> builtins.list[str]:
    """Labels of all that is published, sorted."""
    found = _session().connection.json("GET", "/v1/published")["published"]
    return sorted(one["label"] for one in found)


def info(label: str) -> dict[str, Any]:
    """What is known of a published function. CloudException if there is none.

    A dict of `label`, `uri`, `signature` (such as `addition(x, y=1)`), `output_encoding`, `description`,
    `version`, `access`, `calls_per_minute` (0 for no limit), `func_name`, `core_type`, `cores`, `parameters`
    (a list of dicts of `name`, `required`, and `default` and `schema` where they are known), `created` and
    `published` (when the version was made), both datetimes.
    """
    return _told(_ask("GET", label))


def versions(label: str) -> builtins.list[dict[str, Any]]:
    """All versions, the newest first, as dicts like those of `info`, with `current`: whether calls use it."""
    reply = _ask("GET", label, "/versions")
    return [{**_told(one), "current": one["version"] == reply["current"]} for one in reply["versions"]]


def rollback(label: str, version: int | None = None) -> int:
    """Makes calls use another version: by default the one before the current. Returns its number.

    Calls that were made before are not touched. CloudException if there is no such version.
    """
    if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
        raise TypeError("version is the number of a version")
    content = {} if version is None else {"version": version}
    return int(_ask("POST", label, "/rollback", content)["version"])


def set_access(
    label: str,
    access: str | None = None,
    calls_per_minute: int | None = None,
    new_token: bool = False,
) -> str | None:
    """Says who may call it, and how often; what is not given stays as it is. Returns the token if one was
    made.

    Args:
        label: which one.
        access: `'account'`: keys of the account only, as in the beginning. `'token'`: also whoever has its
            token, sent as `Authorization: Bearer TOKEN`. `'public'`: anybody.
        calls_per_minute: most calls a minute of those who are not of the account; 0 for no limit.
        new_token: makes another token. The one before is worth nothing from then on.

    Raises:
        TypeError, ValueError: there is no such access, or it is no number of calls.
        CloudException: there is no such function.
    """
    content: dict[str, Any] = {}
    if access is not None:
        if access not in ACCESSES:
            raise ValueError(f"access is 'account', 'token' or 'public', not {access!r}")
        content["access"] = access
    if calls_per_minute is not None:
        if isinstance(calls_per_minute, bool) or not isinstance(calls_per_minute, int):
            raise TypeError("calls_per_minute is a number")
        if not 0 <= calls_per_minute <= CALLS_MAX:
            raise ValueError(f"calls_per_minute is 0 (no limit) to {CALLS_MAX}, not {calls_per_minute}")
        content["calls_per_minute"] = calls_per_minute
    if new_token:
        content["new_token"] = True
    if not content:
        raise TypeError("set_access needs access, calls_per_minute or new_token")
    token = _ask("PATCH", label, content=content).get("token")
    return None if token is None else str(token)


def invoke(label: str, /, **kwargs: Any) -> Jid:
    """Calls a published function; the id of its job, at once.

    Bytes and files that are open travel as they are, everything else as JSON.

    Raises:
        TypeError: JSON cannot say an argument.
        CloudException: nothing is published there, or it takes other arguments.
    """
    check_label(label)
    return Jid(send_call(_session(), label, kwargs))


def invoke_map(label: str, /, **lists: Any) -> JidRange:
    """Calls it once for each element of lists; the ids, in their order.

    Each argument is a list. Lists of one element are repeated for every call; all others are of the same
    length, of at most 500.

    Raises:
        TypeError: an argument is no list, or JSON cannot say an element.
        ValueError: an empty list, lists of different lengths, too many calls.
        CloudException: nothing is published there, or it takes other arguments.
    """
    check_label(label)
    first, count = send_map(_session(), label, lists)
    return JidRange(first, count)


def _ask(method: str, label: str, rest: str = "", content: Any = None) -> Any:
    path = f"/v1/published/{check_label(label)}{rest}"
    # What is said twice may be done twice, so only questions are.
    return _session().connection.json(method, path, content, repeat=method == "GET")


def _told(found: dict[str, Any]) -> dict[str, Any]:
    about = {name: found[name] for name in _SAME if name in found}
    about["func_name"] = found["function"]
    about["parameters"] = found["parameters"]["parameters"]
    for name in ("created", "published"):
        if name in found:
            about[name] = datetime.fromtimestamp(found[name] / 1000, timezone.utc)
    return about


_SAME = (
    "label",
    "uri",
    "signature",
    "output_encoding",
    "description",
    "version",
    "access",
    "calls_per_minute",
    "core_type",
    "cores",
)
