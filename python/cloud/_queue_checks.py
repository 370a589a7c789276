"""What may be said about queues: checked before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["DEADLINE_MAX", "DEADLINE_MIN", "DELAY_MAX", "ids_of", "messages_of", "name_of", "whole"]

DELAY_MAX = 900
DEADLINE_MIN = 3
DEADLINE_MAX = 43_200
NUMBER_MAX = (1 << 32) - 2
"""Numbers travel in four bytes; the last one means none."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,39}")


def name_of(name: Any) -> str:
    """The name of a queue, if it may be one."""
    if not isinstance(name, str):
        raise TypeError(f"a queue's name is a string, not {type(name).__name__}")
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name of a queue: it has 1 to 39 letters, digits, - and _")
    return name


def whole(what: str, value: Any, least: int, most: int = NUMBER_MAX) -> int:
    """A whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} is a whole number, not {type(value).__name__}")
    if not least <= value <= most:
        bounds = f"at least {least}" if most == NUMBER_MAX and value < least else f"{least} to {most:,}"
        raise ValueError(f"{what} is {bounds}, not {value}")
    return value


def optional_whole(what: str, value: Any, least: int, most: int = NUMBER_MAX) -> int | None:
    """The same, or None."""
    return None if value is None else whole(what, value, least, most)


def messages_of(messages: Any) -> Iterable[Any]:
    """What `push` takes: many, not one."""
    if isinstance(messages, (str, bytes, bytearray, memoryview, Mapping)):
        one = f"a {type(messages).__name__}"
        raise ValueError(f"push takes many messages, and {one} would be one: push([message]) pushes it")
    if not isinstance(messages, Iterable):
        one = type(messages).__name__
        raise ValueError(f"push takes a list of messages, not one {one}: push([message]) pushes one")
    return messages


def ids_of(ids: Any) -> list[int] | None:
    """Ids of messages, None for all."""
    if ids is None:
        return None
    if isinstance(ids, (str, bytes)) or not isinstance(ids, Iterable):
        raise TypeError("ids are the ids of messages in a list, such as [message.id]")
    return [whole("the id of a message", id, 0, (1 << 63) - 1) for id in ids]
