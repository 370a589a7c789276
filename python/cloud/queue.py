"""Queues: messages that wait on disk until somebody takes them, and handlers that take them as they come.

>>> numbers, sums = cloud.queue.get('numbers'), cloud.queue.get('sums')     # doctest: +SKIP
>>> numbers.attach(lambda n: n + 1, sums)                                   # doctest: +SKIP
1
>>> numbers.push(range(1000))                                               # doctest: +SKIP
True
>>> sums.pop(3)                                                             # doctest: +SKIP
[1, 2, 3]

A message is any value that can be pickled. What JSON can say travels as JSON, so that programs in any
language can read and write it: tuples become lists, and keys of dicts become strings. The rest is pickled.
Messages come in no particular order, though the oldest ones mostly come first.

A handler that is attached to a queue runs in jobs, which start when there are messages and end when there
are none. What it returns goes to other queues. That a message was handled, and everything that came of
it, becomes true in one moment: nothing is lost and nothing is handed on twice. A handler whose process or
machine dies is run again on the messages it had; `message_id` tells it which.

Names have 1 to 39 letters, digits, `-` and `_`. A queue comes into being with the first message, or when
something is attached to it. Wrong arguments are a TypeError or ValueError before anything is sent.
"""

from __future__ import annotations

import builtins
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import _queue_calls as calls
from ._core import current
from ._errors import CloudException
from ._queue_calls import moment
from ._queue_checks import (
    DEADLINE_MAX,
    DEADLINE_MIN,
    DELAY_MAX,
    ids_of,
    messages_of,
    name_of,
    optional_whole,
    whole,
)
from ._queue_errors import HandlerCrashed, MaxRetryException, Retry
from ._queue_facts import PeekedMessage, RateWindow, peeked, rate, version_info
from ._queue_messages import Unread, decode_all

if TYPE_CHECKING:
    from ._session import Session

__all__ = [
    "CloudQueue",
    "HandlerCrashed",
    "MaxRetryException",
    "MessageTicket",
    "PeekedMessage",
    "RateWindow",
    "Retry",
    "exists",
    "get",
    "list",
]

RETENTION_MIN = 60
RETENTION_MAX = 31_536_000
PEEK_MAX = 1000
RATES_PAGE = 10_000


def _session() -> Session:
    return current()._session()


def get(name: str) -> CloudQueue:
    """The queue of that name, whether it exists or not. Nothing is sent.

    Raises:
        TypeError, ValueError: it is no name of a queue.
    """
    return CloudQueue(name)


def list() -> builtins.list[CloudQueue]:
    """All queues of the account, by name."""
    found = _session().connection.json("GET", "/v1/queues")["queues"]
    return [CloudQueue(queue["name"]) for queue in found]


def exists(name: str) -> bool:
    """Whether there is a queue of that name."""
    return CloudQueue(name)._found() is not None


class MessageTicket:
    """A message that was taken until a deadline. If it is not acknowledged by then, others get it.

    Attributes:
        queue: the queue it came from.
        id: of the message; the same when it is delivered again.
        ticket: names this delivery; `ticket_id` is the same.
        deadline: when it ends, by the clock of the server.
        cur_retry: retries so far, by a handler that raised `Retry`.
        deliveries: how often the message was handed out, this time included.
    """

    __slots__ = (
        "_created_ms",
        "_message",
        "_until",
        "cur_retry",
        "deadline",
        "deliveries",
        "id",
        "queue",
        "ticket",
    )

    def __init__(
        self,
        queue: CloudQueue,
        ticket: str,
        message: Any,
        deadline: datetime,
        seconds: float,
        cur_retry: int,
        deliveries: int,
        created_ms: int,
    ) -> None:
        self.queue = queue
        self.ticket = ticket
        self.id = int(ticket.partition("-")[0])
        self.deadline = deadline
        self.cur_retry = cur_retry
        self.deliveries = deliveries
        self._created_ms = created_ms
        self._message = message
        self._until = time.time() + seconds

    @property
    def message(self) -> Any:
        """The message. CloudException if it could not be fetched or unpickled."""
        if isinstance(self._message, Unread):
            raise self._message.error
        return self._message

    @property
    def created(self) -> datetime:
        """When the message came into its first queue."""
        return moment(self._created_ms)

    @property
    def ticket_id(self) -> str:
        """The same as `ticket`."""
        return self.ticket

    def ack(self) -> bool:
        """Removes the message for good. False if the deadline was over, and others may have it."""
        return not self.queue.ack([self])

    def update_deadline(self, new_deadline: int) -> bool:
        """Moves the deadline to so many seconds from now, 3 to 43,200. False if it was over already."""
        return not self.queue.update_deadline([self], new_deadline)

    def time_until_deadline(self) -> float:
        """Seconds until the deadline, negative once it is over."""
        return self._until - time.time()

    def _extend(self, deadline: datetime, seconds: float) -> None:
        self.deadline = deadline
        self._until = time.time() + seconds

    def __repr__(self) -> str:
        return f"MessageTicket({self.queue!r}, {self.ticket!r})"


class CloudQueue:
    """A queue. `cloud.queue.get(name)` gives it; it may be sent to jobs, compared, and used as a key.

    Attributes:
        name: its name.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name_of(name)

    def __repr__(self) -> str:
        return f"CloudQueue({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CloudQueue) and self.name == other.name

    def __hash__(self) -> int:
        return hash((CloudQueue, self.name))

    def __reduce__(self) -> tuple[object, ...]:
        return (CloudQueue, (self.name,))

    # Messages.

    def push(self, messages: Iterable[Any], delay: int = 0) -> bool:
        """Puts messages in. When it returns, they are on disk.

        Args:
            messages: any iterable of values that can be pickled. They are sent as they come, a thousand at a
                time; of those thousand all are put in or none.
            delay: seconds until they can be taken, 0 to 900.

        Returns:
            True.

        Raises:
            ValueError: one value rather than many; push `[value]`.
            pickle.PicklingError: one cannot be pickled. Those in earlier thousands are in the queue.
            CloudException: one is too large, or the server said no.
        """
        delay = whole("delay", delay, 0, DELAY_MAX)
        messages = messages_of(messages)
        calls.push(_session(), self.name, messages, delay)
        return True

    def pop(self, max_count: int = 10, timeout: int = 20) -> builtins.list[Any]:
        """Takes messages out for good.

        Args:
            max_count: at most so many, at least 1.
            timeout: seconds to wait for the first one. The others are those that are there.

        Returns:
            the messages; an empty list if none came.

        Raises:
            CloudException: a message could not be read. Those that could are in its attribute `messages`. Or
                the connection broke, and with it what was on its way: `pop_tickets` loses nothing.
        """
        max_count = whole("max_count", max_count, 1)
        timeout = whole("timeout", timeout, 0)
        session = _session()
        values = decode_all(session, calls.pop(session, self.name, max_count, timeout, None)[0])
        for value in values:
            if isinstance(value, Unread):
                rest = [other for other in values if not isinstance(other, Unread)]
                value.error.messages = rest  # type: ignore[attr-defined]
                raise value.error
        return values

    def pop_tickets(
        self, max_count: int = 10, timeout: int = 20, deadline: int = 30
    ) -> builtins.list[MessageTicket]:
        """Takes messages until a deadline: those that are not acknowledged by then come back.

        Args:
            max_count: at most so many, at least 1.
            timeout: seconds to wait for the first one.
            deadline: seconds until they come back, 3 to 43,200.

        Returns:
            a ticket for each; an empty list if none came.

        >>> for ticket in queue.pop_tickets():    # doctest: +SKIP
        ...     work_on(ticket.message)
        ...     ticket.ack()
        """
        max_count = whole("max_count", max_count, 1)
        timeout = whole("timeout", timeout, 0)
        deadline = whole("deadline", deadline, DEADLINE_MIN, DEADLINE_MAX)
        session = _session()
        found, until = calls.pop(session, self.name, max_count, timeout, deadline)
        ends = moment(until or 0)
        return [
            MessageTicket(
                self,
                f"{message.id}-{message.deliveries}",
                value,
                ends,
                deadline,
                message.cur_retry,
                message.deliveries,
                message.created,
            )
            for message, value in zip(found, decode_all(session, found))
        ]

    def ack(self, tickets: Iterable[MessageTicket | str]) -> builtins.list[str]:
        """Removes messages for good.

        Args:
            tickets: tickets, or ids of tickets.

        Returns:
            the ids of those tickets whose deadline was over, or that were acknowledged before; mostly none.

        Raises:
            TypeError: something else than a list of tickets.
            ValueError: a ticket of another queue.
        """
        ids = self._tickets(tickets)[0]
        return calls.tickets(_session(), self.name, "ack", ids)[0] if ids else []

    def update_deadline(
        self, tickets: Iterable[MessageTicket | str], new_deadline: int
    ) -> builtins.list[str]:
        """Moves deadlines to so many seconds from now, 3 to 43,200.

        Returns:
            the ids of those tickets whose deadline was over already; mostly none.
        """
        new_deadline = whole("new_deadline", new_deadline, DEADLINE_MIN, DEADLINE_MAX)
        ids, given = self._tickets(tickets)
        if not ids:
            return []
        lost, until = calls.tickets(_session(), self.name, "deadline", ids, new_deadline)
        over = set(lost)
        for ticket in given:
            if ticket.ticket not in over and until is not None:
                ticket._extend(moment(until), new_deadline)
        return lost

    def _tickets(
        self, tickets: Iterable[MessageTicket | str]
    ) -> tuple[builtins.list[str], builtins.list[MessageTicket]]:
        if isinstance(tickets, (str, bytes, MessageTicket)) or not isinstance(tickets, Iterable):
            raise TypeError("tickets come in a list, such as [ticket]")
        ids, given = [], []
        for ticket in tickets:
            if isinstance(ticket, MessageTicket):
                if ticket.queue != self:
                    raise ValueError(f"{ticket!r} is not of {self!r}")
                given.append(ticket)
                ids.append(ticket.ticket)
            elif isinstance(ticket, str):
                ids.append(ticket)
            else:
                raise TypeError(f"a ticket is a MessageTicket or its id, not {type(ticket).__name__}")
        return ids, given

    # What is known of it.

    def count(self) -> int:
        """Messages in it: those that wait, those that are delayed, and those taken but not acknowledged."""
        found = self._found()
        return 0 if found is None else int(found["count"])

    def info(self) -> dict[str, Any]:
        """Everything about the queue.

        Returns:
            a dict of `name`, `created`, `count`, `in_flight` (taken and not acknowledged), `delayed`,
            `oldest_age` (seconds; None if none waits), `paused`, `retention` (seconds), `enqueued_per_s` and
            `dequeued_per_s` (over the last minute), `time_to_drain` (seconds until it is empty at these
            rates; None if it is not getting emptier), and `attachment`: None, or a dict of `version`,
            `handler`, `max_parallel_jobs`, `jobs` (that have not ended), `attached`, and its settings.

        Raises:
            CloudException: it does not exist.
        """
        found = self._get("")
        age = found.pop("oldest_age_ms")
        found["oldest_age"] = None if age is None else age / 1000
        found["created"] = moment(found["created"])
        found["retention"] = found.pop("retention_s")
        found["time_to_drain"] = found.pop("time_to_drain_s")
        if found["attachment"] is not None:
            found["attachment"] = version_info(found["attachment"])
        return found

    def peek(self, limit: int = 10) -> builtins.list[PeekedMessage]:
        """Looks at messages that wait, longest waiting first, without taking them.

        Args:
            limit: at most so many, at least 1.
        """
        limit = whole("limit", limit, 1)
        found: builtins.list[PeekedMessage] = []
        after = ""
        while len(found) < limit:
            asked = min(PEEK_MAX, limit - len(found))
            messages = self._get(f"/messages?limit={asked}{after}")["messages"]
            found += [peeked(message) for message in messages]
            if len(messages) < asked:
                break
            after = f"&after={messages[-1]['id']}"
        return found

    def rates(self, since: datetime | float = 600.0) -> builtins.list[RateWindow]:
        """What happened in the queue, in windows of ten seconds, oldest first. They are kept for a week.

        Args:
            since: a moment, or so many seconds ago.

        Returns:
            a window for each ten seconds and version of the handler; none where nothing happened.
        """
        if not isinstance(since, datetime):
            if isinstance(since, bool) or not isinstance(since, (int, float)):
                raise TypeError(f"since is a datetime or a number of seconds, not {type(since).__name__}")
            start = time.time() - since
        else:
            start = since.timestamp()
        found: builtins.list[RateWindow] = []
        since_ms = max(0, round(start * 1000))
        while True:
            page = self._get(f"/rates?since={since_ms}&limit={RATES_PAGE}")["windows"]
            if len(page) < RATES_PAGE:
                return found + builtins.list(map(rate, page))
            # Of the last ten seconds there may be more versions: they come whole with the next page.
            since_ms = page[-1]["start"]
            found += [rate(window) for window in page if window["start"] < since_ms]

    # Care.

    def pause(self) -> None:
        """Nothing is handed out from now on, to people or handlers; pushing goes on. Handler jobs end."""
        self._change(paused=True)

    def resume(self) -> None:
        """Ends a pause."""
        self._change(paused=False)

    def set_retention(self, seconds: int) -> None:
        """Messages that nobody took for so long are dropped: 60 to 31,536,000 seconds, four days at first."""
        self._change(retention_s=whole("seconds", seconds, RETENTION_MIN, RETENTION_MAX))

    def set_max_parallel_jobs(self, n: int) -> None:
        """How many jobs of the handler may run at the same time from now on; 0 pauses handling.

        If more are running, those end after the messages they have. CloudException if nothing is attached.
        """
        self._change(max_parallel_jobs=whole("n", n, 0))

    def purge(self, ids: Iterable[int] | None = None) -> int:
        """Removes waiting messages: all, or those. Returns how many. Messages taken by others stay."""
        return self._move("purge", ids)

    def move(self, to: CloudQueue | str, ids: Iterable[int] | None = None) -> int:
        """Moves waiting messages to another queue: all, or those. Returns how many. They get new ids."""
        return self._move("move", ids, _queue(to))

    def redrive(self, to: CloudQueue | str | None = None, ids: Iterable[int] | None = None) -> int:
        """Sends error messages back as what they were before they failed, with no retry counted.

        Args:
            to: a queue; the one that each message failed in by default.
            ids: only these.

        Returns:
            how many. Messages that are no error messages stay.
        """
        return self._move("redrive", ids, None if to is None else _queue(to))

    def requeue(
        self, id: int, message: Any = ..., to: CloudQueue | str | None = None, delay: int = 0
    ) -> None:
        """Puts a waiting message in anew, with another content, in another queue, or later.

        Args:
            id: of the message, from `peek`.
            message: what it says from now on, something that JSON can say; what it says already by default.
            to: the queue it goes to; its own by default, or that which an error message failed in.
            delay: seconds until it can be taken, 0 to 900.

        Raises:
            CloudException: it does not wait any more.
        """
        id = whole("the id of a message", id, 0, (1 << 63) - 1)
        content: dict[str, Any] = {"delay_s": whole("delay", delay, 0, DELAY_MAX)}
        if to is not None:
            content["to"] = _queue(to).name
        if message is not ...:
            content["message"] = message
        calls.ask(_session(), self.name, f"/messages/{id}/requeue", content, repeat=False)

    def delete(self) -> None:
        """Deletes the queue with its messages, its attachment and what is known of its past.

        Jobs of its handler end. CloudException if it does not exist.
        """
        path = calls.path_of(self.name)
        _session().connection.json("DELETE", path, timeout=600.0, repeat=False)

    # Handlers.

    def attach(
        self,
        message_handler: Any,
        output_queues: CloudQueue | Iterable[CloudQueue] = (),
        iter_output: bool = False,
        readers_per_job: int = 1,
        max_parallel_jobs: int = 1,
        retry_on: type[BaseException] | Iterable[type[BaseException]] = (),
        max_retries: int | None = None,
        retry_delay: int | None = None,
        on_error: Mapping[type[BaseException], Mapping[str, Any] | CloudQueue] | None = None,
        **reserved: Any,
    ) -> int:
        """Has messages handled as they come, by jobs that run while there are messages.

        If something is attached already, this replaces it: running jobs end after the messages they have, and
        new ones use the new handler. Earlier versions are kept, see `versions` and `rollback`.

        Args:
            message_handler: a function of one message. Or an object with a method `message_handler(message)`
                and, if it likes, `pre_handling()` and `post_handling()`, which run once in each reader,
                before the first and after the last message. If it takes them as keywords, it also gets
                `message_id`, `cur_retry` and `max_retries`.
            output_queues: a queue or a list of at most 50. What the handler returns goes to each of them,
                unless it is None.
            iter_output: the handler returns an iterable, and each of its elements is a message.
            readers_per_job: 1 to 128 threads in each job that handle messages, for handlers that mostly wait.
                Each has a copy of the handler of its own.
            max_parallel_jobs: how many jobs may run at the same time. 0 pauses handling.
            retry_on: an exception class or a list of them: a handler that raises one is run again later.
                Needs `max_retries` and `retry_delay`.
            max_retries: how often a message is handled again, at most.
            retry_delay: seconds until then, 0 to 900.
            on_error: where messages go that failed: `{SomeError: {'queue': queue, 'delay': 0}}`. The most
                specific class that fits the exception counts. What arrives is a dict of `exception`,
                `traceback`, `source_message` and `cur_retry`. Without an entry that fits, it is dropped.
            **reserved: `_type`, `_cores`, `_vol`, `_label`, `_priority`, `_profile`, `_os_env_vars` as of
                `cloud.call`. `_restartable=False`: a message that ended its process is not tried again.

        Returns:
            the number of this version, 1 for the first.

        Raises:
            TypeError, ValueError: an argument is wrong.
            pickle.PicklingError: the handler cannot be sent.

        >>> images.attach(thumbnail, [small, log], max_parallel_jobs=5, retry_on=IOError,    # doctest: +SKIP
        ...               max_retries=3, retry_delay=60, on_error={Exception: {'queue': failed}})
        """
        from ._attaching import Attachment

        attachment = Attachment(self)
        attachment.takes_handler(message_handler)
        attachment.takes_outputs(output_queues, iter_output)
        attachment.takes_jobs(readers_per_job, max_parallel_jobs, reserved)
        attachment.takes_retries(retry_on, max_retries, retry_delay)
        attachment.takes_errors(on_error)
        return attachment.put(_session())

    def detach(self) -> None:
        """Ends the attachment: jobs end after the messages they have, messages stay in the queue.

        CloudException if nothing is attached.
        """
        _session().connection.json("DELETE", calls.path_of(self.name, "/attachment"), repeat=False)

    def versions(self) -> builtins.list[dict[str, Any]]:
        """Versions of the handler, newest first.

        Returns:
            dicts of `version`, `current` (bool), `handler`, `attached`, and how it was attached.
        """
        reply = self._get("/attachment/versions")
        return [
            {**version_info(version), "current": version["version"] == reply["current"]}
            for version in reply["versions"]
        ]

    def rollback(self, version: int | None = None) -> int:
        """Makes an earlier version of the handler the current one, as if it had been attached again.

        Args:
            version: its number; the one before the current one by default. After `detach` it attaches again.

        Returns:
            its number.

        Raises:
            CloudException: there is no such version.
        """
        content = {"version": optional_whole("version", version, 1)}
        reply = calls.ask(_session(), self.name, "/attachment/rollback", content, repeat=version is not None)
        return int(reply["version"])

    # Requests.

    def _found(self) -> dict[str, Any] | None:
        """What the server says of it; None if it does not exist."""
        try:
            return self._get("")
        except CloudException as error:
            if error.status == 404:
                return None
            raise

    def _get(self, rest: str) -> dict[str, Any]:
        found: dict[str, Any] = _session().connection.json(
            "GET", calls.path_of(self.name, rest), timeout=60.0
        )
        return found

    def _change(self, **what: Any) -> None:
        _session().connection.json("PATCH", calls.path_of(self.name), what)

    def _move(self, verb: str, ids: Iterable[int] | None, to: CloudQueue | None = None) -> int:
        content: dict[str, Any] = {"ids": ids_of(ids)}
        if to is not None:
            content["to"] = to.name
        return int(calls.ask(_session(), self.name, f"/{verb}", content, repeat=False)["moved"])


def _queue(given: CloudQueue | str) -> CloudQueue:
    if isinstance(given, CloudQueue):
        return given
    if isinstance(given, str):
        return CloudQueue(given)
    raise TypeError(f"a CloudQueue or its name, not {type(given).__name__}")
