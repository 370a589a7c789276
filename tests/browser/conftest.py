"""Browsers on the shared server. A test fails if a page it saw had an error of any kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Callable

import pytest
from harness import Server
from harness.browser import DESKTOP, PHONE, Tab, Theme, chromium_running

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One per file: while it runs, so does an event loop in this thread, which other suites do not expect."""
    with chromium_running() as browser:
        yield browser


@pytest.fixture
def open_tab(chromium: Browser) -> Iterator[Callable[..., Tab]]:
    """Opens browsers: `open_tab(server, size=PHONE, theme="dark")`; each has its own cookies."""
    tabs: list[Tab] = []

    def make(server: Server, size: tuple[int, int] = DESKTOP, theme: Theme = "light") -> Tab:
        tabs.append(Tab(chromium, server, size, theme))
        return tabs[-1]

    yield make
    for tab in tabs:
        tab.close()
    for tab in tabs:
        tab.has_no_problems()


@pytest.fixture
def signed_in(open_tab: Callable[..., Tab], server: Server) -> Tab:
    """A browser on a desktop, signed in to the account that `cloud` uses as well."""
    return open_tab(server).sign_in()


@pytest.fixture
def phone(open_tab: Callable[..., Tab], server: Server) -> Tab:
    """The same on a phone."""
    return open_tab(server, PHONE).sign_in()
