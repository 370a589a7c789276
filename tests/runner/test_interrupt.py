"""Jobs that must not go on."""

from __future__ import annotations

import itertools
import os
import signal
import time

from runner.harness import DONE, INTERRUPTED, SKIPPED, Executor


def spin() -> None:
    print("running")
    while True:
        pass


def announce(executor: Executor, function: object) -> int:
    """Starts a job and waits until it says, from where it is to be interrupted, that it runs."""
    jid = executor.send(executor.function(function))
    executor.zygote.pump(lambda: executor.text(jid, "stdout") == "running\n", "the job's first word")
    return jid


def test_an_endless_loop_is_interrupted_where_it_is(executor: Executor) -> None:
    jid = announce(executor, spin)
    executor.cancel(jid)
    answer = executor.answer(jid)
    assert answer.status == INTERRUPTED
    assert ", in spin" in answer.failure["exception"]
    assert "_runner" not in answer.failure["exception"]
    assert executor.run(abs, -1).value == 1


def test_a_sleep_is_interrupted(executor: Executor) -> None:
    def sleep() -> None:
        print("running")
        time.sleep(3600)

    jid = announce(executor, sleep)
    executor.cancel(jid)
    assert executor.answer(jid).status == INTERRUPTED


def test_a_program_that_is_waited_for_is_interrupted(executor: Executor) -> None:
    def start() -> None:
        import subprocess

        print("running")
        subprocess.run(["sleep", "3600"])

    jid = announce(executor, start)
    executor.cancel(jid)
    assert executor.answer(jid).status == INTERRUPTED


def test_jobs_not_begun_are_skipped_at_once(executor: Executor) -> None:
    running = announce(executor, spin)
    spec = executor.function(abs)
    first, second, third = (executor.send(spec, n) for n in (1, 2, 3))
    executor.cancel(first, third)
    assert executor.answer(first).status == executor.answer(third).status == SKIPPED
    assert running not in executor.answers
    executor.cancel(running)
    assert executor.answer(second).value == 2
    assert executor.order == [first, third, running, second]


def test_a_job_that_catches_the_interrupt_is_done(executor: Executor) -> None:
    def stubborn() -> str:
        try:
            spin()
        except KeyboardInterrupt:
            return "tidied up"
        return "never"

    jid = announce(executor, stubborn)
    executor.cancel(jid)
    assert executor.answer(jid).value == "tidied up"


def test_cancelling_what_is_unknown_or_answered_changes_nothing(executor: Executor) -> None:
    spec = executor.function(abs)
    jid = executor.send(spec, -1)
    assert executor.answer(jid).value == 1
    executor.cancel(jid, 4711)
    assert executor.answer(executor.send(spec, -2)).value == 2


def test_an_interrupt_at_any_moment_breaks_nothing(executor: Executor) -> None:
    """Cancels jobs while they begin, print, end and are answered: each has one answer, in one piece."""
    spec = executor.function(lambda n: print("x" * 5000, n) or n)
    statuses = []
    for n in range(400):
        jids = [executor.send(spec, n) for _ in range(3)]
        if n % 2:
            # At another moment each time.
            executor.answer(jids[0])
        executor.cancel(*jids[:2])
        statuses += [executor.answer(jid).status for jid in jids]
    assert executor.broken is None
    assert statuses.count(DONE) >= 400
    assert set(statuses) <= {DONE, INTERRUPTED, SKIPPED}
    assert len(executor.order) == 1200


def test_signals_in_a_storm_of_output_break_no_frame(executor: Executor) -> None:
    def flood() -> None:
        for n in range(20_000):
            print(n)

    jid = executor.send(executor.function(flood))
    deadline = time.monotonic() + 30
    while jid not in executor.answers and time.monotonic() < deadline:
        executor.signal(signal.SIGUSR1)
        executor.read()
    assert executor.answer(jid).status == DONE
    assert executor.broken is None
    assert executor.text(jid, "stdout") == "".join(f"{n}\n" for n in range(20_000))


def test_a_job_deaf_to_signals_ends_with_init_and_leaves_its_stacks(executor: Executor) -> None:
    def deaf_loop() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        print("running")
        sum(itertools.repeat(0))  # In C, forever, without a look at signals.

    jid = announce(executor, deaf_loop)
    executor.cancel(jid)
    executor.signal(signal.SIGUSR2)
    time.sleep(0.1)  # As the document says the worker does.
    executor.signal(signal.SIGKILL)
    ended = executor.end()
    assert ended["signal"] == signal.SIGKILL
    assert "deaf_loop" in ended["syslog"]
    assert jid not in executor.answers


def test_stacks_of_a_job_that_ended_by_itself_come_with_it(executor: Executor) -> None:
    def slow_to_tidy() -> None:
        try:
            spin()
        finally:
            import time

            time.sleep(0.3)

    jid = announce(executor, slow_to_tidy)
    executor.cancel(jid)
    executor.signal(signal.SIGUSR2)
    assert executor.answer(jid).status == INTERRUPTED
    assert "slow_to_tidy" in executor.text(jid, "syslog")
    later = executor.run(abs, -1)
    assert (later.value, executor.text(later.jid, "syslog")) == (1, "")
    executor.send(executor.function(os.abort))
    ended = executor.end()
    assert ended["syslog"].startswith("Fatal Python error: Aborted"), "nothing of the earlier dump"


def test_a_job_that_ignores_all_signals_can_be_killed(executor: Executor) -> None:
    def ignore() -> None:
        import signal

        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                continue
        spin()

    jid = announce(executor, ignore)
    executor.cancel(jid)
    executor.signal(signal.SIGKILL)
    assert executor.end()["signal"] == signal.SIGKILL


def test_the_handler_is_put_back_for_the_next_job(executor: Executor) -> None:
    def ignore() -> None:
        import signal

        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])

    assert executor.run(ignore).status == DONE
    jid = announce(executor, spin)
    executor.cancel(jid)
    executor.signal(signal.SIGUSR2)
    assert executor.answer(jid).status == INTERRUPTED
    assert executor.run(abs, -1).value == 1
