"""What becomes of messages when handlers, their jobs, workers or the server end, in order or not."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from types import ModuleType
from typing import Any

from harness import Recorder, Server, eventually, until
from harness.queues import job_of, jobs_of, queue, taken

__all__ = ["queue"]


def test_a_message_that_ends_its_process_is_told_from_its_neighbours(
    server: Server, cloud: ModuleType, queue: Any
) -> None:
    def handler(message: int) -> int:
        import os

        if message == 13:
            os._exit(7)
        return message

    q, out, errors = queue(), queue("out"), queue("errors")
    q.attach(handler, out, max_retries=1, on_error={cloud.queue.HandlerCrashed: {"queue": errors}})
    q.push(range(40))
    assert sorted(taken(out, 39, 90)) == [n for n in range(40) if n != 13]
    until(lambda: errors.count() == 1, 90)
    error = errors.peek()[0].message
    assert error["source_message"] == 13
    crashed = error["exception"]
    assert type(crashed) is cloud.queue.HandlerCrashed
    assert "7" in str(crashed), str(crashed)
    assert crashed.verdict is not None and crashed.kind == crashed.verdict["kind"]
    assert q.count() == 0
    q.attach(lambda n: n + 1, out)
    assert errors.redrive() == 1
    assert taken(out, 1) == [14]


def test_at_most_once_a_message_whose_process_ended_is_not_tried_again(
    cloud: ModuleType, queue: Any, recorder: Recorder
) -> None:
    mark = recorder.mark

    def handler(message: int) -> int:
        import os

        mark(message)
        if message == 3:
            os._exit(7)
        return message

    q, out, errors = queue(), queue("out"), queue("errors")
    q.attach(handler, out, on_error={Exception: {"queue": errors}}, _restartable=False)
    q.push(range(10))
    assert sorted(taken(out, 9)) == [n for n in range(10) if n != 3]
    (error,) = taken(errors, 1)
    assert (error["source_message"], error["exception"].kind) == (3, "exited")
    assert sorted(map(int, recorder.marks())) == list(range(10)), "each was begun once"


def test_a_message_that_needs_too_much_memory_ends_among_the_errors(cloud: ModuleType, queue: Any) -> None:
    def handler(message: int) -> int:
        if message == 3:
            hog = []
            while True:
                hog.append(bytearray(10 << 20))
        return message

    q, out, errors = queue(), queue("out"), queue("errors")
    q.attach(handler, out, max_retries=0, on_error={Exception: {"queue": errors}})
    q.push(range(10))
    assert sorted(taken(out, 9, 90)) == [n for n in range(10) if n != 3]
    (error,) = taken(errors, 1, 90)
    assert error["source_message"] == 3
    assert "memory" in f"{type(error['exception']).__name__} {error['exception']}".lower()


def test_killing_a_handler_job_gives_its_messages_back(
    server: Server, cloud: ModuleType, queue: Any, recorder: Recorder
) -> None:
    hold = recorder.hold

    def handler(message: int) -> int:
        hold("gate")
        return message

    q, out = queue(), queue("out")
    q.attach(handler, out)
    q.push([1, 2])
    until(lambda: recorder.holding("gate") == 1)
    jid = job_of(server, q)
    q.set_max_parallel_jobs(0)
    cloud.kill(jid)
    until(lambda: cloud.status(jid) == "killed")
    until(lambda: q.info()["in_flight"] == 0, what="what it held is there again")
    assert (q.count(), out.count()) == (2, 0)
    recorder.release("gate")
    q.set_max_parallel_jobs(1)
    assert sorted(taken(out, 2)) == [1, 2]


def test_a_handler_that_cannot_be_loaded_costs_no_message(
    server: Server, cloud: ModuleType, queue: Any
) -> None:
    class Unloadable:
        def __reduce__(self) -> Any:
            return (eval, ("1 / 0",))

        def message_handler(self, message: Any) -> Any:
            return message

    q, out = queue(), queue("out")
    q.attach(Unloadable(), out)
    q.push([1])
    jid = job_of(server, q)

    def said() -> None:
        assert "could not be loaded" in cloud.info(jid, "stderr")[jid]["stderr"]

    eventually(said)
    assert len(jobs_of(server, q)) == 1, "no job after the other"
    assert q.count() == 1
    q.attach(lambda message: message, out)
    assert taken(out, 1) == [1]
    until(lambda: cloud.status(jid) == "error")


def test_a_job_ends_when_nothing_comes_and_the_next_message_starts_another(
    server: Server, cloud: ModuleType, queue: Any
) -> None:
    q, out = queue(), queue("out")
    q.attach(lambda message: message, out)
    assert jobs_of(server, q) == [], "nothing runs for nothing"
    q.push([1])
    assert taken(out, 1) == [1]
    first = job_of(server, q)
    until(lambda: cloud.status(first) == "done", 60, "it ends by itself")
    info = cloud.info(first, ["runtime", "exception"])[first]
    assert (19 < info["runtime"] < 40, info["exception"]) == (True, None)
    q.push([2])
    assert taken(out, 1) == [2]
    assert len(jobs_of(server, q)) == 2


def test_promise_5_nothing_is_lost_or_doubled_when_the_worker_is_killed(
    new_server: Any, bind: Any, recorder: Recorder
) -> None:
    server = new_server(PICLOUD_LEASE_S="2")
    cloud = bind(server)
    q, middle, out = (cloud.queue.get(name) for name in ("q", "middle", "out"))
    q.attach(lambda n: n + 1, middle)
    middle.attach(lambda n: n + 1, out)
    q.push(range(20_000))
    for share in (0.1, 0.5):
        until(lambda share=share: out.count() >= 20_000 * share, 60)
        for pid in server.descendants():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    until(lambda: out.count() == 20_000, 100, "all arrive")
    assert sorted(out.pop(30_000)) == list(range(2, 20_002))
    assert (q.count(), middle.count()) == (0, 0)


def test_a_restart_of_the_server_is_not_noticed(new_server: Any, bind: Any) -> None:
    server = new_server()
    cloud = bind(server)
    q, out = cloud.queue.get("q"), cloud.queue.get("out")
    q.attach(lambda n: n, out)
    q.push(range(5000))
    until(lambda: out.count() > 0)
    server.kill()
    server.start()
    until(lambda: out.count() == 5000, 60, "the rest arrives")
    assert sorted(out.pop(6000)) == list(range(5000))


def blob_count(server: Server) -> int:
    """Contents that lie beside the store."""
    return sum(1 for path in (server.data_dir / "blobs").rglob("*") if path.is_file())


def test_large_messages_leave_nothing_behind(new_server: Any, bind: Any) -> None:
    server = new_server(PICLOUD_UPLOAD_KEEP_S="1")
    cloud = bind(server)
    q, out = cloud.queue.get("q"), cloud.queue.get("out")
    before = blob_count(server)
    q.push(["x" * 100_000 + str(n) for n in range(5)])
    assert blob_count(server) == before + 5
    q.attach(lambda text: text + "!", out)
    assert len(taken(out, 5)) == 5
    until(lambda: swept(cloud, server) == before, 60, "nothing is left")


def swept(cloud: ModuleType, server: Server) -> int:
    """Contents that are left. What is deleted calls the sweeper, which would come by itself in a minute."""
    other = cloud.queue.get("other")
    other.push([])
    other.delete()
    return blob_count(server)


def test_a_large_content_that_was_there_and_is_gone_is_sent_again(new_server: Any, bind: Any) -> None:
    server = new_server(PICLOUD_UPLOAD_KEEP_S="1")
    cloud = bind(server)
    q, out = cloud.queue.get("q"), cloud.queue.get("out")
    table = "t" * 80_000
    q.attach(lambda text: [len(text), table * 2], out)
    with_handler = blob_count(server)
    assert with_handler > 0, "the handler is large itself"
    for _ in range(2):
        q.push(["x" * 100_000])
        assert taken(out, 1) == [[100_000, table * 2]]
        until(lambda: swept(cloud, server) == with_handler, 60)
    assert len(jobs_of(server, q)) == 1, "it was the same job both times"


def test_a_worker_without_network_cannot_run_handlers_and_does_not_try_all_the_time(
    new_server: Any, bind: Any
) -> None:
    server = new_server("--network", "none")
    cloud = bind(server)
    q = cloud.queue.get("q")
    q.attach(lambda message: message)
    q.push([1])
    jid = job_of(server, q)
    until(lambda: cloud.status(jid) == "error", 60)
    assert cloud.info(jid, "runtime")[jid]["runtime"] > 9
    assert "server" in cloud.info(jid, "exception")[jid]["exception"]
    assert q.count() == 1, "the message waits for a job that can"


def test_a_stop_of_the_server_ends_handlers_in_time_and_loses_nothing(new_server: Any, bind: Any) -> None:
    server = new_server()
    cloud = bind(server)
    q, out = cloud.queue.get("q"), cloud.queue.get("out")

    def handler(n: int) -> int:
        time.sleep(0.01)
        return n

    q.attach(handler, out, readers_per_job=2)
    q.push(range(400))
    until(lambda: out.count() > 20)
    began = time.monotonic()
    assert server.stop(timeout=30) == 0
    assert time.monotonic() - began < 8, "handlers ended before their grace was over"
    server.start()
    cloud = bind(server)
    until(lambda: out.count() == 400, 60)
    assert sorted(out.pop(2000)) == list(range(400))
