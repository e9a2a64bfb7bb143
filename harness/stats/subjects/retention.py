"""How much of a parent's gain over base a merge keeps: ``R = (E_merge - E_base) / (E_parent -
E_base)``, on the same prompts."""

from __future__ import annotations

from collections.abc import Sequence

from harness.stats.intervals import z_quantile
from harness.stats.repeated import score_z
from harness.stats.values import Estimate, Interval, Undefined, fraction, reals, root

TOLERANCE = 1e-4


def retention(
    base: Sequence[float], parent: Sequence[float], merge: Sequence[float], alpha: float = 0.05
) -> Estimate | Undefined:
    """R with its one-sided bounds at ``alpha``, each cut to 0..1; the arguments are what the three
    scored on each unit, from 0 to 1.

    A value ``r`` is denied where the mean of ``merge - r parent - (1 - r) base`` differs from 0,
    which is Fieller's argument, here with the score test of :mod:`harness.stats.repeated` in the
    place of the normal one: that no loss was seen is not taken for there being none. Undefined
    where the parent's own gain is not shown, as nothing is there to be kept. Raises ``ValueError``
    on series that do not pair up or a score outside of 0..1. Source: Fieller 1954, J R Stat Soc B
    16:175; Owen 1988."""
    series = [reals(name, said, 1) for name, said in (("base", base), ("parent", parent))]
    before, alone = series
    merged, enough = reals("merge", merge, 1), z_quantile(1 - fraction("alpha", alpha))
    if not len(before) == len(alone) == len(merged):
        raise ValueError(f"{len(before)}, {len(alone)} and {len(merged)} scores: expected as many")

    def z(kept: float, sign: float = 1.0) -> float:
        rows = zip(merged, alone, before, strict=True)
        return score_z([sign * (m - kept * p - (1 - kept) * b) for m, p, b in rows], 0.0)

    gains = [p - b for p, b in zip(alone, before, strict=True)]
    if score_z(gains, 0.0) < enough:
        return Undefined("the parent alone gains nothing over base that could be kept")
    value = (sum(merged) - sum(before)) / sum(gains)

    def bound(sign: float, end: float) -> float:
        """The last value between 0 and 1 that is denied from one side."""
        if z(end, sign) >= enough:
            return end
        if z(1 - end, sign) < enough:
            return 1 - end
        return root(lambda kept: z(kept, sign) - enough, 0.0, 1.0, TOLERANCE)

    return Estimate(value, Interval(bound(1.0, 1.0), bound(-1.0, 0.0)))
