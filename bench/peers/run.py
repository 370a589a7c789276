#!/usr/bin/env python3
"""Runs workloads on peers, repeats interleaved across peers; prints medians and ratios. See README.md."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import adapters
import machine
from common import adopt_orphans, environment, interpreter, kill_descendants, new_dir
from table import Row, table
from workloads import WORKLOADS, Figures, run_one


@dataclasses.dataclass(frozen=True)
class Known:
    """What an adapter says about its peer, or why there is none here."""

    modes: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    na: dict[str, str] = dataclasses.field(default_factory=dict)
    notes: dict[str, str] = dataclasses.field(default_factory=dict)
    caveats: dict[str, str] = dataclasses.field(default_factory=dict)
    durability: dict[str, str] = dataclasses.field(default_factory=dict)
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    absent: str = ""


def describe(peer: str) -> None:
    """Child: prints the static tables of an adapter; apart, so that no peer's library stays loaded here."""
    peer_class = adapters.load(peer)
    known = Known(
        peer_class.modes,
        peer_class.na,
        peer_class.notes,
        peer_class.caveats,
        peer_class.durability,
        machine.versions(peer_class.packages),
    )
    print("@" + json.dumps(dataclasses.asdict(known)))


def ask(peer: str) -> Known:
    """What is known of a peer; `absent` says why it cannot run on this machine."""
    blank = {"PEER_MODE": "", "PEER_PORT": "1", "PEER_WORKLOAD": "", "PEER_LOG": os.devnull}
    argv = [interpreter(peer), __file__, "--describe", peer]
    try:
        out = subprocess.run(argv, env=environment(peer) | blank, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return Known(absent="not installed")
    if out.returncode == 0:
        return Known(**json.loads(out.stdout.rsplit("@", 1)[1]))
    if "ModuleNotFoundError" in out.stderr or "NotInstalledError" in out.stderr:
        return Known(absent=f"not installed ({out.stderr.strip().splitlines()[-1]})")
    sys.exit(f"adapter {peer} does not load:\n{out.stderr}")


def one(peer: str, workload: str, mode: str, n: str, out: str) -> None:
    """Child: one peer, one workload, one mode; the result goes to a file."""
    adopt_orphans()
    got: Figures
    try:
        got = run_one(peer, workload, mode, int(n))
    except BaseException as e:
        traceback.print_exc()
        got = {"error": f"{type(e).__name__}: {e}"[:300]}
    Path(out).write_text(json.dumps(got))
    sys.stderr.flush()
    os._exit(0)  # some clients' own exit handlers hang once their servers are gone


def measure(peer: str, workload: str, mode: str, n: int, limit: int) -> Figures:
    """One run in a fresh process; whatever it leaves behind is ended and removed."""
    box = new_dir()
    out = Path(f"{box}.json")
    p = subprocess.Popen(
        [interpreter(peer), __file__, "--one", peer, workload, mode, str(n), str(out)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment(peer) | {"PEER_BOX": box},
    )
    try:
        _, err = p.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        p.kill()
        err = f"stopped after {limit} s"
    kill_descendants()  # whatever a crashed child left behind
    shutil.rmtree(box, ignore_errors=True)
    got: Figures
    try:
        got = json.loads(out.read_text())
        out.unlink()
    except (OSError, ValueError):
        got = {"error": err.strip()[-300:] or "no result"}
    if "error" in got:
        print(f"\n{peer} {workload} {mode} failed:\n{err[-4000:]}", file=sys.stderr)
    got["load1"] = os.getloadavg()[0]
    return got


def say(began: float, what: str, got: Figures) -> None:
    """One line of progress per run."""
    shown = " ".join(
        f"{k}={v:.4g}" if isinstance(v, (int, float)) else f"{k}={v[:60]}" for k, v in got.items()
    )
    print(f"[{time.monotonic() - began:6.0f}s] {what}: {shown}", file=sys.stderr, flush=True)


def options() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--peers", default=",".join(adapters.NAMES))
    p.add_argument("--workloads", default=",".join(WORKLOADS))
    p.add_argument("--repeats", type=int, default=3)
    p.add_argument("--scale", type=float, default=1.0, help="multiply all counts by this (smoke: 0.02)")
    p.add_argument("--modes", help="only these modes, e.g. default; picloud always runs all of its own")
    p.add_argument("--timeout", type=int, default=300, help="seconds for one run")
    p.add_argument("--kill-wait", type=int, default=60, help="seconds kill9 waits for the rest")
    p.add_argument("--kill-repeats", type=int, help="repeats of kill9, which waits long for slow peers")
    p.add_argument("--json", type=Path, help="write every run here")
    a = p.parse_args()
    a.peers, a.workloads = a.peers.split(","), a.workloads.split(",")
    for given, known, what in ((a.peers, adapters.NAMES, "peer"), (a.workloads, WORKLOADS, "workload")):
        for name in given:
            if name not in known:
                p.error(f"no {what} {name!r}; there are {', '.join(known)}")
    return a


def main() -> None:
    a = options()
    os.environ["PEER_KILL_WAIT"] = str(a.kill_wait)
    adopt_orphans()
    info = {peer: ask(peer) for peer in a.peers}
    doc: dict[str, Any] = {
        "machine": machine.describe(),
        "scale": a.scale,
        "repeats": a.repeats,
        "started": time.strftime("%F %T %Z"),
        "versions": {k: v for known in info.values() for k, v in known.versions.items()},
        "notes": {peer: known.notes for peer, known in info.items() if not known.absent},
        "workloads": {},
    }
    began = time.monotonic()
    for w in a.workloads:
        what = WORKLOADS[w]
        n = max(4, int(what.count * a.scale)) if what.base != "coldstart" else 1
        rows: list[Row] = []
        na = {}
        for peer, known in info.items():
            if known.absent or what.base not in known.modes:
                na[peer] = known.absent or known.na.get(what.base, "not supported")
                continue
            caveat = known.caveats.get(what.base) or known.caveats.get("*", "")
            for mode in known.modes[what.base]:
                if peer == "picloud" or not a.modes or mode in a.modes.split(","):
                    durability = known.durability.get(mode) or known.durability.get("*", "")
                    rows.append(Row(peer, mode, durability, caveat))
        for repeat in range(a.kill_repeats or a.repeats if what.base == "kill9" else a.repeats):
            for row in rows:
                got = measure(row.peer, w, row.mode, n, a.timeout)
                row.runs.append(got)
                say(began, f"{w} #{repeat + 1} {row.peer}/{row.mode}", got)
        doc["workloads"][w] = {"n": n, "na": na, "rows": [dataclasses.asdict(row) for row in rows]}
        print(table(w, n, rows, na), flush=True)
        if a.json:
            a.json.parent.mkdir(parents=True, exist_ok=True)
            a.json.write_text(json.dumps(doc, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--describe"]:
        describe(sys.argv[2])
    elif sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:])
    else:
        main()
