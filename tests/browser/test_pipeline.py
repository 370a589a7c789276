"""The pipeline in the browser: drawn from its attachments, changed while it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from harness import until
from harness.browser import Tab, expect


def slow(message: int) -> int:
    import time

    time.sleep(0.4)
    if message % 50 == 7:
        raise ValueError(f"no luck with {message}")
    return message


@pytest.fixture
def pipeline(cloud: ModuleType) -> Iterator[Any]:
    source, sink, failed = (cloud.queue.get(f"line-{name}") for name in ("in", "out", "failed"))
    source.attach(slow, [sink], on_error={Exception: {"queue": failed}}, max_parallel_jobs=1)
    source.push(range(400))
    yield source
    source.detach()
    for queue in (source, sink, failed):
        queue.delete()


def test_more_parallel_jobs_make_a_pipeline_faster(signed_in: Tab, cloud: ModuleType, pipeline: Any) -> None:
    page = signed_in.page
    signed_in.goto("/queues")
    graph = page.get_by_role("region", name=re.compile("Pipeline"))
    for name in ("line-in", "slow", "line-out", "line-failed"):
        expect(graph.get_by_role("link", name=re.compile(f"^{name}"))).to_be_visible()
    signed_in.is_accessible()

    signed_in.goto("/queues/line-in")
    until(lambda: cloud.queue.get("line-out").count() > 2, 30, "messages are handled")
    before = rate(cloud)
    field = page.get_by_label("max_parallel_jobs")
    expect(field).to_have_value("1")
    field.fill("4")
    field.press("Enter")
    until(
        lambda: cloud.queue.get("line-in").info()["attachment"]["max_parallel_jobs"] == 4, 10, "it is changed"
    )
    until(lambda: cloud.queue.get("line-in").info()["attachment"]["jobs"] > 1, 30, "more jobs have started")
    until(lambda: rate(cloud) > 1.3 * before, 30, "more messages are handled in a second")
    expect(page.get_by_text(re.compile(r"[2-4] jobs now")).first).to_be_visible()
    signed_in.is_still()

    page.get_by_role("button", name="Pause").first.click()
    expect(page.get_by_text(re.compile("paused", re.IGNORECASE)).first).to_be_visible()
    assert cloud.queue.get("line-in").info()["paused"]
    page.get_by_role("button", name="Resume").first.click()
    until(lambda: not cloud.queue.get("line-in").info()["paused"], 10, "it goes on")

    page.get_by_role("link", name=re.compile("[Vv]iew jobs")).click()
    expect(page).to_have_url(re.compile("queue=line-in"))
    expect(page.get_by_role("row").filter(has_text="processing").first).to_be_visible()


def rate(cloud: ModuleType) -> float:
    """Messages handled in a second, over two of them."""
    import time

    out = cloud.queue.get("line-out")
    before, began = out.count(), time.monotonic()
    time.sleep(2)  # the measurement itself
    return (out.count() - before) / (time.monotonic() - began)


def test_error_messages_are_looked_at_and_sent_back(signed_in: Tab, cloud: ModuleType, pipeline: Any) -> None:
    failed = cloud.queue.get("line-failed")
    until(lambda: failed.count() > 0, 60, "a message has failed")
    page = signed_in.page
    signed_in.goto("/queues/line-failed?tab=messages")
    expect(page.get_by_text("no luck with 7").first).to_be_visible()
    signed_in.is_accessible()
    page.get_by_role("button", name=re.compile("Redrive")).first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=re.compile("Redrive")).click()
    until(lambda: failed.count() == 0, 20, "it went back to where it came from")
