"""Equivalence by two one-sided tests (TOST): the difference lies between two registered limits.

"Not significant" is not "equal"; only these tests may say equal, and only within their limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.stats.paired import tango, tango_noninferiority, two_sided
from harness.stats.values import Interval, Test, Undefined, fraction, reals


@dataclass(frozen=True)
class Equivalence:
    """Both tests: ``lower`` denies "at or below the low limit", ``upper`` denies "at or above the
    high limit".
    """

    lower: Test
    upper: Test

    @property
    def p(self) -> float:
        """The p-value of equivalence: the larger of the two."""
        return max(self.lower.p, self.upper.p)


def tost_paired(
    x: Sequence[float], y: Sequence[float], low: float, high: float
) -> Equivalence | Undefined:
    """TOST of the mean of ``x - y`` in pairs (the same seeds, the same prompts) against ``low`` and
    ``high``.

    Undefined where all differences are equal. Raises ``ValueError`` on series that do not pair up
    or ``low >= high``. Source: Schuirmann 1987; Lakens 2017; statsmodels ``ttost_paired``.
    """
    first, second = reals("x", x, least=2), reals("y", y, least=2)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} values: expected pairs")
    _ordered(low, high)
    if len({a - b for a, b in zip(first, second, strict=True)}) == 1:
        return Undefined("all differences are equal: their spread is unknown")
    import numpy as np
    from statsmodels.stats.weightstats import ttost_paired

    _, lower, upper = ttost_paired(np.asarray(first), np.asarray(second), low, high)
    return Equivalence(
        Test(float(lower[0]), float(lower[1])), Test(float(upper[0]), float(upper[1]))
    )


def tost_independent(
    x: Sequence[float],
    y: Sequence[float],
    low: float,
    high: float,
    variances: Literal["unequal", "pooled"] = "unequal",
) -> Equivalence | Undefined:
    """TOST of ``mean(x) - mean(y)`` of independent series (separate seeds); Welch's form unless
    ``pooled``.

    Never for base and adapter on the same prompts. Undefined where both series are constant. Raises
    ``ValueError`` on fewer than two values, ``low >= high``, or other ``variances``. Source:
    Schuirmann 1987; statsmodels ``ttost_ind``.
    """
    first, second = reals("x", x, least=2), reals("y", y, least=2)
    _ordered(low, high)
    if variances not in ("unequal", "pooled"):
        raise ValueError(f"variances = {variances!r}: expected 'unequal' or 'pooled'")
    if len(set(first)) == len(set(second)) == 1:
        return Undefined("both series are constant: their spread is unknown")
    import numpy as np
    from statsmodels.stats.weightstats import ttost_ind

    _, lower, upper = ttost_ind(np.asarray(first), np.asarray(second), low, high, usevar=variances)
    return Equivalence(
        Test(float(lower[0]), float(lower[1])), Test(float(upper[0]), float(upper[1]))
    )


def tost_binary(gains: int, losses: int, n: int, margin: float) -> Equivalence:
    """TOST of adapter - base on the same prompts (K = 1) within ``+-margin``: Tango's score test on
    both sides.

    Raises ``ValueError`` on counts that do not fit ``n`` or a margin outside of (0, 1). Source:
    Tango 1998.
    """
    return Equivalence(
        Test(*tango_noninferiority(gains, losses, n, margin)),
        Test(*tango_noninferiority(losses, gains, n, margin)),
    )


def equivalent_binary(
    gains: int, losses: int, n: int, margin: float, alpha: float = 0.05
) -> tuple[bool, Interval]:
    """Whether the ``1 - 2 alpha`` Tango interval lies inside ``+-margin``, and that interval;
    raises as tost_binary.
    """
    interval = tango(gains, losses, n, two_sided(alpha))
    margin = fraction("margin", margin)
    return -margin < interval.low and interval.high < margin, interval


def _ordered(low: float, high: float) -> None:
    if not low < high:
        raise ValueError(f"low = {low!r}, high = {high!r}: expected low < high")
