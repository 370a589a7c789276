"""`make demo`, the first thing a newcomer runs, does what the README says."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from harness.paths import ROOT

pytest.importorskip("skimage", reason="the demo's packages are not installed")


def test_the_demo_fills_a_bucket_through_queues_and_cleans_up(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PICLOUD_")}
    env["TMPDIR"] = str(tmp_path)
    env["DEMO_SHEET"] = str(tmp_path / "sheet.png")
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

    made = re.search(r"(\d+) images in [\d.]+ s", said)
    assert made is not None and int(made.group(1)) == 4 * 56, said
    again = re.search(r"(\d+) downloads failed at first and were tried again", said)
    assert again is not None and int(again.group(1)) == 16, "of seven addresses two fail at first"
    assert said.count("after 3 retries: MaxRetryException('HTTP Error 404") == 4, (
        "addresses that lead nowhere say why"
    )
    address = re.search(r"one of them, for everybody: (http\S+)", said)
    assert address is not None, said
    from PIL import Image

    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 1_000 and len(sheet.convert("RGB").getcolors(1 << 24) or []) > 10_000

    url = re.search(r"The dashboard: http://127\.0\.0\.1:\d+/welcome#\S{40,}", said)
    assert url is not None, said
    assert said.rstrip().endswith("The server has stopped and its data is gone.")
    assert not list(tmp_path.glob("picloud-demo.*")), "nothing is left behind"
