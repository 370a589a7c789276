"""Runs jobs, one at a time, and answers each before it begins the next.

The code of jobs runs in this process, so nothing here can be sure of anything afterwards:
whatever a job broke either is put back, or ends the process. The worker then knows from the
unanswered job which one it was.
"""

from __future__ import annotations

import collections
import gc
import os
import struct
import traceback
from json import loads as read_json
from time import perf_counter_ns
from typing import Any, Callable, NoReturn

from . import context, pickles, verdicts, views
from .forms import NotSaidError
from .hygiene import Hygiene
from .limits import DataLimit, Granted
from .line import DONE, DRAIN, ENDS, EXIT_BROKEN, FAILED, INTERRUPTED, Line, answer
from .meter import Meter
from .profiling import profiled
from .streams import Streams

#: Exit code of a fault of the runner itself.
EXIT_FAULT = 70

_JOB = struct.Struct(">QIQH")
_FUNCTION = struct.Struct(">QI")
_DRAIN_TIMEOUT_S = 10.0
_SYSLOG_BYTES = 16 << 10
#: Functions kept loaded; of the others the pickles are kept ...
_LOADED = 256
#: ... until they are so many bytes that a new process is the better way.
_PICKLE_BYTES = 64 << 20
#: To look how much memory is in use takes a hundredth of this.
_WORTH_A_LOOK_US = 1_000
# Room for the rest of an answer in its frame.
_INLINE_MOST = 12 << 20

_LOADING, _RUNNING, _DUMPING = range(3)


class _Spec:
    """What the jobs of one submission share."""

    __slots__ = ("fast", "form", "function", "kill_process", "payload", "profile")

    def __init__(self, options: dict[str, Any], payload: bytes) -> None:
        self.fast = options.get("fast_serialization", 0) == 2
        #: How results are written down; None for pickles.
        self.form = options.get("result")
        self.kill_process = bool(options.get("kill_process"))
        self.profile = bool(options.get("profile"))
        self.payload = payload
        #: The function, once a job needed it.
        self.function: Callable[..., Any] | None = None


class Executor:
    """One process of one context."""

    def __init__(
        self,
        line: Line,
        streams: Streams,
        hygiene: Hygiene,
        meter: Meter,
        memory: DataLimit,
        scratch: str,
        crash: int,
        cores: int,
    ) -> None:
        self._line = line
        self._streams = streams
        self._hygiene = hygiene
        self._meter = meter
        self._memory = memory
        self._granted = Granted()
        #: What the pilog of every job begins with.
        self._pilog: str | None = None
        #: Descriptor of the file that `faulthandler` writes to.
        self._crash = crash
        #: Cores it was granted; 0 where nobody says.
        self._cores = cores
        self._dumper = pickles.Dumper(scratch)
        self._specs: dict[int, _Spec] = {}
        self._spec_bytes = 0
        self._loaded: collections.OrderedDict[int, None] = collections.OrderedDict()
        context.pilog = streams.remark

    def serve(self) -> NoReturn:
        """Does what the worker says until it says no more."""
        while True:
            body = self._line.next()
            if body is None:
                os._exit(0)  # The worker is gone.
            kind = body[:1]
            if kind == b"J":
                self._job(body)
            elif kind == b"F":
                self._learn(body)
            elif kind == b"S":
                self._set_up(body)
            elif kind == b"Q":
                os._exit(0)
            else:
                os._exit(EXIT_BROKEN)

    def _set_up(self, body: bytes) -> None:
        said = read_json(body[1:])
        # Comes over this process's own line, for it holds what people keep secret: memory of the zygote
        # is memory of every process forked from it later.
        env = said.get("env") or {}
        os.environ.update(env)
        if self._cores:
            views.show_cores(self._cores, env)
        context.set_up(said["account"], said["server_url"])
        self._dumper.result_limit = said["result_limit"]
        self._dumper.inline_limit = min(said["inline_limit"], _INLINE_MOST)
        self._granted = Granted(
            said.get("memory_limit"), said.get("disk_limit"), said.get("open_files_limit")
        )
        self._pilog = said.get("pilog")

    def _learn(self, body: bytes) -> None:
        spec, length = _FUNCTION.unpack_from(body, 1)
        start = 1 + _FUNCTION.size
        payload = body[start + length :]
        self._specs[spec] = _Spec(read_json(body[start : start + length]), payload)
        self._spec_bytes += len(payload)

    def _function(self, number: int, spec: _Spec) -> Callable[..., Any]:
        """The function of a spec, loaded when a job first needs it: that may run code of the user."""
        function = spec.function
        if function is None:
            function = spec.function = pickles.load(memoryview(spec.payload))
            self._loaded[number] = None
            if len(self._loaded) > _LOADED:
                self._specs[self._loaded.popitem(last=False)[0]].function = None
        else:
            self._loaded.move_to_end(number)
        return function

    def _job(self, body: bytes) -> None:
        jid, attempt, number, length = _JOB.unpack_from(body, 1)
        start = 1 + _JOB.size
        spec = self._specs.get(number)
        if spec is None:
            os._exit(EXIT_BROKEN)
        context.begin(jid, attempt, body[start : start + length])
        arguments = memoryview(body)[start + length :]
        line = self._line
        line.interrupted = False

        error: BaseException | None = None
        phase, payload, profile = _LOADING, b"\0", None
        function: Any = None
        value: Any = None
        began = ended = 0
        # From `begin` until `in_job` is false again, SIGUSR1 may raise anywhere, once. Should it
        # do so inside the inner `except`, the outer one catches it.
        try:
            try:
                self._memory.hold()
                line.begin(jid)
                if self._pilog is not None:
                    self._streams.remark(self._pilog)
                function = self._function(number, spec)
                args, kwargs = pickles.load(arguments)
                phase = _RUNNING
                began = perf_counter_ns()
                if spec.profile:
                    value, profile = profiled(function, args, kwargs)
                else:
                    value = function(*args, **kwargs)
                ended = perf_counter_ns()
                phase = _DUMPING
                if spec.form is None:
                    payload = self._dumper.result(value, (jid, attempt), spec.fast)
                else:
                    payload = self._dumper.result_in(spec.form, value, (jid, attempt))
                line.in_job = False
            except BaseException as caught:
                line.in_job = False
                error = caught
        except KeyboardInterrupt as caught:
            line.in_job = False
            error = caught

        if began and not ended:
            ended = perf_counter_ns()
        self._memory.lift()
        starved = isinstance(error, MemoryError)
        self._hygiene.take_over()
        status, remarks = DONE, b""
        if error is not None or profile is not None:
            failure = None
            if error is not None:
                status = INTERRUPTED if line.interrupted else FAILED
                failure = self._explain(phase, error, value)
                travels = phase == _RUNNING or starved
                payload = self._dumper.exception(error, (jid, attempt)) if travels else b"\0"
            remarks = verdicts.encode(failure, profile)
            # The frames of the job, and so its data, live as long as the traceback does.
            error = None
        args = kwargs = value = function = None
        wall_us = (ended - began) // 1000
        self._end(jid, status, payload, remarks, wall_us, starved, spec.kill_process)

    def _explain(self, phase: int, error: BaseException, value: Any) -> dict[str, Any]:
        if self._line.interrupted:
            return verdicts.raised(error)
        if isinstance(error, MemoryError):
            gc.collect()
            if self._granted.memory_bytes is not None:
                return verdicts.out_of_memory(error, self._granted.memory_bytes, self._meter.peak_bytes())
        if isinstance(error, pickles.TooBigError):
            return verdicts.too_big(error.size, error.limit)
        cause = error.error if isinstance(error, pickles.NoRoomError) else error
        if isinstance(cause, OSError):
            reached = verdicts.limit_reached(cause, self._granted)
            if reached is not None:
                return reached
        if phase == _LOADING:
            return verdicts.not_loaded(error)
        if phase == _RUNNING:
            return verdicts.raised(error)
        if isinstance(error, pickles.NoRoomError):
            return verdicts.not_stored(error.error)
        if isinstance(error, NotSaidError):
            return verdicts.not_said(error)
        return verdicts.not_pickled(value, error)

    def _end(
        self,
        jid: int,
        status: int,
        payload: bytes,
        remarks: bytes,
        wall_us: int,
        starved: bool,
        last: bool,
    ) -> None:
        """Puts things in order, then answers: what is found may be the end of this process."""
        line = self._line
        try:
            self._streams.finish()
            reasons = self._hygiene.clean()
            usage = self._meter.used(wall_us, int(starved))
            memory = self._memory
            if starved or self._meter.raised or wall_us > _WORTH_A_LOOK_US or memory.lost:
                reason = memory.not_for_another(starved)
                if reason is not None:
                    reasons.append(reason)
            for reason in reasons:
                self._streams.remark(f"{reason}; its process is not reused")
            if line.interrupted:
                self._send_stacks()
            last = last or bool(reasons) or self._spec_bytes > _PICKLE_BYTES
            flags = ENDS if last else DRAIN if self._hygiene.unread_bytes() else 0
            line.finish(answer(jid, status, payload, remarks, flags, usage))
        except OSError:
            # The job closed the socket, or the worker is gone.
            os._exit(EXIT_BROKEN)
        if flags & ENDS:
            os._exit(0)
        self._meter.settle()
        if flags & DRAIN:
            line.wait_drained(_DRAIN_TIMEOUT_S)

    def _send_stacks(self) -> None:
        """What `faulthandler` wrote belongs to this job, which survived it."""
        written = os.pread(self._crash, _SYSLOG_BYTES, 0)
        if written:
            self._streams.syslog(written)
            os.ftruncate(self._crash, 0)
            os.lseek(self._crash, 0, os.SEEK_SET)


def fault(error: BaseException) -> NoReturn:
    """Ends the process over a fault of the runner; the traceback goes where the worker reads it."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    os.write(2, b"fault of the runner\n" + text.encode("utf-8", "backslashreplace"))
    os._exit(EXIT_FAULT)
