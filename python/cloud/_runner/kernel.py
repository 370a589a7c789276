"""The few kernel and libc calls that Python's `os` lacks, at least in its older versions.

Each says whether it worked. None raises: a kernel that refuses is a fact to work around.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import signal
from typing import Any

_libc: Any = None
with contextlib.suppress(ImportError, OSError):  # An interpreter built without ctypes.
    import ctypes

    _libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CLONE_NEWPID = 0x2000_0000
_CLONE = {"x86_64": 56, "aarch64": 220}


def _call(name: str, *arguments: object) -> bool:
    if _libc is None:
        return False
    return bool(getattr(_libc, name)(*arguments) == 0)


def die_with_parent(signum: int = signal.SIGKILL) -> bool:
    """The kernel sends this signal to us when the thread that made us ends."""
    return _call("prctl", _PR_SET_PDEATHSIG, int(signum), 0, 0, 0)


def adopt_orphans() -> bool:
    """Descendants whose parent ends become our children, not those of the machine's init."""
    return _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def unshare_pids() -> bool:
    """Our next children live in a new pid namespace, the first of them as its init."""
    if hasattr(os, "unshare"):  # Python 3.12
        try:
            os.unshare(_CLONE_NEWPID)
        except OSError:
            return False
        return True
    return _call("unshare", _CLONE_NEWPID)


def children_into(namespace: int) -> bool:
    """Our next children live in the pid namespace of this descriptor."""
    if hasattr(os, "setns"):
        try:
            os.setns(namespace, _CLONE_NEWPID)
        except OSError:
            return False
        return True
    return _call("setns", namespace, _CLONE_NEWPID)


def fork_into_new_pids() -> int:
    """Like `os.fork`, but the child is the init of a new pid namespace. OSError where that fails.

    For those who may make such a namespace but not come back from one after `unshare`, as without
    root. The C library does not notice this fork: in the child it believes to be the thread it was, which
    matters to nothing that init does, and to nobody forked from there by `os.fork`.
    """
    if _libc is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    # Keeps the interpreter's lock, so that nothing of Python runs in between.
    call = ctypes.PyDLL(None, use_errno=True).syscall
    python = ctypes.pythonapi
    none = ctypes.c_long(0)
    python.PyOS_BeforeFork()
    pid = int(
        call(
            ctypes.c_long(_CLONE[platform.machine()]),
            ctypes.c_long(_CLONE_NEWPID | signal.SIGCHLD),
            none,
            none,
            none,
            none,
        )
    )
    if pid == 0:
        python.PyOS_AfterFork_Child()
        return 0
    code = ctypes.get_errno()
    python.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(code, os.strerror(code))
    return pid


class EnvironmentSlot:
    """One environment variable that changes with every job, for C code and child processes.

    `os.putenv` is glibc's `setenv`, which by its contract never frees a value: 300 bytes lost
    per job, hundreds of megabytes in the life of a busy process. `putenv` keeps a pointer to
    the caller's buffer instead, and writing into that buffer costs neither memory nor time.
    """

    def __init__(self, name: str, size: int) -> None:
        self.name = name.encode()
        self._prefix = self.name + b"="
        self._size = size
        self._buffer: Any = None
        if _libc is not None:
            self._buffer = ctypes.create_string_buffer(len(self._prefix) + size + 1)

    def set(self, value: bytes) -> None:
        """Sets the variable. It must have been put in place before."""
        if len(value) > self._size:
            # The environment will no longer point to the slot, so the slot is given up.
            self._buffer = None
        if self._buffer is None:
            os.putenv(self.name, value)
        else:
            self._buffer.value = self._prefix + value

    def put(self, value: bytes) -> None:
        """Sets the variable, and makes the environment point to this slot (again)."""
        self.set(value)
        if self._buffer is not None:
            _libc.putenv(self._buffer)
