"""The command line, as a person or a script uses it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.paths import binary
from harness.server import Server


@dataclass(frozen=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Its answer without the end of its last line."""
        return self.out.decode().rstrip("\n")


class CommandLine:
    """`picloud` with a server's key, in a directory of its own."""

    def __init__(self, server: Server, directory: Path) -> None:
        self.server = server
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def run(self, *words: object, stdin: bytes = b"", timeout: float = 60.0) -> Said:
        """Runs it with these words to its end, whatever that is."""
        done = subprocess.run(
            [str(binary()), *map(str, words)],
            env=self.server.client_env(),
            cwd=self.directory,
            input=stdin,
            capture_output=True,
            timeout=timeout,
        )
        return Said(done.returncode, done.stdout, done.stderr.decode(errors="replace"))

    def __call__(self, *words: object, stdin: bytes = b"") -> str:
        """What it answers. It must end well."""
        said = self.run(*words, stdin=stdin)
        assert said.code == 0, said
        return said.text

    def json(self, *words: object) -> Any:
        """Its answer as programs get it."""
        return json.loads(self("--json", *words))

    def refused(self, code: int, *words: object) -> str:
        """What it says on stderr where it must end with this code and give no answer."""
        said = self.run(*words)
        assert (said.code, said.out) == (code, b""), said
        return said.err
