"""What was done to queues and what came back, written down while it happens and judged afterwards.

A history is a list of events, each with the span of time in which it took effect: what was called may have
happened at any moment between the call and its answer, or, without an answer, at any moment after the call.
The judge only says what no order of those moments can explain.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf


@dataclass
class Event:
    """Something done to messages. `messages` are what tests call them, not the server's ids."""

    kind: str
    """`push`, `deliver`, `ack` or `remove`."""
    called: float
    answered: float = inf
    """Infinite without an answer: it may have happened, or happen yet, or never."""
    messages: list[int] = field(default_factory=list)
    deadline_s: float = 0.0
    """How long a delivery is good for, from some moment between call and answer on."""


class History:
    """Events of many threads."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._lock = threading.Lock()

    @contextmanager
    def doing(self, kind: str, messages: Iterable[int] = (), deadline_s: float = 0.0) -> Iterator[Event]:
        """An event that is answered when the block ends without an exception."""
        event = Event(kind, time.monotonic(), messages=list(messages), deadline_s=deadline_s)
        with self._lock:
            self.events.append(event)
        yield event
        event.answered = time.monotonic()

    def of(self, kind: str) -> list[Event]:
        """Events of one kind."""
        return [event for event in self.events if event.kind == kind]


def faults(history: History, left: Iterable[int] = ()) -> list[str]:
    """What cannot have happened if a queue keeps its promises; `left` is what is in it at the end.

    Nothing that was pushed is lost; nothing comes that was not pushed; what was acknowledged does not
    come back; nobody gets a message while somebody else has it.
    """
    found = []
    pushed = Counter(m for event in history.of("push") for m in event.messages)
    surely = {m for event in history.of("push") if event.answered < inf for m in event.messages}
    seen = Counter(m for event in history.of("deliver") for m in event.messages)
    removed = Counter(m for event in history.of("remove") for m in event.messages)
    acked = {m for event in history.of("ack") for m in event.messages}
    in_it = Counter(left)
    for message in [*seen, *removed, *in_it]:
        if message not in pushed:
            found.append(f"{message} came from nowhere")
    for message in surely:
        if message not in acked and message not in removed and message not in in_it:
            found.append(f"{message} was pushed and is lost")
    for message, times in removed.items():
        if times > 1:
            found.append(f"{message} was removed {times} times")
    for message, times in in_it.items():
        if times > 1:
            found.append(f"{message} is there {times} times")
    found += _resurrected(history, in_it) + _shared(history)
    return found


def _resurrected(history: History, left: Counter[int]) -> list[str]:
    """A delivery that was asked for after an acknowledgement was answered."""
    found = []
    over: dict[int, float] = {}
    for event in [*history.of("ack"), *history.of("remove")]:
        if event.answered < inf:
            for message in event.messages:
                over[message] = min(over.get(message, inf), event.answered)
    for event in [*history.of("deliver"), *history.of("remove")]:
        for message in event.messages:
            if event.called > over.get(message, inf):
                found.append(f"{message} came back after it was acknowledged")
    found += [f"{message} was acknowledged and is still there" for message in left if message in over]
    return found


def _shared(history: History) -> list[str]:
    """Two deliveries of a message, the second answered before the first can have ended."""
    found = []
    deliveries: dict[int, list[Event]] = defaultdict(list)
    for event in history.of("deliver"):
        for message in event.messages:
            deliveries[message].append(event)
    for message, events in deliveries.items():
        events.sort(key=lambda event: event.answered)
        for first, second in zip(events, events[1:]):
            # The first began after it was called for, so it lasts at least until then.
            if first.answered < inf and second.answered < first.called + first.deadline_s:
                found.append(f"{message} was delivered to two at once")
    return found
