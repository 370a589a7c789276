#!/usr/bin/env python3
"""The benchmarks: picloud's figures, and those of every peer that `bench/peers/setup.sh` has installed.

Options not named here go to bench/peers/run.py, such as `--peers ray,huey` or `--workloads map10k`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

import goals
import report

HERE = Path(__file__).resolve().parent
# Everything that calls functions. W4, W5 and the bare queue servers have no counterpart here yet.
PEERS = "picloud,processpool,loky,dask,ray,celery-redis,rq,dramatiq,huey,taskiq"
WORKLOADS = "roundtrip,map10k,map_fat,map_fat_unique,coldstart,kill9"


def arguments() -> tuple[argparse.Namespace, list[str]]:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--quick", action="store_true", help="a tenth of the counts, once: a look, not a figure")
    p.add_argument("--ours", action="store_true", help="picloud alone")
    p.add_argument("--record", action="store_true", help="write bench/results/DATE.json and bench/RESULTS.md")
    return p.parse_known_args()


def main() -> int:
    asked, rest = arguments()
    if asked.record and asked.quick:
        sys.exit("error: --quick gives no figures worth recording")
    target = Path(os.environ.get("CARGO_TARGET_DIR") or HERE.parent / "target")
    out = target / "bench/last.json"
    if asked.record:
        out = HERE / f"results/{datetime.date.today().isoformat()}.json"
    argv = [sys.executable, str(HERE / "peers/run.py"), "--json", str(out), "--workloads", WORKLOADS]
    argv += ["--peers", "picloud" if asked.ours else PEERS]
    argv += (
        ["--repeats", "1", "--scale", "0.1", "--kill-wait", "20"] if asked.quick else ["--kill-repeats", "1"]
    )
    code = subprocess.call(argv + rest)
    if code:
        return code
    doc = json.loads(out.read_text())
    print("\ngoals (for full counts on two quiet cores)")
    print("\n".join(goals.lines(doc)))
    print(f"\nevery run: {os.path.relpath(out)}")
    if asked.record:
        Path(HERE, "RESULTS.md").write_text(report.markdown(doc))
        print("written: bench/RESULTS.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
