"""`cloud.Executor`: jobs as `concurrent.futures`, for programs written against that.

>>> with cloud.Executor() as executor:                   # doctest: +SKIP
...     futures = [executor.submit(pow, 2, n) for n in range(10)]
...     for future in concurrent.futures.as_completed(futures):
...         print(future.result())
"""

from __future__ import annotations

import concurrent.futures
import threading
import weakref
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from ._core import current
from ._errors import CloudException
from ._jids import Jid, JidSet
from ._results import gather
from ._wait import Deadline
from ._watch import Watcher

if TYPE_CHECKING:
    from ._core import Cloud

__all__ = ["Executor", "JobFuture"]

T = TypeVar("T")


class JobFuture(concurrent.futures.Future[T]):
    """The future of one job, whose id is `jid`."""

    def __init__(self, jid: Jid, executor: Executor) -> None:
        super().__init__()
        self.jid = jid
        self._executor = executor

    def cancel(self) -> bool:
        """Kills the job if it has not begun; False if it has."""
        return self._executor._cancel(self)

    def running(self) -> bool:
        """Whether the job runs now."""
        return not self.done() and self._executor._cloud.status(int(self.jid)) == "processing"

    def __repr__(self) -> str:
        return f"<JobFuture of job {self.jid}: {self._state.lower()}>"


class Executor(concurrent.futures.Executor):
    """Runs functions as jobs. Keywords such as `_type` and `_label` hold for every job it makes.

    Leaving the `with` block waits for the jobs.
    """

    def __init__(self, **options: Any) -> None:
        from ._options import MAP, take_options

        _, unknown = take_options(options, MAP, "Executor")
        if unknown:
            raise TypeError(f"Executor() got an unexpected keyword argument {next(iter(unknown))!r}")
        self._options = options
        self._cloud: Cloud = current()
        self._futures: dict[int, JobFuture[Any]] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._watcher: Watcher | None = None
        self._finalizer: Any = None

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> JobFuture[T]:
        """Makes a job of `fn(*args, **kwargs)`. Raises as `cloud.call`, RuntimeError after `shutdown`."""
        self._check_open()
        jid = self._cloud.call(fn, *args, **kwargs, **self._options)
        return self._watch([jid])[0]

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[T]:
        """Results in order, as `concurrent.futures` has it: as many as the shortest iterable.

        `timeout` counts from this call. `chunksize` and `buffersize` have no meaning here.
        """
        self._check_open()
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        rows = list(zip(*iterables))
        deadline = Deadline(timeout)
        futures: list[JobFuture[T]] = []
        if rows:
            jids = self._cloud.map(fn, *(list(column) for column in zip(*rows)), **self._options)
            futures = self._watch(list(jids))
        return self._in_order(futures, deadline, timeout)

    def _in_order(
        self, futures: list[JobFuture[T]], deadline: Deadline, timeout: float | None
    ) -> Iterator[T]:
        try:
            futures.reverse()
            while futures:
                left = None if timeout is None else deadline.left_ms(1 << 40) / 1000
                yield futures.pop().result(left)
        finally:
            for future in futures:
                future.cancel()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more jobs; waits for those made; kills those not begun if `cancel_futures`."""
        self._closed = True
        with self._lock:
            pending = list(self._futures.values())
        if cancel_futures:
            for future in pending:
                future.cancel()
        if wait:
            concurrent.futures.wait(pending)
            if self._watcher is not None:
                self._watcher.stop()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def _watch(self, jids: list[Jid]) -> list[JobFuture[Any]]:
        futures = [JobFuture[Any](jid, self) for jid in jids]
        with self._lock:
            if self._watcher is None:
                self._watcher = Watcher(self._cloud._session(), self._finished, self._lost)
                self._finalizer = weakref.finalize(self, self._watcher.stop)
            self._futures.update(zip(map(int, jids), futures))
        self._watcher.add(map(int, jids))
        return futures

    def _finished(self, jids: JidSet) -> None:
        for jid, value, error in gather(self._cloud._session(), jids):
            future = self._futures.pop(jid, None)
            if future is None or not future.set_running_or_notify_cancel():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)

    def _lost(self, jids: JidSet, error: CloudException) -> None:
        for jid in jids:
            future = self._futures.pop(jid, None)
            if future is not None and future.set_running_or_notify_cancel():
                future.set_exception(error)

    def _cancel(self, future: JobFuture[Any]) -> bool:
        if future.cancelled():
            return True
        jid = int(future.jid)
        if future.done() or self._cloud.status(jid) not in ("waiting", "queued"):
            return False
        with self._lock:
            self._futures.pop(jid, None)
        if not concurrent.futures.Future.cancel(future):
            return False
        self._cloud.kill(jid)
        future.set_running_or_notify_cancel()
        return True
