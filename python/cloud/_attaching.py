"""Attaching a handler: what may be said about it, and what is sent."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ._core_types import check_cores
from ._frames import MEDIA_TYPE, encode
from ._handling import EXTRAS, HandlerOptions, handle
from ._options import ATTACH, Options, take_options
from ._pickling import Pickled, Pickler
from ._queue_checks import DELAY_MAX, optional_whole, whole
from ._queue_errors import HandlerCrashed
from ._submit import function_name, spec_of, with_blobs
from ._wire import Body

if TYPE_CHECKING:
    from ._session import Session
    from .queue import CloudQueue

__all__ = ["Attachment", "class_name"]

OUTPUT_QUEUES_MAX = 50
READERS_MAX = 128
CRASHES = 3
"""How often a message may end its process, unless `max_retries` says otherwise."""

_ANY_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def class_name(kind: type) -> str:
    """How a class is called, such as `ValueError` or `shop.SoldOut`."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


class Attachment:
    """The arguments of `attach`, checked one group after the other, before anything is sent."""

    def __init__(self, queue: CloudQueue) -> None:
        self._queue = queue
        self._handler: Any = None
        self._extras: tuple[str, ...] = ()
        self._outputs: list[str] = []
        self._iter_output = False
        self._readers = 1
        self._jobs = 1
        self._options = Options()
        self._retry_on: tuple[type[BaseException], ...] = ()
        self._max_retries: int | None = None
        self._retry_delay: int | None = None
        self._errors: list[tuple[type[BaseException], str, int]] = []

    def takes_handler(self, handler: Any) -> None:
        """A callable, or an object with one called `message_handler`."""
        method = getattr(handler, "message_handler", None)
        if isinstance(handler, type) and method is not None:
            name = handler.__name__
            raise TypeError(f"{name} is a class: attach an object of it, such as {name}()")
        called = handler if method is None else method
        if not callable(called):
            what = f"{type(handler).__name__} object" if method is None else "its message_handler"
            raise TypeError(
                f"a message handler is a function, or has a method message_handler: {what} is neither"
            )
        self._handler = handler
        self._extras = _extras(called)

    def takes_outputs(self, queues: Any, iter_output: Any) -> None:
        """One queue, or some."""
        from .queue import CloudQueue

        if isinstance(queues, (str, bytes)) or not isinstance(queues, (CloudQueue, Iterable)):
            raise TypeError("output_queues is a CloudQueue or a list of them: cloud.queue.get(name) is one")
        given = [queues] if isinstance(queues, CloudQueue) else list(queues)
        for queue in given:
            if not isinstance(queue, CloudQueue):
                raise TypeError(f"an output queue is a CloudQueue, not {type(queue).__name__}")
        names = [queue.name for queue in given]
        if len(names) > OUTPUT_QUEUES_MAX:
            raise ValueError(f"there are {len(names)} output queues, more than {OUTPUT_QUEUES_MAX}")
        if len(set(names)) < len(names):
            raise ValueError("an output queue is named twice")
        self._outputs = names
        self._iter_output = bool(iter_output)

    def takes_jobs(self, readers_per_job: Any, max_parallel_jobs: Any, reserved: dict[str, Any]) -> None:
        """How many at the same time, and on what."""
        reserved = dict(reserved)
        if "_max_parallel_jobs" in reserved:
            # As it was written in 2012.
            max_parallel_jobs = reserved.pop("_max_parallel_jobs")
        self._readers = whole("readers_per_job", readers_per_job, 1, READERS_MAX)
        self._jobs = whole("max_parallel_jobs", max_parallel_jobs, 0)
        self._options, rest = take_options(reserved, ATTACH, "attach")
        for keyword in rest:
            raise TypeError(f"attach() got an unexpected keyword argument {keyword!r}")

    def takes_retries(self, retry_on: Any, max_retries: Any, retry_delay: Any) -> None:
        """Which exceptions are worth another try."""
        classes = (retry_on,) if isinstance(retry_on, type) else retry_on
        if isinstance(classes, (str, bytes)) or not isinstance(classes, Iterable):
            raise TypeError("retry_on is an exception class or a list of them")
        found = tuple(classes)
        for kind in found:
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                raise TypeError(f"retry_on takes exception classes, not {kind!r}")
        self._retry_on = found
        self._max_retries = optional_whole("max_retries", max_retries, 0)
        self._retry_delay = optional_whole("retry_delay", retry_delay, 0, DELAY_MAX)
        if found and (max_retries is None or retry_delay is None):
            raise ValueError("retry_on needs max_retries and retry_delay, too")

    def takes_errors(self, on_error: Any) -> None:
        """Where messages go that failed."""
        if on_error is None:
            return
        if not isinstance(on_error, Mapping):
            raise TypeError("on_error is a dict such as {Exception: {'queue': cloud.queue.get('failed')}}")
        self._errors = [(_exception(kind), *_target(kind, entry)) for kind, entry in on_error.items()]

    def put(self, session: Session) -> int:
        """Sends it; returns the version it has become."""
        options = self._options
        check_cores(session, options.core_type, options.cores)
        service = session.check_python()
        inline_max = int(service["inline_max_bytes"])
        pickler = Pickler(session.payload_limit())
        # As bytes among the arguments: each reader of a job unpickles a copy of its own.
        handler = pickler.function(self._handler)
        loop = pickler.function(handle)
        arguments = pickler.arguments((_bytes(handler), self._for_job()), {})

        def send() -> dict[str, Any]:
            header = {
                "spec": spec_of(session, self._handler, options, pickler),
                "settings": self._settings(),
                "max_parallel_jobs": self._jobs,
            }
            frames = [session.blobs.frame(loop, inline_max), session.blobs.frame(arguments, inline_max)]
            body = Body(encode(header, frames))
            import json

            path = f"/v1/queues/{self._queue.name}/attachment"
            reply = session.connection.request("PUT", path, body, MEDIA_TYPE, timeout=30.0)
            answer: dict[str, Any] = json.loads(bytes(reply.body))
            return answer

        try:
            return int(with_blobs(session, send)["version"])
        finally:
            for pickled in (handler, loop, arguments):
                pickled.close()

    def _for_job(self) -> HandlerOptions:
        return HandlerOptions(
            name=self._queue.name,
            extras=self._extras,
            has_outputs=bool(self._outputs),
            iter_output=self._iter_output,
            readers=self._readers,
            retry_on=self._retry_on,
            max_retries=self._max_retries,
            retry_delay=self._retry_delay,
            on_error=tuple(kind for kind, _, _ in self._errors),
            restartable=self._options.restartable,
        )

    def _settings(self) -> dict[str, Any]:
        crashes = CRASHES if self._max_retries is None else self._max_retries
        settings = {
            "output_queues": self._outputs,
            "iter_output": self._iter_output,
            "readers_per_job": self._readers,
            "retry_on": [class_name(kind) for kind in self._retry_on],
            "max_retries": self._max_retries,
            "retry_delay_s": self._retry_delay,
            "on_error": [
                {"exception": class_name(kind), "queue": queue, "delay_s": delay}
                for kind, queue, delay in self._errors
            ],
            "on_crash": self._for_job().entry_of(HandlerCrashed),
            "max_crashes": crashes if self._options.restartable else 0,
        }
        return {name: value for name, value in settings.items() if value is not None}


def _bytes(pickled: Pickled) -> bytes:
    if pickled.file is None:
        return pickled.data()
    pickled.file.seek(0)
    return pickled.file.read()


def _extras(called: Any) -> tuple[str, ...]:
    """What the handler takes beside the message. ValueError if it cannot be called with one."""
    name = function_name(called)
    try:
        parameters = list(inspect.signature(called).parameters.values())
    except (TypeError, ValueError):
        return ()  # written in C, and says nothing about itself
    if not parameters or parameters[0].kind not in _ANY_POSITIONAL:
        raise ValueError(
            f"{name} takes no positional argument, and a message handler is called with the message"
        )
    rest = parameters if parameters[0].kind in _VARIADIC else parameters[1:]
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in rest):
        wanted = set(EXTRAS)
    else:
        wanted = {p.name for p in rest if p.kind not in (*_VARIADIC, inspect.Parameter.POSITIONAL_ONLY)}
    for parameter in rest:
        required = parameter.default is inspect.Parameter.empty and parameter.kind not in _VARIADIC
        if required and (parameter.name not in wanted or parameter.name not in EXTRAS):
            raise ValueError(
                f"{name} needs the argument {parameter.name!r}: a message handler is called with the "
                f"message, and with {', '.join(EXTRAS)} if it takes them"
            )
    return tuple(extra for extra in EXTRAS if extra in wanted)


def _exception(kind: Any) -> type[BaseException]:
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        raise ValueError(f"the keys of on_error are exception classes, not {kind!r}")
    return kind


def _target(kind: Any, entry: Any) -> tuple[str, int]:
    from .queue import CloudQueue

    where = f"on_error of {kind.__name__}"
    if isinstance(entry, CloudQueue):
        return entry.name, 0
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where} is a dict such as {{'queue': cloud.queue.get('failed'), 'delay': 0}}")
    for key in entry:
        if key not in ("queue", "delay"):
            raise ValueError(f"{where} has {key!r}; it may have 'queue' and 'delay'")
    queue = entry.get("queue")
    if not isinstance(queue, CloudQueue):
        raise ValueError(f"{where} needs a CloudQueue as its 'queue', not {queue!r}")
    return queue.name, whole(f"the delay of {where}", entry.get("delay", 0), 0, DELAY_MAX)
