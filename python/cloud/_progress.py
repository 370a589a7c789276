"""A progress bar for long waits, when a person watches: a terminal or a notebook, never otherwise."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Any

from ._config import config

__all__ = ["Progress"]

DELAY = 0.7
"""Seconds before a bar appears: what is quick needs none."""


class Progress:
    """Counts jobs that ended, or bytes that travelled. Costs nothing where nobody watches."""

    def __init__(self, total: int, text: str, unit: str = "job") -> None:
        self._total = total
        self._text = text
        self._unit = unit
        self._added = 0
        self._lock = threading.Lock()
        self._done = 0
        self._bar: Any = None
        self._start = time.monotonic()
        self.shown = total > 1 and watched()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def at(self, done: int) -> None:
        """So many have ended."""
        if not self.shown:
            return
        if self._bar is None:
            if time.monotonic() - self._start < DELAY:
                return
            self._bar = _bar(self._total, self._text, self._unit)
        if done > self._done:
            self._bar.update(done - self._done)
            self._done = done

    def add(self, count: int) -> None:
        """So many more, or fewer where something is sent again; from any thread."""
        if self.shown:
            with self._lock:
                self._added += count
                self.at(self._added)


def watched() -> bool:
    """Whether a person would see it."""
    if config.progress is not None:
        return config.progress
    if _notebook():
        return True
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False


def _notebook() -> bool:
    shell = sys.modules.get("IPython")
    if shell is None:
        return False
    running = shell.get_ipython()
    return running is not None and hasattr(running, "kernel")


def _bar(total: int, text: str, unit: str) -> Any:
    scale = unit == "B"
    if _notebook():
        from tqdm.auto import tqdm

        return tqdm(total=total, desc=text, unit=unit, unit_scale=scale)
    from tqdm import tqdm as plain

    return plain(total=total, desc=text, unit=unit, unit_scale=scale, file=sys.stderr, dynamic_ncols=True)
