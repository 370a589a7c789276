"""What is told about queues: messages that were looked at, rates, versions of handlers."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, NamedTuple

from ._queue_calls import moment
from ._queue_messages import shown

__all__ = ["PeekedMessage", "RateWindow", "peeked", "rate", "version_info"]


class PeekedMessage(NamedTuple):
    """A message that was looked at.

    Attributes:
        id: for `move`, `purge`, `redrive` and `requeue`.
        message: its value; a CloudException where it is too large to be shown, or cannot be unpickled.
        size: in bytes, as it is stored.
        cur_retry: retries so far.
        deliveries: how often it was handed out.
        created: when it came into its first queue.
        visible_at: from when on it can be taken; None if it can be now.
    """

    id: int
    message: Any
    size: int
    cur_retry: int
    deliveries: int
    created: datetime
    visible_at: datetime | None


class RateWindow(NamedTuple):
    """What happened in a queue within ten seconds.

    Attributes:
        start: when they began.
        version: the version of the handler; 0 for pushes, and for pops by people.
        enqueued: messages that came in.
        dequeued: messages that left.
        retried: of those handled, how many are to come back.
        failed: of those handled, how many failed.
        handled_seconds: time spent in handlers.
    """

    start: datetime
    version: int
    enqueued: int
    dequeued: int
    retried: int
    failed: int
    handled_seconds: float


def version_info(version: dict[str, Any]) -> dict[str, Any]:
    """A version of an attachment, its settings among what else is known."""
    info = {**version, **version["settings"]}
    del info["settings"]
    info["attached"] = moment(info["attached"])
    info["retry_delay"] = info.pop("retry_delay_s")
    return info


def rate(window: dict[str, Any]) -> RateWindow:
    """A window in JSON as a tuple."""
    return RateWindow(
        moment(window["start"]),
        window["version"],
        window["enqueued"],
        window["dequeued"],
        window["retried"],
        window["failed"],
        window["handled_us"] / 1e6,
    )


def peeked(message: dict[str, Any]) -> PeekedMessage:
    """A message in JSON as a tuple."""
    visible = message.get("visible_at")
    return PeekedMessage(
        message["id"],
        shown(message),
        message["size_bytes"],
        message["cur_retry"],
        message["deliveries"],
        moment(message["created"]),
        None if visible is None or visible <= time.time() * 1000 else moment(visible),
    )
