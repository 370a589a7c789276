"""Staying on after the end, or not ending at all."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from escapes.attacks.tries import attempts, call

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_CHILD_SUBREAPER = 36
_SIGNALS = range(1, 65)


def _deaf() -> None:
    for number in _SIGNALS:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)


def deaf() -> NoReturn:
    """Ignores every signal there is, and every exception."""
    _deaf()
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(1)


def deaf_children() -> None:
    for _ in range(10):
        if os.fork() == 0:
            os.setsid()
            deaf()


def stopped() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(60)


def stopped_children() -> None:
    for _ in range(5):
        if os.fork() == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(0.2)


def daemon() -> None:
    """As programs become servers: two forks and a session of its own."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            deaf()
        os._exit(0)
    time.sleep(0.2)


def program() -> None:
    code = "import time; time.sleep(60)"
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True)


def hidden_daemon() -> None:
    """The runner adopts what a job orphans; this one tells the kernel otherwise first."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    daemon()


def quiet_child() -> None:
    """A child of which its parent is never told, which an ordinary wait does not see."""
    pid = call("clone", 0, 0, 0, 0, 0)
    if pid == 0:
        deaf()
    time.sleep(0.2)


def everybody() -> list[int]:
    """Kills whatever can be reached."""
    for _ in range(5):
        if os.fork() == 0:
            time.sleep(60)
    os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    return sorted(int(pid) for pid in os.listdir("/proc") if pid.isdigit())


def init() -> dict[str, str]:
    """Init of the sandbox is what takes everything away in the end."""
    numbers = (signal.SIGSTOP, signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
    tries: dict[str, Callable[[], object]] = {n.name: partial(os.kill, 1, n) for n in numbers}
    tries["by descriptor"] = lambda: signal.pidfd_send_signal(os.pidfd_open(1), signal.SIGKILL)
    return attempts(tries)
