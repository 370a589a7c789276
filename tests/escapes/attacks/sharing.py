"""What two jobs could share: files, memory, queues, numbers of processes, tokens."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from escapes.attacks.tries import attempts

KEY = 0x70_1C_10
_IPC_CREAT = 0o1000
_libc = ctypes.CDLL(None, use_errno=True)


def _check(outcome: int) -> int:
    if outcome < 0:
        raise OSError(ctypes.get_errno(), "")
    return outcome


def leave(mark: str) -> list[str]:
    """Puts something into every place there is, open to everybody."""
    left = []
    os.umask(0)
    for where in ("/tmp", "/var/tmp", "/dev/shm", os.getcwd()):
        path = Path(where) / mark
        path.write_text(mark)
        path.chmod(0o777)
        left.append(str(path))
    os.chmod(os.getcwd(), 0o777)
    _check(_libc.shmget(KEY, 4096, _IPC_CREAT | 0o666))
    _check(_libc.msgget(KEY, _IPC_CREAT | 0o666))
    _check(_libc.semget(KEY, 1, _IPC_CREAT | 0o666))
    _check(_libc.mq_open(f"/{mark}".encode(), os.O_CREAT | os.O_RDWR, 0o666, None))
    return left


def leave_and_wait(mark: str, seconds: float) -> None:
    leave(mark)
    time.sleep(seconds)


def collect(mark: str, paths: list[str]) -> dict[str, str]:
    """Looks for what another left there."""
    tries: dict[str, Callable[[], object]] = {path: partial(_read, path) for path in paths}
    for where in ("/tmp", "/var/tmp", "/dev/shm", os.getcwd(), "/run/picloud"):
        tries[f"anything in {where}"] = partial(_anything, where, mark)
    tries["shared memory"] = lambda: _check(_libc.shmget(KEY, 4096, 0))
    tries["message queue"] = lambda: _check(_libc.msgget(KEY, 0))
    tries["semaphores"] = lambda: _check(_libc.semget(KEY, 1, 0))
    tries["posix queue"] = lambda: _check(_libc.mq_open(f"/{mark}".encode(), os.O_RDWR))
    return attempts(tries)


def _read(path: str) -> str:
    return Path(path).read_text()


def _anything(where: str, mark: str) -> object:
    found = [os.path.join(top, name) for top, _, names in os.walk(where) for name in names if mark in name]
    if not found:
        raise FileNotFoundError(2, "nothing")
    return found


def stores() -> dict[str, list[str]]:
    """Accounts whose stored contents and code are in sight."""
    found = {}
    for kind in ("blobs", "code", "scratch"):
        with contextlib.suppress(FileNotFoundError):
            found[kind] = os.listdir(f"/run/picloud/{kind}")
    return found


def size_of(content: bytes) -> int:
    return len(content)


def credentials(seconds: float = 0.0) -> tuple[str, str]:
    """What a job is known by to the server."""
    time.sleep(seconds)
    return os.environ["PICLOUD_API_KEY"], os.environ["PICLOUD_API_SECRETKEY"]


def tell_credentials_and_wait() -> None:
    """The same through the output, while it still runs."""
    print(*credentials(), flush=True)
    time.sleep(60)
