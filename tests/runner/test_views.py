"""A job sees as many cores as it was granted, and is told how it is kept."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.harness import Zygote, interpreters, support_directory

CORES = 3


def counts() -> list[Any]:
    import multiprocessing

    affinity = getattr(os, "sched_getaffinity")(0)  # noqa: B009
    return [os.cpu_count(), multiprocessing.cpu_count(), len(affinity) <= 3]


def variables() -> list[str]:
    return os.popen("echo $OMP_NUM_THREADS $MKL_NUM_THREADS $PYTHON_CPU_COUNT").read().split()


def test_cores_are_counted_as_granted(zygote: Zygote) -> None:
    executor = zygote.fork(cores=CORES)
    assert executor.run(counts).value == [CORES, CORES, True]
    assert executor.run(variables).value == ["3", "3", "3"]


def test_what_the_user_chose_stays(zygote: Zygote) -> None:
    executor = zygote.fork(cores=CORES, env={"OMP_NUM_THREADS": "7"})
    assert executor.run(variables).value == ["7", "3", "3"]


def test_without_cores_the_machine_is_seen(zygote: Zygote) -> None:
    executor = zygote.fork()
    assert executor.run(os.cpu_count).value == os.cpu_count()
    assert executor.run(os.sched_getaffinity, 0).value == os.sched_getaffinity(0)
    assert executor.run(variables).value == []


def test_functions_pickled_by_their_first_home_answer_the_same(zygote: Zygote) -> None:
    assert pickle.dumps(os.cpu_count).count(b"posix")
    assert zygote.fork(cores=CORES).run(os.cpu_count).value == CORES
    assert zygote.fork(cores=1).run(os.sched_getaffinity, 0).value == {min(os.sched_getaffinity(0))}


def test_the_affinity_of_a_job_is_its_own_to_set_and_others_are_told_as_they_are(zygote: Zygote) -> None:
    def pin() -> Any:
        highest = max(os.sched_getaffinity(os.getppid()))
        os.sched_setaffinity(0, {highest})
        return os.sched_getaffinity(0), os.sched_getaffinity(os.getpid()), {highest}

    own, named, expected = zygote.fork(cores=1).run(pin).value
    assert own == named == expected


def test_the_functions_go_on_to_children(zygote: Zygote) -> None:
    def in_children() -> list[int]:
        import multiprocessing

        forked = multiprocessing.get_context("fork").Pool(1)
        with forked:
            return [forked.apply(os.cpu_count), forked.apply(eval, ("__import__('os').cpu_count()",))]

    assert zygote.fork(cores=CORES).run(in_children).value == [CORES, CORES]


def test_threads_of_numpy_are_as_many_as_cores(zygote: Zygote) -> None:
    pytest.importorskip("numpy")
    pytest.importorskip("threadpoolctl")

    def threads() -> set[int]:
        import numpy
        import threadpoolctl

        numpy.ones((4, 4)) @ numpy.ones((4, 4))
        return {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}

    assert zygote.fork(cores=1).run(threads).value == {1}


@pytest.mark.parametrize("python", interpreters(), ids=lambda path: Path(path).parts[-3])
def test_every_python_counts_cores_as_granted(python: str, tmp_path: Path) -> None:
    zygote = Zygote(python, tmp_path, "--support", str(support_directory(tmp_path)))
    try:
        executor = zygote.fork(cores=1)
        spec = executor.function(b"cbuiltins\neval\n.")

        def run(expression: str) -> Any:
            payload = b"\0" + pickle.dumps(((expression,), {}))
            return executor.answer(executor.send(spec, payload=payload)).value

        assert run("__import__('os').cpu_count()") == 1
        assert run("__import__('multiprocessing').cpu_count()") == 1
        assert run("len(__import__('os').sched_getaffinity(0))") == 1
        assert run("getattr(__import__('os'), 'process_cpu_count', lambda: 1)()") == 1
        assert run("__import__('concurrent.futures').futures.ProcessPoolExecutor()._max_workers") == 1
    finally:
        zygote.stop()


def test_every_job_is_told_how_it_is_kept_before_its_first_output(zygote: Zygote) -> None:
    executor = zygote.fork(set_up=False)
    executor.set_up(pilog="no sandbox: this job can see the machine")

    def speak() -> None:
        sys.stdout.write("x")

    for _ in range(2):
        answer = executor.run(speak)
        assert executor.text(answer.jid, "pilog") == "no sandbox: this job can see the machine\n"
    assert executor.streams[:2] == ["pilog", "stdout"]


def test_without_a_remark_the_pilog_is_empty(zygote: Zygote) -> None:
    executor = zygote.fork()
    assert executor.text(executor.run(abs, -1).jid, "pilog") == ""
