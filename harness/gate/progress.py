"""How far a gate is and how fast: what is told to whoever shows it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.deciding.outcomes import MIN_RATE_N, Rate
from harness.stats.intervals import wilson

TOKEN, ROW = 4, 1000  # bytes of text a token, and of an answer's row beside its texts
PAGE = 1.5  # times the receipts: the page carries them packed, and what it is made of


class Progress(Protocol):
    """Is told after each step: what is under way, how much of it is done, and a note on its
    pace. A sentence of its own is a label of which ``total`` is zero."""

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
    return f"{_minutes(passed / done * (total - done))} left" if 0 < done < total else ""


def _minutes(seconds: float) -> str:
    return "{}:{:02d}".format(*divmod(round(seconds), 60))


def size(many: int) -> str:
    """Bytes as ``12.3 MB`` or ``1.2 GB``."""
    return f"{many / 1e9:.1f} GB" if many >= 1e9 else f"{many / 1e6:.1f} MB"


@dataclass
class Estimate:
    """What a whole gate has to do, said once and with how long it takes, when its first answers
    show the pace: ``answers`` to decode for at most ``tokens``, beside those that are ``kept``."""

    answers: int = 0
    kept: int = 0
    tokens: int = 0
    disk: int = 0  #: bytes, at most
    planned: bool = False

    def add(self, unknown: int, prompts: Sequence[str], most: int) -> None:
        """Count an arm of a suite: its ``prompts``, ``unknown`` ones to answer in ``most``
        tokens."""
        self.planned = True
        self.answers += unknown
        self.kept += len(prompts) - unknown
        self.tokens += unknown * most
        receipts = sum(len(text.encode()) for text in prompts) + len(prompts) * (ROW + TOKEN * most)
        self.disk += round(PAGE * receipts) + unknown * (ROW + TOKEN * most)

    def room(self, places: Sequence[Path], memory: tuple[int, int, int] | None) -> Iterator[str]:
        """What it takes of the disk of ``places``, and of ``memory``: bytes of the weights, of the
        rows of a batch, and free ones; a warning where that is more than there is."""
        if not self.answers + self.kept:
            return
        free = min(shutil.disk_usage(place).free for place in places)
        said = f"at most {size(self.disk)} of disk, {size(free)} free"
        if memory is not None and self.answers:
            said += "; memory: {} of weights, {} of rows, {} free".format(*map(size, memory))
        yield said
        if self.disk > free:
            yield f"warning: the disk may not hold it ({', '.join(map(str, places))}); free some"
        if memory is not None and self.answers and memory[1] > memory[2]:
            yield "warning: the memory may not hold the rows; free some, or ask for shorter answers"

    def say(self, progress: Progress, pace: Pace, allowed: int) -> None:
        """Say it by the ``pace`` of answers that were ``allowed`` so many tokens, of which the rest
        is taken to use as large a part."""
        if self.tokens and allowed and pace.seconds > 0:
            rest = _minutes(pace.seconds / allowed * max(0, self.tokens - allowed))
            many = f"{self.answers} answers to decode, {self.kept} kept"
            rate = f"{pace.tokens / pace.seconds:.0f} tok/s"
            progress(f"{many}, at most {self.tokens} tokens; at {rate} about {rest} left", 0, 0)
            self.tokens = 0


class Pace:
    """Counts of one part of a gate, and the note made of them. ``clock`` gives seconds.

    With several ``samples`` a prompt answers are no independent draws, so no interval is shown on
    the way."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, samples: int = 1) -> None:
        self._clock, self._began, self._samples = clock, clock(), samples
        self.tokens = self._judged = self._elite = 0  #: ``tokens`` that were decoded

    @property
    def seconds(self) -> float:
        """Since this part began."""
        return self._clock() - self._began

    def generated(self, tokens: int) -> None:
        """An answer was decoded, not read from the cache."""
        self.tokens += tokens

    def judged(self, outcome: str) -> None:
        """An answer was judged."""
        self._judged += 1
        self._elite += outcome == "pass"

    def note(self, done: int, total: int) -> str:
        """``1289 tok/s, 3.1 judged/s, 0:42 left, elite 12/30 = 40.0 % [24.6 %, 57.7 %]``; what is
        not known is left out."""
        passed = self.seconds
        parts = []
        if passed > 0 and self.tokens:
            parts.append(f"{self.tokens / passed:.0f} tok/s")
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
