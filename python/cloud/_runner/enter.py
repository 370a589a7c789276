"""From a fork of the zygote into a sandbox that the worker made ready.

Init joins control groups and namespaces and mounts its own `/proc`; the executor, its child,
then gives up every privilege. The order is the point: what could be undone inside is done while
the process still belongs to the machine, and what is given up is given up before code of users runs.
Everything raises `OSError` with the step in words; a sandbox that is not whole is none.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import resource
import struct
from typing import Any, NamedTuple

_libc: Any = None
with contextlib.suppress(ImportError, OSError):  # An interpreter built without ctypes.
    import ctypes

    _libc = ctypes.CDLL(None, use_errno=True)

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_BIND, _MS_REC = 0x20, 0x1000, 0x4000
_PROC_FLAGS = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC

_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_READ, _PR_CAPBSET_DROP = 4, 22, 23, 24
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x2008_0522
_CAPSET = {"x86_64": 126, "aarch64": 91}

# One number on every architecture that has come after it.
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
_LANDLOCK_VERSION = 1
_LANDLOCK_SCOPED_ABI = 6
_SCOPE_ABSTRACT_UNIX_SOCKET, _SCOPE_SIGNAL = 1, 2

#: Of `/proc`, what is about the machine and not about processes or plain figures.
_MASKED_FILES = (
    "kcore",
    "keys",
    "kallsyms",
    "kmsg",
    "sysrq-trigger",
    "timer_list",
    "latency_stats",
    "key-users",
)
_MASKED_DIRS = ("acpi", "scsi", "asound")
_READ_ONLY_DIRS = ("sys", "bus", "fs", "irq")


class Sandbox(NamedTuple):
    """What the worker sent of one sandbox."""

    #: Name and descriptor of each namespace, in the order in which they are joined.
    namespaces: tuple[tuple[str, int], ...]
    uid: int
    gid: int
    #: Programs for `seccomp`, in the order in which they are installed.
    seccomp: tuple[bytes, ...]


def join_groups(descriptors: tuple[int, ...]) -> None:
    """Puts this process into control groups: each descriptor is a `cgroup.procs` open for writing."""
    for descriptor in descriptors:
        os.write(descriptor, b"0")
        os.close(descriptor)


def enter(sandbox: Sandbox) -> None:
    """For init: joins all namespaces, and is uid 0 of the user namespace afterwards."""
    if _libc is None:
        raise OSError(errno.ENOSYS, "this interpreter has no ctypes, which sandboxes need")
    user = -1
    for name, descriptor in sandbox.namespaces:
        if name == "user":
            user = descriptor
            continue
        _check(_libc.setns(descriptor, 0), f"joining the {name} namespace")
        os.close(descriptor)
    os.chdir("/")
    _mount_proc()
    _check(_libc.setns(user, 0), "joining the user namespace")
    os.close(user)
    if _is_mapped(0):
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)


def confine(sandbox: Sandbox) -> None:
    """For the executor: from here on only what a stranger may do."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    number = 0
    while _libc.prctl(_PR_CAPBSET_READ, number, 0, 0, 0) >= 0:
        _check(_libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0), "dropping capabilities")
        number += 1
    if _is_mapped(0):
        os.setgroups([])
        os.setresgid(sandbox.gid, sandbox.gid, sandbox.gid)
        os.setresuid(sandbox.uid, sandbox.uid, sandbox.uid)
    _check(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "clearing capabilities")
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
    none = ctypes.create_string_buffer(bytes(24))
    _check(_libc.syscall(_CAPSET[platform.machine()], header, none), "giving up capabilities")
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "forbidding new privileges")
    # A change of ids hides a process from itself: a job could not read its own `/proc/self`.
    _check(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "opening its own /proc")
    _scope()
    for program in sandbox.seccomp:
        _install(program)


def _check(outcome: int, step: str) -> None:
    if outcome < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{step}: {os.strerror(code)}")


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    outcome = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() if kind is not None else None,
        ctypes.c_ulong(flags),
        data.encode() if data is not None else None,
    )
    _check(outcome, f"mounting {target}")


def _mount_proc() -> None:
    _mount("proc", "/proc", "proc", _PROC_FLAGS)
    for name in _MASKED_FILES:
        if os.path.exists(f"/proc/{name}"):
            _mount("/dev/null", f"/proc/{name}", None, _MS_BIND)
    for name in _MASKED_DIRS:
        if os.path.exists(f"/proc/{name}"):
            _mount("tmpfs", f"/proc/{name}", "tmpfs", _PROC_FLAGS | _MS_RDONLY, "size=4k,nr_inodes=2")
    for name in _READ_ONLY_DIRS:
        path = f"/proc/{name}"
        if os.path.exists(path):
            _mount(path, path, None, _MS_BIND | _MS_REC)
            _mount(path, path, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _PROC_FLAGS)


def _is_mapped(uid: int) -> bool:
    """Whether our user namespace has this id. Without root there is only one, the job's."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        for line in file:
            first, _, count = (int(word) for word in line.split())
            if first <= uid < first + count:
                return True
    return False


def _scope() -> None:
    """Keeps this process from sockets without a file, and from signals, beyond itself and its children.

    Such sockets belong to the network, which a sandbox may share with the machine. A kernel
    before 6.12 cannot; the pid namespace keeps signals in anyway.
    """
    version = _libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)
    if version < _LANDLOCK_SCOPED_ABI:
        return
    rules = ctypes.create_string_buffer(
        struct.pack("=QQQ", 0, 0, _SCOPE_ABSTRACT_UNIX_SOCKET | _SCOPE_SIGNAL)
    )
    descriptor = _libc.syscall(_LANDLOCK_CREATE_RULESET, rules, ctypes.c_size_t(24), 0)
    _check(descriptor, "scoping sockets")
    _check(_libc.syscall(_LANDLOCK_RESTRICT_SELF, descriptor, 0), "scoping sockets")
    os.close(descriptor)


def _install(program: bytes) -> None:
    steps = ctypes.create_string_buffer(program, len(program))
    filled = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(steps))
    header = ctypes.create_string_buffer(filled)
    outcome = _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0)
    _check(outcome, "installing the filter of system calls")
