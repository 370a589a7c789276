"""Crons in the browser: run now, paused, changed before one's eyes, and what became of their ticks."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Callable

import pytest
from harness import Server, until
from harness.browser import DESKTOP, PHONE, Tab, Theme, expect

_numbers = itertools.count()


@pytest.fixture
def label(cloud: ModuleType) -> Iterator[str]:
    """A label of the test's own, with characters that mean something in addresses."""
    name = f"50% of a/b? {next(_numbers)}"
    yield name
    # Tests ask for it before their tab, which is closed first then: an open page would ask for what is gone.
    if name in cloud.cron.list():
        cloud.cron.deregister(name)


def heartbeat() -> str:
    return "still here"


def open_from_list(tab: Tab, label: str) -> None:
    tab.goto("/crons")
    tab.page.get_by_role("link", name=label, exact=True).click()
    expect(tab.page.get_by_role("heading", level=1)).to_contain_text(label)


def test_a_cron_is_run_by_hand_and_its_job_is_in_the_history(
    label: str, signed_in: Tab, cloud: ModuleType
) -> None:
    cloud.cron.register(heartbeat, label, "30 4 1 1 *")
    page = signed_in.page
    signed_in.goto("/crons")
    row = page.get_by_role("row").filter(has_text=label)
    expect(row).to_contain_text("30 4 1 1 *")
    expect(row).to_contain_text("none yet")
    open_from_list(signed_in, label)
    expect(page.get_by_text("It has not fired yet.")).to_be_visible()
    expect(page.locator(".ticks li")).to_have_count(5)

    page.get_by_role("button", name="Run now").click()
    firing = page.get_by_role("row").filter(has_text="run by hand")
    expect(firing).to_contain_text("done")
    jid = int(firing.get_by_role("link").inner_text())
    assert cloud.result(jid) == "still here"
    assert cloud.cron.info(label)["last_jid"] == jid
    signed_in.is_accessible()

    signed_in.goto("/crons")
    expect(row).to_contain_text("done")
    row.get_by_role("link", name=re.compile(f"job {jid}")).click()
    expect(page).to_have_url(re.compile(f"/jobs/{jid}$"))


def test_a_paused_cron_has_no_next_firing(label: str, signed_in: Tab, cloud: ModuleType) -> None:
    cloud.cron.register(heartbeat, label, "*/7 * * * *")
    page = signed_in.page
    open_from_list(signed_in, label)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("None while it is paused.")).to_be_visible()
    assert cloud.cron.info(label)["paused"]
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".ticks li")).to_have_count(5)
    assert not cloud.cron.info(label)["paused"]


def test_a_schedule_is_changed_with_its_firings_in_sight(
    label: str, signed_in: Tab, cloud: ModuleType
) -> None:
    # The browser tells of every refusal, and here they are what is wanted.
    signed_in.expects("status of 400")
    cloud.cron.register(heartbeat, label, "0 0 * * *")
    page = signed_in.page
    open_from_list(signed_in, label)
    page.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog")
    save = dialog.get_by_role("button", name="Save")
    schedule = dialog.get_by_label("Schedule")
    zone = dialog.get_by_label("Time zone")
    ticks = dialog.locator(".ticks li")
    expect(ticks).to_have_count(5)

    schedule.fill("60 8 * * mon-fri")
    expect(dialog.get_by_text("minute")).to_have_count(2)
    expect(schedule).to_have_attribute("aria-invalid", "true")
    expect(save).to_be_disabled()
    schedule.fill("30 8 * * mon-fri")
    expect(ticks).to_have_count(5)
    zone.fill("Europe/Nowhere")
    expect(zone).to_have_attribute("aria-invalid", "true")
    expect(save).to_be_disabled()
    zone.fill("Asia/Tokyo")
    expect(ticks).to_have_count(5)
    expect(ticks.first).to_contain_text("08:30")
    signed_in.is_accessible()
    dialog.get_by_label("skip").check()
    save.click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("Asia/Tokyo").first).to_be_visible()
    about = cloud.cron.info(label)
    assert (about["schedule"], about["timezone"], about["overlap"]) == (
        "30 8 * * mon-fri",
        "Asia/Tokyo",
        "skip",
    )


def test_a_tick_that_came_is_in_the_history(label: str, signed_in: Tab, cloud: ModuleType) -> None:
    """Fires by itself, so it waits for the clock: up to a minute."""
    cloud.cron.register(heartbeat, label, "* * * * *")
    page = signed_in.page
    open_from_list(signed_in, label)
    until(lambda: len(cloud.cron.firings(label)) > 0, 75, "the clock has come to the next minute")
    firing = page.get_by_role("row").filter(has=page.get_by_text("fired", exact=True)).first
    expect(firing).to_contain_text("done")
    expect(firing.get_by_role("link")).to_be_visible()


def test_a_cron_is_deregistered_after_a_question(label: str, signed_in: Tab, cloud: ModuleType) -> None:
    cloud.cron.register(heartbeat, label, "0 0 1 1 *")
    page = signed_in.page
    open_from_list(signed_in, label)
    page.get_by_role("button", name="Deregister").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert label in cloud.cron.list()
    page.get_by_role("button", name="Deregister").click()
    page.get_by_role("dialog").get_by_role("button", name="Deregister").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Crons")
    expect(page.get_by_role("row").filter(has_text=label)).to_have_count(0)
    assert label not in cloud.cron.list()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_pages_are_accessible_and_fit(
    size: tuple[int, int],
    theme: Theme,
    server: Server,
    cloud: ModuleType,
    label: str,
    open_tab: Callable[..., Tab],
) -> None:
    cloud.cron.register(heartbeat, label, "30 8 * * mon-fri", timezone="America/New_York")
    cloud.join(cloud.cron.manual_run(label))
    tab = open_tab(server, size, theme).sign_in()
    tab.goto("/crons")
    expect(tab.page.get_by_role("row").filter(has_text=label)).to_contain_text("done")
    tab.is_accessible()
    tab.fits()
    tab.is_still()
    tab.shot(f"crons-{size[0]}-{theme}")
    tab.page.get_by_role("link", name=label, exact=True).click()
    expect(tab.page.get_by_role("row").filter(has_text="run by hand")).to_contain_text("done")
    tab.is_accessible()
    tab.fits()
    tab.is_still()
    tab.shot(f"cron-{size[0]}-{theme}")
    tab.page.get_by_role("button", name="Edit").click()
    expect(tab.page.get_by_role("dialog").locator(".ticks li")).to_have_count(5)
    tab.is_accessible()
    tab.fits()
    tab.shot(f"cron-edit-{size[0]}-{theme}")
