"""What a job used is measured, and is never another's."""

from __future__ import annotations

import os
import time
from pathlib import Path

from runner.harness import ENDS, Executor, Zygote

BIG = 200 << 20
#: More than an interpreter with the runner needs, less than a job that held `BIG`.
SMALL = 100 << 20


def hold(size: int) -> int:
    return len(b"x" * size)


def no_op() -> None:
    pass


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_the_peak_of_a_large_job_is_not_the_next_ones(executor: Executor) -> None:
    assert executor.run(no_op).peak_bytes < SMALL
    large = executor.run(hold, BIG)
    assert BIG < large.peak_bytes < BIG + SMALL
    pids = {executor.run(os.getpid).value for _ in range(2)}
    assert len(pids) == 1
    assert executor.run(no_op).peak_bytes < SMALL
    assert BIG < executor.run(hold, BIG).peak_bytes < BIG + SMALL


def test_the_peak_is_right_where_the_mark_cannot_be_set_back(executor: Executor) -> None:
    def close_mark() -> int:
        for name in os.listdir("/proc/self/fd"):
            try:
                if os.readlink(f"/proc/self/fd/{name}").endswith("/clear_refs"):
                    os.close(int(name))
                    return os.open("/dev/null", os.O_WRONLY)
            except OSError:
                continue
        return -1

    assert executor.run(close_mark).value > 0
    assert executor.run(hold, BIG).peak_bytes > BIG
    assert executor.run(no_op).peak_bytes == 0, "not known"
    assert executor.run(hold, 2 * BIG).peak_bytes > 2 * BIG


def test_the_peak_of_a_child_counts_once(executor: Executor) -> None:
    def start_large_child() -> None:
        import subprocess
        import sys

        subprocess.run([sys.executable, "-Ic", f"b'x' * {200 << 20}"], check=True)

    assert BIG < executor.run(start_large_child).peak_bytes < BIG + SMALL
    assert executor.run(no_op).peak_bytes < SMALL


def test_processor_time_of_children_and_threads_is_the_jobs_and_not_the_next_ones(executor: Executor) -> None:
    def burn_in_child() -> None:
        pid = os.fork()
        if pid == 0:
            burn(0.3)
            os._exit(0)
        os.waitpid(pid, 0)

    def burn_in_orphan() -> None:
        # Its parent ends first; who adopts it waits for it.
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            if os.fork() == 0:
                burn(0.3)
                os.close(write)
            os._exit(0)
        os.close(write)
        os.waitpid(pid, 0)
        os.read(read, 1)

    def burn_in_thread() -> None:
        import threading

        thread = threading.Thread(target=burn, args=(0.3,))
        thread.start()
        thread.join()

    for function in (burn_in_child, burn_in_orphan, burn_in_thread):
        answer = executor.run(function)
        assert 250_000 < answer.user_us + answer.system_us < 600_000, function
        assert answer.flags & ENDS == 0, function
        idle = executor.run(no_op)
        assert idle.user_us + idle.system_us < 100_000, function


def test_a_child_that_outlives_its_job_is_charged_to_nobody_after(zygote: Zygote) -> None:
    def leave_child() -> None:
        if os.fork() == 0:
            burn(10)
            os._exit(0)

    assert zygote.fork().run(leave_child).flags & ENDS
    idle = zygote.fork().run(no_op)
    assert idle.user_us + idle.system_us < 100_000


def test_what_is_read_and_written_is_counted(executor: Executor, tmp_path: Path) -> None:
    path = str(tmp_path / "file")

    def write() -> None:
        with open(path, "wb") as file:
            file.write(bytes(8 << 20))
            os.fsync(file.fileno())

    answer = executor.run(write)
    # What lies on no disk, as a tmpfs, is neither written to one nor read from one.
    on_disk = 0 if _is_tmpfs(path) else 8 << 20
    assert on_disk <= answer.written_bytes < (16 << 20)
    idle = executor.run(no_op)
    assert (idle.read_bytes, idle.written_bytes) == (0, 0)


def _is_tmpfs(path: str) -> bool:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    best = max((m for m in mounts if path.startswith(m[1].rstrip("/") + "/")), key=lambda m: len(m[1]))
    return best[2] == "tmpfs"
