"""Values to bytes: what can be sent, how large it may be, and who is to blame when it cannot."""

from __future__ import annotations

import collections
import functools
import io
import os
import pickle
import sys
import threading
from pathlib import Path
from typing import Any, Callable

import pytest

from cloud import CloudException
from cloud._pickling import Pickled, Pickler, is_plain

LIMIT = 1 << 20


def round_trip(value: Any) -> Any:
    pickled = Pickler(1 << 30).arguments((value,), {})
    return pickle.loads(pickled.data())[0][0]


def refused(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(pickle.PicklingError) as caught:
        Pickler(LIMIT).arguments(args, kwargs)
    return str(caught.value)


class Model:
    def __init__(self) -> None:
        self.name = "m"
        self.lock = threading.Lock()


class Slotted:
    __slots__ = ("lock",)

    def __init__(self) -> None:
        self.lock = threading.Lock()


def make_train() -> Callable[[], Any]:
    model = Model()

    def train() -> Any:
        return model

    return train


def test_the_path_leads_through_a_closure_to_the_culprit() -> None:
    with pytest.raises(pickle.PicklingError) as caught:
        Pickler(LIMIT).function(make_train())
    text = str(caught.value)
    assert "closure variable 'model' of make_train.train → .lock: cannot pickle '_thread.lock' object" in text


def test_the_path_leads_through_arguments() -> None:
    assert "argument 1 → [1] → ['deep'] → .lock: cannot pickle" in refused([0, {"deep": Model()}])
    assert "argument 'model' → .lock: cannot pickle" in refused(model=Model())
    assert "argument 2 → .lock: cannot pickle" in refused(1, Slotted())
    assert "arguments of partial → [0] → .lock" in refused(functools.partial(print, Model()))


def test_the_path_leads_through_globals_and_defaults() -> None:
    source = "import threading\nLOCK = threading.Lock()\ndef f(): return LOCK\ndef g(x=LOCK): return x\n"
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(source, names)
    with pytest.raises(pickle.PicklingError, match="global variable 'LOCK' of f: cannot pickle"):
        Pickler(LIMIT).function(names["f"])
    with pytest.raises(pickle.PicklingError, match="default of 'x' of g: cannot pickle"):
        Pickler(LIMIT).function(names["g"])


def test_the_element_of_a_map_is_named() -> None:
    with pytest.raises(pickle.PicklingError, match=r"element 41 argument 1 → \.lock"):
        Pickler(LIMIT).arguments((Model(),), {}, element=41)


def test_too_deep_a_value_is_refused_and_not_a_crash() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(pickle.PicklingError, match=r"(?i)recursion|deep"):
        Pickler(LIMIT).arguments((deep,), {})


def test_size_is_noticed_before_the_whole_is_pickled() -> None:
    with pytest.raises(
        CloudException, match=r"Excessive data \(at least 2,000,\d+ bytes\).*larger than 1,048,576"
    ) as caught:
        Pickler(LIMIT).arguments(([b"x" * 2_000_000],), {})
    assert caught.value.kind == "too_large"
    with pytest.raises(CloudException, match="arguments of element 3"):
        Pickler(LIMIT).arguments((b"x" * 2_000_000,), {}, element=3)
    blob = b"x" * 2_000_000
    with pytest.raises(CloudException, match="the pickled function"):
        Pickler(LIMIT).function(lambda: blob)


def test_what_grows_large_waits_in_a_file_and_keeps_its_hash() -> None:
    import hashlib

    value = [os.urandom(100_000) for _ in range(200)]
    pickled = Pickler(1 << 30).arguments((value, object), {})
    assert pickled.file is not None
    pickled.file.seek(0)
    content = pickled.file.read()
    assert hashlib.sha256(content).hexdigest() == pickled.hash()
    assert len(content) == pickled.size
    assert pickle.loads(content)[0][0] == value
    pickled.close()


def test_one_huge_value_is_not_copied() -> None:
    value = bytes(64 << 20)
    for holder in (value, [value], {"a": value}, [value, object]):
        pickled = Pickler(1 << 30).arguments((holder,), {})
        assert pickled.file is None
        assert any(part is value for part in pickled.parts)


@pytest.mark.parametrize("value", [1, 2.5, "x", b"y", None, True, (1, "a"), [1, 2], {"a": 1}], ids=repr)
def test_plain_values_take_the_fast_way(value: Any) -> None:
    assert is_plain(value)
    assert round_trip(value) == value


@pytest.mark.parametrize(
    "value", [[[1]], print, collections.OrderedDict(), Path(), list(range(100))], ids=repr
)
def test_other_values_take_the_careful_way(value: Any) -> None:
    assert not is_plain(value)
    assert round_trip(value) == value


def test_functions_made_here_travel_by_value_with_what_they_use() -> None:
    names: dict[str, Any] = {"__name__": "__main__", "SCALE": 3}
    exec("def helper(x): return x * SCALE\ndef f(x): return helper(x) + 1", names)
    data = Pickler(LIMIT).function(names["f"]).data()
    names["SCALE"] = 0
    assert pickle.loads(data)(5) == 16


def test_namedtuples_partials_ranges_and_methods_travel() -> None:
    Pair = collections.namedtuple("Pair", "a b")
    assert round_trip(Pair(1, 2)) == (1, 2)
    assert round_trip(functools.partial(pow, 2))(5) == 32
    assert round_trip(range(3)) == range(3)
    assert round_trip("abc".upper)() == "ABC"


def test_numpy_functions_and_arrays_travel() -> None:
    numpy = pytest.importorskip("numpy")
    assert round_trip(numpy.sqrt)(4.0) == 2.0
    array = numpy.arange(100_000)
    assert (round_trip(array) == array).all()


def test_files_open_for_reading_travel_with_content_and_position(tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_text("früh\nspät\nende\n", "utf-8")
    with path.open(encoding="utf-8") as text:
        text.readline()
        again = round_trip(text)
        assert again.name == str(path)
        assert again.read() == text.read() == "spät\nende\n"
        again.seek(0)
        assert again.readline() == "früh\n"
    with path.open("rb") as binary:
        binary.read(3)
        again = round_trip(binary)
        assert isinstance(again, io.BytesIO)
        assert again.tell() == 3
        assert again.read() == binary.read()
    with path.open("rb", buffering=0) as raw:
        assert round_trip(raw).read() == path.read_bytes()


def test_standard_output_travels_as_that_of_the_job() -> None:
    data = (
        Pickler(LIMIT)
        .arguments(([sys.__stdout__] if sys.stdout is sys.__stdout__ else [sys.stdout],), {})
        .data()
    )
    assert pickle.loads(data)[0][0] == [sys.stdout]


def test_files_that_cannot_be_read_do_not_travel(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as file:
        assert "open only for writing" in refused(file)
    assert "is closed" in refused(file)
    read, write = os.pipe()
    with os.fdopen(read) as pipe, os.fdopen(write, "w"):
        assert "not backed by a real file" in refused(pipe)


def test_references_name_modules_and_code_on_the_way() -> None:
    pickler = Pickler(LIMIT)
    pickler.function(lambda: Path())
    pickler.arguments((collections.Counter(),), {})
    modules = pickler.references.modules
    assert {"pathlib", "collections"} <= {name.partition(".")[0] for name in modules}
    assert any("<lambda>" in name for _, _, name in pickler.references.codes) or __name__ in modules


def test_the_standard_pickler_says_that_another_can_do_more() -> None:
    with pytest.raises(pickle.PicklingError, match="_fast_serialization=2; 0 can send more"):
        Pickler(LIMIT, fast=2).arguments((lambda: 1,), {})
    assert Pickler(LIMIT, fast=2).arguments((Path("a"),), {}).size > 0


def test_bytes_that_are_there_already_need_no_pickler() -> None:
    pickled = Pickled.of(b"abc")
    assert (pickled.size, pickled.data()) == (3, b"abc")
