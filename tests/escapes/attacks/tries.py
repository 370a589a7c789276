"""How an attack tells what it got: every try by its name, with what stopped it or what it brought."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Callable

#: What a try says that got what it wanted.
GOT_THROUGH = "got through"

libc = ctypes.CDLL(None, use_errno=True)

_X86_64 = {
    "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "setns": 308, "unshare": 272,
    "init_module": 175, "finit_module": 313, "delete_module": 176, "kexec_load": 246, "reboot": 169,
    "add_key": 248, "request_key": 249, "keyctl": 250, "bpf": 321, "perf_event_open": 298,
    "userfaultfd": 323, "io_uring_setup": 425, "open_by_handle_at": 304, "name_to_handle_at": 303,
    "process_vm_readv": 310, "process_vm_writev": 311, "pidfd_getfd": 438, "kcmp": 312, "clone": 56,
    "clone3": 435, "personality": 135, "acct": 163, "swapon": 167, "settimeofday": 164, "sethostname": 170,
    "clock_settime": 227, "syslog": 103, "quotactl": 179, "fsopen": 430, "open_tree": 428,
    "move_mount": 429, "mount_setattr": 442, "fanotify_init": 300, "lookup_dcookie": 212, "iopl": 172,
    "ioperm": 173, "modify_ldt": 154, "vhangup": 153, "migrate_pages": 256, "move_pages": 279,
    "io_setup": 206, "getpid": 39, "exit": 60,
}  # fmt: skip
_AARCH64 = {
    "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "setns": 268, "unshare": 97,
    "init_module": 105, "finit_module": 273, "delete_module": 106, "kexec_load": 104, "reboot": 142,
    "add_key": 217, "request_key": 218, "keyctl": 219, "bpf": 280, "perf_event_open": 241,
    "userfaultfd": 282, "io_uring_setup": 425, "open_by_handle_at": 265, "name_to_handle_at": 264,
    "process_vm_readv": 270, "process_vm_writev": 271, "pidfd_getfd": 438, "kcmp": 272, "clone": 220,
    "clone3": 435, "personality": 92, "acct": 89, "swapon": 224, "settimeofday": 170, "sethostname": 161,
    "clock_settime": 112, "syslog": 116, "quotactl": 60, "fsopen": 430, "open_tree": 428,
    "move_mount": 429, "mount_setattr": 442, "fanotify_init": 262, "lookup_dcookie": 18,
    "vhangup": 58, "migrate_pages": 238, "move_pages": 239, "io_setup": 0, "getpid": 172, "exit": 93,
}  # fmt: skip
NUMBERS = _X86_64 if platform.machine() == "x86_64" else _AARCH64


def call(name: str, *arguments: object) -> int:
    """A system call past every library; raises `OSError` as Python's own calls do."""
    return raw(NUMBERS[name], *arguments)


def raw(number: int, *arguments: object) -> int:
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    ctypes.set_errno(0)
    outcome = int(libc.syscall(ctypes.c_long(number), *wide))
    if outcome < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return outcome


def attempt(action: Callable[[], object]) -> str:
    """The name of the error that stopped `action`, or what it brought."""
    try:
        brought = action()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, repr(error))
    except (ValueError, PermissionError) as error:
        return type(error).__name__
    return f"{GOT_THROUGH}: {brought!r}"[:300]


def attempts(actions: dict[str, Callable[[], object]]) -> dict[str, str]:
    return {name: attempt(action) for name, action in actions.items()}


def in_child(action: Callable[[], object]) -> int:
    """How a child process ended that did this: a code, or minus a signal."""
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            action()
        except OSError as error:
            code = error.errno or 255
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
