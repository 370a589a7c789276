"""What can name an object, and what a prefix does to it."""

from __future__ import annotations

import re

import pytest

import cloud
from cloud._object_keys import KEY_MAX_BYTES, base_name, key_of, keys_of, prefix_of, quoted


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "not empty"),
        ("/etc/passwd", "begins with a slash"),
        ("folder/", "ends with a slash"),
        ("a//b", "two slashes in a row"),
        ("../b", "'..', which would lead elsewhere"),
        ("a/../../b", "'..'"),
        ("a/./b", "'.'"),
        ("a\r\nSet-Cookie: b", "U+000D at 1"),
        ("a\0b", "U+0000"),
        ("a\x85b", "U+0085"),
        ("\ud800", "U+D800"),
        ("a\uffff", "U+FFFF"),
        ("x" * (KEY_MAX_BYTES + 1), "1025 bytes"),
        ("ü" * (KEY_MAX_BYTES // 2 + 1), "1026 bytes"),
    ],
)
def test_what_is_no_path_says_what_is_wrong_with_it(path: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        key_of(path)
    if path:
        with pytest.raises(ValueError):
            key_of(path, "folder")


@pytest.mark.parametrize(
    "path", ["a", "a/b.txt", "...", "a b/ü/数据", "a?b#c%2F", '"q"', ".hidden/..x", "x" * 1024]
)
def test_ordinary_names_are_paths_in_any_script(path: str) -> None:
    assert key_of(path) == path


@pytest.mark.parametrize(
    ("prefix", "key"),
    [
        (None, "x"),
        ("", "x"),
        ("a", "a/x"),
        ("a/", "a/x"),
        ("a/b", "a/b/x"),
        (["a", "b"], "a/b/x"),
        (["a/", "b/"], "a/b/x"),
        (("a",), "a/x"),
        (["a", ""], "a/x"),
        ([], "x"),
    ],
)
def test_a_prefix_is_a_text_or_its_parts_with_or_without_the_last_slash(prefix: object, key: str) -> None:
    assert key_of("x", prefix) == key  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "prefix", ["/a", "a//", "a//b", "../", "../x", ["a", "", "b"], ["a", "..", "b"], ["a\n"], "a/\0"]
)
def test_a_prefix_is_held_to_the_same_rules(prefix: object) -> None:
    with pytest.raises(ValueError):
        prefix_of(prefix)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [b"a", 3, None, ["a"], bytearray(b"a")])
def test_a_path_that_is_no_text_is_a_type_error(wrong: object) -> None:
    with pytest.raises(TypeError, match="is a string, not"):
        key_of(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [b"a", 3, [b"a"], [None]])
def test_a_prefix_that_is_no_text_is_a_type_error(wrong: object) -> None:
    with pytest.raises(TypeError):
        key_of("x", wrong)  # type: ignore[arg-type]


def test_many_paths_are_each_named_once() -> None:
    assert keys_of(["b", "a", "b"], "p") == ["p/b", "p/a"]
    assert keys_of("abc") == ["abc"], "a text is one path, not its letters"
    assert keys_of(iter(["a"])) == ["a"]
    with pytest.raises(TypeError, match="paths of objects are strings"):
        keys_of(b"abc")  # type: ignore[arg-type]


def test_a_request_names_a_key_by_its_bytes() -> None:
    assert quoted("a b/ü?#%2F") == "a%20b/%C3%BC%3F%23%252F"


def test_the_name_of_a_file_is_the_last_part_of_where_it_really_is() -> None:
    assert base_name("a/b.txt") == base_name("/x/b.txt") == base_name("b.txt/") == "b.txt"
    with pytest.raises(ValueError, match="pass obj_path"):
        base_name("/")


def test_wrong_paths_are_refused_before_anybody_is_asked() -> None:
    bucket = cloud.bucket
    # There is no server here, nor a profile: anything that asked one would raise CloudException.
    for call in (
        lambda p: bucket.put("file", p),
        lambda p: bucket.putf(b"", p),
        bucket.get,
        bucket.getf,
        lambda p: bucket.sync_to_cloud(".", p),
        bucket.sync_from_cloud,
        bucket.mpsafe_get,
        bucket.exists,
        bucket.info,
        bucket.get_md5,
        bucket.remove,
        bucket.make_public,
        bucket.make_private,
        bucket.is_public,
        bucket.sign,
        lambda p: bucket.rename("fine", p),
        lambda p: bucket.rename(p, "fine"),
        bucket.remove_prefix,
        lambda p: bucket.rename_prefix(p, "fine"),
        lambda p: bucket.list(prefix=p),
        lambda p: bucket.iterlist(prefix=p),
        lambda p: cloud.files.putf(b"", p),
        lambda p: cloud.files.map(p, iter),
    ):
        with pytest.raises(ValueError):
            call("a/../b")
        with pytest.raises(TypeError):
            call(7)


def test_other_arguments_are_refused_before_anybody_is_asked() -> None:
    bucket = cloud.bucket
    for call, said in (
        (lambda: bucket.list(max_keys=0), "1 to 1000"),
        (lambda: bucket.list(max_keys=1001), "iterlist goes through all"),
        (lambda: bucket.iterlist(num_readahead_keys=0), "1 to 1000"),
        (lambda: bucket.remove_prefix(""), "prefix of every object|that of every object"),
        (lambda: bucket.rename_prefix("", "x"), "every object"),
        (lambda: bucket.getf("x", start_byte=-1), "counts from the beginning"),
        (lambda: bucket.getf("x", start_byte=5, end_byte=4), "lies before"),
        (lambda: bucket.make_public("x", headers={"a": "b\r\nc: d"}), "printable ASCII"),
        (lambda: bucket.make_public("x", headers={"a": "ü"}), "printable ASCII"),
        (lambda: bucket.sign("x", "post"), "'get' or 'put'"),
        (lambda: bucket.sign("x", expires=0), "1 to 604,800"),
        (lambda: bucket.mpsafe_get("x", start_byte=1, do_sync=True), "whole objects"),
    ):
        with pytest.raises(ValueError, match=said):
            call()  # type: ignore[no-untyped-call]
    for wrong in (
        lambda: bucket.list(max_keys="7"),  # type: ignore[arg-type]
        lambda: bucket.list(marker=7),  # type: ignore[arg-type]
        lambda: bucket.getf("x", start_byte="1"),  # type: ignore[arg-type]
        lambda: bucket.getf("x", end_byte=True),
        lambda: bucket.make_public("x", headers={"a": 1}),  # type: ignore[dict-item]
        lambda: bucket.putf(3, "x"),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError):
            wrong()  # type: ignore[no-untyped-call]
