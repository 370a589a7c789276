"""Values to bytes. cloudpickle decides how; this adds what the client wants to know on the way:
which modules and code the value refers to, its size before it grows past the limit, and which
part is to blame when it cannot be pickled.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
from types import CodeType, FunctionType, ModuleType
from typing import IO, Any, NoReturn

import cloudpickle

from ._culprit import culprit_path
from ._errors import CloudException
from ._frames import Bytes

__all__ = ["PROTOCOL", "Pickled", "Pickler", "References", "is_plain", "plain_dumps"]

PROTOCOL = 5
SPOOL_BYTES = 8 << 20
HASHED_PIECE = 1 << 20

_NUMBERS = frozenset((int, float, complex, bool, type(None)))
_PLAIN_LENGTH = 64 * 1024
_PLAIN_ITEMS = 32


def _is_scalar(value: Any) -> bool:
    kind = type(value)
    # Long ones are left to the other way, which does not copy them.
    return kind in _NUMBERS or ((kind is str or kind is bytes) and len(value) <= _PLAIN_LENGTH)


def is_plain(value: Any) -> bool:
    """Whether the fast pickler does it justice: small exact builtins that refer to nothing."""
    if _is_scalar(value):
        return True
    kind = type(value)
    if kind is tuple or kind is list:
        return len(value) <= _PLAIN_ITEMS and all(map(_is_scalar, value))
    if kind is dict:
        return (
            len(value) <= _PLAIN_ITEMS
            and all(map(_is_scalar, value))
            and all(map(_is_scalar, value.values()))
        )
    return False


def plain_dumps(value: Any) -> bytes:
    """Pickles what `is_plain`."""
    return pickle.dumps(value, PROTOCOL)


class References:
    """What pickled values refer to without containing it."""

    __slots__ = ("codes", "modules")

    def __init__(self) -> None:
        self.modules: dict[str, str] = {}
        """Modules by name, with what first referred to them."""
        self.codes: list[tuple[CodeType, str, str]] = []
        """Code of functions that travel by value, with package and name: it may import more."""

    def module(self, name: str | None, why: str) -> None:
        """Notes a module."""
        if name and name not in self.modules:
            self.modules[name] = why


class Pickled:
    """A pickled value: parts in memory, or a temporary file when it is large."""

    __slots__ = ("_hash", "file", "parts", "size")

    def __init__(self) -> None:
        self.parts: list[Bytes] = []
        self.file: IO[bytes] | None = None
        self.size = 0
        self._hash: Any = None

    @classmethod
    def of(cls, data: bytes) -> Pickled:
        """From bytes that are there already."""
        pickled = cls()
        pickled.parts.append(data)
        pickled.size = len(data)
        return pickled

    def hash(self) -> str:
        """SHA-256 of the whole."""
        if self.file is None:
            digest = hashlib.sha256()
            for part in self.parts:
                digest.update(part)
            return digest.hexdigest()
        return str(self._hash.hexdigest())

    def data(self) -> bytes:
        """The bytes as one; only for what is small."""
        assert self.file is None, "a spooled value is never joined"
        return b"".join(self.parts)

    def append(self, data: Bytes) -> None:
        """More bytes."""
        self.size += len(data)
        if self.file is not None:
            self._spool(data)
            return
        self.parts.append(data)
        # One huge part is the user's own object, which is in memory anyway: no need for a copy on disk.
        if self.size > SPOOL_BYTES and len(self.parts) > 64:
            import tempfile

            self.file = tempfile.TemporaryFile(prefix="picloud-")  # noqa: SIM115, closed with the value
            self._hash = hashlib.sha256()
            parts, self.parts = self.parts, []
            for part in parts:
                self._spool(part)

    def _spool(self, data: Bytes) -> None:
        assert self.file is not None
        self._hash.update(data)
        self.file.write(data)

    def close(self) -> None:
        """Frees what it holds."""
        self.parts = []
        if self.file is not None:
            self.file.close()


class _Sink:
    """The file a pickler writes to: hands on, and stops what grows past the limit."""

    __slots__ = ("_limit", "target")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.target = Pickled()

    def write(self, data: Any) -> int:
        if isinstance(data, pickle.PickleBuffer):
            data = data.raw()  # the user's own array, not copied: it is sent before the call returns
        size = len(data)
        if self.target.size + size > self._limit:
            raise ExcessiveData(self.target.size + size, self._limit)
        self.target.append(data)
        return size


class ExcessiveData(CloudException):
    """A value is larger than may be sent."""

    def __init__(self, size: int, limit: int, what: str = "a value") -> None:
        self.size = size
        self.limit = limit
        super().__init__(
            f"Excessive data (at least {size:,} bytes) transmitted: {what} is larger than {limit:,} bytes",
            kind="too_large",
            hint="send less, e.g. the name of a file both sides can read, or raise "
            "cloud.config.max_transmit_data and the server's payload limit; "
            "cloud.explain(f, ...) shows what is large",
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.size, self.limit))


class _Rich(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle's pickler, which also notes what it passes."""

    def __init__(self, file: _Sink, references: References) -> None:
        super().__init__(file, protocol=PROTOCOL)
        self._references = references
        self._instances: set[type] = set()

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        references = self._references
        if kind in self._instances:
            # Most objects are instances of few classes; cloudpickle has no say in these.
            module = getattr(obj, "__module__", None)
            if module.__class__ is str and module not in references.modules:
                references.module(module, f"{kind.__name__} {getattr(obj, '__name__', '')}".strip())
            return NotImplemented
        if kind is FunctionType:
            if _by_reference(obj):
                references.module(obj.__module__, f"function {obj.__qualname__}")
            else:
                package = obj.__globals__.get("__package__") or ""
                references.codes.append((obj.__code__, package, obj.__qualname__))
        elif issubclass(kind, ModuleType):
            references.module(obj.__name__, f"module {obj.__name__}")
        elif issubclass(kind, type):
            if _by_reference(obj):
                references.module(obj.__module__, f"class {obj.__qualname__}")
        elif issubclass(kind, io.IOBase):
            reduced = _file_reduce(obj)
            if reduced is not None:
                return reduced
        else:
            self._instances.add(kind)
            return self.reducer_override(obj)
        return super().reducer_override(obj)


def _by_reference(obj: Any) -> bool:
    return bool(cloudpickle.cloudpickle._should_pickle_by_reference(obj))


def _file_reduce(file: Any) -> tuple[Any, ...] | None:
    """An open file becomes one in memory with the same content and position."""
    if file is sys.stdout or file is sys.stderr:
        return (getattr, (sys, "stdout" if file is sys.stdout else "stderr"))
    if not isinstance(file, (io.TextIOWrapper, io.BufferedIOBase, io.RawIOBase)) or isinstance(
        file, io.BytesIO
    ):
        return None
    name = getattr(file, "name", None)
    if file.closed:
        _refuse(f"file {name!r} is closed")
    if not file.readable():
        _refuse(f"file {name!r} is open only for writing")
    if file is sys.stdin or file.isatty():
        _refuse("stdin and terminals cannot be sent")
    try:
        position = file.tell()
        file.seek(0)
        content = file.read()
        file.seek(position)
    except (OSError, ValueError) as error:
        _refuse(f"file {name!r} is not backed by a real file: {error}")
    attributes = {"name": name} if isinstance(name, str) else {}
    if not isinstance(file, io.TextIOWrapper):
        return (io.BytesIO, (), (content, position, attributes))
    # A position in text is a number only the decoder understands; count the characters instead.
    file.seek(position)
    rest = file.read()
    file.seek(position)
    return (io.StringIO, (), (content, "\n", len(content) - len(rest), attributes))


def _refuse(reason: str) -> NoReturn:
    raise pickle.PicklingError(reason)


class Pickler:
    """Pickles values of one submission."""

    def __init__(self, limit: int, fast: int = 0) -> None:
        self.references = References()
        self._limit = limit
        self._fast = fast
        self._sink = _Sink(limit)
        self._rich_pickler = _Rich(self._sink, self.references)

    def function(self, func: Any) -> Pickled:
        """A function, always with cloudpickle."""
        name = getattr(func, "__qualname__", None) or type(func).__name__
        return self._rich(func, name.replace("<locals>.", ""), f"the pickled function {name}")

    def value(self, value: Any, name: str) -> Pickled:
        """Any other value; `name` is what error messages call it."""
        if is_plain(value):
            data = plain_dumps(value)
            if len(data) > self._limit:
                raise ExcessiveData(len(data), self._limit, name)
            return Pickled.of(data)
        return self._rich(value, name, name)

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any], element: int | None = None) -> Pickled:
        """The arguments of one job; `element` is its place in a map."""
        if all(map(is_plain, args)) and (not kwargs or all(map(is_plain, kwargs.values()))):
            data = plain_dumps((args, kwargs))
            self._check(len(data), element)
            return Pickled.of(data)
        if self._fast == 2:
            return self._standard(args, kwargs, element)
        where = "" if element is None else f"element {element}"
        try:
            return self._dump((args, kwargs), _what(element))
        except ExcessiveData:
            raise
        except Exception as error:
            raise self._explained(error, where, _Named(args, kwargs)) from None

    def _standard(self, args: tuple[Any, ...], kwargs: dict[str, Any], element: int | None) -> Pickled:
        sink = _Sink(self._limit)
        try:
            # The standard pickler refers to modules without saying so: note those of the arguments' classes.
            for value in (*args, *kwargs.values()):
                self.references.module(type(value).__module__, f"class {type(value).__qualname__}")
            pickle.Pickler(sink, PROTOCOL).dump((args, kwargs))
        except ExcessiveData as error:
            raise ExcessiveData(error.size, error.limit, _what(element)) from None
        except Exception as error:
            text = str(error) or type(error).__name__
            raise pickle.PicklingError(f"{text} (with _fast_serialization=2; 0 can send more)") from None
        return sink.target

    def _rich(self, value: Any, name: str, what: str) -> Pickled:
        try:
            return self._dump(value, what)
        except ExcessiveData:
            raise
        except Exception as error:
            raise self._explained(error, name, value) from None

    def _dump(self, value: Any, what: str) -> Pickled:
        sink, rich = self._sink, self._rich_pickler
        sink.target = Pickled()
        # One pickler for all elements of a map: making one takes longer than a small value does.
        rich.clear_memo()
        try:
            rich.dump(value)
        except ExcessiveData as error:
            sink.target.close()
            raise ExcessiveData(error.size, error.limit, what) from None
        return sink.target

    def _check(self, size: int, element: int | None) -> None:
        if size > self._limit:
            raise ExcessiveData(size, self._limit, _what(element))

    def _explained(self, error: Exception, name: str, value: Any) -> pickle.PicklingError:
        def dumps(part: Any) -> None:
            _Rich(_Sink(1 << 62), References()).dump(part)

        if isinstance(value, _Named):
            for label, part in value.parts():
                try:
                    dumps(part)
                except Exception:
                    return pickle.PicklingError(culprit_path(f"{name} {label}".strip(), part, dumps))
        if isinstance(value, _Named):
            return pickle.PicklingError(f"{name}: {error}" if name else str(error))
        return pickle.PicklingError(culprit_path(name, value, dumps))


class _Named:
    """Arguments, each with the name an error message uses."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._args = args
        self._kwargs = kwargs

    def parts(self) -> list[tuple[str, Any]]:
        positional = [(f"argument {index + 1}", value) for index, value in enumerate(self._args)]
        return positional + [(f"argument {name!r}", value) for name, value in self._kwargs.items()]


def _what(element: int | None) -> str:
    return "the pickled arguments" if element is None else f"the pickled arguments of element {element}"
