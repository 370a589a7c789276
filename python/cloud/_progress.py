"""A progress bar for long waits, when a person watches: a terminal or a notebook, never otherwise."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from ._config import config

__all__ = ["Progress"]

DELAY = 0.7
"""Seconds before a bar appears: what is quick needs none."""


class Progress:
    """Counts jobs that ended. Costs nothing where nobody watches."""

    def __init__(self, total: int, text: str) -> None:
        self._total = total
        self._text = text
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
            self._bar = _bar(self._total, self._text)
        if done > self._done:
            self._bar.update(done - self._done)
            self._done = done


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


def _bar(total: int, text: str) -> Any:
    if _notebook():
        from tqdm.auto import tqdm

        return tqdm(total=total, desc=text, unit="job")
    from tqdm import tqdm as plain

    return plain(total=total, desc=text, unit="job", file=sys.stderr, dynamic_ncols=True)
