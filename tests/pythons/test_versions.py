"""Client and runner work on every supported Python that this machine has, side by side on one server.

Never required: a machine with one interpreter skips this. Each version gets a virtual environment with the
package's own dependencies, kept below target/ for the next run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Server, run_python, until
from harness.paths import ROOT

MINORS = range(9, 15)
HOME = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "test-pythons"


def interpreters() -> dict[str, str]:
    """Executables by minor version, from PATH and pyenv, this test's own left out: all others use that."""
    found: dict[str, str] = {}
    for minor in MINORS:
        version = f"3.{minor}"
        installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        executable = shutil.which(f"python{version}")
        # pyenv's shims answer for versions that are not active.
        if executable is not None and "shims" not in executable:
            found[version] = executable
        elif installed:
            found[version] = str(installed[-1])
    found.pop(f"{sys.version_info.major}.{sys.version_info.minor}", None)
    return found


FOUND = interpreters()


def environment_of(version: str) -> Path | None:
    """The interpreter of a virtual environment for this version; None where it cannot be made."""
    directory = HOME / version
    python = directory / "bin" / "python"
    done = directory / "done"
    requirements = subprocess.run(
        [sys.executable, str(ROOT / "scripts/dependencies.py"), "run"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if done.exists() and done.read_text() == requirements:
        return python
    shutil.rmtree(directory, ignore_errors=True)
    made = subprocess.run([FOUND[version], "-m", "venv", str(directory)], capture_output=True)
    if made.returncode != 0:
        return None
    pip = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        *requirements.split(),
    ]
    if subprocess.run(pip, capture_output=True, timeout=100).returncode != 0:
        return None
    done.write_text(requirements)
    return python


@pytest.fixture(scope="module")
def pythons() -> dict[str, Path]:
    made = {version: environment_of(version) for version in FOUND}
    return {version: python for version, python in made.items() if python is not None}


@pytest.fixture(scope="module")
def many(pythons: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server that offers them all."""
    options = [word for python in pythons.values() for word in ("--python", str(python))]
    server = Server(tmp_path_factory.mktemp("pythons"), *options)
    try:
        server.start()
        # Only the default interpreter is awaited before a server is ready; the others report a little later.
        until(
            lambda: set(pythons) <= set(server.request("GET", "/v1/service")[1]["pythons"]),
            what="all are found",
        )
        yield server
    finally:
        server.close()


PROGRAM = """
    import sys

    import cloud
    from beside import triple

    class Stopped(Exception):
        pass

    def fail(x):
        raise Stopped(f"at {x}")

    def version():
        return sys.version_info[:2]

    if __name__ == "__main__":
        assert cloud.result(cloud.call(version)) == sys.version_info[:2]
        offset = 4
        jids = cloud.map(lambda x: triple(x) + offset, range(9))
        assert cloud.result(jids) == [3 * x + 4 for x in range(9)]
        jid = cloud.call(fail, 7)
        try:
            cloud.result(jid)
        except Stopped as error:
            assert error.args == ("at 7",), error
        else:
            raise AssertionError("the error did not come back")
        assert "Stopped: at 7" in cloud.info(jid, "exception")[jid]["exception"]
        with cloud.Executor() as executor:
            assert list(executor.map(abs, [-1, -2])) == [1, 2]
        print("all is well on", sys.version.split()[0])
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", sorted(FOUND, key=lambda name: int(name[2:])))
def test_client_and_runner_work_on(
    version: str, pythons: dict[str, Path], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if version not in pythons:
        pytest.skip(f"no environment with the dependencies could be made for {version}")
    server = request.getfixturevalue("many")
    request.node.picloud_servers = [server]
    (tmp_path / "beside.py").write_text("def triple(x):\n    return 3 * x\n")
    done = run_python(server, PROGRAM, tmp_path, python=str(pythons[version])).check()
    assert f"all is well on {version}." in done.out


HANDLERS = """
    import sys
    import time

    import cloud
    from beside import triple

    class Stopped(Exception):
        pass

    class Handler:
        def message_handler(self, message, cur_retry=0):
            if message == 7:
                raise Stopped(f"at {message}")
            if message == 8 and not cur_retry:
                raise cloud.queue.Retry(0)
            return [triple(message), sys.version_info[1]]

    if __name__ == "__main__":
        name = f"py{sys.version_info[1]}"
        numbers, tripled, failed = (cloud.queue.get(f"{name}-{part}") for part in ("in", "out", "failed"))
        numbers.attach(Handler(), tripled, readers_per_job=2, on_error={Stopped: {"queue": failed}})
        numbers.push(range(10))
        end = time.time() + 60
        while tripled.count() < 9 or not failed.count():
            assert time.time() < end, (numbers.info(), tripled.count(), failed.count())
            time.sleep(0.02)
        assert sorted(tripled.pop()) == [[3 * n, sys.version_info[1]] for n in range(10) if n != 7]
        (error,) = failed.pop()
        assert isinstance(error["exception"], Stopped), error
        for queue in (numbers, tripled, failed):
            queue.delete()
        print("all is well on", sys.version.split()[0])
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", sorted(FOUND, key=lambda name: int(name[2:])))
def test_handlers_work_on(
    version: str, pythons: dict[str, Path], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if version not in pythons:
        pytest.skip(f"no environment with the dependencies could be made for {version}")
    server = request.getfixturevalue("many")
    request.node.picloud_servers = [server]
    (tmp_path / "beside.py").write_text("def triple(x):\n    return 3 * x\n")
    done = run_python(server, HANDLERS, tmp_path, python=str(pythons[version])).check()
    assert f"all is well on {version}." in done.out
