"""A warm interpreter that forks executors: single-threaded, small, and never runs code of users.

Everything an executor needs is imported here, once, so that a fork shares it.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import gc
import json
import os
import platform
import select
import signal
import socket
import sys
from typing import Any, NoReturn

from . import birth, kernel, packages
from .enter import Sandbox
from .frames import FrameBuffer, FrameError, frame, json_frame
from .processes import kill_descendants

_CONTROL = 3
#: Job socket, stdout, stderr; control groups and namespaces follow.
_DESCRIPTORS = 3
_DESCRIPTORS_MAX = 64
_CHUNK_BYTES = 64 << 10
_SYSLOG_BYTES = 16 << 10


class _Child:
    """An executor's init, as the zygote remembers it."""

    def __init__(self, number: int, report: int, crash: int) -> None:
        self.number = number
        #: Pipe in which init says how the executor ended, or the executor why it did not begin.
        self.report = report
        #: Memory file that `faulthandler` writes to.
        self.crash = crash

    def ending(self, status: int) -> bytes:
        """The `E` or `!` frame, once init itself ended."""
        said = _read_all(self.report)
        syslog = _tail(self.crash)
        os.close(self.report)
        os.close(self.crash)
        if said.startswith(b"!"):
            reason = said[1:].partition(b"\n")[0].decode("utf-8", "replace")
            return json_frame(b"!", {"id": self.number, "error": reason})
        news: dict[str, Any] = {"id": self.number}
        word, _, value = said.partition(b" ")
        if word in (b"code", b"signal") and value.isdigit():
            news[word.decode()] = int(value)
        elif os.WIFSIGNALED(status):
            # Init was killed, and the executor with it.
            news["signal"] = os.WTERMSIG(status)
        else:
            news["code"] = os.WEXITSTATUS(status)
        if syslog:
            news["syslog"] = syslog
        return json_frame(b"E", news)


class Zygote:
    """Owns the control socket."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._buffer = FrameBuffer()
        self._received: collections.deque[int] = collections.deque()
        self._children: dict[int, _Child] = {}
        #: Forks that look for installed packages, and the memory files they write to.
        self._listers: dict[int, int] = {}
        try:
            self._own_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY)
        except OSError:  # No `/proc`: then there is no way back from `unshare`.
            self._own_namespace = -1
        #: Whether we may come back from a pid namespace we made: it takes power over the one we are in.
        self._can_return = self._own_namespace >= 0 and kernel.children_into(self._own_namespace)
        #: Filters of system calls for executors in sandboxes.
        self._seccomp: tuple[bytes, ...] = ()
        #: Whether the kernel gave the last executor a pid namespace of its own.
        self._namespaces = True
        self._wake, wake_writer = os.pipe()
        for end in (self._wake, wake_writer):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _signum, _frame: None)

    def serve(self) -> None:
        """Does what the worker says until it is gone."""
        self._send(
            json_frame(
                b"R",
                {
                    "version": "{}.{}".format(*sys.version_info),
                    "full_version": platform.python_version(),
                    "executable": sys.executable,
                    "pid": os.getpid(),
                    "software": _software(),
                },
            )
        )
        poll = select.poll()
        for descriptor in (self._control.fileno(), self._wake):
            poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _events in poll.poll():
                if descriptor == self._wake:
                    _read_all(self._wake)
                    self._reap()
                elif not self._receive():
                    return

    def stop(self) -> None:
        """Ends every executor and what it started."""
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        if not self._namespaces:
            kill_descendants()

    def _send(self, data: bytes) -> None:
        self._control.sendall(data)

    def _receive(self) -> bool:
        data, descriptors, _flags, _address = socket.recv_fds(
            self._control, _CHUNK_BYTES, _DESCRIPTORS_MAX, socket.MSG_CMSG_CLOEXEC
        )
        self._received.extend(descriptors)
        if not data:
            return False
        for body in self._buffer.feed(data):
            if body[:1] == b"F":
                self._fork(json.loads(body[1:]))
            elif body[:1] == b"P":
                self._list_packages()
            elif body[:1] == b"C":
                self._seccomp = tuple(
                    base64.b64decode(program) for program in json.loads(body[1:])["seccomp"]
                )
            else:
                raise FrameError(f"a control frame of the kind {body[:1]!r}")
        return True

    def _fork(self, request: dict[str, Any]) -> None:
        groups = int(request.get("groups") or 0)
        about = request.get("sandbox")
        names = about["namespaces"] if about is not None else []
        expected = _DESCRIPTORS + groups + len(names)
        if len(self._received) < expected:
            self._refuse(request, "the descriptors did not come with the request")
            return
        given = [self._received.popleft() for _ in range(expected)]
        sandbox = None
        if about is not None:
            joined = zip(names, given[_DESCRIPTORS + groups :])
            sandbox = Sandbox(tuple(joined), about["uid"], about["gid"], self._seccomp)
        opened: list[int] = []
        try:
            crash = os.memfd_create("picloud-crash")
            opened.append(crash)
            report, report_writer = os.pipe()
            opened += [report, report_writer]
            os.set_blocking(report, False)
            pid = self._fork_init(
                birth.Order(
                    request,
                    (given[0], given[1], given[2], crash, report_writer),
                    tuple(given[_DESCRIPTORS : _DESCRIPTORS + groups]),
                    sandbox,
                    False,
                )
            )
        except OSError as error:
            for descriptor in opened + given:
                os.close(descriptor)
            self._refuse(request, f"could not fork: {error}")
            return
        for descriptor in (*given, report_writer):
            os.close(descriptor)
        self._children[pid] = _Child(request["id"], report, crash)
        self._send(json_frame(b"S", {"id": request["id"], "pid": pid}))

    def _fork_init(self, order: birth.Order) -> int:
        """Forks, into a new pid namespace where the kernel allows one."""
        if not self._can_return:
            return self._fork_into_new_pids(order)
        namespace = self._own_namespace >= 0 and kernel.unshare_pids()
        if order.sandbox is not None and not namespace:
            raise OSError("the kernel makes no pid namespace")
        pid = -1
        try:
            pid = os.fork()
        finally:
            # A second `unshare` would fail, and a second child be born into the first's namespace.
            if namespace and pid != 0 and not kernel.children_into(self._own_namespace):
                os._exit(1)
        if pid == 0:
            self._become(order._replace(namespace=namespace))
        self._namespaces = namespace
        return pid

    def _fork_into_new_pids(self, order: birth.Order) -> int:
        try:
            pid = kernel.fork_into_new_pids()
        except OSError:
            if order.sandbox is not None:
                raise
            pid = os.fork()
            if pid == 0:
                self._become(order)
            self._namespaces = False
            return pid
        if pid == 0:
            self._become(order._replace(namespace=True))
        self._namespaces = True
        return pid

    def _refuse(self, request: dict[str, Any], reason: str) -> None:
        self._send(json_frame(b"!", {"id": request.get("id"), "error": reason}))

    def _become(self, order: birth.Order) -> NoReturn:
        try:
            birth.be_born(order)
        finally:
            # Not even a fault may lead back into the zygote's loop.
            os._exit(1)

    def _list_packages(self) -> None:
        listing = os.memfd_create("picloud-packages")
        pid = os.fork()
        if pid == 0:
            packages.write(listing)
        self._listers[pid] = listing

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._listers:
                self._send(frame(b"P", _read_file(self._listers.pop(pid)) if status == 0 else b"[]"))
            elif pid in self._children:
                child = self._children.pop(pid)
                if not self._namespaces:
                    # Had init been killed, what its job started has come to us.
                    kill_descendants(frozenset((*self._children, *self._listers)))
                self._send(child.ending(status))


def _software() -> list[str]:
    """Where this interpreter and what it imports are: what a sandbox has to show."""
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    places = [
        sys.prefix,
        sys.base_prefix,
        sys.exec_prefix,
        sys.base_exec_prefix,
        sys.executable,
        own,
        *sys.path,
    ]
    return sorted({os.path.abspath(place) for place in places if place and os.path.exists(place)})


def _read_all(descriptor: int) -> bytes:
    """What a descriptor that does not block has to give."""
    pieces = []
    try:
        while piece := os.read(descriptor, _CHUNK_BYTES):
            pieces.append(piece)
    except BlockingIOError:
        pass
    return b"".join(pieces)


def _read_file(descriptor: int) -> bytes:
    with open(descriptor, "rb") as file:
        file.seek(0)
        return file.read()


def _tail(crash: int) -> str:
    size = os.fstat(crash).st_size
    written = os.pread(crash, _SYSLOG_BYTES, max(0, size - _SYSLOG_BYTES))
    return written.decode("utf-8", "replace")


def main() -> None:
    """The life of a zygote."""
    parent = os.getppid()
    # A Ctrl-C in the terminal is the worker's to act on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    kernel.adopt_orphans()
    os.set_inheritable(_CONTROL, False)
    control = socket.socket(fileno=_CONTROL)
    control.settimeout(None)
    zygote = Zygote(control)

    def orphaned(_signum: int, _frame: object) -> None:
        # The kernel also says so when only the thread that started us ended.
        if os.getppid() != parent:
            zygote.stop()
            os._exit(0)

    # Beside the end of the socket, which somebody else may hold open by mistake.
    signal.signal(signal.SIGHUP, orphaned)
    kernel.die_with_parent(signal.SIGHUP)
    # What is here stays: a collection in a child would only touch, and so copy, the pages.
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError):  # The worker closed the socket while we wrote to it.
        zygote.serve()
    zygote.stop()
