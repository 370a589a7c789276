"""Waiting until a job reaches a status, or listens on a port.

>>> cloud.wait_for.status(jid, 'processing', timeout=60)    # doctest: +SKIP
'processing'
>>> cloud.wait_for.port(jid, 8000, timeout=60)              # doctest: +SKIP
{'address': 'worker-3', 'port': 8000}
"""

from __future__ import annotations

import time
from typing import Any

from ._core import Cloud, current, finished_statuses
from ._errors import CloudException, CloudTimeoutError
from ._jids import Jids, JidSet, one
from ._wait import POLL_MS, Deadline, wait

__all__ = ["port", "status"]

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
    jids = JidSet.of(one(jid))
    if test_status not in _LATER and test_status not in finished_statuses:
        raise ValueError(f"{test_status!r} is not a status of a job")
    return _until(current(), jids, test_status, Deadline(timeout))


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


def port(jid: Jids, port: int, protocol: str = "tcp", timeout: float | None = None) -> dict[str, Any]:
    """Returns where a port of a job can be reached, `{'address', 'port'}`, once the job listens on it.

    Args:
        jid: one job id.
        port: the number of the port that the job opens.
        protocol: `'tcp'` or `'udp'`.
        timeout: seconds to wait at most.

    Raises:
        TypeError: `jid` or `port` is not one integer.
        ValueError: there is no such port or protocol.
        CloudException: the job has ended.
        CloudTimeoutError: it took longer.
    """
    number = one(jid)
    if isinstance(port, bool) or not isinstance(port, int):
        raise TypeError("port must be an integer")
    if not 0 < port < 65_536:
        raise ValueError(f"{port} is not the number of a port")
    if protocol not in ("tcp", "udp"):
        raise ValueError(f"protocol must be 'tcp' or 'udp', not {protocol!r}")
    cloud = current()
    deadline = Deadline(timeout)
    while True:
        info = cloud.info(number, ["status", "ports"])[number]
        if info["status"] in finished_statuses:
            raise CloudException(f"it is {info['status']} and listens on no port any more", jid=number)
        found: dict[str, Any] | None = ((info["ports"] or {}).get(protocol) or {}).get(port)
        if found is not None:
            # A local server's worker is this machine, whatever its name resolves to.
            return found if cloud.kind == "network" else {**found, "address": "127.0.0.1"}
        if deadline.passed():
            raise CloudTimeoutError(
                f"Timed out: job {number} is {info['status']} and does not listen on {protocol} port {port}"
            )
        time.sleep(min(_POLL_SECONDS, deadline.left_ms(1000) / 1000 + 0.001))
