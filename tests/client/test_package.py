"""The package as a whole: light to import, complete, honest about what it lacks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import cloud


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = ["cloudpickle", "urllib3", "tqdm", "asyncio", "concurrent.futures", "ssl", "tempfile", "logging"]
    source = f"import sys, cloud\nprint([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_every_public_name_is_there_and_documented() -> None:
    for name in cloud.__all__:
        value = getattr(cloud, name)
        assert value.__doc__, name
    assert set(cloud.__all__) <= set(dir(cloud))
    with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
        cloud.frobnicate  # noqa: B018


def test_core_types_and_final_statuses_have_names() -> None:
    assert [cloud.c1, cloud.c2, cloud.f2, cloud.m1, cloud.s1] == ["c1", "c2", "f2", "m1", "s1"]
    assert cloud.finished_statuses == ["done", "stalled", "error", "killed"]


def test_outside_a_job_it_knows_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PICLOUD_JOB_ID", raising=False)
    assert not cloud.running_on_cloud()
    assert not cloud.is_simulated()
    assert cloud.close() is False


def test_wrong_use_is_refused_before_anybody_is_asked() -> None:
    with pytest.raises(TypeError, match="not callable"):
        cloud.call(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one iterable"):
        cloud.map(abs)
    with pytest.raises(TypeError, match="'int' object is not iterable"):
        cloud.map(abs, 3)
    for keyword in ("factor", "_callback"):
        with pytest.raises(ValueError, match=keyword):
            cloud.map(abs, [1], **{keyword: print})
    with pytest.raises(TypeError, match="list of module names"):
        cloud.set_dependency_whitelist([1])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'colour'"):
        cloud.Executor(colour="red")


def test_the_local_program_is_the_one_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from cloud._local import find_binary

    monkeypatch.setenv("PICLOUD_BINARY", str(tmp_path / "mine"))
    assert find_binary() == str(tmp_path / "mine")


def test_a_local_server_that_does_not_start_says_what_it_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "picloud"
    broken.write_text("#!/bin/sh\necho no room for servers here >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PICLOUD_BINARY", str(broken))
    with pytest.raises(cloud.CloudException, match="no room for servers here"):
        cloud.mp.call(abs, -1)
