"""Promise 6 over real minutes: a cron fires once per tick, also around a kill of the server."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
from harness import Recorder, until


@pytest.mark.timeout(300)
def test_promise_6_a_tick_fires_once_though_the_server_is_killed_around_it(
    new_server: Any, bind: Any, recorder: Recorder
) -> None:
    server = new_server()
    cloud = bind(server)
    mark = recorder.mark
    for number in range(20):
        cloud.cron.register(lambda number=number: mark(str(number)), f"every-minute-{number}", "* * * * *")
    first = cloud.cron.next("* * * * *", count=1)[0].timestamp()

    def killed_at(moment: float) -> None:
        until(lambda: time.time() >= moment, 70, "the moment comes")
        server.kill()
        server.start()

    # One life ends just before the minute, so that the next one fires it; one in the midst of firing.
    killed_at(first - 0.2)
    killed_at(first + 60 + 0.02)
    cloud = bind(server)
    labels = [f"every-minute-{number}" for number in range(20)]

    def ticks(label: str) -> list[float]:
        return [firing.tick.timestamp() for firing in cloud.cron.firings(label)]

    expected = [first + 60, first]
    for label in labels:
        until(lambda label=label: ticks(label)[-2:] == expected, 60, f"both ticks of {label} are recorded")
    jids = []
    for label in labels:
        for firing in cloud.cron.firings(label):
            assert firing.kind == "fired", firing
            jids.append(firing.jid)
        assert len(set(ticks(label))) == len(ticks(label)), "a tick is recorded twice"
    assert len(set(jids)) == len(jids), "two ticks have one job"
    # Each job marks once; one that a kill of the server cut off may have run again, as any job may.
    cloud.join(jids, timeout=60)
    marks = Counter(recorder.marks())
    assert sorted(map(int, marks)) == list(range(20))
    assert min(marks.values()) >= 2
