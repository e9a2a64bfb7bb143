"""How long something lasts that is not always watched to its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from harness.stats import special
from harness.stats.values import Undefined, fraction, real


class Lasted(NamedTuple):
    """One that was watched up to ``time``, at which it ``failed`` or was last seen sound."""

    time: float
    failed: bool


class Survival(NamedTuple):
    """The share that lasts up to ``at`` with its one-sided bounds; ``failed`` are those that did
    not, ``reached`` those that were watched as far. ``rate`` is undefined where nobody tells: none
    was watched so far, and not all failed."""

    at: float
    rate: float | Undefined
    low: float
    high: float
    failed: int
    reached: int


def survival(watched: Sequence[Lasted], at: float, confidence: float = 0.95) -> Survival:
    """P(no failure before ``at``), where some are watched no longer than to a time before it.

    The rate is Kaplan and Meier's, 1958. Each bound holds with ``confidence``: where all were
    watched up to ``at`` it is Clopper and Pearson's, else that of a product of betas, by the method
    of moments. Greenwood's variance is not used: where none failed it is 0, which bounds nothing.
    Raises ``ValueError`` for a time that is no number.
    Source: Fay, Brittain & Proschan 2013, Biostatistics 14:723."""
    at, confidence = real("at", at), fraction("confidence", confidence)
    times = sorted({one.time for one in watched if one.failed and one.time < at})
    rate, betas, failed = 1.0, list[tuple[int, int]](), 0
    for time in times:
        left = sum(one.time >= time for one in watched)
        here = sum(one.failed and one.time == time for one in watched)
        rate, failed = rate * (1 - here / left), failed + here
        betas.append((left - here + 1, here))
    reached = sum(one.time >= at for one in watched)
    high = _quantile(betas, confidence) if betas else 1.0
    low = _quantile([*betas, (reached, 1)], 1 - confidence) if reached else 0.0
    known = reached > 0 or rate == 0
    found = rate if known else Undefined(f"none was watched up to {at:g}")
    return Survival(at, found, low, high, failed, reached)


def _quantile(betas: Sequence[tuple[int, int]], share: float) -> float:
    """That of a product of independent betas, by the beta of its first two moments, which it is
    where each goes on from the one before."""
    mean = square = 1.0
    for a, b in betas:
        mean *= a / (a + b)
        square *= a * (a + 1) / ((a + b) * (a + b + 1))
    size = (mean - square) / (square - mean * mean)
    return float(special.betaincinv(mean * size, (1 - mean) * size, share))
