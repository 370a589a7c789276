"""Published functions in the browser: looked at, tried, copied from, rolled back and given to others."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Callable

import pytest
from harness import Server, until
from harness.browser import DESKTOP, PHONE, Tab, Theme, expect

_numbers = itertools.count()


@pytest.fixture
def label(cloud: ModuleType) -> Iterator[str]:
    """A label of the test's own."""
    name = f"browser-{next(_numbers)}"
    yield name
    # Tests ask for it before their tab, which is closed first then: an open page would ask for what is gone.
    if name in cloud.rest.list():
        cloud.rest.remove(name)


def add(x: int, y: int = 1) -> int:
    """This function adds!"""
    return x + y


def call(tab: Tab) -> None:
    tab.page.get_by_role("button", name="Call", exact=True).click()


def open_tab_of(tab: Tab, name: str) -> None:
    tab.page.get_by_role("tab", name=name, exact=True).click()


def test_a_published_function_is_found_and_tried(label: str, signed_in: Tab, cloud: ModuleType) -> None:
    address = cloud.rest.publish(add, label)
    page = signed_in.page
    signed_in.goto("/functions")
    row = page.get_by_role("row").filter(has_text=label)
    expect(row).to_contain_text(f"{label}(x, y=1)")
    expect(row).to_contain_text("Account")
    row.get_by_role("link", name=label).click()

    expect(page.get_by_role("heading", level=1)).to_have_text(label)
    expect(page.get_by_text("This function adds!")).to_be_visible()
    expect(page.get_by_text(address, exact=True)).to_be_visible()

    page.get_by_label(re.compile("^x")).fill("20")
    page.get_by_label("y", exact=True).fill("22")
    call(signed_in)
    expect(page.locator(".answer pre")).to_have_text("42")
    link = page.locator(".answer").get_by_role("link")
    jid = int(link.inner_text().removeprefix("job "))
    assert cloud.result(jid) == 42
    link.click()
    expect(page).to_have_url(re.compile(f"/jobs/{jid}$"))


def test_wrong_arguments_are_refused_in_the_form(label: str, signed_in: Tab, cloud: ModuleType) -> None:
    cloud.rest.publish(add, label)
    page = signed_in.page
    calls: list[str] = []
    page.on("request", lambda one: calls.append(one.url) if "/r/" in one.url else None)
    signed_in.goto(f"/functions/{label}")
    field = page.get_by_label(re.compile("^x"))
    for text, told in [
        ("", "x is missing."),
        ('"two"', "x takes a whole number."),
        ("two", "x is not JSON"),
    ]:
        field.fill(text)
        call(signed_in)
        expect(page.get_by_text(told)).to_be_visible()
        expect(field).to_be_focused()
    signed_in.is_accessible()
    assert calls == []
    field.fill("2")
    call(signed_in)
    expect(page.locator(".answer pre")).to_have_text("3")
    assert len(calls) == 1


def test_a_call_that_fails_shows_why_and_its_job(label: str, signed_in: Tab, cloud: ModuleType) -> None:
    def reciprocal(x: float) -> float:
        return 1 / x

    signed_in.expects("status of 422")
    cloud.rest.publish(reciprocal, label)
    page = signed_in.page
    signed_in.goto(f"/functions/{label}")
    page.get_by_label(re.compile("^x")).fill("0")
    call(signed_in)
    told = page.get_by_role("alert").filter(has_text="The job failed")
    expect(told).to_contain_text("division by zero")
    expect(told.get_by_role("link", name=re.compile("^job "))).to_be_visible()
    signed_in.is_accessible()


def test_a_call_that_is_not_waited_for_is_a_job(label: str, signed_in: Tab, cloud: ModuleType) -> None:
    cloud.rest.publish(add, label)
    page = signed_in.page
    signed_in.goto(f"/functions/{label}")
    page.get_by_label(re.compile("^x")).fill("1")
    page.get_by_label("wait up to").fill("0")
    call(signed_in)
    link = page.get_by_role("tabpanel").get_by_role("link", name=re.compile("^job "))
    assert cloud.result(int(link.inner_text().removeprefix("job "))) == 2


def test_files_go_in_and_bytes_come_out(
    label: str, signed_in: Tab, cloud: ModuleType, tmp_path: Path
) -> None:
    def reverse(content: bytes, times: int = 1) -> bytes:
        return content[::-1] * times

    cloud.rest.publish(reverse, label, out_encoding="raw")
    content = bytes(range(256)) * 400
    file = tmp_path / "content.bin"
    file.write_bytes(content)
    page = signed_in.page
    signed_in.goto(f"/functions/{label}")
    page.get_by_label(re.compile("^content")).set_input_files(file)
    page.get_by_label("times", exact=True).fill("2")
    call(signed_in)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert Path(download.value.path()).read_bytes() == content[::-1] * 2


def test_the_lines_to_copy_work_as_they_stand(
    label: str, signed_in: Tab, server: Server, cloud: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def greet(name: str, times: int) -> str:
        return f"{name}!" * times

    cloud.rest.publish(greet, label)
    page = signed_in.page
    signed_in.goto(f"/functions/{label}?tab=code")
    lines = page.get_by_role("tabpanel").locator(".snippet pre")

    ready = server.ready
    said = subprocess.run(
        ["bash", "-c", lines.inner_text()],
        env={**os.environ, "KEY": f"{ready.api_key}:{ready.api_secretkey}"},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert json.loads(said.stdout)["result"] == "text!"

    page.get_by_label("Python with cloud").check()
    exec(lines.inner_text(), {})
    assert capsys.readouterr().out == "text!\n"

    page.get_by_label("Python with requests").check()
    compile(lines.inner_text(), "snippet", "exec")
    signed_in.is_accessible()


def test_calls_use_an_earlier_version_after_a_rollback(label: str, signed_in: Tab, cloud: ModuleType) -> None:
    cloud.rest.publish(add, label)
    cloud.rest.publish(lambda x, y=1: x * y, label)
    page = signed_in.page
    signed_in.goto(f"/functions/{label}?tab=versions")
    expect(page.get_by_role("row").filter(has_text="in use")).to_contain_text("2")
    page.get_by_role("button", name="Roll back to version 1").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("button", name="Roll back to version 2")).to_be_visible()
    assert cloud.rest.info(label)["version"] == 1
    assert cloud.result(cloud.rest.invoke(label, x=6, y=7)) == 13


def test_a_token_is_shown_once_and_opens_this_function(label: str, signed_in: Tab, cloud: ModuleType) -> None:
    address = cloud.rest.publish(add, label)
    page = signed_in.page
    signed_in.goto(f"/functions/{label}?tab=access")
    page.get_by_role("radio", name="Token").check()
    page.get_by_label("Most calls a minute").fill("600")
    page.get_by_role("button", name="Save").click()
    shown = page.get_by_role("tabpanel").locator(".snippet pre")
    token = shown.inner_text()
    assert answer(address, token) == 3
    about = cloud.rest.info(label)
    assert (about["access"], about["calls_per_minute"]) == ("token", 600)
    signed_in.is_accessible()

    page.reload()
    expect(page.get_by_role("button", name="New token")).to_be_visible()
    expect(shown).to_have_count(0)
    page.get_by_role("button", name="New token").click()
    page.get_by_role("dialog").get_by_role("button", name="Make it").click()
    expect(shown).to_be_visible()
    assert shown.inner_text() != token
    assert answer(address, shown.inner_text()) == 3


def answer(address: str, token: str) -> object:
    """What the function says to whoever has the token."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}?wait=20", b'{"x": 1, "y": 2}', headers)
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.load(reply)["result"]


def test_calls_are_summed_up_and_lead_to_their_jobs(label: str, signed_in: Tab, cloud: ModuleType) -> None:
    def reciprocal(x: float) -> float:
        return 1 / x

    cloud.rest.publish(reciprocal, label)
    jids = cloud.rest.invoke_map(label, x=[0, 1, 2, 4])
    until(lambda: all(one in ("done", "error") for one in cloud.status(jids)), 60, "the calls have ended")
    page = signed_in.page
    signed_in.goto(f"/functions/{label}?tab=calls")
    expect(page.get_by_text("Its last 4 calls")).to_be_visible()
    expect(page.get_by_text("1 of 4, 25.0 %")).to_be_visible()
    expect(page.get_by_role("heading", name="From call to end")).to_be_visible()
    signed_in.is_accessible()
    signed_in.is_still()
    page.get_by_role("link", name="View jobs").click()
    expect(page).to_have_url(re.compile(f"label={label}"))


def test_a_removed_function_is_gone_from_its_address(label: str, signed_in: Tab, cloud: ModuleType) -> None:
    cloud.rest.publish(add, label)
    page = signed_in.page
    signed_in.goto(f"/functions/{label}")
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Functions")
    expect(page.get_by_role("row").filter(has_text=label)).to_have_count(0)
    assert label not in cloud.rest.list()


def test_without_functions_the_page_says_how_to_publish_one(
    own_server: Server, open_tab: Callable[..., Tab]
) -> None:
    tab = open_tab(own_server, PHONE).sign_in()
    tab.goto("/functions")
    expect(tab.page.get_by_text("cloud.rest.publish")).to_be_visible()
    expect(tab.page.get_by_text(f"{own_server.url}/r/1/addition/")).to_be_visible()
    tab.is_accessible()
    tab.fits()
    tab.goto("/crons")
    expect(tab.page.get_by_text("cloud.cron.register")).to_be_visible()
    tab.is_accessible()
    tab.fits()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_part_is_accessible_and_fits(
    size: tuple[int, int],
    theme: Theme,
    server: Server,
    cloud: ModuleType,
    label: str,
    open_tab: Callable[..., Tab],
) -> None:
    def hostile(image: bytes, text: str = "<b>\u202e" + "x" * 300, **more: object) -> str:
        """<script>alert(1)</script> \u202e and a very long word:"""
        return text

    hostile.__doc__ = (hostile.__doc__ or "") + "w" * 400
    cloud.rest.publish(hostile, label)
    tab = open_tab(server, size, theme).sign_in()
    pages = ["/functions"]
    pages += [f"/functions/{label}?tab={name}" for name in ("try", "code", "calls", "versions", "access")]
    for path in pages:
        tab.goto(path)
        expect(tab.page.get_by_text(label).first).to_be_visible()
        tab.page.locator("[aria-busy=true]").first.wait_for(state="detached")
        tab.is_accessible()
        tab.fits()
        tab.is_still()
        tab.shot(f"{path}-{size[0]}-{theme}")
