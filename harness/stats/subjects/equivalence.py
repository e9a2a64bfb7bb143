"""Equivalence by two one-sided tests (TOST): the difference lies between two registered limits.

"Not significant" is not "equal"; only these tests may say equal, and only within their limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import Literal

from harness.stats import special
from harness.stats.paired import mcnemar_exact, tango_noninferiority
from harness.stats.values import Test, Undefined, reals


@dataclass(frozen=True)
class Equivalence:
    """``lower`` denies "at or below the low limit", ``upper`` "at or above the high limit"."""

    lower: Test
    upper: Test

    @property
    def p(self) -> float:
        """The p-value of equivalence: the larger of the two."""
        return max(self.lower.p, self.upper.p)


Outcome = Literal["equivalent", "different", "not established"]


@dataclass(frozen=True)
class Compared:
    """A difference and what may be said of it: only a TOST says ``equivalent``; a difference that
    is shown and not within the limits is ``different``; what remains is ``not established``.

    ``p_difference`` is two-sided. Equivalent and yet shown to differ is ``equivalent``: by so
    little that it does not matter. ``n`` are the pairs."""

    difference: float
    p: float
    p_difference: float
    n: int
    outcome: Outcome


def compared(x: Sequence[float], y: Sequence[float], margin: float, alpha: float) -> Compared:
    """``x - y`` in pairs (the same seeds) within ``+-margin``, by two one-sided t-tests; pairs that
    all differ by as much show no spread, and establish nothing.

    Raises ``ValueError`` as :func:`tost_paired`."""
    found = tost_paired(x, y, -margin, margin)
    differences = [a - b for a, b in zip(x, y, strict=True)]
    mean, n = fmean(differences), len(differences)
    if isinstance(found, Undefined):
        return Compared(mean, 1.0, 1.0, n, "not established")
    se = math.sqrt(variance(differences) / n)
    differs = 2 * float(special.stdtr(n - 1, -abs(mean) / se))
    return Compared(mean, found.p, differs, n, _outcome(found.p, differs, alpha))


def compared_binary(gains: int, losses: int, n: int, margin: float, alpha: float) -> Compared:
    """The same of two arms on the same prompts, by Tango's score and McNemar's exact test."""
    found, differs = tost_binary(gains, losses, n, margin), mcnemar_exact(gains, losses)
    outcome = _outcome(found.p, differs, alpha)
    return Compared((gains - losses) / n, found.p, differs, n, outcome)


def _outcome(p: float, differs: float, alpha: float) -> Outcome:
    if p <= alpha:
        return "equivalent"
    return "different" if differs <= alpha else "not established"


def tost_paired(
    x: Sequence[float], y: Sequence[float], low: float, high: float
) -> Equivalence | Undefined:
    """TOST of the mean of ``x - y`` in pairs (the same seeds, the same prompts).

    Undefined where all differences are equal. Raises ``ValueError`` on series that do not pair up
    or ``low >= high``. Source: Schuirmann 1987; Lakens 2017; equals statsmodels ``ttost_paired``.
    """
    first, second = reals("x", x, least=2), reals("y", y, least=2)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} values: expected pairs")
    differences = [a - b for a, b in zip(first, second, strict=True)]
    if len(set(differences)) == 1:
        return Undefined("all differences are equal: their spread is unknown")
    se = math.sqrt(variance(differences) / len(differences))
    return _tost(fmean(differences), se, len(differences) - 1, low, high)


def tost_independent(
    x: Sequence[float],
    y: Sequence[float],
    low: float,
    high: float,
    variances: Literal["unequal", "pooled"] = "unequal",
) -> Equivalence | Undefined:
    """TOST of ``mean(x) - mean(y)`` of independent series (separate seeds), by Welch unless pooled.

    Never for base and adapter on the same prompts. Undefined where both series are constant. Raises
    ``ValueError`` on fewer than two values, ``low >= high``, or other ``variances``. Source:
    Schuirmann 1987; Welch 1947; equals statsmodels ``ttost_ind``."""
    first, second = reals("x", x, least=2), reals("y", y, least=2)
    if variances not in ("unequal", "pooled"):
        raise ValueError(f"variances = {variances!r}: expected 'unequal' or 'pooled'")
    if len(set(first)) == len(set(second)) == 1:
        return Undefined("both series are constant: their spread is unknown")
    n, m = len(first), len(second)
    a, b = variance(first), variance(second)
    if variances == "pooled":
        df = n + m - 2.0
        squared = ((n - 1) * a + (m - 1) * b) / df * (1 / n + 1 / m)
    else:
        squared = a / n + b / m
        df = squared**2 / ((a / n) ** 2 / (n - 1) + (b / m) ** 2 / (m - 1))
    return _tost(fmean(first) - fmean(second), math.sqrt(squared), df, low, high)


def tost_binary(gains: int, losses: int, n: int, margin: float) -> Equivalence:
    """TOST of adapter - base on the same prompts (K = 1) within ``+-margin``, by Tango's score.

    Raises ``ValueError`` on counts that do not fit ``n`` or a margin outside of (0, 1). Source:
    Tango 1998."""
    return Equivalence(
        Test(*tango_noninferiority(gains, losses, n, margin)),
        Test(*tango_noninferiority(losses, gains, n, margin)),
    )


def _tost(difference: float, se: float, df: float, low: float, high: float) -> Equivalence:
    if not low < high:
        raise ValueError(f"low = {low!r}, high = {high!r}: expected low < high")
    above, below = (difference - low) / se, (difference - high) / se
    return Equivalence(
        Test(above, float(special.stdtr(df, -above))), Test(below, float(special.stdtr(df, below)))
    )
