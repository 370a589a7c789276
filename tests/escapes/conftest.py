"""A server with small limits for all attacks, and a look at what each of them left."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from harness import Server

from escapes.site import OPTIONS, Site


@pytest.fixture(scope="session")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if os.geteuid() != 0:
        pytest.skip("only root gives every job a user of its own and a control group")
    import cloud

    directory = tmp_path_factory.mktemp("attacked")
    with Server(directory, *OPTIONS, SECRET_OF_THE_SERVER="in-the-environment") as server:
        yield Site(server, cloud)
        cloud.close()


@pytest.fixture
def site(shared_site: Site, request: pytest.FixtureRequest) -> Iterator[Site]:
    """The machine under attack. Whatever a test does to it, nothing of it may be left."""
    request.node.picloud_servers = [shared_site.server]
    yield shared_site
    shared_site.nothing_is_left()
