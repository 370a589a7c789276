"""Many at once: order, padding, streaming, dependencies."""

from __future__ import annotations

import time
from types import ModuleType
from typing import Any

import pytest
from harness import Recorder, until


def test_a_map_answers_in_order_and_its_ids_are_consecutive(cloud: ModuleType) -> None:
    jids = cloud.map(lambda x: x * x, range(5000))
    assert len(jids) == 5000 and list(jids) == list(range(jids[0], jids[0] + 5000))
    assert cloud.result(jids) == [x * x for x in range(5000)]
    assert cloud.status([jids[0], jids[4999]]) == ["done", "done"]


def test_shorter_iterables_are_padded_with_none(cloud: ModuleType) -> None:
    assert cloud.result(cloud.map(lambda a, b: (a, b), [1, 2, 3], "xy")) == [(1, "x"), (2, "y"), (3, None)]


def test_a_generator_without_length_maps_like_a_list(cloud: ModuleType) -> None:
    jids = cloud.map(abs, (-x for x in range(6000)))
    assert cloud.result(jids) == list(range(6000))


def test_an_empty_map_makes_no_job(cloud: ModuleType) -> None:
    assert list(cloud.map(abs, [])) == []


def test_iresult_streams_in_order_and_goes_on_after_a_failure(cloud: ModuleType) -> None:
    def work(x: int) -> int:
        if x == 2:
            raise ValueError("two")
        return x

    stream = cloud.iresult(cloud.map(work, range(5)))
    assert [next(stream), next(stream)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(stream)
    assert list(stream) == [3, 4]


def test_ids_may_be_given_as_numbers_ranges_and_nests_of_them(cloud: ModuleType) -> None:
    jids = cloud.map(abs, range(4))
    first = jids[0]
    cloud.join(jids)
    assert cloud.result([first, range(first + 1, first + 3), [first + 3]]) == [0, 1, 2, 3]
    with pytest.raises(TypeError, match="jid"):
        cloud.status("1")


def test_dependencies_run_first(cloud: ModuleType, recorder: Recorder) -> None:
    mark = recorder.mark

    def note(word: str) -> None:
        time.sleep(0.05)
        mark(word)

    firsts = cloud.map(note, ["a", "b", "c"])
    last = cloud.call(note, "z", _depends_on=firsts)
    more = cloud.map(note, ["y1", "y2"], _depends_on=[last])
    cloud.join(more)
    words = recorder.marks()
    assert sorted(words[:3]) == ["a", "b", "c"] and words[3] == "z" and sorted(words[4:]) == ["y1", "y2"]


def test_a_failed_dependency_stalls_what_follows_or_is_ignored(cloud: ModuleType) -> None:
    def fail() -> None:
        raise RuntimeError("no")

    bad = cloud.call(fail)
    stalled = cloud.call(abs, 1, _depends_on=bad)
    after_stalled = cloud.call(abs, 1, _depends_on=stalled)
    runs = cloud.call(abs, -5, _depends_on=[bad, stalled], _depends_on_errors="ignore")
    assert cloud.result(runs) == 5
    cloud.join([stalled, after_stalled], ignore_errors=True)
    assert cloud.status([stalled, after_stalled]) == ["stalled", "stalled"]
    with pytest.raises(cloud.CloudException, match="dependency"):
        cloud.result(stalled)
    late = cloud.call(abs, 1, _depends_on=bad)
    assert cloud.status(late) == "stalled", "a dependency that failed before counts at once"


def test_a_map_fails_whole_when_one_element_cannot_be_pickled(new_server: Any, bind: Any) -> None:
    import threading

    cloud = bind(new_server())
    items: list[Any] = [*range(9000), threading.Lock(), *range(100)]
    with pytest.raises(Exception, match="(?i)pickle"):
        cloud.map(lambda x: 1, items)

    def jobs_left() -> int:
        _, reply = server_list(cloud)
        return len(reply)

    def server_list(module: ModuleType) -> tuple[int, list[Any]]:
        info = module.connection_info()
        import base64
        import json
        import urllib.request

        request = urllib.request.Request(info["server_url"].rstrip("/") + "/v1/jobs?limit=10")
        token = base64.b64encode(f"{info['api_key']}:{info['api_secretkey']}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
        with urllib.request.urlopen(request) as reply:
            return reply.status, json.load(reply)["jobs"]

    until(lambda: jobs_left() == 0, what="nothing of the broken map is left")


def test_jobs_may_make_jobs_and_are_their_parents(cloud: ModuleType) -> None:
    def parent(n: int) -> Any:
        import cloud as inside

        assert inside.running_on_cloud()
        jid = inside.call(lambda x: x + 1, n)
        return int(jid), inside.result(jid)

    jid = cloud.call(parent, 41)
    child, value = cloud.result(jid)
    assert value == 42
    info = cloud.info(child, "all")[child]
    assert info["parent_jid"] == jid
    assert not cloud.running_on_cloud()


def test_delete_erases_finished_jobs_only(cloud: ModuleType) -> None:
    jids = cloud.map(abs, range(10))
    running = cloud.call(time.sleep, 60)
    cloud.join(jids)
    with pytest.raises(cloud.CloudException, match="not finished"):
        cloud.delete([*jids, running])
    assert cloud.status(jids[0]) == "done", "a refused delete changes nothing"
    cloud.delete(jids)
    with pytest.raises(cloud.CloudException, match="does not exist"):
        cloud.info(jids[0])
    cloud.kill(running)


def test_a_pool_and_an_executor_have_pythons_interface(cloud: ModuleType) -> None:
    from concurrent.futures import as_completed

    with cloud.Executor() as pool:
        futures = [pool.submit(pow, 2, n) for n in range(8)]
        assert sorted(f.result(timeout=30) for f in as_completed(futures, timeout=30)) == [
            2**n for n in range(8)
        ]
        assert list(pool.map(abs, [-1, -2])) == [1, 2]
        failed = pool.submit(lambda: 1 / 0)
        assert isinstance(failed.exception(timeout=30), ZeroDivisionError)
    assert cloud.pool_interface.map(abs, [-3, -4]) == [3, 4]


def test_async_twins_answer_alike(cloud: ModuleType) -> None:
    import asyncio

    async def work() -> Any:
        jid = await cloud.aio.call(pow, 2, 5)
        jids = await cloud.aio.map(abs, [-1, -2])
        return await asyncio.gather(cloud.aio.result(jid), cloud.aio.result(jids), cloud.aio.status(jid))

    value, values, _ = asyncio.run(work())
    assert (value, values) == (32, [1, 2])
