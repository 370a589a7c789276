"""One workload's rows as text: median of each metric, ratio to the best row, spread."""

from __future__ import annotations

import dataclasses
import statistics

from workloads import WORKLOADS, Figures, Metric


@dataclasses.dataclass
class Row:
    """One peer in one mode, and what its runs gave."""

    peer: str
    mode: str
    durability: str
    caveat: str = ""
    runs: list[Figures] = dataclasses.field(default_factory=list)

    def good(self) -> list[Figures]:
        return [r for r in self.runs if "error" not in r]

    def median(self, metric: str) -> float:
        return float(statistics.median(r[metric] for r in self.good()))

    def spread(self, metric: str) -> str:
        """(max - min) / median of several runs."""
        values, middle = [r[metric] for r in self.good()], self.median(metric)
        return f"{(max(values) - min(values)) / middle * 100:.0f}%" if middle and len(values) > 1 else "-"

    def remark(self, n: int) -> str:
        """What a reader must know beside the figures."""
        said = [f"n={self.good()[0]['n']}"] if self.good()[0]["n"] != n else []
        said += [self.caveat] if self.caveat else []
        bad = len(self.runs) - len(self.good())
        said += [f"{bad} of {len(self.runs)} runs failed"] if bad else []
        return "; ".join(said)


def ranked(workload: str, rows: list[Row]) -> list[Row]:
    """Those with figures, best first by the workload's first metric."""
    name, metric = next(iter(WORKLOADS[workload].metrics.items()))
    sign = -1 if metric.higher_is_better else 1
    return sorted((r for r in rows if r.good()), key=lambda r: sign * r.median(name))


def best(metric: str, kind: Metric, rows: list[Row]) -> float:
    values = [r.median(metric) for r in rows]
    return max(values) if kind.higher_is_better else min(values)


def ratio(value: float, best_value: float) -> str:
    """How the value compares to the best row's: 1 is the best."""
    return f"{value / best_value:.3g}" if best_value else "-"


def table(workload: str, n: int, rows: list[Row], na: dict[str, str]) -> str:
    what = WORKLOADS[workload]
    head = f"  {'peer':<15}{'mode':<16}{'durability':<22}"
    for name, kind in what.metrics.items():
        head += f"{name + (' ' + kind.unit if kind.unit else ''):>15}{'ratio':>9}{'spread':>8}"
    lines = [f"\n{what.number} {workload} (n={n})", head]
    order = ranked(workload, rows)
    for row in order:
        line = f"  {row.peer:<15}{row.mode:<16}{row.durability:<22}"
        for name, kind in what.metrics.items():
            value = row.median(name)
            line += (
                f"{value:>15,.{kind.digits}f}{ratio(value, best(name, kind, order)):>9}{row.spread(name):>8}"
            )
        remark = row.remark(n)
        lines.append(line + (f"  ({remark})" if remark else ""))
    for row in rows:
        if not row.good():
            reason = row.runs[0]["error"][:90] if row.runs else "not run"
            lines.append(f"  {row.peer:<15}{row.mode:<16}failed: {reason}")
    lines += [f"  {peer:<15}n/a: {why}" for peer, why in na.items()]
    return "\n".join(lines)
