"""Processes, ports, directories and services that all adapters share."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
BENCH_HOME = os.environ.get("BENCH_HOME", "/tmp/peerbench")
BIN = f"{BENCH_HOME}/venv/bin/"  # where setup.sh puts the peers


def interpreter(peer: str) -> str:
    """The Python that runs a peer's client: ours in the repository, the others' apart from it."""
    if peer != "picloud":
        return BIN + "python"
    ours = REPOSITORY / ".venv/bin/python"
    return os.environ.get("PICLOUD_PYTHON") or (str(ours) if ours.exists() else "python3")


def environment(peer: str) -> dict[str, str]:
    """What a peer's client and services find: its own commands first, and the modules of this directory."""
    python, found = interpreter(peer), dict(os.environ)
    paths = [str(HERE)] + ([str(REPOSITORY / "python")] if peer == "picloud" else [])
    found["PYTHONPATH"] = os.pathsep.join(paths)
    if os.path.isabs(python):
        found["PATH"] = os.path.dirname(python) + os.pathsep + found["PATH"]
    return {k: v for k, v in found.items() if not k.lower().endswith("_proxy")}


def adopt_orphans() -> None:
    """Daemonised grandchildren become our children, so stopping can find them (PR_SET_CHILD_SUBREAPER)."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def children() -> dict[int, list[int]]:
    """pid -> child pids, for the whole machine."""
    tree: dict[int, list[int]] = {}
    for d in os.listdir("/proc"):
        if d.isdigit():
            try:
                stat = pathlib.Path("/proc", d, "stat").read_text(errors="replace")
            except OSError:
                continue
            tree.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(d))
    return tree


def descendants(root: int) -> list[int]:
    tree, out, todo = children(), [], [root]
    while todo:
        kids = tree.get(todo.pop(), [])
        out += kids
        todo += kids
    return out


def ancestry(pid: int) -> list[int]:
    """`pid`, its parent, and so on, up to the process that this one started."""
    parent = {c: p for p, cs in children().items() for c in cs}
    chain = [pid]
    while parent[chain[-1]] != os.getpid():
        chain.append(parent[chain[-1]])
    return chain


def pid_here(pid: int, namespace: str) -> int | None:
    """Our number for a process of this run that knows itself as `pid` in a pid namespace of its own.

    One in a foreign namespace is looked for below this process only: whatever comes back may be killed.
    """
    if namespace == os.readlink("/proc/self/ns/pid"):
        return pid
    for candidate in descendants(os.getpid()):
        try:
            if os.readlink(f"/proc/{candidate}/ns/pid") != namespace:
                continue
            for line in pathlib.Path(f"/proc/{candidate}/status").read_text().splitlines():
                if line.startswith("NSpid:") and int(line.split()[-1]) == pid:
                    return candidate
        except OSError:
            pass  # it has just ended
    return None


def kill_descendants() -> None:
    """SIGKILL everything below this process, by pid, until nothing is left."""
    for _ in range(100):
        pids = descendants(os.getpid())
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        time.sleep(0.02)


def pss_mib(pids: Iterable[int]) -> float:
    """Proportional memory of some processes: pages they share count once."""
    total = 0
    for pid in pids:
        try:
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            pass
    return total / 1024


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def wait_for(check: Callable[[], Any], timeout: float = 60, step: float = 0.01, what: str = "service") -> Any:
    """Polls until `check` gives something true; what it raises counts as "not yet"."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            got = check()
            if got:
                return got
        except Exception:
            pass
        time.sleep(step)
    raise TimeoutError(f"{what} not ready in {timeout} s")


def can_connect(port: int) -> bool:
    socket.create_connection(("127.0.0.1", port), 1).close()
    return True


def pg_url() -> str:
    return f"postgresql://peer@127.0.0.1:{os.environ['PEER_PORT']}/postgres"


def new_dir() -> str:
    pathlib.Path(BENCH_HOME, "t").mkdir(parents=True, exist_ok=True)
    path = tempfile.mkdtemp(prefix="", dir=f"{BENCH_HOME}/t")
    os.chmod(path, 0o755)  # postgres runs as another user
    return path


class Started:
    """A process of a run, and how to start it again."""

    def __init__(
        self, argv: tuple[str, ...], env: dict[str, str], directory: str, index: int, stop: int | None
    ):
        self.argv, self.env, self.stop_signal = argv, env, stop
        with open(f"{directory}/{index}-{os.path.basename(argv[0])}.log", "ab") as log:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory,
                env={**os.environ, **env},
            )


class Box:
    """One run's directory and processes."""

    def __init__(self, workload: str, mode: str) -> None:
        self.dir = (
            os.environ.get("PEER_BOX") or new_dir()
        )  # the runner makes it, to remove it after a timeout too
        self.procs: list[Started] = []
        self.workers: list[Started] = []
        self.port = free_port()  # for the peer's main service: worker modules read it as PEER_PORT
        self.log = f"{self.dir}/done.log"
        os.environ.update(PEER_LOG=self.log, PEER_PORT=str(self.port), PEER_WORKLOAD=workload, PEER_MODE=mode)
        pathlib.Path(self.log).touch()

    def spawn(
        self, *argv: str, worker: bool = False, stop: int | None = None, env: dict[str, str] | None = None
    ) -> Started:
        """Starts a process; worker=True lets revive() start it again after a kill."""
        p = Started(argv, env or {}, self.dir, len(self.procs), stop)
        self.procs.append(p)
        if worker:
            self.workers.append(p)
        return p

    def worker(self, *argv: str) -> Started:
        return self.spawn(*argv, worker=True)

    def revive(self) -> int:
        """Restarts workers that are dead; returns how many."""
        dead = [p for p in self.workers if p.process.poll() is not None]
        for p in dead:
            self.workers.remove(p)
            self.spawn(*p.argv, worker=True, stop=p.stop_signal, env=p.env)
        return len(dead)

    def logs(self) -> str:
        out = []
        for f in sorted(pathlib.Path(self.dir).glob("*.log")):
            if str(f) != self.log:
                out.append(f"--- {f.name}\n" + f.read_text(errors="replace")[-1500:])
        return "\n".join(out)

    def stop(self) -> None:
        for p in self.procs:
            if p.stop_signal and p.process.poll() is None:
                p.process.send_signal(p.stop_signal)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    p.process.wait(10)
        kill_descendants()
        shutil.rmtree(self.dir, ignore_errors=True)

    # Services. Each returns once it answers.

    def redis(self, *conf: str) -> None:
        """Built-in defaults (RDB snapshots, no AOF) unless conf says otherwise."""
        import redis

        self.spawn("redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.dir, *conf)
        wait_for(lambda: redis.Redis(port=self.port).ping(), what="redis")

    def rabbit(self) -> None:
        import amqp

        port, dist, epmd = self.port, free_port(), free_port()
        d = f"{self.dir}/rabbit"
        os.mkdir(d)
        conf = f"listeners.tcp.1 = 127.0.0.1:{port}\nlog.file.level = error\n"
        pathlib.Path(d, "rabbitmq.conf").write_text(conf)
        pathlib.Path(d, "plugins").write_text("[].")
        env = {
            "HOME": d,
            "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"b{port}@localhost",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(dist),
            "RABBITMQ_MNESIA_BASE": d,
            "RABBITMQ_LOG_BASE": d,
            "RABBITMQ_CONFIG_FILE": f"{d}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{d}/plugins",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        }
        self.spawn("/usr/lib/rabbitmq/bin/rabbitmq-server", env=env)

        def up() -> bool:
            c = amqp.Connection(f"127.0.0.1:{port}")
            c.connect()
            c.close()
            return True

        wait_for(up, what="rabbitmq", step=0.05)

    def nats(self, sync: str | None = None) -> None:
        """JetStream with file storage. sync=None: the server's default (fsync every 2 min)."""
        conf = f"{self.dir}/nats.conf"
        store = f'store_dir: "{self.dir}/js"' + (f", sync_interval: {sync}" if sync else "")
        pathlib.Path(conf).write_text(f'listen: "127.0.0.1:{self.port}"\njetstream {{ {store} }}\n')
        exe = BIN + "nats-server" if os.path.exists(BIN + "nats-server") else "nats-server"
        self.spawn(exe, "-c", conf)
        wait_for(lambda: can_connect(self.port), what="nats")

    def postgres(self, *conf: str) -> None:
        """Debian's defaults, so fsync and synchronous_commit are on, unless conf says otherwise."""
        data = f"{self.dir}/pg"
        bindir = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        os.mkdir(data)
        user = []
        if os.getuid() == 0:  # the server refuses to run as root
            shutil.chown(data, "postgres", "postgres")
            user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        init = [*user, f"{bindir}/initdb", "-D", data, "-U", "peer", "-A", "trust", "-E", "UTF8"]
        subprocess.run(init, check=True, stdout=subprocess.DEVNULL, cwd=data)
        where = ["-D", data, "-p", str(self.port), "-h", "127.0.0.1", "-k", data]
        settings = [a for c in conf for a in ("-c", c)]
        self.spawn(*user, f"{bindir}/postgres", *where, *settings, stop=signal.SIGINT)
        import psycopg

        wait_for(lambda: psycopg.connect(pg_url()).close() is None, what="postgres")
