"""Waiting until a job reaches a status.

>>> cloud.wait_for.status(jid, 'processing', timeout=60)    # doctest: +SKIP
'processing'
"""

from __future__ import annotations

import time

from ._core import Cloud, current, finished_statuses
from ._errors import CloudException, CloudTimeoutError
from ._jids import Jids, JidSet, is_single
from ._wait import POLL_MS, Deadline, wait

__all__ = ["status"]

_POLL_SECONDS = 0.1

_LATER = {
    "waiting": {"queued", "processing", "done", "error", "killed", "stalled"},
    "queued": {"processing", "done", "error", "killed"},
    "processing": {"queued", "done", "error", "killed"},
}
"""What may still come; a job whose machine was lost is queued again."""


def status(jid: Jids, test_status: str, timeout: float | None = None) -> str:
    """Returns the status once the job has it.

    Args:
        jid: one job id.
        test_status: waiting, queued, processing, done, error, killed or stalled.
        timeout: seconds to wait at most.

    Raises:
        TypeError: `jid` is not one id.
        ValueError: there is no such status.
        CloudException: the job can no longer reach it.
        CloudTimeoutError: it took longer.
    """
    if not is_single(jid):
        raise TypeError("jid must be an integer")
    if test_status not in _LATER and test_status not in finished_statuses:
        raise ValueError(f"{test_status!r} is not a status of a job")
    return _until(current(), JidSet.of(jid), test_status, Deadline(timeout))


def _until(cloud: Cloud, jids: JidSet, wanted: str, deadline: Deadline) -> str:
    (jid,) = jids
    while True:
        found = cloud._statuses(jids)[0]
        if found == wanted:
            return found
        if wanted not in _LATER.get(found, set()):
            raise CloudException(f"it is {found} and cannot become {wanted} any more", jid=jid)
        if deadline.passed():
            raise CloudTimeoutError(f"Timed out: job {jid} is {found}, not {wanted}")
        if wanted in finished_statuses:
            wait(cloud._session(), jids, "all", deadline.left_ms(POLL_MS))
        else:
            # Nobody is woken by a job that begins: ask again.
            time.sleep(min(_POLL_SECONDS, deadline.left_ms(1000) / 1000 + 0.001))
