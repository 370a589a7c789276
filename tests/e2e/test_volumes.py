"""Volumes: trees that jobs see, over the real server, worker and command line."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import pytest
from harness import Server, run_picloud, trees, until

from cloud import CloudException
from cloud._http import Connection

CHUNK = 4 << 20
NUMBERS = itertools.count()


@pytest.fixture
def volume(cloud: ModuleType) -> Iterator[Callable[..., str]]:
    """Makes empty volumes that are gone after the test."""
    made = []

    def make(mount_path: str = "") -> str:
        name = f"test-{next(NUMBERS)}"
        cloud.volume.create(name, mount_path or name)
        made.append(name)
        return name

    yield make
    for name in made:
        cloud.volume.delete(name)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the bodies that this process uploads from now on, chunks and manifests."""
    sizes: list[int] = []
    framed, request = Connection.framed, Connection.request

    def counted_framed(self: Connection, path: str, parts: list[Any], timeout: float | None = None) -> Any:
        if path == "/v1/blobs":
            sizes.append(sum(map(len, parts)))
        return framed(self, path, parts, timeout)

    def counted(self: Connection, method: str, path: str, body: Any = None, *args: Any, **more: Any) -> Any:
        if method == "PUT" and path.startswith("/v1/blobs/"):
            sizes.append(body.length)
        return request(self, method, path, body, *args, **more)

    monkeypatch.setattr(Connection, "framed", counted_framed)
    monkeypatch.setattr(Connection, "request", counted)
    return sizes


def names(cloud: ModuleType, path: str) -> list[str]:
    [(said, entries)] = cloud.volume.ls(path)
    assert said == path
    return [entry["name"] for entry in entries]


needs_sandbox = pytest.mark.skipif(os.geteuid() != 0, reason="volumes are shown in sandboxes made by root")


# What jobs see


@needs_sandbox
def test_a_job_reads_a_volume_and_cannot_change_it(
    cloud: ModuleType, volume: Callable[..., str], tmp_path: Path
) -> None:
    source = tmp_path / "source"
    (source / "deep/er").mkdir(parents=True)
    (source / "deep/er/text").write_text("hello")
    (source / "deep/run").write_text("#!/bin/sh\necho ran\n")
    (source / "deep/run").chmod(0o700)
    os.symlink("er/text", source / "deep/link")
    os.utime(source / "deep/er/text", (1_500_000_000, 1_500_000_000))
    below, absolute = volume("data/in/home"), volume("/datasets")
    cloud.volume.sync(f"{source}/", f"{below}:")
    cloud.volume.sync(f"{source}/deep", f"{absolute}:sub/")

    def look() -> Any:
        import os
        import subprocess
        from pathlib import Path

        seen: list[Any] = []
        for root in ("/home/picloud/data/in/home/deep", "/datasets/sub/deep"):
            link = Path(root, "link")
            seen.append([link.read_text(), os.readlink(link), os.stat(link).st_mtime])
            seen.append(subprocess.run([f"{root}/run"], capture_output=True, text=True, check=True).stdout)
            for change in (Path(root, "new").touch, link.unlink):
                try:
                    change()
                    seen.append("changed")
                except OSError as error:
                    seen.append(error.strerror)
        for free in ("/home/picloud/x", "/home/picloud/data/x", "/home/picloud/data/in/x"):
            Path(free).touch()
        return seen

    jid = cloud.call(look, _vol=[below, absolute])
    read_only = ["Read-only file system"] * 2
    expected = [["hello", "er/text", 1_500_000_000.0], "ran\n", *read_only]
    assert cloud.result(jid) == expected * 2
    assert cloud.info(jid, "vol")[jid]["vol"] == [below, absolute]


@needs_sandbox
def test_a_job_sees_the_tree_of_its_time_and_equal_trees_share_processes(
    cloud: ModuleType, volume: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "f").write_text("one")
    name = volume("shared")

    def look() -> Any:
        import os
        import sys

        before = getattr(sys, "seen_before", 0)
        sys.seen_before = before + 1  # type: ignore[attr-defined]
        there = os.path.exists("/home/picloud/shared/f")
        return open("/home/picloud/shared/f").read() if there else None, before

    assert cloud.result(cloud.call(look, _vol=name)) == (None, 0)
    cloud.volume.sync(str(tmp_path / "f"), f"{name}:")
    assert cloud.result(cloud.call(look, _vol=name)) == ("one", 0)
    assert cloud.result(cloud.call(look, _vol=name))[0] == "one"
    assert any(cloud.result(cloud.call(look, _vol=name))[1] for _ in range(5)), "no warm process served it"
    (tmp_path / "f").write_text("two!")
    cloud.volume.sync(str(tmp_path / "f"), f"{name}:")
    assert cloud.result(cloud.call(look, _vol=name)) == ("two!", 0)
    assert cloud.result(cloud.call(look)) == (None, 0), (
        "a job without the volume is no business of its process"
    )


@needs_sandbox
def test_a_job_whose_volume_was_deleted_says_so(cloud: ModuleType) -> None:
    name = f"gone-{next(NUMBERS)}"
    cloud.volume.create(name, name)
    first = cloud.call(lambda: __import__("time").sleep(1))
    jid = cloud.call(pow, 2, 3, _vol=name, _depends_on=first)
    cloud.volume.delete(name)
    with pytest.raises(CloudException, match=f"volume {name} was deleted"):
        cloud.result(jid)


def test_without_a_sandbox_a_job_with_a_volume_does_not_start(
    new_server: Callable[..., Server], bind: Callable[[Server], ModuleType]
) -> None:
    cloud = bind(new_server("--isolation", "process"))
    cloud.volume.create("data", "data")
    jid = cloud.call(pow, 2, 3, _vol="data")
    with pytest.raises(CloudException, match="volumes need a sandbox"):
        cloud.result(jid)
    assert cloud.result(cloud.call(pow, 2, 3)) == 8


def test_a_job_with_unknown_or_overlapping_volumes_is_not_made(
    cloud: ModuleType, volume: Callable[..., str]
) -> None:
    with pytest.raises(CloudException, match="volume .no-such. does not exist") as refused:
        cloud.call(pow, 2, 3, _vol="no-such")
    assert refused.value.status == 404
    outer, inner = volume("/over"), volume("/over/lap")
    with pytest.raises(CloudException, match="would cover each other") as refused:
        cloud.call(pow, 2, 3, _vol=[outer, inner])
    assert refused.value.status == 400


# What travels


def test_of_a_change_only_its_chunks_travel(
    cloud: ModuleType, volume: Callable[..., str], sent: list[int], tmp_path: Path
) -> None:
    rng = random.Random(1)
    source = tmp_path / "source"
    source.mkdir()
    (source / "large").write_bytes(rng.randbytes(3 * CHUNK + 100))
    for number in range(200):
        (source / f"small{number}").write_bytes(rng.randbytes(1000))
    name = volume()
    cloud.volume.sync(f"{source}/", f"{name}:")
    assert sum(sent) > 3 * CHUNK + 200_000
    sent.clear()
    cloud.volume.sync(f"{source}/", f"{name}:")
    assert sent == [], "nothing changed"
    # The same files elsewhere: the list of files alone.
    cloud.volume.sync(f"{source}/", f"{name}:copy/")
    assert sum(sent) < 200_000
    sent.clear()
    with (source / "large").open("r+b") as file:
        file.seek(CHUNK + 17)
        file.write(b"changed")
    cloud.volume.sync(f"{source}/", f"{name}:")
    assert CHUNK < sum(sent) < CHUNK + 200_000
    target = tmp_path / "target"
    cloud.volume.sync(f"{name}:", str(target))
    assert (target / "large").read_bytes() == (source / "large").read_bytes()


def test_a_sync_that_is_killed_changes_nothing_and_the_next_one_sends_the_rest(
    cloud: ModuleType, server: Server, volume: Callable[..., str], sent: list[int], tmp_path: Path
) -> None:
    name = volume()
    (tmp_path / "old").write_text("old")
    cloud.volume.sync(str(tmp_path / "old"), f"{name}:")
    large = tmp_path / "large"
    with large.open("wb") as file:
        for number in range(100):
            file.write(random.Random(number).randbytes(CHUNK))
    blobs = server.data_dir / "blobs"
    before = _files(blobs)
    code = f"import cloud; cloud.volume.sync({str(large)!r}, '{name}:', delete=True)"
    client = subprocess.Popen([sys.executable, "-c", code], env=server.client_env())
    try:
        # Sixteen may be on their way, stored but not yet noted down.
        until(lambda: _files(blobs) > before + 40, what="some chunks arrived")
    finally:
        client.send_signal(signal.SIGKILL)
    assert client.wait() == -signal.SIGKILL, "it was done before it could be killed"
    assert names(cloud, f"{name}:") == ["old"]
    cloud.volume.sync(str(large), f"{name}:")
    assert names(cloud, f"{name}:") == ["large", "old"]
    assert sum(sent) < 92 * CHUNK, "what had arrived was sent again"


def _files(directory: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(directory))


def test_syncs_at_one_time_all_take_effect(
    cloud: ModuleType, volume: Callable[..., str], tmp_path: Path
) -> None:
    name = volume()
    for number in range(6):
        trees.make(tmp_path / str(number), seed=number)
    failures: list[BaseException] = []

    def sync(number: int) -> None:
        try:
            cloud.volume.sync(str(tmp_path / str(number)), f"{name}:")
            cloud.volume.mkdir(f"{name}:made-{number}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=sync, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    expected = sorted([f"{n}/" for n in range(6)] + [f"made-{n}/" for n in range(6)])
    assert names(cloud, f"{name}:") == expected


# The rules of rsync


@pytest.mark.parametrize("seed", range(6))
def test_what_went_up_comes_down_the_same(
    cloud: ModuleType, server: Server, volume: Callable[..., str], tmp_path: Path, seed: int
) -> None:
    source, down, by_hand = tmp_path / "source", tmp_path / "down", tmp_path / "by-hand"
    trees.make(source, seed)
    name = volume()
    if seed % 2:
        cloud.volume.sync(f"{source}/", f"{name}:")
    else:
        run_picloud(server, "volume", "sync", f"{source}/", f"{name}:").check()
    trees.make(down, seed + 100, kinds_seed=seed)
    cloud.volume.sync(f"{name}:", str(down), delete=True)
    assert trees.contents(down) == trees.contents(source)
    trees.make(by_hand, seed + 200, kinds_seed=seed)
    run_picloud(server, "volume", "sync", "--delete", f"{name}:", str(by_hand)).check()
    assert trees.contents(by_hand) == trees.contents(source)


SHAPES = [
    (["one/"], ""),
    (["one"], ""),
    (["one/", "two/"], ""),
    (["one", "two"], "a"),
    (["one/"], "new"),
    (["one/"], "new/"),
    (["two", "one/"], "new"),
    (["single"], ""),
    (["single"], "new"),
    (["single"], "new/"),
    (["single"], "existing"),
    (["one/", "single"], "existing"),
]


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
@pytest.mark.parametrize("delete", [False, True])
@pytest.mark.parametrize(("sources", "dest"), SHAPES, ids=str)
def test_a_sync_leaves_what_rsync_leaves(
    cloud: ModuleType,
    server: Server,
    volume: Callable[..., str],
    tmp_path: Path,
    sources: list[str],
    dest: str,
    delete: bool,
) -> None:
    for seed in range(3):
        place = tmp_path / str(seed)
        for number, part in enumerate(["one", "two", "there"]):
            kinds = 0 if part != "there" else seed
            trees.make(place / part, seed * 10 + number, kinds_seed=kinds)
        (place / "single").write_text("single")
        os.utime(place / "single", (1_450_000_000, 1_450_000_000))
        (place / "there/existing").mkdir()
        name = volume()
        cloud.volume.sync(f"{place}/there/", f"{name}:")
        command = ["rsync", "-a", *(["--delete"] if delete else [])]
        command += [*sources, f"there/{dest}"]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True)
        given = [f"{place}/{source}" for source in sources]
        down = tmp_path / f"down{seed}"
        if done.returncode == 23 and "could not make way" in done.stderr:
            with pytest.raises(CloudException, match="directory with something in it"):
                cloud.volume.sync(given, f"{name}:{dest}", delete=delete)
            continue
        if done.returncode == 11 and "File exists" in done.stderr:
            with pytest.raises(CloudException, match="is there and no directory"):
                cloud.volume.sync(given, f"{name}:{dest}", delete=delete)
            continue
        assert done.returncode == 0, done.stderr
        cloud.volume.sync(given, f"{name}:{dest}", delete=delete)
        cloud.volume.sync(f"{name}:", str(down))
        # What leads to a new place is made now, here and there.
        made = {"existing", dest.strip("/")} if sources == ["single"] or len(sources) > 1 else {"existing"}
        assert _apart(down, made) == _apart(place / "there", made)
        shutil.rmtree(down)
        again = volume()
        trees.make(place / "again", seed * 10 + 2, kinds_seed=seed)
        (place / "again/existing").mkdir()
        run_picloud(server, "volume", "sync", f"{place}/again/", f"{again}:").check()
        flags = ["--delete"] if delete else []
        run_picloud(server, "volume", "sync", *flags, *given, f"{again}:{dest}").check()
        cloud.volume.sync(f"{again}:", str(down))
        assert _apart(down, made) == _apart(place / "there", made)


def _apart(root: Path, made: set[str]) -> dict[str, Any]:
    found = trees.contents(root)
    return {path: about[:2] if path in made and about[0] == "dir" else about for path, about in found.items()}


def test_what_cannot_be_in_a_volume_is_left_out_with_a_warning(
    cloud: ModuleType, volume: Callable[..., str], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.symlink("/etc/passwd", tmp_path / "absolute")
    os.symlink("../../elsewhere", tmp_path / "out")
    (tmp_path / "file").write_text("")
    name = volume()
    with pytest.warns(RuntimeWarning) as warned:
        cloud.volume.sync(f"{tmp_path}/", f"{name}:")
    assert len(warned) == 3
    assert names(cloud, f"{name}:") == ["file"]


def test_what_could_not_be_in_a_volume_goes_all_the_same_when_a_directory_is_made_like_one(
    cloud: ModuleType, server: Server, volume: Callable[..., str], tmp_path: Path
) -> None:
    name, target = volume(), tmp_path / "target"
    (tmp_path / "file").write_text("new")
    cloud.volume.sync(str(tmp_path / "file"), f"{name}:")
    for sync in (
        lambda: cloud.volume.sync(f"{name}:", str(target), delete=True),
        lambda: run_picloud(server, "volume", "sync", "-d", f"{name}:", str(target)).check(),
    ):
        (target / "dir").mkdir(parents=True)
        os.mkfifo(target / "dir/pipe")
        os.symlink("/etc/passwd", target / "dir/absolute")
        (target / "file").unlink(missing_ok=True)
        os.symlink("/nowhere", target / "file")
        sync()
        assert [path.name for path in target.rglob("*")] == ["file"]
        assert not (target / "file").is_symlink()
        assert (target / "file").read_text() == "new"


def test_exactly_one_side_is_in_a_volume(cloud: ModuleType, tmp_path: Path) -> None:
    for sources, dest in [("a:", "b:"), ([str(tmp_path), "ab:"], str(tmp_path)), (str(tmp_path), "./ab:x")]:
        with pytest.raises(CloudException, match="exactly one side|does not exist"):
            cloud.volume.sync(sources, dest)


# Volumes and the paths in them


def test_volumes_are_made_listed_and_deleted(cloud: ModuleType, server: Server) -> None:
    cloud.volume.create("listed", "some/where", "what it is for")
    (about,) = cloud.volume.get_list("listed", desc=True)
    assert (about["name"], about["mnt_path"]) == ("listed", "/home/picloud/some/where")
    assert about["desc"] == "what it is for"
    assert about["created"].tzinfo is not None
    assert "listed" in [volume["name"] for volume in cloud.volume.get_list()]
    shown = run_picloud(server, "--json", "volume", "list", "-n", "listed").check().out
    assert json.loads(shown)[0]["mount_path"] == "/home/picloud/some/where"
    with pytest.raises(CloudException, match="exists already"):
        cloud.volume.create("listed", "elsewhere")
    cloud.volume.delete("listed")
    for gone in (
        lambda: cloud.volume.delete("listed"),
        lambda: cloud.volume.get_list("listed"),
        lambda: cloud.volume.ls("listed:"),
    ):
        with pytest.raises(CloudException, match="does not exist") as refused:
            gone()
        assert refused.value.status == 404


@pytest.mark.parametrize(
    ("name", "path", "desc"),
    [
        ("x", "data", ""),
        ("x" * 65, "data", ""),
        ("a/b", "data", ""),
        ("fine", "", ""),
        ("fine", "/", ""),
        ("fine", "/usr/lib", ""),
        ("fine", "/etc", ""),
        ("fine", "/tmp/x", ""),
        ("fine", "/bucket", ""),
        ("fine", "/home/picloud", ""),
        ("fine", "../x", ""),
        ("fine", "data", "x" * 1025),
    ],
)
def test_names_and_places_have_rules(cloud: ModuleType, name: str, path: str, desc: str) -> None:
    with pytest.raises(CloudException) as refused:
        cloud.volume.create(name, path, desc)
    assert refused.value.status == 400


def test_directories_are_made_listed_and_removed(
    cloud: ModuleType, server: Server, volume: Callable[..., str], tmp_path: Path
) -> None:
    name = volume()
    cloud.volume.mkdir([f"{name}:a", f"{name}:b/"])
    cloud.volume.mkdir(f"{name}:x/y/z", parents=True)
    cloud.volume.mkdir(f"{name}:x/y", parents=True)
    for path, status in [("a", 409), ("n/o", 404)]:
        with pytest.raises(CloudException) as refused:
            cloud.volume.mkdir([f"{name}:new", f"{name}:{path}"])
        assert refused.value.status == status
    assert names(cloud, f"{name}:") == ["a/", "b/", "x/"], "all or none"
    (tmp_path / "f").write_text("12345")
    cloud.volume.sync(str(tmp_path / "f"), f"{name}:a/")
    [(_, [entry])] = cloud.volume.ls(f"{name}:a/f", extended_info=True)
    assert (entry["name"], entry["size"]) == ("f", 5)
    assert abs(entry["modified"].timestamp() - (tmp_path / "f").stat().st_mtime) < 0.01
    with pytest.raises(CloudException, match="not empty"):
        cloud.volume.rm(f"{name}:a")
    cloud.volume.rm(f"{name}:b")
    cloud.volume.rm([f"{name}:a", f"{name}:x/y"], recursive=True)
    assert [names(cloud, f"{name}:"), names(cloud, f"{name}:x")] == [["x/"], []]
    run_picloud(server, "volume", "mkdir", "-p", f"{name}:by/hand").check()
    assert "by/" in run_picloud(server, "volume", "ls", "-l", f"{name}:").check().out
    run_picloud(server, "volume", "rm", "-r", f"{name}:by").check()
    for bad in (f"{name}:../x", f"{name}:/abs", "no-colon"):
        with pytest.raises(CloudException, match="is no path in"):
            cloud.volume.ls(bad)


# What is refused


def test_a_stranger_cannot_tell_that_a_volume_exists(server: Server, volume: Callable[..., str]) -> None:
    name = volume()
    _, made = server.request("POST", "/v1/accounts", {"name": f"stranger-{name}"})
    stranger = (str(made["key"]["api_key"]), made["key"]["api_secretkey"])
    tree = {"base": None, "tree": hashlib.sha256(b"x").hexdigest()}
    for method, path, body in [
        ("GET", "", None),
        ("DELETE", "", None),
        ("PUT", "/tree", tree),
        ("POST", "/ls", {"paths": [""]}),
        ("POST", "/mkdir", {"paths": ["a"]}),
        ("POST", "/rm", {"paths": [""], "recursive": True}),
    ]:
        status, answer = server.request(method, f"/v1/volumes/{name}{path}", body, auth=stranger)
        assert (status, answer["error"]["kind"]) == (404, "not_found"), (method, path)
    assert server.request("GET", "/v1/volumes", auth=stranger) == (200, {"volumes": []})


@pytest.mark.parametrize(
    "entries",
    [
        [{"path": "../x", "kind": "dir"}],
        [{"path": "/etc/passwd", "kind": "dir"}],
        [{"path": "a/b", "kind": "dir"}],
        [{"path": "a", "kind": "link", "target": ".."}, {"path": "a/b", "kind": "dir"}],
        [{"path": "a", "kind": "link", "target": "/etc"}],
        [
            {"path": "a", "kind": "link", "target": "b"},
            {"path": "a/x", "kind": "file", "size": 0, "chunks": []},
        ],
        [{"path": "b", "kind": "dir"}, {"path": "a", "kind": "dir"}],
        [{"path": "a", "kind": "file", "size": 5, "chunks": []}],
    ],
    ids=str,
)
def test_a_tree_that_would_leave_its_directory_is_refused(
    server: Server, volume: Callable[..., str], entries: list[dict[str, Any]]
) -> None:
    whole = [{"mode": 0o644, "modified_ms": 0, **entry} for entry in entries]
    manifest = json.dumps({"entries": whole}).encode()
    name, hash = volume(), hashlib.sha256(manifest).hexdigest()
    headers = {"Content-Type": "application/octet-stream"}
    assert server.request("PUT", f"/v1/blobs/{hash}", manifest, headers=headers)[0] == 200
    status, answer = server.request("PUT", f"/v1/volumes/{name}/tree", {"base": None, "tree": hash})
    assert (status, answer["error"]["kind"]) == (400, "bad_request")
    assert "is refused" in answer["error"]["msg"]


def test_a_tree_whose_chunks_are_not_there_is_refused(server: Server, volume: Callable[..., str]) -> None:
    chunk = hashlib.sha256(b"never sent").hexdigest()
    entry = {"path": "a", "kind": "file", "size": 10, "chunks": [chunk], "mode": 0o644, "modified_ms": 0}
    manifest = json.dumps({"entries": [entry]}).encode()
    name, hash = volume(), hashlib.sha256(manifest).hexdigest()
    headers = {"Content-Type": "application/octet-stream"}
    assert server.request("PUT", f"/v1/blobs/{hash}", manifest, headers=headers)[0] == 200
    status, answer = server.request("PUT", f"/v1/volumes/{name}/tree", {"base": None, "tree": hash})
    assert (status, answer["error"]["kind"]) == (409, "blob_missing")
