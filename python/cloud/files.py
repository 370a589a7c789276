"""Stored files under plain names: the face that `cloud.bucket` had before there were paths.

A file named `x` is the object `files/x`; both modules see it. New in here is only `map`.

>>> cloud.files.put('agfa.dump')                # doctest: +SKIP
>>> cloud.files.getf('agfa.dump').read(4)       # doctest: +SKIP
b'AGFA'
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, Any, Callable

from . import bucket
from ._core import current
from ._object_keys import base_name, key_of
from .bucket import CloudBucketObject, FilePath

if TYPE_CHECKING:
    from ._jids import Jid
    from ._sync import Synced

__all__ = [
    "delete",
    "exists",
    "get",
    "get_md5",
    "getf",
    "list",
    "map",
    "put",
    "putf",
    "sync_from_cloud",
    "sync_to_cloud",
]

_FOLDER = "files"


def put(source: FilePath, name: str | None = None) -> None:
    """Stores a file, under its own name by default. Errors as of `cloud.bucket.put`."""
    bucket.put(source, base_name(source) if name is None else name, _FOLDER)


def putf(f: str | bytes | IO[bytes] | IO[str], name: str) -> None:
    """Stores bytes, a text, or what an open file holds; closes the file. Errors as of `cloud.bucket.putf`."""
    bucket.putf(f, name, _FOLDER)


def get(
    name: str, destination: FilePath | None = None, start_byte: int = 0, end_byte: int | None = None
) -> None:
    """Writes a stored file, or a range of its bytes with both ends included, to `destination`.

    By default that is its name in the current directory. Errors as of `cloud.bucket.get`.
    """
    bucket.get(name, destination, _FOLDER, start_byte, end_byte)


def getf(name: str, start_byte: int = 0, end_byte: int | None = None) -> CloudBucketObject:
    """Opens a stored file for reading, or a range of its bytes with both ends included."""
    return bucket.getf(name, _FOLDER, start_byte, end_byte)


def list() -> builtins.list[str]:
    """The names of all stored files."""
    return [key[len(_FOLDER) + 1 :] for key in bucket.iterlist(f"{_FOLDER}/")]


def exists(name: str) -> bool:
    """Whether there is such a file."""
    return bucket.exists(name, _FOLDER)


def get_md5(name: str) -> str:
    """The MD5 of a stored file, in hex. CloudException if there is none."""
    return bucket.get_md5(name, _FOLDER)


def delete(name: str) -> None:
    """Removes a stored file. CloudException if there is none."""
    bucket.remove(name, _FOLDER)


def sync_to_cloud(source: FilePath, name: str | None = None) -> Synced:
    """Stores a file, or the files below a directory, unless they are stored already. See `cloud.bucket`."""
    return bucket.sync_to_cloud(source, name, _FOLDER)


def sync_from_cloud(name: str, destination: FilePath | None = None) -> Synced:
    """Writes a stored file, unless it is there already. See `cloud.bucket`."""
    return bucket.sync_from_cloud(name, destination, _FOLDER)


def map(
    name: str,
    mapper: Callable[[Any], Iterable[Any]],
    chunk_size: int | None = None,
    record_reader: str | bytes | Callable[..., Iterable[Any]] | None = None,
    combiner: Callable[[Iterable[Any]], Iterable[Any]] | None = None,
    reducer: Callable[[Iterable[Any]], Iterable[Any]] | None = None,
    **kwargs: Any,
) -> Jid:
    """Runs `mapper` on every record of a stored file, chunk by chunk, in parallel jobs; returns one job id.

    The result of that job is an iterator over all values in the order of the file. A record that crosses
    the border of two chunks is handled once.

    Args:
        name: the stored file. It must stay as it is until the job has ended.
        mapper: takes a record, yields values.
        chunk_size: bytes of a chunk; a tenth of the file by default.
        record_reader: what ends a record, `'\\n'` by default: records are texts without it. Where it is
            bytes, records are bytes. Or a function `(file, end_byte)` that yields the records which begin in
            a chunk: `file` can be read and sought by its absolute positions and stands at the chunk's
            first byte, `end_byte` is the position of its last one.
        combiner: takes an iterator over the values of a chunk, yields others; runs in the chunk's job.
        reducer: takes an iterator over all values, yields others; runs once, in the last job.
        **kwargs: keywords of `cloud.call`, such as `_type`, which hold for every job.

    Raises:
        TypeError, ValueError: a function, a size or a keyword is wrong.
        CloudException: there is no such file.

    >>> def words(line):                                                       # doctest: +SKIP
    ...     yield len(line.split())
    >>> def total(counts):
    ...     yield sum(counts)
    >>> list(cloud.result(cloud.files.map('book.txt', words, combiner=total, reducer=total)))
    [563214]
    """
    from ._filemap import check, map_file

    key, cloud = key_of(name, _FOLDER), current()
    check(mapper, chunk_size, record_reader, combiner, reducer)
    return map_file(
        cloud,
        cloud._session().objects.info(key),
        mapper,
        chunk_size,
        record_reader,
        combiner,
        reducer,
        kwargs,
    )
