"""Single files up and down: whole, verified, and never half of one under the name it is for."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ._errors import DamagedError
from ._hashing import Hasher
from ._object_reader import ObjectRange
from ._objects import Objects
from ._progress import Progress
from ._signed import DIRECT_BYTES, get_direct, put_direct

if TYPE_CHECKING:
    from typing import Union

    FilePath = Union[str, "os.PathLike[str]"]

__all__ = ["draft", "get_file", "put_file", "target_of"]

PIECE_BYTES = 1 << 20


def put_file(objects: Objects, path: FilePath, key: str, progress: Progress | None = None) -> None:
    """Uploads a file, which must be a regular one."""
    if Path(path).is_dir():
        raise IsADirectoryError(f"{os.fspath(path)!r} is a directory: sync_to_cloud stores what is in it")
    if Path(path).exists() and not Path(path).is_file():
        # Opening a pipe would wait for somebody who writes to it.
        raise OSError(f"{os.fspath(path)!r} is no regular file, so its size is not known before its end")
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        with Progress(size, key, "B") as own:
            bar = progress or own
            if size >= DIRECT_BYTES and objects.direct and put_direct(objects, key, file, bar):
                return
            objects.put(key, file, size, progress=bar)


def target_of(file_path: FilePath | None, key: str) -> Path:
    """Where a download goes: into a directory under the object's last name, else to the path itself."""
    name = key.rpartition("/")[2]
    path = Path(file_path) if file_path is not None else Path(name)
    trailing = file_path is not None and os.fspath(file_path).endswith(os.sep)
    return path / name if trailing or path.is_dir() else path


def get_file(
    objects: Objects,
    key: str,
    path: Path,
    start: int = 0,
    end: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Downloads into a file; makes the directories above it. A whole object is verified, and tried twice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _get_once(objects, key, path, start, end, progress)
    except DamagedError:
        try:
            _get_once(objects, key, path, start, end, progress)
        except DamagedError:
            raise DamagedError(f"{key} arrived damaged, twice; nothing was written to {path}") from None


def _get_once(
    objects: Objects, key: str, path: Path, start: int, end: int | None, progress: Progress | None
) -> None:
    source = ObjectRange(objects.connection, key, start, end)
    with contextlib.closing(source), draft(path) as file:
        total = max(0, (source.end or 0) + 1 - start)
        whole = start == 0 and end is None
        with Progress(total, key, "B") as own:
            bar, digest = progress or own, None
            if whole and total >= DIRECT_BYTES and objects.direct:
                source.close()
                digest = get_direct(objects, key, file, bar)
                if digest is None:
                    source.reopen()
            if digest is None:
                digest = _receive(source, file, total, bar)
        if whole and digest != source.sha256:
            raise DamagedError


def _receive(source: ObjectRange, file: IO[bytes], total: int, progress: Progress) -> str:
    """Copies all that is left into a file; the SHA-256 of it."""
    with Hasher(total) as digest:
        # Two in turns: while one is hashed, the other is filled.
        buffers = [memoryview(bytearray(min(PIECE_BYTES, total + 1))) for _ in range(2)]
        while size := _fill(source, buffers[0]):
            piece = buffers[0][:size]
            digest.update(piece)
            file.write(piece)
            progress.add(size)
            buffers.reverse()
        return digest.hexdigest()


def _fill(source: ObjectRange, buffer: memoryview) -> int:
    filled = 0
    while filled < len(buffer) and (count := source.readinto(buffer[filled:])):
        filled += count
    return filled


@contextlib.contextmanager
def draft(path: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name when it is complete; after an exception nothing is left of it."""
    name = path.parent / f".picloud-{secrets.token_hex(6)}"
    try:
        # Made as any new file is, by the umask; temporary files are for their owner only.
        with open(name, "xb") as file:
            yield file
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            name.unlink()
        raise
