"""Directories up and down: only what differs travels, small files many at once, on several connections.

Two files are the same when size and SHA-256 are. Nothing is removed on either side.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Callable, NamedTuple, TypeVar

from ._errors import CloudException, DamagedError
from ._object_keys import key_of
from ._objects import Info, Objects
from ._progress import Progress
from ._transfer import draft, get_file, put_file

__all__ = ["Synced", "differs", "directory_from_cloud", "directory_to_cloud"]

T = TypeVar("T")

SMALL_BYTES = 1 << 20
"""Up to this size files travel many at once."""
BATCH_FILES = 500
BATCH_BYTES = 8 << 20
"""Small beside what a request may have, so that several connections share the work."""
THREADS = 4


class Synced(NamedTuple):
    """What a sync did: files that travelled, their bytes, and files that were the same already."""

    transferred: int
    transferred_bytes: int
    unchanged: int


class _File(NamedTuple):
    path: Path
    key: str
    size: int


def differs(path: Path, info: Info | None) -> bool:
    """Whether a local file is another content than an object, or either is not there."""
    if info is None or not path.is_file() or path.stat().st_size != info["size"]:
        return True
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest() != str(info["sha256"])


def directory_to_cloud(objects: Objects, directory: Path, folder: str) -> Synced:
    """Every file below a directory becomes an object below a folder, unless it is there already."""
    files = list(_files(directory, folder))
    known = {info["key"]: info for info in objects.entries(f"{folder}/")} if files else {}
    changed = [file for file in files if differs(file.path, known.get(file.key))]

    with Progress(sum(file.size for file in changed), folder, "B") as bar:

        def small(batch: list[_File]) -> None:
            objects.put_many([(file.key, file.path.read_bytes()) for file in batch])
            bar.add(sum(file.size for file in batch))

        def large(file: _File) -> None:
            put_file(objects, file.path, file.key, bar)

        _transfer(changed, small, large)
    return _synced(files, changed)


def directory_from_cloud(objects: Objects, folder: str, directory: Path) -> Synced:
    """Every object below a folder becomes a file below a directory, unless it is there already.

    CloudException if there is none.
    """
    infos = {info["key"]: info for info in objects.entries(f"{folder}/")}
    if not infos:
        raise CloudException(f"there are no objects below {folder}/", status=404, kind="not_found")
    places = _Places(directory)
    files = [_File(places.of(key[len(folder) + 1 :]), key, int(info["size"])) for key, info in infos.items()]
    changed = [file for file in files if differs(file.path, infos[file.key])]
    for parent in {file.path.parent for file in changed}:
        parent.mkdir(parents=True, exist_ok=True)

    with Progress(sum(file.size for file in changed), folder, "B") as bar:

        def small(batch: list[_File]) -> None:
            waiting = batch
            while waiting:
                found = objects.read_many([file.key for file in waiting])
                for file, (info, data) in zip(waiting, found):
                    if info is None:
                        continue  # removed since it was listed: as if it had been before
                    with draft(file.path) as target:
                        target.write(data)
                    bar.add(file.size)
                waiting = waiting[len(found) :]

        def large(file: _File) -> None:
            get_file(objects, file.key, file.path, progress=bar)

        _transfer(changed, small, large)
    return _synced(files, changed)


def _files(directory: Path, folder: str) -> Iterator[_File]:
    """Regular files below it, in order. Links to directories are not followed: they may lead in circles."""
    for parent, directories, names in os.walk(directory, onerror=_raise):
        directories.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if not path.is_file():
                continue  # sockets, pipes, links that lead nowhere
            relative = path.relative_to(directory).as_posix()
            yield _File(path, key_of(f"{folder}/{relative}"), path.stat().st_size)


def _raise(error: OSError) -> None:
    raise error


class _Places:
    """Where objects go below a directory, and nowhere else."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._root = os.path.realpath(directory)
        self._safe: set[Path] = set()

    def of(self, relative: str) -> Path:
        """The path of a file. CloudException where a link would lead outside."""
        path = self._directory / key_of(relative)
        if path.parent not in self._safe:
            real = os.path.realpath(path.parent)
            if real != self._root and not real.startswith(self._root.rstrip(os.sep) + os.sep):
                raise CloudException(
                    f"{path} would lie outside {self._directory}, because of a link in its path"
                )
            self._safe.add(path.parent)
        if path.is_dir():
            raise CloudException(f"{path} is a directory, and the object {relative} a file")
        return path


def _batches(files: Iterable[_File]) -> Iterator[list[_File]]:
    batch: list[_File] = []
    size = 0
    for file in files:
        if batch and (len(batch) == BATCH_FILES or size + file.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


def _transfer(
    files: list[_File], small: Callable[[list[_File]], None], large: Callable[[_File], None]
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    work: list[tuple[Callable[[Any], None], Any]] = []
    work += [(small, batch) for batch in _batches(f for f in files if f.size <= SMALL_BYTES)]
    work += [(large, file) for file in files if file.size > SMALL_BYTES]
    if len(work) < 2:
        for do, what in work:
            _twice(do, what)
        return
    with ThreadPoolExecutor(min(THREADS, len(work)), "picloud-sync") as pool:
        futures = [pool.submit(_twice, do, what) for do, what in work]
        try:
            for future in futures:
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            raise


def _twice(do: Callable[[Any], None], what: Any) -> None:
    try:
        do(what)
    except DamagedError:
        do(what)


def _synced(files: list[_File], changed: list[_File]) -> Synced:
    size = sum(file.size for file in changed)
    return Synced(len(changed), size, len(files) - len(changed))
