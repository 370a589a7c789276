"""Runs a function under cProfile, for `_profile`. The modules are imported by the first who asks."""

from __future__ import annotations

from typing import Any, Callable

from .frames import clean, shorten

_TEXT_LIMIT = 64 << 10
_FUNCTIONS_MOST = 5_000
# A program of that many functions has about three callers for each; the rest is too short to be seen.
_EDGES_MOST = 20_000
_NAME_MOST = 300


def profiled(function: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, str]:
    """The function's value, and JSON of its profile: a text, most cumulative time first, and figures."""
    import cProfile
    import io
    import json
    import pstats

    profile = cProfile.Profile()
    value = profile.runcall(function, *args, **kwargs)
    out = io.StringIO()
    stats = pstats.Stats(profile, stream=out)
    stats.sort_stats("cumulative").print_stats()
    said = {
        "text": clean(shorten(out.getvalue(), _TEXT_LIMIT)),
        "calls": _calls(stats.stats),  # type: ignore[attr-defined]
    }
    return value, json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def _calls(counted: dict[tuple[str, int, str], Any]) -> dict[str, Any]:
    """The functions that took longest, and who called whom among them, by their places in the list."""
    kept = sorted(counted, key=lambda label: (-counted[label][3], label))[:_FUNCTIONS_MOST]
    places = {label: place for place, label in enumerate(kept)}
    functions = []
    edges = []
    for label in kept:
        primitive, calls, own, total, callers = counted[label]
        file, line, name = label
        functions.append(
            {
                "file": _name(file),
                "line": line,
                "name": _name(name),
                "calls": calls,
                "primitive_calls": primitive,
                "own_s": _seconds(own),
                "total_s": _seconds(total),
            }
        )
        for caller, (caller_calls, _, caller_own, caller_total) in callers.items():
            if caller in places:
                edges.append(
                    {
                        "caller": places[caller],
                        "callee": places[label],
                        "calls": caller_calls,
                        "own_s": _seconds(caller_own),
                        "total_s": _seconds(caller_total),
                    }
                )
    edges.sort(key=lambda edge: -edge["total_s"])
    return {"functions": functions, "edges": edges[:_EDGES_MOST]}


def _name(text: str) -> str:
    # A name may be anything that fits into a code object.
    return shorten(clean(text), _NAME_MOST)


def _seconds(value: float) -> float:
    """To the nanosecond, which is finer than the clock."""
    return round(value, 9)
