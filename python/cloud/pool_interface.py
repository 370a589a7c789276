"""The functions of `multiprocessing.Pool`, as jobs.

>>> from cloud.pool_interface import map    # doctest: +SKIP
>>> map(len, ['a', 'bc'])                   # doctest: +SKIP
[1, 2]
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator
from typing import Any, Callable

from ._core import current, finished_statuses
from ._errors import CloudTimeoutError
from ._jids import Jid, JidRange

__all__ = ["AsyncResult", "apply", "apply_async", "imap", "imap_unordered", "map", "map_async"]


class AsyncResult:
    """The result of a job or a map, there or not yet."""

    def __init__(self, jids: Jid | JidRange) -> None:
        self.jids = jids

    def get(self, timeout: float | None = None) -> Any:
        """The value; waits for it. TimeoutError (a CloudTimeoutError) when it takes longer."""
        return current().result(self.jids, timeout=timeout)

    def wait(self, timeout: float | None = None) -> None:
        """Waits for the end, at most `timeout` seconds, and raises nothing."""
        try:
            current().join(self.jids, timeout=timeout, ignore_errors=True)
        except CloudTimeoutError:
            return

    def ready(self) -> bool:
        """Whether all has ended."""
        return all(status in finished_statuses for status in self._statuses())

    def successful(self) -> bool:
        """Whether all ended without an exception. ValueError if it has not ended."""
        statuses = self._statuses()
        if not all(status in finished_statuses for status in statuses):
            raise ValueError(f"{self!r} not ready")
        return all(status == "done" for status in statuses)

    def _statuses(self) -> list[str]:
        found = current().status(self.jids)
        return [found] if isinstance(found, str) else list(found)


def apply(func: Callable[..., Any], args: Iterable[Any] = (), kwds: dict[str, Any] | None = None) -> Any:
    """Runs `func(*args, **kwds)` as a job and waits for its value."""
    return apply_async(func, args, kwds).get()


def apply_async(
    func: Callable[..., Any],
    args: Iterable[Any] = (),
    kwds: dict[str, Any] | None = None,
    callback: Callable[[Any], object] | None = None,
    error_callback: Callable[[BaseException], object] | None = None,
) -> AsyncResult:
    """Runs `func(*args, **kwds)` as a job. `callback` gets the value, `error_callback` the exception."""
    options: dict[str, Any] = {}
    if callback is not None:
        given = callback
        options["_callback"] = lambda jid: given(current().result(jid))
    if error_callback is not None:
        on_error = error_callback
        options["_callback_on_error"] = lambda jid: on_error(current().result([jid], ignore_errors=True)[0])
    return AsyncResult(current().call(func, *args, **(kwds or {}), **options))


def map(func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int | None = None) -> list[Any]:
    """The values of `func` for each element. `chunksize` has no meaning here."""
    return builtins.list(map_async(func, iterable).get())


def map_async(
    func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int | None = None
) -> AsyncResult:
    """As `map`, without waiting."""
    return AsyncResult(current().map(func, iterable))


def imap(func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int = 10) -> Iterator[Any]:
    """The values one by one, in order; `chunksize` of them are fetched ahead."""
    return current().iresult(current().map(func, iterable), num_in_parallel=chunksize)


def imap_unordered(func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int = 10) -> Iterator[Any]:
    """The values one by one, as jobs end."""
    return (value for _, value in current().iresult_unordered(current().map(func, iterable)))
