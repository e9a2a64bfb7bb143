"""Numbers and rows as text, the same on every page and terminal."""

from __future__ import annotations

from collections.abc import Sequence


def columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of cells as aligned text."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def number(value: float | None, unit: str) -> str:
    """A measured number with its unit, or ``not measured``."""
    return "not measured" if value is None else f"{value:.3g} {unit}"


def share(value: float | None) -> str:
    """A bound in percent, or ``not measured``."""
    return "not measured" if value is None else f"{value:.1%}"
