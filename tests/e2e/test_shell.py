"""Commands as jobs, through a real server."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType

import pytest
from harness import eventually


def test_the_result_of_a_command_is_what_it_wrote(cloud: ModuleType) -> None:
    jid = cloud.shell.execute("echo {a}{b}; printf '\\000\\377'; echo why >&2", {"a": "x y", "b": 3})
    assert cloud.result(jid) == b"x y3\n\0\xff"

    def said() -> None:
        info = cloud.info(jid, ["stdout", "stderr", "function", "kwargs"])[jid]
        assert info["stdout"].startswith("x y3\n")
        assert info["stderr"] == "why\n"
        assert info["function"].startswith("echo {a}{b}; printf")
        assert info["kwargs"]["parameters"] == {"a": "x y", "b": "3"}

    eventually(said)


def test_files_go_there_and_come_back(cloud: ModuleType, tmp_path: Path) -> None:
    content = bytes(range(256)) * 2000
    (tmp_path / "in.bin").write_bytes(content)
    jid = cloud.shell.execute(
        "test -x {f} && rev < /dev/null; cat {f} {f} > out.bin; echo {f}",
        {"f": f"@{tmp_path}/in.bin"},
        return_file="out.bin",
    )
    assert cloud.result(jid) == content * 2
    eventually(lambda: _same(cloud.info(jid, ["stdout"])[jid]["stdout"], "in.bin\n"))


def _same(found: object, expected: object) -> None:
    assert found == expected


def test_one_job_for_each_element(cloud: ModuleType, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text(f"content of {name}\n")
    jids = cloud.shell.execute_map(
        "cat {f}; echo {common} {n}",
        {"common": "same"},
        {"f": [f"@{tmp_path}/a", f"@{tmp_path}/b"], "n": [1, 2]},
    )
    assert cloud.result(jids) == [b"content of a\nsame 1\n", b"content of b\nsame 2\n"]


def test_another_status_than_0_fails_the_job_with_what_was_said(cloud: ModuleType) -> None:
    jid = cloud.shell.execute("echo out; echo 'no such thing' >&2; exit 3", {})
    with pytest.raises(cloud.CloudException, match="nonzero return code 3\nno such thing"):
        cloud.result(jid)
    ignored = cloud.shell.execute("echo out; exit 3", {}, ignore_exit_status=True)
    assert cloud.result(ignored) == b"out\n"
    missing = cloud.shell.execute("true", {}, return_file="none")
    with pytest.raises(FileNotFoundError, match="made no file none"):
        cloud.result(missing)


def test_a_command_has_what_jobs_have(cloud: ModuleType) -> None:
    jid = cloud.shell.execute(
        "cd; pwd; echo $PICLOUD_JOB_ID $MINE; python -c 'import sys; print(sys.version_info[0])'; "
        "echo $PYTHONPATH",
        {},
        _os_env_vars={"MINE": "yes"},
    )
    home, ids, version, path = cloud.result(jid).decode().splitlines()
    assert ids == f"{jid} yes"
    assert version == "3"
    assert path.split(":")[0] == home + "/"


def test_a_killed_command_ends(cloud: ModuleType, tmp_path: Path) -> None:
    jid = cloud.shell.execute("sleep 300; echo {x}", {"x": "y"})
    cloud.wait_for.status(jid, "processing", timeout=30)
    began = time.monotonic()
    cloud.kill(jid)
    with pytest.raises(cloud.CloudException, match="Killed"):
        cloud.result(jid, timeout=30)
    assert time.monotonic() - began < 25


def test_a_command_finds_nothing_of_the_one_before(cloud: ModuleType) -> None:
    making = "ls; mkdir -p below; echo mine > below/deep; ln -s / link; echo mine > made"
    for _ in range(3):
        jid = cloud.shell.execute(making, {}, return_file="made")
        assert cloud.result(jid) == b"mine\n"
        assert cloud.result(cloud.shell.execute("ls", {})) == b""
        with pytest.raises(FileNotFoundError, match="made no file"):
            cloud.result(cloud.shell.execute("true", {}, return_file="made"))
