"""One machine with a server, an attacker's account and a neighbour's, and what must hold on it afterwards."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from harness import Server, eventually

#: Ids of jobs on the machine begin here; nothing else uses them.
FIRST_UID = 0x7000_0000
#: Limits that are reached in a moment.
DISK_BYTES = 120_000_000
PROCESSES = 96
OPEN_FILES = 256
OPTIONS = (
    *("--job-disk", str(DISK_BYTES)),
    *("--job-processes", str(PROCESSES)),
    *("--job-open-files", str(OPEN_FILES)),
    *("--stop-grace", "1"),
    *("--worker-units", "8"),
)
#: The server is alive if it answers within this; other accounts' jobs if they end within that.
HEALTH_S = 1.0
NEIGHBOUR_S = 8.0


@dataclass(frozen=True)
class Fate:
    """How a job ended."""

    status: str
    verdict: dict[str, Any]
    said: str
    jid: int

    @property
    def kind(self) -> str:
        return str(self.verdict.get("kind"))


@dataclass
class Health:
    """Answers of the server while something went on."""

    slowest_s: float = 0.0
    answers: int = 0
    failures: list[str] = field(default_factory=list)


class Site:
    """A server, the accounts of an attacker and a neighbour on it, and their jobs."""

    def __init__(self, server: Server, cloud: ModuleType) -> None:
        self.server = server
        self.cloud = cloud
        self.keys = {name: self._account(name) for name in ("attacker", "neighbour")}

    def _account(self, name: str) -> tuple[int, str]:
        status, made = self.server.request("POST", "/v1/accounts", {"name": name})
        assert status in (200, 201), made
        return made["key"]["api_key"], made["key"]["api_secretkey"]

    def become(self, account: str) -> ModuleType:
        """The client package with that account's key."""
        self.cloud.setkey(*self.keys[account], server_url=self.server.url)
        return self.cloud

    # Jobs

    def start(
        self, function: Callable[..., Any], *arguments: Any, by: str = "attacker", **options: Any
    ) -> int:
        """A job in a process of its own, so that nothing is left when it has ended."""
        options.setdefault("_kill_process", True)
        return int(self.become(by).call(function, *arguments, **options))

    def result(self, jid: int, by: str = "attacker", timeout: float = 30.0) -> Any:
        return self.become(by).result(jid, timeout=timeout)

    def run(self, function: Callable[..., Any], *arguments: Any, by: str = "attacker", **options: Any) -> Any:
        """What it returned."""
        return self.result(self.start(function, *arguments, by=by, **options), by=by)

    def fate(self, jid: int, by: str = "attacker", timeout: float = 30.0) -> Fate:
        cloud = self.become(by)
        cloud.join(jid, timeout=timeout, ignore_errors=True)
        info = cloud.info(jid, ["status", "failure", "exception"])[jid]
        failure = info["failure"] or {}
        return Fate(info["status"], failure.get("verdict") or {}, info["exception"] or "", jid)

    def neighbour_is_served(self, within_s: float = NEIGHBOUR_S) -> float:
        """A job of another account runs and ends; how long that took."""
        began = time.monotonic()
        assert self.run(pow, 2, 10, by="neighbour") == 1024
        took = time.monotonic() - began
        assert took < within_s, f"a neighbour's job took {took:.1f} s"
        return took

    @contextlib.contextmanager
    def watched(self) -> Iterator[Health]:
        """Asks the server for its health all the time, and demands that it answered promptly."""
        health, over = Health(), threading.Event()
        url = self.server.url.rstrip("/") + "/healthz"

        def ask() -> None:
            while health.answers == 0 or not over.wait(0.05):
                began = time.monotonic()
                try:
                    with urllib.request.urlopen(url, timeout=10) as reply:
                        reply.read()
                except OSError as error:
                    health.failures.append(str(error))
                health.slowest_s = max(health.slowest_s, time.monotonic() - began)
                health.answers += 1

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        try:
            yield health
        finally:
            over.set()
            thread.join(15)
        assert not health.failures and health.answers > 0, health
        assert health.slowest_s < HEALTH_S, health

    @contextlib.contextmanager
    def running(
        self, function: Callable[..., Any], *arguments: Any, by: str, **options: Any
    ) -> Iterator[int]:
        """A job that runs meanwhile, and must still do so in the end."""
        jid = self.start(function, *arguments, by=by, **options)
        self.cloud.wait_for.status(jid, "processing", timeout=10)
        try:
            yield jid
            assert self.become(by).status(jid) == "processing"
        finally:
            self.become(by).kill(jid)

    # What is left

    @property
    def worker_dir(self) -> Path:
        return self.server.data_dir / "worker"

    def nothing_is_left(self, timeout: float = 15.0) -> None:
        """No process, control group, mount or file of any job is there any more."""
        eventually(lambda: self._assert_empty(), timeout)

    def _assert_empty(self) -> None:
        strangers = [pid for pid in self.server.descendants() if _uid(pid) >= FIRST_UID]
        assert not strangers, {pid: _about(pid) for pid in strangers}
        for part in ("scratch", "results"):
            left = list((self.worker_dir / part).iterdir())
            assert not left, f"left in {part}: {left}"
        groups = self.groups()
        assert not groups, f"control groups are left: {groups}"
        table = Path("/proc/self/mountinfo").read_text().splitlines()
        mounts = [line for line in table if str(self.worker_dir) in line]
        assert not mounts, f"mounts are left: {mounts}"

    def groups(self) -> list[Path]:
        """Control groups of jobs of this worker, which bear its process id."""
        names = {f"picloud-{pid}-0" for pid in self.server.descendants()}
        found: list[Path] = []
        for root in {line.split()[4] for line in _cgroup_mounts()}:
            # Unlike a glob it does not mind when a group goes meanwhile.
            for where, groups, _ in os.walk(root):
                if os.path.basename(where) in names:
                    found += [Path(where, group) for group in groups]
        return found


def _cgroup_mounts() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if " - cgroup" in line]


def _uid(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("Uid:"):
                return int(line.split()[1])
    return -1


def _about(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text()[:60]
    return "gone"


def executors(server: Server) -> list[int]:
    """Processes of jobs on the machine, as the machine numbers them."""
    return [pid for pid in server.descendants() if _uid(pid) >= FIRST_UID]
