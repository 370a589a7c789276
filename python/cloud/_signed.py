"""Signed addresses: good for one object and some time, without a key.

Where objects are kept in S3, large contents travel by such addresses, past the server. From where S3
cannot be reached they go through the server, as all others do.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from typing import IO, TYPE_CHECKING, Any

from ._errors import CloudException
from ._hashing import Hasher
from ._objects import Hashed, Objects
from ._wire import BadReply, Body, Line, Target

if TYPE_CHECKING:
    from ._progress import Progress
    from ._transfer import FilePath
    from ._wire import Reply

__all__ = ["DIRECT_BYTES", "SignedURL", "get_direct", "put_direct", "upload_of"]

DIRECT_BYTES = 16 << 20
"""From this size on a detour is worth two more requests."""
CONNECT_SECONDS = 10.0
PIECE_BYTES = 1 << 20


class SignedURL(str):
    """An address that lets whoever has it read or write one object for some time. `sign` makes them.

    Attributes:
        headers: what must be sent along, by name.
        expires: when it ends to be good.
        commit: where not None, an upload becomes an object by `cloud.bucket.commit`.
    """

    __slots__ = ("commit", "expires", "headers")

    def __new__(cls, reply: dict[str, Any]) -> SignedURL:
        self = super().__new__(cls, reply["url"])
        self.headers = dict(reply["headers"])
        self.expires = datetime.fromtimestamp(reply["expires"] / 1000, timezone.utc)
        self.commit = reply.get("commit")
        return self

    headers: dict[str, str]
    expires: datetime
    commit: str | None


def upload_of(file_path: FilePath) -> dict[str, Any]:
    """What is announced of a file that will be uploaded."""
    with open(file_path, "rb") as file:
        return _announced(file)


def _announced(file: IO[bytes]) -> dict[str, Any]:
    start = file.tell()
    md5, sha256 = hashlib.new("md5", usedforsecurity=False), hashlib.sha256()
    while piece := file.read(PIECE_BYTES):
        md5.update(piece)
        sha256.update(piece)
    size = file.tell() - start
    file.seek(start)
    return {"size": size, "md5": md5.hexdigest(), "sha256": sha256.hexdigest()}


def put_direct(objects: Objects, key: str, file: IO[bytes], progress: Progress) -> bool:
    """Uploads past the server. False if the store cannot be reached from here."""
    upload = _announced(file)
    signed = SignedURL(objects.sign(key, "put", 3600, upload))
    source = Hashed(file, Hasher(0), progress)
    try:
        line = _line(signed)
        try:
            reply, _ = line.exchange(
                _head("PUT", signed), Body(source, upload["size"]), objects.connection.request_timeout
            )
        finally:
            line.close()
    except (OSError, BadReply):
        source.seek(0)
        return False
    _check(reply)
    if signed.commit is not None:
        objects.commit(signed.commit)
    return True


def get_direct(objects: Objects, key: str, file: IO[bytes], progress: Progress) -> str | None:
    """Downloads past the server; the SHA-256 of what came. None if the store cannot be reached from here."""
    signed = SignedURL(objects.sign(key, "get", 3600, None))
    start, digest, count = file.tell(), hashlib.sha256(), 0
    buffer = memoryview(bytearray(PIECE_BYTES))
    try:
        line = _line(signed)
        try:
            reply, fill, _ = line.fetch(_head("GET", signed), objects.connection.request_timeout)
            _check(reply)
            while fill is not None and (size := fill(buffer)):
                digest.update(buffer[:size])
                file.write(buffer[:size])
                progress.add(size)
                count += size
        finally:
            line.close()
    except (OSError, BadReply):
        progress.add(-count)
        file.seek(start)
        file.truncate()
        return None
    return digest.hexdigest()


def _line(url: str) -> Line:
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return Line(Target(f"{parts.scheme}://{parts.netloc}"), CONNECT_SECONDS)


def _head(method: str, signed: SignedURL) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(signed)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    # The length of a body is said where it is sent.
    along = {n: v for n, v in signed.headers.items() if n.lower() != "content-length"}
    headers = {"Host": parts.netloc, **along}
    return f"{method} {target} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers.items())


def _check(reply: Reply) -> None:
    if reply.status >= 300:
        text = bytes(reply.body[:200]).decode("utf-8", "replace").strip()
        raise CloudException(
            f"the store of objects answered {reply.status}: {text or 'no reason'}", kind="store", retry=True
        )
