"""Keys and accounts, made in the browser and used by programs."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from harness import Server, run_picloud, run_python
from harness.browser import PHONE, Tab, expect

CALL = """
    import cloud
    print(cloud.result(cloud.call(lambda: 6 * 7)))
"""


def create_key(tab: Tab, note: str) -> tuple[str, str, str]:
    """Number, secret, and the line for another machine."""
    tab.goto("/settings")
    tab.page.get_by_role("button", name="Create a key").click()
    tab.page.get_by_label("What it is for").fill(note)
    tab.page.get_by_role("button", name="Create it").click()
    line = tab.page.get_by_text("picloud setup").inner_text()
    secret, _, rest = line.removeprefix("PICLOUD_API_SECRETKEY=").partition(" ")
    return rest.split("--api-key ")[1], secret, line


def test_a_key_works_until_it_is_deactivated(signed_in: Tab, server: Server, tmp_path: Path) -> None:
    number, secret, _ = create_key(signed_in, "<b>laptop</b>")
    keys = {"PICLOUD_API_KEY": number, "PICLOUD_API_SECRETKEY": secret}
    assert run_python(server, CALL, tmp_path, **keys).check().out == "42\n"

    row = signed_in.page.get_by_role("row").filter(has_text="<b>laptop</b>")
    row.get_by_role("button", name="Deactivate").click()
    signed_in.page.get_by_role("dialog").get_by_role("button", name="Deactivate it").click()
    expect(row.get_by_text("deactivated")).to_be_visible()
    refused = run_python(server, CALL, tmp_path, **keys)
    assert refused.code != 0
    assert "401" in refused.err

    row.get_by_role("button", name="Activate").click()
    expect(row.get_by_role("button", name="Deactivate")).to_be_visible()
    assert run_python(server, CALL, tmp_path, **keys).check().out == "42\n"


def test_the_line_that_is_shown_sets_a_key_up(signed_in: Tab, server: Server, tmp_path: Path) -> None:
    number, secret, line = create_key(signed_in, "another machine")
    assignment, program, *arguments = line.split(" ")
    assert (assignment, program) == (f"PICLOUD_API_SECRETKEY={secret}", "picloud")
    elsewhere = {"PICLOUD_CONFIG_DIR": str(tmp_path), "PICLOUD_SERVER": "", "PICLOUD_API_KEY": ""}
    run_picloud(server, *arguments, PICLOUD_API_SECRETKEY=secret, **elsewhere).check()
    kept = "".join(file.read_text() for file in tmp_path.rglob("*") if file.is_file())
    assert secret in kept
    assert number in kept


def test_a_secret_is_shown_once(signed_in: Tab) -> None:
    _, secret, _ = create_key(signed_in, "once")
    signed_in.goto("/settings")
    signed_in.page.get_by_role("row").filter(has_text="once").first.wait_for()
    assert secret not in signed_in.page.content()


def test_an_account_is_made_with_a_key_and_a_link(
    signed_in: Tab, server: Server, open_tab: Callable[..., Tab], tmp_path: Path
) -> None:
    page = signed_in.page
    signed_in.goto("/settings")
    page.get_by_role("button", name="Create an account").click()
    page.get_by_label("Name", exact=True).fill("ada")
    page.get_by_role("button", name="Create it").click()
    line = page.get_by_text("picloud setup").inner_text()
    secret, _, rest = line.removeprefix("PICLOUD_API_SECRETKEY=").partition(" ")
    keys = {"PICLOUD_API_KEY": rest.split("--api-key ")[1], "PICLOUD_API_SECRETKEY": secret}
    assert run_python(server, CALL, tmp_path, **keys).check().out == "42\n"
    address = page.get_by_text("/welcome#").inner_text()

    other = open_tab(server, PHONE)
    other.expects("status of 401")
    other.enter(address)
    other.goto("/settings")
    expect(other.page.get_by_role("heading", name="API keys")).to_be_visible()
    assert other.page.get_by_role("heading", name="Accounts").count() == 0, (
        "only administrators see the others"
    )
    other.goto("/workers")
    expect(other.page.get_by_text("The machines are shown to administrators")).to_be_visible()
    other.is_accessible()


def test_the_theme_is_kept_by_the_browser(signed_in: Tab) -> None:
    page = signed_in.page
    signed_in.goto("/settings")
    page.get_by_role("radio", name="Dark").check()
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    signed_in.goto("/usage")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
    signed_in.goto("/settings")
    expect(page.get_by_role("radio", name="Dark")).to_be_checked()
    page.get_by_role("radio", name="Light").check()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != ground
