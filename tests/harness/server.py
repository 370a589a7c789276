"""A server started as a user would start it: the real binary, its own data, a free port."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.paths import binary, environment
from harness.waiting import until


@dataclass(frozen=True)
class Ready:
    """What `serve --ready-file` writes once jobs can be taken."""

    url: str
    api_key: int
    api_secretkey: str
    pid: int
    ca_file: str | None = None
    # Made by a start at which the administrator had no password: signs a browser in, once.
    dashboard_link: str | None = None


class Server:
    """`picloud serve` in a directory of its own; may be ended and started again on the same data."""

    def __init__(self, directory: Path, *options: str, listen: str = "127.0.0.1:0", **env: str) -> None:
        self.directory = directory
        self.data_dir = directory / "data"
        self.config_dir = directory / "config"
        self.log_path = directory / "server.log"
        self.options = options
        self.listen = listen
        self.env = env
        self.process: subprocess.Popen[bytes] | None = None
        self._ready: Ready | None = None
        directory.mkdir(parents=True, exist_ok=True)

    # Life

    def start(self, timeout: float = 30.0) -> Ready:
        """Starts it and waits until it takes jobs. A later start listens on the first one's port."""
        assert self.process is None, "it runs already"
        ready_file = self.directory / "ready.json"
        ready_file.unlink(missing_ok=True)
        command = [str(binary()), "serve", "--data-dir", str(self.data_dir), "--listen", self.listen]
        command += ["--ready-file", str(ready_file), *self.options]
        with self.log_path.open("ab") as log:
            # A session of its own, so that a leftover of it can be found and ended as a group.
            self.process = subprocess.Popen(
                command,
                env=environment(self.config_dir, **self.env),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

        def ready() -> dict[str, Any] | None:
            assert self.process is not None
            code = self.process.poll()
            assert code is None, f"the server ended with {code} before it was ready:\n{self.log()}"
            # The file appears whole, by renaming.
            return json.loads(ready_file.read_text()) if ready_file.exists() else None

        found = until(ready, timeout, f"the server on {self.directory} is ready")
        assert found is not None
        known: dict[str, Any] = {name: found.get(name) for name in Ready.__dataclass_fields__}
        self._ready = Ready(**known)
        self.listen = self._ready.url.split("://", 1)[1].rstrip("/")
        return self._ready

    def stop(self, timeout: float = 20.0) -> int:
        """Asks it to stop and waits; the exit code."""
        return self._end(signal.SIGTERM, timeout)

    def kill(self) -> int:
        """kill -9: the server process alone, as a crash would; what it started must notice by itself."""
        return self._end(signal.SIGKILL, 10.0)

    def kill_all(self) -> None:
        """kill -9 of every process of it, as if power were lost."""
        for pid in [*self.descendants(), self.ready.pid]:
            _signal(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(10)
            self.process = None

    def restart(self) -> Ready:
        """Stops it if it runs, and starts it on the same data."""
        if self.process is not None:
            self.stop()
        return self.start()

    def close(self) -> None:
        """Ends it however it is, with everything it started."""
        pids = self.descendants()
        if self.process is not None:
            try:
                self.stop(timeout=10.0)
            except subprocess.TimeoutExpired:
                self.kill()
        for pid in pids:
            _signal(pid, signal.SIGKILL)

    def _end(self, number: signal.Signals, timeout: float) -> int:
        assert self.process is not None, "it does not run"
        self.process.send_signal(number)
        code = self.process.wait(timeout)
        self.process = None
        return code

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Looking at it

    @property
    def ready(self) -> Ready:
        assert self._ready is not None, "it was never started"
        return self._ready

    @property
    def url(self) -> str:
        return self.ready.url

    def log(self, lines: int = 200) -> str:
        """The end of what it and its worker said."""
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def descendants(self) -> list[int]:
        """Every living process below it, children before their parents."""
        if self.process is None or self.process.poll() is not None:
            return []
        return list(reversed(list(_below(self.process.pid))))

    def client_env(self) -> dict[str, str]:
        """The environment of a program that uses this server without any profile."""
        ready = self.ready
        more = {
            "PICLOUD_SERVER": ready.url,
            "PICLOUD_API_KEY": str(ready.api_key),
            "PICLOUD_API_SECRETKEY": ready.api_secretkey,
        }
        if ready.ca_file:
            more["PICLOUD_CA_FILE"] = ready.ca_file
        return environment(self.directory / "client-config", **more)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        auth: tuple[str, str] | None = None,
        anonymous: bool = False,
        headers: dict[str, str] | None = None,
        timeout: float = 70.0,
    ) -> tuple[int, Any]:
        """One HTTP request, by default with the administrator's key; its status and (decoded) body."""
        ready = self.ready
        user, password = auth or (str(ready.api_key), ready.api_secretkey)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(ready.url.rstrip("/") + path, data=data, method=method)
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        if not anonymous:
            request.add_header("Authorization", f"Basic {token}")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        context = ssl.create_default_context(cafile=ready.ca_file) if ready.ca_file else None
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=context) as reply:
                return reply.status, _decoded(reply.headers.get_content_type(), reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _decoded(error.headers.get_content_type(), error.read())


def _decoded(content_type: str, content: bytes) -> Any:
    if content_type == "application/json":
        return json.loads(content)
    return content if content_type == "application/octet-stream" else content.decode()


def _below(pid: int) -> Iterable[int]:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for thread in threads for child in (thread / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in children:
        yield int(child)
        yield from _below(int(child))


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
