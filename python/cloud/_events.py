"""Server-sent events: a line that stays open, and is opened again where it broke."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ._errors import CloudException
from ._http import Connection, Patience

__all__ = ["Event", "events", "parse"]

LINE_MAX = 1 << 20


class Event(NamedTuple):
    """One event: its name, its id (of an earlier one where it has none), what it carries."""

    name: str
    id: str
    data: Any


def events(connection: Connection, path: str) -> Iterator[Event]:
    """The events at `path`, without end, across lost connections and restarts of the server.

    Resumes after the last event that had an id. Whoever reads decides which event is the last one.
    """
    last_id = ""
    patience = connection.patience()
    while True:
        headers = {"Accept": "text/event-stream"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        lost = CloudException(
            "the server ended the events before the job did", kind="server_down", retry=True
        )
        try:
            for event in parse(_alive(connection.stream(path, headers), patience), last_id):
                last_id = event.id
                yield event
        except CloudException as error:
            if not error.retry:
                raise
            lost = error
        if not patience.pause():
            raise lost


def _alive(pieces: Iterable[bytes], patience: Patience) -> Iterator[bytes]:
    for piece in pieces:
        patience.renew()  # also for the comments that keep the line open
        yield piece


def parse(pieces: Iterable[bytes], last_id: str = "") -> Iterator[Event]:
    """Events from the bytes of a stream, however they were cut."""
    name, data = "message", ""
    for line in _lines(pieces):
        field, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if not line:
            if data:
                yield Event(name, last_id, _json(data))
            name, data = "message", ""
        elif field == "event":
            name = value
        elif field == "id":
            last_id = value
        elif field == "data":
            data = f"{data}\n{value}" if data else value
        # Comments, which keep the line open, have an empty name; unknown fields are to be ignored.


def _json(data: str) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        raise CloudException("an event of the server does not read", kind="bad_reply") from None


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        if len(rest) > LINE_MAX:
            raise CloudException("an event of the server does not end", kind="bad_reply")
        for line in whole:
            yield line.rstrip(b"\r").decode("utf-8", "replace")
