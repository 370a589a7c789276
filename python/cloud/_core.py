"""The `Cloud` behind the functions of the package: one connection, opened at the first use."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Callable

from ._config import config, credentials
from ._jids import Jid, JidRange, Jids, JidSet, is_single, one, owned
from ._session import Session, inside_job

if TYPE_CHECKING:
    from ._config import Credentials
    from ._series import Sample, Series

__all__ = ["Cloud", "current", "finished_statuses", "set_current"]

finished_statuses = ["done", "stalled", "error", "killed"]
"""Statuses after which a job does not change any more."""


class Cloud:
    """The API of the package on one server. The module's functions use the current one.

    `find` says at the first use what to connect to; `kind` shows in `connection_info`.
    """

    def __init__(self, find: Callable[[], Credentials] = credentials, kind: str = "network") -> None:
        self._find = find
        self._session_now: Session | None = None
        self._lock = threading.Lock()
        self.kind = kind
        self.whitelist: list[str] | None = None
        self.immutable = False

    def _session(self) -> Session:
        session = self._session_now
        if session is not None:
            return session
        with self._lock:
            if self._session_now is None:
                self._session_now = Session(self._find(), config, self.whitelist)
            return self._session_now

    def _as_owner(self) -> Cloud | None:
        # Ids of the current connection are free; those of another remember it.
        return self if self is not _state.current else None

    def call(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Jid:
        """See `cloud.call`."""
        from ._options import CALL, take_options
        from ._submit import submit_call

        if not callable(func):
            raise TypeError(f"cloud.call: {func!r} is not callable")
        options, own = take_options(kwargs, CALL, "call")
        session = self._session()
        jid = submit_call(session, func, args, own, options)
        if options.callback or options.callback_on_error:
            if session.callbacks is None:
                from ._callbacks import Callbacks

                session.callbacks = Callbacks(self, session)
            session.callbacks.add(jid, options.callback, options.callback_on_error)
        return owned(jid, self._as_owner())

    def map(self, func: Callable[..., Any], *iterables: Any, **kwargs: Any) -> JidRange:
        """See `cloud.map`."""
        from ._options import MAP, take_options
        from ._submit import submit_map

        if not callable(func):
            raise TypeError(f"cloud.map: {func!r} is not callable")
        if not iterables:
            raise ValueError("cloud.map needs at least one iterable")
        for iterable in iterables:
            if not isinstance(iterable, Iterable) and not hasattr(iterable, "__getitem__"):
                raise TypeError(f"cloud.map: {type(iterable).__name__!r} object is not iterable")
        for keyword in kwargs:
            if not keyword.startswith("_") or keyword in ("_callback", "_callback_on_error"):
                raise ValueError(f"cloud.map does not take the keyword argument {keyword!r}")
        options, _ = take_options(kwargs, MAP, "map")
        first, total = submit_map(self._session(), func, iterables, options)
        return JidRange(first, total, self._as_owner())

    def result(
        self,
        jids: Jids,
        timeout: float | None = None,
        ignore_errors: bool = False,
        deadlock_check: bool = True,
    ) -> Any:
        """See `cloud.result`."""
        from ._results import results

        single = is_single(jids)
        values = results(self._session(), JidSet.of(jids), timeout, ignore_errors, deadlock_check, "results")
        return values[0] if single else values

    def iresult(
        self,
        jids: Jids,
        timeout: float | None = None,
        num_in_parallel: int = 10,
        ignore_errors: bool = False,
    ) -> Iterator[Any]:
        """See `cloud.iresult`."""
        from ._results import ResultIterator

        return ResultIterator(self._session(), JidSet.of(jids), timeout, num_in_parallel, ignore_errors)

    def iresult_unordered(
        self, jids: Jids, timeout: float | None = None, ignore_errors: bool = False
    ) -> Iterator[tuple[Jid, Any]]:
        """See `cloud.iresult_unordered`."""
        from ._results import UnorderedResults

        return UnorderedResults(self._session(), JidSet.of(jids), timeout, ignore_errors)

    def join(
        self,
        jids: Jids,
        timeout: float | None = None,
        ignore_errors: bool = False,
        deadlock_check: bool = True,
    ) -> None:
        """See `cloud.join`."""
        from ._wait import join

        join(self._session(), JidSet.of(jids), timeout, ignore_errors, deadlock_check, "jobs")

    def status(self, jids: Jids) -> Any:
        """See `cloud.status`."""
        single = is_single(jids)
        statuses = self._statuses(JidSet.of(jids))
        return statuses[0] if single else statuses

    def _statuses(self, jids: JidSet) -> list[str]:
        session = self._session()
        known = session.statuses
        if known and len(jids) <= len(known):
            cached = [known.get(jid, "") for jid in jids]
            if all(cached):
                return cached
        statuses: list[str] = []
        for part in jids.parts():
            for run in session.connection.json("POST", "/v1/jobs/status", {"jids": str(part)})["statuses"]:
                of_run, status = JidSet.parse(run["jids"]), run["status"]
                statuses += [status] * len(of_run)
                if status in finished_statuses and len(of_run) <= 1000:
                    for jid in of_run:
                        session.remember_status(jid, status)
        return statuses

    def info(
        self, jids: Jids, info_requested: str | Iterable[str] | None = None
    ) -> dict[int, dict[str, Any]]:
        """See `cloud.info`."""
        from ._info import info

        return info(self._session(), JidSet.of(jids), info_requested)

    def series(self, jid: int) -> Series:
        """See `cloud.series`."""
        from ._series import series

        return series(self._session(), one(jid))

    def watch(self, jid: int) -> Iterator[Sample]:
        """See `cloud.watch`."""
        from ._series import watch

        return watch(self._session(), one(jid))

    def kill(self, jids: Jids | None = None) -> None:
        """See `cloud.kill`."""
        connection = self._session().connection
        if jids is None:
            connection.json("POST", "/v1/jobs/kill", {"all": True})
            return
        for part in JidSet.of(jids).parts():
            connection.json("POST", "/v1/jobs/kill", {"jids": str(part)})

    def delete(self, jids: Jids) -> None:
        """See `cloud.delete`."""
        session = self._session()
        for part in JidSet.of(jids).parts():
            session.connection.json("POST", "/v1/jobs/delete", {"jids": str(part)})
            session.forget(part)

    def close(self) -> bool:
        """See `cloud.close`."""
        session, self._session_now = self._session_now, None
        if session is None:
            return False
        session.close()
        return True

    def connection_info(self) -> dict[str, Any]:
        """See `cloud.connection_info`."""
        session = self._session_now
        found = session.connection.credentials if session is not None else None
        if found is None and self.kind == "network":
            found = self._find()
        info: dict[str, Any] = {"opened": session is not None}
        if self.kind == "network":
            assert found is not None, "a network connection has credentials"
            info["connection_type"] = "HTTPS" if found.server.startswith("https") else "HTTP"
            info.update(server_url=found.server, api_key=found.api_key, api_secretkey=found.api_secretkey)
            return info
        info.update(connection_type=self.kind, num_procs=os.cpu_count())
        if found is not None:
            info["server_url"] = found.server
        return info

    def set_dependency_whitelist(self, whitelist: Iterable[str] | None) -> None:
        """See `cloud.set_dependency_whitelist`."""
        names = None if whitelist is None else [whitelist] if isinstance(whitelist, str) else list(whitelist)
        if names is not None and not all(isinstance(name, str) for name in names):
            raise TypeError("a whitelist is a list of module names, or None")
        self.whitelist = names
        if self._session_now is not None:
            self._session_now.whitelist = self.whitelist


class _State:
    """Which `Cloud` the module's functions use."""

    def __init__(self) -> None:
        self.current: Cloud | None = None
        self.job: tuple[str, str] = ("", "")
        self.lock = threading.Lock()


_state = _State()


def current() -> Cloud:
    """The `Cloud` in use. Inside a job that of the job: a process runs many, each with its own key."""
    if inside_job():
        environ = os.environ
        job = (environ["PICLOUD_JOB_ID"], environ.get("PICLOUD_API_SECRETKEY", ""))
        if job != _state.job:
            with _state.lock:
                if job != _state.job:
                    if _state.current is not None:
                        _state.current.close()
                    _state.current = Cloud()
                    _state.job = job
    found = _state.current
    if found is None:
        with _state.lock:
            if _state.current is None:
                _state.current = Cloud()
            found = _state.current
    return found


def set_current(cloud: Cloud) -> None:
    """Makes it the one in use, and closes the one before."""
    before = _state.current
    if before is not None and before is not cloud:
        before.close()
    _state.current = cloud


def setkey(
    api_key: object,
    api_secretkey: str | None = None,
    server_url: str | None = None,
    restart: bool = False,
    immutable: bool = False,
) -> None:
    """See `cloud.setkey`."""
    now = current()
    if now.immutable:
        return
    if api_key is None:
        raise TypeError("setkey needs an API key")
    found = credentials(api_key, api_secretkey, server_url)
    same = now.kind == "network" and now._session_now is not None and _same(now._session_now, found)
    if not same or restart:
        now = Cloud(lambda: found)
        set_current(now)
    now.whitelist = None
    now.immutable = immutable


def _same(session: Session, found: Credentials) -> bool:
    used = session.connection.credentials
    return (used.server, used.api_key, used.api_secretkey) == (
        found.server,
        found.api_key,
        found.api_secretkey,
    )


def start_simulator(force_restart: bool = False) -> None:
    """See `cloud.start_simulator`."""
    now = current()
    if now.immutable or (now.kind == "simulation" and not force_restart):
        return
    from ._local import simulator

    if force_restart:
        simulator.restart()
    set_current(Cloud(simulator.credentials, "simulation"))
