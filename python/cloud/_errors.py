"""What can go wrong, as exceptions.

    Exception
    ├── CloudException            the service, or a job, said no
    │   ├── CloudTimeoutError     a wait took longer than its timeout (also a TimeoutError)
    │   └── DamagedError          a stored object did not arrive as it was sent (also a RuntimeError)
    ├── pickle.PicklingError      something cannot be sent; the message leads to the culprit
    ├── RemoteTraceback           never raised: the cause of an exception that a job raised
    └── TypeError, ValueError     wrong arguments, noticed before anything is sent

A job that raises an exception raises the same one where its result is asked for. Only where the
exception cannot be rebuilt here is it a `CloudException`.
"""

from __future__ import annotations

from typing import Any

__all__ = ["CloudException", "CloudTimeoutError", "DamagedError", "RemoteTraceback"]


class CloudException(Exception):  # noqa: N818, a name of 2010 that programs catch
    """The service refused a request, or a job failed in a way that has no exception of its own.

    Attributes:
        jid: the job it is about, or None.
        status: the HTTP status of the refusal, or None.
        kind: name of the refusal such as `job_unknown`; for jobs that of the verdict such as
            `signalled`; or None.
        parameter: the text without jid, status and hint.
        retry: whether the same request may succeed later.
        hint: what can be done about it, or None.
        remote_traceback: traceback text of the job, or None.
        verdict: why the job failed, as a dict of `kind` and its figures, such as `limit_bytes`; or None.
    """

    def __init__(
        self,
        parameter: str = "",
        jid: int | None = None,
        status: int | None = None,
        retry: bool = False,
        hint: str | None = None,
        kind: str | None = None,
        remote_traceback: str | None = None,
        verdict: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(parameter)
        self.parameter = parameter
        self.jid = jid
        self.status = status
        self.retry = retry
        self.hint = hint
        self.kind = kind
        self.remote_traceback = remote_traceback
        self.verdict = verdict

    @property
    def code(self) -> int | None:
        """The HTTP status, under the name the service gives it."""
        return self.status

    def __str__(self) -> str:
        text = self.parameter
        if self.jid is not None:
            text = f"Job {self.jid}: {text}"
        elif self.status is not None:
            text = f"Error {self.status}: {text}"
        return f"{text}\nTIP: {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[object, ...]:
        # The default would rebuild it from `args` alone and lose the rest.
        fields = (
            self.parameter,
            self.jid,
            self.status,
            self.retry,
            self.hint,
            self.kind,
            self.remote_traceback,
            self.verdict,
        )
        return (type(self), fields)


class CloudTimeoutError(CloudException, TimeoutError):
    """A wait took longer than its timeout. The jobs go on."""

    def __init__(
        self,
        parameter: str = "Timed out",
        jid: int | None = None,
        status: int | None = None,
        retry: bool = True,
        hint: str | None = None,
        kind: str | None = "timeout",
        remote_traceback: str | None = None,
        verdict: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(parameter, jid, status, retry, hint, kind, remote_traceback, verdict)


class DamagedError(CloudException, RuntimeError):
    """A stored object did not arrive as it was sent, also when it was tried again. In `cloud.bucket`."""

    def __init__(self, parameter: str = "", *more: object) -> None:
        super().__init__(parameter, retry=True, kind="hash_mismatch")


class RemoteTraceback(Exception):  # noqa: N818, it is a cause, never raised
    """The `__cause__` of an exception that a job raised: prints the traceback of the job."""

    def __init__(self, text: str, jid: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.jid = jid

    def __str__(self) -> str:
        where = "" if self.jid is None else f" in job {self.jid}"
        return f"raised{where}\n\n{self.text.rstrip()}"

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.text, self.jid))
