"""An open connection with what is known about the server and remembered of its jobs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from itertools import islice
from typing import Any

from ._config import Config, Credentials
from ._errors import CloudException
from ._http import Connection
from ._jids import JidSet

__all__ = ["ResultCache", "Session", "python_version"]

SERVICE_SECONDS = 30.0


def python_version() -> str:
    """The minor version of this interpreter, such as `3.11`."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


class ResultCache:
    """Frames of ended jobs, the oldest dropped when they are too many bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._frames: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self._frames)

    def get(self, jid: int) -> bytes | None:
        """The frame of a job."""
        return self._frames.get(jid)

    def add(self, jid: int, frame: bytes) -> None:
        """Remembers one; large ones are not worth it."""
        if len(frame) > self._limit >> 4 or jid in self._frames:
            return
        self._frames[jid] = frame
        self._size += len(frame) + 100
        if self._size > self._limit:
            # Half at once: a dict that loses its first entry again and again searches ever longer for it.
            for oldest in list(islice(self._frames, (len(self._frames) + 1) // 2)):
                self._size -= len(self._frames.pop(oldest)) + 100

    def drop(self, jids: JidSet) -> None:
        """Forgets jobs."""
        for jid in list(self._frames) if len(jids) > len(self._frames) else jids:
            if jid in jids and jid in self._frames:
                self._size -= len(self._frames.pop(jid)) + 100


class Session:
    """Everything that ends with the connection."""

    # The same server answers the same to every key, so jobs in one process need not all ask.
    _services: dict[str, tuple[float, dict[str, Any]]] = {}  # noqa: RUF012, shared on purpose

    def __init__(
        self, credentials: Credentials, config: Config, whitelist: Iterable[str] | None = None
    ) -> None:
        self.config = config
        self.connection = Connection(credentials, config)
        self.results = ResultCache(config.result_cache_bytes)
        self.statuses: dict[int, str] = {}
        self.whitelist = whitelist
        self.account: int | None = None
        """Number of the account, once somebody asked for it."""
        self._blobs: Any = None
        self._objects: Any = None
        self._shipper: Any = None
        self.callbacks: Any = None

    def close(self) -> None:
        """Hangs up and ends what runs beside."""
        if self.callbacks is not None:
            self.callbacks.stop()
        self.connection.close()

    def service(self, max_age: float = 1e9) -> dict[str, Any]:
        """What the server is and can run."""
        server = self.connection.credentials.server
        known = self._services.get(server)
        if known is None or time.monotonic() - known[0] > max_age:
            info: dict[str, Any] = self.connection.json("GET", "/v1/service")
            known = (time.monotonic(), info)
            self._services[server] = known
        return known[1]

    def check_python(self) -> dict[str, Any]:
        """The service, once it is sure that somebody there runs this Python."""
        version = python_version()
        service = self.service()
        if version not in service["pythons"]:
            service = self.service(max_age=0.0)
            pythons = service["pythons"]
            # With no worker connected nothing is known yet, and the job may wait for one.
            if pythons and version not in pythons:
                raise CloudException(
                    f"no worker has Python {version}; there is {', '.join(pythons)}",
                    kind="python_missing",
                    hint=f"call from one of these, or start a worker on a machine with Python {version}",
                )
        return service

    def payload_limit(self) -> int:
        """Most bytes of one pickled value."""
        limit = int(self.service()["payload_max_bytes"])
        own = self.config.max_transmit_data
        return limit if own is None else min(own, limit)

    @property
    def blobs(self) -> Any:
        """Uploads and downloads."""
        if self._blobs is None:
            from ._blobs import Blobs

            self._blobs = Blobs(self.connection)
        return self._blobs

    @property
    def objects(self) -> Any:
        """Named contents."""
        if self._objects is None:
            from ._objects import Objects

            self._objects = Objects(self.connection)
        return self._objects

    @property
    def shipper(self) -> Any:
        """Code on its way to the server."""
        if self._shipper is None:
            from ._shipping import Shipper

            self._shipper = Shipper(self)
        return self._shipper

    def remember_status(self, jid: int, status: str) -> None:
        """A status that will not change any more."""
        statuses = self.statuses
        if len(statuses) >= self.config.status_cache_size:
            for oldest in list(islice(statuses, (len(statuses) + 1) // 2)):
                del statuses[oldest]
        statuses[jid] = status

    def forget(self, jids: JidSet) -> None:
        """Jobs that are gone."""
        self.results.drop(jids)
        for jid in [jid for jid in self.statuses if jid in jids]:
            del self.statuses[jid]


def inside_job() -> bool:
    """Whether this process runs a job."""
    return bool(os.environ.get("PICLOUD_JOB_ID"))
