"""What a job is held to, measured from outside; and what happens where no sandbox can be made."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from harness import Server, until
from harness.paths import PACKAGE, binary, environment

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="control groups and users of their own need root")

C1_MEMORY = 300_000_000


def fill(size: int) -> int:
    block = bytearray(size)
    block[::4096] = b"x" * len(block[::4096])
    return len(block)


def test_a_job_at_95_percent_of_its_memory_runs_and_one_at_120_dies_alone(cloud: ModuleType) -> None:
    witness = cloud.call(time.sleep, 1.0)
    assert cloud.result(cloud.call(fill, int(C1_MEMORY * 0.95))) == int(C1_MEMORY * 0.95)
    over = cloud.call(fill, int(C1_MEMORY * 1.2))
    with pytest.raises(MemoryError):
        cloud.result(over)
    verdict = cloud.info(over, "failure")[over]["failure"]["verdict"]
    assert verdict["kind"] == "out_of_memory"
    assert verdict["limit_bytes"] == C1_MEMORY
    assert verdict["fits"] == {"core_type": "c2", "cores": 1}
    assert cloud.result(witness) is None
    # With a type that has the memory the same work is done.
    assert cloud.result(cloud.call(fill, int(C1_MEMORY * 1.2), _type="c2")) > C1_MEMORY


def fill_in_many_processes(size: int, count: int) -> None:
    import multiprocessing

    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=fill_and_stay, args=(size,)) for _ in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def fill_and_stay(size: int) -> None:
    block = bytearray(size)
    block[::4096] = b"x" * len(block[::4096])
    time.sleep(60)


def test_processes_of_a_job_share_its_memory_and_one_that_is_ended_for_it_ends_the_job(
    cloud: ModuleType,
) -> None:
    jid = cloud.call(fill_in_many_processes, C1_MEMORY // 4, 6)
    with pytest.raises(cloud.CloudException):
        cloud.result(jid, timeout=30)
    info = cloud.info(jid, ["failure", "syslog", "memory"])[jid]
    verdict = info["failure"]["verdict"]
    assert verdict["kind"] == "out_of_memory"
    assert verdict["failures"] >= 1
    assert verdict["peak_bytes"] > C1_MEMORY * 0.9
    assert "want of memory" in info["syslog"]
    assert info["memory"]["failcnt"] >= 1


def burn(seconds: float) -> float:
    """Two processes burn time until each has had `seconds`; what `getrusage` says of both."""
    import resource

    earlier = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])

    def one() -> None:
        while sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) < seconds:
            sum(range(10_000))

    before = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    child = os.fork()
    if child == 0:
        one()
        os._exit(0)
    while sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - before < seconds:
        sum(range(10_000))
    os.waitpid(child, 0)
    children = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - before + children - earlier


def test_processor_time_of_a_busy_two_core_job_is_what_getrusage_says(cloud: ModuleType) -> None:
    # What loading this module takes is the first job's.
    cloud.result(cloud.call(burn, 0.01, _type="c2", _cores=2))
    jid = cloud.call(burn, 1.5, _type="c2", _cores=2)
    said = cloud.result(jid)
    cputime = cloud.info(jid, "cputime")[jid]["cputime"]
    assert cputime["user"] + cputime["system"] == pytest.approx(said, rel=0.03)
    series = cloud.series(jid)
    assert max(series.cpu_cores) > 0.5, series


def spin(start: float, end: float) -> float:
    import resource

    while time.time() < start:
        time.sleep(0.001)
    before = resource.getrusage(resource.RUSAGE_SELF)
    while time.time() < end:
        pass
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure_shares(cloud: ModuleType) -> tuple[float, list[float]]:
    """Parts of what is due to the f2 job and to each c1 job: 1 is exactly that."""
    start = time.time() + 5
    small = list(cloud.map(lambda _: spin(start, start + 8), range(20)))
    large = cloud.call(spin, start, start + 8, _type="f2")
    used, most = cloud.result(small), cloud.result(large)
    whole = (sum(used) + most) / (20 * 1 + 5.5)
    return most / whole / 5.5, [each / whole for each in used]


def test_twenty_small_jobs_and_a_large_one_get_their_shares(
    new_server: Callable[..., Server], bind: Callable[[Server], ModuleType]
) -> None:
    """Whatever else runs on the machine moves shares about: the best of three counts."""
    cloud = bind(new_server("--worker-units", "26"))
    seen = []
    for _ in range(3):
        large, small = measure_shares(cloud)
        seen.append((large, sorted(small)))
        if all(0.9 <= share <= 1.1 for share in (large, *small)):
            return
    pytest.fail(f"shares, 1 being what is due: {seen}")


class Peers(http.server.BaseHTTPRequestHandler):
    """Answers with the address it is asked from, once as many ask as are expected."""

    barrier = threading.Barrier(1)

    def do_GET(self) -> None:
        type(self).barrier.wait(30)
        body = self.client_address[0].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def peers() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Peers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def ask(url: str) -> str:
    import urllib.request

    with urllib.request.urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())


def test_s1_jobs_that_run_at_the_same_time_have_addresses_of_their_own(
    new_server: Callable[..., Server], bind: Callable[[Server], ModuleType], peers: str
) -> None:
    pool = [f"127.0.0.{n}" for n in range(51, 55)]
    options = [word for ip in pool for word in ("--source-ip", ip)]
    cloud = bind(new_server("--worker-units", "10", *options))
    Peers.barrier = threading.Barrier(4)
    first = cloud.map(lambda _: ask(peers), range(4), _type="s1")
    assert sorted(cloud.result(first)) == pool
    # More than there are addresses: never more at a time than that.
    Peers.barrier = threading.Barrier(4)
    more = cloud.map(lambda _: ask(peers), range(8), _type="s1")
    assert sorted(cloud.result(more)) == sorted(2 * pool)
    # A job of another type is not given one.
    Peers.barrier = threading.Barrier(1)
    assert cloud.result(cloud.call(ask, peers)) == "127.0.0.1"


def test_the_series_of_a_job_survives_the_server(
    own_server: Server, bind: Callable[[Server], ModuleType]
) -> None:
    cloud = bind(own_server)
    jid = cloud.call(time.sleep, 2.6)
    cloud.join(jid)
    before = cloud.series(jid)
    assert before.second == [1, 2]
    own_server.kill()
    own_server.start()
    after = cloud.series(jid)
    assert (after.second, after.memory, after.cpu_user) == (before.second, before.memory, before.cpu_user)


def test_a_worker_whose_kernel_cannot_says_what_is_missing_and_does_not_begin(tmp_path: Path) -> None:
    # In a namespace that may not make others.
    command = "echo 0 > /proc/sys/user/max_user_namespaces && exec " + " ".join(
        [str(binary()), "serve", "--data-dir", str(tmp_path / "data"), "--listen", "127.0.0.1:0"]
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", command],
        env=environment(tmp_path / "config"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done
    said = done.stdout + done.stderr
    assert "cannot be put into sandboxes" in said
    assert "makes no user namespaces" in said
    assert "--isolation=process" in said


def test_without_a_sandbox_every_job_is_told_so(
    new_server: Callable[..., Server], bind: Callable[[Server], ModuleType]
) -> None:
    cloud = bind(new_server("--isolation", "process"))
    jid = cloud.call(os.getuid)
    assert cloud.result(jid) == 0
    assert "without a sandbox" in cloud.info(jid, "pilog")[jid]["pilog"]
    assert cloud.info(jid, "confinement")[jid]["confinement"]["isolation"] == "process"


STRANGER = 1_001


def public_python() -> str | None:
    """An interpreter that other users of this machine may run."""
    asked = "import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 14))"
    for path in ("/usr/bin/python3", "/usr/local/bin/python3", sys.executable):
        if os.path.exists(path):
            done = subprocess.run(
                ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups", path, "-c", asked]
            )
            if done.returncode == 0:
                return path
    return None


@pytest.fixture
def home_of_a_stranger() -> Iterator[Path]:
    """A directory with all that a user who is not root needs: the binary, and Python with the package."""
    python = public_python()
    if python is None:
        pytest.skip("no Python on this machine can be run by users other than root")
    home = Path(tempfile.mkdtemp(prefix="picloud-stranger-"))
    try:
        shutil.copy(binary(), home / "picloud")
        subprocess.run([python, "-m", "venv", "--without-pip", str(home / "venv")], check=True)
        packages = next((home / "venv/lib").glob("python3*")) / "site-packages"
        import cloudpickle
        import tqdm

        for package in (PACKAGE / "cloud", Path(cloudpickle.__file__).parent, Path(tqdm.__file__).parent):
            shutil.copytree(package, packages / package.name)
        subprocess.run(["chown", "-R", f"{STRANGER}:{STRANGER}", str(home)], check=True)
        yield home
    finally:
        shutil.rmtree(home)


LOOK = """
import cloud, json, os
def look():
    import os
    status = dict(line.split(':', 1) for line in open('/proc/self/status') if ':' in line)
    figures = [status[name].strip() for name in ('CapEff', 'Seccomp')]
    found = [os.path.join(at, name) for at, _, names in os.walk(HOME) for name in names]
    seen = [path for path in found if not path.startswith(SOFTWARE)]
    return [os.getuid(), seen, *figures, os.cpu_count()]
HOME = os.environ['HOME']
SOFTWARE = (HOME + '/venv/', HOME + '/data/worker/support/')
jid = cloud.call(look)
found = cloud.result(jid)
try:
    cloud.result(cloud.call(bytearray, 400_000_000))
except MemoryError:
    found.append('MemoryError')
print(json.dumps([found, cloud.info(jid, 'confinement')[jid]['confinement']]))
"""


def test_without_root_jobs_are_in_sandboxes_too(home_of_a_stranger: Path) -> None:
    home = home_of_a_stranger
    env = {
        "HOME": str(home),
        "VIRTUAL_ENV": str(home / "venv"),
        "PATH": f"{home}/venv/bin:{os.environ['PATH']}",
        "PICLOUD_CONFIG_DIR": str(home / "config"),
    }
    as_stranger = ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"]
    serve = [str(home / "picloud"), "serve", "--data-dir", str(home / "data"), "--listen", "127.0.0.1:0"]
    ready = home / "ready"
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [*as_stranger, *serve, "--ready-file", str(ready)], env=env, cwd=home, stdout=log, stderr=log
        )
    try:
        until(lambda: ready.exists() or server.poll() is not None, what="the server is ready")
        done = subprocess.run(
            [*as_stranger, str(home / "venv/bin/python"), "-c", LOOK],
            env=env,
            cwd=home,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{done.stderr}\n{(home / 'log').read_text()}"
    finally:
        server.terminate()
        server.wait(20)
    found, confinement = json.loads(done.stdout)
    # Nothing of its home but what the interpreter needs, which happens to be there.
    assert found == [1000, [], "0000000000000000", "2", 1, "MemoryError"]
    assert confinement["isolation"] == "rootless_sandbox"
