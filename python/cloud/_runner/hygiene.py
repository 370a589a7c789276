"""What a job may have left behind, checked after each one.

What can be put back is put back without a word. What cannot, because it lives on by itself,
is a reason not to use the process again. Everything here runs after every job, also one that
took microseconds, so the checks are single system calls on things bound early: that also keeps
them true when a job patches `os` or `threading`.

Nothing depends on `/proc`: inside a pid namespace it may show the numbers of another one.
"""

from __future__ import annotations

import array
import faulthandler
import fcntl
import gc
import importlib
import os
import signal
import socket
import sys
import termios
import threading
import time
from _thread import _count as count_threads
from _thread import stack_size
from resource import RLIMIT_AS, RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NOFILE, getrlimit, setrlimit
from typing import Any, NoReturn

from . import context
from .line import EXIT_BROKEN, Line

#: Seconds a new socket of a job waits at most, unless the job says otherwise; PiCloud's figure.
SOCKET_TIMEOUT_S = 60.0

# Those that a library is likely to change. SIGUSR1 and SIGUSR2 are the runner's own.
_WATCHED = (
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGCHLD,
    signal.SIGALRM,
    signal.SIGPIPE,
    signal.SIGHUP,
    signal.SIGXFSZ,
)
# Those that would end or cripple the next job; that of memory is set for each.
_LIMITS = (RLIMIT_AS, RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NOFILE)
_TIMERS = tuple(map(int, (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)))
_BLOCK = int(signal.SIG_BLOCK)
_FIONREAD = termios.FIONREAD
#: For what is about to end by itself.
_GRACE_S = 0.05
_NAMES_SHOWN = 5

#: Threads of the `cloud` package itself have names that begin so: they serve any job.
OWN_THREADS = "picloud-"

# The functions in C: those of `signal` make enums of what they give, which takes ten times as long.
_signal: Any = importlib.import_module("_signal")
getitimer, getsignal, pthread_sigmask = _signal.getitimer, _signal.getsignal, _signal.pthread_sigmask
#: Not in the module: also those children that send another signal than SIGCHLD at their end.
_WALL = 0x4000_0000
_getpid, _waitpid, _getcwd, _umask, _dup2 = os.getpid, os.waitpid, os.getcwd, os.umask, os.dup2
_ioctl, _timeout, _limit = fcntl.ioctl, socket.getdefaulttimeout, sys.getrecursionlimit


class Hygiene:
    """Remembers how things are before the first job."""

    def __init__(self, line: Line, crash: int, standard: tuple[int, int, int], blocked: set[int]) -> None:
        self._line = line
        self._crash = crash
        self._standard = standard
        self._unread = array.array("i", [0])
        socket.setdefaulttimeout(SOCKET_TIMEOUT_S)
        self._pid = _getpid()
        self._cwd = _getcwd()
        self._mask = _umask(0o022)
        _umask(self._mask)
        self._limit = _limit()
        self._limits = [(number, getrlimit(number)) for number in _LIMITS]
        # Asking for it sets it to the platform's default.
        self._stack_bytes = stack_size()
        stack_size(self._stack_bytes)
        self._path = sys.path[:]
        self._blocked = blocked
        self._handlers = [(int(number), getsignal(number)) for number in _WATCHED]
        self._threads = count_threads()

    def take_over(self) -> None:
        """First of all after a job: what would get in the way of everything else.

        Ends a child in which the job's function returned: the job is its parent's to answer.
        """
        if self._line.foreign or _getpid() != self._pid:
            os._exit(0)
        if _limit() != self._limit:
            sys.setrecursionlimit(self._limit)
        if sys.gettrace() is not None or sys.getprofile() is not None:
            sys.settrace(None)
            sys.setprofile(None)

    def clean(self) -> list[str]:
        """Puts things back; gives the reasons, in words, why the process is not fit for another job."""
        if not self._line.intact():
            self._lost()
        null, out, err = self._standard
        _dup2(null, 0)
        _dup2(out, 1)
        _dup2(err, 2)
        faulthandler.enable(self._crash)
        if not gc.isenabled():
            gc.enable()
        _umask(self._mask)
        for timer in _TIMERS:
            if getitimer(timer)[0]:
                signal.setitimer(timer, 0)
        for number, handler in self._handlers:
            if getsignal(number) is not handler:
                self._restore_handler(number, handler)
        if pthread_sigmask(_BLOCK, ()) != self._blocked:
            pthread_sigmask(signal.SIG_SETMASK, self._blocked)
        if _timeout() != SOCKET_TIMEOUT_S:
            socket.setdefaulttimeout(SOCKET_TIMEOUT_S)
        if context.environment != context.expected:
            context.restore_environment()
        stack_size(self._stack_bytes)
        if sys.path != self._path:
            sys.path[:] = self._path
        reasons = []
        for number, limits in self._limits:
            if getrlimit(number) != limits and not _put_limits(number, limits):
                reasons.append("the job lowered a limit of its process for good")
        if not self._back_home():
            reasons.append(f"the job removed its working directory {self._cwd}")
        if count_threads() != self._threads:
            reasons += self._other_threads()
        reasons += self._children()
        return reasons

    def unread_bytes(self) -> int:
        """Bytes in the pipes of stdout and stderr that the worker has not read."""
        total = 0
        for own in self._standard[1:]:
            _ioctl(own, _FIONREAD, self._unread)
            total += self._unread[0]
        return total

    def _lost(self) -> NoReturn:
        # There is nobody to tell: the worker sees the end of the socket, and this code.
        os._exit(EXIT_BROKEN)

    def _restore_handler(self, number: int, handler: Any) -> None:
        # None: a handler that Python did not install, and cannot.
        signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        if number == signal.SIGUSR2:
            dump_on_signal(self._crash)

    def _back_home(self) -> bool:
        try:
            if _getcwd() != self._cwd:
                os.chdir(self._cwd)
        except OSError:
            try:
                os.makedirs(self._cwd, exist_ok=True)
                os.chdir(self._cwd)
            except OSError:
                return False
        return True

    def _other_threads(self) -> list[str]:
        """Threads that go on. Those about to end get a moment to do so."""
        others = [
            thread
            for thread in threading.enumerate()
            if thread is not threading.main_thread() and not thread.name.startswith(OWN_THREADS)
        ]
        own = threading.active_count() - len(others) - 1
        for thread in others:
            thread.join(_GRACE_S / len(others))
        if count_threads() <= own:
            self._threads = count_threads()
            return []
        alive = [thread.name for thread in others if thread.is_alive()]
        if not alive and count_threads() - own <= self._threads:
            return []
        return [f"the job left threads running{_listed(alive)}"]

    def _children(self) -> list[str]:
        """Processes that go on; orphans are among them, for this process adopts its descendants'."""
        try:
            while _waitpid(-1, os.WNOHANG | _WALL)[0]:
                pass
            if self._wait_for_children():
                return []
        except ChildProcessError:
            return []
        return [f"the job started subprocesses{_listed(_child_names())}"]

    def _wait_for_children(self) -> bool:
        """Gives children that are about to end a moment; whether all did.

        `os.popen(command).read()` returns when the program closed its output, just before it ends.
        """
        until = time.monotonic() + _GRACE_S
        # Blocked, so that one that ends before we wait is not missed.
        pthread_sigmask(_BLOCK, (signal.SIGCHLD,))
        try:
            while (left := until - time.monotonic()) > 0:
                signal.sigtimedwait((signal.SIGCHLD,), left)
                while _waitpid(-1, os.WNOHANG | _WALL)[0]:
                    pass
            return False
        except ChildProcessError:
            return True
        finally:
            pthread_sigmask(signal.SIG_SETMASK, self._blocked)


def _put_limits(number: int, limits: tuple[int, int]) -> bool:
    try:
        setrlimit(number, limits)
    except (OSError, ValueError):  # Only root raises what was lowered for good.
        return False
    return True


def dump_on_signal(crash: int) -> None:
    """SIGUSR2 makes `faulthandler` write the stacks of all threads."""
    # Registering twice does not install the handler again, so a replaced one would stay.
    faulthandler.unregister(signal.SIGUSR2)
    faulthandler.register(signal.SIGUSR2, file=crash, all_threads=True, chain=False)


def _child_names() -> list[str]:
    """What our children are called, for people: `/proc/self` is right in any namespace."""
    try:
        me = os.path.basename(os.readlink("/proc/self"))
        with open(f"/proc/{me}/task/{me}/children") as file:
            pids = file.read().split()
        names = []
        for pid in pids[: _NAMES_SHOWN + 1]:
            with open(f"/proc/{pid}/comm") as file:
                names.append(file.read().strip())
    except OSError:
        return []
    return names


def _listed(names: list[str]) -> str:
    if not names:
        return ""
    dots = ", ..." if len(names) > _NAMES_SHOWN else ""
    return f" ({', '.join(names[:_NAMES_SHOWN])}{dots})"
