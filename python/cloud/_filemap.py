"""A large stored file, mapped, combined and reduced chunk by chunk: one job for each chunk, one for the rest.

The last job waits for the others as a dependent, not by asking: it takes no core while they run.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Callable, Union

from ._core import Cloud, current
from ._errors import CloudException
from ._records import records
from ._signature import check_arguments

if TYPE_CHECKING:
    from ._jids import Jid, JidRange
    from ._objects import Info

    Reader = Union[str, bytes, Callable[..., Iterable[Any]], None]
    Step = Callable[[Any], Iterable[Any]]

__all__ = ["check", "map_file"]

CHUNKS = 10
"""Without a size, a file is cut into so many."""
CHUNKS_MAX = 100_000


class _Plan:
    """What the job of a chunk needs to know of the file and of what is to be done with it."""

    def __init__(
        self, info: Info, chunk_size: int, mapper: Step, reader: Reader, combiner: Step | None
    ) -> None:
        self.key = str(info["key"])
        self.size = int(info["size"])
        self.etag = f'"{info["sha256"]}"'
        self.chunk_size = chunk_size
        self.mapper = mapper
        self.reader = reader
        self.combiner = combiner

    def chunks(self) -> int:
        """How many there are; none of an empty file."""
        return -(-self.size // self.chunk_size)


def map_file(
    cloud: Cloud,
    info: Info,
    mapper: Step,
    chunk_size: int | None,
    reader: Reader,
    combiner: Step | None,
    reducer: Step | None,
    options: dict[str, Any],
) -> Jid:
    """Makes the jobs, and returns the last one's id."""
    for name in options:
        if not name.startswith("_"):
            raise TypeError(f"cloud.files.map got an unexpected keyword argument {name!r}")
    plan = _Plan(info, chunk_size or max(1, -(-int(info["size"]) // CHUNKS)), mapper, reader, combiner)
    if plan.chunks() > CHUNKS_MAX:
        raise ValueError(f"chunks of {plan.chunk_size} bytes would be {plan.chunks()} jobs: make them larger")
    of_chunks = {n: v for n, v in options.items() if n not in ("_callback", "_callback_on_error")}
    if not plan.chunks():
        return cloud.call(_gather, None, reducer, **options)
    jids = cloud.map(lambda number: _chunk(plan, number), range(plan.chunks()), **of_chunks)
    # A failed chunk's own exception is the result, so the last job looks at all of them.
    options.update(_depends_on=jids, _depends_on_errors="ignore")
    return cloud.call(_gather, jids, reducer, **options)


def check(mapper: object, chunk_size: object, reader: object, combiner: object, reducer: object) -> None:
    """TypeError and ValueError for what `map_file` cannot do."""
    for name, step in (("mapper", mapper), ("combiner", combiner), ("reducer", reducer)):
        if step is None and name != "mapper":
            continue
        if not callable(step):
            raise TypeError(f"{name} is a function, not {type(step).__name__}")
        check_arguments(step, (None,), {})
    if chunk_size is not None:
        if isinstance(chunk_size, bool) or not isinstance(chunk_size, int):
            raise TypeError(f"chunk_size is a number of bytes, not {type(chunk_size).__name__}")
        if chunk_size < 1:
            raise ValueError(f"chunk_size is at least 1 byte, not {chunk_size}")
    if isinstance(reader, (str, bytes)):
        if not reader:
            raise ValueError("a delimiter has at least one character")
    elif callable(reader):
        check_arguments(reader, (None, 0), {})
    elif reader is not None:
        raise TypeError(f"record_reader is a delimiter or a function, not {type(reader).__name__}")


def _chunk(plan: _Plan, number: int) -> list[Any]:
    """A job: the values of the records that begin in one chunk."""
    values = _mapped(plan.mapper, _read(plan, number))
    return list(values if plan.combiner is None else _steps("combiner", plan.combiner, values))


def _read(plan: _Plan, number: int) -> Iterator[Any]:
    from ._object_reader import RemoteFile

    start = number * plan.chunk_size
    end = min(start + plan.chunk_size, plan.size)
    connection = current()._session().connection
    with io.BufferedReader(RemoteFile(connection, plan.key, plan.size, plan.etag), 256 << 10) as file:
        reader = "\n" if plan.reader is None else plan.reader
        if isinstance(reader, bytes):
            yield from records(file, plan.size, start, end, reader)
        elif isinstance(reader, str):
            for record in records(file, plan.size, start, end, reader.encode()):
                yield record.decode()
        else:
            file.seek(start)
            yield from reader(file, end - 1)


def _mapped(mapper: Step, found: Iterable[Any]) -> Iterator[Any]:
    for record in found:
        yield from _steps("mapper", mapper, record)


def _steps(name: str, step: Step, argument: Any) -> Iterable[Any]:
    values = step(argument)
    if not isinstance(values, Iterable):
        raise TypeError(f"the {name} returned {type(values).__name__}: it must yield its values")
    return values


def _gather(jids: JidRange | None, reducer: Step | None) -> Iterator[Any]:
    """The last job: all values in the order of the file, reduced."""
    values = _flat(jids)
    return iter(list(values if reducer is None else _steps("reducer", reducer, values)))


def _flat(jids: JidRange | None) -> Iterator[Any]:
    if jids is None:
        return
    try:
        for values in current().iresult(jids):
            yield from values
    except CloudException as error:
        if error.jid is not None and error.hint is None:
            error.hint = "that is the job of a chunk of the file"
        raise
