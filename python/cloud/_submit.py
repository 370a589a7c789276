"""Making jobs: one for a call, many in a few requests for a map."""

from __future__ import annotations

import os
import pickle
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sized
from itertools import chain, zip_longest
from typing import IO, TYPE_CHECKING, Any, Callable

from ._core_types import check_cores
from ._errors import CloudException
from ._frames import Bytes, blob_frame, encode, inline_frame
from ._jids import JidSet
from ._options import Options
from ._pickling import PROTOCOL, Pickled, Pickler
from ._session import Session, python_version
from ._signature import check_arguments
from .version import __version__

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["function_name", "spec_of", "submit_call", "submit_map", "with_blobs"]

JOBS_FIRST = 500
"""The first part of a map is small, so that work begins while the rest is being pickled."""
JOBS_PER_PART = 4000
PART_BYTES = 4 << 20
BLOB_PART_BYTES = 8 << 20
UPLOADS = 3
SPOOL_BYTES = 64 << 20
MAP_MAX = 100_000_000
UNDO_SECONDS = 15.0

_INLINE_HEAD = struct.Struct(">IB")
_PLAIN = frozenset((int, float, str, bytes, bool, type(None)))


def function_name(func: Any) -> str:
    """How a callable is called in lists."""
    name = getattr(func, "__qualname__", None)
    if name is None:
        inner = getattr(func, "func", None)
        name = function_name(inner) if callable(inner) else type(func).__qualname__
    return str(name).replace("<locals>.", "")[:200]


def submit_call(
    session: Session, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], options: Options
) -> int:
    """Makes one job and returns its id."""
    check_arguments(func, args, kwargs)
    check_cores(session, options.core_type, options.cores)
    service = session.check_python()
    pickler = Pickler(session.payload_limit(), options.fast_serialization)
    function = pickler.function(func)
    arguments = pickler.arguments(args, kwargs)
    inline_max = int(service["inline_max_bytes"])
    key = _key()

    def send() -> dict[str, Any]:
        header = {"spec": spec_of(session, func, options, pickler), "count": 1, "key": key}
        if options.depends_on:
            header["depends_on"] = str(options.depends_on)
        frames = [session.blobs.frame(function, inline_max), session.blobs.frame(arguments, inline_max)]
        reply: dict[str, Any] = session.connection.framed("/v1/jobs", encode(header, frames))
        return reply

    try:
        return int(with_blobs(session, send)["first_jid"])
    finally:
        function.close()
        arguments.close()


def with_blobs(session: Session, send: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Sends, and again when a blob believed to be there was not: its last user may have been deleted."""
    try:
        return send()
    except CloudException as error:
        if error.kind != "blob_missing":
            raise
        session.blobs.forget()
        return send()


def _key() -> str:
    return os.urandom(16).hex()


def spec_of(session: Session, func: Any, options: Options, pickler: Pickler) -> dict[str, Any]:
    """What the jobs of a submission share; what `pickler` has met is sent. `func` gives them their name."""
    import cloudpickle

    spec = options.spec()
    spec["python"] = python_version()
    spec["function_name"] = options.function_name or function_name(func)
    spec["hostname"] = socket.gethostname()
    spec["process_id"] = os.getpid()
    spec["client_version"] = __version__
    spec["cloudpickle_version"] = cloudpickle.__version__
    code_version = session.shipper.ship(pickler.references)
    if code_version is not None:
        spec["code_version"] = code_version
    settings = os.environ.get("DJANGO_SETTINGS_MODULE")
    if settings and "django" in sys.modules:
        spec["os_env_vars"] = {"DJANGO_SETTINGS_MODULE": settings, **spec.get("os_env_vars", {})}
    return spec


class _Part:
    """Argument frames of some consecutive jobs of a map."""

    __slots__ = ("blobs", "count", "frames", "size")

    def __init__(self) -> None:
        self.frames: list[Bytes] = []
        self.blobs: list[tuple[str, Pickled]] = []
        self.count = 0
        self.size = 0


def submit_map(
    session: Session, func: Any, iterables: tuple[Iterable[Any], ...], options: Options
) -> tuple[int, int]:
    """Makes the jobs of a map; returns the first id and their number."""
    total: int | None = None
    if all(isinstance(iterable, Sized) for iterable in iterables):
        total = max(len(iterable) for iterable in iterables)  # type: ignore[arg-type]
        _check_total(total)
        if total == 0:
            return 1, 0
    check_cores(session, options.core_type, options.cores)
    service = session.check_python()
    pickler = Pickler(session.payload_limit(), options.fast_serialization)
    # One element is checked for all: they differ in value, not in number.
    check_arguments(func, (None,) * len(iterables), {})
    function = pickler.function(func)
    inline_max = int(service["inline_max_bytes"])
    parts = _parts(pickler, iterables, inline_max)
    import tempfile

    with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES, prefix="picloud-") as spool:
        if total is None:
            parts, total = _spooled(session, parts, spool)
            if total == 0:
                return 1, 0
        sender = _MapSender(session, func, function, options, pickler, total, inline_max)
        try:
            for part in _uploaded(session, parts):
                sender.send(part)
            if sender.sent != total:
                raise CloudException(f"the iterables promised {total} elements and gave {sender.sent}")
        except BaseException:
            sender.undo()
            raise
        finally:
            function.close()
        return sender.first, total


def _check_total(total: int) -> None:
    if total > MAP_MAX:
        raise ValueError(f"a map of {total:,} elements is larger than {MAP_MAX:,}")


def _parts(pickler: Pickler, iterables: tuple[Iterable[Any], ...], inline_max: int) -> Iterator[_Part]:
    """Pickles the elements, padded with None, into parts."""
    if len(iterables) == 1:
        rows: Iterator[tuple[Any, ...]] = ((value,) for value in iterables[0])
    else:
        rows = zip_longest(*iterables)
    dumps, head = pickle.dumps, _INLINE_HEAD.pack
    part, most = _Part(), JOBS_FIRST
    frames, size, most_bytes = part.frames, 0, PART_BYTES
    empty: dict[str, Any] = {}
    for number, row in enumerate(rows):
        if (
            len(row) == 1
            and type(row[0]) in _PLAIN
            and not (type(row[0]) in (str, bytes) and len(row[0]) > 4096)
        ):
            data = dumps((row, empty), PROTOCOL)
            frames.append(head(len(data) + 1, 0))
            frames.append(data)
            size += len(data)
        else:
            size += _add(pickler, part, row, number, inline_max)
            if part.blobs:
                most_bytes = BLOB_PART_BYTES
        part.count += 1
        if part.count == most or size >= most_bytes:
            yield part
            part, most, size = _Part(), JOBS_PER_PART, 0
            frames = part.frames
    if part.count:
        yield part


def _add(pickler: Pickler, part: _Part, row: tuple[Any, ...], number: int, inline_max: int) -> int:
    pickled = pickler.arguments(row, {}, element=number)
    if pickled.size <= inline_max:
        part.frames.append(inline_frame(pickled.data()))
    else:
        hash = pickled.hash()
        part.blobs.append((hash, pickled))
        part.frames.append(blob_frame(hash, pickled.size))
    return pickled.size


def _spooled(session: Session, parts: Iterator[_Part], spool: IO[bytes]) -> tuple[Iterator[_Part], int]:
    """Reads iterables without a length to their end, to learn their number; frames wait in `spool`."""
    sizes: list[tuple[int, int]] = []
    total = 0
    for part in parts:
        _put_blobs(session, part)
        size = sum(map(len, part.frames))
        spool.writelines(part.frames)
        sizes.append((part.count, size))
        total += part.count
        _check_total(total)
    spool.seek(0)

    def read() -> Iterator[_Part]:
        for count, size in sizes:
            again = _Part()
            again.count = count
            again.frames = [spool.read(size)]
            yield again

    return read(), total


def _put_blobs(session: Session, part: _Part) -> None:
    if part.blobs:
        session.blobs.put(part.blobs)
        for _, pickled in part.blobs:
            pickled.close()
        part.blobs = []


def _uploaded(session: Session, parts: Iterator[_Part]) -> Iterator[_Part]:
    """The same parts once their blobs are on the server. Some are on their way while others are
    pickled: storing safely is mostly waiting for the server's disk."""
    first = next(parts, None)
    if first is None:
        return
    parts = chain((first,), parts)
    if not first.blobs:  # most maps never have any, and need no threads
        for part in parts:
            _put_blobs(session, part)
            yield part
        return
    from concurrent.futures import ThreadPoolExecutor

    session.blobs  # noqa: B018, made here so that the threads share it
    with ThreadPoolExecutor(UPLOADS, "picloud-upload") as pool:
        under_way: deque[tuple[_Part, Future[None]]] = deque()
        for part in parts:
            under_way.append((part, pool.submit(_put_blobs, session, part)))
            if len(under_way) > UPLOADS:
                done, future = under_way.popleft()
                future.result()
                yield done
        for done, future in under_way:
            future.result()
            yield done


class _MapSender:
    """Sends the parts of one map, each under its own key."""

    def __init__(
        self,
        session: Session,
        func: Any,
        function: Pickled,
        options: Options,
        pickler: Pickler,
        total: int,
        inline_max: int,
    ) -> None:
        self.first = 0
        self.sent = 0
        self._session = session
        self._func = func
        self._function = function
        self._options = options
        self._pickler = pickler
        self._total = total
        self._inline_max = inline_max
        self._started = False

    def send(self, part: _Part) -> None:
        """One request."""
        session = self._session
        place: dict[str, int] = {"total": self._total, "offset": self.sent}
        if self._started:
            place["first_jid"] = self.first
        key = _key()

        def send() -> dict[str, Any]:
            header = {
                "spec": spec_of(session, self._func, self._options, self._pickler),
                "count": part.count,
                "key": key,
                "map": place,
            }
            if self._options.depends_on:
                header["depends_on"] = str(self._options.depends_on)
            frames = [session.blobs.frame(self._function, self._inline_max), *part.frames]
            reply: dict[str, Any] = session.connection.framed(
                "/v1/jobs", encode(header, frames), timeout=30.0
            )
            return reply

        reply = with_blobs(session, send)
        self.first = int(reply["first_jid"])
        self._started = True
        self.sent += part.count

    def undo(self) -> None:
        """A part could not be made: what was sent must not run on unnoticed."""
        if not self._started:
            return
        jids = str(JidSet([(self.first, self.first + self.sent - 1)]))
        connection = self._session.connection
        until = time.monotonic() + UNDO_SECONDS
        try:
            connection.json("POST", "/v1/jobs/kill", {"jids": jids})
            while not self._deleted(jids) and time.monotonic() < until:
                # Those that ran already are interrupted first, which takes them a moment.
                content = {"jids": jids, "until": "all", "timeout_ms": 1000}
                connection.json("POST", "/v1/jobs/wait", content)
        except CloudException:
            pass  # the first failure is the one to tell about

    def _deleted(self, jids: str) -> bool:
        try:
            self._session.connection.json("POST", "/v1/jobs/delete", {"jids": jids})
        except CloudException as error:
            if error.kind == "job_not_finished":
                return False
            raise
        return True
