"""One held-out prompt, as people wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One held-out prompt: its id, its text and ``expect``, what the criteria need to know about
    it.

    Prompts of one ``group`` are variants of one task and count as one; a tag names a slice of the
    suite."""

    id: str
    prompt: str
    expect: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None
    tags: tuple[str, ...] = ()
