"""Objects through a real server: contents, names, lists, who may read them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from harness import Server, run_picloud, run_python


@pytest.fixture
def bucket(cloud: ModuleType) -> Iterator[Any]:
    """The module, on a bucket that is empty before and after."""
    yield cloud.bucket
    cloud.bucket.remove(cloud.bucket.iterlist())


def fetched(url: str) -> tuple[int, bytes, dict[str, str]]:
    """What a stranger gets."""
    try:
        with urllib.request.urlopen(url, timeout=20) as reply:
            return reply.status, reply.read(), {n.lower(): v for n, v in reply.headers.items()}
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), {}


@pytest.mark.parametrize("size", [0, 1, 65_536, 4 << 20, (4 << 20) + 1, 20 << 20])
def test_contents_of_any_size_come_back_bit_by_bit(bucket: Any, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "source").write_bytes(data)
    bucket.put(tmp_path / "source", "a/b")
    bucket.get("a/b", tmp_path / "deep" / "target")
    assert (tmp_path / "deep" / "target").read_bytes() == data
    assert bucket.getf("a/b").read() == data
    md5 = hashlib.md5(data).hexdigest()
    info = bucket.info("a/b")
    assert (info["size"], info["md5sum"], bucket.get_md5("a/b")) == (size, md5, md5)
    assert info["sha256"] == hashlib.sha256(data).hexdigest()


def test_what_is_put_may_be_bytes_a_text_or_an_open_file_which_is_closed(bucket: Any, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes("grüße\n".encode())
    for number, what in enumerate(
        [b"gr\xc3\xbc\xc3\x9fe\n", "grüße\n", path.open("rb"), path.open(), io.StringIO("grüße\n")]
    ):
        bucket.putf(what, f"{number}")
        assert bucket.getf(f"{number}").read() == "grüße\n".encode()
        assert getattr(what, "closed", True)
    half = path.open("rb")
    half.read(4)
    bucket.putf(half, "half")
    assert bucket.getf("half").read() == "ße\n".encode(), "from where the file stands"
    read, write = os.pipe()
    os.close(write)
    with pytest.raises(OSError, match="cannot seek"):
        bucket.putf(os.fdopen(read, "rb"), "pipe")
    with pytest.raises(IsADirectoryError, match="sync_to_cloud"):
        bucket.put(tmp_path)
    assert not bucket.exists("pipe")


def test_names_come_from_files_and_go_to_files(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.txt").write_text("x")
    bucket.put("x.txt", prefix=["a", "b"])
    assert bucket.list() == ["a/b/x.txt"]
    Path("x.txt").unlink()
    bucket.get("x.txt", prefix="a/b/")
    assert Path("x.txt").read_text() == "x"
    Path("into").mkdir()
    bucket.get("a/b/x.txt", "into")
    bucket.get("a/b/x.txt", "fresh/")
    assert Path("into/x.txt").read_text() == Path("fresh/x.txt").read_text() == "x"
    assert sorted(os.listdir()) == ["fresh", "into", "x.txt"], "no drafts are left"


def test_ranges_have_both_ends_and_are_cut_at_the_last_byte(bucket: Any, tmp_path: Path) -> None:
    bucket.putf(b"0123456789", "digits")
    for start, end, expected in [
        (0, 0, b"0"),
        (3, 5, b"345"),
        (9, 9, b"9"),
        (5, None, b"56789"),
        (5, 500, b"56789"),
        (10, None, b""),
        (50, 60, b""),
        (0, None, b"0123456789"),
    ]:
        file = bucket.getf("digits", start_byte=start, end_byte=end)
        assert (file.tell(), file.read(), file.filesize()) == (start, expected, 10), (start, end)
        bucket.get("digits", tmp_path / "part", start_byte=start, end_byte=end)
        assert (tmp_path / "part").read_bytes() == expected
    bucket.putf(b"", "empty")
    assert bucket.getf("empty").read() == bucket.getf("empty", start_byte=3).read() == b""


def test_what_is_not_there_is_a_cloud_exception(bucket: Any, cloud: ModuleType, tmp_path: Path) -> None:
    for call in (
        bucket.get,
        bucket.getf,
        bucket.info,
        bucket.get_md5,
        bucket.remove,
        bucket.is_public,
        bucket.make_public,
        bucket.make_private,
        bucket.sync_from_cloud,
        lambda p: bucket.rename(p, "other"),
        lambda p: bucket.mpsafe_get(p, tmp_path / "target"),
    ):
        with pytest.raises(cloud.CloudException, match="no/such") as caught:
            call("no/such")
        assert caught.value.status == 404
    assert not bucket.exists("no/such")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "key", ["a b/ü/数据", "a?b#c%2F", '"quoted"', "...", "a+b&c=d", "x" * 1024, "a/b;c\\d"]
)
def test_keys_in_any_script_name_one_object_everywhere(bucket: Any, key: str) -> None:
    bucket.putf(key.encode(), key)
    assert bucket.list() == [key] and bucket.exists(key)
    assert bucket.getf(key).read() == key.encode()
    assert bucket.list(prefix=key[0]) == [key] and bucket.list(marker=key) == []
    status, body, _ = fetched(bucket.make_public(key))
    assert (status, body) == (200, key.encode())
    bucket.rename(key, "plain")
    bucket.remove("plain")
    assert bucket.list() == []


def test_lists_are_in_order_and_say_whether_there_is_more(bucket: Any) -> None:
    names = ["a", "a/1", "a/2/x", "a/2/y", "a0", "b", "ü"]
    for name in reversed(names):
        bucket.putf(name, name)
    assert bucket.list() == names and bucket.list().truncated is False
    first = bucket.list(max_keys=3)
    assert (first, first.truncated) == (names[:3], True)
    assert bucket.list(marker=first[-1]) == names[3:]
    assert bucket.list(prefix="a/") == ["a/1", "a/2/x", "a/2/y"]
    assert bucket.list(prefix=["a", "2"]) == ["a/2/x", "a/2/y"]
    assert bucket.list(folderize=True) == ["a", "a/", "a0", "b", "ü"]
    assert bucket.list("a/", folderize=True) == ["a/1", "a/2/"]
    for size in (1, 2, 1000):
        assert list(bucket.iterlist(num_readahead_keys=size)) == names
        assert list(bucket.iterlist("a/", True, size)) == ["a/1", "a/2/"]
    assert bucket.remove_prefix("a/2/") == 2
    bucket.remove(["a", "a/1", "gone"])
    assert bucket.list() == ["a0", "b", "ü"]


def test_what_is_known_of_an_object(bucket: Any) -> None:
    before = datetime.now(timezone.utc) - timedelta(minutes=5)
    bucket.putf("<p>", "x/page.html")
    first = bucket.info("x/page.html")
    assert first["content-type"].startswith("text/html")
    assert first["public"] is False and first["url"] is None
    assert before < first["created"] <= first["last-modified"] < before + timedelta(minutes=10)
    bucket.putf("<b>", "x/page.html")
    second = bucket.info("x/page.html")
    assert second["created"] == first["created"] and second["last-modified"] >= first["last-modified"]
    assert second["md5sum"] != first["md5sum"]


def test_public_objects_are_read_by_anybody_until_they_are_private(bucket: Any) -> None:
    bucket.putf("hello", "notes/a.txt")
    assert bucket.is_public("notes/a.txt") is False
    headers = {"cache-control": "max-age=60", "content-type": "text/plain; charset=utf-8", "author": "me"}
    url = bucket.make_public("notes/a.txt", headers=headers)
    assert url == bucket.is_public("notes/a.txt") == bucket.info("notes/a.txt")["url"]
    assert url.startswith(bucket.public_url_folder()) and url.endswith("notes/a.txt")
    status, body, found = fetched(url)
    assert (status, body) == (200, b"hello")
    assert found["cache-control"] == "max-age=60" and found["x-picloud-meta-author"] == "me"
    assert found["content-type"] == "text/plain; charset=utf-8"
    assert "sandbox" in found["content-security-policy"] and found["x-content-type-options"] == "nosniff"
    bucket.putf("other", "notes/a.txt")
    assert fetched(url)[1] == b"other", "the address stays, and shows what is there now"
    bucket.make_private("notes/a.txt")
    assert fetched(url)[0] == 404
    assert bucket.is_public("notes/a.txt") is False


def test_a_signed_address_is_good_for_one_object_one_method_and_some_time(bucket: Any) -> None:
    bucket.putf("hello", "a")
    url = bucket.sign("a", expires=60)
    assert fetched(url)[:2] == (200, b"hello")
    assert timedelta(0) < url.expires - datetime.now(timezone.utc) <= timedelta(seconds=61)
    upload = bucket.sign("b", "put")
    request = urllib.request.Request(upload, data=b"uploaded", method="PUT", headers=upload.headers)
    with urllib.request.urlopen(request, timeout=20):
        pass
    bucket.commit(upload)
    assert bucket.getf("b").read() == b"uploaded"
    assert fetched(upload)[0] in (403, 404, 405), "what may write may not read"
    assert fetched(url[:-1] + ("0" if url[-1] != "0" else "1"))[0] in (400, 401, 403)


def test_renaming_moves_contents_without_moving_bytes(bucket: Any, cloud: ModuleType) -> None:
    bucket.putf("1", "old/1")
    bucket.putf("2", "old/2")
    bucket.putf("in the way", "new/1")
    bucket.rename("1", "0", prefix="old")
    assert bucket.list() == ["new/1", "old/0", "old/2"]
    bucket.rename("old/0", "old/1")
    assert bucket.rename_prefix("old/", "new/") == 2
    assert bucket.list() == ["new/1", "new/2"] and bucket.getf("new/1").read() == b"1"
    with pytest.raises(cloud.CloudException, match="no objects whose path begins with old/"):
        bucket.rename_prefix("old/", "new/")


def test_jobs_use_the_bucket_without_a_key_in_code(bucket: Any, cloud: ModuleType) -> None:
    bucket.putf("from here", "in")

    def job() -> str:
        import cloud

        cloud.bucket.putf(cloud.bucket.getf("in").read().upper(), "out")
        return cloud.bucket.get_md5("out")

    assert cloud.result(cloud.call(job)) == hashlib.md5(b"FROM HERE").hexdigest()
    assert bucket.getf("out").read() == b"FROM HERE"


def test_one_account_does_not_see_anothers(bucket: Any, server: Server, tmp_path: Path) -> None:
    bucket.putf("mine", "secret")
    made = run_picloud(server, "--json", "account", "create", "neighbour-of-buckets").check().out
    other = json.loads(made)["key"]
    program = run_python(
        server,
        """
        import cloud
        print(cloud.bucket.list(), cloud.bucket.exists("secret"))
        cloud.bucket.putf("theirs", "secret")
        print(cloud.bucket.getf("secret").read(), cloud.bucket.remove_prefix("s"))
        """,
        tmp_path,
        PICLOUD_API_KEY=str(other["api_key"]),
        PICLOUD_API_SECRETKEY=other["api_secretkey"],
    ).check()
    assert program.out.splitlines() == ["[] False", "b'theirs' 1"]
    assert bucket.getf("secret").read() == b"mine"


def test_a_quota_and_the_size_of_one_object_are_held_and_said(
    new_server: Any, bind: Any, tmp_path: Path
) -> None:
    cloud = bind(new_server(PICLOUD_BUCKET_QUOTA_BYTES="1000", PICLOUD_OBJECT_MAX_BYTES="600"))
    with pytest.raises(cloud.CloudException, match="600"):
        cloud.bucket.putf(bytes(601), "big")
    cloud.bucket.putf(bytes(600), "a")
    with pytest.raises(cloud.CloudException, match="1000|1,000"):
        cloud.bucket.putf(b"x" * 500, "b")
    assert cloud.bucket.list() == ["a"]
    cloud.bucket.putf(b"y" * 590, "a")
    cloud.bucket.remove("a")
    cloud.bucket.putf(b"x" * 500, "b")


def test_what_is_in_volumes_counts_against_the_same_quota(new_server: Any, bind: Any, tmp_path: Path) -> None:
    cloud = bind(new_server(PICLOUD_BUCKET_QUOTA_BYTES="1000"))
    source = tmp_path / "source"
    source.mkdir()
    (source / "f").write_bytes(bytes(600))
    cloud.volume.create("data", "data")
    cloud.volume.sync(f"{source}/", "data:")
    with pytest.raises(cloud.CloudException, match="1000") as refused:
        cloud.bucket.putf(bytes(500), "a")
    assert refused.value.kind == "quota_exceeded"
    cloud.bucket.putf(bytes(400), "a")
    (source / "g").write_bytes(b"x")
    with pytest.raises(cloud.CloudException, match="1001 bytes.*1000") as refused:
        cloud.volume.sync(f"{source}/", "data:")
    assert refused.value.kind == "quota_exceeded"
    assert cloud.volume.ls("data:") == [("data:", [{"name": "f"}])]
    cloud.volume.mkdir("data:d")
    cloud.bucket.remove("a")
    cloud.volume.sync(f"{source}/", "data:")
    cloud.volume.delete("data")
    cloud.bucket.putf(bytes(1000), "a")


def test_the_md5_of_a_large_object_is_there_for_who_asks(bucket: ModuleType) -> None:
    content = random.Random(5).randbytes(33 << 20)
    bucket.putf(content, "large")
    expected = hashlib.md5(content).hexdigest()
    assert bucket.exists("large")
    with bucket.getf("large") as file:
        assert file.md5 == expected
    assert bucket.get_md5("large") == bucket.info("large")["md5sum"] == expected


def test_the_simulator_has_a_bucket_of_its_own(server: Server, tmp_path: Path) -> None:
    program = run_python(
        server,
        """
        import cloud
        cloud.start_simulator()
        cloud.bucket.putf("x", "simulated")
        print(cloud.bucket.list(), cloud.result(cloud.call(lambda: cloud.bucket.getf("simulated").read())))
        """,
        tmp_path,
    ).check()
    assert program.out.strip() == "['simulated'] b'x'"
