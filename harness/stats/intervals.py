"""Intervals and bounds of one rate: ``passes`` of ``n`` independent items.

Wilson is shown; Clopper-Pearson is what gates and certifies, because its coverage is never below
the nominal one (at n = 20 Wilson's one-sided lower bound covers as little as 80 %). Items that come
in clusters belong to :mod:`harness.stats.clusters`."""

from __future__ import annotations

import math
from statistics import NormalDist

from harness.stats import special
from harness.stats.values import Interval as Interval
from harness.stats.values import count, fraction, part


def z_quantile(probability: float) -> float:
    """The standard normal quantile: 1.96 for .975; ``ValueError`` unless 0 < probability < 1."""
    return NormalDist().inv_cdf(fraction("probability", probability))


def z_two_sided(confidence: float) -> float:
    """The normal quantile of a two-sided interval: 1.96 for ``confidence`` .95."""
    return z_quantile((1 + fraction("confidence", confidence)) / 2)


def wilson(passes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson score interval, two-sided: the one to print, never a certificate.

    Raises ``ValueError`` unless ``0 <= passes <= n`` and ``n >= 1``.
    Source: Wilson 1927; Newcombe 1998, Stat Med 17:857."""
    passes, n = part("passes", passes, n)
    rate, z = passes / n, z_two_sided(confidence)
    centre = rate + z * z / (2 * n)
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low, high = (centre - half) / scale, (centre + half) / scale
    # at a rate of 0 or 1 that limit is exact, and the formula leaves rounding there
    return Interval(0.0 if rate == 0 else max(0.0, low), 1.0 if rate == 1 else min(1.0, high))


def clopper_pearson(passes: int, n: int, confidence: float = 0.95) -> Interval:
    """Clopper-Pearson exact interval, two-sided: ``(1 - confidence) / 2`` in each tail.

    Raises ``ValueError`` unless ``0 <= passes <= n`` and ``n >= 1``. Source: Clopper & Pearson
    1934, as beta quantiles."""
    one_sided = (1 + fraction("confidence", confidence)) / 2
    return Interval(lower_bound(passes, n, one_sided), upper_bound(passes, n, one_sided))


def lower_bound(x: int, n: int, confidence: float = 0.95) -> float:
    """One-sided exact lower bound of a rate: ``B^-1(1 - confidence; x, n - x + 1)``.

    Raises ``ValueError`` as :func:`clopper_pearson`. The name follows what it bounds: statsmodels'
    ``alternative=`` has the two sides swapped."""
    x, n = part("x", x, n)
    alpha = 1 - fraction("confidence", confidence)
    return 0.0 if x == 0 else float(special.betaincinv(x, n - x + 1, alpha))


def upper_bound(x: int, n: int, confidence: float = 0.95) -> float:
    """One-sided exact upper bound of a rate: ``B^-1(confidence; x + 1, n - x)``.

    For none seen it is ``1 - alpha^(1/n)``, about 3/n (rule of three). Raises ``ValueError`` as
    :func:`clopper_pearson`."""
    x, n = part("x", x, n)
    confidence = fraction("confidence", confidence)
    if x in (0, n):
        return 1.0 if x == n else 1 - (1 - confidence) ** (1 / n)
    return float(special.betaincinv(x + 1, n - x, confidence))


def upper_count(x: int, n: int, total: int, confidence: float = 0.95) -> int:
    """The most of ``total`` items that can be such when ``x`` of ``n`` drawn without replacement
    are: the largest count of which ``x`` or fewer are drawn with a probability over ``1 -
    confidence``; ``x`` itself where all were drawn.

    Raises ``ValueError`` unless ``0 <= x <= n <= total``. Source: the hypergeometric twin of
    Clopper & Pearson 1934; Wendell & Schmee 1996, J Am Stat Assoc 91:852."""
    x, n = part("x", x, n)
    _, total = part("n", n, total)
    alpha = 1 - fraction("confidence", confidence)
    most = x
    while most < total - (n - x) and _drawn_at_most(x, n, most + 1, total) > alpha:
        most += 1
    return most


def _drawn_at_most(x: int, n: int, such: int, total: int) -> float:
    """P(X <= x) when ``n`` of ``total`` items are drawn, of which ``such`` are such."""
    ways = math.comb(total, n)
    hits = range(max(0, n - total + such), min(x, such) + 1)
    return sum(math.comb(such, k) * math.comb(total - such, n - k) for k in hits) / ways


def items_needed(max_rate: float, allowed: int = 0, confidence: float = 0.95) -> int:
    """The smallest n of which ``allowed`` errors give an :func:`upper_bound` of ``max_rate`` or
    less: 59 for 5 % without an error.

    Raises ``ValueError`` on rates outside of (0, 1) or a negative count. Source: Wilks 1941;
    success-run theorem ``ln(1 - C) / ln(1 - rate)`` for none."""
    rate, allowed = fraction("max_rate", max_rate), count("allowed", allowed)
    alpha = 1 - fraction("confidence", confidence)
    short, enough = allowed, allowed + 1

    def seen(n: int) -> float:  # the chance of no more errors than that
        return (1 - rate) ** n if allowed == 0 else float(special.bdtr(allowed, n, rate))

    while seen(enough) > alpha:
        short, enough = enough, 2 * enough
    while enough - short > 1:
        middle = (short + enough) // 2
        too_few = seen(middle) > alpha
        short, enough = (middle, enough) if too_few else (short, middle)
    return enough
