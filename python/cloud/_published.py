"""Functions behind addresses: what is sent to publish one, and to call it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._core_types import check_cores
from ._errors import CloudException
from ._frames import MEDIA_TYPE, encode
from ._pickling import Pickler
from ._submit import spec_of, with_blobs
from ._wire import Body

if TYPE_CHECKING:
    from ._options import Options
    from ._session import Session

__all__ = ["check_label", "publish", "put_framed", "send_call", "send_map"]

LABEL_MAX = 64
MAP_MAX = 500
_LABEL = re.compile(rf"[A-Za-z0-9_+\-.,]{{1,{LABEL_MAX}}}")


def check_label(label: object) -> str:
    """TypeError for what no address could have in it."""
    if not isinstance(label, str):
        raise TypeError(f"a label is a string, not {type(label).__name__}")
    # Two of the allowed ones mean something else in a path.
    if not _LABEL.fullmatch(label) or label in (".", ".."):
        raise TypeError(
            f"a label has 1 to {LABEL_MAX} letters, digits and characters of _+-., and {label!r} is none"
        )
    return label


def publish(
    session: Session,
    func: Any,
    label: str,
    signature: dict[str, Any],
    description: str,
    options: Options,
) -> dict[str, Any]:
    """Sends a function; what the service says of it then."""
    options.label = label
    header = {"description": description, "signature": signature}
    return put_framed(session, f"/v1/published/{label}", func, None, options, header)


def put_framed(
    session: Session,
    path: str,
    func: Any,
    arguments: tuple[tuple[Any, ...], dict[str, Any]] | None,
    options: Options,
    header: dict[str, Any],
) -> dict[str, Any]:
    """Puts a function, and arguments where there are some, at an address of the API."""
    check_cores(session, options.core_type, options.cores)
    service = session.check_python()
    inline_max = int(service["inline_max_bytes"])
    pickler = Pickler(session.payload_limit(), options.fast_serialization)
    payloads = [pickler.function(func)]
    if arguments is not None:
        payloads.append(pickler.arguments(*arguments))

    def send() -> dict[str, Any]:
        said = {"spec": spec_of(session, func, options, pickler), **header}
        body = Body(encode(said, [session.blobs.frame(payload, inline_max) for payload in payloads]))
        # Doing it twice is harmless: the second time puts the same there.
        reply = session.connection.request("PUT", path, body, MEDIA_TYPE, timeout=30.0)
        answer: dict[str, Any] = json.loads(bytes(reply.body))
        return answer

    try:
        return with_blobs(session, send)
    finally:
        for payload in payloads:
            payload.close()


def _account_of(session: Session) -> int:
    """The number of the account, which addresses have in them."""
    found = session.account
    if found is None:
        found = session.account = int(session.connection.json("GET", "/v1/service")["account"])
    return found


def send_call(session: Session, label: str, arguments: Mapping[str, Any]) -> int:
    """Calls a published function; the id of the job."""
    said = {name: _said(name, value) for name, value in arguments.items()}
    path = f"/r/{_account_of(session)}/{label}/"
    if all(isinstance(value, str) for value in said.values()):
        inside = ",".join(f"{json.dumps(name)}:{text}" for name, text in said.items())
        reply = _post(session, path, [b"{" + inside.encode() + b"}"], "application/json")
    else:
        form = _Form()
        for name, value in said.items():
            form.add(name, value)
        reply = _post(session, path, form.end(), form.content_type)
    return int(reply["jid"])


def send_map(session: Session, label: str, arguments: Mapping[str, Any]) -> tuple[int, int]:
    """Calls it many times; the first id and their number."""
    lists = {}
    for name, values in arguments.items():
        if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__iter__"):
            raise TypeError(f"invoke_map takes a list for each argument, and {name!r} is none")
        lists[name] = list(values)
        if not lists[name]:
            raise ValueError(f"the list of {name!r} is empty")
    if not lists:
        raise ValueError("invoke_map needs at least one list of arguments")
    lengths = {len(values) for values in lists.values() if len(values) > 1}
    if len(lengths) > 1:
        told = ", ".join(f"{name} {len(values)}" for name, values in lists.items())
        raise ValueError(f"lists of more than one must be of the same length, and these are: {told}")
    if max(lengths, default=1) > MAP_MAX:
        raise ValueError(f"{max(lengths)} calls are more than the {MAP_MAX} that one request makes")
    form = _Form()
    for name, values in lists.items():
        for value in values:
            form.add(name, _said(name, value))
    reply = _post(session, f"/r/{_account_of(session)}/{label}/map/", form.end(), form.content_type)
    first, _, _ = str(reply["jids"]).partition("-")
    return int(first), int(reply["count"])


def _post(session: Session, path: str, parts: list[Any], content_type: str) -> dict[str, Any]:
    body = Body(parts)
    # Not said twice where the answer was lost: that would be two jobs.
    reply = session.connection.request("POST", path, body, content_type, timeout=60.0, repeat=False)
    try:
        found: dict[str, Any] = json.loads(bytes(reply.body))
    except ValueError:
        raise CloudException("the server answered with something else than JSON", kind="bad_reply") from None
    return found


def _said(name: str, value: Any) -> str | _File:
    """A value as JSON, or as a file."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _File(name, bytes(value))
    read = getattr(value, "read", None)
    if callable(read):
        content = read()
        given = getattr(value, "name", None)
        file_name = os.path.basename(given) if isinstance(given, str) else name
        return _File(file_name or name, content.encode() if isinstance(content, str) else bytes(content))
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"the argument {name!r} is no file, no bytes, and JSON cannot say it: {error}"
        ) from None


class _File:
    """A value that travels as it is."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self.content = content


class _Form:
    """A `multipart/form-data` body."""

    def __init__(self) -> None:
        # Chance enough not to stand in any content.
        self._boundary = f"picloud-{os.urandom(24).hex()}"
        self._parts: list[Any] = []
        self.content_type = f"multipart/form-data; boundary={self._boundary}"

    def add(self, name: str, value: str | _File) -> None:
        """One field."""
        head = f'--{self._boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'
        if isinstance(value, _File):
            head += f'; filename="{_quoted(value.name)}"\r\nContent-Type: application/octet-stream'
        content = value.content if isinstance(value, _File) else value.encode()
        self._parts += [f"{head}\r\n\r\n".encode(), content, b"\r\n"]

    def end(self) -> list[Any]:
        """All of it."""
        return [*self._parts, f"--{self._boundary}--\r\n".encode()]


def _quoted(text: str) -> str:
    """As browsers write names in such a head."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
