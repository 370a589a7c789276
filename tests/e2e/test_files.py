"""Stored files under plain names, and mapping over one chunk by chunk."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from harness import Server, run_python


@pytest.fixture
def files(cloud: ModuleType) -> Iterator[Any]:
    """The module, without files before and after."""
    yield cloud.files
    cloud.bucket.remove(cloud.bucket.iterlist())


def test_files_are_the_objects_below_files(files: Any, cloud: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    files.put(tmp_path / "a.txt")
    files.putf(b"0123456789", "digits")
    cloud.bucket.putf("elsewhere", "x")
    assert files.list() == ["a.txt", "digits"]
    assert cloud.bucket.list() == ["files/a.txt", "files/digits", "x"]
    assert files.getf("digits", 2, 4).read() == b"234"
    files.get("a.txt", tmp_path / "back", 1)
    assert (tmp_path / "back").read_text() == "ello"
    assert files.exists("digits") and not files.exists("x")
    assert files.get_md5("a.txt") == cloud.bucket.get_md5("files/a.txt")
    assert files.sync_to_cloud(tmp_path / "a.txt").unchanged == 1
    assert files.sync_from_cloud("a.txt", tmp_path / "back").transferred == 1
    files.delete("a.txt")
    assert files.list() == ["digits"]
    with pytest.raises(cloud.CloudException, match="there is no object files/a.txt"):
        files.delete("a.txt")


def split(text: str, delimiter: str) -> list[str]:
    found = text.split(delimiter)
    return found if found[-1] else found[:-1]


@pytest.mark.parametrize(
    ("delimiter", "reader"), [("\n", None), ("\n", "\n"), ("\n\n", "\n\n"), ("--ü--", "--ü--")]
)
def test_a_map_over_chunks_sees_each_record_once_in_order(
    files: Any, cloud: ModuleType, delimiter: str, reader: str | None
) -> None:
    chance = random.Random(delimiter)
    records = ["".join(chance.choices("xyü -", k=chance.randrange(30))) for _ in range(300)]
    text = delimiter.join(records)
    files.putf(text, "text")

    def echo(record: str) -> Iterator[str]:
        yield record

    for chunk_size in (None, 100, 1 + len(text.encode())):
        found = cloud.result(files.map("text", echo, chunk_size, reader))
        assert not isinstance(found, list) and list(found) == split(text, delimiter)


def test_words_are_counted_by_mapper_combiner_and_reducer(files: Any, cloud: ModuleType) -> None:
    chance = random.Random(5)
    text = "\n".join(" ".join(chance.choices(["a", "b", "c"], k=8)) for _ in range(2_000))
    files.putf(text, "book")

    def words(line: str) -> Iterator[tuple[str, int]]:
        for word in line.split():
            yield word, 1

    def count(pairs: Iterator[tuple[str, int]]) -> Iterator[tuple[str, int]]:
        total: Counter[str] = Counter()
        for word, number in pairs:
            total[word] += number
        yield from sorted(total.items())

    expected = sorted(Counter(text.split()).items())
    assert list(cloud.result(files.map("book", words, reducer=count))) == expected
    assert list(cloud.result(files.map("book", words, combiner=count, reducer=count))) == expected
    combined = list(
        cloud.result(files.map("book", words, 10_000, combiner=count, _type="c1", _label="count"))
    )
    assert len(combined) == 3 * -(-len(text) // 10_000)


def test_bytes_and_readers_of_ones_own(files: Any, cloud: ModuleType) -> None:
    files.putf(b"\xff\x00\xfe\x00\x00x", "binary")

    def echo(record: Any) -> Iterator[Any]:
        yield record

    found = cloud.result(files.map("binary", echo, 2, b"\x00"))
    assert list(found) == [b"\xff", b"\xfe", b"", b"x"]

    # Records of three bytes each: where they begin follows from where a chunk does.
    files.putf(b"".join(b"%03d" % number for number in range(100)), "fixed")

    def threes(file: Any, end_byte: int) -> Iterator[bytes]:
        file.seek(-(-file.tell() // 3) * 3)
        while file.tell() <= end_byte:
            yield file.read(3)

    found = cloud.result(files.map("fixed", echo, 50, threes))
    assert list(found) == [b"%03d" % number for number in range(100)]


def test_an_empty_file_has_no_records_but_is_reduced(files: Any, cloud: ModuleType) -> None:
    files.putf("", "empty")

    def total(values: Iterator[int]) -> Iterator[int]:
        yield sum(values)

    assert list(cloud.result(files.map("empty", iter))) == []
    assert list(cloud.result(files.map("empty", iter, reducer=total))) == [0]


def test_what_a_mapper_raises_is_what_the_result_raises(files: Any, cloud: ModuleType) -> None:
    files.putf("1\n2\nthree\n", "numbers")

    def number(line: str) -> Iterator[int]:
        yield int(line)

    with pytest.raises(ValueError, match="three"):
        cloud.result(files.map("numbers", number, 2))

    def no_generator(line: str) -> None:
        return None

    with pytest.raises(TypeError, match="the mapper returned NoneType: it must yield"):
        cloud.result(files.map("numbers", no_generator))


def test_a_file_that_is_replaced_is_not_read_half_and_half(files: Any, cloud: ModuleType) -> None:
    from cloud._filemap import _Plan, _read

    files.putf("one\ntwo\n", "f")
    plan = _Plan(cloud.bucket._info("f", "files"), 4, iter, None, None)
    assert list(_read(plan, 0)) == ["one"]
    files.putf("one\nTWO\n", "f")
    with pytest.raises(cloud.CloudException, match="was replaced"):
        list(_read(plan, 1))


def test_wrong_arguments_are_refused_before_a_job_is_made(files: Any, cloud: ModuleType) -> None:
    files.putf("x", "f")

    def echo(record: Any) -> Iterator[Any]:
        yield record

    before = cloud.call(abs, 1)
    for error, arguments in (
        (TypeError, {"mapper": 3}),
        (TypeError, {"mapper": lambda: ()}),
        (TypeError, {"mapper": echo, "combiner": "x"}),
        (TypeError, {"mapper": echo, "reducer": lambda a, b: ()}),
        (TypeError, {"mapper": echo, "record_reader": lambda file: ()}),
        (TypeError, {"mapper": echo, "record_reader": 3}),
        (ValueError, {"mapper": echo, "record_reader": ""}),
        (ValueError, {"mapper": echo, "chunk_size": 0}),
        (TypeError, {"mapper": echo, "chunk_size": 1.5}),
        (TypeError, {"mapper": echo, "colour": "red"}),
        (TypeError, {"mapper": echo, "_colour": "red"}),
    ):
        with pytest.raises(error):
            files.map("f", **arguments)
    with pytest.raises(cloud.CloudException, match="there is no object files/gone"):
        files.map("gone", echo)
    assert cloud.call(abs, 1) == before + 1


def test_mappers_in_modules_beside_the_script_travel(server: Server, tmp_path: Path) -> None:
    (tmp_path / "near.py").write_text("def mapper(line):\n    yield line.upper()\n")
    program = run_python(
        server,
        """
        import cloud, near
        cloud.files.putf("a\\nb\\n", "near")
        print(list(cloud.result(cloud.files.map("near", near.mapper, 2))))
        cloud.files.delete("near")
        """,
        tmp_path,
    ).check()
    assert program.out.strip() == "['A', 'B']"
