"""A mean over items that come in clusters: samples of one prompt, prompts of one document or
tenant.

The cluster is the unit; treating its members as independent makes intervals several times too
short."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

from harness.stats import special
from harness.stats.intervals import clopper_pearson
from harness.stats.values import Estimate, Interval, Test, Undefined, count, fraction, reals

LEAST_CLUSTERS = 10  # below this an interval is worth nothing; print the counts
MANY_CLUSTERS = 40  # from here on clusters of unequal size no longer bias the plain estimator much


def effective_size(sizes: Iterable[int], correlation: float) -> float:
    """How many independent items clusters of ``sizes`` are worth: ``sum m / (1 + (m - 1) rho)``.

    ``correlation`` (rho, 0..1) is that of two items of one cluster. Raises ``ValueError`` on sizes
    below 1 or a correlation outside of 0..1. Source: Kish 1965, the design effect."""
    rho = fraction("correlation", correlation, closed=True)
    return math.fsum(m / (1 + (m - 1) * rho) for m in (count("size", s, least=1) for s in sizes))


def clustered_se(
    values: Sequence[float], groups: Sequence[Hashable], *, correction: bool = True
) -> float | Undefined:
    """Cluster-robust standard error (CRV1) of the mean; ``groups[i]`` is the cluster of
    ``values[i]``.

    ``sqrt(C / (C - 1) * sum_c (sum_{i in c} (y_i - mean))^2) / N``; ``correction=False`` leaves out
    C / (C - 1), as in Miller's appendix A. Undefined for one cluster. Raises ``ValueError`` on
    empty, unequal or non-finite input. Source: Liang & Zeger 1986; Miller 2024, arXiv 2411.00640.
    """
    numbers = _matched(values, groups)
    totals = _residuals(numbers, groups)
    if len(totals) < 2:
        return Undefined("one cluster: the spread between clusters is unknown")
    factor = len(totals) / (len(totals) - 1) if correction else 1.0
    return math.sqrt(factor * sum(total * total for total in totals.values())) / len(numbers)


def jackknife_se(values: Sequence[float], groups: Sequence[Hashable]) -> float | Undefined:
    """Jackknife standard error (CRV3) of the mean: ``sqrt((C - 1) / C * sum_c (mean without c -
    mean)^2)``.

    For few clusters of unequal size, where CRV1 is too small. Undefined for one cluster. Raises
    ``ValueError`` as
    :func:`clustered_se`. Source: MacKinnon, Nielsen & Webb 2023; equals statsmodels
    ``cov_type="cluster-crv3"``."""
    numbers = _matched(values, groups)
    sizes = Counter(groups)
    if len(sizes) < 2:
        return Undefined("one cluster: the spread between clusters is unknown")
    # without cluster c the mean moves by -total_c / (N - size_c), total_c being its sum of
    # residuals
    moves = [
        total / (len(numbers) - sizes[group])
        for group, total in _residuals(numbers, groups).items()
    ]
    return math.sqrt((len(sizes) - 1) / len(sizes) * sum(move * move for move in moves))


def clustered_rate(
    values: Sequence[float], groups: Sequence[Hashable], confidence: float = 0.95
) -> Estimate | Undefined:
    """A rate over clusters with its t interval on C - 1 degrees of freedom, cut to 0..1.

    ``values`` are 0..1. CRV3 serves fewer than 40 clusters of unequal size, else CRV1. If all
    values are 0, or all 1, no spread is seen and the interval is Clopper-Pearson's over clusters.
    Undefined below 10 clusters: print counts. Raises ``ValueError`` as :func:`clustered_se`, or for
    a value outside of 0..1."""
    numbers = _matched(values, groups)
    if not all(0 <= number <= 1 for number in numbers):
        raise ValueError("values: expected numbers from 0 to 1")
    sizes = Counter(groups)
    if len(sizes) < LEAST_CLUSTERS:
        return Undefined(f"{len(sizes)} clusters: an interval needs at least {LEAST_CLUSTERS}")
    mean = math.fsum(numbers) / len(numbers)
    if mean in (0.0, 1.0):
        return Estimate(mean, clopper_pearson(int(mean) * len(sizes), len(sizes), confidence))
    uneven = len(sizes) < MANY_CLUSTERS and len(set(sizes.values())) > 1
    se = jackknife_se(numbers, groups) if uneven else clustered_se(numbers, groups)
    assert not isinstance(se, Undefined)  # there are at least 10 clusters
    if se == 0:
        return Undefined("every cluster has the same mean: the spread between clusters is unknown")
    half = t_quantile(len(sizes) - 1, confidence) * se
    return Estimate(mean, Interval(max(0.0, mean - half), min(1.0, mean + half)), se)


def t_interval(values: Sequence[float], confidence: float = 0.95) -> Estimate | Undefined:
    """Mean of independent runs (training seeds, prompt means) with Student's interval ``mean +-
    t_{n-1} s / sqrt(n)``.

    Undefined for one value or for equal values. Raises ``ValueError`` on empty or non-finite input.
    """
    numbers = reals("values", values, least=1)
    n = len(numbers)
    mean = math.fsum(numbers) / n
    if n < 2:
        return Undefined("one value: its spread is unknown")
    if len(set(numbers)) == 1:
        return Undefined(f"all {n} values are equal: their spread is unknown")
    se = math.sqrt(math.fsum((number - mean) ** 2 for number in numbers) / (n - 1) / n)
    half = t_quantile(n - 1, confidence) * se
    return Estimate(mean, Interval(mean - half, mean + half), se)


def t_quantile(df: float, confidence: float) -> float:
    """Student's quantile of a two-sided interval: 2.776 for 4 degrees of freedom at .95."""
    return float(special.stdtrit(df, (1 + fraction("confidence", confidence)) / 2))


class ClusteredMcNemar(NamedTuple):
    """Three chi-square tests of "no difference" for pairs that come in groups, one degree of
    freedom each."""

    durkalski: Test
    obuchowski: Test
    yang: Test


def clustered_mcnemar(
    gains: Sequence[int], losses: Sequence[int], sizes: Sequence[int]
) -> ClusteredMcNemar | Undefined:
    """McNemar's test when several binary items share a group; ``sizes[k]`` items in group k, of
    them gains and losses.

    With ``d_k = gains_k - losses_k``: Durkalski ``(sum d_k/n_k)^2 / sum (d_k/n_k)^2``, Obuchowski
    ``(K-1)/K (sum d_k)^2 / sum d_k^2``, Yang as Obuchowski with that variance averaged with the one
    around the mean. Undefined where no group has a net difference. Raises ``ValueError`` on counts
    that do not fit. Source: Durkalski 2003, Stat Med 22:2417; Obuchowski 1998, Stat Med 17:1495;
    Yang, Sun & Hardin 2010, Biom J 52:638."""
    if not len(gains) == len(losses) == len(sizes) or len(sizes) < 2:
        raise ValueError(
            f"{len(gains)} gains, {len(losses)} losses, {len(sizes)} sizes: expected equal, at"
            " least two"
        )
    for k, (gain, loss, size) in enumerate(zip(gains, losses, sizes, strict=True)):
        if count(f"gains[{k}]", gain) + count(f"losses[{k}]", loss) > count(
            f"sizes[{k}]", size, least=1
        ):
            raise ValueError(f"group {k}: {gain} gains and {loss} losses in {size} items")
    nets = [gain - loss for gain, loss in zip(gains, losses, strict=True)]
    if not any(nets):
        return Undefined("no group has more gains than losses or the reverse: the variance is 0")
    rates = [net / size for net, size in zip(nets, sizes, strict=True)]
    shrink, total, squares = (len(nets) - 1) / len(nets), sum(nets), sum(net * net for net in nets)
    mean = total / sum(sizes)
    centred = sum((net - size * mean) ** 2 for net, size in zip(nets, sizes, strict=True))
    statistics = (
        sum(rates) ** 2 / sum(rate * rate for rate in rates),
        shrink * total**2 / squares,
        shrink * total**2 / ((centred + squares) / 2),
    )
    return ClusteredMcNemar(
        *(Test(statistic, float(special.chdtrc(1, statistic))) for statistic in statistics)
    )


def _matched(values: Sequence[float], groups: Sequence[Hashable]) -> list[float]:
    numbers = reals("values", values, least=1)
    if len(groups) != len(numbers):
        raise ValueError(
            f"{len(numbers)} values but {len(groups)} groups: expected one group per value"
        )
    return numbers


def _residuals(numbers: Sequence[float], groups: Sequence[Hashable]) -> dict[Hashable, float]:
    """The sum of ``value - mean`` in each cluster."""
    mean = math.fsum(numbers) / len(numbers)
    totals: defaultdict[Hashable, float] = defaultdict(float)
    for number, group in zip(numbers, groups, strict=True):
        totals[group] += number - mean
    return totals
