"""Runs a function under cProfile, for `_profile`. The modules are imported by the first who asks."""

from __future__ import annotations

from typing import Any, Callable

from .frames import shorten

_TEXT_LIMIT = 64 << 10


def profiled(function: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, str]:
    """The function's value and the profile's text, most cumulative time first."""
    import cProfile
    import io
    import pstats

    profile = cProfile.Profile()
    value = profile.runcall(function, *args, **kwargs)
    out = io.StringIO()
    pstats.Stats(profile, stream=out).sort_stats("cumulative").print_stats()
    return value, shorten(out.getvalue(), _TEXT_LIMIT)
