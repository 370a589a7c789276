"""kill -9 of server, worker and runner at random moments while jobs run, audited by job id."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from harness import Recorder, Server, until

JOBS = 2_000


def _victims(server: Server) -> dict[str, list[int]]:
    """Living processes by their part."""
    found: dict[str, list[int]] = {"server": [server.ready.pid], "worker": [], "runner": []}
    for pid in server.descendants():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        found["runner" if b"_runner" in command else "worker"].append(pid)
    return found


def test_no_job_is_lost_and_none_has_two_outcomes(new_server: Any, recorder: Recorder, bind: Any) -> None:
    seed = int(os.environ.get("PICLOUD_SEED", "0")) or random.randrange(1 << 30)
    print(f"seed {seed}: set PICLOUD_SEED to repeat")
    dice = random.Random(seed)
    server = new_server(PICLOUD_LEASE_S="3")
    cloud = bind(server)
    mark = recorder.mark

    def work(x: int) -> tuple[int, float]:
        time.sleep(0.005)
        mark(x)
        return x, random.random()

    accepted: dict[int, int] = {}
    trouble: list[BaseException] = []

    def submit() -> None:
        try:
            for part in range(JOBS // 100):
                xs = range(part * 100, part * 100 + 100)
                jids = cloud.map(work, xs)
                accepted.update(zip(jids, xs))
                time.sleep(0.1)
        except BaseException as error:
            trouble.append(error)

    submitting = threading.Thread(target=submit)
    submitting.start()
    kills: Counter[str] = Counter()
    seen: dict[int, tuple[int, float]] = {}
    deadline = time.monotonic() + 150

    def finished() -> int:
        states = cloud.status(list(accepted)) if accepted else []
        return sum(state in ("done", "error", "killed", "stalled") for state in states)

    while (submitting.is_alive() or finished() < len(accepted)) and time.monotonic() < deadline:
        time.sleep(dice.uniform(0.2, 0.8))
        if sum(kills.values()) >= 14:
            continue
        # In turn, so that each part is hit however fast the jobs are; when and which process is chance.
        part = ("runner", "server", "worker")[sum(kills.values()) % 3]
        pids = _victims(server)[part]
        if not pids:
            continue
        # What was answered before the crash must be answered alike after it.
        done = [jid for jid in accepted if jid not in seen][:50]
        for jid, state in zip(done, cloud.status(done) if done else []):
            if state == "done":
                seen[jid] = cloud.result(jid)
        if part == "server":
            server.kill()
            server.start()
        else:
            try:
                os.kill(dice.choice(pids), signal.SIGKILL)
            except ProcessLookupError:
                # It has just ended by itself: the turn is not over.
                continue
        kills[part] += 1
    submitting.join(60)
    assert not trouble, trouble
    assert len(accepted) == JOBS, f"{len(accepted)} jobs were accepted"
    until(lambda: finished() == JOBS, timeout=60, what="all jobs ended")

    states = Counter(cloud.status(list(accepted)))
    results = cloud.result(list(accepted), ignore_errors=True)
    values = dict(zip(accepted, results))
    print(f"kills {dict(kills)}, states {dict(states)}")
    assert kills["server"] and kills["worker"] and kills["runner"]
    for jid, value in values.items():
        if isinstance(value, BaseException):
            # Killing the process under a job is an outcome of the job, with a verdict; so is killing its
            # init, with which everything in the sandbox ends.
            assert "SIGKILL" in str(value) or "its supervisor ended too" in str(value), (jid, value)
        else:
            assert value[0] == accepted[jid], f"job {jid} answers for another one"
    assert states["error"] <= 8 * kills["runner"], "a killed process takes only the job it ran"
    assert set(states) <= {"done", "error"}
    for jid, value in seen.items():
        assert values[jid] == value, f"job {jid} has two outcomes"
    executed = Counter(map(int, recorder.marks()))
    done = [accepted[jid] for jid, value in values.items() if not isinstance(value, BaseException)]
    assert all(executed[x] >= 1 for x in done), "a result without a run"
