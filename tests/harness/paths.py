"""Where the tree keeps what tests run, and the environment they run it in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python"


def binary() -> Path:
    """The program under test: what `make build` made, unless PICLOUD_BINARY names another."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = Path(os.environ.get("PICLOUD_BINARY") or target / "release" / "picloud")
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: run `make build` first")
    return path


def environment(config_dir: Path, **more: str) -> dict[str, str]:
    """What a user's shell would have: this interpreter's directory first on PATH, no picloud settings."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PICLOUD_")}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', '')}"
    if sys.prefix != sys.base_prefix:
        env["VIRTUAL_ENV"] = sys.prefix
    env["PYTHONPATH"] = str(PACKAGE)
    env["PICLOUD_CONFIG_DIR"] = str(config_dir)
    env.update(more)
    return env
