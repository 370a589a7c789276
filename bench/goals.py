"""What the project aims at on two quiet cores, checked against measured rows of picloud."""

from __future__ import annotations

import dataclasses
import statistics
from typing import Any


@dataclasses.dataclass(frozen=True)
class Goal:
    """One figure of one workload in one mode of picloud."""

    workload: str
    mode: str
    metric: str
    sign: str  # "<" or ">=" or "="
    value: float
    unit: str

    def met(self, measured: float) -> bool:
        if self.sign == "<":
            return measured < self.value
        if self.sign == ">=":
            return measured >= self.value
        return measured == self.value


GOALS = [
    Goal("roundtrip", "default", "median", "<", 2, "ms"),
    Goal("roundtrip", "relaxed", "median", "<", 0.8, "ms"),
    Goal("map10k", "default", "rate", ">=", 10_000, "tasks/s"),
    Goal("map_fat", "default", "rate", ">=", 400, "MB/s"),
    Goal("map_fat_unique", "default", "rate", ">=", 400, "MB/s"),
    Goal("pipeline", "default", "rate", ">=", 10_000, "msgs/s"),
    Goal("pushpop", "default", "push", ">=", 60_000, "msgs/s"),
    Goal("pushpop", "default", "pop", ">=", 45_000, "msgs/s"),
    Goal("coldstart", "default", "ready", "<", 0.3, "s"),
    Goal("coldstart", "default", "idle", "<", 60, "MiB"),
    *(Goal("kill9", mode, "lost", "=", 0, "tasks") for mode in ("default+agent", "default+tree")),
]


def measured(doc: dict[str, Any], goal: Goal) -> float | None:
    """The median of the goal's figure; none where it was not measured or every run failed."""
    for row in doc["workloads"].get(goal.workload, {}).get("rows", []):
        if (row["peer"], row["mode"]) == ("picloud", goal.mode):
            values = [r[goal.metric] for r in row["runs"] if "error" not in r]
            return statistics.median(values) if values else None
    return None


def verdicts(doc: dict[str, Any]) -> list[tuple[Goal, float | None]]:
    return [(goal, measured(doc, goal)) for goal in GOALS if goal.workload in doc["workloads"]]


def lines(doc: dict[str, Any]) -> list[str]:
    """The verdicts as text."""
    out = []
    for goal, value in verdicts(doc):
        name = f"{goal.workload}/{goal.mode} {goal.metric}"
        aim = f"{goal.sign} {goal.value:g} {goal.unit}"
        if value is None:
            out.append(f"  {name:<38}{aim:<20}not measured")
        else:
            out.append(f"  {name:<38}{aim:<20}{value:>10,.2f}  {'met' if goal.met(value) else 'MISSED'}")
    return out
