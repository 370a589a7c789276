"""What strangers say is shown as text and breaks nothing: names, labels, output, errors, queue messages."""

from __future__ import annotations

from types import ModuleType

import pytest
from harness import until
from harness.browser import Tab, expect

HTML = "<img src=x onerror=window.pwned=1><script>window.pwned=1</script>"
ESCAPES = "\x1b[31mred\x1b[0m \x1b]0;title\x07 \u202egnp.exe"
LONG = 10_000_000


def hostile() -> None:
    import logging
    import sys

    print(HTML)
    print(ESCAPES)
    print("x" * LONG)
    print("after the long line")
    sys.stderr.write(HTML + "\n")
    logging.getLogger("<b>").warning(HTML)
    raise RuntimeError(HTML + ESCAPES + "y" * 100_000)


def is_unharmed(tab: Tab) -> None:
    assert tab.page.evaluate("window.pwned") is None
    assert tab.page.locator("#page img[src=x], #page script").count() == 0
    tab.fits()


def test_names_output_and_errors_of_a_job_are_text(signed_in: Tab, cloud: ModuleType) -> None:
    hostile.__name__ = hostile.__qualname__ = HTML
    try:
        jid = cloud.call(hostile, _label=HTML[:60])
    finally:
        hostile.__name__ = hostile.__qualname__ = "hostile"
    with pytest.raises(RuntimeError):
        cloud.result(jid)
    page = signed_in.page
    signed_in.goto("/jobs?text=onerror")
    expect(page.get_by_role("row").filter(has_text="onerror").first).to_be_visible()
    is_unharmed(signed_in)

    signed_in.goto(f"/jobs/{int(jid)}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("<img src=x")
    expect(page.get_by_role("tabpanel")).to_contain_text("RuntimeError")
    is_unharmed(signed_in)
    page.get_by_role("tab", name="Output").click()
    view = page.get_by_label("Text of stdout")
    expect(view).to_contain_text("<script>")
    expect(view).to_contain_text("␛[31mred")
    assert "\u202e" not in view.inner_text()
    is_unharmed(signed_in)
    # The line of ten megabytes costs what can be seen of it.
    assert len(view.inner_text()) < 1_000_000
    until(lambda: scrolled_to_end(signed_in), 10, "the end of the output is shown")
    began = page.evaluate("performance.now()")
    page.get_by_role("searchbox").first.fill("after the long")
    expect(page.get_by_text("1 of 1")).to_be_visible()
    assert page.evaluate("performance.now()") - began < 3_000
    page.get_by_role("tab", name="Details").click()
    is_unharmed(signed_in)


def scrolled_to_end(tab: Tab) -> bool:
    view = tab.page.get_by_label("Text of stdout")
    view.evaluate("view => { view.scrollTop = view.scrollHeight; }")
    return "after the long line" in view.inner_text()


def test_messages_of_a_queue_are_text(signed_in: Tab, cloud: ModuleType) -> None:
    queue = cloud.queue.get("hostile")
    queue.push([HTML, {"a": ESCAPES}, "z" * 50_000, {HTML: [HTML]}])
    page = signed_in.page
    signed_in.goto("/queues/hostile?tab=messages")
    expect(page.get_by_text("onerror").first).to_be_visible()
    is_unharmed(signed_in)
    queue.delete()
