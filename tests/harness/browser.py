"""A real browser that looks at the dashboard, and tells of everything that went wrong on a page.

Chromium is the system's own; nothing is downloaded. A `Tab` has its own cookies, as another
browser would, so two of them are two people, or one person at two machines.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from harness.paths import ROOT
from harness.server import Server
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
DESKTOP = (1280, 800)
PHONE = (375, 800)
Theme = Literal["light", "dark"]

# What the server's own account has once a tab has signed in to it.
PASSWORD = "correct horse battery"

# A busy machine draws later; what is waited for still has to come.
expect.set_options(timeout=15_000)

# Runs in every document before its own scripts. Violations of the policy are told by the console anyway,
# but not all of them as errors.
_WATCH = """
window.picloudShifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    const what = entry.sources.map(({ node }) => (node?.outerHTML ?? node?.data ?? "?").slice(0, 160));
    window.picloudShifts.push({ value: entry.value, what });
  }
}).observe({ type: "layout-shift", buffered: true });
addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violated: ${event.effectiveDirective} by ${event.blockedURI} at ${event.sourceFile}`);
});
"""


@contextmanager
def chromium_running() -> Iterator[Browser]:
    """Chromium without a window."""
    path = os.environ.get("PICLOUD_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "chromium is missing: run scripts/setup-browser.sh"
    # Its own sandbox needs a user that is not root.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=options)
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """One browser with one page, on one server. `close` fails if anything went wrong on the page."""

    def __init__(
        self, browser: Browser, server: Server, size: tuple[int, int] = DESKTOP, theme: Theme = "light"
    ) -> None:
        width, height = size
        self.server = server
        self.context = browser.new_context(
            base_url=server.url,
            viewport={"width": width, "height": height},
            color_scheme=theme,
            accept_downloads=True,
        )
        self.context.add_init_script(_WATCH)
        self.context.set_default_timeout(15_000)
        self.page: Page = self.context.new_page()
        self.problems: list[str] = []
        self._expected: list[str] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        self.page.on("crash", lambda _: self.problems.append("the page crashed"))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    # Getting about

    def goto(self, path: str) -> None:
        """Opens a page of the dashboard and waits for its heading."""
        self.page.goto(path)
        self.page.locator("h1").first.wait_for()

    def sign_in(self) -> Tab:
        """Signs in to the server's own account, by a link that is good once."""
        return self.enter(link(self.server))

    def enter(self, address: str) -> Tab:
        """Follows a link that signs in. An account without a password gets `PASSWORD`."""
        self.page.goto(address)
        keep = self.page.get_by_role("button", name="Keep the password and sign in")
        first = self.page.get_by_role("button", name="Sign in", exact=True)
        keep.or_(first).wait_for()
        if keep.is_visible():
            keep.click()
        else:
            self.page.get_by_label("Password").fill(PASSWORD)
            first.click()
        self.page.get_by_role("navigation", name="Pages").wait_for()
        return self

    # What must hold

    def expects(self, *parts: str) -> None:
        """Messages of the console with such a part are meant to come, such as "status of 401"."""
        self._expected.extend(parts)

    def has_no_problems(self) -> None:
        unexpected = [one for one in self.problems if not any(part in one for part in self._expected)]
        assert not unexpected, "\n".join([f"{self.page.url} had problems:", *unexpected])

    def is_accessible(self) -> None:
        """axe finds nothing serious on the page as it is now."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run().then((result) => result.violations)")
        grave = [one for one in found if one["impact"] in ("serious", "critical")]
        told = [
            f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes'][:5]]}"
            for one in grave
        ]
        assert not grave, "\n".join([f"axe on {self.page.url}:", *told])

    def fits(self) -> None:
        """The page itself does not scroll sideways."""
        width, window = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert width <= window, f"{self.page.url} is {width} wide in a window of {window}"

    def shifts(self) -> list[dict[str, Any]]:
        """What moved on this document by itself since it was loaded: `value` is the browser's score."""
        found: list[dict[str, Any]] = self.page.evaluate("window.picloudShifts")
        return found

    def is_still(self, most: float = 0.01) -> None:
        """Nothing worth telling of has moved by itself. 0.1 would be called good."""
        moved = self.shifts()
        total = sum(one["value"] for one in moved)
        assert total <= most, f"{self.page.url} moved by {total}:\n{json.dumps(moved, indent=1)}"

    def shot(self, name: str) -> None:
        """A picture of the page where PICLOUD_SCREENSHOTS says, if it does."""
        if directory := os.environ.get("PICLOUD_SCREENSHOTS"):
            self.page.screenshot(path=f"{directory}/{re.sub(r'[^a-z0-9-]+', '-', name.lower())}.png")

    def close(self) -> None:
        self.context.close()


def link(server: Server, account: str | None = None) -> str:
    """The path of a link that signs in once."""
    status, made = server.request("POST", "/v1/session/links", {"account": account} if account else {})
    assert status == 200, made
    return str(made["path"])


__all__ = ["DESKTOP", "PASSWORD", "PHONE", "Tab", "Theme", "chromium_running", "expect", "link"]
