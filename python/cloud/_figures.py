"""Figures as people read them."""

from __future__ import annotations

__all__ = ["size", "table"]


def size(count: float) -> str:
    """Bytes in powers of ten, as core types are stated: `212.4 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def table(heading: list[str], rows: list[list[str]], left: int) -> str:
    """Padded columns, the first `left` of them flush left, the others right."""
    lines = [heading, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heading))]
    padded = [
        [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths))
        ]
        for line in lines
    ]
    return "\n".join("  ".join(line).rstrip() for line in padded)
