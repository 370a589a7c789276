"""Programs as users run them: a Python script with `import cloud`, or the command line."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from harness.paths import binary
from harness.server import Server


@dataclass(frozen=True)
class Program:
    """How a program ended and what it said."""

    code: int
    out: str
    err: str

    def check(self) -> Program:
        """Itself, if it ended well."""
        assert self.code == 0, f"ended with {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"
        return self


def _run(command: list[str], cwd: Path, env: dict[str, str], stdin: str | None, timeout: float) -> Program:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        input=stdin if stdin is not None else "",
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
    )
    return Program(done.returncode, done.stdout, done.stderr)


def run_python(
    server: Server,
    source: str,
    directory: Path,
    *arguments: str,
    python: str = sys.executable,
    stdin: str | None = None,
    timeout: float = 60.0,
    **env: str,
) -> Program:
    """Writes `source` to script.py in `directory`, beside whatever modules lie there, and runs it."""
    script = directory / "script.py"
    script.write_text(textwrap.dedent(source))
    return _run([python, str(script), *arguments], directory, {**server.client_env(), **env}, stdin, timeout)


def run_picloud(
    server: Server, *arguments: str, stdin: str | None = None, timeout: float = 60.0, **env: str
) -> Program:
    """Runs the command line against this server."""
    command = [str(binary()), *arguments]
    return _run(command, server.directory, {**server.client_env(), **env}, stdin, timeout)
