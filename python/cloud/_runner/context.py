"""What a job can learn about itself, without asking anybody.

The `cloud` package finds this in `sys.modules["_picloud_runner.context"]`. The same facts are
in the environment for programs that a job starts: `PICLOUD_JOB_ID`, `PICLOUD_SERVER`,
`PICLOUD_API_KEY` and `PICLOUD_API_SECRETKEY`. `PICLOUD_JOB_ID` is what tells a job from
any other Python process.
"""

from __future__ import annotations

import os
from typing import Callable

from .kernel import EnvironmentSlot


def _nowhere(remark: str) -> None:
    """Stands in for `pilog` until there is a worker to tell."""


#: The running job; 0 before the first.
jid: int = 0
attempt: int = 0
account: int = 0
server_url: str = ""
#: Adds a line to the running job's pilog.
pilog: Callable[[str], None] = _nowhere

_API_KEY_BYTES = 80
_JID_BYTES = 20
_SECRET_BYTES = 512

_slots = {
    "jid": EnvironmentSlot("PICLOUD_JOB_ID", _JID_BYTES),
    "key": EnvironmentSlot("PICLOUD_API_KEY", _API_KEY_BYTES),
    "secret": EnvironmentSlot("PICLOUD_API_SECRETKEY", _SECRET_BYTES),
}
_jid_slot, _key_slot, _secret_slot = _slots.values()
#: The dictionary behind `os.environ`. Its public face encodes and calls `putenv` each time, 3 µs
#: for each variable, and leaks: see `EnvironmentSlot`.
environment: dict[bytes, bytes] = getattr(os.environ, "_data")  # noqa: B009  # private to typeshed
#: What the environment is to be between jobs.
expected: dict[bytes, bytes] = {}


def set_up(of_account: int, url: str) -> None:
    """Says once what holds for all jobs of this process."""
    global account, server_url
    account, server_url = of_account, url
    os.environ["PICLOUD_SERVER"] = url
    for slot in _slots.values():
        environment[slot.name] = b""
        slot.put(b"")
    remember_environment()


def remember_environment() -> None:
    """The environment as it is now is what the next job finds."""
    expected.clear()
    expected.update(environment)


def begin(of_jid: int, of_attempt: int, token: bytes) -> None:
    """Another job begins."""
    global jid, attempt
    jid, attempt = of_jid, of_attempt
    number = b"%d" % of_jid
    key = b"job-%d-%d-%d" % (account, of_jid, of_attempt)
    environment[b"PICLOUD_JOB_ID"] = expected[b"PICLOUD_JOB_ID"] = number
    environment[b"PICLOUD_API_KEY"] = expected[b"PICLOUD_API_KEY"] = key
    _jid_slot.set(number)
    _key_slot.set(key)
    if expected.get(b"PICLOUD_API_SECRETKEY") != token:
        environment[b"PICLOUD_API_SECRETKEY"] = expected[b"PICLOUD_API_SECRETKEY"] = token
        _secret_slot.set(token)


def restore_environment() -> None:
    """Puts back what the job changed. Only called when something did."""
    for name in [name for name in environment if name not in expected]:
        del os.environ[os.fsdecode(name)]
    for name, value in expected.items():
        if environment.get(name) != value:
            os.environ[os.fsdecode(name)] = os.fsdecode(value)
    for slot in _slots.values():
        slot.put(expected.get(slot.name, b""))
