"""Nothing of the machine, the server or another account is in sight of a job."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from escapes.attacks import looking
from escapes.attacks.tries import GOT_THROUGH
from escapes.site import Site, executors

ABSTRACT = f"picloud-escapes-{os.getpid()}"


def test_files_of_the_server_and_of_the_machine_are_not_there(site: Site) -> None:
    data = site.server.data_dir
    paths = [str(data), str(site.server.directory), *(str(path) for path in data.iterdir())]
    paths += [
        "/etc/shadow",
        "/etc/gshadow",
        "/etc/sudoers",
        "/etc/ssh",
        "/etc/ssl/private",
        "/var/log",
        "/boot",
    ]
    paths += [
        "/root",
        "/root/.ssh",
        "/root/.bashrc",
        "/var/lib",
        "/sys/kernel",
        "/sys/firmware",
        "/lost+found",
    ]
    paths += [str(path) for path in (Path.home(), Path("/run/docker.sock"), Path("/var/run/docker.sock"))]
    said = site.run(looking.read, paths)
    # Below them may be the interpreter that jobs run; that much of the way to it is in sight.
    seen = {path: got for path, got in said.items() if got.startswith(GOT_THROUGH)}
    own = {"/root", str(Path.home()), str(site.server.directory), str(data), str(data / "worker")}
    assert set(seen) <= own, seen
    for path, got in seen.items():
        assert not any(secret in got for secret in (".ssh", ".bashrc", "picloud.db", "worker.token")), (
            path,
            got,
        )


def test_no_detour_leads_to_a_file_of_the_server(site: Site) -> None:
    said = site.run(looking.climb, str(site.server.data_dir))
    assert {path: got for path, got in said.items() if got.startswith(GOT_THROUGH)} == {}


def test_no_secret_lies_anywhere_in_sight(site: Site) -> None:
    marks = [
        "worker.token",
        "picloud.db",
        "serve.lock",
        "client-profile",
        "profile.json",
        "shadow-",
        "id_rsa",
    ]
    assert site.run(looking.find, marks) == []


def test_a_job_sees_its_own_processes_and_their_environment_only(site: Site) -> None:
    assert set(site.run(looking.processes)) == {"1", "2"}
    found = site.run(looking.environments)
    assert set(found) <= {"own", "2"}, "init's is out of reach"
    secrets = {site.server.ready.api_secretkey, site.keys["neighbour"][1], "in-the-environment"}
    secrets.add((site.server.data_dir / "worker.token").read_text().strip())
    for pid, environment in found.items():
        assert not secrets & set(environment.values()), pid
        assert "SECRET_OF_THE_SERVER" not in environment


def test_a_job_inherits_its_own_descriptors_only(site: Site) -> None:
    found = site.run(looking.own_descriptors)
    for number, what in found.items():
        harmless = ("/dev/null", "pipe:[", "socket:[", "/memfd:picloud-crash", "/proc/2/clear_refs")
        assert what.startswith(harmless), (number, what)
    assert sum(what.startswith("socket:") for what in found.values()) == 1, "its line to the worker"


def test_what_others_gave_their_jobs_is_not_left_in_the_memory_that_jobs_are_forked_from(site: Site) -> None:
    # Environment variables carry the secrets of people. They come to the worker before the fork.
    marks = [f"{os.urandom(16).hex()}-of-the-neighbour-{number}" for number in range(8)]
    for mark in marks:
        site.run(os.getpid, by="neighbour", _os_env_vars={"PASSWORD": mark, "FILLER": mark * 20})
    assert site.run(looking.remember, [mark[::-1] for mark in marks], _type="c2") == []
    own = site.run(looking.remember, [marks[0][::-1]], _os_env_vars={"PASSWORD": marks[0]}, _type="c2")
    assert own == [marks[0][::-1]], "it would have been found"


@pytest.fixture
def listeners(tmp_path: Path) -> Iterator[list[str]]:
    """Sockets of this machine that anybody may connect to: with files, and one without."""
    with contextlib.ExitStack() as stack:
        paths = []
        for where in (Path("/run"), Path("/tmp"), Path("/dev/shm"), tmp_path):
            path = where / f"{ABSTRACT}.sock"
            paths.append(str(path))
            stack.callback(path.unlink, missing_ok=True)
        for address in [*paths, "\0" + ABSTRACT]:
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(address)
            listener.listen()
            if not address.startswith("\0"):
                os.chmod(address, 0o777)
        datagrams = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        datagrams.bind(f"\0{ABSTRACT}-dgram")
        yield paths


def test_unix_sockets_of_the_machine_are_out_of_reach(site: Site, listeners: list[str]) -> None:
    said = site.run(looking.unix_sockets, listeners, [ABSTRACT])
    assert {name: got for name, got in said.items() if got.startswith(GOT_THROUGH)} == {}
    assert said[f"@{ABSTRACT}"] == "EPERM", "it is there, and kept away"


def test_other_processes_can_be_neither_signalled_nor_looked_into(site: Site) -> None:
    with site.running(time.sleep, 60, by="neighbour"):
        pids = {os.getpid(), threading.get_native_id(), site.server.ready.pid, *site.server.descendants()}
        assert len(executors(site.server)) == 2, "the neighbour's and its init are among them"
        assert site.groups(), "and are in groups, so what is left of those would be seen"
        # 1 is the init of its own sandbox there.
        said = site.run(looking.touch_processes, sorted(pids | {1}), _type="c2")
    through = {name: got for name, got in said.items() if got.startswith(GOT_THROUGH)}
    assert through == {}
