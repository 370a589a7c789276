"""The list of jobs: found by what they said, grouped, killed and deleted by many, live."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any, Callable

from harness import Server, until
from harness.browser import Tab, expect


def raises(text: str) -> None:
    raise ValueError(text)


def rows(tab: Tab) -> Any:
    return tab.page.get_by_role("row").filter(
        has=tab.page.get_by_role("checkbox", name=re.compile("^Select job"))
    )


def test_a_failed_job_is_found_by_its_text(signed_in: Tab, cloud: ModuleType) -> None:
    needle = "the flux capacitor is missing"
    jids = cloud.map(raises, [f"ordinary trouble {n}" for n in range(30)] + [needle], _label="failing")
    cloud.join(jids, ignore_errors=True)
    signed_in.goto("/jobs")
    page = signed_in.page
    page.keyboard.press("/")
    page.keyboard.type("FLUX capacitor")
    expect(rows(signed_in)).to_have_count(1)
    expect(rows(signed_in).first).to_contain_text(needle)
    expect(page).to_have_url(re.compile(r"text=FLUX"))
    page.keyboard.press("Escape")
    page.get_by_role("group", name="Status").get_by_role("button", name="error").click()
    expect(page).to_have_url(re.compile(r"status=error"))
    until(lambda: rows(signed_in).count() > 5, what="all failures are listed")
    page.go_back()
    expect(page).not_to_have_url(re.compile(r"status=error"))
    signed_in.is_accessible()


def test_a_map_is_one_row_that_opens(signed_in: Tab, cloud: ModuleType) -> None:
    jids = cloud.map(lambda n: n, range(40), _label="forty")
    cloud.join(jids)
    signed_in.goto("/jobs?label=forty")
    until(lambda: rows(signed_in).count() > 10, what="its jobs are listed")
    page = signed_in.page
    page.get_by_role("checkbox", name="Group maps").check()
    row = page.get_by_role("row").filter(has_text="map of 40")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("40 done")
    row.get_by_role("link").click()
    expect(page).to_have_url(re.compile(rf"map={int(jids[0])}"))
    until(lambda: rows(signed_in).count() > 10, what="its jobs are listed again")


def test_many_are_killed_and_deleted_at_once(signed_in: Tab, cloud: ModuleType) -> None:
    import time

    jids = cloud.map(lambda n: time.sleep(600), range(12), _label="many")
    signed_in.goto("/jobs?label=many")
    page = signed_in.page
    expect(rows(signed_in)).to_have_count(12)
    page.get_by_role("checkbox", name=re.compile("^Select all")).check()
    expect(page.get_by_text("12 jobs selected")).to_be_visible()
    page.get_by_role("button", name="Kill", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Kill")).click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    until(lambda: set(cloud.status(jids)) == {"killed"}, 20, "all are killed")
    expect(rows(signed_in).filter(has_text="killed")).to_have_count(12)
    page.get_by_role("checkbox", name=re.compile("^Select all")).check()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Delete")).click()
    expect(rows(signed_in)).to_have_count(0)
    expect(page.get_by_text(re.compile("No job"))).to_be_visible()


def test_new_jobs_appear_by_themselves_without_moving_the_page(signed_in: Tab, cloud: ModuleType) -> None:
    signed_in.goto("/jobs?label=arriving")
    for n in range(5):
        jid = cloud.call(lambda n=n: n, _label="arriving")
        cloud.result(jid)
        expect(rows(signed_in)).to_have_count(n + 1)
        expect(rows(signed_in).first).to_contain_text("done")
    signed_in.is_still()


def test_a_list_without_jobs_shows_how_to_make_one(
    new_server: Callable[..., Server], open_tab: Callable[..., Tab]
) -> None:
    tab = open_tab(new_server("--no-worker")).sign_in()
    tab.goto("/jobs")
    expect(tab.page.get_by_text("import cloud")).to_be_visible()
    tab.goto("/queues")
    expect(tab.page.get_by_text("cloud.queue.get")).to_be_visible()
    tab.is_accessible()


def test_the_page_goes_on_by_itself_after_the_server_was_killed(
    own_server: Server, open_tab: Callable[..., Tab], bind: Callable[[Server], ModuleType]
) -> None:
    cloud = bind(own_server)
    cloud.result(cloud.call(lambda: 1, _label="before"))
    tab = open_tab(own_server).sign_in()
    tab.goto("/jobs")
    tab.expects(
        "ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "status of 503"
    )
    expect(rows(tab)).to_have_count(1)
    own_server.kill_all()
    expect(tab.page.get_by_text("not connected")).to_be_visible()
    own_server.start()
    expect(tab.page.get_by_text("live", exact=True)).to_be_visible()
    cloud.result(cloud.call(lambda: 2, _label="after"))
    expect(rows(tab)).to_have_count(2)
    expect(rows(tab).first).to_contain_text("after")
