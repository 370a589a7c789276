"""Objects of one account, as requests: single ones of any size, many small ones at once, lists.

Contents are streamed. What travels is checked by its SHA-256, which the server computes too: a small
content announces it, so that a damaged one is refused; a large one is compared after it arrived, because
reading it twice would take twice as long.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from ._errors import CloudException, DamagedError
from ._frames import dumps, encode, read_frames, read_header
from ._hashing import Hasher
from ._http import Connection
from ._object_keys import quoted
from ._wire import Body

if TYPE_CHECKING:
    from ._progress import Progress

__all__ = ["MANY", "MANY_BYTES", "Hashed", "Info", "Objects", "Page", "missing", "name_of"]

Info = dict[str, Any]
"""What the server tells of an object: key, size, md5 (None if unknown), sha256, content_type, created, ..."""

MANY = 1_000
"""Most keys of one request."""
MANY_BYTES = 64 << 20
"""Most bytes of one request with many contents."""
ANNOUNCED_BYTES = 4 << 20
"""Up to this size a content is read twice: to hash it, then to send it."""
MD5_SECONDS = 600.0
"""An MD5 that takes the server longer is asked for again."""
SLOWEST_BYTES_PER_SECOND = 4 << 20
"""A disk that takes an object more slowly than this is not waited for."""


class Page(NamedTuple):
    """Part of a list: objects, folders, and whether there is more."""

    entries: list[dict[str, Any]]
    truncated: bool


class Objects:
    """The objects that a connection's key gives access to."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._direct: bool | None = None

    @property
    def direct(self) -> bool:
        """Whether large contents should travel by signed addresses."""
        if self._direct is None:
            self._direct = bool(self.bucket()["direct"])
        return self._direct

    # Contents

    def put(
        self, key: str, file: IO[bytes], size: int, content_type: str = "", progress: Progress | None = None
    ) -> Info:
        """Uploads so many bytes of a seekable file from where it stands. Readers see all of it or nothing."""
        path, timeout = f"/v1/bucket/objects/{quoted(key)}", size / SLOWEST_BYTES_PER_SECOND
        with Hasher(size) as digest:
            source = Hashed(file, digest, progress)
            headers = {"X-Picloud-Sha256": source.hash(size)} if size <= ANNOUNCED_BYTES else {}
            for _ in range(2):
                body = Body(source, size)
                reply = self.connection.request("PUT", path, body, content_type, timeout, headers=headers)
                info: Info = json.loads(bytes(reply.body))
                if info["sha256"] == digest.hexdigest():
                    return info
        self.remove([key])
        raise DamagedError(f"{key} arrived damaged, twice, and was removed")

    def put_many(self, contents: list[tuple[str, bytes]]) -> None:
        """Uploads small contents by their keys, all in one transaction; at most `MANY` and `MANY_BYTES`."""
        objects = [{"key": key, "sha256": hashlib.sha256(data).hexdigest()} for key, data in contents]
        parts = encode({"objects": objects})
        for _, data in contents:
            parts.append(len(data).to_bytes(4, "big"))
            parts.append(data)
        self.connection.framed("/v1/bucket/put-many", parts, timeout=30.0)

    def read_many(self, keys: list[str]) -> list[tuple[Info | None, memoryview]]:
        """Small contents of the first of these keys, as many as one answer holds. None: not there."""
        asked = Body([dumps({"keys": keys})])
        body = self.connection.request("POST", "/v1/bucket/read-many", asked, "application/json", 30.0).body
        header, position = read_header(body)
        infos: list[Info | None] = header["objects"]
        found = list(zip(infos, read_frames(body, position)))
        if len(found) != len(infos) or not found:
            raise CloudException("the server sent fewer contents than it said", kind="bad_reply")
        for info, data in found:
            if info is not None and hashlib.sha256(data).hexdigest() != info["sha256"]:
                raise DamagedError(f"{info['key']} arrived damaged")
        return found

    # What is known of them

    def infos(self, keys: list[str], md5: bool = False) -> list[Info | None]:
        """What is known of these, in order; None where there is no object.

        The MD5 of a large one is not known until it is asked for by `md5`; then the server reads the content.
        """
        found: list[Info | None] = []
        for start in range(0, len(keys), MANY):
            content: dict[str, Any] = {"keys": keys[start : start + MANY]}
            if md5:
                content["md5"] = True
            found += self._post("info", content, MD5_SECONDS if md5 else None)["objects"]
        return found

    def info(self, key: str, md5: bool = False) -> Info:
        """The same of one. CloudException if there is none."""
        (found,) = self.infos([key], md5)
        if found is None:
            raise missing(key)
        return found

    def page(self, prefix: str, folders: bool, marker: str | None, limit: int) -> Page:
        """Part of a list: what comes after `marker`."""
        from urllib.parse import quote

        query = f"?prefix={quote(prefix, safe='')}&limit={limit}"
        if folders:
            query += "&folders=true"
        if marker is not None:
            query += f"&marker={quote(marker, safe='')}"
        reply = self.connection.json("GET", f"/v1/bucket/list{query}")
        return Page(reply["entries"], bool(reply["truncated"]))

    def entries(self, prefix: str, folders: bool = False, limit: int = MANY) -> Iterator[dict[str, Any]]:
        """A whole list, page by page."""
        marker: str | None = None
        while True:
            page = self.page(prefix, folders, marker, limit)
            yield from page.entries
            if not page.truncated or not page.entries:
                return
            marker = name_of(page.entries[-1])

    def bucket(self) -> dict[str, Any]:
        """What the bucket is as a whole."""
        found: dict[str, Any] = self.connection.json("GET", "/v1/bucket")
        return found

    # Changes

    def remove(self, keys: list[str]) -> int:
        """Removes those that are there, and says how many these were."""
        removed = 0
        for start in range(0, len(keys), MANY):
            removed += int(self._post("remove", {"keys": keys[start : start + MANY]})["removed"])
        return removed

    def remove_prefix(self, prefix: str) -> int:
        """Removes all whose key begins so, and says how many there were."""
        content = {"prefix": prefix}
        return int(self._post("remove-prefix", content, timeout=600.0)["removed"])

    def rename(self, source: str, target: str, prefix: bool) -> int:
        """Renames one, or with `prefix` all whose keys begin with `source`; says how many."""
        content = {"from": source, "to": target, "prefix": prefix}
        # Not repeated after a lost connection: the second time the first name is gone.
        reply = self.connection.json("POST", "/v1/bucket/rename", content, timeout=600.0, repeat=False)
        return int(reply["renamed"])

    def make_public(self, key: str, headers: dict[str, str], reset_headers: bool) -> Info:
        """Lets anybody read it."""
        return self._post("public", {"key": key, "headers": headers, "reset_headers": reset_headers})

    def make_private(self, key: str) -> Info:
        """Lets nobody else read it any more."""
        return self._post("private", {"key": key})

    def sign(self, key: str, method: str, expires_s: int, upload: dict[str, Any] | None) -> dict[str, Any]:
        """An address for one object and some time."""
        content: dict[str, Any] = {"key": key, "method": method, "expires_s": expires_s}
        if upload is not None:
            content["upload"] = upload
        return self._post("sign", content)

    def commit(self, token: str) -> Info:
        """Makes an object of what was uploaded to a signed address."""
        return self._post("commit", {"commit": token}, timeout=600.0)

    def _post(self, verb: str, content: dict[str, Any], timeout: float | None = None) -> dict[str, Any]:
        reply: dict[str, Any] = self.connection.json("POST", f"/v1/bucket/{verb}", content, timeout)
        return reply


class Hashed:
    """A file to be sent, hashed as it is read. Going back to its start begins anew."""

    def __init__(self, file: IO[bytes], digest: Hasher, progress: Progress | None = None) -> None:
        self._file = file
        self._start = file.tell()
        self._digest = digest
        self._progress = progress
        self._sent = 0

    def hash(self, size: int) -> str:
        """The SHA-256 of so many bytes from the start."""
        progress, self._progress = self._progress, None
        self.seek(0)
        while size:
            size -= len(self.read(min(size, 1 << 20)))
        self._progress, self._sent = progress, 0
        return self._digest.hexdigest()

    def seek(self, position: int) -> None:
        """To the start of the content; nothing else is asked for."""
        assert position == 0, "a body is sent from its start"
        self._file.seek(self._start)
        self._digest.renew()
        if self._progress is not None:
            self._progress.add(-self._sent)
        self._sent = 0

    def read(self, size: int) -> bytes:
        """The next piece. CloudException where the file has become shorter, because its size is announced."""
        piece = self._file.read(size)
        if not piece:
            raise CloudException("the file became shorter while it was sent", kind="changed", retry=True)
        self._digest.update(piece)
        self._sent += len(piece)
        if self._progress is not None:
            self._progress.add(len(piece))
        return piece


def name_of(entry: dict[str, Any]) -> str:
    """The key of an object in a list, or the name of a folder."""
    return str(entry["folder"] if "folder" in entry else entry["key"])


def missing(key: str) -> CloudException:
    """The exception for an object that is not there."""
    return CloudException(f"there is no object {key}", status=404, kind="not_found")
