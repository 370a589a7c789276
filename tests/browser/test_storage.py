"""Objects and volumes in the browser, beside the same through the Python package."""

from __future__ import annotations

import itertools
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from harness import until
from harness.browser import Tab, expect

_numbers = itertools.count()


@pytest.fixture
def folder(cloud: ModuleType) -> Iterator[str]:
    """A folder of the test's own, with a slash at its end."""
    name = f"browser-{next(_numbers)}/"
    yield name
    cloud.bucket.remove_prefix(name)


def go_to(tab: Tab, folder: str) -> None:
    tab.goto("/storage")
    tab.page.get_by_role("link", name=folder).click()
    expect(tab.page.get_by_role("navigation", name="Folders").get_by_text(folder.rstrip("/"))).to_be_visible()


def read(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=20) as reply:
        return bytes(reply.read())


def test_what_is_uploaded_can_be_read_and_downloaded(
    signed_in: Tab, cloud: ModuleType, folder: str, tmp_path: Path
) -> None:
    page = signed_in.page
    cloud.bucket.putf(b"here", folder + "there.txt")
    go_to(signed_in, folder)
    content = bytes(range(256)) * 4096
    odd = tmp_path / "100%25 & more?#.bin"
    odd.write_bytes(content)
    page.get_by_label("Files to upload").set_input_files([odd])
    expect(page.get_by_text("Uploads ended")).to_be_visible()
    assert cloud.bucket.getf(folder + odd.name).read() == content

    row = page.get_by_role("row").filter(has_text=odd.name)
    with page.expect_download() as download:
        row.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_bytes() == content


def test_files_can_be_dropped(signed_in: Tab, cloud: ModuleType, folder: str) -> None:
    page = signed_in.page
    cloud.bucket.putf(b"here", folder + "there.txt")
    go_to(signed_in, folder)
    dropped = page.evaluate_handle("""() => {
      const dropped = new DataTransfer();
      dropped.items.add(new File(["one"], "one.txt"));
      dropped.items.add(new File(["two"], "two.txt"));
      return dropped;
    }""")
    page.get_by_role("region", name="Objects").dispatch_event("drop", {"dataTransfer": dropped})
    expect(page.get_by_role("button", name="two.txt")).to_be_visible()
    expect(page.get_by_text("Uploads ended")).to_be_visible()
    assert cloud.bucket.getf(folder + "one.txt").read() == b"one"


def test_a_slow_upload_tells_how_far_it_is_and_can_be_stopped(
    signed_in: Tab, cloud: ModuleType, folder: str, tmp_path: Path
) -> None:
    page = signed_in.page
    cloud.bucket.putf(b"here", folder + "there.txt")
    go_to(signed_in, folder)
    network = signed_in.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 200_000}
    network.send("Network.emulateNetworkConditions", slow)
    (tmp_path / "large.bin").write_bytes(bytes(20 << 20))
    page.get_by_label("Files to upload").set_input_files([tmp_path / "large.bin"])
    progress = page.get_by_role("progressbar", name="large.bin")
    until(lambda: 0 < float(progress.get_attribute("value") or 0) < 20 << 20, what="some of it was sent")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("stopped")).to_be_visible()
    page.get_by_role("button", name="Clear ended ones").click()
    expect(page.get_by_text("large.bin")).to_have_count(0)
    assert cloud.bucket.list(prefix=folder) == [folder + "there.txt"]


def test_what_would_be_replaced_is_asked_first(
    signed_in: Tab, cloud: ModuleType, folder: str, tmp_path: Path
) -> None:
    page = signed_in.page
    cloud.bucket.putf(b"old", folder + "a.txt")
    go_to(signed_in, folder)
    (tmp_path / "a.txt").write_bytes(b"new")
    page.get_by_label("Files to upload").set_input_files([tmp_path / "a.txt"])
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert cloud.bucket.getf(folder + "a.txt").read() == b"old"
    page.get_by_label("Files to upload").set_input_files([tmp_path / "a.txt"])
    page.get_by_role("dialog").get_by_role("button", name="Replace it").click()
    until(lambda: cloud.bucket.getf(folder + "a.txt").read() == b"new", what="the new content is there")


def test_an_object_is_shared_renamed_and_deleted(signed_in: Tab, cloud: ModuleType, folder: str) -> None:
    page = signed_in.page
    cloud.bucket.putf(b"hello", folder + "a.txt")
    go_to(signed_in, folder)
    page.get_by_role("button", name="a.txt").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="For an hour").click()
    assert read(dialog.get_by_text("/signed/").inner_text()) == b"hello"

    dialog.get_by_role("button", name="Make public").click()
    dialog.get_by_role("button", name="Make it public").click()
    public = dialog.get_by_text("/public/").inner_text()
    assert public == cloud.bucket.is_public(folder + "a.txt")
    assert read(public) == b"hello"
    signed_in.is_accessible()
    dialog.get_by_role("button", name="Make private").click()
    expect(dialog.get_by_role("button", name="Make public")).to_be_visible()
    with pytest.raises(urllib.error.HTTPError) as refused:
        read(public)
    refused.value.close()

    dialog.get_by_role("button", name="Rename").click()
    dialog.get_by_label("Whole name").fill(folder + "b.txt")
    dialog.get_by_role("button", name="Rename").click()
    expect(dialog.get_by_role("heading", name="b.txt")).to_be_visible()
    assert cloud.bucket.list(prefix=folder) == [folder + "b.txt"]

    dialog.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("Nothing is here")).to_be_visible()
    assert not cloud.bucket.exists(folder + "b.txt")


def test_a_large_folder_is_shown_page_by_page(signed_in: Tab, cloud: ModuleType, folder: str) -> None:
    page = signed_in.page
    for number in range(201):
        cloud.bucket.putf(b"x", f"{folder}{number:03}.txt")
    go_to(signed_in, folder)
    expect(page.get_by_role("button", name="199.txt")).to_be_visible()
    assert page.get_by_role("button", name="200.txt").count() == 0
    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_role("button", name="200.txt")).to_be_visible()
    assert page.get_by_role("button", name="199.txt").count() == 0
    page.go_back()
    expect(page.get_by_role("button", name="199.txt")).to_be_visible()

    page.get_by_role("button", name="Delete this folder").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete all of them").click()
    expect(page.get_by_text("201 objects are deleted")).to_be_visible()
    assert cloud.bucket.list(prefix=folder) == []


def test_names_are_text_whatever_they_contain(signed_in: Tab, cloud: ModuleType, folder: str) -> None:
    names = ["<img src=x onerror=alert(1)>.txt", "\u202egpj.exe", "a" * 900]
    for name in names:
        cloud.bucket.putf(b"x", folder + name)
    go_to(signed_in, folder)
    expect(signed_in.page.get_by_text(names[0])).to_be_visible()
    expect(signed_in.page.get_by_text("\ufffdgpj.exe")).to_be_visible()
    assert signed_in.page.locator("main img").count() == 0
    signed_in.fits()
    signed_in.is_accessible()


def test_a_volume_can_be_looked_into_and_deleted(signed_in: Tab, cloud: ModuleType, tmp_path: Path) -> None:
    page = signed_in.page
    (tmp_path / "tree" / "sub dir").mkdir(parents=True)
    (tmp_path / "tree" / "sub dir" / "b.txt").write_text("b" * 1500)
    cloud.volume.create("browsed", "browsed", "to look at")
    cloud.volume.sync(f"{tmp_path}/tree/", "browsed:")
    signed_in.goto("/storage/volumes")
    page.get_by_role("link", name="browsed").click()
    page.get_by_role("link", name="sub dir/").click()
    expect(page.get_by_role("row").filter(has_text="b.txt")).to_contain_text("1.50 KB")
    signed_in.is_accessible()
    page.get_by_role("link", name="Volumes").click()
    page.get_by_role("button", name="Delete browsed").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("link", name="browsed")).to_have_count(0)
    assert "browsed" not in [volume["name"] for volume in cloud.volume.get_list()]
