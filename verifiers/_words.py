"""Word lists, written the way people write them."""

from __future__ import annotations


def words(*lines: str) -> frozenset[str]:
    """The words of ``lines``, which blanks divide."""
    return frozenset(word for line in lines for word in line.split())
