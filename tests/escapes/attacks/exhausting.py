"""Taking all there is of something: memory, processes, disk, descriptors, processors, output."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import mmap
import os
import resource
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

_libc = ctypes.CDLL(None, use_errno=True)
_MB = 1_000_000
_BLOCK = b"x" * _MB
_F_SETPIPE_SZ = 1031
_MAP_HUGETLB = 0x40000
_IPC_CREAT = 0o1000

# Memory


def one_process() -> None:
    """Takes memory in pieces; the pieces stay when one is refused."""
    kept = []
    while True:
        kept.append(bytearray(_BLOCK))


def one_process_without_its_own_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    one_process()


def mapped() -> None:
    """Shared memory does not count against the limit of a process."""
    kept = []
    while True:
        area = mmap.mmap(-1, 16 * _MB)
        area.write(b"x" * (16 * _MB))
        kept.append(area)


def many_processes() -> None:
    children = []
    for _ in range(12):
        pid = os.fork()
        if pid == 0:
            kept = [bytearray(_BLOCK) for _ in range(60)]
            time.sleep(30)
            os._exit(len(kept))
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)


def _fill(descriptor: int) -> None:
    while True:
        os.write(descriptor, _BLOCK)


def files_in_memory() -> None:
    _fill(os.open("/dev/shm/file", os.O_CREAT | os.O_WRONLY))


def memory_files() -> None:
    for number in range(100):
        descriptor = os.memfd_create(f"m{number}")
        for _ in range(20):
            os.write(descriptor, _BLOCK)


def own_crash_file() -> None:
    """The file the runner keeps for tracebacks is in memory too."""
    for number in range(3, 1024):
        with contextlib.suppress(OSError):
            if "picloud-crash" in os.readlink(f"/proc/self/fd/{number}"):
                _fill(number)


def segments() -> None:
    """Segments stay when their process is gone."""
    _libc.shmat.restype = ctypes.c_void_p
    while True:
        pid = os.fork()
        if pid == 0:
            segment = _libc.shmget(0, 20 * _MB, _IPC_CREAT | 0o600)
            address = _libc.shmat(segment, None, 0)
            ctypes.memset(address, 1, 20 * _MB)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if status:
            raise MemoryError


def socket_buffers() -> None:
    """Bytes on their way belong to nobody's address space."""
    kept = []
    while True:
        ours, theirs = socket.socketpair()
        for line in (ours, theirs):
            line.setblocking(False)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            with contextlib.suppress(BlockingIOError):
                while True:
                    line.send(_BLOCK)
        kept.append((ours, theirs))


def pipe_buffers() -> None:
    """In many processes, for each of them may open only so many."""
    children = []
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(OSError):
                while True:
                    _, writer = os.pipe()
                    with contextlib.suppress(PermissionError):
                        fcntl.fcntl(writer, _F_SETPIPE_SZ, 1 << 20)
                    os.set_blocking(writer, False)
                    with contextlib.suppress(BlockingIOError):
                        while True:
                            os.write(writer, _BLOCK)
            time.sleep(1)
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)


def directories_in_memory() -> None:
    """Entries of the kernel's own: names of files that are not there, and long ones that are."""
    until = time.monotonic() + 1.5
    number = 0
    while time.monotonic() < until:
        number += 1
        os.path.exists(f"/tmp/{number:0250}")
        with contextlib.suppress(OSError):
            os.symlink("x" * 4000, f"/dev/shm/{number:0200}")


def locked() -> str:
    """Memory that may not be given up, in pages of any size."""
    area = mmap.mmap(-1, 100 * _MB)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    got = []
    if _libc.mlock(ctypes.c_void_p(address), ctypes.c_size_t(100 * _MB)) == 0:
        got.append("mlock")
    if _libc.mlockall(7) == 0:
        got.append("mlockall")
    with contextlib.suppress(OSError):
        mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_HUGETLB)
        got.append("huge pages")
    return " ".join(got)


# Processes


def fork_bomb() -> NoReturn:
    """Never gives up: every process forks as fast as it can."""
    while True:
        with contextlib.suppress(OSError):
            os.fork()


def forks_at_the_limit() -> None:
    """Forks until refused, and lets that be its end."""
    while True:
        if os.fork() == 0:
            time.sleep(60)


def threads_at_the_limit() -> None:
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def zombies() -> int:
    """Children that nobody waits for."""
    number = 0
    with contextlib.suppress(OSError):
        while number < 1000:
            if os.fork() == 0:
                os._exit(0)
            number += 1
    return number


def spin(processes: int, seconds: float) -> None:
    """Every thread and process computes."""
    for _ in range(processes):
        if os.fork() == 0:
            for _ in range(3):
                with contextlib.suppress(RuntimeError):
                    threading.Thread(target=_compute, args=(seconds,)).start()
            _compute(seconds)
            os._exit(0)
    _compute(seconds)


def _compute(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(1000))


# Disk


def _fill_files(make: Callable[[int], int], megabytes: int) -> NoReturn:
    number = 0
    while True:
        descriptor = make(number)
        for _ in range(megabytes):
            os.write(descriptor, _BLOCK)
        number += 1
        # Files are looked at once a second. Faster, it would have all its descriptors before that.
        time.sleep(0.05)


def one_file() -> None:
    _fill(os.open("/tmp/file", os.O_CREAT | os.O_WRONLY))


def many_files() -> None:
    def make(number: int) -> int:
        descriptor = os.open(f"/tmp/{number}", os.O_CREAT | os.O_WRONLY)
        os.dup2(descriptor, 100)
        os.close(descriptor)
        return 100

    _fill_files(make, 20)


def removed_files() -> None:
    """Open, but without a name."""

    def make(number: int) -> int:
        descriptor = os.open(f"/tmp/{number}", os.O_CREAT | os.O_WRONLY)
        os.unlink(f"/tmp/{number}")
        return descriptor

    _fill_files(make, 20)


def files_that_never_had_a_name() -> None:
    _fill_files(lambda _: os.open(os.getcwd(), os.O_TMPFILE | os.O_WRONLY), 20)


def removed_files_in_memory() -> None:
    """Neither a name nor a descriptor: only mapped. Python's own mapping would keep the descriptor."""
    for _ in range(80):
        with open("/tmp/mapped", "w+b") as file:
            os.posix_fallocate(file.fileno(), 0, 20 * _MB)
            length, offset = ctypes.c_size_t(4096), ctypes.c_long(0)
            _libc.mmap(None, length, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), offset)
            os.unlink("/tmp/mapped")
    time.sleep(20)


def removed_files_on_their_way() -> None:
    """Neither a name, nor a descriptor, nor a mapping: in a socket, where nobody takes them out."""
    ours, theirs = socket.socketpair()
    for _ in range(80):
        with open("/tmp/sent", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, 20 * _MB)
            socket.send_fds(ours, [b"x"], [file.fileno()])
            os.unlink("/tmp/sent")
    time.sleep(20)
    theirs.close()


def sparse_file() -> int:
    """Large in name only."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    with open("/tmp/sparse", "wb") as file:
        file.truncate(1 << 40)
    time.sleep(1.2)
    return os.stat("/tmp/sparse").st_blocks


def empty_files() -> None:
    """In several processes, to be faster than anybody counts."""
    for worker in range(4):
        if os.fork() == 0:
            os.mkdir(f"/tmp/{worker}")
            os.chdir(f"/tmp/{worker}")
            number = 0
            while True:
                os.close(os.open(str(number), os.O_CREAT | os.O_WRONLY))
                number += 1
    time.sleep(60)


def deep_directories() -> None:
    """Deeper than a path can name, with something large at the end."""
    os.chdir("/tmp")
    for _ in range(40):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    descriptor = os.open("file", os.O_CREAT | os.O_WRONLY)
    for _ in range(50):
        os.write(descriptor, _BLOCK)
    time.sleep(20)


def a_little(number: int) -> str:
    """Ends before anybody looks, and leaves something behind."""
    with open(f"/tmp/little-{number}", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 40 * _MB)
    until = time.monotonic() + 0.15
    while time.monotonic() < until:
        time.sleep(0.01)
    (own,) = os.listdir("/run/picloud/scratch")
    return own


# Descriptors


def _until_refused(make: Callable[[], object]) -> NoReturn:
    kept = []
    while True:
        kept.append(make())


def open_files() -> None:
    _until_refused(lambda: open("/dev/null"))  # noqa: SIM115


def sockets() -> None:
    _until_refused(socket.socket)


def pipes() -> None:
    _until_refused(os.pipe)


def pollers() -> None:
    _until_refused(select.epoll)


def timers() -> None:
    _until_refused(lambda: _checked(_libc.timerfd_create(1, 0)))


def watches() -> None:
    """A number of its own limits these, for each user."""
    _until_refused(lambda: _checked(_libc.inotify_init()))


def terminals() -> None:
    _until_refused(os.openpty)


def posix_timers() -> None:
    made = ctypes.c_void_p()
    until = time.monotonic() + 2
    while time.monotonic() < until:
        _checked(_libc.timer_create(1, None, ctypes.byref(made)))


def _checked(outcome: int) -> int:
    if outcome < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return outcome


# Output


def shout(megabytes: int) -> None:
    for _ in range(megabytes):
        os.write(1, _BLOCK)


def log(lines: int) -> None:
    import logging

    logger = logging.getLogger("flood")
    for number in range(lines):
        logger.warning("line %d", number)


def remark(lines: int) -> None:
    """The platform's own stream, through the line to the worker."""
    for number in range(lines):
        print(number, file=sys.stderr, flush=True)


def large_environment() -> None:
    """More than a program can be given."""
    import subprocess

    for number in range(200):
        os.environ[f"LARGE_{number}"] = "x" * 100_000
    subprocess.run(["/bin/true"], check=True)


def raw_numbers(megabytes: int) -> bytes:
    """A result as large as may be."""
    return struct.pack("B", 1) * (megabytes * _MB)


def read_files() -> int:
    """Files the kernel keeps for a job are no reason to end it."""
    path = Path("/tmp/large")
    path.write_bytes(b"x" * (90 * _MB))
    total = 0
    for _ in range(4):
        with path.open("rb") as file:
            while piece := file.read(_MB):
                total += len(piece)
    return total
