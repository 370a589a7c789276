"""The package for asyncio: the same functions, to be awaited; a cancelled one stops waiting at once.

>>> jid = await cloud.aio.call(pow, 2, 10)    # doctest: +SKIP
>>> await cloud.aio.result(jid)               # doctest: +SKIP
1024

Requests are made by threads, which are daemons: an event loop that ends waits for none of them. However
many single jobs are awaited, one thread watches them all.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable
from typing import Any, Callable, TypeVar

from ._core import Cloud, current
from ._errors import CloudTimeoutError
from ._jids import Jid, JidRange, Jids, JidSet, is_single
from ._results import UnorderedResults, raise_failure
from ._series import Sample, Series
from ._wait import Deadline, wait
from ._watch import Watcher

__all__ = [
    "call",
    "delete",
    "info",
    "iresult",
    "iresult_unordered",
    "join",
    "kill",
    "map",
    "result",
    "series",
    "status",
    "watch",
]

T = TypeVar("T")

STEP_MS = 3_000
"""How long the thread of a cancelled wait may live on."""


async def _threaded(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Runs it in a daemon thread. Cancelling abandons it."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)

    def run() -> None:
        value: Any = None
        error: BaseException | None = None
        try:
            value = function(*args, **kwargs)
        except StopIteration:
            error = StopAsyncIteration()
        except BaseException as raised:
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=run, name="picloud-aio", daemon=True).start()
    return await future


class _Ends:
    """Futures of single jobs, completed by one thread for all event loops."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.session = cloud._session()
        self._waiting: dict[int, list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]]] = {}
        self._lock = threading.Lock()
        self._watcher = Watcher(self.session, self._finished, lambda jids, error: self._finished(jids))

    async def of(self, jid: int) -> None:
        """Returns once the job has ended, or is no longer known."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            self._waiting.setdefault(jid, []).append((loop, future))
        self._watcher.add([jid])
        await future

    def _finished(self, jids: JidSet) -> None:
        for jid in jids:
            with self._lock:
                waiting = self._waiting.pop(jid, [])
            for loop, future in waiting:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_wake, future)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


_ends: _Ends | None = None


def _ends_of(cloud: Cloud) -> _Ends:
    global _ends
    session = cloud._session()
    if _ends is None or _ends.session is not session:
        _ends = _Ends(cloud)
    return _ends


async def call(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Jid:
    """As `cloud.call`."""
    return await _threaded(current().call, func, *args, **kwargs)


async def map(func: Callable[..., Any], *iterables: Iterable[Any], **kwargs: Any) -> JidRange:
    """As `cloud.map`."""
    return await _threaded(current().map, func, *iterables, **kwargs)


async def join(jids: Jids, timeout: float | None = None, ignore_errors: bool = False) -> None:
    """As `cloud.join`."""
    cloud = current()
    wanted = JidSet.of(jids)
    deadline = Deadline(timeout)
    if is_single(jids) or len(wanted) == 1:
        await _join_one(cloud, next(iter(wanted)), timeout, ignore_errors)
        return
    until = "all" if ignore_errors else "all_or_failure"
    for part in wanted.parts():
        while True:
            reply = await _threaded(wait, cloud._session(), part, until, deadline.left_ms(STEP_MS))
            if reply["first_failed"] is not None and not ignore_errors:
                await _threaded(raise_failure, cloud._session(), reply["first_failed"])
            if reply["unfinished"] == 0:
                break
            if deadline.passed():
                raise CloudTimeoutError(
                    f"Timed out: {reply['unfinished']} of {len(part)} jobs have not ended"
                )


async def _join_one(cloud: Cloud, jid: int, timeout: float | None, ignore_errors: bool) -> None:
    try:
        await asyncio.wait_for((await _threaded(_ends_of, cloud)).of(jid), timeout)
    except asyncio.TimeoutError:
        raise CloudTimeoutError(f"Timed out: job {jid} has not ended") from None
    if not ignore_errors:
        await _threaded(raise_failure, cloud._session(), jid)


async def result(jids: Jids, timeout: float | None = None, ignore_errors: bool = False) -> Any:
    """As `cloud.result`."""
    cloud = current()
    if is_single(jids):
        await _join_one(cloud, next(iter(JidSet.of(jids))), timeout, True)
    else:
        jids = JidSet.of(jids)
        if jids:
            await join(jids, timeout, ignore_errors)
    return await _threaded(cloud.result, jids, None, ignore_errors)


async def iresult(
    jids: Jids, timeout: float | None = None, num_in_parallel: int = 10, ignore_errors: bool = False
) -> AsyncIterator[Any]:
    """As `cloud.iresult`, for `async for`. A failed job ends the iteration unless `ignore_errors`."""
    iterator = current().iresult(jids, timeout, num_in_parallel, ignore_errors)
    while True:
        try:
            value = await _threaded(next, iterator)
        except StopAsyncIteration:
            return
        yield value


async def iresult_unordered(
    jids: Jids, timeout: float | None = None, ignore_errors: bool = False
) -> AsyncIterator[tuple[Jid, Any]]:
    """As `cloud.iresult_unordered`, for `async for`. A failed job ends it unless `ignore_errors`."""
    iterator = UnorderedResults(current()._session(), JidSet.of(jids), timeout, ignore_errors)
    while True:
        try:
            value = await _threaded(next, iterator)
        except StopAsyncIteration:
            return
        yield value


async def status(jids: Jids) -> Any:
    """As `cloud.status`."""
    return await _threaded(current().status, jids)


async def info(jids: Jids, info_requested: str | Iterable[str] | None = None) -> dict[int, dict[str, Any]]:
    """As `cloud.info`."""
    return await _threaded(current().info, jids, info_requested)


async def series(jid: int) -> Series:
    """As `cloud.series`."""
    return await _threaded(current().series, jid)


async def watch(jid: int) -> AsyncIterator[Sample]:
    """As `cloud.watch`, for `async for`."""
    iterator = current().watch(jid)
    while True:
        try:
            sample = await _threaded(next, iterator)
        except StopAsyncIteration:
            return
        yield sample


async def kill(jids: Jids | None = None) -> None:
    """As `cloud.kill`."""
    await _threaded(current().kill, jids)


async def delete(jids: Jids) -> None:
    """As `cloud.delete`."""
    await _threaded(current().delete, jids)
