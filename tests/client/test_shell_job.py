"""The job that runs a command, in this process: real shells, real files."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from harness import until

import cloud
from cloud import _shell_job
from cloud._shell_job import Mapped, published, run


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The directory of the job, which is also its home."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    return home


def test_the_result_is_stdout_which_is_passed_on_too(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(command="echo {a}{b}; echo no >&2", parameters={"a": "x y", "b": "z"}) == b"x yz\n"
    assert capfd.readouterr() == ("x yz\n", "no\n")


def test_bytes_are_left_as_they_are(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(command="printf '\\377\\000\\r\\n'") == b"\xff\0\r\n"
    assert run(command="head -c 3000000 /dev/zero") == bytes(3_000_000)
    assert run(command="true") == b""


def test_it_is_bash_with_the_environment_of_the_job(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    monkeypatch.setenv("OF_THE_JOB", "7")
    monkeypatch.setenv("PYTHONPATH", "/code")
    assert run(command="a=(1 2); echo ${OF_THE_JOB} ${#a[@]} \\{a,b\\}") == b"7 2 a b\n"
    assert run(command="echo $PYTHONPATH").decode() == f"{here}/:/code\n"
    monkeypatch.delenv("PYTHONPATH")
    assert run(command="echo $PYTHONPATH").decode() == f"{here}/\n"


def test_nothing_is_to_be_read_from_stdin() -> None:
    assert run(command="cat; echo end") == b"end\n"


def test_files_are_written_under_their_names_for_everybody(here: Path) -> None:
    said = run(
        command="cat {data}; stat -c %a {data}; echo {data}",
        files={"data": b"\0content\n"},
        file_names={"data": "some.bin"},
    )
    assert said == b"\0content\n777\nsome.bin\n"
    assert (here / "some.bin").exists()


def test_a_file_of_a_name_in_use_gets_another(here: Path) -> None:
    (here / "a.txt").write_text("old")
    given: dict[str, Any] = {"files": {"x": b"1", "y": b"2"}, "file_names": {"x": "a.txt", "y": "a.txt"}}
    first, second = run(command="echo {x} {y}", **given).decode().split()
    for name in (first, second):
        assert name.startswith("a-") and name.endswith(".txt") and name[2:-4].isdigit()
    assert first != second
    assert (here / "a.txt").read_text() == "old"
    assert run(command="echo {x}; cat {x}", files={"x": b"1"}) == b"x\n1", (
        "without a name it has the parameter's"
    )


def test_a_name_cannot_lead_out_of_the_directory(here: Path) -> None:
    run(command="echo {x}", files={"x": b"1"}, file_names={"x": "../../etc/passwd"})
    assert (here / "passwd").read_bytes() == b"1"


def test_a_file_may_be_the_result(here: Path) -> None:
    (here / "below").mkdir()
    assert bytes(run(command="echo aside; printf '\\001' > out", return_file="out")) == b"\1"
    assert bytes(run(command="touch none", return_file="none")) == b""
    assert bytes(run(command="pwd > out", return_file="out", cwd="below")).endswith(b"/below\n")
    assert bytes(run(command="echo 1 > below/x", return_file="below/x")) == b"1\n"
    assert bytes(run(command="echo 2 > ~/y", return_file="~/y")) == b"2\n"
    with pytest.raises(FileNotFoundError, match="made no file missing, which was to be returned"):
        run(command="true", return_file="missing")
    with pytest.raises(FileNotFoundError, match="no directory nowhere"):
        run(command="true", cwd="nowhere")


def test_another_status_than_0_is_a_failure_with_what_was_said(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(cloud.CloudException) as caught:
        run(command="echo out; echo why >&2; exit 3")
    assert str(caught.value) == "command terminated with nonzero return code 3\nwhy\n"
    assert capfd.readouterr() == ("out\n", "why\n")
    with pytest.raises(cloud.CloudException, match="nonzero return code 127\n.*no-such-program"):
        run(command="no-such-program")
    with pytest.raises(cloud.CloudException, match="nonzero return code -9$"):
        run(command="kill -9 $$")


def test_of_a_long_stderr_the_end_is_told(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    monkeypatch.setattr(_shell_job, "STDERR_BYTES", 1000)
    with pytest.raises(cloud.CloudException) as caught:
        run(command="seq 10000 >&2; exit 1")
    assert str(caught.value).endswith("9999\n10000\n")
    assert len(str(caught.value)) < 1100
    assert len(capfd.readouterr().err) == 48_894, "all of it is passed on"


def test_a_status_may_be_ignored(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(command="echo out; exit 3", ignore_exit_status=True) == b"out\n"
    assert capfd.readouterr().err == "command terminated with nonzero return code 3\n"
    assert bytes(run(command="echo 1 > out; false", ignore_exit_status=True, return_file="out")) == b"1\n"


def test_what_it_leaves_in_the_background_is_not_waited_for(here: Path) -> None:
    began = time.monotonic()
    assert run(command="sleep 60 & echo $! > pid; echo done") == b"done\n"
    assert time.monotonic() - began < 20
    os.kill(int((here / "pid").read_text()), signal.SIGKILL)


def test_an_interrupted_job_ends_its_command(here: Path) -> None:
    def interrupt() -> None:
        until((here / "pid").exists, what="the command runs")
        os.kill(os.getpid(), signal.SIGINT)

    # Whoever runs tests in the background has it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run(command="echo $$ > tmp; mv tmp pid; exec sleep 60")
    finally:
        signal.signal(signal.SIGINT, before)
    with pytest.raises(ProcessLookupError):
        os.kill(int((here / "pid").read_text()), 0)


def test_wrong_parameters_are_refused_before_anything_runs(here: Path) -> None:
    for command, given in (("touch ran {a}", {}), ("touch ran", {"a": "1"})):
        with pytest.raises(ValueError):
            run(command=command, parameters=given)
    with pytest.raises(ValueError, match="too long for a shell"):
        run(command="touch ran; echo {a}", parameters={"a": "x" * 200_000})
    assert not (here / "ran").exists()


def test_values_of_strangers_never_become_commands(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    evil = "'; touch ran; echo \"$(touch ran)`touch ran`"
    call = published({"command": 'echo "{x}" {y}; echo "\\{x\\} ${HOME:+home}"'})
    assert call(x=evil, y=evil).decode().startswith(evil)
    assert call(x="a  b", y="*").decode() == "a  b *\n{x} home\n"
    assert not (here / "ran").exists()


def test_published_commands_take_texts_numbers_and_files(here: Path) -> None:
    call = published({"command": "cat {file}; echo {n} {t} {l} {self}", "return_file": None})
    assert call(file=b"\0\1", n=1.5, t=True, l=["é"], self=None) == '\0\x011.5 true ["é"] null\n'.encode()
    with pytest.raises(ValueError, match="no value was given"):
        call(file=b"")
    with pytest.raises(ValueError, match=r"parameter \{x\} is too long"):
        published({"command": "echo {x}"})(x="y" * 200_000)


def test_published_commands_have_their_settings(here: Path) -> None:
    (here / "below").mkdir()
    settings = {
        "command": "pwd > out; exit 3",
        "return_file": "out",
        "ignore_exit_status": True,
        "cwd": "below",
    }
    assert bytes(published(settings)()).endswith(b"/below\n")
    assert bytes(pickle.loads(pickle.dumps(published(settings)))()).endswith(b"/below\n")
    with pytest.raises(cloud.CloudException, match="return code 4"):
        published({"command": "exit 4"})()
    with pytest.raises(ValueError, match="between single quotes"):
        published({"command": "echo '{x}'"})(x="1")


def test_a_map_has_what_is_common_and_what_is_not() -> None:
    common = {
        "command": "cat {f} {g}; echo {a} {b}",
        "parameters": {"a": "1"},
        "files": {"f": b"F"},
        "file_names": {"f": "f"},
    }
    call = pickle.loads(pickle.dumps(Mapped(common)))
    own = {"parameters": {"b": "2"}, "files": {"g": b"G"}, "file_names": {"g": "g"}}
    assert call(own) == b"FG1 2\n"
