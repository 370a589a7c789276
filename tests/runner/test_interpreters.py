"""The same runner on every supported Python that this machine has."""

from __future__ import annotations

import pickle
import signal
import sys
from pathlib import Path

import pytest

from runner.harness import DONE, FAILED, INTERRUPTED, Zygote, interpreters, support_directory

# Code objects differ between versions, so the functions here are made there: `exec` makes
# one from a text, and `eval` is a function that every version has.
_RUN = b"cbuiltins\neval\n."


def _arguments(expression: str) -> bytes:
    return b"\0" + pickle.dumps(((expression,), {}))


@pytest.mark.parametrize("python", interpreters(), ids=lambda path: Path(path).parts[-3])
def test_every_python_runs_jobs(python: str, tmp_path: Path) -> None:
    zygote = Zygote(python, tmp_path, "--support", str(support_directory(tmp_path)))
    try:
        executor = zygote.fork()
        spec = executor.function(_RUN)

        def run(expression: str) -> int:
            return executor.send(spec, payload=_arguments(expression))

        version = "__import__('sys').version_info[:2]"
        found = executor.answer(run(version)).value
        assert "{}.{}".format(*found) == zygote.about["version"]
        assert executor.answer(run("print('said') or [1, {'a': 2.5}]")).value == [1, {"a": 2.5}]
        assert executor.text(2, "stdout") == "said\n"
        assert executor.answer(run("(lambda: 1)")).status == DONE
        failed = executor.answer(run("1 / 0"))
        assert isinstance(failed.exception, ZeroDivisionError)
        assert "division by zero" in failed.failure["exception"]
        locked = executor.answer(run("{'a': [__import__('threading').Lock()]}"))
        assert locked.failure["verdict"]["path"] == "result['a'][0]"
        assert executor.answer(run("__import__('sys').exit(3)")).verdict == "exited"
        assert executor.answer(run("__import__('os').system('echo raw')")).value == 0
        assert bytes(executor.pipes[executor.out]) == b"raw\n"
        missing = executor.answer(executor.send(executor.function(b"cnowhere_at_all\nf\n.")))
        assert (missing.status, missing.failure["verdict"]["module"]) == (FAILED, "nowhere_at_all")
        endless = run("print('on') or [0 for _ in iter(int, 1)]")
        zygote.pump(lambda: "on" in executor.text(endless, "stdout"), "the loop")
        executor.cancel(endless)
        assert executor.answer(endless).status == INTERRUPTED
        run("__import__('ctypes').string_at(0)")
        ended = executor.end()
        assert ended["signal"] == signal.SIGSEGV
        assert "string_at" in ended["syslog"]
        assert all(package["version"] for package in zygote.packages())
    finally:
        zygote.stop()


def test_this_python_is_among_them() -> None:
    assert interpreters()[0] == sys.executable
