"""Large values under their content hash: sent before the message that names them, fetched after."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import IO

from ._errors import CloudException
from ._frames import Bytes, blob_frame, encode, inline_frame
from ._http import Connection
from ._pickling import Pickled
from ._wire import Body

__all__ = ["Blobs"]

ASK_BYTES = 4 << 20
"""From this size on it pays to ask whether the server has a content before sending it."""
BATCH_BYTES = 16 << 20
ASK_COUNT = 10_000
CACHE_BYTES = 64 << 20
KNOWN_SECONDS = 30 * 60
"""The server keeps an unused upload for at least an hour; ask again well before that."""


class Blobs:
    """Uploads and downloads of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, float] = {}
        self._cache: OrderedDict[str, Bytes] = OrderedDict()
        self._cached = 0
        self._lock = threading.Lock()

    def forget(self) -> None:
        """What the server was believed to have, it may not have after all."""
        self._known.clear()

    def knows(self, hash: str) -> bool:
        """Whether the server surely has it."""
        return self._known.get(hash, -1e9) > time.monotonic() - KNOWN_SECONDS

    def frame(self, pickled: Pickled, inline_max: int) -> bytes:
        """A payload frame, after uploading what is too large for the message."""
        if pickled.size <= inline_max:
            return inline_frame(pickled.data())
        hash = pickled.hash()
        self.put([(hash, pickled)])
        return blob_frame(hash, pickled.size)

    def put(self, blobs: list[tuple[str, Pickled]]) -> None:
        """Uploads what the server lacks."""
        blobs = list(dict(blobs).items())  # equal contents are one
        large = [hash for hash, pickled in blobs if pickled.size >= ASK_BYTES]
        self.ask(large)
        batch: list[tuple[str, Pickled]] = []
        size = 0
        for hash, pickled in blobs:
            if self.knows(hash):
                continue
            if pickled.file is not None or pickled.size >= ASK_BYTES:
                self._put_one(hash, pickled)
                continue
            if size + pickled.size > BATCH_BYTES:
                self._put_batch(batch)
                batch, size = [], 0
            batch.append((hash, pickled))
            size += pickled.size
        self._put_batch(batch)

    def ask(self, hashes: Iterable[str]) -> list[str]:
        """Which of these must be uploaded? Asks only about those not known."""
        unknown = [hash for hash in dict.fromkeys(hashes) if not self.knows(hash)]
        missing: list[str] = []
        for start in range(0, len(unknown), ASK_COUNT):
            part = unknown[start : start + ASK_COUNT]
            reply = self._connection.json("POST", "/v1/blobs/missing", {"hashes": part})
            missing += reply["missing"]
        lacking = set(missing)
        now = time.monotonic()
        self._known.update((hash, now) for hash in unknown if hash not in lacking)
        return missing

    def _put_one(self, hash: str, pickled: Pickled) -> None:
        content: list[Bytes] | IO[bytes] = pickled.parts if pickled.file is None else pickled.file
        if not isinstance(content, list):
            content.flush()
        body = Body(content, pickled.size)
        # Storing gigabytes safely takes a while after the last byte was sent.
        self._connection.request("PUT", f"/v1/blobs/{hash}", body, timeout=pickled.size / (4 << 20))
        self._known[hash] = time.monotonic()

    def _put_batch(self, batch: list[tuple[str, Pickled]]) -> None:
        if not batch:
            return
        if len(batch) == 1:
            self._put_one(*batch[0])
            return
        parts = encode({"count": len(batch)})
        for _, pickled in batch:
            parts.append(len(pickled_data := pickled.data()).to_bytes(4, "big"))
            parts.append(pickled_data)
        reply = self._connection.framed("/v1/blobs", parts, timeout=30.0)
        if reply["stored"] != [hash for hash, _ in batch]:
            raise CloudException("the server stored other content than was sent", kind="hash_mismatch")
        now = time.monotonic()
        self._known.update((hash, now) for hash, _ in batch)

    def get(self, hash: str, size: int) -> Bytes:
        """A content into memory, verified."""
        with self._lock:
            if hash in self._cache:
                self._cache.move_to_end(hash)
                return self._cache[hash]
        reply = self._connection.request("GET", f"/v1/blobs/{hash}", timeout=size / (4 << 20))
        if hashlib.sha256(reply.body).hexdigest() != hash:
            raise _damaged(hash)
        if size <= CACHE_BYTES // 4:
            self._remember(hash, reply.body)
        return reply.body

    def get_file(self, hash: str, size: int) -> IO[bytes]:
        """A large content into a temporary file, verified, ready to be read."""
        sinks: list[_HashedFile] = []

        def sink() -> IO[bytes]:
            for earlier in sinks:
                earlier.file.close()
            sinks.append(_HashedFile())
            return sinks[-1]  # type: ignore[return-value]

        self._connection.request("GET", f"/v1/blobs/{hash}", timeout=size / (4 << 20), sink=sink)
        found = sinks[-1]
        if found.digest.hexdigest() != hash:
            found.file.close()
            raise _damaged(hash)
        found.file.seek(0)
        return found.file

    def _remember(self, hash: str, content: Bytes) -> None:
        with self._lock:
            if hash in self._cache:
                return
            self._cache[hash] = content
            self._cached += len(content)
            while self._cached > CACHE_BYTES:
                _, oldest = self._cache.popitem(last=False)
                self._cached -= len(oldest)


class _HashedFile:
    """A temporary file that hashes what is written to it."""

    def __init__(self) -> None:
        import tempfile

        self.file: IO[bytes] = tempfile.TemporaryFile(prefix="picloud-")  # noqa: SIM115, closed by its user
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self.file.write(data)


def _damaged(hash: str) -> CloudException:
    return CloudException(f"the content {hash} arrived damaged", kind="hash_mismatch", retry=True)
