"""Job ids, ranges and sets of them."""

from __future__ import annotations

import json
import pickle
import random
from typing import Any

import pytest

from cloud import CloudException, Jid, JidRange
from cloud._jids import JidSet, is_single


def test_a_jid_is_its_number_wherever_it_goes() -> None:
    jid = Jid(12)
    assert (repr(jid), str(jid), f"{jid}", json.dumps(jid)) == ("12", "12", "12", "12")
    assert jid == 12
    assert {jid: 1}[12] == 1
    again = pickle.loads(pickle.dumps(jid))
    assert (type(again), again) == (int, 12)


def test_a_range_is_a_sequence_of_jids() -> None:
    jids = JidRange(5, 4)
    assert len(jids) == 4
    assert list(jids) == [5, 6, 7, 8]
    assert all(type(jid) is Jid for jid in jids)
    assert (jids[0], jids[-1]) == (5, 8)
    assert 8 in jids
    assert 9 not in jids
    assert jids.index(7) == 2
    assert list(reversed(jids)) == [8, 7, 6, 5]
    with pytest.raises(IndexError):
        jids[4]
    with pytest.raises(ValueError):
        jids.index(99)


def test_a_slice_of_a_range_is_a_range_where_it_can_be() -> None:
    jids = JidRange(5, 10)
    part = jids[2:5]
    assert isinstance(part, JidRange)
    assert part == [7, 8, 9]
    assert jids[::3] == [5, 8, 11, 14]
    assert jids[3:3] == []


def test_an_empty_range_equals_an_empty_list() -> None:
    assert JidRange(1, 0) == []
    assert not JidRange(1, 0)


def test_equal_ranges_hash_alike_and_survive_pickling() -> None:
    jids = JidRange(5, 3)
    assert pickle.loads(pickle.dumps(jids)) == jids
    assert hash(jids) == hash(JidRange(5, 3)) == hash(range(5, 8))
    assert jids == range(5, 8)
    assert jids != JidRange(5, 4)
    assert jids != "5-7"


@pytest.mark.parametrize(
    ("jids", "text"),
    [
        (3, "3"),
        (Jid(3), "3"),
        ([3], "3"),
        ([], ""),
        ([1, 2, 3, 7], "1-3,7"),
        ([7, 1, 2], "7,1-2"),
        ([2, 2], "2,2"),
        (range(4, 9), "4-8"),
        (range(9, 4, -2), "9,7,5"),
        (JidRange(10, 5), "10-14"),
        ([1, [2, range(3, 6)], (JidRange(10, 2),)], "1-5,10-11"),
        ({5}, "5"),
        ((jid for jid in (1, 3)), "1,3"),
    ],
    ids=str,
)
def test_anything_with_jids_in_it_becomes_ranges(jids: Any, text: str) -> None:
    assert str(JidSet.of(jids)) == text


@pytest.mark.parametrize(
    "jids", ["1-3", 1.5, None, [1, "2"], [None], True, [[1.0]], {1: 2}, b"1", object()], ids=repr
)
def test_other_things_are_no_jids(jids: Any) -> None:
    with pytest.raises(TypeError, match=r"jid\(s\) must be integers"):
        JidSet.of(jids)


def test_numpy_numbers_are_jids() -> None:
    numpy = pytest.importorskip("numpy")
    assert str(JidSet.of(numpy.int64(4))) == "4"
    assert str(JidSet.of(numpy.arange(1, 4))) == "1-3"
    assert is_single(numpy.int64(4))
    assert not is_single(numpy.arange(3))


def test_a_jid_that_cannot_exist_is_said_not_to() -> None:
    with pytest.raises(CloudException, match="job -3 does not exist"):
        JidSet.of([1, -3])


def test_a_million_jids_cost_one_range() -> None:
    jids = JidSet.of(JidRange(1, 1_000_000))
    assert jids.ranges == [(1, 1_000_000)]
    head, rest = jids.split(4000)
    assert (str(head), str(rest)) == ("1-4000", "4001-1000000")


@pytest.mark.parametrize("text", ["x", "0", "-3", "4-2", "1-", "1,,a"])
def test_nonsense_is_no_written_set(text: str) -> None:
    with pytest.raises(ValueError, match="is not a job id"):
        JidSet.parse(text)


def test_sets_behave_as_lists_of_numbers_do() -> None:
    draw = random.Random(7)
    for _ in range(300):
        numbers = [draw.randint(1, 30) for _ in range(draw.randint(0, 25))]
        jids = JidSet.of(numbers)
        assert list(JidSet.parse(str(jids))) == numbers
        count = draw.randint(0, 30)
        head, rest = jids.split(count)
        assert list(head) + list(rest) == numbers
        assert len(head) == min(count, len(numbers))
        assert [jid for part in jids.parts(max_ranges=3) for jid in part] == numbers
        others = JidSet.of([draw.randint(1, 30) for _ in range(draw.randint(0, 10))])
        assert list(jids.minus(others)) == [number for number in numbers if number not in set(others)]


def test_one_jid_and_several_are_told_apart() -> None:
    assert is_single(3)
    assert is_single(Jid(3))
    assert not is_single([3])
    assert not is_single(JidRange(3, 1))
