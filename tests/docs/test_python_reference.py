"""The Python reference says what the package has."""

from __future__ import annotations

import re
import subprocess
import sys

from harness.paths import ROOT


def test_every_public_name_and_signature_is_in_the_reference_as_it_is() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "python_reference.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_guide_tells_of_every_option() -> None:
    from cloud._options import CALL

    guide = (ROOT / "docs/guides/call-and-map.md").read_text()
    told = set(re.findall(r"`(_[a-z]\w*)(?:=[^`]*)?`", guide))
    # Refused or deprecated: nobody needs to know them.
    silent = {"_env", "_vol", "_high_cpu"}
    assert set(CALL) - silent <= told
    assert told <= set(CALL), "the guide tells of options that do not exist"
