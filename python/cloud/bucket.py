"""Objects: named contents of any size, kept until they are removed. The same from everywhere, also from jobs.

>>> cloud.bucket.put('model.pt')                               # doctest: +SKIP
>>> cloud.bucket.putf(b'hello', 'notes/today.txt')             # doctest: +SKIP
>>> cloud.bucket.getf('notes/today.txt').read()                # doctest: +SKIP
b'hello'
>>> cloud.bucket.list(prefix='notes/')                         # doctest: +SKIP
['notes/today.txt']

The path of an object is text: parts joined by single slashes, without one at either end, at most 1,024
bytes of UTF-8. Every function takes a `prefix`, text or a list of texts, which goes before the path with
a slash between. A path that breaks the rules is a TypeError or ValueError before anything is sent; what
is not there, not allowed or too large is a `CloudException`.

An upload is atomic: others see what was there before, or all of the new content. Contents are checked on
the way, and are streamed, so that their size does not matter for memory.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Union

from ._core import current
from ._errors import CloudException, DamagedError
from ._object_keys import Prefix, base_name, key_of, keys_of, prefix_of
from ._object_reader import CloudBucketObject, ObjectRange, check_range
from ._objects import MANY, Info, Objects, missing, name_of

if TYPE_CHECKING:
    from ._signed import SignedURL
    from ._sync import Synced

__all__ = [
    "CloudBucketObject",
    "DamagedError",
    "KeyList",
    "SignedURL",
    "Synced",
    "commit",
    "exists",
    "get",
    "get_md5",
    "getf",
    "info",
    "is_public",
    "iterlist",
    "list",
    "make_private",
    "make_public",
    "mpsafe_get",
    "public_url_folder",
    "put",
    "putf",
    "remove",
    "remove_prefix",
    "rename",
    "rename_prefix",
    "sign",
    "sync_from_cloud",
    "sync_to_cloud",
]

FilePath = Union[str, "os.PathLike[str]"]


class KeyList(builtins.list[str]):
    """A list of paths that knows whether there are more.

    Attributes:
        truncated: whether the list was cut at `max_keys`; go on with the last one as `marker`.
    """

    def __init__(self, keys: Iterable[str], truncated: bool) -> None:
        super().__init__(keys)
        self.truncated = truncated


def _objects() -> Objects:
    objects: Objects = current()._session().objects
    return objects


def _info(obj_path: str, prefix: Prefix, md5: bool = False) -> Info:
    key = key_of(obj_path, prefix)
    return _objects().info(key, md5)


def put(file_path: FilePath, obj_path: str | None = None, prefix: Prefix = None) -> None:
    """Stores a file.

    Args:
        file_path: a regular file.
        obj_path: the object's path; the name of the file by default.
        prefix: what goes before it.

    Raises:
        TypeError, ValueError: the path breaks the rules.
        OSError: the file cannot be read.
        CloudException: it is too large, or there is no room.

    >>> cloud.bucket.put('run7/weights.npy', prefix='experiments')    # doctest: +SKIP
    >>> cloud.bucket.exists('experiments/weights.npy')                # doctest: +SKIP
    True
    """
    from ._transfer import put_file

    key = key_of(base_name(file_path) if obj_path is None else obj_path, prefix)
    put_file(_objects(), file_path, key)


def putf(f: str | bytes | IO[bytes] | IO[str], obj_path: str, prefix: Prefix = None) -> None:
    """Stores bytes, a text (as UTF-8), or what an open file holds from where it stands; closes the file.

    Raises:
        OSError: the file is a pipe or a socket: nobody knows its size before its end.
        TypeError, ValueError, CloudException: as `put`.
    """
    key = key_of(obj_path, prefix)
    if isinstance(f, str):
        f = f.encode()
    if isinstance(f, (bytes, bytearray, memoryview)):
        f = io.BytesIO(f)
    with f:
        file = _binary(f)
        start = file.tell()
        size = file.seek(0, io.SEEK_END) - start
        file.seek(start)
        if size < 0:
            raise ValueError("the file stands behind its end")
        _objects().put(key, file, size)


def _binary(f: Any) -> IO[bytes]:
    """The file to read bytes from."""
    if not hasattr(f, "read"):
        raise TypeError(f"putf takes bytes, a text or an open file, not {type(f).__name__}")
    if not (hasattr(f, "seekable") and f.seekable()):
        raise OSError(
            "the file cannot seek, so its size is not known before its end: read it, or put it into a file"
        )
    if isinstance(f, io.TextIOWrapper) and not f.tell():
        buffer: IO[bytes] = f.buffer
        return buffer
    if isinstance(f, io.TextIOBase):
        return io.BytesIO(f.read().encode(f.encoding or "utf-8"))
    return f  # type: ignore[no-any-return]


def get(
    obj_path: str,
    file_path: FilePath | None = None,
    prefix: Prefix = None,
    start_byte: int = 0,
    end_byte: int | None = None,
) -> None:
    """Writes an object into a file, which gets its name once it is complete.

    Args:
        obj_path: the object.
        file_path: where to; the last part of the object's path by default. Into a directory that is there,
            the object goes under that name. Directories that are missing are made.
        prefix: what goes before the object's path.
        start_byte, end_byte: the range to read, both included; the whole object by default.

    Raises:
        CloudException: there is no such object.
        DamagedError: the content did not fit its checksum, also when it was read again.
        OSError: the file cannot be written.
    """
    from ._transfer import get_file, target_of

    key = key_of(obj_path, prefix)
    check_range(start_byte, end_byte)
    get_file(_objects(), key, target_of(file_path, key), start_byte, end_byte)


def getf(
    obj_path: str, prefix: Prefix = None, start_byte: int = 0, end_byte: int | None = None
) -> CloudBucketObject:
    """Opens an object for reading, as it comes.

    Args:
        obj_path: the object.
        prefix: what goes before its path.
        start_byte, end_byte: the range to read, both included; the whole object by default.

    Raises:
        CloudException: there is no such object.

    >>> for line in cloud.bucket.getf('log/2026-11-26.txt'):    # doctest: +SKIP
    ...     print(line.decode(), end='')
    """
    key = key_of(obj_path, prefix)
    check_range(start_byte, end_byte)
    source = ObjectRange(current()._session().connection, key, start_byte, end_byte)
    return CloudBucketObject(source, start_byte, whole=start_byte == 0 and end_byte is None)


def sync_to_cloud(file_path: FilePath, obj_path: str | None = None, prefix: Prefix = None) -> Synced:
    """Stores a file, or every file below a directory, unless it is stored already.

    What counts are size and checksum. Small files travel many at once. Nothing is removed.

    Args:
        file_path: a file or a directory.
        obj_path: the object, or what the objects are below; the name of the file or directory by default.
        prefix: what goes before that.

    >>> cloud.bucket.sync_to_cloud('photos', 'trip')    # doctest: +SKIP
    Synced(transferred=12, transferred_bytes=48611208, unchanged=3)
    """
    from . import _sync
    from ._transfer import put_file

    key = key_of(base_name(file_path) if obj_path is None else obj_path, prefix)
    objects, path = _objects(), Path(file_path)
    if path.is_dir():
        return _sync.directory_to_cloud(objects, path, key)
    size = path.stat().st_size
    if not _sync.differs(path, objects.infos([key])[0]):
        return _sync.Synced(0, 0, 1)
    put_file(objects, path, key)
    return _sync.Synced(1, size, 0)


def sync_from_cloud(obj_path: str, file_path: FilePath | None = None, prefix: Prefix = None) -> Synced:
    """Writes an object into a file, or all objects below a path into a directory, unless they are there.

    What counts are size and checksum. Nothing is removed, and nothing is written outside the directory.

    Args:
        obj_path: an object, or what objects are below.
        file_path: the file or directory; the last part of the path by default.
        prefix: what goes before the path.

    Raises:
        CloudException: there is no such object and none below; or a link would lead outside the directory.
    """
    from . import _sync
    from ._transfer import get_file, target_of

    key = key_of(obj_path, prefix)
    objects = _objects()
    (found,) = objects.infos([key])
    if found is None:
        directory = Path(file_path) if file_path is not None else Path(key.rpartition("/")[2])
        return _sync.directory_from_cloud(objects, key, directory)
    path = target_of(file_path, key)
    if not _sync.differs(path, found):
        return _sync.Synced(0, 0, 1)
    get_file(objects, key, path)
    return _sync.Synced(1, int(found["size"]), 0)


def mpsafe_get(
    obj_path: str,
    file_path: FilePath | None = None,
    prefix: Prefix = None,
    start_byte: int = 0,
    end_byte: int | None = None,
    timeout: float | None = None,
    do_sync: bool = False,
) -> None:
    """As `get`, for many processes of one machine that want the same file: one of them downloads it.

    A file that is there and not empty is kept as it is.

    Args:
        obj_path, file_path, prefix, start_byte, end_byte: as of `get`.
        timeout: seconds to wait for another process at most.
        do_sync: replace a file that differs from the object; the range must be the whole.

    Raises:
        CloudTimeoutError: another process took longer.
        CloudException, DamagedError, OSError: as `get`.
    """
    from ._locked import locked
    from ._transfer import target_of

    target = target_of(file_path, key_of(obj_path, prefix))
    check_range(start_byte, end_byte)
    if do_sync and (start_byte or end_byte is not None):
        raise ValueError("do_sync compares whole objects: leave out start_byte and end_byte")
    with locked(target, timeout):
        if do_sync:
            sync_from_cloud(obj_path, target, prefix)
        elif not (target.is_file() and target.stat().st_size):
            get(obj_path, target, prefix, start_byte, end_byte)


def list(
    prefix: Prefix = None, folderize: bool = False, marker: str | None = None, max_keys: int = MANY
) -> KeyList:
    """Paths of objects, in the order of their bytes.

    Args:
        prefix: those that begin so; all by default. A list of parts is joined by slashes.
        folderize: tell what has a slash behind the prefix as one folder, which ends with that slash.
        marker: those behind this path.
        max_keys: 1 to 1,000.

    Returns:
        a list with the attribute `truncated`: whether there are more.

    >>> cloud.bucket.list('images/', folderize=True)    # doctest: +SKIP
    ['images/7/', 'images/index.html']
    """
    if isinstance(max_keys, bool) or not isinstance(max_keys, int):
        raise TypeError(f"max_keys is a whole number, not {type(max_keys).__name__}")
    if not 1 <= max_keys <= MANY:
        raise ValueError(f"max_keys is 1 to {MANY}, not {max_keys}: iterlist goes through all")
    if marker is not None and not isinstance(marker, str):
        raise TypeError(f"marker is a path, not {type(marker).__name__}")
    start = prefix_of(prefix)
    page = _objects().page(start, bool(folderize), marker, max_keys)
    return KeyList(map(name_of, page.entries), page.truncated)


def iterlist(prefix: Prefix = None, folderize: bool = False, num_readahead_keys: int = MANY) -> Iterator[str]:
    """Goes through all paths that `list` would tell, `num_readahead_keys` with each request."""
    if not 1 <= num_readahead_keys <= MANY:
        raise ValueError(f"num_readahead_keys is 1 to {MANY}, not {num_readahead_keys}")
    start = prefix_of(prefix)
    return map(name_of, _objects().entries(start, bool(folderize), num_readahead_keys))


def exists(obj_path: str, prefix: Prefix = None) -> bool:
    """Whether there is such an object."""
    key = key_of(obj_path, prefix)
    return _objects().infos([key])[0] is not None


def info(obj_path: str, prefix: Prefix = None) -> dict[str, Any]:
    """What is known of an object.

    Returns:
        a dict of `size` (bytes), `created` and `last-modified` (datetimes), `md5sum` and `sha256` (hex),
        `content-type`, `public` (bool), `url` (None unless public), and the headers it is served with.
        The MD5 of a large object is computed when it is asked for first, some 600 MB a second.

    Raises:
        CloudException: there is no such object.
    """
    found = _info(obj_path, prefix, md5=True)
    return {
        **found.get("headers", {}),
        "size": found["size"],
        "created": _moment(found["created"]),
        "last-modified": _moment(found["modified"]),
        "md5sum": found["md5"],
        "sha256": found["sha256"],
        "content-type": found["content_type"],
        "public": found.get("public_url") is not None,
        "url": found.get("public_url"),
    }


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, timezone.utc)


def get_md5(obj_path: str, prefix: Prefix = None) -> str:
    """The MD5 of an object, in hex. That of a large one is computed when it is asked for first.

    Raises:
        CloudException: there is no such object, or it was replaced while its MD5 was computed.
    """
    md5: str | None = _info(obj_path, prefix, md5=True)["md5"]
    if md5 is None:
        raise CloudException(f"{obj_path} was replaced meanwhile", kind="changed", retry=True)
    return md5


def remove(obj_paths: str | Iterable[str], prefix: Prefix = None) -> None:
    """Removes an object, or many, a thousand with each request.

    Raises:
        CloudException: the one object is not there. Of many, those that are not there are passed over.
    """
    keys = keys_of(obj_paths, prefix)
    removed = _objects().remove(keys)
    if isinstance(obj_paths, str) and not removed:
        raise missing(keys[0])


def remove_prefix(prefix: Prefix) -> int:
    """Removes all objects whose path begins so, and returns how many there were.

    `'images/7'` is also the beginning of `'images/70.jpg'`: end it with a slash where a folder is meant.
    ValueError for an empty one: that would be every object. `remove(iterlist())` removes all.
    """
    start = prefix_of(prefix)
    if not start:
        raise ValueError(
            "an empty prefix is that of every object: remove(iterlist()) removes all, if that is meant"
        )
    return _objects().remove_prefix(start)


def rename(obj_path: str, new_path: str, prefix: Prefix = None) -> None:
    """Gives an object another path, at once, whatever its size; an object that has that path is replaced.

    Raises:
        CloudException: there is no such object.
    """
    source, target = key_of(obj_path, prefix), key_of(new_path, prefix)
    if not _objects().rename(source, target, False):
        raise missing(source)


def rename_prefix(prefix: Prefix, new_prefix: Prefix) -> int:
    """Gives all objects whose path begins with one prefix another beginning; returns how many.

    Raises:
        CloudException: there are none.
    """
    source, target = prefix_of(prefix), prefix_of(new_prefix)
    if not source:
        raise ValueError("an empty prefix is that of every object: name the folder to be renamed")
    renamed = _objects().rename(source, target, True)
    if not renamed:
        raise CloudException(
            f"there are no objects whose path begins with {source}", status=404, kind="not_found"
        )
    return renamed


def make_public(
    obj_path: str, prefix: Prefix = None, headers: dict[str, str] | None = None, reset_headers: bool = False
) -> str:
    """Lets anybody read an object, and returns the address, which stays the same.

    Args:
        obj_path: the object.
        prefix: what goes before its path.
        headers: what it is served with besides those it has: `content-type`, `content-encoding`,
            `content-disposition`, `cache-control`; others are served as `x-picloud-meta-NAME`. All are
            printable ASCII.
        reset_headers: forget those it has first.

    Raises:
        CloudException: there is no such object, or a header is refused.

    >>> cloud.bucket.make_public('report.pdf', headers={'cache-control': 'max-age=3600'})    # doctest: +SKIP
    'http://127.0.0.1:7878/public/m3kd81.../report.pdf'
    """
    key, given = key_of(obj_path, prefix), dict(headers or {})
    for name, value in given.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"headers are texts by their names, not {name!r}: {value!r}")
        if not (value.isascii() and value.isprintable()):
            raise ValueError(f"the header {name!r} is printable ASCII, not {value!r}")
    return str(_objects().make_public(key, given, bool(reset_headers))["public_url"])


def is_public(obj_path: str, prefix: Prefix = None) -> str | bool:
    """The address of a public object; False for one that is not public. CloudException if there is none."""
    url = _info(obj_path, prefix).get("public_url")
    return str(url) if url else False


def make_private(obj_path: str, prefix: Prefix = None) -> None:
    """Lets nobody else read an object any more, at once. CloudException if there is none."""
    key = key_of(obj_path, prefix)
    _objects().make_private(key)


def public_url_folder() -> str:
    """What the addresses of the account's public objects begin with; their paths follow."""
    return str(_objects().bucket()["public_url_folder"])


def sign(
    obj_path: str,
    method: str = "get",
    expires: int = 3600,
    prefix: Prefix = None,
    file_path: FilePath | None = None,
) -> SignedURL:
    """An address that lets whoever has it read or write one object for some time, without a key.

    Args:
        obj_path: the object.
        method: `'get'` or `'put'`, the method of HTTP that it is good for.
        expires: seconds, 1 to 604,800 (a week).
        prefix: what goes before the path.
        file_path: for `'put'`: the file that will be uploaded. Needed where objects are kept in S3; other
            content is refused then.

    Returns:
        the address, a str, which also has `headers` to be sent along, `expires` (a datetime) and `commit`.

    Raises:
        CloudException: there is no such object to read; or the file must be named.

    >>> url = cloud.bucket.sign('big.iso', expires=600)    # doctest: +SKIP
    """
    from ._signed import SignedURL, upload_of

    key = key_of(obj_path, prefix)
    if method not in ("get", "put"):
        raise ValueError(f"method is 'get' or 'put', not {method!r}")
    if isinstance(expires, bool) or not isinstance(expires, int):
        raise TypeError(f"expires is a whole number of seconds, not {type(expires).__name__}")
    if not 1 <= expires <= 604_800:
        raise ValueError(f"expires is 1 to 604,800 seconds, not {expires}")
    upload = None if file_path is None or method == "get" else upload_of(file_path)
    return SignedURL(_objects().sign(key, method, expires, upload))


def commit(signed: SignedURL) -> None:
    """Makes an object of what was uploaded to a signed address, where that does not happen by itself.

    Raises:
        CloudException: what was uploaded is not what was announced.
    """
    if signed.commit is not None:
        _objects().commit(signed.commit)


def __getattr__(name: str) -> Any:
    # Loaded when first used, as what they belong to is.
    if name == "SignedURL":
        from ._signed import SignedURL

        return SignedURL
    if name == "Synced":
        from ._sync import Synced

        return Synced
    raise AttributeError(f"module 'cloud.bucket' has no attribute {name!r}")
