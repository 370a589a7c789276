"""The five streams of a job, and whose output is whose."""

from __future__ import annotations

import os
import sys
from typing import Any

from runner.harness import DONE, Executor


def test_prints_come_before_the_answer_to_the_right_job(executor: Executor) -> None:
    def speak(n: int) -> None:
        print("out", n)
        print("err", n, file=sys.stderr)
        sys.stdout.write("no newline")

    spec = executor.function(speak)
    jids = [executor.send(spec, n) for n in range(20)]
    for n, jid in enumerate(jids):
        assert executor.answer(jid).status == DONE
        assert executor.text(jid, "stdout") == f"out {n}\nno newline"
        assert executor.text(jid, "stderr") == f"err {n}\n"


def test_bytes_and_broken_text_are_taken(executor: Executor) -> None:
    def speak() -> None:
        sys.stdout.write("\ud800 é\n")
        sys.stdout.buffer.write(b"\xff\xfe")

    answer = executor.run(speak)
    assert bytes(executor.said[answer.jid, "stdout"]) == "\\ud800 é\n".encode() + b"\xff\xfe"


def test_64_megabytes_of_output_arrive(executor: Executor) -> None:
    def flood() -> None:
        line = "x" * 1023 + "\n"
        for _ in range(32 << 10):
            sys.stdout.write(line)
        sys.stdout.write("y" * (32 << 20))

    answer = executor.run(flood)
    said = executor.said[answer.jid, "stdout"]
    assert len(said) == 64 << 20
    assert said.count(b"\n") == 32 << 10


def test_threads_printing_at_once_break_no_frame(executor: Executor) -> None:
    def speak() -> None:
        import threading

        def many(n: int) -> None:
            for _ in range(500):
                sys.stdout.write(f"{n}" * 50 + "\n")
                sys.stderr.write(f"{n}" * 50 + "\n")

        threads = [threading.Thread(target=many, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    answer = executor.run(speak)
    assert (answer.status, answer.flags, executor.broken) == (DONE, 0, None)
    assert len(executor.text(answer.jid, "stdout").replace("\n", "")) == 8 * 500 * 50


def test_raw_output_is_there_before_the_answer_counts(executor: Executor) -> None:
    def speak(n: int) -> None:
        os.write(1, b"raw %d \xff\n" % n)
        os.write(2, b"err %d\n" % n)

    spec = executor.function(speak)
    for n in range(50):
        assert executor.answer(executor.send(spec, n)).status == DONE
        assert bytes(executor.pipes[executor.out]).endswith(b"raw %d \xff\n" % n)
        assert bytes(executor.pipes[executor.err]).endswith(b"err %d\n" % n)


def test_a_job_without_raw_output_waits_for_nobody(executor: Executor) -> None:
    assert executor.run(print, "x").flags == 0


def test_what_programs_print_arrives(executor: Executor) -> None:
    def start() -> int:
        import subprocess

        return subprocess.run("echo out; echo err >&2", shell=True).returncode

    assert executor.run(start).value == 0
    executor.run(abs, 1)
    assert bytes(executor.pipes[executor.out]) == b"out\n"
    assert bytes(executor.pipes[executor.err]) == b"err\n"


def test_standard_input_is_empty(executor: Executor) -> None:
    assert executor.run(lambda: (sys.stdin.read(), os.read(0, 10))).value == ("", b"")


def test_a_forked_child_prints_to_the_pipe_and_nothing_twice(executor: Executor) -> None:
    def fork() -> None:
        sys.stdout.write("before ")
        pid = os.fork()
        if pid == 0:
            print("child", flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        print("after")

    answer = executor.run(fork)
    executor.run(abs, 1)
    assert executor.text(answer.jid, "stdout") == "before after\n"
    assert bytes(executor.pipes[executor.out]) == b"child\n"


def test_multiprocessing_works_in_a_job(executor: Executor) -> None:
    def pool() -> list[int]:
        import multiprocessing

        with multiprocessing.get_context("fork").Pool(2) as workers:
            return workers.map(abs, [-1, -2, -3])

    assert executor.run(pool).value == [1, 2, 3]


def test_log_records_are_a_stream_of_their_own(executor: Executor) -> None:
    def log() -> None:
        import logging

        logging.getLogger("mine").info("said %d", 1)
        logging.debug("too fine")
        try:
            print(1 / 0)
        except ZeroDivisionError:
            logging.exception("went wrong")

    answer = executor.run(log)
    lines = executor.text(answer.jid, "logging").splitlines()
    assert lines[0].endswith(" INFO mine: said 1")
    assert lines[0][4] == "-"
    assert lines[0][19] == ","
    assert lines[1].endswith(" ERROR root: went wrong")
    assert lines[-1].endswith("ZeroDivisionError: division by zero")
    assert executor.text(answer.jid, "stderr") == ""


def test_logging_is_put_back_after_a_job_that_changed_it(executor: Executor) -> None:
    def change() -> None:
        import logging

        logging.basicConfig(force=True, level=logging.DEBUG, stream=sys.stdout)
        logging.disable(logging.CRITICAL)

    def log() -> None:
        import logging

        logging.debug("fine")
        logging.info("here")

    executor.run(change)
    answer = executor.run(log)
    assert executor.text(answer.jid, "logging").endswith("INFO root: here\n")
    assert executor.text(answer.jid, "stdout") == ""


def test_a_log_record_that_cannot_be_formatted_is_no_failure(executor: Executor) -> None:
    def log() -> None:
        import logging

        logging.info("%d", "no number")

    answer = executor.run(log)
    assert answer.status == DONE
    assert "Logging error" in executor.text(answer.jid, "stderr")


def test_a_job_can_leave_remarks_in_the_pilog(executor: Executor) -> None:
    answer = executor.run(lambda: sys.modules["_picloud_runner.context"].pilog("noticed"))
    assert executor.text(answer.jid, "pilog") == "noticed\n"


def _replaces() -> None:
    import io

    sys.stdout = io.StringIO()
    print("into the void")


def _replaces_with_buffer() -> None:
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stdout.write("buffered")


def _closes() -> None:
    sys.stdout.close()
    sys.stderr.close()


def _detaches() -> None:
    sys.stdout = sys.stdout.detach()  # type: ignore[assignment, attr-defined]


def _replaces_with_rubbish() -> None:
    class Rubbish:
        def __getattr__(self, name: str) -> Any:
            raise SystemExit(name)

    sys.stdout = Rubbish()  # type: ignore[assignment]


def _deletes() -> None:
    del sys.stdout


def test_standard_streams_are_put_back_whatever_a_job_did_to_them(executor: Executor) -> None:
    for spoil in (_replaces, _replaces_with_buffer, _closes, _detaches, _replaces_with_rubbish, _deletes):
        assert executor.run(spoil).status == DONE, spoil
        answer = executor.run(print, "here")
        assert executor.text(answer.jid, "stdout") == "here\n", spoil
    assert bytes(executor.pipes[executor.out]) == b"buffered"


def test_what_a_thread_says_after_the_answer_is_lost(executor: Executor) -> None:
    def leave() -> None:
        import threading

        def speak() -> None:
            while True:
                print("x" * 100)

        threading.Thread(target=speak, daemon=True).start()

    answer = executor.run(leave)
    assert answer.flags == 1
    executor.end()
    assert executor.broken is None
