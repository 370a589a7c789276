"""Exceptions: their texts, their pickles, and how a job's failure becomes one."""

from __future__ import annotations

import logging
import pickle
import traceback
from typing import Any

import pytest

import cloud
from cloud._failures import ERROR, KILLED, STALLED, failure_exception, warn_failed

TEXT = (
    'Traceback (most recent call last):\n  File "job.py", line 3, in f\nZeroDivisionError: division by zero'
)


def failed(state: int, exception: Any = None, **failure: Any) -> Exception:
    pickled = b"" if exception is None else pickle.dumps(exception)
    return failure_exception(7, state, {"exception": TEXT, **failure}, pickled)


def test_the_text_leads_with_the_job_and_ends_with_the_tip() -> None:
    error = cloud.CloudException("it broke", jid=5, hint="mend it")
    assert str(error) == "Job 5: it broke\nTIP: mend it"
    assert str(cloud.CloudException("no", status=404)) == "Error 404: no"
    assert str(cloud.CloudException("no")) == "no"


@pytest.mark.parametrize("kind", [cloud.CloudException, cloud.CloudTimeoutError])
def test_an_exception_survives_pickling_with_all_it_knows(kind: Any) -> None:
    error = kind(
        "it broke",
        jid=5,
        status=409,
        retry=True,
        hint="wait",
        kind="conflict",
        remote_traceback="tb",
        verdict={"kind": "conflict"},
    )
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)


def test_a_timeout_is_also_pythons_timeout() -> None:
    with pytest.raises(TimeoutError, match="Timed out"):
        raise cloud.CloudTimeoutError


def test_the_exception_of_a_job_comes_back_as_itself_with_its_traceback() -> None:
    error: Any = failed(ERROR, ZeroDivisionError("division by zero"))
    assert type(error) is ZeroDivisionError
    assert error.jid == 7
    assert error.remote_traceback == TEXT
    printed = "".join(traceback.format_exception(type(error), error, None))
    assert "job.py" in printed
    assert "raised in job 7" in printed


def test_what_would_end_this_program_is_wrapped() -> None:
    for exception in (KeyboardInterrupt(), SystemExit(3)):
        assert type(failed(ERROR, exception)) is cloud.CloudException


def test_an_exception_that_cannot_be_rebuilt_keeps_its_traceback() -> None:
    error = failure_exception(7, ERROR, {"exception": TEXT, "hint": "look"}, b"\x80\x05cno_such_module\nX\n.")
    assert isinstance(error, cloud.CloudException)
    assert error.remote_traceback == TEXT
    assert str(error) == f"Job 7: {TEXT}\nTIP: look"


@pytest.mark.parametrize(
    ("state", "text", "expected"),
    [
        (KILLED, "", "Job 7: Killed"),
        (KILLED, "ran longer than 60 s", "Job 7: Killed: ran longer than 60 s"),
        (KILLED, TEXT, f"Job 7: Killed\n{TEXT}"),
        (STALLED, "", "Job 7: Could not start due to dependency erroring"),
        (ERROR, "", "Job 7: unknown error"),
    ],
)
def test_ends_without_an_exception_are_told_in_words(state: int, text: str, expected: str) -> None:
    assert str(failure_exception(7, state, {"exception": text}, b"")) == expected


def test_a_function_that_could_not_be_loaded_says_so_first() -> None:
    text = "Traceback ...\nModuleNotFoundError: No module named 'obspy'"
    failure = {"exception": text, "verdict": {"kind": "not_loaded", "module": "obspy"}}
    error = failure_exception(7, ERROR, failure, pickle.dumps(ModuleNotFoundError("obspy")))
    assert str(error).startswith("Job 7: Could not depickle job\n")
    assert isinstance(error, cloud.CloudException)
    assert error.kind == "not_loaded"


OUT_OF_MEMORY = {
    "kind": "out_of_memory",
    "limit_bytes": 300_000_000,
    "peak_bytes": 298_123_456,
    "failures": 3,
    "fits": {"core_type": "c2", "cores": 1},
}
MORE = "it would have fitted with _type='c2'"


def test_a_job_the_kernel_ended_for_want_of_memory_tells_the_evidence() -> None:
    failure = {"exception": "ended by the kernel", "verdict": OUT_OF_MEMORY, "hint": MORE}
    error = failure_exception(7, ERROR, failure, b"")
    assert str(error) == (
        f"Job 7: Out of memory: limit 300.0 MB, peak 298.1 MB, 3 allocations failed\nTIP: {MORE}"
    )
    assert isinstance(error, cloud.CloudException)
    assert (error.kind, error.verdict) == ("out_of_memory", OUT_OF_MEMORY)
    failure["verdict"] = {**OUT_OF_MEMORY, "failures": 1}
    assert ", one allocation failed" in str(failure_exception(7, ERROR, failure, b""))
    failure["exception"] = TEXT
    assert f"one allocation failed\n{TEXT}\nTIP" in str(failure_exception(7, ERROR, failure, b""))


def test_a_job_that_raised_memory_error_raises_it_with_the_tip() -> None:
    error: Any = failed(ERROR, MemoryError(), verdict=OUT_OF_MEMORY, hint=MORE)
    assert type(error) is MemoryError
    assert error.hint == MORE
    printed = "".join(traceback.format_exception(type(error), error, None))
    assert printed.count(f"TIP: {MORE}") == 1
    assert error.remote_traceback == TEXT


def test_a_failed_job_is_told_on_the_console_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "Cloud"):
        warn_failed(1337, failed(ERROR, ValueError("x")))
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("Cloud", "WARNING")
    assert record.getMessage().startswith("Job 1337 threw exception:\n ")
