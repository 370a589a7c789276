"""Trees of this machine into volumes and back: only what differs travels, and a volume changes at once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ._errors import CloudException
from ._frames import Bytes, encode
from ._http import Connection
from ._progress import Progress
from ._sync_plan import Plan, Source, local_source, plan
from ._trees import (
    CHUNK_BYTES,
    Entry,
    Found,
    Tree,
    below,
    check_path,
    chunks_of,
    from_manifest,
    to_manifest,
)
from ._wire import Body

__all__ = ["down", "up"]

BATCH_BYTES = 16 << 20
BATCH_COUNT = 4_000
AT_ONCE = 4
ATTEMPTS = 20
"""How often a sync begins again because somebody else changed the volume meanwhile."""


def volume_of(connection: Connection, name: str) -> Any:
    """What the service knows of a volume."""
    return connection.json("GET", f"/v1/volumes/{name}")


def tree_of(connection: Connection, manifest: str | None) -> Tree:
    """The tree of a manifest's hash; None is an empty one."""
    if manifest is None:
        return {}
    content = bytes(connection.request("GET", f"/v1/blobs/{manifest}").body)
    if hashlib.sha256(content).hexdigest() != manifest:
        raise CloudException("the list of files arrived damaged", kind="hash_mismatch", retry=True)
    return from_manifest(content)


def up(connection: Connection, sources: list[str], volume: str, path: str, delete: bool) -> None:
    """Directories and files of this machine into a volume."""
    found = [local_source(source) for source in sources]
    slash = path.endswith("/")
    dest = check_path(path)
    # What was read once need not be read again when the volume changed meanwhile.
    read: dict[tuple[Path, int, int], list[str]] = {}
    for attempt in range(ATTEMPTS):
        about = volume_of(connection, volume)
        base = tree_of(connection, about["tree"])
        todo = plan(found, dest, slash, base, delete)
        _check_room(connection, about["bytes"], todo.apply(base, lambda found: found.entry))
        tree = _upload(connection, todo, base, read)
        if tree == base and about["tree"] is not None:
            return
        content = to_manifest(tree)
        manifest = hashlib.sha256(content).hexdigest()
        connection.request("PUT", f"/v1/blobs/{manifest}", Body([content]))
        try:
            connection.json(
                "PUT", f"/v1/volumes/{volume}/tree", {"base": about["tree"], "tree": manifest}, timeout=60.0
            )
            return
        except CloudException as refused:
            if refused.kind not in ("conflict", "blob_missing") or attempt == ATTEMPTS - 1:
                raise
            if refused.kind == "blob_missing":
                # Chunks of a tree that is no longer, or were not kept long enough.
                read.clear()


def _check_room(connection: Connection, old: int, tree: Tree) -> None:
    """What is sure to be refused need not travel first. CloudException as the server's own."""
    bucket = connection.json("GET", "/v1/bucket")
    new = sum(entry["size"] for entry in tree.values() if entry["kind"] == "file")
    size, quota = bucket["bytes"] + bucket["volume_bytes"] - old + new, bucket["quota_bytes"]
    if quota is not None and new > old and size > quota:
        raise CloudException(
            f"the account would hold {size} bytes, and its quota is {quota}",
            status=413,
            kind="quota_exceeded",
            hint="remove objects or files from volumes, or have the quota raised",
        )


def _upload(
    connection: Connection, todo: Plan, base: Tree, read: dict[tuple[Path, int, int], list[str]]
) -> Tree:
    def changed(found: Found) -> bool:
        entry = found.entry
        return entry["kind"] == "file" and not _same(entry, base.get(entry["path"]))

    def identity(found: Found) -> tuple[Path, int, int]:
        return found.source, found.entry["size"], found.entry["modified_ms"]

    files = [found for found in todo.wanted.values() if changed(found) and identity(found) not in read]
    total = sum(found.entry["size"] for found in files)
    with Progress(total, "sync", "B") as progress, _Uploads(connection, progress) as uploads:
        for found in files:
            hashes = []
            for chunk in chunks_of(found.source, found.entry["size"]):
                hash = hashlib.sha256(chunk).hexdigest()
                hashes.append(hash)
                uploads.add(hash, chunk)
            read[identity(found)] = hashes

    def entry_of(found: Found) -> Entry:
        entry = found.entry
        if entry["kind"] != "file":
            return entry
        chunks = read[identity(found)] if changed(found) else base[entry["path"]]["chunks"]
        return {**entry, "chunks": chunks}

    return todo.apply(base, entry_of)


def _same(entry: Entry, other: Entry | None) -> bool:
    """Whether two files are believed to be equal: by size and time, as rsync does."""
    return (
        other is not None
        and other["kind"] == "file"
        and other["size"] == entry["size"]
        and other["modified_ms"] == entry["modified_ms"]
    )


class _Uploads:
    """Chunks on their way to the server, a few batches at one time; those it has are not sent."""

    def __init__(self, connection: Connection, progress: Progress) -> None:
        self._connection = connection
        self._progress = progress
        self._batch: dict[str, bytes] = {}
        self._size = 0
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="picloud-sync")
        self._room = threading.Semaphore(AT_ONCE)
        self._sent: list[Future[None]] = []

    def __enter__(self) -> _Uploads:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._send()
                for sent in self._sent:
                    sent.result()
        finally:
            self._threads.shutdown(wait=True)

    def add(self, hash: str, chunk: bytes) -> None:
        """One more; waits while too many are on their way."""
        if hash not in self._batch:
            self._batch[hash] = chunk
            self._size += len(chunk)
        else:
            self._progress.add(len(chunk))
        if self._size >= BATCH_BYTES or len(self._batch) >= BATCH_COUNT:
            self._send()

    def _send(self) -> None:
        batch, self._batch, self._size = self._batch, {}, 0
        if not batch:
            return
        self._room.acquire()
        ended = [sent for sent in self._sent if sent.done()]
        for sent in ended:
            sent.result()
            self._sent.remove(sent)
        self._sent.append(self._threads.submit(self._send_batch, batch))

    def _send_batch(self, batch: dict[str, bytes]) -> None:
        try:
            reply = self._connection.json("POST", "/v1/blobs/missing", {"hashes": list(batch)})
            missing: list[str] = reply["missing"]
            if missing:
                parts: list[Bytes] = encode({"count": len(missing)})
                for hash in missing:
                    parts += [len(batch[hash]).to_bytes(4, "big"), batch[hash]]
                self._connection.framed("/v1/blobs", parts, timeout=60.0)
            self._progress.add(sum(map(len, batch.values())))
        finally:
            self._room.release()


def down(connection: Connection, sources: list[tuple[str, str]], dest: str, delete: bool) -> None:
    """Paths of volumes into a directory of this machine, or one file to a path."""
    found = [_volume_source(connection, volume, path) for volume, path in sources]
    root = Path(dest)
    slash = dest.endswith("/")
    single = len(found) == 1 and not found[0].is_dir and not slash and not root.is_dir()
    # The path itself is the name of the file then, and of the directory otherwise.
    place, name = (root.parent, root.name) if single else (root, "")
    if not single and root.exists() and not root.is_dir():
        raise NotADirectoryError(f"{dest!r} is no directory")
    if single:
        there: Tree = {}
        if os.path.lexists(root):
            there = {name: {"path": name, "kind": "file", "mode": 0, "modified_ms": -1, "size": -1}}
    else:
        there = {entry["path"]: entry for entry in _local(root)} if root.is_dir() else {}
    todo = plan(found, name, slash, there, delete)
    top = next((one.top for one in found if one.contents and one.top is not None), None)
    _write(connection, todo, place, there)
    if top is not None:
        _dress(place, top.entry)


def _local(root: Path, prefix: str = "") -> Iterator[Entry]:
    """All that is there, also what could not be in a volume: it may be in the way, or have to go."""
    with os.scandir(root) as items:
        for item in sorted(items, key=lambda item: item.name):
            path, about = f"{prefix}{item.name}", item.stat(follow_symlinks=False)
            is_dir = item.is_dir(follow_symlinks=False)
            kind = "dir" if is_dir else "file" if item.is_file(follow_symlinks=False) else "other"
            times = {"modified_ms": about.st_mtime_ns // 1_000_000, "size": about.st_size}
            yield {"path": path, "kind": kind, **times}
            if is_dir:
                yield from _local(Path(item.path), f"{path}/")


def _volume_source(connection: Connection, volume: str, path: str) -> Source:
    about = volume_of(connection, volume)
    tree = tree_of(connection, about["tree"])
    said, name = f"{volume}:{path}", check_path(path)
    if name and name not in tree:
        raise CloudException(f"{said!r} is not in the volume", kind="not_found", status=404)
    contents = not name or path.endswith("/")
    top = Found(tree[name], Path()) if name else None
    if contents and top is not None and top.entry["kind"] != "dir":
        raise CloudException(f"{said!r} is no directory", kind="conflict")

    def inside(prefix: str) -> Iterator[Found]:
        cut = len(name) + 1 if name else 0
        for inner in below(tree, name):
            moved = f"{prefix}/{inner[cut:]}" if prefix else inner[cut:]
            yield Found({**tree[inner], "path": moved}, Path())

    return Source(said, name.rpartition("/")[2], contents, top, inside)


def _write(connection: Connection, todo: Plan, place: Path, there: Tree) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for path in reversed(todo.removed):
        _remove(place / path)
    for path in todo.made:
        (place / path).mkdir(exist_ok=True)
    dirs: list[Entry] = []
    files: list[Entry] = []
    for path, found in todo.wanted.items():
        entry, target = found.entry, place / path
        if entry["kind"] == "dir":
            if not target.is_dir() or target.is_symlink():
                _remove(target)
                target.mkdir()
            # Something must be put into it before it gets its own permissions.
            os.chmod(target, entry["mode"] | 0o700)
            dirs.append(entry)
        elif entry["kind"] == "link":
            _link(target, entry["target"])
            with contextlib.suppress(NotImplementedError):
                times = (entry["modified_ms"] * 1_000_000,) * 2
                os.utime(target, ns=times, follow_symlinks=False)
        elif _same(entry, there.get(path)):
            os.chmod(target, entry["mode"])
        else:
            files.append(entry)
    _fetch_all(connection, files, place)
    for entry in reversed(dirs):
        _dress(place / entry["path"], entry)


def _remove(target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        target.rmdir()
    else:
        with contextlib.suppress(FileNotFoundError):
            target.unlink()


def _link(target: Path, to: str) -> None:
    if target.is_symlink() and os.readlink(target) == to:
        return
    if target.is_dir() and not target.is_symlink():
        target.rmdir()
    draft = target.parent / f".picloud-{secrets.token_hex(6)}"
    os.symlink(to, draft)
    os.replace(draft, target)


def _dress(target: Path, entry: Entry) -> None:
    os.chmod(target, entry["mode"])
    os.utime(target, ns=(entry["modified_ms"] * 1_000_000,) * 2)


def _fetch_all(connection: Connection, files: list[Entry], place: Path) -> None:
    total = sum(entry["size"] for entry in files)
    stop = threading.Event()

    def fetch(entry: Entry) -> None:
        if not stop.is_set():
            _fetch(connection, entry, place / entry["path"], progress)

    with Progress(total, "sync", "B") as progress, ThreadPoolExecutor(AT_ONCE) as threads:
        try:
            for _ in threads.map(fetch, files):
                pass
        except BaseException:
            stop.set()
            raise


def _fetch(connection: Connection, entry: Entry, target: Path, progress: Progress) -> None:
    """One file, whole or not at all. Chunks that lie in the old one are taken from there."""
    if target.is_dir() and not target.is_symlink():
        target.rmdir()
    draft = target.parent / f".picloud-{secrets.token_hex(6)}"
    try:
        with contextlib.ExitStack() as stack:
            new = stack.enter_context(open(draft, "xb", buffering=0))
            old = None
            if target.is_file() and not target.is_symlink():
                old = stack.enter_context(open(target, "rb", buffering=0))
            for number, hash in enumerate(entry["chunks"]):
                chunk = _old_chunk(old, number, hash) or _chunk(connection, hash)
                new.write(chunk)
                progress.add(len(chunk))
            if new.tell() != entry["size"]:
                raise CloudException(f"{entry['path']!r} has another size than the volume says")
        _dress(draft, entry)
        os.replace(draft, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        raise


def _old_chunk(old: Any, number: int, hash: str) -> bytes | None:
    if old is None:
        return None
    chunk: bytes = os.pread(old.fileno(), CHUNK_BYTES, number * CHUNK_BYTES)
    return chunk if hashlib.sha256(chunk).hexdigest() == hash else None


def _chunk(connection: Connection, hash: str) -> bytes:
    chunk = bytes(connection.request("GET", f"/v1/blobs/{hash}", timeout=30.0).body)
    if hashlib.sha256(chunk).hexdigest() != hash:
        raise CloudException("a part of a file arrived damaged", kind="hash_mismatch", retry=True)
    return chunk
