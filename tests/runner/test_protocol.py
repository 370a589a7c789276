"""What the document says of frames, order and ends."""

from __future__ import annotations

import os
import socket
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
from harness import until

from runner.harness import DONE, Executor, Zygote, frame, json_frame


def add(a: int, b: int = 1) -> int:
    return a + b


def test_a_zygote_says_which_python_it_is(zygote: Zygote) -> None:
    assert zygote.about["version"] == "{}.{}".format(*sys.version_info)
    assert zygote.about["executable"] == sys.executable
    assert zygote.about["pid"] == zygote.process.pid


def test_a_job_is_answered_with_what_its_function_returns(executor: Executor) -> None:
    spec = executor.function(add)
    assert executor.answer(executor.send(spec, 40, b=2)).value == 42
    assert executor.answer(executor.send(spec, 1)).value == 2


def test_jobs_sent_ahead_are_answered_in_order(executor: Executor) -> None:
    spec = executor.function(add)
    jids = [executor.send(spec, n) for n in range(500)]
    assert [executor.answer(jid).value for jid in jids] == list(range(1, 501))
    assert executor.order == jids


def test_frames_arrive_in_any_pieces(executor: Executor) -> None:
    class Piecemeal:
        def sendall(self, data: bytes) -> None:
            for byte in data:
                line.sendall(bytes([byte]))

        def __getattr__(self, name: str) -> Any:
            return getattr(line, name)

    line = executor.line
    executor.line = Piecemeal()  # type: ignore[assignment]
    assert executor.run(add, 41).value == 42
    executor.line = line


def test_a_frame_of_many_megabytes_is_taken_whole(executor: Executor) -> None:
    spec = executor.function(len)
    assert executor.answer(executor.send(spec, bytes(12 << 20))).value == 12 << 20


@pytest.mark.parametrize(
    "wrong",
    [
        struct.pack(">I", 0),
        struct.pack(">I", (16 << 20) + 1),
        frame(b"Z"),
        frame(b"J", struct.pack(">QIQH", 1, 1, 99, 0)),
    ],
    ids=["empty", "too long", "unknown kind", "unknown function"],
)
def test_a_wrong_frame_ends_the_executor_and_nothing_else(zygote: Zygote, wrong: bytes) -> None:
    executor = zygote.fork()
    executor.line.sendall(wrong)
    assert executor.end()["code"] == 71
    assert zygote.fork().run(add, 1).value == 2


def test_an_executor_told_to_end_does_its_work_first(executor: Executor) -> None:
    jid = executor.send(executor.function(add), 1)
    executor.quit()
    assert executor.answer(jid).value == 2
    assert executor.end() == {"id": executor.number, "code": 0}


def test_an_executor_ends_when_its_socket_closes(executor: Executor) -> None:
    executor.line.shutdown(socket.SHUT_RDWR)
    executor.closed = True
    assert executor.end()["code"] == 0


def test_everything_ends_with_the_worker(any_zygote: Zygote) -> None:
    executor = any_zygote.fork()

    def sleep_in_a_child() -> None:
        import subprocess

        subprocess.run(["sleep", "3600"])

    executor.send(executor.function(sleep_in_a_child))
    pids = until(lambda: _family(executor) if len(_family(executor)) == 3 else [])
    any_zygote.control.close()
    any_zygote.process.wait(10)
    until(lambda: not any(map(_alive, pids)), what="nothing is left")


def test_everything_ends_with_a_zygote_that_was_killed(tmp_path: Path) -> None:
    own = Zygote(sys.executable, tmp_path)
    pids = _family(own.fork())
    own.process.kill()
    own.process.wait()
    until(lambda: not any(map(_alive, pids)), what="nothing is left")
    own.stop()


def _family(executor: Executor) -> list[int]:
    """Init and its descendants."""
    pids = [executor.init or 0]
    for pid in pids:
        try:
            pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        except OSError:
            continue
    return pids


def _alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_an_executor_that_cannot_start_says_why(zygote: Zygote) -> None:
    executor = zygote.fork(wait=False, cwd="/nonexistent")
    zygote.pump(lambda: executor.refused is not None, "a refusal")
    assert "/nonexistent" in str(executor.refused)


def test_a_fork_without_descriptors_is_refused(zygote: Zygote) -> None:
    zygote.control.sendall(json_frame(b"F", {"id": 4711}))
    zygote.pump(lambda: bool(zygote.news), "a refusal")
    kind, said = zygote.news.pop()
    assert (kind, said["id"]) == (b"!", 4711)


def test_the_installed_packages_are_listed_with_their_modules(zygote: Zygote) -> None:
    packages = {package["name"].lower(): package for package in zygote.packages()}
    assert packages["pytest"]["version"] == pytest.__version__
    assert "pytest" in packages["pytest"]["modules"]
    assert packages["cloudpickle"]["modules"] == ["cloudpickle"]


def test_a_job_finds_its_environment_and_directory(zygote: Zygote, tmp_path: Path) -> None:
    executor = zygote.fork(env={"FRUIT": "pear"}, cwd=str(tmp_path))
    assert executor.run(lambda: (os.environ["FRUIT"], os.getcwd())).value == ("pear", str(tmp_path))


def test_shipped_code_comes_before_and_archives_are_found(zygote: Zygote, tmp_path: Path) -> None:
    import zipfile

    (tmp_path / "shipped_module.py").write_text("X = 1\n")
    (tmp_path / "colorsys.py").write_text("X = 2\n")
    with zipfile.ZipFile(tmp_path / "some.egg", "w") as archive:
        archive.writestr("archived_module.py", "X = 3\n")
    (tmp_path / ".picloud-archives").write_text("some.egg\n")
    executor = zygote.fork(code_path=str(tmp_path))

    def look() -> tuple[int, int, int]:
        import colorsys

        import archived_module
        import shipped_module

        return shipped_module.X, colorsys.X, archived_module.X  # type: ignore[attr-defined]

    assert executor.run(look).value == (1, 2, 3)


def test_a_job_knows_itself_and_so_do_programs_it_starts(executor: Executor) -> None:
    def look() -> Any:
        import subprocess
        import sys

        context = sys.modules["_picloud_runner.context"]
        names = ("JOB_ID", "SERVER", "API_KEY", "API_SECRETKEY")
        mine = [os.environ[f"PICLOUD_{name}"] for name in names]
        child = subprocess.run(["env"], capture_output=True, text=True).stdout.splitlines()
        theirs = [line for line in child if line.startswith("PICLOUD_")]
        return context.jid, mine, theirs

    spec = executor.function(look)
    for _ in range(3):
        jid = executor.send(spec)
        seen, mine, theirs = executor.answer(jid).value
        assert seen == jid
        assert mine == [str(jid), "http://127.0.0.1:1", f"job-7-{jid}-1", "secret"]
        for name, value in zip(("JOB_ID", "SERVER", "API_KEY", "API_SECRETKEY"), mine):
            assert f"PICLOUD_{name}={value}" in theirs


def test_a_job_sees_nothing_of_the_runner_as_main(executor: Executor) -> None:
    def look() -> Any:
        import __main__

        return hasattr(__main__, "__file__"), "cloud" in sys.modules

    assert executor.run(look).value == (False, False)


def test_no_descriptor_of_another_executor_reaches_a_job(zygote: Zygote) -> None:
    first, second = zygote.fork(), zygote.fork()

    def look() -> list[str]:
        found = []
        for number in range(1000):
            try:
                found.append(os.readlink(f"/proc/self/fd/{number}"))
            except OSError:
                continue
        return found

    found = second.run(look).value
    assert sum(name.startswith("socket:") for name in found) == 1, found
    assert first.run(add, 1).value == 2


def test_more_functions_than_are_kept_loaded_still_run(executor: Executor) -> None:
    specs = [executor.function(lambda n=n: n) for n in range(300)]
    for spec, n in list(zip(specs, range(300))) * 2:
        assert executor.answer(executor.send(spec)).value == n


def test_a_process_is_not_reused_when_the_job_says_so(executor: Executor) -> None:
    spec = executor.function(add, kill_process=True)
    jid, later = executor.send_together(spec, 1, 1)
    answer = executor.answer(jid)
    assert (answer.status, answer.flags) == (DONE, 1)
    assert executor.end()["code"] == 0
    assert later not in executor.answers


def test_usage_is_measured(executor: Executor) -> None:
    def burn() -> None:
        import time

        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass

    answer = executor.run(burn)
    assert answer.wall_us >= 200_000
    assert 190_000 <= answer.user_us + answer.system_us < answer.wall_us + 100_000


def test_the_time_of_child_processes_counts(executor: Executor) -> None:
    def burn() -> None:
        import subprocess
        import sys

        code = "import time\nwhile time.process_time() < 0.2: pass"
        subprocess.run([sys.executable, "-c", code], check=True)

    answer = executor.run(burn)
    assert answer.user_us + answer.system_us >= 190_000
