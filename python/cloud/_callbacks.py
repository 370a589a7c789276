"""Functions run here when jobs end there. They die with this process."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Callable

from ._jids import Jid, JidSet, owned
from ._watch import Watcher

if TYPE_CHECKING:
    from ._core import Cloud
    from ._session import Session

__all__ = ["Callbacks"]

Functions = list[Callable[..., Any]]


class Callbacks:
    """Registered jobs and what to do at their end."""

    def __init__(self, cloud: Cloud, session: Session) -> None:
        self._cloud = cloud
        self._jobs: dict[int, tuple[Functions, Functions]] = {}
        self._watcher = Watcher(session, self._finished)

    def add(self, jid: int, on_success: Functions, on_error: Functions) -> None:
        """Watches a job."""
        self._jobs[jid] = (on_success, on_error)
        self._watcher.add([jid])

    def stop(self) -> None:
        """Calls nothing any more."""
        self._watcher.stop()

    def _finished(self, jids: JidSet) -> None:
        for jid, status in zip(jids, self._cloud._statuses(jids)):
            on_success, on_error = self._jobs.pop(jid, ([], []))
            for function in on_success if status == "done" else on_error:
                _call(function, owned(jid, self._cloud._as_owner()))


def _call(function: Callable[..., Any], jid: Jid) -> None:
    try:
        function(*((jid,) if _takes_one(function) else ()))
    except Exception:
        import logging

        logging.getLogger("Cloud").exception("a callback of job %d raised", jid)


def _takes_one(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    kinds = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    return any(parameter.kind in kinds for parameter in parameters)
