"""SHA-256 of what travels, computed beside its travel: on one core hashing takes as long as the rest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from ._frames import Bytes

__all__ = ["Hasher"]

WORTH_BYTES = 8 << 20
"""Below this size a thread costs more than it brings."""


class Hasher:
    """A digest that is one piece behind, on a thread of its own where the whole is large."""

    def __init__(self, size: int) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._behind: Future[None] | None = None
        self._digest = hashlib.sha256()
        if size >= WORTH_BYTES:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(1, "picloud-hash")

    def update(self, piece: Bytes) -> None:
        """Takes the next piece, which must stay as it is until the next call returns."""
        if self._pool is None:
            self._digest.update(piece)
            return
        self._wait()
        self._behind = self._pool.submit(self._digest.update, piece)

    def hexdigest(self) -> str:
        """Of all that was taken."""
        self._wait()
        return self._digest.hexdigest()

    def renew(self) -> None:
        """Begins anew."""
        self._wait()
        self._digest = hashlib.sha256()

    def close(self) -> None:
        """Ends the thread. Nothing may be taken afterwards."""
        if self._pool is not None:
            self._pool.shutdown()

    def _wait(self) -> None:
        behind, self._behind = self._behind, None
        if behind is not None:
            behind.result()

    def __enter__(self) -> Hasher:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()
