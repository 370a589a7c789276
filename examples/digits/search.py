"""A hyper-parameter search on picloud: thirty settings, each a job of its own.

    python examples/digits/search.py

An ordinary script. `evaluate` lives in model.py beside it; `cloud.map` finds that module and sends
it with the function. One more is wrong on purpose, to show how an error comes back.
"""

from __future__ import annotations

import logging
import time
import traceback

from model import Point, Score, evaluate

import cloud

CS = (0.1, 0.5, 1.0, 5.0, 20.0, 100.0)
GAMMAS = (0.001, 0.005, 0.02, 0.1, 0.5)
WRONG = Point(c=1.0, gamma=-1.0)


def table(scores: dict[Point, Score]) -> str:
    """Accuracies in percent, one row per gamma."""
    lines = ["  gamma \\ C " + "".join(f"{c:>8g}" for c in CS)]
    for gamma in GAMMAS:
        row = "".join(f"{100 * scores[Point(c, gamma)].accuracy:>8.1f}" for c in CS)
        lines.append(f"{gamma:>10g}  {row}")
    return "\n".join(lines)


def main() -> None:
    grid = [Point(c, gamma) for gamma in GAMMAS for c in CS]
    points = [*grid, WRONG]
    # Jobs that fail are also logged as warnings. Here the one that will is shown once, at the end.
    logging.getLogger("Cloud").setLevel(logging.ERROR)

    began = time.monotonic()
    jids = cloud.map(evaluate, points, _label="digits")
    print(f"{len(points)} jobs submitted in {1000 * (time.monotonic() - began):.0f} ms: {jids}")
    found = cloud.result(jids, ignore_errors=True)
    print(f"all answered after {time.monotonic() - began:.1f} s\n")

    scores = {point: score for point, score in zip(points, found) if isinstance(score, Score)}
    print(f"accuracy in %, five-fold cross-validation\n{table(scores)}\n")
    best = max(scores, key=lambda point: scores[point].accuracy)
    print(f"best: C={best.c:g} gamma={best.gamma:g}, accuracy {scores[best].accuracy:.3f}", end="")
    print(f" (standard deviation {scores[best].spread:.3f})\n")

    print(f"and the job with {WRONG}:")
    try:
        cloud.result(jids[-1])
    except ValueError:
        traceback.print_exc(limit=0)


if __name__ == "__main__":
    main()
