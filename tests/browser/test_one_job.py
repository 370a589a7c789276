"""A job that runs, looked at while it does: its charts move, its output follows, it can be killed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType

import pytest
from harness import Recorder, until
from harness.browser import Tab, expect


def busy(mark: str) -> None:
    """Uses processor and memory until somebody kills it, and says so all the time."""
    import time

    held = []
    began = time.monotonic()
    while True:
        held.append(bytes(1_000_000))
        del held[100:]
        sum(range(200_000))
        print(f"{mark} {time.monotonic() - began:.1f}", flush=True)
        time.sleep(0.05)


@pytest.fixture
def running(cloud: ModuleType) -> Iterator[int]:
    jid = int(cloud.call(busy, "still here", _label="watched", _type="c2"))
    yield jid
    cloud.kill(jid)


def test_charts_of_a_running_job_move_and_it_can_be_killed(signed_in: Tab, running: int) -> None:
    page = signed_in.page
    signed_in.goto(f"/jobs/{running}?tab=usage")
    memory = page.get_by_role("figure").filter(has_text="Memory")
    elapsed = memory.locator(".chart-when")
    expect(elapsed).to_have_text(re.compile(r"\d"))
    first = elapsed.inner_text()
    until(lambda: elapsed.inner_text() != first, 10, "the chart has a later second")
    drawn = memory.locator("canvas").evaluate("canvas => canvas.toDataURL()")
    until(
        lambda: memory.locator("canvas").evaluate("canvas => canvas.toDataURL()") != drawn,
        10,
        "the drawing is another",
    )
    expect(page.get_by_text(re.compile("cores now"))).to_be_visible()
    signed_in.is_still()
    signed_in.is_accessible()

    page.get_by_role("button", name="Kill", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Kill").click()
    expect(page.locator("header").get_by_text("killed", exact=True)).to_be_visible()
    expect(page).to_have_title(re.compile("^killed"))
    expect(page.get_by_role("button", name="Delete")).to_be_visible()


def test_output_follows_and_can_be_searched(signed_in: Tab, running: int) -> None:
    page = signed_in.page
    signed_in.goto(f"/jobs/{running}")
    view = page.get_by_label("Text of stdout")
    expect(view).to_contain_text("still here")
    length = len(view.inner_text())
    until(lambda: len(view.inner_text()) > length, 10, "more output has come by itself")
    page.get_by_role("searchbox").first.fill("STILL here 0")
    expect(page.get_by_text(re.compile(r"1 (of|/) \d+"))).to_be_visible()
    signed_in.is_still()


def test_a_failure_shows_its_traceback_and_what_it_was_called_with(signed_in: Tab, cloud: ModuleType) -> None:
    def divide(x: int, y: int) -> float:
        print("about to divide")
        return x / y

    jid = cloud.call(divide, 355, y=0)
    with pytest.raises(ZeroDivisionError):
        cloud.result(jid)
    page = signed_in.page
    signed_in.goto(f"/jobs/{int(jid)}")
    expect(page.get_by_text("ZeroDivisionError: division by zero").first).to_be_visible()
    page.get_by_role("tab", name="Output").click()
    expect(page.get_by_label("Text of stdout")).to_contain_text("about to divide")
    page.get_by_role("tab", name="Details").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("355")
    signed_in.is_accessible()


def test_a_profile_is_a_table_and_a_flame(signed_in: Tab, cloud: ModuleType) -> None:
    def inner(n: int) -> int:
        return sum(i * i for i in range(n))

    def outer() -> int:
        return inner(200_000) + inner(100_000)

    jid = cloud.call(outer, _profile=True)
    cloud.result(jid)
    page = signed_in.page
    signed_in.goto(f"/jobs/{int(jid)}?tab=profile")
    row = page.get_by_role("row").filter(has_text="inner").first
    expect(row).to_contain_text("2")
    expect(page.get_by_role("tabpanel").last).to_contain_text("outer")
    signed_in.is_accessible()


def test_a_job_that_waits_says_why(signed_in: Tab, cloud: ModuleType, recorder: Recorder) -> None:
    first = cloud.call(busy, "holding", _type="c2")
    second = cloud.call(pow, 2, 3, _depends_on=first)
    page = signed_in.page
    signed_in.goto(f"/jobs/{int(second)}")
    expect(page.get_by_text("Why is it waiting?")).to_be_visible()
    expect(page.get_by_role("link", name=str(int(first))).first).to_be_visible()
    cloud.kill([first])
    expect(page.locator("header").get_by_text("stalled", exact=True)).to_be_visible()
