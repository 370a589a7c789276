"""Plays the worker's part of the runner protocol against real processes.

Synchronous and single-threaded: everything an executor says is collected by `pump`, which waits
for a condition with a deadline.
"""

from __future__ import annotations

import array
import collections
import ctypes
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

import cloudpickle

MAIN = Path(__file__).parents[2] / "python" / "cloud" / "_runner" / "__main__.py"
DEADLINE_S = 30.0
STREAMS = {b"O": "stdout", b"E": "stderr", b"L": "logging", b"P": "pilog", b"Y": "syslog"}
DONE, FAILED, SKIPPED, INTERRUPTED = range(4)
ENDS, DRAIN = 1, 2

TOKEN = b"secret"
_PR_CAPBSET_DROP, _CAP_SYS_ADMIN = 24, 21


def frame(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">Ic", 1 + len(body), kind) + body


def json_frame(kind: bytes, value: Any) -> bytes:
    return frame(kind, json.dumps(value).encode())


class Frames:
    """Cuts what arrives into frames; written apart from the runner's own, to hold it to the document."""

    def __init__(self) -> None:
        self.data = bytearray()

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        self.data += data
        frames = []
        while len(self.data) >= 4:
            (length,) = struct.unpack_from(">I", self.data)
            if not 0 < length <= 16 << 20:
                raise ValueError(f"a frame of {length} bytes")
            if len(self.data) < 4 + length:
                break
            body = bytes(self.data[4 : 4 + length])
            del self.data[: 4 + length]
            frames.append((body[:1], body[1:]))
        return frames


class Answer:
    """An `X` frame."""

    def __init__(self, body: bytes) -> None:
        head = struct.Struct(">QBB7QI")
        self.jid, self.status, self.flags, *used, length = head.unpack_from(body)
        self.wall_us, self.user_us, self.system_us = used[:3]
        self.peak_bytes, self.failures, self.read_bytes, self.written_bytes = used[3:]
        text = body[head.size : head.size + length]
        remarks = json.loads(text) if text else {}
        self.failure: dict[str, Any] = remarks.get("failure") or {}
        self.profile: str | None = remarks.get("profile")
        payload = body[head.size + length :]
        self.path: str | None = None
        if payload[:1] == b"\2":
            self.path = payload[1:].decode()
            self.pickle = Path(self.path).read_bytes()
        else:
            assert payload[:1] == b"\0", payload[:20]
            self.pickle = payload[1:]

    @property
    def value(self) -> Any:
        assert self.status == DONE, (self.status, self.failure)
        return cloudpickle.loads(self.pickle)

    @property
    def exception(self) -> BaseException:
        error = cloudpickle.loads(self.pickle)
        assert isinstance(error, BaseException)
        return error

    @property
    def verdict(self) -> str:
        return str(self.failure["verdict"]["kind"])


class Executor:
    """One executor and what it said."""

    def __init__(self, zygote: Zygote, number: int, line: socket.socket, out: int, err: int) -> None:
        self.zygote = zygote
        self.number = number
        self.line = line
        self.pipes = {out: bytearray(), err: bytearray()}
        self.out, self.err = out, err
        self.frames = Frames()
        self.ready = False
        self.closed = False
        self.answers: dict[int, Answer] = {}
        self.order: list[int] = []
        self.said: dict[tuple[int, str], bytearray] = collections.defaultdict(bytearray)
        #: Names of the streams, one for each frame, in the order of their arrival.
        self.streams: list[str] = []
        self.init: int | None = None
        self.ended: dict[str, Any] | None = None
        self.refused: str | None = None
        self.broken: str | None = None
        self.env: dict[str, str] = {}
        self._specs = 0
        self._jids = 0

    # What the worker sends.

    def set_up(self, result_limit: int = 1 << 30, inline_limit: int = 64 << 10, **more: Any) -> None:
        said = {
            "account": 7,
            "server_url": "http://127.0.0.1:1",
            "result_limit": result_limit,
            "inline_limit": inline_limit,
            "memory_limit": None,
            "disk_limit": None,
            "open_files_limit": None,
            "pilog": None,
            "env": self.env,
            **more,
        }
        self.line.sendall(json_frame(b"S", said))

    def function(self, function: Any, **options: Any) -> int:
        pickled = function if isinstance(function, bytes) else cloudpickle.dumps(function)
        return self.function_payload(b"\0" + pickled, **options)

    def function_payload(self, payload: bytes, **options: Any) -> int:
        self._specs += 1
        text = json.dumps({"function_name": "f", "profile": False, "kill_process": False, **options}).encode()
        self.line.sendall(frame(b"F", struct.pack(">QI", self._specs, len(text)) + text + payload))
        return self._specs

    def send(self, spec: int, *args: Any, payload: bytes | None = None, **kwargs: Any) -> int:
        if payload is None:
            payload = b"\0" + cloudpickle.dumps((args, kwargs))
        self.line.sendall(self._job(spec, payload))
        return self._jids

    def send_together(self, spec: int, *arguments: Any) -> list[int]:
        """One job for each argument, in one piece: all have arrived before the first can end the process."""
        frames = [self._job(spec, b"\0" + cloudpickle.dumps(((one,), {}))) for one in arguments]
        self.line.sendall(b"".join(frames))
        return list(range(self._jids - len(arguments) + 1, self._jids + 1))

    def _job(self, spec: int, payload: bytes) -> bytes:
        self._jids += 1
        head = struct.pack(">QIQH", self._jids, 1, spec, len(TOKEN)) + TOKEN
        return frame(b"J", head + payload)

    def cancel(self, *jids: int) -> None:
        self.line.sendall(frame(b"C", struct.pack(f">{len(jids)}Q", *jids)))
        self.signal(signal.SIGUSR1)

    def signal(self, signum: int) -> None:
        assert self.init is not None
        os.kill(self.init, signum)

    def drained(self) -> None:
        self.line.sendall(frame(b"D"))

    def quit(self) -> None:
        self.line.sendall(frame(b"Q"))

    # Waiting.

    def answer(self, jid: int) -> Answer:
        self.zygote.pump(lambda: jid in self.answers or self.closed, f"the answer for job {jid}")
        assert jid in self.answers, f"no answer for job {jid}: {self.ended}, {bytes(self.pipes[self.err])!r}"
        return self.answers[jid]

    def run(self, function: Any, *args: Any, **options: Any) -> Answer:
        """Sends one function, runs it once, waits."""
        return self.answer(self.send(self.function(function, **options), *args))

    def end(self) -> dict[str, Any]:
        self.zygote.pump(lambda: self.ended is not None, "the executor's end")
        assert self.ended is not None
        return self.ended

    def text(self, jid: int, stream: str) -> str:
        return bytes(self.said[jid, stream]).decode()

    # What arrives.

    def read(self) -> None:
        try:
            data = self.line.recv(1 << 20, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed = True
            return
        if self.broken:
            return
        try:
            for kind, body in self.frames.feed(data):
                self._frame(kind, body)
        except (ValueError, struct.error, AssertionError) as error:
            self.broken = str(error)

    def _frame(self, kind: bytes, body: bytes) -> None:
        if kind == b"R":
            self.ready = True
        elif kind == b"X":
            answer = Answer(body)
            assert answer.jid not in self.answers
            self.answers[answer.jid] = answer
            self.order.append(answer.jid)
            if answer.flags & DRAIN:
                self.drain()
                self.drained()
        elif kind in STREAMS:
            (jid,) = struct.unpack_from(">Q", body)
            assert jid not in self.answers, "output after the answer"
            self.said[jid, STREAMS[kind]] += body[8:]
            self.streams.append(STREAMS[kind])
        else:
            raise ValueError(f"the kind {kind!r}")

    def drain(self) -> None:
        for pipe in self.pipes:
            self.read_pipe(pipe)

    def read_pipe(self, pipe: int) -> bool:
        while True:
            try:
                data = os.read(pipe, 1 << 20)
            except BlockingIOError:
                return True
            if not data:
                return False
            self.pipes[pipe] += data

    def close(self) -> None:
        self.line.close()
        for pipe in self.pipes:
            os.close(pipe)


class Zygote:
    """A zygote and its executors."""

    def __init__(self, python: str, scratch: Path, *arguments: str, namespaces: bool = True) -> None:
        self.scratch = scratch
        ours, theirs = socket.socketpair()
        self.control = ours

        def prepare() -> None:
            os.dup2(theirs.fileno(), 3)
            if not namespaces:
                # What a worker that is not root meets: the kernel refuses a new pid namespace.
                ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_SYS_ADMIN, 0, 0, 0)

        self.process = subprocess.Popen(
            [python, "-I", str(MAIN), "zygote", *arguments],
            pass_fds={3, theirs.fileno()},
            preexec_fn=prepare,
        )
        theirs.close()
        self.frames = Frames()
        self.news: list[tuple[bytes, Any]] = []
        self.executors: dict[int, Executor] = {}
        self.pump(lambda: bool(self.news), "the zygote's first frame")
        kind, self.about = self.news.pop(0)
        assert kind == b"R"

    def fork(
        self, set_up: bool = True, wait: bool = True, env: dict[str, str] | None = None, **request: Any
    ) -> Executor:
        number = len(self.executors) + 1
        ours, theirs = socket.socketpair()
        out, out_writer = os.pipe()
        err, err_writer = os.pipe()
        for pipe in (out, err):
            os.set_blocking(pipe, False)
        cwd, results = self.scratch / f"home-{number}", self.scratch / f"results-{number}"
        cwd.mkdir()
        results.mkdir()
        said = {
            "id": number,
            "cwd": str(cwd),
            "code_path": None,
            "scratch": str(results),
            **request,
        }
        descriptors = array.array("i", [theirs.fileno(), out_writer, err_writer])
        self.control.sendmsg([json_frame(b"F", said)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
        theirs.close()
        os.close(out_writer)
        os.close(err_writer)
        executor = self.executors[number] = Executor(self, number, ours, out, err)
        executor.env = env or {}
        if wait:
            self.pump(lambda: executor.ready and executor.init is not None, "an executor")
            if set_up:
                executor.set_up()
        return executor

    def packages(self) -> list[dict[str, Any]]:
        self.control.sendall(frame(b"P"))
        self.pump(lambda: any(kind == b"P" for kind, _ in self.news), "the packages")
        found: list[dict[str, Any]] = next(value for kind, value in self.news if kind == b"P")
        return found

    def pump(self, until: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
        """Reads whatever comes until the condition holds."""
        deadline = time.monotonic() + deadline_s
        while not until():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"waited {deadline_s} s for {what}")
            self._pump_once(left)

    def _pump_once(self, timeout_s: float) -> None:
        poll = select.poll()
        owners: dict[int, tuple[Executor, str]] = {}
        poll.register(self.control, select.POLLIN)
        for executor in self.executors.values():
            if not executor.closed:
                owners[executor.line.fileno()] = executor, "line"
            for pipe in executor.pipes:
                if executor.ended is None:
                    owners[pipe] = executor, "pipe"
        for descriptor in owners:
            poll.register(descriptor, select.POLLIN)
        for descriptor, events in poll.poll(timeout_s * 1000):
            if descriptor == self.control.fileno():
                self._read_control()
            else:
                executor, which = owners[descriptor]
                if which == "line":
                    executor.read()
                elif events & select.POLLIN:
                    executor.read_pipe(descriptor)
                else:
                    time.sleep(0.001)  # Only the writer is gone; the news of it is on its way.

    def _read_control(self) -> None:
        data = self.control.recv(1 << 20)
        assert data, "the zygote closed its socket"
        for kind, body in self.frames.feed(data):
            value = json.loads(body)
            executor = self.executors.get(value["id"]) if isinstance(value, dict) and "id" in value else None
            if executor is None:
                self.news.append((kind, value))
            elif kind == b"S":
                executor.init = value["pid"]
            elif kind == b"E":
                executor.drain()
                while not executor.closed:
                    executor.read()
                executor.ended = value
            elif kind == b"!":
                executor.refused = value["error"]

    def stop(self) -> None:
        self.control.close()
        try:
            self.process.wait(10)
        finally:
            self.process.kill()
            for executor in self.executors.values():
                executor.close()


def support_directory(parent: Path) -> Path:
    """A directory with cloudpickle and nothing else, for interpreters that lack it."""
    support = parent / "support"
    support.mkdir()
    (support / "cloudpickle").symlink_to(Path(cloudpickle.__file__).parent)
    return support


def interpreters() -> list[str]:
    """This interpreter, then one of each other minor version that is found and supported."""
    found = {sys.version_info[:2]: sys.executable}
    for path in sorted((Path.home() / ".pyenv" / "versions").glob("3.*/bin/python"), reverse=True):
        major, minor = path.parts[-3].split(".")[:2]
        if (3, 9) <= (int(major), int(minor)) <= (3, 14):
            found.setdefault((int(major), int(minor)), str(path))
    return list(found.values())
