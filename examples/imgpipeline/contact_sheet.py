"""All images of the pipeline on one page."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageDraw

import cloud

CELL = 150
GAP = 10
COLUMNS = 8
KINDS = ("original.thumb.png", "original.med.sepia.png")


def contact_sheet(ids: list[int], path: Path) -> int:
    """Draws thumbnail and sepia of every id side by side; returns how many images there are."""
    rows = -(-2 * len(ids) // COLUMNS)
    size = (COLUMNS * (CELL + GAP) + GAP, rows * (CELL + GAP + 12) + GAP)
    sheet = Image.new("RGB", size, "#f4f1ea")
    draw = ImageDraw.Draw(sheet)
    for place, (number, kind) in enumerate((number, kind) for number in ids for kind in KINDS):
        image = Image.open(io.BytesIO(cloud.bucket.getf(f"imgs/{number}/{kind}").read()))
        image.thumbnail((CELL, CELL))
        row, column = divmod(place, COLUMNS)
        left, top = GAP + column * (CELL + GAP), GAP + row * (CELL + GAP + 12)
        sheet.paste(image, (left + (CELL - image.width) // 2, top + (CELL - image.height) // 2))
        draw.text((left, top + CELL), f"{number} {kind.split('.')[-2]}", fill="#5b5346")
    sheet.save(path)
    return 2 * len(ids)
