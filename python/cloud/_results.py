"""Fetching results: in order, as far as they are there, in few large replies.

Decoding is written for speed: a map of ten thousand jobs spends most of its client time here.
"""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Iterator
from typing import Any, NoReturn

from ._errors import CloudException, CloudTimeoutError
from ._failures import DONE, STATES, failure_exception, warn_failed
from ._forms import PICKLED, value_in, value_of
from ._frames import Bytes, Payload, dumps, read_header
from ._jids import Jid, JidSet
from ._progress import Progress
from ._session import Session
from ._wait import POLL_MS, WATCHED_MS, Deadline, DeadlockWatch, wait
from ._wire import Body

__all__ = ["ResultIterator", "UnorderedResults", "raise_failure", "results"]

PER_REPLY = 4000
LINGER_MS = 15
FILE_BYTES = 64 << 20
"""Results from this size on are unpickled from a temporary file rather than from memory."""
PARALLEL = 4
READ_AHEAD_MAX = 1024
CHECK_MS = 2000
"""While the next in order is not there, failures of later jobs are looked for this often."""

_HEAD = struct.Struct(">IqBI")


class _Later:
    """A value that is still to be fetched."""

    __slots__ = ("jid", "payload")

    def __init__(self, jid: int, payload: Payload) -> None:
        self.jid = jid
        self.payload = payload


class _Failed:
    """A failed job in the place of its value."""

    __slots__ = ("exception", "jid")

    def __init__(self, jid: int, exception: Exception) -> None:
        self.jid = jid
        self.exception = exception


def request(session: Session, jids: JidSet, timeout_ms: int, linger_ms: int) -> Bytes:
    """One long poll for results."""
    content = {"jids": str(jids), "timeout_ms": timeout_ms, "linger_ms": linger_ms}
    body = Body([dumps(content)])
    reply = session.connection.request(
        "POST", "/v1/jobs/results", body, "application/json", timeout=timeout_ms / 1000
    )
    return reply.body


def decode(session: Session, body: Bytes, values: list[Any]) -> int:
    """Appends the values of a reply: values, `_Failed`, or `_Later` for blobs. Returns how many."""
    header, position = read_header(body)
    count = int(header["count"])
    view = memoryview(body)
    loads, unpack, append, remember = pickle.loads, _HEAD.unpack_from, values.append, session.results.add
    pickled = PICKLED
    jid = 0
    try:
        for _ in range(count):
            length, jid, state, failure_length = unpack(body, position)
            end = position + 4 + length
            frame = view[position + 4 : end]
            position = end
            if length < 4096:
                frame = bytes(frame)  # type: ignore[assignment]
                remember(jid, frame)  # type: ignore[arg-type]
            if state == DONE and failure_length == 0 and length > 14 and frame[13] == 0:
                append(loads(frame[14:]) if frame[14] == pickled else value_of(frame[14:]))
            else:
                append(_slow(session, jid, state, failure_length, memoryview(frame)))
    except struct.error:
        raise CloudException("the server sent fewer results than it said", kind="bad_reply") from None
    except CloudException:
        raise
    except Exception as error:
        raise _not_loaded(jid, error) from error
    return count


def _slow(session: Session, jid: int, state: int, failure_length: int, frame: memoryview) -> Any:
    """A failure, a blob or an empty result."""
    payload = Payload.decode(frame[13 + failure_length :])
    if state == DONE:
        return _Later(jid, payload) if payload.hash else None
    failure = json.loads(bytes(frame[13 : 13 + failure_length])) if failure_length else {}
    pickled = session.blobs.get(payload.hash, payload.size) if payload.hash else payload.data
    return _Failed(jid, failure_exception(jid, state, failure, pickled))


def _not_loaded(jid: int, error: Exception) -> CloudException:
    text = f"the result could not be read here: {type(error).__name__}: {error}"
    hint = (
        "a class or module the job used does not exist on this side"
        if isinstance(error, ImportError)
        else None
    )
    return CloudException(text, jid=jid, hint=hint, kind="result_not_loaded")


def load(session: Session, later: _Later) -> Any:
    """Fetches and reads a result that is a blob."""
    payload = later.payload
    try:
        if payload.size < FILE_BYTES:
            return value_of(session.blobs.get(payload.hash, payload.size))
        with session.blobs.get_file(payload.hash, payload.size) as file:
            return value_in(file)
    except CloudException:
        raise
    except OSError:
        raise
    except Exception as error:
        raise _not_loaded(later.jid, error) from error


def settle(session: Session, values: list[Any], start: int) -> None:
    """Fetches the blobs among the values from `start` on, a few at a time."""
    places = [index for index in range(start, len(values)) if type(values[index]) is _Later]
    if not places:
        return
    if len(places) == 1:
        values[places[0]] = load(session, values[places[0]])
        return
    session.blobs  # noqa: B018, made here so that the threads share it
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(PARALLEL, len(places)), "picloud-results") as pool:
        for place, value in zip(places, pool.map(lambda p: load(session, values[p]), places)):
            values[place] = value


def results(
    session: Session,
    jids: JidSet,
    timeout: float | None,
    ignore_errors: bool,
    deadlock_check: bool,
    text: str,
) -> list[Any]:
    """The values in order. Raises for the first failure seen, or puts exceptions in their places."""
    deadline = Deadline(timeout)
    watch = DeadlockWatch(deadlock_check)
    values: list[Any] = []
    rest = jids
    if _from_cache(session, jids, values):
        rest = JidSet()
        _fail(values, 0, ignore_errors)
        settle(session, values, 0)
    total = len(jids)
    with Progress(total, text) as progress:
        while rest:
            head, tail = rest.split(PER_REPLY)
            most = watch.poll_ms(WATCHED_MS if progress.shown else CHECK_MS if total > 1 else POLL_MS)
            waited = deadline.left_ms(most)
            start = len(values)
            body = request(session, head, waited, min(LINGER_MS, waited) if total > 16 else 0)
            count = decode(session, body, values)
            del body
            _fail(values, start, ignore_errors)
            settle(session, values, start)
            if count:
                _, left = head.split(count)
                rest = JidSet(left.ranges + tail.ranges) if left else tail
                progress.at(len(values))
            elif rest:
                _look_ahead(session, rest, ignore_errors, watch, progress, len(values))
                if deadline.passed():
                    raise CloudTimeoutError(f"Timed out: {len(rest)} of {total} jobs have not all ended")
    if ignore_errors:
        _summarise(values)
    return (
        [value.exception if type(value) is _Failed else value for value in values]
        if ignore_errors
        else values
    )


def _from_cache(session: Session, jids: JidSet, values: list[Any]) -> bool:
    cache = session.results
    if not jids or len(jids) > len(cache):
        return False
    frames: list[tuple[int, bytes]] = []
    for jid in jids:
        frame = cache.get(jid)
        if frame is None:
            return False
        frames.append((jid, frame))
    for jid, frame in frames:
        state = frame[8]
        failure_length = int.from_bytes(frame[9:13], "big")
        if state == DONE and failure_length == 0 and len(frame) > 14 and frame[13] == 0:
            values.append(value_of(frame[14:]))
        else:
            values.append(_slow(session, jid, state, failure_length, memoryview(frame)))
    return True


def _look_ahead(
    session: Session, rest: JidSet, ignore_errors: bool, watch: DeadlockWatch, progress: Progress, before: int
) -> None:
    """The next in order has not ended: has another failed, is anything moving at all?"""
    if ignore_errors and not watch.enabled and not progress.shown:
        return
    part = next(rest.parts())
    reply = wait(session, part, "all_or_failure", 0)
    progress.at(before + len(part) - reply["unfinished"])
    if reply["first_failed"] is not None and not ignore_errors:
        raise_failure(session, reply["first_failed"])
    watch.see(reply["queued"], reply["unfinished"])


def _fail(values: list[Any], start: int, ignore_errors: bool) -> None:
    if ignore_errors:
        return
    for index in range(start, len(values)):
        if type(values[index]) is _Failed:
            _raise(values[index])


def _summarise(values: list[Any]) -> None:
    failed = [value for value in values if type(value) is _Failed]
    if failed:
        warn_failed(failed[0].jid, failed[0].exception)
    if len(failed) > 1:
        import logging

        logging.getLogger("Cloud").warning("%d of %d jobs failed", len(failed), len(values))


def _raise(failed: _Failed) -> NoReturn:
    warn_failed(failed.jid, failed.exception)
    # Raised from its cause again: a plain raise would keep the cause, but add this frame's context.
    raise failed.exception from failed.exception.__cause__


def raise_failure(session: Session, jid: int) -> None:
    """Raises what a job that has failed raised."""
    values: list[Any] = []
    decode(session, request(session, JidSet([(jid, jid)]), 0, 0), values)
    if values and type(values[0]) is _Failed:
        _raise(values[0])
    status = session.connection.json("POST", "/v1/jobs/status", {"jids": str(jid)})["statuses"][0]["status"]
    if status in STATES[5:]:
        raise CloudException("unknown error", jid=jid)


class ResultIterator(Iterator[Any]):
    """Values in order; a failed job raises when it is reached, and the next call goes on after it."""

    def __init__(
        self, session: Session, jids: JidSet, timeout: float | None, ahead: int, ignore_errors: bool
    ) -> None:
        self._session = session
        self._rest = jids
        self._timeout = timeout
        self._ahead = READ_AHEAD_MAX if ahead <= 0 or ahead > READ_AHEAD_MAX else ahead
        # Who looks far ahead wants throughput; who does not, the next one at once.
        self._linger_ms = LINGER_MS if self._ahead > 64 else 0
        self._ignore_errors = ignore_errors
        self._ready: list[Any] = []  # reversed, so that taking one is cheap

    def __iter__(self) -> ResultIterator:
        return self

    def __next__(self) -> Any:
        deadline = Deadline(self._timeout)
        watch = DeadlockWatch(True)
        while not self._ready:
            if not self._rest:
                raise StopIteration
            head, tail = self._rest.split(self._ahead)
            body = request(self._session, head, deadline.left_ms(watch.poll_ms(POLL_MS)), self._linger_ms)
            found: list[Any] = []
            count = decode(self._session, body, found)
            if count:
                _, left = head.split(count)
                self._rest = JidSet(left.ranges + tail.ranges) if left else tail
                found.reverse()
                self._ready = found
            elif watch.enabled:
                reply = wait(self._session, head, "all", 0)
                watch.see(reply["queued"], reply["unfinished"])
            if not count and deadline.passed():
                raise CloudTimeoutError
        value = self._ready.pop()
        if type(value) is _Later:
            return load(self._session, value)
        if type(value) is _Failed:
            if self._ignore_errors:
                return value.exception
            _raise(value)
        return value


class UnorderedResults(Iterator["tuple[Jid, Any]"]):
    """`(jid, value)` as jobs end; a failed job raises, and the next call goes on."""

    def __init__(self, session: Session, jids: JidSet, timeout: float | None, ignore_errors: bool) -> None:
        self._session = session
        self._rest = jids
        self._timeout = timeout
        self._ignore_errors = ignore_errors
        self._ready: list[tuple[int, Any]] = []

    def __iter__(self) -> UnorderedResults:
        return self

    def __next__(self) -> tuple[Jid, Any]:
        deadline = Deadline(self._timeout)
        while not self._ready:
            if not self._rest:
                raise StopIteration
            part = next(self._rest.parts())
            reply = wait(self._session, part, "any", deadline.left_ms(POLL_MS))
            finished, _ = JidSet.parse(reply["finished"]).split(READ_AHEAD_MAX)
            if finished:
                values: list[Any] = []
                count = decode(self._session, request(self._session, finished, 0, 0), values)
                got, _ = finished.split(count)
                self._ready = list(zip(got, values))[::-1]
                self._rest = self._rest.minus(got)
            elif deadline.passed():
                raise CloudTimeoutError
        jid, value = self._ready.pop()
        if type(value) is _Later:
            value = load(self._session, value)
        elif type(value) is _Failed:
            if not self._ignore_errors:
                _raise(value)
            value = value.exception
        return Jid(jid), value


def gather(session: Session, jids: JidSet) -> Iterator[tuple[int, Any, Exception | None]]:
    """Id, value and exception of jobs that have ended, none raised."""
    rest = jids
    while rest:
        head, tail = rest.split(PER_REPLY)
        values: list[Any] = []
        count = decode(session, request(session, head, 0, 0), values)
        if not count:
            return
        for jid, value in zip(head, values):
            if type(value) is _Failed:
                yield jid, None, value.exception
                continue
            try:
                yield jid, load(session, value) if type(value) is _Later else value, None
            except CloudException as error:
                yield jid, None, error
        _, left = head.split(count)
        rest = JidSet(left.ranges + tail.ranges) if left else tail
