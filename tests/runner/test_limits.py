"""At its limits a job meets an exception that says which limit it was; the next job is unaffected."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.harness import DONE, ENDS, FAILED, Answer, Executor, Zygote, interpreters, support_directory

GRANTED = 300_000_000
OPEN_FILES = 256
DISK = 64_000_000


def limited(zygote: Zygote, granted: int = GRANTED) -> Executor:
    executor = zygote.fork(
        set_up=False, limits={"open_files": OPEN_FILES, "file_bytes": DISK, "data_bytes": granted}
    )
    executor.set_up(memory_limit=granted, disk_limit=DISK, open_files_limit=OPEN_FILES)
    return executor


@pytest.fixture
def cell(zygote: Zygote) -> Executor:
    return limited(zygote)


def next_one_has_its_memory(zygote: Zygote, executor: Executor, answer: Answer) -> None:
    """In the same process, unless that ended: then in the next."""
    if answer.flags & ENDS:
        executor.end()
        executor = limited(zygote)
    assert executor.run(hold, int(GRANTED * 0.95)).status == DONE


def hold(size: int) -> int:
    return len(b"x" * size)


def too_large_at_once() -> None:
    bytearray(GRANTED * 12 // 10)


def many_small_things() -> None:
    held: list[Any] = []
    while True:
        held.append([float(len(held))])


def strings_in_a_cycle() -> None:
    held: list[Any] = []
    held.append(held)
    while True:
        held.append("x" * 100_000 + str(len(held)))


def deep_in_calls() -> None:
    def deeper(held: Any, n: int) -> None:
        if n:
            deeper((held, "x" * 1_000_000), n - 1)
        else:
            many_small_things()

    deeper(None, 100)


def test_a_job_at_95_percent_of_its_memory_runs(cell: Executor) -> None:
    assert cell.run(hold, int(GRANTED * 0.95)).status == DONE
    assert cell.run(hold, int(GRANTED * 1.2)).verdict == "out_of_memory"


@pytest.mark.parametrize(
    "function", [too_large_at_once, many_small_things, strings_in_a_cycle, deep_in_calls]
)
def test_more_memory_than_granted_is_told_and_the_next_job_is_fine(zygote: Zygote, function: Any) -> None:
    executor = limited(zygote)
    assert executor.run(abs, -1).failures == 0
    answer = executor.run(function)
    verdict = answer.failure["verdict"]
    assert (answer.status, answer.failures) == (FAILED, 1)
    assert (verdict["kind"], verdict["limit_bytes"], verdict["failures"]) == ("out_of_memory", GRANTED, 1)
    assert 0 < verdict["peak_bytes"] <= answer.peak_bytes < 2 * GRANTED
    assert answer.failure["exception_type"] == "builtins.MemoryError"
    if function is not many_small_things:  # There, nothing is left even for a frame of the traceback.
        assert function.__name__ in answer.failure["exception"]
    assert answer.failure["exception"].rstrip().endswith("MemoryError")
    assert "may use 300 MB" in answer.failure["hint"] and "_type or _cores" in answer.failure["hint"]
    assert type(answer.exception) is MemoryError
    next_one_has_its_memory(zygote, executor, answer)


@pytest.mark.parametrize(
    "make", [lambda n: b"x" * 1_000_000, lambda n: [float(n)], lambda n: bytes(n % 2000)]
)
def test_what_a_starved_job_left_in_use_ends_its_process(cell: Executor, make: Any) -> None:
    def hoard() -> None:
        sys.hoard = held = []  # type: ignore[attr-defined]
        while True:
            held.append(make(len(held)))

    answer = cell.run(hoard)
    assert (answer.verdict, answer.flags) == ("out_of_memory", ENDS)
    assert "MB of its 300 MB of memory in use; its process is not reused" in cell.text(answer.jid, "pilog")
    assert cell.end()["code"] == 0


def test_a_job_that_returned_and_left_nothing_at_all_is_answered(cell: Executor) -> None:
    def hoard() -> str:
        sys.hoard = held = []  # type: ignore[attr-defined]
        try:
            while True:
                held.append([float(len(held))])
        except MemoryError:
            return "enough"

    # Its result may find no room either; that it is answered is the point.
    assert cell.run(hoard).flags == ENDS


def test_a_job_that_returned_but_left_hardly_any_memory_ends_its_process(cell: Executor) -> None:
    def hoard(size: int) -> None:
        sys.hoard = b"x" * size  # type: ignore[attr-defined]

    assert cell.run(hoard, GRANTED // 10 * 4).flags == 0, "a cache is no crime"
    assert cell.run(hoard, 1).flags == 0
    answer = cell.run(hoard, GRANTED // 10 * 9)
    assert (answer.status, answer.flags) == (DONE, ENDS)
    assert "of memory in use" in cell.text(answer.jid, "pilog")


def test_memory_that_was_reserved_and_never_touched_is_not_left_to_the_next_job(cell: Executor) -> None:
    def reserve() -> None:
        import mmap
        import time

        kind = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        sys.hoard = mmap.mmap(-1, GRANTED // 10 * 9, flags=kind)  # type: ignore[attr-defined]
        time.sleep(0.01)

    assert cell.run(reserve).flags == ENDS


def test_arguments_and_results_that_do_not_fit_are_told_too(zygote: Zygote) -> None:
    executor = limited(zygote, 100_000_000)
    spec = executor.function(len)
    path = executor.zygote.scratch / "arguments"
    import cloudpickle

    path.write_bytes(cloudpickle.dumps(((b"x" * 150_000_000,), {})))
    assert executor.answer(executor.send(spec, payload=b"\2" + bytes(path))).verdict == "out_of_memory"

    def result() -> Any:
        return Grows()

    assert executor.run(result).verdict == "out_of_memory"
    assert executor.run(hold, 90_000_000).status == DONE


class Grows:
    def __reduce__(self) -> Any:
        return (bytes, (b"x" * 150_000_000,))


def test_without_a_known_limit_a_memory_error_is_an_exception_like_others(zygote: Zygote) -> None:
    executor = zygote.fork(limits={"data_bytes": GRANTED})
    answer = executor.run(too_large_at_once)
    assert (answer.verdict, answer.failures) == ("raised", 1)


def test_a_refused_array_is_told(cell: Executor) -> None:
    pytest.importorskip("numpy")

    def arrays(size: int) -> Any:
        import numpy

        return float(numpy.ones(size // 8).sum())

    assert cell.run(arrays, 100_000_000).value == 12_500_000
    answer = cell.run(arrays, 400_000_000)
    assert answer.verdict == "out_of_memory"
    assert answer.failure["exception_type"].endswith("_ArrayMemoryError")
    assert "Unable to allocate" in answer.failure["exception"]
    assert cell.run(arrays, 100_000_000).value == 12_500_000


def test_forty_threads_start_in_300_megabytes(cell: Executor) -> None:
    def start(count: int) -> int:
        import threading

        ready = threading.Barrier(count + 1)
        threads = [threading.Thread(target=ready.wait) for _ in range(count)]
        for thread in threads:
            thread.start()
        ready.wait()
        for thread in threads:
            thread.join()
        return count

    assert cell.run(start, 40).value == 40


def test_a_file_that_grows_without_end_is_told(cell: Executor) -> None:
    def fill() -> None:
        with open("bomb", "wb") as file:
            while True:
                file.write(bytes(1 << 20))

    answer = cell.run(fill)
    assert answer.failure["verdict"] == {"kind": "limit_reached", "limit": "disk", "value": DISK}
    assert answer.failure["exception_type"] == "builtins.OSError"
    assert isinstance(answer.exception, OSError) and answer.exception.errno == errno.EFBIG
    assert "64 MB" in answer.failure["hint"]
    assert cell.run(abs, -1).value == 1


def test_a_result_larger_than_its_disk_is_told(zygote: Zygote) -> None:
    executor = zygote.fork(set_up=False, limits={"file_bytes": 1_000_000})
    executor.set_up(disk_limit=1_000_000)
    answer = executor.run(bytes, 2_000_000)
    assert answer.failure["verdict"] == {"kind": "limit_reached", "limit": "disk", "value": 1_000_000}
    assert os.listdir(zygote.scratch / f"results-{executor.number}") == []


def test_a_hundred_thousand_open_files_are_told(cell: Executor) -> None:
    def open_many() -> None:
        sys.files = [open(os.devnull) for _ in range(100_000)]  # type: ignore[attr-defined]  # noqa: SIM115

    answer = cell.run(open_many)
    expected = {"kind": "limit_reached", "limit": "open_files", "value": OPEN_FILES}
    assert answer.failure["verdict"] == expected
    assert "256 files" in answer.failure["hint"]
    assert cell.run(open_many).failure["verdict"] == expected


def test_the_limit_behind_an_error_of_a_library_is_told(cell: Executor) -> None:
    def wrapped() -> None:
        import urllib.request

        held = [open(os.devnull) for _ in range(OPEN_FILES // 2)]  # noqa: SIM115
        try:
            while True:
                held.append(open(os.devnull))  # noqa: SIM115
        except OSError:
            urllib.request.urlopen("http://127.0.0.1:1/", timeout=5)

    def dealt_with() -> None:
        try:
            raise OSError(errno.EMFILE, "too many")
        except OSError:
            os.stat("/nonexistent")

    answer = cell.run(wrapped)
    assert answer.failure["exception_type"] == "urllib.error.URLError"
    assert answer.failure["verdict"]["limit"] == "open_files"
    assert cell.run(dealt_with).verdict == "raised"


def test_an_error_whose_number_fights_back_is_a_failure_like_others(cell: Executor) -> None:
    class Spiteful(OSError):
        @property
        def errno(self) -> Any:  # type: ignore[override]
            sys.exit(1)

    def fail() -> None:
        raise Spiteful

    assert cell.run(fail).verdict == "raised"


def test_limits_a_job_moved_are_as_granted_for_the_next(cell: Executor) -> None:
    def look() -> Any:
        import resource
        import threading

        stack = threading.stack_size()
        threading.stack_size(stack)
        return [resource.getrlimit(number) for number in range(10)], stack

    def move(factor: float) -> None:
        import resource
        import signal
        import threading

        for number in (resource.RLIMIT_DATA, resource.RLIMIT_FSIZE):
            soft, hard = resource.getrlimit(number)
            resource.setrlimit(number, (int(soft * factor), hard))
        threading.stack_size(64 << 20)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)

    before = cell.run(look).value
    assert before[0][resource_number("RLIMIT_CORE")] == (0, 0)
    assert before[0][resource_number("RLIMIT_NOFILE")] == (OPEN_FILES, OPEN_FILES)
    for factor in (0.9, 2):
        assert cell.run(move, factor).flags == 0
        assert cell.run(look).value == before
    test_a_file_that_grows_without_end_is_told(cell)
    assert cell.run(hold, int(GRANTED * 1.2)).verdict == "out_of_memory"


@pytest.mark.skipif(os.geteuid() != 0, reason="lowers a limit for good by giving up root")
def test_a_limit_that_cannot_be_put_back_ends_the_process(cell: Executor) -> None:
    def lower() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (GRANTED, GRANTED))
        os.seteuid(65534)

    answer = cell.run(lower)
    assert (answer.status, answer.flags) == (DONE, ENDS)
    assert "for good" in cell.text(answer.jid, "pilog")


def resource_number(name: str) -> int:
    import resource

    return int(getattr(resource, name))


@pytest.fixture(params=interpreters(), ids=lambda path: Path(path).parts[-3])
def each_zygote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Zygote]:
    zygote = Zygote(request.param, tmp_path, "--support", str(support_directory(tmp_path)))
    yield zygote
    zygote.stop()


def test_every_python_tells_its_limits(each_zygote: Zygote) -> None:
    import pickle

    executor = limited(each_zygote)
    spec = executor.function(b"cbuiltins\neval\n.")

    def run(expression: str) -> Answer:
        payload = b"\0" + pickle.dumps(((expression,), {}))
        return executor.answer(executor.send(spec, payload=payload))

    assert run(f"len(b'x' * {int(GRANTED * 0.95)})").status == DONE
    assert run(f"len(b'x' * {int(GRANTED * 1.2)})").verdict == "out_of_memory"
    assert run("1").peak_bytes < GRANTED // 2
    assert run("[open('/dev/null') for _ in range(100000)]").failure["verdict"]["limit"] == "open_files"
    assert run(f"open('bomb', 'wb').write(bytes({2 * DISK}))").failure["verdict"]["limit"] == "disk"
    assert run("1").status == DONE
