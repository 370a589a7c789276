"""Loads functions and arguments, dumps results, in whichever form, and exceptions."""

from __future__ import annotations

import contextlib
import copyreg
import io
import os
import pickle
from typing import Any

import cloudpickle

from .forms import in_form
from .frames import FILE, INLINE

PROTOCOL = 5
_INLINE_KIND = bytes([INLINE])
_FILE_KIND = bytes([FILE])

#: Exact types that any pickler writes the same way, so that the plain one, ten times faster, may.
_PLAIN = frozenset((int, float, bool, str, bytes, type(None)))
_CONTAINERS = frozenset((tuple, list))
#: Looking at the items of a longer list would cost more than it saves.
_SMALL = 32


class TooBigError(Exception):
    """The pickle is longer than a result may be."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(size, limit)
        self.size = size
        self.limit = limit


class NoRoomError(Exception):
    """The file of a result could not be written."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


def load(payload: memoryview) -> Any:
    """What a payload of the protocol holds."""
    if payload[0] == INLINE:
        return pickle.loads(payload[1:])
    # From the file, not from its bytes: a large array is then read to where it stays.
    with open(os.fsdecode(bytes(payload[1:])), "rb") as file:
        return pickle.load(file)


def is_plain(value: Any) -> bool:
    """Whether `value` is a scalar or a small flat container of scalars, all exactly built-in."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind in _CONTAINERS:
        return len(value) <= _SMALL and _PLAIN.issuperset(map(type, value))
    if kind is dict:
        return (
            len(value) <= _SMALL
            and _PLAIN.issuperset(map(type, value))
            and _PLAIN.issuperset(map(type, value.values()))
        )
    return False


class _Sink:
    """Where a pickler writes: memory at first, a file once that would be too much.

    The C pickler hands over large objects as they are, so a result of a gigabyte goes to its
    file without a second copy of it in memory.
    """

    def __init__(self) -> None:
        self.begin("", 0, 0)

    def begin(self, path: str, inline_limit: int, result_limit: int) -> None:
        self._path = path
        self._inline_limit = inline_limit
        self._result_limit = result_limit
        self._pieces: list[bytes] = []
        self._file: Any = None
        self.size = 0

    def write(self, data: Any) -> int:
        if isinstance(data, pickle.PickleBuffer):
            data = data.raw()  # a large array, handed over as it lies in memory
        size = data.nbytes if isinstance(data, memoryview) else len(data)
        self.size += size
        if self.size > self._result_limit:
            # Goes on counting, so that the message can say by how much it is too big.
            self.abandon()
        elif self._file is None and self.size <= self._inline_limit:
            self._pieces.append(bytes(data))
        else:
            self._write_file(data)
        return size

    def _write_file(self, data: Any) -> None:
        try:
            if self._file is None:
                self._file = open(self._path, "wb")  # noqa: SIM115
                self._file.writelines(self._pieces)
                self._pieces.clear()
            self._file.write(data)
        except OSError as error:
            raise NoRoomError(error) from error

    def abandon(self) -> None:
        """Nothing of what was written is wanted."""
        self._pieces.clear()
        if self._file is not None:
            file, self._file = self._file, None
            os.unlink(self._path)
            with contextlib.suppress(OSError):  # What it still held may find no room; it is not wanted.
                file.close()

    def payload(self) -> bytes:
        if self.size > self._result_limit:
            raise TooBigError(self.size, self._result_limit)
        if self._file is None:
            return _INLINE_KIND + b"".join(self._pieces)
        file, self._file = self._file, None
        try:
            file.close()
        except OSError as error:
            os.unlink(self._path)
            raise NoRoomError(error) from error
        return _FILE_KIND + os.fsencode(self._path)


class Dumper:
    """Writes results. Reused, because to make a cloudpickle pickler costs more than a small result."""

    def __init__(self, scratch: str) -> None:
        self._scratch = scratch
        self._sink = _Sink()
        self._rich: Any = None
        self.inline_limit = 64 << 10
        self.result_limit = 1 << 30

    def _path(self, of: tuple[int, int]) -> str:
        return os.path.join(self._scratch, "result-{}-{}".format(*of))

    def result(self, value: Any, of: tuple[int, int], fast: bool) -> bytes:
        """The payload of the result of a job and attempt."""
        if is_plain(value):
            data = pickle.dumps(value, PROTOCOL)
            if len(data) <= self.inline_limit:
                return _INLINE_KIND + data
            del data
        sink = self._sink
        sink.begin(self._path(of), self.inline_limit, self.result_limit)
        try:
            if fast:
                pickle.Pickler(sink, PROTOCOL).dump(value)
            else:
                self._dump_rich(value)
            return sink.payload()
        except BaseException:
            sink.abandon()
            raise

    def result_in(self, form: str, value: Any, of: tuple[int, int]) -> bytes:
        """The same in another form. NotSaidError if it cannot say the value."""
        kind, content = in_form(value, form)
        sink = self._sink
        sink.begin(self._path(of), self.inline_limit, self.result_limit)
        try:
            sink.write(kind)
            # Bytes only: the sink counts items, and those of other buffers may be wider.
            sink.write(content)
            return sink.payload()
        except BaseException:
            sink.abandon()
            raise

    def _dump_rich(self, value: Any) -> None:
        # Taken away while in use: after an exception its state is anybody's guess.
        pickler, self._rich = self._rich, None
        if pickler is None:
            pickler = cloudpickle.CloudPickler(self._sink, PROTOCOL)
        pickler.dump(value)
        pickler.clear_memo()
        shared_globals = getattr(pickler, "globals_ref", None)
        if shared_globals:
            # Keyed by `id`, which another object may have by the next result.
            shared_globals.clear()
        self._rich = pickler

    def exception(self, error: BaseException, of: tuple[int, int]) -> bytes:
        """The payload of a pickled exception, with its causes if they can be, empty if it cannot be."""
        for chained, bare in ((True, False), (True, True), (False, False), (False, True)):
            try:
                data = dump_exception(error, chained, bare)
                if type(pickle.loads(data)) is not type(error) or len(data) > self.result_limit:
                    continue
                if len(data) <= self.inline_limit:
                    return _INLINE_KIND + data
                path = self._path(of)
                with open(path, "wb") as file:
                    file.write(data)
                return _FILE_KIND + os.fsencode(path)
            except BaseException:  # Code of the job ran in there.
                continue
        return _INLINE_KIND


def dump_exception(error: BaseException, chained: bool, bare: bool) -> bytes:
    """Pickles an exception with what follows from `chained` and `bare`; never its traceback.

    `chained` keeps `__cause__` and `__context__`, which pickle drops: as items of the state, they
    are set as attributes by `BaseException.__setstate__`. `bare` rebuilds without `__init__`, for
    the many classes whose `__init__` takes other arguments than it passes on.
    """

    class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, BaseException):
                return _reduce_exception(obj, chained, bare)
            return super().reducer_override(obj)

    file = io.BytesIO()
    Pickler(file, PROTOCOL).dump(error)
    return file.getvalue()


def _reduce_exception(error: BaseException, chained: bool, bare: bool) -> Any:
    reduced = error.__reduce_ex__(PROTOCOL)
    if not isinstance(reduced, tuple) or len(reduced) > 3:
        return reduced
    make, arguments, state = (*reduced, None)[:3]
    if (state is not None and type(state) is not dict) or type(
        error
    ).__setstate__ is not BaseException.__setstate__:
        return reduced
    state = dict(state or ())
    if chained:
        if error.__cause__ is not None:
            state["__cause__"] = error.__cause__
        if error.__context__ is not None and not error.__suppress_context__:
            state["__context__"] = error.__context__
        if error.__suppress_context__:
            state["__suppress_context__"] = True
    if bare:
        make, arguments = copyreg.__newobj__, (type(error), *error.args)  # type: ignore[attr-defined]
    return make, arguments, state or None
