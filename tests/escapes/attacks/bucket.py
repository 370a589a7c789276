"""Attacks through the bucket as files: on names, on what files cannot be, on others, on the worker."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from escapes.attacks.tries import attempts, call

BUCKET = "/bucket"
_BLOCK = b"x" * 1_000_000
_WRITING = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def _write(path: str | bytes) -> str:
    Path(os.fsdecode(path)).write_text("written")
    return os.fsdecode(path)


def names() -> dict[str, str]:
    """Files with names that no object may have."""
    bad = {
        "a control character": "a\x01b",
        "a newline": "a\nb",
        "a null": "a\0b",
        "delete": "a\x7fb\ufffe",
        "no text": "a\udcffb",
        "too long": "n" * 1_025,
        "too long as a path": "/".join(["n" * 250] * 5),
        "a name like the parent": "..",
        "the directory itself": ".",
    }
    tries: dict[str, Callable[[], object]] = {}
    for name, key in bad.items():
        tries[name] = partial(_write, f"{BUCKET}/{key}")
        tries[f"a directory: {name}"] = partial(os.mkdir, f"{BUCKET}/{key}")
    return attempts(tries)


def climb(data_dir: str) -> dict[str, str]:
    """Files of the machine by ways that begin in the bucket."""
    up = "/".join([".."] * 20)
    os.makedirs(f"{BUCKET}/d/e", exist_ok=True)
    secrets = ["/etc/shadow", f"{data_dir}/worker.token", f"{data_dir}/picloud.db"]
    roots = [f"{BUCKET}/{up}", f"{BUCKET}/d/e/{up}", f"/proc/self/root{BUCKET}/{up}"]
    tries: dict[str, Callable[[], object]] = {
        root + secret: partial(Path(root + secret).read_bytes) for root in roots for secret in secrets
    }
    inside = os.open(f"{BUCKET}/d", os.O_RDONLY)
    tries["by a descriptor"] = lambda: os.open(f"{up}{secrets[1]}", os.O_RDONLY, dir_fd=inside)
    tries["what is below the bucket"] = lambda: call("umount2", BUCKET.encode(), 2)
    tries["a mount over it"] = lambda: call("mount", b"none", BUCKET.encode(), b"tmpfs", 0, None)
    tries["a handle"] = lambda: call("name_to_handle_at", -100, BUCKET.encode(), None, None, 0)
    tries["the device"] = lambda: os.open("/dev/fuse", os.O_RDWR)
    return attempts(tries)


def kinds() -> dict[str, str]:
    """What is in a bucket is plain files that are their reader's."""
    program = f"{BUCKET}/program"
    shutil.copyfile("/bin/true", program)

    def privileged() -> object:
        os.chmod(program, 0o6755)
        mode = os.stat(program).st_mode
        if not mode & (stat.S_ISUID | stat.S_ISGID):
            raise PermissionError
        return oct(mode)

    def listen() -> None:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"{BUCKET}/socket")

    def root_owns() -> object:
        if os.stat(BUCKET).st_uid == os.getuid():
            raise PermissionError
        return os.stat(BUCKET)

    return attempts(
        {
            "a symbolic link": lambda: os.symlink("/etc/passwd", f"{BUCKET}/link"),
            "a hard link": lambda: os.link(program, f"{BUCKET}/hard"),
            "a pipe": lambda: os.mkfifo(f"{BUCKET}/pipe"),
            "a device": lambda: os.mknod(f"{BUCKET}/null", stat.S_IFCHR | 0o666, os.makedev(1, 3)),
            "a socket": listen,
            "another owner": lambda: os.chown(program, 0, 0),
            "an owner that is not the reader": root_owns,
            "set-user-id": privileged,
            "capabilities": lambda: os.setxattr(program, "security.capability", b"\x01" * 20),
            "a program": lambda: subprocess.run([program], check=True),
            "an exchange": lambda: _exchange(program, f"{BUCKET}/other"),
        }
    )


def _exchange(one: str, other: str) -> None:
    _write(other)
    numbers = {"x86_64": 316, "aarch64": 276}
    from escapes.attacks.tries import raw

    raw(numbers[os.uname().machine], -100, one.encode(), -100, other.encode(), 2)


def others(keys: list[str]) -> dict[str, str]:
    """Objects of other accounts, as far as anything can name them."""
    tries: dict[str, Callable[[], object]] = {}
    for key in keys:
        path = f"{BUCKET}/{key}"
        tries[f"read {key}"] = partial(Path(path).read_bytes)
        tries[f"remove {key}"] = partial(os.remove, path)
        tries[f"rename {key}"] = partial(os.rename, path, f"{BUCKET}/mine")
        tries[f"change {key}"] = partial(os.open, path, os.O_WRONLY)
    return attempts(tries)


def _children(count: int, action: Callable[[], int]) -> list[int]:
    """What `action` answered in each of many processes, which end together."""
    over, end = os.pipe()
    pids, told = [], []
    for _ in range(count):
        tells, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(end)
            os.write(tell, str(action()).encode())
            os.read(over, 1)
            os._exit(0)
        os.close(tell)
        pids.append(pid)
        told.append(tells)
    said = [int(os.read(tells, 20)) for tells in told]
    os.close(end)
    for pid in pids:
        os.waitpid(pid, 0)
    return said


def open_for_writing() -> tuple[int, bool]:
    """Files that could be opened in many processes, and whether one can be when all those have ended."""

    os.makedirs(f"{BUCKET}/many", exist_ok=True)

    def opens() -> int:
        opened = 0
        with contextlib.suppress(OSError):
            while True:
                os.open(f"{BUCKET}/many/{os.getpid()}-{opened}", _WRITING)
                opened += 1
        return opened

    opened = sum(_children(60, opens))
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            os.close(os.open(f"{BUCKET}/again", _WRITING))
            return opened, True
        time.sleep(0.05)
    return opened, False


def open_folders() -> int:
    os.makedirs(f"{BUCKET}/folder", exist_ok=True)

    def opens() -> int:
        opened = 0
        with contextlib.suppress(OSError):
            while True:
                os.listdir(os.open(f"{BUCKET}/folder", os.O_RDONLY))
                opened += 1
        return opened

    return sum(_children(60, opens))


def fill() -> tuple[int, str]:
    """Bytes that could be written without closing, and what was said then."""
    os.makedirs(f"{BUCKET}/fill", exist_ok=True)
    written, said, paths = 0, "", [f"{BUCKET}/fill/{number}" for number in range(100)]
    try:
        for path in paths:
            file = os.open(path, _WRITING)
            for _ in range(50):
                written += os.write(file, _BLOCK)
    except OSError as error:
        said = errno.errorcode[error.errno or 0]
    # What has no name any more is no object when it is closed.
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)
    return written, said


def ask(seconds: float) -> int:
    """Asks for what is not there, from many processes."""

    def asks() -> int:
        until, asked = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            os.path.exists(f"{BUCKET}/nothing/{os.getpid()}/{asked}")
            asked += 1
        return asked

    return sum(_children(16, asks))


def exec_while_writing(times: int) -> int:
    """Starts programs in the place of processes that have much to close, which the kernel does then."""

    os.makedirs(f"{BUCKET}/exec", exist_ok=True)

    def becomes() -> None:
        file = os.open(f"{BUCKET}/exec/{os.getpid()}", _WRITING | os.O_CLOEXEC)
        for _ in range(10):
            os.write(file, _BLOCK)
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", "pass"])

    ended = 0
    for _ in range(times):
        pids = []
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                try:
                    becomes()
                finally:
                    os._exit(1)
            pids.append(pid)
        ended += sum(os.waitpid(pid, 0)[1] == 0 for pid in pids)
    return ended
