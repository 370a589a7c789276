"""Directory trees made at random from a seed, and what is in one, to be compared."""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path
from typing import Any

NAMES = ["a", "b", "c", "a-b", "a.b", "é", "Z", "long name with spaces", "-x"]
KINDS = ["file", "file", "file", "dir", "dir", "link"]


def make(root: Path, seed: int, kinds_seed: int = 0, depth: int = 3) -> None:
    """Fills a directory. Trees with the same `kinds_seed` agree in what is a directory and what is not."""
    rng = random.Random(seed)
    kinds = random.Random(kinds_seed)
    root.mkdir(parents=True, exist_ok=True)
    _fill(root, "", rng, kinds.random(), depth)
    # Not now: rsync takes times of the same second for equal.
    os.utime(root, (1_400_000_000, 1_400_000_000))


def _fill(root: Path, prefix: str, rng: random.Random, salt: float, depth: int) -> None:
    for name in rng.sample(NAMES, rng.randrange(2, 6)):
        path = f"{prefix}{name}"
        kind = random.Random(f"{salt}{path}").choice(KINDS)
        target = root / path
        if kind == "dir" and depth:
            target.mkdir()
            _fill(root, f"{path}/", rng, salt, depth - 1)
            os.chmod(target, rng.choice([0o755, 0o700, 0o775]))
        elif kind == "link":
            os.symlink(rng.choice(["a", "b/c", "./nowhere", "é"]), target)
            continue
        else:
            target.write_bytes(rng.randbytes(rng.choice([0, 1, 100, 5000])))
            os.chmod(target, rng.choice([0o644, 0o600, 0o755, 0o444]))
        when = 1_500_000_000_000 + rng.randrange(10**9)
        os.utime(target, ns=(when * 10**6, when * 10**6))


def contents(root: Path, times: bool = True) -> dict[str, Any]:
    """Everything below a directory by path: kind, permissions, time in milliseconds, and content."""
    found: dict[str, Any] = {}
    for directory, dirs, files in os.walk(root):
        for name in dirs + files:
            path = Path(directory, name)
            about = path.lstat()
            key = str(path.relative_to(root))
            when = about.st_mtime_ns // 10**6 if times else 0
            if path.is_symlink():
                found[key] = ("link", os.readlink(path))
            elif path.is_dir():
                found[key] = ("dir", stat.S_IMODE(about.st_mode), when)
            else:
                found[key] = ("file", stat.S_IMODE(about.st_mode), when, path.read_bytes())
    return found
