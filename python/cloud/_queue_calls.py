"""Requests about one queue: batches of any size in requests of a bounded one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

from ._errors import CloudException
from ._frames import dumps, encode, read_header
from ._queue_messages import Encoder, Part, parts_of
from ._queue_wire import Delivered, read_delivered
from ._session import Session
from ._wire import Body

__all__ = ["ask", "moment", "path_of", "pop", "push", "tickets"]

WAIT_SECONDS = 20.0
POP_COUNT = 1000
TICKETS_COUNT = 5000
FULL_BYTES = 1 << 20
"""An answer so large may have been cut for its size: there may be more."""
AGAIN_SECONDS = 0.1
"""Before asking again a server that did not wait as long as it was asked to."""


def path_of(name: str, rest: str = "") -> str:
    """The address of a queue, or of something in it."""
    return f"/v1/queues/{name}{rest}"


def moment(ms: int) -> datetime:
    """A moment of the server."""
    return datetime.fromtimestamp(ms / 1000, timezone.utc)


def ask(session: Session, name: str, rest: str = "", content: Any = None, repeat: bool = True) -> Any:
    """Posts JSON, gets JSON."""
    return session.connection.json("POST", path_of(name, rest), content or {}, timeout=60.0, repeat=repeat)


def push(session: Session, name: str, messages: Iterable[Any], delay: int) -> None:
    """Sends messages; each part is on disk before the next one is sent."""
    encoder = Encoder(session)
    for part in parts_of(encoder, messages):
        try:
            _push_part(session, name, part, delay)
        finally:
            part.close()


def _push_part(session: Session, name: str, part: Part, delay: int) -> None:
    # The key makes it harmless to say it again where an answer was lost.
    header = {"count": len(part.frames), "delay_s": delay, "key": os.urandom(16).hex()}
    parts = encode(header, part.frames)
    blobs = session.blobs if part.blobs else None
    if blobs is not None:
        blobs.put(part.blobs)
    try:
        session.connection.framed(path_of(name, "/messages"), parts, timeout=30.0)
    except CloudException as error:
        if blobs is None or error.kind != "blob_missing":
            raise
        # The last message that had the same content may be gone by now, and the content with it.
        blobs.forget()
        blobs.put(part.blobs)
        session.connection.framed(path_of(name, "/messages"), parts, timeout=30.0)


def pop(
    session: Session, name: str, max_count: int, timeout: float, deadline: int | None
) -> tuple[list[Delivered], int | None]:
    """Takes messages: waits for the first, then takes as many as there are. Also when their deadline is."""
    found: list[Delivered] = []
    until: int | None = None
    end = time.monotonic() + timeout
    while True:
        wait = 0.0 if found else max(0.0, min(WAIT_SECONDS, end - time.monotonic()))
        began = time.monotonic()
        asked = min(POP_COUNT, max_count - len(found))
        try:
            some, size, until_now = _pop_once(session, name, asked, wait, deadline)
        except CloudException:
            if found:
                break  # what was taken must not be lost for what was not
            raise
        if found and not some:
            break
        until = until_now if until is None or until_now is None else min(until, until_now)
        found += some
        more = len(some) == asked or size > FULL_BYTES
        if (found and not more) or len(found) >= max_count:
            break
        if not found:
            if time.monotonic() >= end:
                break
            if time.monotonic() - began < wait / 2:  # it is about to stop, and another takes over
                time.sleep(min(AGAIN_SECONDS, max(0.0, end - time.monotonic())))
    return found, until


def _pop_once(
    session: Session, name: str, count: int, wait: float, deadline: int | None
) -> tuple[list[Delivered], int, int | None]:
    content: dict[str, Any] = {"max_count": count, "wait_ms": round(wait * 1000)}
    if deadline is not None:
        content["deadline_s"] = deadline
    # Messages that were removed for an answer that did not arrive are lost; those with a deadline come back.
    reply = session.connection.request(
        "POST",
        path_of(name, "/pop"),
        Body([dumps(content)]),
        "application/json",
        timeout=wait,
        repeat=deadline is not None,
    )
    header, position = read_header(reply.body)
    messages = read_delivered(reply.body, position, int(header["count"]))
    return messages, len(reply.body), header.get("deadline")


def tickets(
    session: Session, name: str, verb: str, ids: list[str], deadline: int | None = None
) -> tuple[list[str], int | None]:
    """Acknowledges, or gives another deadline; which tickets were not good any more, and the deadline."""
    lost: list[str] = []
    until: int | None = None
    for start in range(0, len(ids), TICKETS_COUNT):
        content: dict[str, Any] = {"tickets": ids[start : start + TICKETS_COUNT]}
        if deadline is not None:
            content["deadline_s"] = deadline
        reply = ask(session, name, f"/{verb}", content)
        lost += reply["lost"]
        until = reply.get("deadline")
    return lost, until
