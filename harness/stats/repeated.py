"""Base against adapter with several answers a prompt (K > 1), or several prompts a group.

The data are differences ``d_i = mean of the adapter's outcomes - mean of the base's`` of each
prompt, or of each group over all its prompts, every one in -1..1. The gate is :func:`score_z`,
which is Tango's test carried from {-1, 0, 1} to any differences in -1..1 and equals it at K = 1.
The paired t test is not offered: where answers hardly vary within a prompt it is Wald's test, and
an adapter exactly at the margin then passes it 8 to 16 % of the time at a nominal 5 % (n = 164,
margins .02 to .10; 30 % at n = 40), the score test at most 5.5 %."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

from harness.stats import special
from harness.stats.intervals import z_quantile, z_two_sided
from harness.stats.paired import GuardState, NonInferiority
from harness.stats.values import Interval, fraction, reals, root

TICKS = 1000  # the finest steps in which a sign-flip test counts leads


def score_z(differences: Sequence[float], delta: float) -> float:
    """Score statistic of the hypothesis that the mean difference is ``delta``; it falls as
    ``delta`` rises.

    ``(mean - delta) / sqrt(V / n)``, V being the variance under the distribution on -1..1 that is
    most likely given the data and has mean ``delta``. That distribution may put mass on -1 or 1
    although no prompt showed it, so that "no loss was seen" is not taken for "no loss exists". At K
    = 1 it is :func:`~harness.stats.paired.tango_z`. Raises ``ValueError`` on no differences, one
    outside of -1..1, or ``delta`` outside of (-1, 1). Source: Owen 1988 for the constrained
    likelihood; Honda & Takemura 2010 for its dual on a bounded support."""
    values = _bounded(differences)
    if not -1 < delta < 1:
        raise ValueError(f"delta = {delta!r}: expected a number between -1 and 1")
    return _score(values, delta)


def score_interval(differences: Sequence[float], confidence: float = 0.95) -> Interval:
    """Two-sided interval of the mean difference: the values that :func:`score_z` does not reject.

    Raises ``ValueError`` on no differences or one outside of -1..1."""
    values = _bounded(differences)
    z = z_two_sided(confidence)
    mirrored = [(-value, many) for value, many in values]
    return Interval(_lower_limit(values, z), -_lower_limit(mirrored, z))


def score_noninferiority(differences: Sequence[float], margin: float) -> NonInferiority:
    """Test of "the adapter is worse than base by ``margin`` or more" for K > 1; a small one-sided
    ``p`` denies it.

    Raises ``ValueError`` as :func:`score_z`, or for a margin outside of (0, 1)."""
    z = score_z(differences, -fraction("margin", margin))
    return NonInferiority(z, NormalDist().cdf(-z))


def guard_state(differences: Sequence[float], margin: float, alpha: float = 0.05) -> GuardState:
    """:func:`harness.stats.paired.guard_state` for K > 1, on the score test; each claim has
    one-sided error ``alpha``.

    Raises ``ValueError`` as :func:`score_z`, for a margin outside of (0, 1), or alpha outside of
    (0, 1/2)."""
    critical = z_quantile(1 - fraction("alpha", alpha))
    if critical <= 0:
        raise ValueError(f"alpha = {alpha!r}: expected less than 0.5")
    at_margin = score_z(differences, -fraction("margin", margin))
    if at_margin > critical:
        return GuardState.HELD
    if at_margin < -critical:
        return GuardState.BROKEN
    return (
        GuardState.REGRESSED if score_z(differences, 0.0) < -critical else GuardState.INCONCLUSIVE
    )


def sign_flip(leads: Sequence[int]) -> float:
    """Exact one-sided p of "not better": the chance of a sum of leads at least as large as the one
    seen, if each lead might as well have had the other sign.

    Leads that are all of one size give McNemar's exact one-sided p. Beyond ``TICKS`` they are
    rounded towards 0 to that many steps, gains and losses alike, which keeps the test exact.
    Source: Fisher 1935, The Design of Experiments, section 21."""
    step = max(1, -(-max(map(abs, leads), default=0) // TICKS))
    rounded = [int(lead / step) for lead in leads]
    sizes = [abs(lead) for lead in rounded if lead]
    if len(set(sizes)) <= 1:
        losses = sum(lead < 0 for lead in rounded)
        return float(special.bdtr(losses, len(sizes), 0.5))
    import numpy as np

    chance = np.zeros(sum(sizes) + 1)  # of each sum of the leads that keep a positive sign
    chance[0] = 1.0
    for size in sizes:
        chance[size:] += chance[:-size].copy()
        chance /= 2
    return min(1.0, float(chance[sum(lead for lead in rounded if lead > 0) :].sum()))


#: K outcomes allow few different values, so each is kept once with how often it came
Weighted = list[tuple[float, int]]


def _bounded(differences: Sequence[float]) -> Weighted:
    numbers = reals("differences", differences, least=1)
    if not all(-1 <= number <= 1 for number in numbers):
        raise ValueError("differences: expected numbers from -1 to 1")
    return sorted(Counter(numbers).items())


def _score(values: Weighted, delta: float) -> float:
    n = sum(many for _, many in values)
    gaps = [(value - delta, many) for value, many in values]
    mean = math.fsum(gap * many for gap, many in gaps) / n
    if abs(mean) < 1e-12:  # also where every difference is delta but for rounding
        return 0.0

    def slope(tilt: float) -> float:
        """Derivative of the dual log-likelihood; it falls in ``tilt``, and its root is the most
        likely distribution."""
        return sum(many * gap / (1 + tilt * gap) for gap, many in gaps)

    # beyond these tilts a value in -1..1 would get a negative probability; at them the end of the
    # range takes mass
    least, most = -(1 - 1e-12) / (1 - delta), (1 - 1e-12) / (1 + delta)
    if slope(most) >= 0:
        tilt, end = most, -1 - delta
    elif slope(least) <= 0:
        tilt, end = least, 1 - delta
    else:
        tilt, end = root(slope, least, most, 1e-14), 0.0
    weights = [(gap, many / (n * (1 + tilt * gap))) for gap, many in gaps]
    rest = max(0.0, 1 - math.fsum(weight for _, weight in weights))
    variance = math.fsum(weight * gap * gap for gap, weight in weights) + rest * end * end
    return mean / math.sqrt(variance / n)


def _lower_limit(values: Weighted, z: float) -> float:
    n = sum(many for _, many in values)
    mean = math.fsum(value * many for value, many in values) / n
    if mean <= -1:
        return -1.0
    most = min(mean, 1 - 1e-9)
    return root(lambda delta: _score(values, delta) - z, -1 + 1e-9, most, 1e-12)
