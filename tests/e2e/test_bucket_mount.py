"""The bucket as files: what jobs do below /bucket, over the real server, worker and sandboxes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from harness import Recorder, Server, until

MIB = 1 << 20
#: Flags of a file that is made anew.
WRITING = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not os.path.exists("/dev/fuse"), reason="mounts need root and FUSE"
)


@pytest.fixture
def cloud(cloud: ModuleType) -> Iterator[ModuleType]:
    """The shared server's, with a bucket that is empty again afterwards."""
    yield cloud
    cloud.bucket.remove(cloud.bucket.list())


def run(cloud: ModuleType, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    return cloud.result(cloud.call(function, *arguments, **options), timeout=60)


def content(cloud: ModuleType, key: str) -> bytes:
    return bytes(cloud.bucket.getf(key).read())


def shell(script: str) -> str:
    """Runs in the job, with the bucket as the directory to be in."""
    import subprocess

    done = subprocess.run(["sh", "-euc", script], cwd="/bucket", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_objects_are_files_and_files_are_objects(cloud: ModuleType) -> None:
    cloud.bucket.putf(b"from outside", "in/a.txt")

    def work() -> str:
        with open("/bucket/in/a.txt") as file:
            text = file.read()
        os.makedirs("/bucket/out/deep", exist_ok=True)
        with open("/bucket/out/deep/b.txt", "w") as file:
            file.write(text.upper())
        return text

    assert run(cloud, work) == "from outside"
    assert content(cloud, "out/deep/b.txt") == b"FROM OUTSIDE"
    assert cloud.bucket.list() == ["in/a.txt", "out/deep/b.txt"]
    assert cloud.bucket.info("out/deep/b.txt")["size"] == 12


def test_what_is_stored_while_a_job_runs_is_seen_by_it(cloud: ModuleType, recorder: Recorder) -> None:
    mark, hold = recorder.mark, recorder.hold

    def work() -> list[Any]:
        seen: list[Any] = [os.path.exists("/bucket/late")]
        mark("looked")
        hold("stored")
        deadline = time.monotonic() + 20
        while not os.path.exists("/bucket/late") and time.monotonic() < deadline:
            time.sleep(0.01)
        with open("/bucket/late") as file:
            seen.append(file.read())
        import cloud as inside

        inside.bucket.putf(b"by the client", "late")
        while (text := Path("/bucket/late").read_text()) != "by the client" and time.monotonic() < deadline:
            time.sleep(0.01)
        seen.append(text)
        return seen

    jid = cloud.call(work)
    until(lambda: recorder.marks() == ["looked"], what="it looked")
    cloud.bucket.putf(b"from outside", "late")
    recorder.release("stored")
    assert cloud.result(jid, timeout=60) == [False, "from outside", "by the client"]


def test_a_large_object_is_read_and_written_whole_and_in_parts(cloud: ModuleType) -> None:
    block = os.urandom(MIB)
    whole = b"".join(block[n:] + block[:n] for n in range(150))
    cloud.bucket.putf(whole, "large")

    def work() -> list[Any]:
        digest = hashlib.sha256()
        with open("/bucket/large", "rb") as file:
            for place in (0, 149 * MIB + 7, 77_777_777, 1):
                file.seek(place)
                digest.update(file.read(3 * MIB))
        import shutil

        shutil.copyfile("/bucket/large", "/bucket/copy")
        with open("/bucket/copy", "r+b") as file:
            file.seek(100 * MIB)
            file.write(b"changed")
        with open("/bucket/copy", "ab") as file:
            file.write(b"the end")
        return [digest.hexdigest(), os.stat("/bucket/large").st_size]

    parts = hashlib.sha256()
    for place in (0, 149 * MIB + 7, 77_777_777, 1):
        parts.update(whole[place : place + 3 * MIB])
    assert run(cloud, work, _type="c2") == [parts.hexdigest(), len(whole)]
    changed = whole[: 100 * MIB] + b"changed" + whole[100 * MIB + 7 :] + b"the end"
    found = content(cloud, "copy")
    assert hashlib.sha256(found).digest() == hashlib.sha256(changed).digest()


def test_a_file_is_an_object_once_it_is_closed_and_not_before(cloud: ModuleType, recorder: Recorder) -> None:
    mark, hold = recorder.mark, recorder.hold
    cloud.bucket.putf(b"old", "k")

    def work() -> None:
        with open("/bucket/k", "w") as file:
            file.write("new, but not yet")
            file.flush()
            mark("written")
            hold("close")

    jid = cloud.call(work)
    until(lambda: recorder.marks() == ["written"], what="it wrote")
    assert content(cloud, "k") == b"old"
    recorder.release("close")
    cloud.result(jid, timeout=60)
    assert content(cloud, "k") == b"new, but not yet"


def test_ordinary_programs_work_in_the_bucket(cloud: ModuleType) -> None:
    for number in range(3):
        cloud.bucket.putf(f"line {number}\n".encode(), f"lines/{number}")
    script = """
        cat lines/* > all
        ls lines
        cp -r lines copied && mv copied/2 copied/two && rm copied/0
        grep -h 1 copied/* | tr a-z A-Z
        python3 -c 'open("by-python", "w").write(open("all").read()[::-1])'
        echo more >> all
        mkdir empty && rmdir empty
        ls copied; wc -c < all; du -sb lines > /dev/null; find . -type f | sort | tr '\\n' ' '
    """
    said = run(cloud, shell, script).split()
    files = "./all ./by-python ./copied/1 ./copied/two ./lines/0 ./lines/1 ./lines/2"
    assert said == f"0 1 2 LINE 1 1 two 26 {files}".split()
    assert content(cloud, "all") == b"line 0\nline 1\nline 2\nmore\n"
    assert content(cloud, "by-python") == b"line 0\nline 1\nline 2\n"[::-1]
    assert cloud.bucket.list(prefix="copied") == ["copied/1", "copied/two"]


def test_renaming_and_removing_are_those_of_the_bucket(cloud: ModuleType) -> None:
    for key in ("d/1", "d/sub/2", "other", "gone"):
        cloud.bucket.putf(key.encode(), f"renaming/{key}")

    def work() -> list[Any]:
        os.chdir("/bucket/renaming")
        os.rename("d", "e")
        os.replace("other", "e/1")
        os.remove("gone")
        said: list[Any] = [sorted(os.listdir(".")), sorted(os.listdir("e"))]
        for wrong in (lambda: os.rmdir("e"), lambda: os.remove("none"), lambda: os.listdir("d")):
            try:
                wrong()
                said.append("done")
            except OSError as error:
                said.append(error.strerror)
        return said

    missing = "No such file or directory"
    seen = run(cloud, work, _kill_process=True)
    assert seen == [["e"], ["1", "sub"], "Directory not empty", missing, missing]
    assert cloud.bucket.list() == ["renaming/e/1", "renaming/e/sub/2"]
    assert content(cloud, "renaming/e/1") == b"other"


def test_many_objects_are_listed_with_their_folders(cloud: ModuleType, tmp_path: Path) -> None:
    for number in range(1_500):
        (tmp_path / f"{number % 3}").mkdir(exist_ok=True)
        (tmp_path / f"{number % 3}" / f"{number:04}").write_text(str(number))
    cloud.bucket.sync_to_cloud(str(tmp_path), "tree")

    def work() -> list[Any]:
        sizes = [entry.stat().st_size for entry in os.scandir("/bucket/tree/0")]
        found = [os.path.join(at, name) for at, _, names in os.walk("/bucket/tree") for name in names]
        texts = [Path(path).read_text() for path in sorted(found)[:200]]
        return [sorted(os.listdir("/bucket/tree")), len(found), sum(sizes), texts[-1]]

    sizes = sum(len(str(n)) for n in range(0, 1_500, 3))
    assert run(cloud, work) == [["0", "1", "2"], 1_500, sizes, str(199 * 3)]


def test_accounts_never_see_each_others(server: Server, cloud: ModuleType) -> None:
    status, made = server.request("POST", "/v1/accounts", {"name": f"mount-{os.urandom(4).hex()}"})
    assert status in (200, 201), made
    keys = {
        "one": (server.ready.api_key, server.ready.api_secretkey),
        "two": (made["key"]["api_key"], made["key"]["api_secretkey"]),
    }

    def become(name: str) -> ModuleType:
        cloud.setkey(*keys[name], server_url=server.url)
        return cloud

    def work(name: str) -> list[str]:
        Path("/bucket/of-each/by-job").write_text(name)
        return [f"{path.name}: {path.read_text()}" for path in sorted(Path("/bucket/of-each").iterdir())]

    try:
        for name in keys:
            become(name).bucket.putf(name.encode(), "of-each/mine")
        for name in (*keys, *keys):
            assert run(become(name), work, name) == [f"by-job: {name}", f"mine: {name}"]
        for name in keys:
            assert content(become(name), "of-each/by-job") == name.encode()
    finally:
        become("one")


@pytest.mark.parametrize("heeds", [True, False], ids=["and closes its files", "and does not heed it"])
def test_a_job_that_is_killed_while_it_writes_leaves_no_object(
    cloud: ModuleType, recorder: Recorder, heeds: bool
) -> None:
    mark = recorder.mark
    cloud.bucket.putf(b"old", "half/old")

    def work() -> None:
        if not heeds:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        with open("/bucket/half/new", "w") as new, open("/bucket/half/old", "w") as old:
            for file in (new, old):
                file.write("x" * 5_000_000)
                file.flush()
            mark("half")
            deadline = time.monotonic() + 600
            while time.monotonic() < deadline:
                try:
                    time.sleep(600)
                except BaseException:
                    if heeds:
                        raise

    jid = cloud.call(work)
    until(lambda: recorder.marks() == ["half"], what="it wrote half")
    cloud.kill(jid)
    cloud.join(jid, ignore_errors=True, timeout=60)
    assert run(cloud, lambda: sorted(os.listdir("/bucket/half"))) == ["old"]
    assert content(cloud, "half/old") == b"old"
    assert cloud.bucket.list() == ["half/old"]


def test_a_quota_is_an_error_of_closing(
    new_server: Callable[..., Server], bind: Callable[[Server], ModuleType]
) -> None:
    cloud = bind(new_server(PICLOUD_BUCKET_QUOTA_BYTES="1000000"))
    cloud.bucket.putf(b"x" * 400_000, "before")

    def work() -> list[Any]:
        said: list[Any] = []
        for size in (500_000, 700_000):
            file = os.open(f"/bucket/{size}", WRITING)
            os.write(file, b"x" * size)
            try:
                os.close(file)
                said.append("stored")
            except OSError as error:
                said.append(error.strerror)
        space = os.statvfs("/bucket")
        said.append(space.f_bavail * space.f_frsize // 100_000)
        return said

    assert run(cloud, work) == ["stored", "Disk quota exceeded", 0]
    assert cloud.bucket.list() == ["500000", "before"]


def mounts_of(server: Server) -> list[str]:
    table = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in table if "picloud-bucket" in line or str(server.data_dir) in line]


def workers_of(server: Server) -> list[int]:
    found = []
    for pid in server.descendants():
        with contextlib.suppress(OSError):
            line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"worker" in line and line[0].endswith(b"picloud"):
                found.append(pid)
    return found


def test_a_worker_that_is_killed_leaves_no_mount_and_the_next_one_works(
    own_server: Server, bind: Callable[[Server], ModuleType], recorder: Recorder
) -> None:
    cloud = bind(own_server)
    mark = recorder.mark
    cloud.bucket.putf(b"kept", "k")

    def work() -> str:
        half = os.open("/bucket/half", WRITING)
        os.write(half, b"x" * 100_000)
        mark("half")
        if os.path.exists("/bucket/go"):
            os.close(half)
            return Path("/bucket/k").read_text()
        time.sleep(600)
        return ""

    jid = cloud.call(work)
    until(lambda: recorder.marks() == ["half"], what="it wrote half")
    assert mounts_of(own_server) == [], "the machine sees none of them"
    (worker,) = workers_of(own_server)
    cloud.bucket.putf(b"", "go")
    os.kill(worker, signal.SIGKILL)
    assert cloud.result(jid, timeout=60) == "kept", "it is done again"
    assert recorder.marks() == ["half", "half"]
    assert mounts_of(own_server) == []
    assert cloud.bucket.list() == ["go", "half", "k"]
    assert content(cloud, "k") == b"kept"
    own_server.stop()
    assert mounts_of(own_server) == []
    left = own_server.data_dir / "worker" / "bucket"
    assert not left.exists(), list(left.iterdir())


def test_a_job_without_a_sandbox_has_no_bucket_to_look_into(
    new_server: Callable[..., Server], bind: Callable[[Server], ModuleType]
) -> None:
    server = new_server("--isolation", "process")
    cloud = bind(server)
    assert run(cloud, lambda: os.path.exists("/bucket")) is False
    assert "jobs have no /bucket" in server.log()
    assert run(cloud, lambda: __import__("cloud").bucket.list()) == []
