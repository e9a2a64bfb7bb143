"""Intervals and bounds of one rate: ``passes`` of ``n`` independent items.

Wilson is shown; Clopper-Pearson is what gates and certifies, because its coverage is never below
the nominal one (at n = 20 Wilson's one-sided lower bound covers as little as 80 %). Items that come
in clusters belong to
:mod:`harness.stats.clusters`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

from scipy.optimize import brentq
from scipy.special import bdtr, bdtrc, betaincinv

from harness.stats.values import Interval as Interval
from harness.stats.values import fraction, part


def z_quantile(probability: float) -> float:
    """The standard normal quantile, for example 1.96 for .975; raises ``ValueError`` unless 0 <
    probability < 1.
    """
    return NormalDist().inv_cdf(fraction("probability", probability))


def z_two_sided(confidence: float) -> float:
    """The normal quantile of a two-sided interval: 1.96 for ``confidence`` .95."""
    return z_quantile((1 + fraction("confidence", confidence)) / 2)


def wilson(passes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson score interval, two-sided: the one to print, never a certificate.

    Raises ``ValueError`` unless ``0 <= passes <= n`` and ``n >= 1``.
    Source: Wilson 1927; Newcombe 1998, Stat Med 17:857.
    """
    passes, n = part("passes", passes, n)
    return wilson_rate(passes / n, n, confidence)


def wilson_rate(rate: float, n: float, confidence: float = 0.95) -> Interval:
    """:func:`wilson` of a rate seen in ``n`` items, for weighted counts that are not whole."""
    rate = fraction("rate", rate, closed=True)
    z = z_two_sided(confidence)
    centre = rate + z * z / (2 * n)
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low, high = (centre - half) / scale, (centre + half) / scale
    # at a rate of 0 or 1 that limit is exact, and the formula leaves rounding there
    return Interval(0.0 if rate == 0 else max(0.0, low), 1.0 if rate == 1 else min(1.0, high))


def clopper_pearson(passes: int, n: int, confidence: float = 0.95) -> Interval:
    """Clopper-Pearson exact interval, two-sided: ``(1 - confidence) / 2`` in each tail.

    Raises ``ValueError`` unless ``0 <= passes <= n`` and ``n >= 1``. Source: Clopper & Pearson
    1934, as beta quantiles.
    """
    one_sided = (1 + fraction("confidence", confidence)) / 2
    return Interval(lower_bound(passes, n, one_sided), upper_bound(passes, n, one_sided))


def lower_bound(x: int, n: int, confidence: float = 0.95) -> float:
    """One-sided exact lower bound of a rate with ``x`` of ``n`` seen: ``B^-1(1 - confidence; x, n -
    x + 1)``.

    Raises ``ValueError`` as :func:`clopper_pearson`. The name follows what it bounds: statsmodels'
    ``alternative=`` has the two sides swapped.
    """
    x, n = part("x", x, n)
    alpha = 1 - fraction("confidence", confidence)
    return 0.0 if x == 0 else float(betaincinv(x, n - x + 1, alpha))


def upper_bound(x: int, n: int, confidence: float = 0.95) -> float:
    """One-sided exact upper bound of a rate with ``x`` of ``n`` seen; ``1 - alpha^(1/n)``, about
    3/n, for none seen.

    Raises ``ValueError`` as :func:`clopper_pearson`. Source: ``B^-1(confidence; x + 1, n - x)``;
    rule of three.
    """
    x, n = part("x", x, n)
    confidence = fraction("confidence", confidence)
    return 1.0 if x == n else float(betaincinv(x + 1, n - x, confidence))


def jeffreys(passes: int, n: int, confidence: float = 0.95) -> Interval:
    """Jeffreys interval: quantiles of Beta(passes + 1/2, n - passes + 1/2), with 0 and 1 at the
    corners.

    Raises ``ValueError`` as :func:`clopper_pearson`. Source: Brown, Cai & DasGupta 2001, whose
    corner rule (0 passes reach down to 0, n passes up to 1) statsmodels leaves out.
    """
    passes, n = part("passes", passes, n)
    alpha = 1 - fraction("confidence", confidence)
    a, b = passes + 0.5, n - passes + 0.5
    return Interval(
        0.0 if passes == 0 else float(betaincinv(a, b, alpha / 2)),
        1.0 if passes == n else float(betaincinv(a, b, 1 - alpha / 2)),
    )


def mid_p(passes: int, n: int, confidence: float = 0.95) -> Interval:
    """Mid-p interval: both tail sums, each with half of the probability of the seen count, equal
    ``alpha / 2``.

    Raises ``ValueError`` as :func:`clopper_pearson`. Source: Lancaster 1961; Newcombe 1998, Stat
    Med 17:857, method 6.
    """
    passes, n = part("passes", passes, n)
    alpha = 1 - fraction("confidence", confidence)

    def below(p: float) -> float:
        """P(X < passes) + P(X = passes) / 2."""
        return float((_at_most(passes, n, p) + _at_most(passes - 1, n, p)) / 2)

    return Interval(
        0.0 if passes == 0 else _root(lambda p: 1 - below(p) - alpha / 2),
        1.0 if passes == n else _root(lambda p: below(p) - alpha / 2),
    )


def blaker(passes: int, n: int, confidence: float = 0.95) -> Interval:
    """Blaker's exact interval: the hull of the rates that his test accepts; it lies inside
    Clopper-Pearson.

    Raises ``ValueError`` as :func:`clopper_pearson`. Source: Blaker 2000, Can J Stat 28:783.
    """
    passes, n = part("passes", passes, n)
    alpha = 1 - fraction("confidence", confidence)
    outer = clopper_pearson(passes, n, confidence)

    def accepted(p: float) -> bool:
        tail, other_tail = _at_most(passes, n, p), _at_least(passes, n, p)
        if tail <= other_tail:
            others = [_at_least(k, n, p) for k in range(passes + 1, n + 1)]
        else:
            tail, others = other_tail, [_at_most(k, n, p) for k in range(passes)]
        # the tail that was seen, and the largest opposite one that is no more probable
        return tail + max((other for other in others if other <= tail * SAME), default=0.0) >= alpha

    def edge(start: float, step: float) -> float:
        """The first accepted rate from ``start`` on: a scan, as acceptance may have gaps, then a
        bisection.
        """
        outside = start
        while 0 <= outside + step <= 1 and not accepted(outside + step):
            outside += step
        inside = min(max(outside + step, 0.0), 1.0)
        for _ in range(40):
            middle = (outside + inside) / 2
            outside, inside = (outside, middle) if accepted(middle) else (middle, inside)
        return inside

    grid = 1e-3 * (outer.high - outer.low)
    return Interval(
        0.0 if passes == 0 else edge(outer.low, grid),
        1.0 if passes == n else edge(outer.high, -grid),
    )


SAME = 1 + 1e-12  # two tails that differ by rounding only are equal


def _at_most(k: int, n: int, p: float) -> float:
    """P(X <= k) for X ~ Bin(n, p)."""
    return 0.0 if k < 0 else float(bdtr(k, n, p))


def _at_least(k: int, n: int, p: float) -> float:
    """P(X >= k) for X ~ Bin(n, p)."""
    return 1.0 if k <= 0 else float(bdtrc(k - 1, n, p))


def _root(function: Callable[[float], float]) -> float:
    """The rate at which a monotone function of it is 0."""
    return float(brentq(function, 0.0, 1.0, xtol=1e-14))
