"""A job that speaks to the worker in its runner's place."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import struct
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

_ANSWER = struct.Struct(">cQBB7QI")
DONE, FAILED = 0, 1
ENDS = 1


def line() -> socket.socket:
    """The socket to the worker, taken from the runner."""
    for number in range(3, 1024):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                return socket.socket(fileno=os.dup(number))
    raise AssertionError("there is no socket")


def own_jid() -> int:
    return int(os.environ["PICLOUD_JOB_ID"])


def results_dir() -> Path:
    (own,) = Path("/run/picloud/scratch").iterdir()
    return own / "results"


def answer(
    payload: bytes,
    jid: int | None = None,
    status: int = DONE,
    flags: int = ENDS,
    usage: tuple[int, ...] = (0,) * 7,
    about: object = None,
) -> bytes:
    """An answer as the runner writes it."""
    text = b"" if about is None else json.dumps(about).encode()
    head = _ANSWER.pack(b"X", own_jid() if jid is None else jid, status, flags, *usage, len(text))
    body = head + text + payload
    return struct.pack(">I", len(body)) + body


def say(*frames: bytes) -> None:
    """Says it in the runner's place, and nothing after it."""
    with line() as own:
        for frame in frames:
            own.sendall(frame)
        # Whatever it was told, the worker has heard it by then.
        time.sleep(0.1)
    os._exit(0)


def claim_file(path: str) -> None:
    """Names a file of somebody's choice as the result."""
    say(answer(b"\x02" + os.fsencode(path)))


def claim_own(kind: str, target: str) -> None:
    """Names something in the right directory that is no file of the job."""
    path = results_dir() / f"result-{kind}"
    if kind == "symlink":
        path.symlink_to(target)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(str(path))
    elif kind == "directory":
        path.mkdir()
        for number in range(200):
            (path / f".moved-{number}").mkdir()
            (path / f".moved-{number}" / "file").write_bytes(b"x" * 4096)
    elif kind == "newline":
        path = results_dir() / "result\n-with\r\n\x01-\xff"
        path.symlink_to(target)
    elif kind == "up":
        path = results_dir() / ".." / ".." / ".." / "lock"
    elif kind == "itself":
        path = results_dir() / "."
    elif kind == "parent":
        path = results_dir() / ".."
    elif kind == "missing":
        path = results_dir() / "never-was"
    say(answer(b"\x02" + os.fsencode(str(path))))


def swap_result(kind: str, size: int) -> bytes:
    """Returns something large, and exchanges the file it travels in as soon as that is there."""
    directory = results_dir()
    pid = os.fork()
    if pid == 0:
        try:
            _swap(directory, kind)
        finally:
            os._exit(0)
    return b"r" * size


def _swap(directory: Path, kind: str) -> None:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        for path in directory.iterdir():
            with contextlib.suppress(OSError):
                other = directory / f"other-{os.urandom(4).hex()}"
                if kind == "symlink":
                    other.symlink_to("/etc/shadow")
                elif kind == "fifo":
                    os.mkfifo(other)
                elif kind == "truncate":
                    os.truncate(path, 1)
                    continue
                elif kind == "grow":
                    os.truncate(path, 80_000_000)
                    continue
                else:
                    path.rename(directory.parent / "elsewhere")
                    path.mkdir()
                    continue
                os.replace(other, path)


def leave_file_open(size: int) -> bytes:
    """Answers with a large file that a thread of this process goes on changing."""
    directory = results_dir()
    seen: list[BinaryIO] = []

    def change() -> None:
        while not seen:
            for path in directory.iterdir():
                with contextlib.suppress(OSError):
                    seen.append(open(path, "r+b"))  # noqa: SIM115
        until = time.monotonic() + 3
        while time.monotonic() < until:
            for file in seen:
                with contextlib.suppress(OSError):
                    os.ftruncate(file.fileno(), 60_000_000)
                    os.pwrite(file.fileno(), os.urandom(16), 0)
                    os.ftruncate(file.fileno(), 1_000)

    threading.Thread(target=change, daemon=True).start()
    return b"r" * size


def answer_for(jid: int) -> None:
    say(answer(b"\0" + b"N.", jid=jid))


def lie_about_usage(value: int) -> None:
    say(answer(b"\0" + b"N.", usage=(value,) * 7))


def huge_frame(length: int) -> None:
    say(struct.pack(">I", length) + b"X" * 100_000)


def nonsense(seed: int) -> None:
    import random

    say(random.Random(seed).randbytes(200_000))


def be_ready_again(times: int) -> None:
    say(struct.pack(">Ic", 1, b"R") * times)


def long_failure(size: int) -> None:
    failure = {"verdict": {"kind": "raised"}, "exception": "x" * size, "hint": "y" * size}
    say(answer(b"\0", status=FAILED, about={"failure": failure, "profile": "z" * size}))


def odd_failure(verdict: Any) -> None:
    failure = {"verdict": verdict, "exception": "made up"}
    say(answer(b"\0", status=FAILED, about={"failure": failure}))


def flood_of_output(jid: int, megabytes: int) -> None:
    body = struct.pack(">cQ", b"O", jid) + b"o" * (1 << 20)
    say(*[struct.pack(">I", len(body)) + body] * megabytes)


def answer_and_go_on(seconds: float) -> None:
    """Says that it is done, and computes at nobody's expense."""
    with line() as own:
        own.sendall(answer(b"\0" + b"N.", flags=0))
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(10_000))
