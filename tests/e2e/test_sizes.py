"""Large values and many jobs, in bounded memory."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from harness import Server, run_python


def resident_mib(pid: int, field: str = "VmHWM") -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"{field} of {pid} is not to be had")


@pytest.mark.parametrize("size", [0, 1, 65_530, 65_536, 65_537, 1 << 20, 20 << 20])
def test_values_of_any_size_come_back_bit_by_bit(cloud: ModuleType, size: int) -> None:
    data = os.urandom(size)
    digest, back = cloud.result(cloud.call(lambda d: (hashlib.sha256(d).hexdigest(), d[::-1]), data))
    assert digest == hashlib.sha256(data).hexdigest() and back == data[::-1]


def test_a_gibibyte_nearly_goes_in_and_out_without_filling_the_server(
    new_server: Any, tmp_path: Path
) -> None:
    server = new_server()
    program = run_python(
        server,
        """
        import cloud
        size = (1 << 30) - 4096
        got = cloud.result(cloud.call(lambda d: d, bytes(size), _type="m1"), timeout=240)
        print(len(got) == size)
        """,
        tmp_path,
        timeout=300,
    ).check()
    assert program.out.strip() == "True"
    assert resident_mib(server.ready.pid) < 200, "the server streams"
    for pid in server.descendants():
        if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            assert resident_mib(pid) < 200, "the worker streams"


def test_a_hundred_thousand_jobs_fill_no_memory(new_server: Any, tmp_path: Path) -> None:
    server: Server = new_server("--durability", "relaxed")
    program = run_python(
        server,
        """
        import cloud, resource
        n = 100_000
        jids = cloud.map(lambda x: x, range(n))
        total = sum(cloud.iresult(jids))
        # Not ru_maxrss, which a child inherits from a large parent.
        peak = next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmHWM")) // 1024
        print(total == n * (n - 1) // 2, peak)
        """,
        tmp_path,
        timeout=240,
    ).check()
    right, client_mib = program.out.split()
    assert right == "True" and int(client_mib) < 200
    assert resident_mib(server.ready.pid) < 250
