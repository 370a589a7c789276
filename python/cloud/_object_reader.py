"""Reading an object as it comes, over connections that may break.

A broken transfer goes on where it stopped. Should the object be another one by then, that is an
error: the halves of two contents are no content.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ._errors import CloudException, DamagedError
from ._object_keys import quoted

if TYPE_CHECKING:
    from ._http import Connection, Source
    from ._wire import Reply

__all__ = ["CloudBucketObject", "ObjectRange", "RemoteFile", "check_range"]

BUFFER_BYTES = 256 << 10


def check_range(start_byte: int, end_byte: int | None) -> None:
    """TypeError and ValueError for what is no range of bytes."""
    for name, value in (("start_byte", start_byte), ("end_byte", end_byte)):
        if value is None and name == "end_byte":
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} is a whole number, not {type(value).__name__}")
        if value < 0:
            raise ValueError(f"{name} counts from the beginning, so it cannot be {value}")
    if end_byte is not None and end_byte < start_byte:
        raise ValueError(
            f"end_byte {end_byte} lies before start_byte {start_byte}; both ends belong to the range"
        )


class ObjectRange:
    """Bytes of one object, from `start` to `end` (included; None for the last one).

    `etag`: what the object must be, where it is known already.
    """

    def __init__(
        self, connection: Connection, key: str, start: int = 0, end: int | None = None, etag: str = ""
    ) -> None:
        self._connection = connection
        self._path = f"/v1/bucket/objects/{quoted(key)}"
        self.key = key
        self.position = start
        self.etag = etag
        self.md5: str | None = None
        self.size = 0
        """Of the whole object."""
        self.end = end
        self._source: Source | None = None
        self._patience = connection.patience()
        self._open()

    def _open(self) -> None:
        headers = {}
        last = "" if self.end is None else self.end
        if self.position or last != "":
            headers["Range"] = f"bytes={self.position}-{last}"
        try:
            reply, self._source = self._connection.fetch(self._path, headers)
        except CloudException as error:
            if error.status != 416:
                raise
            self._beyond(error)
            return
        try:
            self._take(reply)
        except BaseException:
            self.close()
            raise

    def _take(self, reply: Reply) -> None:
        etag = reply.headers.get("etag", "")
        if self.etag and etag != self.etag:
            raise CloudException(f"{self.key} was replaced while it was read", kind="changed", retry=True)
        self.etag = etag
        self.md5 = _md5(reply)
        self.size = _whole_size(reply)
        if reply.status != 206 and self.position:
            raise CloudException("the server sent another range than was asked for", kind="bad_reply")
        self.end = self.size - 1 if self.end is None else min(self.end, self.size - 1)

    def _beyond(self, error: CloudException) -> None:
        # A range that begins at or behind the end is empty, as it is for any file.
        from ._objects import Objects

        info = Objects(self._connection).info(self.key)
        if info["size"] > self.position:
            raise error
        self.size = int(info["size"])
        self.etag, self.md5, self.end = f'"{info["sha256"]}"', info["md5"], self.size - 1

    @property
    def sha256(self) -> str:
        """Of the whole object."""
        return self.etag.strip('"')

    def whole_md5(self) -> str | None:
        """Of the whole object, asked for where it did not come along. None where it is another one by now."""
        if self.md5 is None:
            from ._objects import Objects

            info = Objects(self._connection).info(self.key, md5=True)
            if info["sha256"] == self.sha256:
                self.md5 = info["md5"]
        return self.md5

    def readinto(self, buffer: Any) -> int:
        """Fills a buffer and says how much of it; 0 at the end."""
        view = memoryview(buffer).cast("B")
        while self._source is not None and view:
            try:
                count = self._source.readinto(view)
            except OSError as error:
                self._source.close()
                if not self._patience.pause():
                    raise CloudException(
                        f"lost the server while {self.key} was read: {error}", kind="server_down", retry=True
                    ) from None
                if self.end is not None and self.position > self.end:
                    self._source = None
                    return 0
                self._open()
                continue
            if count:
                self._patience.renew()
            self.position += count
            return count
        return 0

    def reopen(self) -> None:
        """Begins again where it was when it was closed."""
        self._open()

    def close(self) -> None:
        """Hangs up, unless it was read to its end."""
        if self._source is not None:
            self._source.close()
            self._source = None


class CloudBucketObject:
    """A stored object, read like a file opened for bytes, from front to back. `cloud.bucket.getf` makes them.

    A transfer that breaks goes on where it stopped. Where the whole object is read, its checksum is
    verified at the end: `DamagedError` where it does not fit.
    """

    def __init__(self, source: ObjectRange, start_byte: int, whole: bool) -> None:
        self._source = source
        self._position = start_byte
        self._stop = (source.end if source.end is not None else -1) + 1
        self._buffer = io.BufferedReader(_Raw(source, whole), BUFFER_BYTES)

    def read(self, size: int | None = -1) -> bytes:
        """At most `size` bytes, all that are left by default; empty at the end."""
        self._check_open()
        data = self._buffer.read(-1 if size is None else size)
        self._position += len(data)
        return data

    def readline(self, size: int | None = -1) -> bytes:
        """The bytes up to and with the next newline, at most `size`; empty at the end."""
        self._check_open()
        line = self._buffer.readline(-1 if size is None else size)
        self._position += len(line)
        return line

    def readlines(self, hint: int = -1) -> list[bytes]:
        """The lines that are left; with a `hint`, no more once they have so many bytes."""
        lines: list[bytes] = []
        total = 0
        for line in self:
            lines.append(line)
            total += len(line)
            if 0 < hint <= total:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def tell(self) -> int:
        """Where the next byte lies in the object; begins at `start_byte`."""
        return self._position

    def end(self) -> int:
        """Where reading ends: behind the last byte of the range, as `tell` counts."""
        return self._stop

    def filesize(self) -> int:
        """Bytes of the whole object."""
        return self._source.size

    @property
    def md5(self) -> str | None:
        """MD5 of the whole object, in hex; None where the object is another one by now.

        That of a large object is computed when it is asked for first.
        """
        return self._source.whole_md5()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._buffer.closed

    def close(self) -> None:
        """Ends the transfer."""
        self._buffer.close()
        self._source.close()

    def readable(self) -> bool:
        """True."""
        return True

    def writable(self) -> bool:
        """False."""
        return False

    def seekable(self) -> bool:
        """False: use `start_byte`."""
        return False

    def __enter__(self) -> CloudBucketObject:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<CloudBucketObject {self._source.key!r} at {self._position} of {self._source.size}>"

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError(f"{self!r} is closed")


class _Raw(io.RawIOBase):
    """What a buffer reads from; where it reads the whole, it verifies it."""

    def __init__(self, source: ObjectRange, whole: bool) -> None:
        self._source = source
        self._digest = hashlib.sha256() if whole else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        count = self._source.readinto(view)
        if self._digest is not None:
            self._digest.update(view[:count])
            if not count:
                digest, self._digest = self._digest.hexdigest(), None
                if digest != self._source.sha256:
                    raise DamagedError(f"{self._source.key} arrived damaged")
        return count


class RemoteFile(io.RawIOBase):
    """An object that can be read anywhere, by ranges. Best behind an `io.BufferedReader`."""

    def __init__(self, connection: Connection, key: str, size: int, etag: str, position: int = 0) -> None:
        self._connection = connection
        self._key = key
        self._size = size
        self._etag = etag
        self._position = position
        self._source: ObjectRange | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"there is nothing before the beginning, {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._size:
            return 0
        source = self._source
        if source is None or source.position != self._position:
            if source is not None:
                source.close()
            source = ObjectRange(self._connection, self._key, self._position, etag=self._etag)
            self._source = source
        count = source.readinto(buffer)
        self._position += count
        return count

    def close(self) -> None:
        if self._source is not None:
            self._source.close()
        super().close()


def _md5(reply: Reply) -> str | None:
    from base64 import b64decode

    text = reply.headers.get("content-md5")
    return b64decode(text).hex() if text else None


def _whole_size(reply: Reply) -> int:
    if reply.status == 206:
        total = reply.headers.get("content-range", "").rpartition("/")[2]
    else:
        total = reply.headers.get("content-length", "")
    if not total.isdigit():
        raise CloudException("the server did not say how large the object is", kind="bad_reply")
    return int(total)
