"""The promises of the design, by number. What is promised about queues and crons comes with them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from harness import Recorder, Server, until


def worker_pid(server: Server) -> int:
    """The process of the server that is its worker."""
    # Parents first: a worker forks for moments, and such a child looks like it.
    for pid in reversed(server.descendants()):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"worker" in command:
            return pid
    raise AssertionError(f"no worker among {server.descendants()}")


def test_promise_1_what_was_taken_survives_kill_9_of_every_process(
    new_server: Any, bind: Any, recorder: Recorder
) -> None:
    server = new_server("--no-worker")
    cloud = bind(server)
    mark = recorder.mark

    def run(x: int) -> int:
        mark(x)
        return x

    one = cloud.call(run, -1)
    many = cloud.map(run, range(500))
    server.kill_all()
    server.options = ()
    server.start()
    cloud = bind(server)
    assert cloud.result(one, timeout=60) == -1
    assert cloud.result(many, timeout=60) == list(range(500))
    assert sorted(map(int, recorder.marks())) == list(range(-1, 500)), "each ran, and once"


def test_promise_1_the_answer_waits_for_the_disk(new_server: Any, tmp_path: Path) -> None:
    """Power loss cannot be had here; that a sync lies between request and answer can be seen."""
    if not Path("/usr/bin/strace").exists():
        pytest.fail("strace is missing: sudo apt-get install strace")
    server = new_server("--no-worker")
    trace = tmp_path / "trace"
    tracer = subprocess.Popen(
        [
            "strace",
            "-f",
            "-p",
            str(server.ready.pid),
            "-e",
            "trace=fdatasync,fsync,sendto,write,writev",
            "-o",
            str(trace),
        ],
        stderr=subprocess.PIPE,
    )
    try:
        assert tracer.stderr is not None
        with tracer.stderr as said_by_strace:
            assert b"attached" in said_by_strace.readline()
        import base64

        text = base64.b64encode(b"x").decode()
        body = {"spec": {"python": f"3.{sys.version_info[1]}"}, "function": text, "args": [text]}
        status, reply = server.request("POST", "/v1/jobs", body)
        assert status in (200, 201), reply
    finally:
        tracer.terminate()
        tracer.wait(10)
    said = trace.read_text()
    answer = said.rindex("first_jid")
    assert "sync(" in said[:answer], "the answer left before anything was synced"


def test_promise_2_an_attempt_that_lost_its_lease_is_refused(
    new_server: Any, bind: Any, recorder: Recorder, tmp_path: Path
) -> None:
    import signal

    server = new_server(PICLOUD_LEASE_S="2")
    cloud = bind(server)
    mark, hold = recorder.mark, recorder.hold

    def slow() -> int:
        attempt = mark("run")
        hold("the gate")
        mark(f"attempt {attempt} went on")
        return attempt

    jid = cloud.call(slow)
    until(lambda: recorder.holding("the gate") == 1, what="the first attempt runs")
    frozen = worker_pid(server)
    tree = [frozen, *below(frozen)]
    for pid in tree:
        os.kill(pid, signal.SIGSTOP)
    helper = subprocess.Popen(
        [
            str(server_binary()),
            "worker",
            "--server",
            server.url,
            "--name",
            "second",
            "--state-dir",
            str(tmp_path / "w2"),
        ],
        env={
            **server.client_env(),
            "PICLOUD_WORKER_TOKEN": (server.data_dir / "worker.token").read_text().strip(),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: recorder.holding("the gate") == 2, timeout=40, what="a second attempt runs elsewhere")
        for pid in tree:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        recorder.release("the gate")
        assert cloud.result(jid, timeout=60) == 2
        info = cloud.info(jid, "all")[jid]
        assert info["status"] == "done" and info["attempt"] == 2
    finally:
        helper.terminate()
        helper.wait(20)


def below(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *below(int(child))]
    return found


def server_binary() -> Path:
    from harness.paths import binary

    return binary()


def test_promise_3_a_job_that_is_not_restartable_never_starts_twice(
    new_server: Any, bind: Any, recorder: Recorder
) -> None:
    server = new_server()
    cloud = bind(server)
    mark, hold = recorder.mark, recorder.hold

    def run(number: object) -> str:
        mark(number)
        hold("the gate")
        return "done"

    def starts(number: object) -> int:
        return recorder.marks().count(str(number))

    fragile = cloud.call(run, "fragile", _restartable=False)
    sturdy = cloud.call(run, "sturdy")
    queued = cloud.map(run, range(40), _restartable=False)
    until(lambda: starts("fragile") and starts("sturdy"), what="both run")
    os.kill(worker_pid(server), 9)
    until(lambda: starts("sturdy") >= 2, timeout=40, what="the restartable one starts again")
    recorder.release("the gate")
    assert cloud.result(sturdy, timeout=60) == "done"
    with pytest.raises(cloud.CloudException, match="(?i)worker"):
        cloud.result(fragile, timeout=60)
    cloud.join(queued, ignore_errors=True, timeout=60)
    states = cloud.status(queued)
    assert set(states) <= {"done", "error"}
    once = Counter(word for word in recorder.marks() if word != "sturdy")
    assert set(once.values()) == {1}, f"started twice: {once}"
    assert all(once[str(number)] == 1 for number, state in enumerate(states) if state == "done")


def test_promise_7_after_kill_returns_no_attempt_starts(
    new_server: Any, bind: Any, recorder: Recorder
) -> None:
    server = new_server()
    cloud = bind(server)
    mark = recorder.mark

    def run(x: int) -> None:
        # A mark may be on its way when its process is killed; the clock is the same in a sandbox.
        mark(time.monotonic_ns())
        time.sleep(0.02)

    def started_after(moment: int) -> list[int]:
        return [start for start in map(int, recorder.marks()) if start > moment]

    jids = cloud.map(run, range(400))
    until(lambda: len(recorder.marks()) > 10, what="some have started")
    cloud.kill(jids)
    returned = time.monotonic_ns()
    states = cloud.status(jids)
    assert "killed" in states and set(states) <= {"done", "killed"}
    # Work submitted later goes through every executor, so whatever was still under way would show.
    cloud.join(cloud.map(time.sleep, [0.05] * 60), timeout=60)
    assert not started_after(returned)
    server.restart()
    cloud = bind(server)
    cloud.join(cloud.map(time.sleep, [0.01] * 20), timeout=60)
    assert not started_after(returned)


def test_promise_9_delete_removes_everything_that_belongs_to_a_job(new_server: Any, bind: Any) -> None:
    server = new_server(PICLOUD_UPLOAD_KEEP_S="0")
    cloud = bind(server)
    secret = "a_word_that_must_vanish"

    def speak(data: bytes, small: str) -> Any:
        print(secret, file=sys.stderr)
        print(secret)
        return [secret, data]

    speak.__qualname__ = secret
    data = (secret + "!" * 300_000).encode()
    jid = cloud.call(speak, data, secret, _os_env_vars={"OF_THE_JOB": secret}, _label="a label")
    assert cloud.result(jid)[0] == secret
    failed = cloud.call(int, secret)
    with pytest.raises(ValueError, match=secret):
        cloud.result(failed)
    assert secret in cloud.info(jid, "function")[jid]["function"]

    def in_database() -> int:
        return sum(path.read_bytes().count(secret.encode()) for path in server.data_dir.rglob("*.db*"))

    assert in_database(), "it can be found while the job is there"
    blobs = server.data_dir / "blobs"

    def files() -> list[Path]:
        return [path for path in blobs.rglob("*") if path.is_file()]

    assert files(), "the large argument and result are blobs"
    cloud.delete([jid, failed])
    until(lambda: not files(), what="no blob of it is left")
    # What a job cost is no part of the job: a bill stays as it was.
    sums = {row.label: row.jobs for row in cloud.account.usage(group_by="label").rows}
    assert sums == {"a label": 1, "": 1}
    server.stop()
    assert not in_database(), "its words are not left in the database's pages"


def test_promise_10_no_account_sees_or_touches_anothers_jobs(
    new_server: Any, bind: Any, tmp_path: Path
) -> None:
    server = new_server()
    cloud = bind(server)
    _, made = server.request("POST", "/v1/accounts", {"name": "stranger"})
    stranger = (str(made["key"]["api_key"]), made["key"]["api_secretkey"])
    jid = cloud.call(lambda: "mine")
    assert cloud.result(jid) == "mine"
    running = cloud.call(time.sleep, 60)
    for path in ("status", "results", "info", "wait", "kill", "delete"):
        status, reply = server.request(
            "POST", f"/v1/jobs/{path}", {"jids": f"{jid},{running}"}, auth=stranger
        )
        assert status == 404 and reply["error"]["kind"] == "job_unknown", (path, reply)
    status, _ = server.request("GET", f"/v1/jobs/{jid}/output/stdout", auth=stranger)
    assert status == 404
    status, reply = server.request("GET", "/v1/jobs", auth=stranger)
    assert status == 200 and reply["jobs"] == []
    status, _ = server.request("POST", "/v1/jobs/kill", {"all": True}, auth=stranger)
    assert status == 200 and cloud.status(running) in ("queued", "processing"), "its `all` is not ours"
    for path in ("/v1/accounts", "/v1/workers"):
        assert server.request("GET", path, auth=stranger)[0] == 403
    cloud.kill(running)


def test_promise_10_a_job_finds_no_secret_of_the_server_in_its_environment(cloud: ModuleType) -> None:
    def look() -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if "TOKEN" in name or "PICLOUD" in name}

    found = cloud.result(cloud.call(look))
    assert not [name for name in found if "TOKEN" in name]
    assert found["PICLOUD_API_KEY"].startswith("job-"), "it has a key of its own, good for as long as it runs"


def test_a_jobs_own_key_ends_with_the_job(server: Server, cloud: ModuleType) -> None:
    def reveal() -> tuple[str, str]:
        return os.environ["PICLOUD_API_KEY"], os.environ["PICLOUD_API_SECRETKEY"]

    key, secret = cloud.result(cloud.call(reveal))
    assert server.request("GET", "/v1/jobs", auth=(key, secret))[0] == 401


def test_graceful_stop_finishes_running_work_and_restart_resumes_the_rest(
    new_server: Any, bind: Any, tmp_path: Path
) -> None:
    server = new_server()
    cloud = bind(server)
    jids = cloud.map(time.sleep, [0.1] * 100)
    until(lambda: "done" in cloud.status(jids), what="some are done")
    assert server.stop(timeout=40) == 0
    server.start()
    cloud = bind(server)
    cloud.join(jids, timeout=60)
    assert set(cloud.status(jids)) == {"done"}


def test_a_second_signal_ends_a_stop_at_once(new_server: Any, bind: Any) -> None:
    server = new_server()
    cloud = bind(server)
    jid = cloud.call(time.sleep, 300)
    cloud.wait_for.status(jid, "processing", timeout=20)
    assert server.process is not None
    server.process.terminate()
    until(lambda: server.request("GET", "/healthz")[0] == 503, what="it is stopping")
    begun = time.monotonic()
    server.process.terminate()
    server.process.wait(5)
    assert time.monotonic() - begun < 3
    server.process = None


SCRIPT = """
import sys, cloud
jids = cloud.map(lambda x: x + 1, range(int(sys.argv[1])))
print(jids[0], len(jids), flush=True)
"""


def test_the_client_that_made_the_jobs_may_go(server: Server, cloud: ModuleType, tmp_path: Path) -> None:
    from harness import run_python

    first, count = map(int, run_python(server, textwrap.dedent(SCRIPT), tmp_path, "200").check().out.split())
    assert cloud.result(range(first, first + count), timeout=60) == list(range(1, 201))
