"""What holds for every page: it is accessible and fits in both themes and at both sizes, and stands still."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Callable

import pytest
from harness import Server
from harness.browser import DESKTOP, PHONE, Tab, Theme, expect

PAGES = ["jobs", "queues", "functions", "crons", "storage", "storage/volumes", "workers", "usage", "settings"]


@pytest.fixture
def something(cloud: ModuleType) -> Iterator[None]:
    """Something of everything, so that the pages are not empty."""
    cloud.join(cloud.map(lambda n: n, range(3), _label="=1+1"))
    cloud.bucket.putf(b"x", "pages/a.txt")
    cloud.queue.get("pages-q").push([1])
    cloud.volume.create("pages", "pages", "for the pages")
    yield
    cloud.volume.delete("pages")
    cloud.queue.get("pages-q").delete()
    cloud.bucket.remove_prefix("pages/")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_is_accessible_and_fits(
    size: tuple[int, int], theme: Theme, something: None, server: Server, open_tab: Callable[..., Tab]
) -> None:
    tab = open_tab(server, size, theme).sign_in()
    for name in PAGES:
        tab.goto(f"/{name}")
        tab.page.locator("[aria-busy=true]").first.wait_for(state="detached")
        tab.is_accessible()
        tab.fits()
        tab.is_still()
        tab.shot(f"{name}-{size[0]}-{theme}")


def test_every_page_has_a_shortcut_and_its_name_in_the_title(signed_in: Tab) -> None:
    page = signed_in.page
    for key, title in {"q": "Queues", "s": "Storage", "w": "Workers", "u": "Usage", "e": "Settings"}.items():
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page).to_have_title(f"{title} · picloud")


def test_workers_are_told_in_words(signed_in: Tab, server: Server) -> None:
    signed_in.goto("/workers")
    expect(signed_in.page.get_by_text("One worker offers")).to_be_visible()
    _, found = server.request("GET", "/v1/workers")
    row = signed_in.page.get_by_role("row").filter(has_text=found["workers"][0]["name"])
    expect(row).to_contain_text("connected")
    expect(row).to_contain_text(found["workers"][0]["version"])


def test_usage_is_summed_up_and_can_be_kept_without_formulas(
    signed_in: Tab, server: Server, something: None
) -> None:
    signed_in.goto("/usage?by=label")
    page = signed_in.page
    row = page.get_by_role("row").filter(has_text="=1+1")
    expect(row).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    with Path(download.value.path()).open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    _, reply = server.request("GET", "/v1/usage?group_by=label")
    kept = {line["label"]: int(line["jobs"]) for line in lines}
    jobs = {row["label"]: row["jobs"] for row in reply["rows"]}
    assert kept["'=1+1"] == jobs["=1+1"]
    assert "=1+1" not in kept
    assert sum(kept.values()) == reply["total"]["jobs"]
