"""Whether a core type comes in the number of cores asked for: said before anything is sent."""

from __future__ import annotations

from typing import Any

from ._errors import CloudException
from ._session import Session

__all__ = ["check_cores"]


def check_cores(session: Session, core_type: str, cores: int) -> None:
    """CloudException, in the words of the service, where a job cannot have so many cores of that type."""
    if refusal(session.service()["core_types"], core_type, cores) is None:
        return
    # The operator may have changed them since we asked.
    refused = refusal(session.service(max_age=0.0)["core_types"], core_type, cores)
    if refused is not None:
        raise refused


def refusal(known: list[dict[str, Any]], core_type: str, cores: int) -> CloudException | None:
    """What there is to say against it."""
    for kind in known:
        if kind["name"] != core_type:
            continue
        counts = kind["cores_allowed"]
        if cores in counts:
            return None
        allowed = ", ".join(map(str, counts))
        larger = min((count for count in counts if count > cores), default=max(counts, default=1))
        return CloudException(
            f"core type {core_type} comes in {allowed} core(s) per job, not {cores}",
            kind="bad_request",
            hint=f"ask for one of these counts, such as _cores={larger}",
        )
    names = ", ".join(kind["name"] for kind in known)
    return CloudException(
        f"there is no core type {core_type!r}; choose one of {names}",
        kind="bad_request",
        hint="the server's settings say which core types there are",
    )
