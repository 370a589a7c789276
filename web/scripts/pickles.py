"""Writes src/pickle/samples.json: pickles made by CPython, cloudpickle and numpy, for tests of the reader.

    python scripts/pickles.py python3.9 >src/pickle/samples.json

Interpreters that are named, which need cloudpickle, add what the code of a function looks like there.
"""

from __future__ import annotations

import base64
import collections
import datetime
import decimal
import functools
import json
import pathlib
import pickle
import subprocess
import sys
from typing import Any

import cloudpickle
import numpy


class Point:
    def __init__(self, x: int, y: int) -> None:
        self.x = x
        self.y = y


class Slotted:
    __slots__ = ("a",)

    def __init__(self) -> None:
        self.a = 1


class Stack(list[int]):
    pass


Point.__module__ = Slotted.__module__ = Stack.__module__ = "shapes"
sys.modules["shapes"] = sys.modules["__main__"]


def outer() -> Any:
    limit = 3

    def scale(a, b=2, /, c=3, *rest, factor, **extra):  # type: ignore[no-untyped-def]
        return [limit, numpy.array([a, b, c]), rest, factor, extra]

    return scale


ELSEWHERE = """
import base64, cloudpickle, sys
def scale(a, b=2, *rest, factor, **extra):
    return a
print("%d.%d" % sys.version_info[:2], base64.b64encode(cloudpickle.dumps(scale)).decode())
"""


def main() -> None:
    holds_itself: list[Any] = [1]
    holds_itself.append(holds_itself)
    shared = ["x"]
    values: dict[str, Any] = {
        "scalars": (
            None,
            True,
            False,
            0,
            255,
            65535,
            -1,
            2**31,
            -(2**63),
            10**30,
            1.5,
            -0.0,
            float("inf"),
            1e300,
        ),
        "texts": ("", "plain", "Grüße", "日本", "it's", "a\n\t\x1b[31m", "\u202egnp.exe", "𝄞"),
        "bytes": (b"", b"abc\x00\xff", bytearray(b"xy")),
        "containers": ([1, [2]], (1,), {}, {"a": {"b": 1}, 2: "two"}, {3}, set(), frozenset({4})),
        "itself": holds_itself,
        "shared": [shared, shared],
        "times": (
            datetime.datetime(2026, 11, 26, 17, 48, 38, 120),
            datetime.date(2026, 1, 2),
            datetime.timedelta(1, 2, 3),
            datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc),
        ),
        "objects": (Point(1, 2), Slotted(), Stack([7, 8]), decimal.Decimal("1.10"), complex(1, -2)),
        "collections": (
            collections.OrderedDict(a=1),
            collections.deque([1, 2]),
            collections.Counter("aab"),
            collections.defaultdict(list, k=[1]),
            functools.partial(pow, 2),
        ),
        "path": pathlib.PurePosixPath("/tmp/x"),
        "globals": (len, Point, pow, numpy.dot),
        "exception": ValueError("no", 7),
    }
    samples: dict[str, str] = {}
    for name, value in values.items():
        for protocol in range(6):
            try:
                data = pickle.dumps(value, protocol)
            except TypeError:  # Slots need protocol 2.
                continue
            samples[f"{name}/{protocol}"] = base64.b64encode(data).decode()
    arrays = {"f8": numpy.zeros((2, 3)), "i4": numpy.arange(4, dtype="i4"), "scalar": numpy.float64(2.5)}
    for name, array in arrays.items():
        for protocol in (2, 4, 5):
            data = pickle.dumps(array, protocol)
            samples[f"array {name}/{protocol}"] = base64.b64encode(data).decode()
    functions = {
        "function": outer(),
        "lambda": lambda x, *, key=None: (x, key),
        "call": ((1, "two", numpy.zeros(3)), {"factor": 2.0}),
        "class": type("Made", (), {"__module__": "__main__"}),
        "module": numpy,
    }
    for name, value in functions.items():
        samples[f"cloudpickle {name}"] = base64.b64encode(cloudpickle.dumps(value)).decode()
    for python in sys.argv[1:]:
        done = subprocess.run([python, "-c", ELSEWHERE], check=True, capture_output=True, text=True)
        version, data = done.stdout.split()
        samples[f"function of {version}"] = data
    json.dump(samples, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
