"""`make demo`, the first thing a newcomer runs, does what the README says."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from harness.paths import ROOT

pytest.importorskip("sklearn", reason="the demo's packages are not installed")


def test_the_demo_searches_shows_an_error_and_cleans_up(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PICLOUD_")}
    env["TMPDIR"] = str(tmp_path)
    done = subprocess.run(
        [str(ROOT / "scripts" / "demo.sh")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=env,
        timeout=110,
    )
    said = done.stdout
    assert done.returncode == 0, said

    best = re.search(r"best: C=\S+ gamma=\S+, accuracy (\d\.\d+)", said)
    assert best is not None, said
    assert float(best.group(1)) > 0.98, "a support vector machine reads these digits well"
    assert "InvalidParameterError" in said, "the failing point's own exception is shown"
    assert 'examples/digits/model.py", line' in said or 'model.py", line' in said, "with the remote traceback"

    url = re.search(r"The job list: (http://127\.0\.0\.1:\d+)/jobs", said)
    assert url is not None, said
    assert said.rstrip().endswith("The server has stopped and its data is gone.")
    assert not list(tmp_path.glob("picloud-demo.*")), "nothing is left behind"
