"""Exceptions of queues. They live in `cloud.queue`, also for whoever unpickles one."""

from __future__ import annotations

from ._errors import CloudException
from ._queue_checks import DELAY_MAX, optional_whole

__all__ = ["HandlerCrashed", "MaxRetryException", "Retry"]

HOME = "cloud.queue"


class Retry(Exception):  # noqa: N818, a name of 2012 that programs raise
    """Raised by a handler: the message is to be handled again, later.

    Attributes:
        delay: seconds until then, 0 to 900; None for the `retry_delay` of the attachment, or 0.
        max_retries: retries that this message may have from now on; None for what it had, which is the
            `max_retries` of the attachment at first.
        message: why, for people.

    >>> def handler(url):
    ...     if busy(url):
    ...         raise cloud.queue.Retry(delay=60, max_retries=5)
    """

    __module__ = HOME

    def __init__(self, delay: int | None = None, max_retries: int | None = None, message: str = "") -> None:
        super().__init__(message)
        self.delay = optional_whole("delay", delay, 0, DELAY_MAX)
        self.max_retries = optional_whole("max_retries", max_retries, 0)
        self.message = message

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.delay, self.max_retries, self.message))


class MaxRetryException(Retry):
    """A message was retried as often as it may be, and its handler failed again.

    Attributes:
        exception: what the handler raised the last time, a `Retry` or one of `retry_on`.
    """

    __module__ = HOME

    def __init__(self, exception: BaseException | None = None, message: str = "") -> None:
        super().__init__(message=message or (str(exception) if exception is not None else ""))
        self.exception = exception

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.exception, self.message))


class HandlerCrashed(CloudException):
    """Handling the message ended the process: it called `os._exit`, crashed, or was out of memory.

    A message that did so again and again, while it was the only one handled, goes where `on_error` of
    the attachment sends this class, with an exception of it. Its text says how the process ended.
    """

    __module__ = HOME
