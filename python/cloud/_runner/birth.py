"""From a fork of the zygote to an executor that is ready: descriptors, environment, paths, signals."""

from __future__ import annotations

import faulthandler
import fcntl
import os
import signal
import sys
import types
from typing import Any, NamedTuple, NoReturn

from . import enter, init, kernel, limits
from .executor import Executor, fault
from .hygiene import Hygiene, dump_on_signal
from .line import Line, ready
from .meter import Meter
from .streams import Streams

#: Our own descriptors are out of the way of jobs that close, or write to, the first few.
_PRIVATE_FROM = 200
#: In a directory of shipped code, this file lists archives in it that go on `sys.path`, one a line.
_ARCHIVES = ".picloud-archives"
_MANY = 4096


class Order(NamedTuple):
    """What one executor is made from."""

    request: dict[str, Any]
    #: Job socket, stdout, stderr, the file for crashes, the pipe to the zygote.
    descriptors: tuple[int, int, int, int, int]
    groups: tuple[int, ...]
    sandbox: enter.Sandbox | None
    #: Whether there is a pid namespace.
    namespace: bool

    @property
    def report(self) -> int:
        """The pipe to the zygote."""
        return self.descriptors[4]


def be_born(order: Order) -> NoReturn:
    """Goes on as init of a new executor."""
    signal.set_wakeup_fd(-1)
    for signum in (signal.SIGCHLD, signal.SIGHUP):
        signal.signal(signum, signal.SIG_DFL)
    # Other executors' descriptors are among the zygote's: none may reach a job.
    sandbox = order.sandbox
    namespaces = [descriptor for _, descriptor in sandbox.namespaces] if sandbox is not None else []
    _close_all_but({0, 1, 2, *order.descriptors, *order.groups, *namespaces})
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)
    try:
        enter.join_groups(order.groups)
        if sandbox is not None:
            enter.enter(sandbox)
    except BaseException as error:
        _not_born(order, error)
    parent = os.getpid()

    def close_for_init() -> None:
        # So that the worker sees the end of the socket and of the pipes as soon as the job
        # ends them, not when init does.
        for descriptor in order.descriptors[:4]:
            os.close(descriptor)

    init.run(lambda: _executor(order, parent), close_for_init, order.report, order.namespace)


def _not_born(order: Order, error: BaseException) -> NoReturn:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    os.write(order.report, b"!" + reason.encode("utf-8", "replace")[:2000] + b"\n")
    os._exit(1)


def _executor(order: Order, parent: int) -> NoReturn:
    try:
        if order.sandbox is not None:
            enter.confine(order.sandbox)
    except BaseException as error:
        _not_born(order, error)
    # After the change of ids, which makes the kernel forget it.
    kernel.die_with_parent()
    if os.getppid() != parent:
        os._exit(0)
    kernel.adopt_orphans()
    try:
        executor, line = _make(order)
    except BaseException as error:
        _not_born(order, error)
    # From here on only jobs are between us and the end, and they must not be able to forge one.
    os.close(order.report)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        line.send(ready())
        executor.serve()
    except BaseException as error:
        fault(error)


def _make(order: Order) -> tuple[Executor, Line]:
    request = order.request
    job_socket, out, err, crash, null = (
        _private(descriptor)
        for descriptor in (
            *order.descriptors[:4],
            os.open(os.devnull, os.O_RDWR),
        )
    )
    for number, own in enumerate((null, out, err)):
        os.dup2(own, number)
    meter = Meter(_open_clear_refs())
    os.chdir(request["cwd"])
    if request.get("code_path"):
        sys.path[:0] = _code_paths(request["code_path"])
    sys.argv = [""]
    # What a job sees as `__main__` is not the runner, and has no file to run again:
    # `multiprocessing` would otherwise do so in each of its children.
    sys.modules["__main__"] = types.ModuleType("__main__")

    line = Line(job_socket)
    streams = Streams(line)
    faulthandler.enable(crash)
    dump_on_signal(crash)
    signal.signal(signal.SIGUSR1, line.handle_signal)
    os.register_at_fork(after_in_child=lambda: _disown(line))
    memory = limits.impose(request.get("limits") or {})
    # The mask the executor will have while jobs run is what hygiene has to remember.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    hygiene = Hygiene(line, crash, (null, out, err), blocked - init.WAITED_FOR)
    cores = request.get("cores") or 0
    return Executor(line, streams, hygiene, meter, memory, request["scratch"], crash, cores), line


def _disown(line: Line) -> None:
    """In a child that a job forked: the line is its parent's, a crash is no crash of the job."""
    line.disown()
    faulthandler.enable(2)


def _open_clear_refs() -> int:
    try:
        return _private(os.open("/proc/self/clear_refs", os.O_WRONLY))
    except OSError:  # Not built into this kernel, or no `/proc`.
        return -1


def _private(descriptor: int) -> int:
    try:
        high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _PRIVATE_FROM)
    except OSError:  # The limit on open files is lower than that.
        return descriptor
    os.close(descriptor)
    return high


def _code_paths(code_path: str) -> list[str]:
    paths = [code_path]
    try:
        with open(os.path.join(code_path, _ARCHIVES), encoding="utf-8") as file:
            paths += [os.path.join(code_path, name) for name in file.read().splitlines() if name]
    except FileNotFoundError:
        pass
    return paths


def _close_all_but(kept: set[int]) -> None:
    try:
        found = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        found = list(range(_MANY))
    for descriptor in found:
        if descriptor not in kept:
            try:
                os.close(descriptor)
            except OSError:  # The one that listed the directory is closed already.
                continue
