"""What may be registered by the clock: said before anything is sent, where it can be said here."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

__all__ = ["OVERLAPS", "check_callable", "check_label", "schedule_text"]

FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
OVERLAPS = ("allow", "skip", "queue")
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def check_callable(func: Any) -> None:
    """TypeError for what cannot be called, ValueError for what needs arguments."""
    if not callable(func):
        raise TypeError(f"cloud.cron.register: {func!r} is not callable")
    try:
        parameters = inspect.signature(func).parameters.values()
    except (TypeError, ValueError):
        return  # written in C, and says nothing about itself
    for parameter in parameters:
        if parameter.default is inspect.Parameter.empty and parameter.kind not in _VARIADIC:
            raise ValueError(
                f"a cron calls its function without arguments, and it needs {parameter.name!r}: wrap it, "
                "such as in lambda: f(7)"
            )


def check_label(label: object) -> str:
    """TypeError for what is no label."""
    if not isinstance(label, str) or not label.isascii():
        raise TypeError("the label of a cron is an ASCII string")
    if not label or not label.isprintable():
        raise TypeError(f"the label of a cron has printable characters, and {label!r} has none or others")
    return label


def schedule_text(schedule: str | Sequence[Any]) -> str:
    """Five fields with a space between. ValueError for another number of them."""
    if isinstance(schedule, str):
        fields = schedule.split()
    elif isinstance(schedule, Sequence) and not isinstance(schedule, (bytes, bytearray)):
        fields = [_field(name, value) for name, value in zip(FIELDS, schedule)]
        fields += ["*"] * (len(schedule) - len(fields))  # too many: only counted
    else:
        raise TypeError("a schedule is a string such as '0 19 * * *', or its five fields")
    if len(fields) != len(FIELDS):
        raise ValueError(
            f"a schedule has five fields ({', '.join(FIELDS)}), and {schedule!r} has {len(fields)}"
        )
    return " ".join(fields)


def _field(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError(f"the {name} of a schedule is a string or a number, not {type(value).__name__}")
    text = str(value)
    if not text or any(letter.isspace() for letter in text):
        raise ValueError(f"{value!r} is no {name} of a schedule")
    return text
