"""Pictures in the documentation are of the dashboard as it is."""

from __future__ import annotations

import re
import runpy

from harness.paths import ROOT

PICTURES = ROOT / "docs" / "screenshots"


def test_pictures_were_taken_of_what_is_there() -> None:
    now = runpy.run_path(str(ROOT / "scripts" / "screenshots.py"), run_name="screenshots")["sources"]()
    assert (PICTURES / "SOURCES").read_text().strip() == now, "web/ has changed since: run make screenshots"


def test_every_page_has_a_picture_in_both_themes() -> None:
    pages = re.findall(r'path: "/([a-z-]+)"', (ROOT / "web" / "src" / "pages" / "index.ts").read_text())
    assert len(pages) >= 6
    for page in [*pages, "sign-in"]:
        for theme in ("light", "dark"):
            assert (PICTURES / f"{page}-{theme}.png").stat().st_size > 5_000, f"{page} in {theme}"
