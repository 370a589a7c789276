"""Waiting for conditions, never for time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], timeout: float = 20.0, what: str = "") -> T:
    """Polls until `condition` answers something true and answers that, or raises AssertionError."""
    deadline = time.monotonic() + timeout
    pause = 0.002
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            name = what or getattr(condition, "__name__", repr(condition))
            raise AssertionError(f"after {timeout} s still not so: {name} (last answer: {found!r})")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def eventually(check: Callable[[], T], timeout: float = 20.0) -> T:
    """Polls until `check` passes its own assertions; the last failure is raised once the time is up."""
    deadline = time.monotonic() + timeout
    pause = 0.002
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
