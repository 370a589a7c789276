"""Fixtures that every suite may use. What they start is real: no part of picloud is imitated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import pytest
from harness import Recorder, Server


@pytest.fixture(autouse=True)
def _no_settings_of_this_person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing a test does may reach, or depend on, the picloud this person uses."""
    for name in ("SERVER", "API_KEY", "API_SECRETKEY", "CA_FILE", "PROFILE"):
        monkeypatch.delenv(f"PICLOUD_{name}", raising=False)
    monkeypatch.setenv("PICLOUD_CONFIG_DIR", str(tmp_path / "no-config"))


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that leave it as it was. Use `server` in a test."""
    with Server(tmp_path_factory.mktemp("shared")) as server:
        yield server


@pytest.fixture
def server(shared_server: Server, request: pytest.FixtureRequest) -> Server:
    """The shared server. Its log is shown with a test that fails."""
    request.node.picloud_servers = [shared_server]
    return shared_server


@pytest.fixture
def new_server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Server]]:
    """Makes and starts servers of the test's own: `new_server("--option", name="a", start=False)`."""
    servers: list[Server] = []
    request.node.picloud_servers = servers

    def make(*options: str, name: str = "", start: bool = True, **more: Any) -> Server:
        server = Server(tmp_path / (name or f"server-{len(servers)}"), *options, **more)
        servers.append(server)
        if start:
            server.start()
        return server

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def own_server(new_server: Callable[..., Server]) -> Server:
    """A server of the test's own, to kill, stop and fill as it likes."""
    return new_server()


@pytest.fixture
def bind() -> Iterator[Callable[[Server], ModuleType]]:
    """Points the package `cloud` of this process at a server, and lets go of it after the test."""
    import cloud

    def to(server: Server) -> ModuleType:
        ready = server.ready
        cloud.setkey(ready.api_key, ready.api_secretkey, server_url=ready.url)
        return cloud

    yield to
    cloud.close()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Where jobs leave marks for the test, and wait for it."""
    with Recorder() as recorder:
        yield recorder


@pytest.fixture
def cloud(server: Server, bind: Callable[[Server], ModuleType]) -> ModuleType:
    """The package `cloud`, talking to the shared server."""
    return bind(server)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Adds what its servers said to the report of a test that failed."""
    report = yield
    if report.failed:
        for server in getattr(item, "picloud_servers", []):
            report.sections.append((f"log of {server.directory.name}", server.log()))
    return report
