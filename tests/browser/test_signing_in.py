"""The ways in and out: links, passwords, sessions."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from harness import Server
from harness.browser import PASSWORD, Tab, expect, link

SIGNED_OUT = "status of 401"


@pytest.fixture
def out(open_tab: Callable[..., Tab], server: Server) -> Tab:
    """A browser that is not signed in: asking who it is is refused, which the console tells of."""
    tab = open_tab(server)
    tab.expects(SIGNED_OUT)
    return tab


def by_password(tab: Tab, password: str, account: str = "admin") -> None:
    tab.goto("/")
    tab.page.get_by_label("Account").fill(account)
    tab.page.get_by_label("Password", exact=True).fill(password)
    tab.page.get_by_role("button", name="Sign in", exact=True).click()


def is_in(tab: Tab) -> None:
    expect(tab.page.get_by_role("navigation", name="Pages")).to_be_visible()


def is_out(tab: Tab) -> None:
    expect(tab.page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.fixture
def person(server: Server) -> str:
    """An account of the test's own, without a password yet."""
    return new_account(server)


_numbers = iter(range(1_000))


def new_account(server: Server) -> str:
    status, made = server.request("POST", "/v1/accounts", {"name": f"person-{next(_numbers)}"})
    assert status == 200, made
    return str(made["account"]["name"])


def test_the_first_start_makes_a_link_that_signs_in(new_server: Any, open_tab: Callable[..., Tab]) -> None:
    server = new_server("--no-worker")
    tab = open_tab(server)
    tab.expects(SIGNED_OUT)
    assert server.ready.dashboard_link
    tab.enter(server.ready.dashboard_link)
    expect(tab.page).to_have_url(f"{server.url.rstrip('/')}/jobs")
    tab.is_accessible()


def test_a_link_signs_in_once_and_its_secret_leaves_the_address(
    out: Tab, server: Server, person: str, open_tab: Callable[..., Tab]
) -> None:
    path = link(server, person)
    out.page.goto(path)
    expect(out.page.get_by_text(person)).to_be_visible()
    out.is_accessible()
    out.page.get_by_label("Password").fill(PASSWORD)
    out.page.get_by_role("button", name="Sign in", exact=True).click()
    is_in(out)
    assert "#" not in out.page.url
    assert out.page.evaluate("history.length") <= 2, "the address with the secret has been replaced"

    other = open_tab(server)
    other.expects(SIGNED_OUT, "status of 4")
    other.page.goto(path)
    expect(other.page.get_by_role("heading", name="This link does not sign in")).to_be_visible()
    expect(other.page.get_by_text("picloud dashboard", exact=True)).to_be_visible()
    other.is_accessible()


def test_a_link_needs_no_new_password_where_there_is_one(out: Tab, server: Server) -> None:
    out.sign_in()
    out.page.goto(link(server))
    out.page.get_by_role("button", name="Keep the password and sign in").click()
    is_in(out)


def test_a_password_signs_in_and_a_wrong_one_is_refused_in_words(
    out: Tab, server: Server, person: str
) -> None:
    out.page.goto(link(server, person))
    out.page.get_by_label("Password").fill("123456789")
    expect(out.page.get_by_text("9 of at least 10 characters")).to_be_visible()
    expect(out.page.get_by_role("button", name="Sign in", exact=True)).to_be_disabled()
    out.page.get_by_label("Password").fill(PASSWORD)
    out.page.get_by_role("button", name="Sign in", exact=True).click()
    is_in(out)
    out.goto("/settings")
    out.page.get_by_role("button", name="Sign out", exact=True).click()
    is_out(out)

    by_password(out, "something else", person)
    expect(out.page.get_by_role("alert")).to_be_visible()
    out.is_accessible()
    is_out(out)
    by_password(out, PASSWORD, person)
    is_in(out)


def test_after_many_wrong_passwords_it_is_said_how_long_to_wait(out: Tab, person: str) -> None:
    out.expects("status of 429")
    out.goto("/")
    out.page.get_by_label("Account").fill(person)
    for number in range(8):
        out.page.get_by_label("Password", exact=True).fill(f"wrong number {number}")
        with out.page.expect_response("**/v1/session") as answer:
            out.page.get_by_role("button", name="Sign in", exact=True).click()
        expect(out.page.get_by_role("button", name="Sign in", exact=True)).to_be_enabled()
        if answer.value.status == 429:
            break
    else:
        pytest.fail("nobody slowed the guesses down")
    expect(out.page.get_by_text("Too many wrong passwords")).to_be_visible()
    expect(out.page.get_by_text("gain in ").or_(out.page.get_by_text("again now"))).to_be_visible()


def test_signing_out_everywhere_ends_the_other_browser(
    out: Tab, server: Server, person: str, open_tab: Callable[..., Tab]
) -> None:
    out.enter(link(server, person))
    other = open_tab(server)
    other.expects(SIGNED_OUT)
    by_password(other, PASSWORD, person)
    is_in(other)

    out.goto("/settings")
    expect(out.page.get_by_role("row").filter(has_text="this one")).to_have_count(1)
    expect(out.page.get_by_role("button", name="End the session of")).to_have_count(1)
    out.page.get_by_role("button", name="Sign out everywhere").click()
    out.page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
    is_out(out)
    other.goto("/usage")
    is_out(other)


def test_one_session_can_be_ended_from_another(
    out: Tab, server: Server, person: str, open_tab: Callable[..., Tab]
) -> None:
    out.enter(link(server, person))
    other = open_tab(server)
    other.expects(SIGNED_OUT)
    by_password(other, PASSWORD, person)
    is_in(other)

    out.goto("/settings")
    out.page.get_by_role("button", name="End the session of").click()
    out.page.get_by_role("dialog").get_by_role("button", name="End it").click()
    expect(out.page.get_by_role("button", name="End the session of")).to_have_count(0)
    other.goto("/usage")
    is_out(other)
    out.goto("/usage")
    is_in(out)


def test_another_password_ends_the_other_sessions_and_keeps_this_one(
    out: Tab, server: Server, person: str, open_tab: Callable[..., Tab]
) -> None:
    out.enter(link(server, person))
    other = open_tab(server)
    other.expects(SIGNED_OUT)
    by_password(other, PASSWORD, person)
    is_in(other)

    out.expects("status of 403")
    out.goto("/settings")
    out.page.get_by_role("button", name="Change the password").click()
    out.page.get_by_label("Password so far").fill("not this one")
    out.page.get_by_label("New password").fill("another horse battery")
    out.page.get_by_role("button", name="Change it").click()
    expect(out.page.get_by_role("alert")).to_be_visible()
    out.page.get_by_label("Password so far").fill(PASSWORD)
    out.page.get_by_role("button", name="Change it").click()
    expect(out.page.get_by_text("The password is changed")).to_be_visible()
    other.goto("/usage")
    is_out(other)
    out.goto("/usage")
    is_in(out)
    by_password(other, PASSWORD, person)
    expect(other.page.get_by_role("alert")).to_be_visible()
    by_password(other, "another horse battery", person)
    is_in(other)
