"""Every finding against a subject, by its code: what follows from it, what it means, what to do."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path


@cache
def faults() -> dict[str, dict[str, str]]:
    """``follows``, ``means`` and ``remedy`` of each code of ``faults.toml``."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
