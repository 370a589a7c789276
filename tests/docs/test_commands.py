"""Commands and options that the documents show exist."""

from __future__ import annotations

import re
import subprocess

import pytest
from harness.paths import ROOT, binary

DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs/guides").glob("*.md")),
]


def shown() -> dict[tuple[str, ...], set[str]]:
    """Every `picloud ...` in the documents: the words of the command, and the options used with it."""
    found: dict[tuple[str, ...], set[str]] = {}
    # In code, that is between backticks or indented; there with a variable or a prompt before it, if any.
    pattern = re.compile(r"(?:`|^    (?:\$ |\S+=\S+ )?)picloud ([a-z]+(?: [^`\n#|&>]*)?)", re.MULTILINE)
    for document in DOCUMENTS:
        for command in pattern.findall(document.read_text()):
            words = re.match(
                r"(?:key|account|config|bucket|files|volume|queue|rest|cron) [a-z][a-z0-9-]*|[a-z]+", command
            )
            assert words is not None
            options = re.findall(r"(?<!\S)(--[a-z-]+|-[a-z])(?=\s|$)", command)
            found.setdefault(tuple(words.group().split()), set()).update(options)
    return found


def test_commands_and_options_in_the_documents_exist() -> None:
    used = shown()
    assert len(used) > 8, "the documents show commands"
    for words, options in used.items():
        done = subprocess.run([binary(), *words, "--help"], capture_output=True, text=True)
        assert done.returncode == 0, f"picloud {' '.join(words)}: {done.stderr}"
        for option in options:
            assert re.search(rf"(?<!\S){option}\b", done.stdout), f"picloud {' '.join(words)} has no {option}"


@pytest.mark.parametrize(
    "command",
    [
        "serve",
        "worker",
        "setup",
        "jobs",
        "info",
        "logs",
        "kill",
        "delete",
        "workers",
        "doctor",
        "watch",
        "usage",
        "bucket",
        "files",
        "queue",
    ],
)
def test_a_command_that_people_need_is_in_a_guide(command: str) -> None:
    assert any(words[0] == command for words in shown())
