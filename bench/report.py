#!/usr/bin/env python3
"""Turns the runs of one measurement into RESULTS.md: `report.py results/DATE.json >RESULTS.md`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import goals

sys.path.append(str(Path(__file__).resolve().parent / "peers"))

from table import Row, best, ranked, ratio
from workloads import WORKLOADS

FRONT = """# Results

Written by `bench/run.sh --record` on {started}; do not edit. Every run is in `bench/results/`.
Figures are medians of {repeats} runs (kill9: one). Compare ratios within a table, never a figure with
one from another machine or another day. "Durability" is what accepted work survives: `memory` nothing,
`redis snapshots` a client that stops, but the last minutes are lost with Redis, `process crash` kill -9 of
every process, `fsync` loss of power as well.

To reproduce on a quiet machine:

    make build
    bench/peers/setup.sh        # the peers: Debian packages and an environment outside the tree
    bench/run.sh --record
"""


def machine(doc: dict[str, Any]) -> list[str]:
    m = doc["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(doc["versions"].items()))
    return [
        "## Machine",
        "",
        "| | |",
        "| --- | --- |",
        f"| CPU | {m['cpu']}, {m['threads']} threads |",
        f"| memory | {m['memory']} |",
        f"| system | {m['system']}, Linux {m['kernel']} |",
        f"| Python | {m['python']} |",
        f"| 4 KiB append and fdatasync | {m['fdatasync_ms']} ms (median) |",
        f"| load at the start | {m['load_at_start']} |",
        f"| versions | {versions} |",
    ]


def workload(name: str, data: dict[str, Any]) -> list[str]:
    what = WORKLOADS[name]
    rows = [Row(**row) for row in data["rows"]]
    order = ranked(name, rows)
    head = ["peer", "mode", "durability"]
    for metric, kind in what.metrics.items():
        head += [f"{metric} {kind.unit}".strip(), "ratio", "spread"]
    head.append("remark")
    lines = [f"## {what.number} {name} (n={data['n']:,})", ""]
    lines += ["| " + " | ".join(head) + " |", "| --- | --- | --- |" + " ---: |" * (len(head) - 4) + " --- |"]
    for row in order:
        bold = "**" if row.peer == "picloud" else ""
        cells = [f"{bold}{row.peer}{bold}", row.mode, row.durability]
        for metric, kind in what.metrics.items():
            value = row.median(metric)
            cells += [
                f"{value:,.{kind.digits}f}",
                ratio(value, best(metric, kind, order)),
                row.spread(metric),
            ]
        lines.append("| " + " | ".join([*cells, row.remark(data["n"])]) + " |")
    lines += [f"| {r.peer} | {r.mode} | failed: {r.runs[0]['error'][:80]} |" for r in rows if not r.good()]
    absent = "; ".join(f"{peer}: {why}" for peer, why in data["na"].items())
    return lines + (["", f"Not measured: {absent}."] if absent else [])


def markdown(doc: dict[str, Any]) -> str:
    lines = [FRONT.format(started=doc["started"], repeats=doc["repeats"]), *machine(doc), ""]
    lines += [
        "## Goals",
        "",
        "| workload | mode | figure | goal | measured | |",
        "| --- | --- | --- | --- | ---: | --- |",
    ]
    for goal, value in goals.verdicts(doc):
        what = f"| {goal.workload} | {goal.mode} | {goal.metric} | {goal.sign} {goal.value:,g} {goal.unit} |"
        shown = (
            "| not measured | |"
            if value is None
            else f"| {value:,.2f} | {'met' if goal.met(value) else 'missed'} |"
        )
        lines.append(f"{what} {shown[2:]}")
    for name, data in doc["workloads"].items():
        lines += ["", *workload(name, data)]
    lines += ["", "## What the modes set", ""]
    for peer, notes in doc["notes"].items():
        lines += [f"- {peer}: " + "; ".join(f"`{mode}` {note}" for mode, note in notes.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(markdown(json.loads(Path(sys.argv[1]).read_text())))
