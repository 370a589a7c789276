"""Looking for what belongs to the machine, the server or others."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from escapes.attacks.tries import attempts

#: A walk ends here; a sandbox shows some ten thousand files.
_FILES_MAX = 400_000


def read(paths: list[str]) -> dict[str, str]:
    """Files and directories by their names on the machine."""

    return attempts({path: partial(_open, path) for path in paths})


def climb(data_dir: str) -> dict[str, str]:
    """The same through every kind of detour there is to a file of the machine."""
    target = f"{data_dir}/worker.token"
    with contextlib.suppress(FileExistsError):
        os.symlink(target, "/tmp/link")
    up = "/".join([".."] * 30)
    roots = ["/proc/1/root", "/proc/1/cwd", "/proc/self/root", "/proc/self/cwd/" + up, "/tmp/" + up]
    roots += [f"/proc/self/fd/{number}" for number in range(256)]
    tries: dict[str, Callable[[], object]] = {root: partial(_read, root + target) for root in roots}
    tries["a symbolic link"] = partial(_read, "/tmp/link")
    tries["a hard link"] = lambda: os.link(target, "/tmp/hard")
    tries["a hard link to the root's"] = lambda: os.link("/etc/passwd", "/tmp/hard-passwd")
    return attempts(tries)


def _read(path: str) -> bytes:
    return Path(path).read_bytes()


def find(marks: list[str]) -> list[str]:
    """Files anywhere in sight that are named like one of `marks`."""
    found, seen = [], 0
    for where, dirs, files in os.walk("/"):
        # What the system's packages brought is not looked through.
        if where in ("/proc", "/usr", "/sys"):
            dirs.clear()
            continue
        for name in dirs + files:
            seen += 1
            if any(mark in name for mark in marks):
                found.append(os.path.join(where, name))
        if seen > _FILES_MAX:
            raise AssertionError("too much is in sight")
    return found


def environments() -> dict[str, dict[str, str]]:
    """Environment of every process in sight, our own included."""
    found: dict[str, dict[str, str]] = {"own": dict(os.environ)}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
            pairs = (item.partition(b"=") for item in file.read().split(b"\0"))
            found[pid] = {name.decode(): value.decode() for name, _, value in pairs}
    return found


def processes() -> dict[str, str]:
    """Every process in sight, with its command line."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            found[pid] = file.read().decode()
    return found


def own_descriptors() -> dict[int, str]:
    """What this process has open, looked at one by one: a listing could leave some out."""
    found = {}
    for number in range(1024):
        with contextlib.suppress(OSError):
            os.fstat(number)
            found[number] = os.readlink(f"/proc/self/fd/{number}")
    return found


def remember(reversed_marks: list[str]) -> list[str]:
    """Which of these texts, given backwards, are somewhere in this process's own memory.

    The process was forked from one that has forked for others too.
    """
    marks = [mark[::-1].encode() for mark in reversed_marks]
    # These very bytes are in memory now: every mark is searched by its first half, and then the
    # second half is looked at where it lies.
    halves = [(mark[: len(mark) // 2], mark[len(mark) // 2 :]) for mark in marks]
    del marks
    found = set()
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
        areas = [line.split() for line in maps]
        for area in areas:
            if "r" not in area[1]:
                continue
            begin, end = (int(edge, 16) for edge in area[0].split("-"))
            with contextlib.suppress(OSError, ValueError, OverflowError):
                memory.seek(begin)
                text = memory.read(end - begin)
                for first, second in halves:
                    at = text.find(first)
                    while at >= 0:
                        if text[at + len(first) : at + len(first) + len(second)] == second:
                            found.add((first + second).decode()[::-1])
                        at = text.find(first, at + 1)
    return sorted(found)


def unix_sockets(paths: list[str], abstract: list[str]) -> dict[str, str]:
    """Connects to sockets of the machine, with and without a file."""
    tries: dict[str, Callable[[], object]] = {path: partial(_connect, path) for path in paths}
    for name in abstract:
        tries[f"@{name}"] = partial(_connect, "\0" + name)
        tries[f"datagram to @{name}"] = partial(_send, f"\0{name}-dgram")
        # The boundary must hold for what a job starts, not only for itself.
        tries[f"@{name} in a thread"] = partial(_in_thread, partial(_connect, "\0" + name))
        tries[f"@{name} in a program"] = partial(_in_program, name)
    return attempts(tries)


def _connect(address: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(address)
        return "connected"


def _send(address: str) -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        return line.sendto(b"x", address)


def _in_thread(action: Callable[[], object]) -> object:
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(action())
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(outcome[0], OSError):
        raise outcome[0]
    return outcome[0]


def _in_program(name: str) -> str:
    code = f"import socket; socket.socket(socket.AF_UNIX).connect('\\0{name}')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise PermissionError(1, done.stderr[-100:])
    return "connected"


def touch_processes(pids: list[int]) -> dict[str, str]:
    """Signals, tracing and memory of processes by the numbers the machine has for them, and of init."""
    libc = ctypes.CDLL(None, use_errno=True)

    def trace(pid: int, request: int) -> int:
        ctypes.set_errno(0)
        outcome = int(libc.ptrace(request, pid, 0, 0))
        if outcome < 0:
            raise OSError(ctypes.get_errno(), "")
        return outcome

    tries: dict[str, Callable[[], object]] = {}
    for pid in pids:
        for number in (0, 9, 19, 10, 15):
            tries[f"signal {number} to {pid}"] = partial(os.kill, pid, number)
        tries[f"group signal to {pid}"] = partial(os.killpg, pid, 0)
        tries[f"attach to {pid}"] = partial(trace, pid, 16)
        tries[f"seize {pid}"] = partial(trace, pid, 0x4206)
        tries[f"limits of {pid}"] = partial(resource.prlimit, pid, resource.RLIMIT_NOFILE)
        tries[f"priority of {pid}"] = partial(os.setpriority, os.PRIO_PROCESS, pid, 19)
        tries[f"scheduler of {pid}"] = partial(os.sched_setaffinity, pid, {0})
        for name in ("mem", "maps", "environ", "root", "cwd", "fd", "ns/mnt", "stack", "auxv", "syscall"):
            tries[f"{name} of {pid}"] = partial(_open, f"/proc/{pid}/{name}")
    return attempts(tries)


def _open(path: str) -> object:
    if os.path.isdir(path):
        return os.listdir(path)
    with open(path, "rb") as file:
        return file.read(50)
