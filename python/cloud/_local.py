"""A private server for this process: the same binary and the same code path as any other server.

It keeps everything in a temporary directory and ends with the process.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO

from ._config import Credentials, load_profile_file
from ._errors import CloudException

__all__ = ["Local", "find_binary", "multiprocessing", "simulator"]

START_SECONDS = 20.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.01


class LocalServer:
    """`picloud serve` on a temporary directory."""

    def __init__(self) -> None:
        self._directory = tempfile.mkdtemp(prefix="picloud-local-")
        self._log: IO[bytes] = (Path(self._directory) / "server.log").open("wb")
        config = Path(self._directory) / "config"
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PICLOUD_")}
        environ["PICLOUD_CONFIG_DIR"] = str(config)
        command = [
            find_binary(),
            "serve",
            "--data-dir",
            str(Path(self._directory) / "data"),
            "--listen",
            "127.0.0.1:0",
            # The code is this process's own, and may use its files; nor need the kernel allow sandboxes.
            "--isolation",
            "process",
        ]
        self._process = subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self._pid = os.getpid()
        atexit.register(self.stop)
        self.credentials = self._wait_for_profile(config)

    def _wait_for_profile(self, config: Path) -> Credentials:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            found = load_profile_file(config / "profile.json")
            profile = found["profiles"].get(found["default"])
            if profile is not None:
                return Credentials(profile["server"], str(profile["api_key"]), profile["api_secretkey"])
            if self._process.poll() is not None:
                break
            time.sleep(POLL_SECONDS)
        log = (Path(self._directory) / "server.log").read_text("utf-8", "replace").strip()
        self.stop()
        raise CloudException(f"the local server did not start: {log[-2000:] or 'it said nothing'}")

    def stop(self) -> None:
        """Ends it and removes its directory. Does nothing in a forked child, nor a second time."""
        if self._pid != os.getpid() or not self._directory:
            return
        atexit.unregister(self.stop)
        directory, self._directory = self._directory, ""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()
        shutil.rmtree(directory, ignore_errors=True)


class Local:
    """A local server that starts when it is first asked for."""

    def __init__(self) -> None:
        self._server: LocalServer | None = None
        self._lock = threading.Lock()

    def credentials(self) -> Credentials:
        """Of the server, which is started if it does not run."""
        with self._lock:
            if self._server is None:
                self._server = LocalServer()
            return self._server.credentials

    def restart(self) -> None:
        """Ends it; the next use starts an empty one."""
        with self._lock:
            if self._server is not None:
                self._server.stop()
                self._server = None


simulator = Local()
"""Behind `cloud.start_simulator`."""
multiprocessing = Local()
"""Behind `cloud.mp`; another one, so that both count their jobs from 1."""


def find_binary() -> str:
    """The `picloud` program: `PICLOUD_BINARY`, beside this Python, beside this package, on PATH."""
    chosen = os.environ.get("PICLOUD_BINARY")
    if chosen:
        return chosen
    places = [Path(sys.executable).parent, Path(__file__).parent, Path(sys.prefix) / "bin"]
    # In a checkout the package lies beside the target directory of the build.
    places.append(Path(__file__).parents[2] / "target" / "release")
    for place in places:
        candidate = place / "picloud"
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    found = shutil.which("picloud")
    if found is None:
        raise CloudException(
            "the picloud program was not found", hint="install it with pip, or name it in PICLOUD_BINARY"
        )
    return found
