"""The Python of the guides does what they say: each document's blocks run in order, as one program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness import Server, run_python
from harness.paths import ROOT

# A fence with more words than the language, such as `python no-run`, is for reading only.
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCUMENTS = sorted(path for path in ROOT.glob("docs/guides/*.md") if BLOCK.search(path.read_text()))


def program(document: Path) -> str:
    """All blocks, each kept on its own lines, so that a traceback names the line of the document."""
    text = document.read_text()
    lines = [""] * (text.count("\n") + 1)
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start(1))
        for offset, line in enumerate(block.group(1).splitlines()):
            lines[first + offset] = line
    return "\n".join(lines)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_python_of_a_guide_runs(document: Path, server: Server, tmp_path: Path) -> None:
    run_python(server, program(document), tmp_path, timeout=100).check()


def test_there_are_guides_with_python() -> None:
    assert ROOT / "docs/guides/call-and-map.md" in DOCUMENTS
