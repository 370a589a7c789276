"""The parent of one executor: reaps, forwards signals, and takes everything with it when it ends.

In a pid namespace it is process 1: a job cannot kill it, and the kernel kills the rest of the
namespace when it exits. Without one it adopts orphans and kills them itself.
"""

from __future__ import annotations

import os
import select
import signal
from typing import Callable, NoReturn

from . import kernel
from .processes import kill_descendants

#: Blocked in init, and so in what it forks.
WAITED_FOR = frozenset((signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2))


def run(
    executor: Callable[[], NoReturn], close_for_init: Callable[[], None], report: int, namespace: bool
) -> NoReturn:
    """Forks `executor` and stays until it ended; `report` is the pipe to the zygote."""
    os.setsid()
    kernel.die_with_parent()
    if _abandoned(report):
        os._exit(0)
    if not namespace:
        kernel.adopt_orphans()
    # Blocked before the fork, so that none is missed; taken by `sigwait`, so that there is no
    # handler that could be interrupted. A signal a job sends to process 1 is at most forwarded.
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITED_FOR)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    pid = os.fork()
    if pid == 0:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.default_int_handler if signum == signal.SIGINT else signal.SIG_DFL)
        executor()
    close_for_init()
    status = _wait(pid)
    if not namespace:
        kill_descendants()
    if os.WIFSIGNALED(status):
        os.write(report, b"signal %d" % os.WTERMSIG(status))
    else:
        os.write(report, b"code %d" % os.WEXITSTATUS(status))
    os._exit(0)


def _wait(executor: int) -> int:
    """Reaps and forwards until the executor ended; its status."""
    while True:
        signum = signal.sigwait(WAITED_FOR)
        if signum != signal.SIGCHLD:
            os.kill(executor, signum)
            continue
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == executor:
                return status
            if pid == 0:
                break


def _abandoned(report: int) -> bool:
    """Whether the zygote ended before the kernel was told to end us with it."""
    poll = select.poll()
    poll.register(report, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))
