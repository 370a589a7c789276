"""Objects as files: directories both ways, many processes, sizes beyond memory, ends amid it all."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from harness import Server, eventually, run_python, until

MIB = 1 << 20


@pytest.fixture
def bucket(cloud: ModuleType) -> Iterator[Any]:
    """The module, on a bucket that is empty before and after."""
    yield cloud.bucket
    cloud.bucket.remove(cloud.bucket.iterlist())


def tree(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def fill(root: Path, seed: int = 1) -> dict[str, bytes]:
    """Small files in folders, empty ones, one that is not small, and names that need care."""
    chance = random.Random(seed)
    contents = {f"d{n % 7}/f{n}": chance.randbytes(chance.randrange(3_000)) for n in range(1_200)}
    contents.update(
        {"empty": b"", "deep/er/ü b?#": b"x", ".hidden": b"y", "large": chance.randbytes(3 * MIB)}
    )
    for name, content in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return contents


def test_a_directory_goes_up_and_down_and_only_what_differs(bucket: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    contents = fill(source)
    total = sum(map(len, contents.values()))
    assert bucket.sync_to_cloud(source, "t") == (len(contents), total, 0)
    assert sorted(bucket.iterlist()) == sorted(f"t/{name}" for name in contents)
    assert bucket.sync_to_cloud(source, "t") == (0, 0, len(contents))

    assert bucket.sync_from_cloud("t", target) == (len(contents), total, 0)
    assert tree(target) == contents
    assert bucket.sync_from_cloud("t", target) == (0, 0, len(contents))

    (source / "d1/f1").write_bytes(b"other")
    same_size = contents["d2/f2"][::-1]
    (source / "d2/f2").write_bytes(same_size)
    (source / "new").write_bytes(b"new")
    up = bucket.sync_to_cloud(source, "t")
    assert (up.transferred, up.unchanged) == (3, len(contents) - 2)
    (target / "own").write_bytes(b"stays")
    down = bucket.sync_from_cloud("t", target)
    assert (down.transferred, down.unchanged) == (3, len(contents) - 2)
    assert tree(target) == {**tree(source), "own": b"stays"}


def test_single_files_are_synced_too(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("f").write_text("one")
    assert bucket.sync_to_cloud("f", prefix="p") == (1, 3, 0)
    assert bucket.sync_to_cloud("f", prefix="p") == (0, 0, 1)
    Path("f").write_text("two")
    assert bucket.sync_from_cloud("p/f") == (1, 3, 0)
    assert Path("f").read_text() == "one"
    assert bucket.sync_from_cloud("p/f") == (0, 0, 1)
    Path("folder").mkdir()
    Path("folder/x").write_text("x")
    bucket.sync_to_cloud("folder")
    assert bucket.list() == ["folder/x", "p/f"], "a directory's own name is the default"


def test_nothing_is_written_outside_the_directory(bucket: Any, cloud: ModuleType, tmp_path: Path) -> None:
    outside, target = tmp_path / "outside", tmp_path / "target"
    outside.mkdir()
    target.mkdir()
    (target / "link").symlink_to(outside)
    bucket.putf("x", "t/link/escaped")
    bucket.putf("x", "t/fine")
    with pytest.raises(cloud.CloudException, match="because of a link in its path"):
        bucket.sync_from_cloud("t", target)
    assert os.listdir(outside) == [] and not (target / "fine").exists(), (
        "looked at before anything is written"
    )
    (target / "link").unlink()
    (target / "link").symlink_to("inside")
    (target / "inside").mkdir()
    bucket.sync_from_cloud("t", target)
    assert (target / "inside" / "escaped").read_text() == "x", "a link within it is fine"
    bucket.putf("x", "t/inside")
    with pytest.raises(cloud.CloudException, match="is a directory, and the object inside a file"):
        bucket.sync_from_cloud("t", target)


def test_links_in_a_source_are_read_as_files_and_not_followed_in_circles(bucket: Any, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "f").write_text("x")
    (tmp_path / "s" / "link").symlink_to("f")
    (tmp_path / "s" / "circle").symlink_to(".")
    (tmp_path / "s" / "nowhere").symlink_to("gone")
    os.mkfifo(tmp_path / "s" / "pipe")
    bucket.sync_to_cloud(tmp_path / "s", "t")
    assert bucket.list() == ["t/f", "t/link"]


def test_many_processes_that_want_one_file_download_it_once(
    bucket: Any, server: Server, tmp_path: Path
) -> None:
    data = random.Random(7).randbytes(8 * MIB)
    bucket.putf(data, "shared")
    script = tmp_path / "script.py"
    script.write_text(
        "import cloud, os, sys\n"
        "cloud.bucket.mpsafe_get('shared', 'target', timeout=60)\n"
        "print(os.stat('target').st_ino, os.stat('target').st_size)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, str(script)],
            cwd=tmp_path,
            env=server.client_env(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    said = {process.communicate(timeout=60)[0] for process in processes}
    assert len(said) == 1, f"one file, written once: {said}"
    assert (tmp_path / "target").read_bytes() == data
    assert sorted(os.listdir(tmp_path)) == ["script.py", "target"], "no lock is left"


def test_a_file_that_is_there_is_kept_unless_it_is_to_be_synced(
    bucket: Any, cloud: ModuleType, tmp_path: Path
) -> None:
    from cloud._locked import locked

    target = tmp_path / "target"
    bucket.putf("right", "x")
    target.write_text("other")
    bucket.mpsafe_get("x", target)
    assert target.read_text() == "other"
    bucket.mpsafe_get("x", target, do_sync=True)
    assert target.read_text() == "right"
    target.write_text("")
    bucket.mpsafe_get("x", target, start_byte=1, end_byte=3)
    assert target.read_text() == "igh", "an empty one is no file that is there"
    with locked(target, None), pytest.raises(cloud.CloudTimeoutError, match="still downloading"):
        bucket.mpsafe_get("x", target, timeout=0.05)
    bucket.mpsafe_get("x", target, timeout=0.05)


def test_a_lock_goes_round_and_is_gone_with_the_last(tmp_path: Path) -> None:
    from cloud._locked import locked

    inside, most, order = 0, 0, []

    def take(number: int) -> None:
        nonlocal inside, most
        for _ in range(20):
            with locked(tmp_path / "f", 30):
                inside += 1
                most = max(most, inside)
                order.append(number)
                inside -= 1

    threads = [threading.Thread(target=take, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1 and len(order) == 80 and os.listdir(tmp_path) == []


def resident_mib(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"{field} of {pid} is not to be had")


def test_a_gibibyte_goes_in_and_out_in_little_memory(new_server: Any, tmp_path: Path) -> None:
    server = new_server("--no-worker")
    idle = resident_mib(server.ready.pid, "VmRSS")
    program = run_python(
        server,
        """
        import cloud, hashlib, os, resource
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        cloud.bucket.putf("x", "warm")
        cloud.bucket.get("warm", "warm")
        before = peak()
        with open("source", "wb") as file:
            for number in range(1024):
                file.write(number.to_bytes(4, "big") * (1 << 18))
        cloud.bucket.put("source", "big")
        cloud.bucket.get("big", "target")
        with cloud.bucket.getf("big") as file:
            while file.read(1 << 20):
                pass
        grown = peak() - before
        def digest(name):
            found = hashlib.sha256()
            with open(name, "rb") as file:
                while piece := file.read(1 << 20):
                    found.update(piece)
            return found.hexdigest()
        print(grown, digest("source") == digest("target"), os.stat("target").st_size)
        """,
        tmp_path,
        timeout=110,
    ).check()
    grown, same, size = program.out.split()
    assert (same, int(size)) == ("True", 1 << 30)
    assert int(grown) < 64, "the client streams"
    assert resident_mib(server.ready.pid, "VmHWM") - idle < 64, "the server streams"
    for name in ("source", "target"):
        (tmp_path / name).unlink()


def blobs(server: Server) -> list[Path]:
    return [path for path in (server.data_dir / "blobs").rglob("*") if path.is_file()]


def test_an_upload_that_dies_leaves_nothing_to_see_and_no_space_taken(
    new_server: Any, bind: Any, tmp_path: Path
) -> None:
    server = new_server("--no-worker")
    cloud = bind(server)
    cloud.bucket.putf("before", "x")
    known = set(blobs(server))
    script = tmp_path / "script.py"
    script.write_text(
        "import cloud, io, time\n"
        "class Slow(io.BytesIO):\n"
        "    def read(self, size=-1):\n"
        "        if self.tell() >= 32 << 20:\n"
        "            print('half', flush=True)\n"
        "            time.sleep(600)\n"
        "        return super().read(size)\n"
        "cloud.bucket.putf(Slow(bytes(64 << 20)), 'x')\n"
    )
    client = subprocess.Popen(
        [sys.executable, str(script)], env=server.client_env(), stdout=subprocess.PIPE, text=True
    )
    assert client.stdout is not None and client.stdout.readline() == "half\n"
    until(lambda: set(blobs(server)) != known, what="something of it has arrived")
    client.send_signal(signal.SIGKILL)
    client.wait(10)
    client.stdout.close()

    def as_before() -> None:
        assert set(blobs(server)) == known

    eventually(as_before)
    assert cloud.bucket.getf("x").read() == b"before"


def test_a_server_that_dies_amid_an_upload_starts_without_a_trace_of_it(
    new_server: Any, bind: Any, tmp_path: Path
) -> None:
    server = new_server("--no-worker")
    cloud = bind(server)
    cloud.bucket.putf("before", "x")
    known = set(blobs(server))
    content = random.Random(3).randbytes(MIB) * 256

    failed: list[Exception] = []
    done = threading.Event()

    def upload() -> None:
        try:
            cloud.bucket.putf(content, "x")
        except Exception as error:
            failed.append(error)
        done.set()

    threading.Thread(target=upload, daemon=True).start()
    until(lambda: set(blobs(server)) != known, what="something of it has arrived")
    server.kill()
    for path in set(blobs(server)) - known:
        assert path.stat().st_size < len(content) or failed == []
    server.start()
    # The client says it again to the new server; a broken upload of before is not part of it.
    assert done.wait(60) and failed == []
    with cloud.bucket.getf("x") as file:
        assert hashlib.sha256(file.read()).digest() == hashlib.sha256(content).digest()

    def only_what_is_named() -> None:
        sizes = sum(path.stat().st_size for path in blobs(server))
        assert sizes <= len(content) + len(b"before")

    eventually(only_what_is_named)
