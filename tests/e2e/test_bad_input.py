"""Bad input gets an error that names the fix, before anything is made."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from harness import Server, run_picloud, run_python


def test_what_is_no_function_is_refused(cloud: ModuleType) -> None:
    for wrong in (3, "text", None):
        with pytest.raises(TypeError, match="callable"):
            cloud.call(wrong)
    with pytest.raises(TypeError, match="itera"):
        cloud.map(abs, 3)
    with pytest.raises(ValueError):
        cloud.map(abs)


def test_wrong_arguments_are_refused_in_pythons_words(cloud: ModuleType) -> None:
    def two(a: int, b: int) -> int:
        return a + b

    with pytest.raises(TypeError, match="b"):
        cloud.call(two, 1)
    with pytest.raises(TypeError, match="positional"):
        cloud.call(two, 1, 2, 3)
    with pytest.raises(TypeError, match="colour"):
        cloud.call(two, 1, 2, colour="red")


def test_an_unknown_keyword_is_named_with_its_nearest(cloud: ModuleType) -> None:
    with pytest.raises(TypeError, match="(?s)_lable.*_label"):
        cloud.call(abs, 1, _lable="x")
    with pytest.raises((TypeError, ValueError), match="_lable"):
        cloud.map(abs, [1], _lable="x")
    with pytest.raises(ValueError, match="factor"):
        cloud.map(abs, [1], factor=2)


@pytest.mark.parametrize(
    ("options", "error", "word"),
    [
        ({"_type": 3}, TypeError, "_type"),
        ({"_cores": 0}, (TypeError, ValueError), "_cores"),
        ({"_priority": "high"}, TypeError, "_priority"),
        ({"_priority": 0}, ValueError, "_priority"),
        ({"_max_runtime": -1}, ValueError, "_max_runtime"),
        ({"_restartable": "no"}, TypeError, "_restartable"),
        ({"_depends_on_errors": "explode"}, ValueError, "_depends_on_errors"),
        ({"_depends_on": "soon"}, TypeError, "jid"),
        ({"_fast_serialization": 7}, (TypeError, ValueError), "_fast_serialization"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, dict) else "",
)
def test_a_wrong_option_is_refused_by_name(cloud: ModuleType, options: Any, error: Any, word: str) -> None:
    with pytest.raises(error, match=word):
        cloud.call(abs, 1, **options)


def test_core_types_that_do_not_exist_are_refused_with_those_that_do(cloud: ModuleType) -> None:
    with pytest.raises(cloud.CloudException, match="c1, c2, f2, m1, s1"):
        cloud.call(abs, 1, _type="x9")
    with pytest.raises(cloud.CloudException, match="1, 2, 4, 8"):
        cloud.call(abs, 1, _type="c2", _cores=3)


def test_what_cannot_be_pickled_is_named_with_the_path_to_it(cloud: ModuleType) -> None:
    import pickle

    class Model:
        def __init__(self) -> None:
            self.lock = threading.Lock()

    model = Model()
    with pytest.raises(pickle.PicklingError, match="(?s)model.*lock"):
        cloud.call(lambda: model)
    with pytest.raises(pickle.PicklingError, match="(?s)lock"):
        cloud.call(abs, {"deep": [model]})


def test_too_much_data_is_refused_before_it_is_sent(new_server: Any, bind: Any) -> None:
    cloud = bind(new_server(PICLOUD_PAYLOAD_MAX_BYTES="1000000"))
    with pytest.raises(cloud.CloudException, match="(?s)(?i)excessive data.*2[ ,.]?0"):
        cloud.call(len, b"x" * 2_000_000)
    with pytest.raises(cloud.CloudException, match="1[ ,.]?000[ ,.]?000"):
        cloud.result(cloud.call(lambda: b"x" * 2_000_000))


def test_unknown_jobs_are_said_to_be_unknown(cloud: ModuleType) -> None:
    for ask in (cloud.status, cloud.result, cloud.join, cloud.info, cloud.kill, cloud.delete):
        with pytest.raises(cloud.CloudException, match="999999999"):
            ask(999999999)
    with pytest.raises(cloud.CloudException, match="999999999"):
        cloud.call(abs, 1, _depends_on=999999999)


def test_a_wrong_key_is_refused_with_the_way_to_a_right_one(server: Server, tmp_path: Path) -> None:
    program = run_python(
        server, "import cloud; cloud.call(abs, 1)", tmp_path, PICLOUD_API_SECRETKEY="wrong", timeout=30
    )
    assert program.code != 0
    assert "CloudException" in program.err and "picloud setup" in program.err


def test_a_server_that_is_down_is_said_to_be_down_with_the_way_to_start_one(
    server: Server, tmp_path: Path
) -> None:
    program = run_python(
        server, "import cloud; cloud.call(abs, 1)", tmp_path, PICLOUD_SERVER="http://127.0.0.1:9", timeout=60
    )
    assert program.code != 0 and "picloud serve" in program.err
    command = run_picloud(server, "jobs", PICLOUD_SERVER="http://127.0.0.1:9")
    assert command.code == 1 and "picloud serve" in command.err


def test_without_any_profile_the_first_step_is_named(server: Server, tmp_path: Path) -> None:
    program = run_python(
        server,
        """
        import os
        for name in ("SERVER", "API_KEY", "API_SECRETKEY"):
            os.environ.pop("PICLOUD_" + name, None)
        import cloud
        cloud.call(abs, 1)
        """,
        tmp_path,
        PICLOUD_CONFIG_DIR=str(tmp_path / "nothing"),
    )
    assert program.code != 0 and "picloud" in program.err and "CloudException" in program.err


def test_a_python_that_no_worker_has_is_refused_at_once_with_those_there_are(server: Server) -> None:
    import base64

    body = {
        "spec": {"python": "3.2"},
        "function": base64.b64encode(b"x").decode(),
        "args": [base64.b64encode(b"x").decode()],
    }
    status, reply = server.request("POST", "/v1/jobs", body)
    assert status == 422 and reply["error"]["kind"] == "python_missing"
    assert "3." in reply["error"]["msg"].replace("3.2", ""), "the versions there are must be listed"


def test_a_module_that_exists_nowhere_on_the_server_is_named_with_the_way_to_ship_it(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "onlyhere.py").write_text("def f():\n    return 1\n")
    program = run_python(
        server,
        """
        import cloud, onlyhere
        cloud.set_dependency_whitelist([])
        try:
            cloud.result(cloud.call(onlyhere.f))
        except Exception as error:
            print(type(error).__name__, error)
            print(cloud.info(error.jid, "exception")[error.jid]["exception"])
        """,
        tmp_path,
    ).check()
    assert "Could not depickle job" in program.out and "onlyhere" in program.out
    assert "whitelist" in program.out or "ship" in program.out or "install" in program.out


@pytest.mark.skipif(os.geteuid() != 0, reason="a file system of its own needs root")
def test_a_full_disk_refuses_new_work_and_loses_none(new_server: Any, bind: Any, tmp_path: Path) -> None:
    import subprocess

    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(small)], check=True)
    try:
        server = new_server(name="small/server", start=True)
        cloud = bind(server)
        kept = cloud.call(abs, -7)
        assert cloud.result(kept) == 7
        with pytest.raises(cloud.CloudException, match="(?i)no space|full"):
            for _ in range(64):
                cloud.call(len, os.urandom(1 << 20))
        assert cloud.result(kept) == 7, "what was taken is still there"
        server.kill_all()
        for path in (server.data_dir / "blobs").rglob("*"):
            if path.is_file():
                path.unlink()
        server.start()
        again = bind(server)
        assert again.result(kept) == 7
        assert again.result(again.call(abs, -8)) == 8, "with space again it goes on"
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)
