"""Jobs that fail: what is said of it, and the exception that travels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from runner.harness import FAILED, Executor, Zygote


class OwnError(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code


class HeldLock(Exception):
    def __init__(self) -> None:
        import threading

        super().__init__("held")
        self.lock = threading.Lock()


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class ExitsWhenPrinted(Exception):
    def __str__(self) -> str:
        sys.exit(9)


class ExitsWhenPickled(Exception):
    def __reduce__(self) -> Any:
        raise KeyboardInterrupt


class OwnBase(BaseException):
    pass


def fail(error: Any) -> None:
    raise error


def fail_within() -> None:
    def inner() -> None:
        {}["key"]

    try:
        inner()
    except KeyError as error:
        raise OwnError(7, "wrapped") from error


def test_a_traceback_has_the_frames_of_the_job_and_only_those(executor: Executor) -> None:
    answer = executor.run(fail_within)
    text = answer.failure["exception"]
    assert answer.verdict == "raised"
    assert answer.failure["exception_type"].endswith("OwnError")
    assert "_runner" not in text
    assert text.index("KeyError: 'key'") < text.index("direct cause") < text.index("OwnError: 7: wrapped")
    assert ", in inner" in text
    assert ", in fail_within" in text


def test_an_exception_comes_back_with_its_attributes_and_causes(executor: Executor) -> None:
    error = executor.run(fail_within).exception
    assert type(error).__name__ == "OwnError"
    assert (str(error), error.code) == ("7: wrapped", 7)  # type: ignore[attr-defined]
    assert isinstance(error.__cause__, KeyError)
    assert error.__traceback__ is None


def test_an_exception_that_holds_what_cannot_travel_is_told_in_words(executor: Executor) -> None:
    answer = executor.run(lambda: fail(HeldLock()))
    assert answer.failure["exception"].endswith("HeldLock: held\n")
    assert answer.pickle == b""


def test_a_cause_that_cannot_travel_stays_behind(executor: Executor) -> None:
    def chain() -> None:
        try:
            raise HeldLock
        except HeldLock as error:
            raise ValueError("outer") from error

    error = executor.run(chain).exception
    assert isinstance(error, ValueError)
    assert error.__cause__ is None


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups and notes came with Python 3.11")
def test_groups_and_notes_travel(executor: Executor) -> None:
    def group() -> None:
        error = ValueError("one")
        error.add_note("noted")
        raise ExceptionGroup("several", [error])  # noqa: F821

    answer = executor.run(group)
    error: Any = answer.exception
    assert error.exceptions[0].__notes__ == ["noted"]
    assert "noted" in answer.failure["exception"]
    assert "_runner" not in answer.failure["exception"]


@pytest.mark.parametrize("kind", [Unprintable, ExitsWhenPrinted, ExitsWhenPickled, OwnBase, GeneratorExit])
def test_exceptions_that_fight_back_are_failures_like_others(
    executor: Executor, kind: type[BaseException]
) -> None:
    def raise_it() -> None:
        raise kind

    answer = executor.run(raise_it)
    assert (answer.status, answer.verdict) == (FAILED, "raised")
    assert kind.__name__ in answer.failure["exception"]
    assert executor.run(abs, -1).value == 1


@pytest.mark.parametrize(
    ("code", "number", "said"),
    [
        (3, 3, "sys.exit(3)"),
        (None, 0, "sys.exit()"),
        ("bye", 1, "sys.exit('bye')"),
        (2**40, 0, f"sys.exit({2**40})"),
    ],
)
def test_sys_exit_is_explained(executor: Executor, code: Any, number: int, said: str) -> None:
    answer = executor.run(sys.exit, code)
    assert answer.failure["verdict"] == {"kind": "exited", "code": number}
    assert said in answer.failure["exception"]
    assert "return" in answer.failure["hint"]
    assert executor.run(abs, -1).value == 1


def test_an_interrupt_of_the_jobs_own_is_a_failure(executor: Executor) -> None:
    answer = executor.run(lambda: fail(KeyboardInterrupt()))
    assert (answer.status, answer.failure["exception_type"]) == (FAILED, "builtins.KeyboardInterrupt")


def test_a_wrong_call_is_told_without_frames_of_the_runner(executor: Executor) -> None:
    answer = executor.run(lambda a: a)
    assert "missing 1 required positional argument: 'a'" in answer.failure["exception"]
    assert "File" not in answer.failure["exception"]


def test_endless_recursion_is_a_short_failure(executor: Executor) -> None:
    def forever(n: int) -> int:
        return forever(n + 1) + 1

    answer = executor.run(forever, 0)
    assert isinstance(answer.exception, RecursionError)
    assert len(answer.failure["exception"]) < 5000


def test_a_very_deep_stack_is_cut(executor: Executor) -> None:
    def even(n: int) -> int:
        return odd(n + 1) + 1

    def odd(n: int) -> int:
        return even(n + 1) + 1

    def deep() -> int:
        import sys
        import threading

        caught: list[BaseException] = []

        def run() -> None:
            sys.setrecursionlimit(20_000)
            try:
                even(0)
            except RecursionError as error:
                caught.append(error)

        threading.stack_size(256 << 20)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        raise caught[0]

    answer = executor.run(deep)
    assert answer.verdict == "raised"
    assert len(answer.failure["exception"]) <= 66_000
    assert answer.failure["exception"].rstrip().splitlines()[-1].startswith("RecursionError")
    assert executor.run(sys.getrecursionlimit).value == sys.getrecursionlimit()


def test_a_job_out_of_memory_says_so_and_the_next_one_runs(executor: Executor) -> None:
    def hoard() -> None:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (600 << 20, hard))
        try:
            held = []
            while True:
                held.append(bytearray(1 << 20))
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

    answer = executor.run(hoard)
    assert isinstance(answer.exception, MemoryError)
    assert executor.run(abs, -1).value == 1


def test_what_a_failed_job_held_is_freed_before_the_next(executor: Executor) -> None:
    class Data:
        pass

    def hold() -> None:
        import sys
        import weakref

        data = Data()
        sys.held = weakref.ref(data)  # type: ignore[attr-defined]
        raise ValueError(data and "x")

    def look() -> bool:
        import sys

        return sys.held() is None  # type: ignore[attr-defined, no-any-return]

    executor.run(hold)
    assert executor.run(look).value


def test_a_very_long_message_is_cut_and_broken_text_is_readable(executor: Executor) -> None:
    answer = executor.run(lambda: fail(ValueError("x" * 1_000_000 + "\ud800 end")))
    text = answer.failure["exception"]
    assert len(text) < 70_000
    assert "characters left out" in text
    assert text.rstrip().endswith("\\ud800 end")


def _pickled_with_module(tmp_path: Path, name: str, source: str, expression: str) -> bytes:
    (tmp_path / f"{name}.py").write_text(source)
    sys.path.insert(0, str(tmp_path))
    try:
        module = __import__(name)
        return cloudpickle.dumps(eval(expression, {name: module}))
    finally:
        sys.path.remove(str(tmp_path))
        del sys.modules[name]


def test_a_module_that_is_missing_is_named_with_the_way_to_ship_it(
    executor: Executor, tmp_path: Path
) -> None:
    pickled = _pickled_with_module(tmp_path, "nowhere_to_be_found", "def f(): pass", "nowhere_to_be_found.f")
    answer = executor.run(pickled)
    assert answer.failure["verdict"] == {"kind": "not_loaded", "module": "nowhere_to_be_found"}
    assert answer.failure["exception"].startswith("Could not depickle job\nTraceback")
    assert "No module named 'nowhere_to_be_found'" in answer.failure["exception"]
    assert f"{sys.executable} -m pip install nowhere_to_be_found" in answer.failure["hint"]
    assert answer.pickle == b""
    assert executor.run(abs, -1).value == 1


def test_a_missing_module_among_the_arguments_is_named_too(executor: Executor, tmp_path: Path) -> None:
    pickled = _pickled_with_module(tmp_path, "nowhere_else", "class C: pass", "(((nowhere_else.C(),), {}))")
    answer = executor.answer(executor.send(executor.function(abs), payload=b"\0" + pickled))
    assert answer.failure["verdict"] == {"kind": "not_loaded", "module": "nowhere_else"}


def test_another_version_of_a_module_is_named(zygote: Zygote, tmp_path: Path) -> None:
    pickled = _pickled_with_module(tmp_path, "two_versions", "def new(): pass", "two_versions.new")
    (tmp_path / "two_versions.py").write_text("def old(): pass")
    answer = zygote.fork(code_path=str(tmp_path)).run(pickled)
    assert answer.failure["verdict"] == {"kind": "not_loaded", "module": "two_versions"}
    assert "another version" in answer.failure["hint"]


def test_a_module_that_raises_while_it_is_imported_is_named(zygote: Zygote, tmp_path: Path) -> None:
    pickled = _pickled_with_module(tmp_path, "explosive", "def f(): pass", "explosive.f")
    (tmp_path / "explosive.py").write_text("1 / 0")
    answer = zygote.fork(code_path=str(tmp_path)).run(pickled)
    assert answer.failure["verdict"] == {"kind": "not_loaded", "module": "explosive"}
    assert "ZeroDivisionError" in answer.failure["exception"]


def test_a_pickle_that_is_none_is_a_failure(executor: Executor) -> None:
    for rubbish in (b"", b"rubbish", b"\x80\xff."):
        assert executor.run(rubbish).failure["verdict"]["kind"] == "not_loaded"
    jid = executor.send(executor.function(abs), payload=b"\2/nonexistent")
    assert executor.answer(jid).verdict == "not_loaded"


def test_a_pickle_of_another_python_is_recognised(executor: Executor) -> None:
    import pickle

    wrong = b"\x80\x63" + pickle.dumps(abs)[2:]
    answer = executor.run(wrong)
    assert "functions travel only between Pythons of one minor version" in answer.failure["hint"]
