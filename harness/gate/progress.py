"""How far a gate is and how fast: what is told to whoever shows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from harness.deciding.outcomes import MIN_RATE_N, Rate
from harness.stats.intervals import wilson


class Progress(Protocol):
    """Is told after each step: what is under way, how much of it is done, and a note on its
    pace."""

    def __call__(self, label: str, done: int, total: int, note: str = "") -> None:
        """Show it."""
        ...


def silent(label: str, done: int, total: int, note: str = "") -> None:
    """The progress that nobody watches."""


def named(name: str, progress: Progress) -> Progress:
    """The progress of one of several gates, which is told with each part."""

    def told(label: str, done: int, total: int, note: str = "") -> None:
        progress(f"{name}: {label}", done, total, note)

    return told


def left(passed: float, done: int, total: int) -> str:
    """``0:42 left`` at the pace of ``done`` steps in ``passed`` seconds; empty when none is known
    or all is done."""
    if not 0 < done < total:
        return ""
    minutes, seconds = divmod(round(passed / done * (total - done)), 60)
    return f"{minutes}:{seconds:02d} left"


class Pace:
    """Counts of one part of a gate, and the note made of them. ``clock`` gives seconds.

    With several ``samples`` a prompt answers are no independent draws, so no interval is shown on
    the way."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, samples: int = 1) -> None:
        self._clock, self._began, self._samples = clock, clock(), samples
        self._tokens = self._judged = self._elite = 0

    def generated(self, tokens: int) -> None:
        """An answer was decoded, not read from the cache."""
        self._tokens += tokens

    def judged(self, outcome: str) -> None:
        """An answer was judged."""
        self._judged += 1
        self._elite += outcome == "pass"

    def note(self, done: int, total: int) -> str:
        """``1289 tok/s, 3.1 judged/s, 0:42 left, elite 12/30 = 40.0 % [24.6 %, 57.7 %]``; what is
        not known is left out."""
        passed = self._clock() - self._began
        parts = []
        if passed > 0 and self._tokens:
            parts.append(f"{self._tokens / passed:.0f} tok/s")
        if passed > 0 and self._judged:
            parts.append(f"{self._judged / passed:.1f} judged/s")
        if rest := left(passed, done, total):
            parts.append(rest)
        if self._judged:
            enough = self._judged >= MIN_RATE_N and self._samples == 1
            interval = wilson(self._elite, self._judged) if enough else None
            n = self._judged
            parts.append(f"elite {Rate(self._elite, 0, n, n, interval=interval).text()}")
        return ", ".join(parts)
