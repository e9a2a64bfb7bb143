"""pass@k: the chance that at least one of k answers to a problem passes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.stats.values import Estimate, Interval, Undefined, count, part


def pass_at_k(n: int, c: int, k: int) -> float:
    """Unbiased pass@k of one problem with ``c`` of ``n`` answers passing: ``1 - C(n - c, k) / C(n,
    k)``.

    Raises ``ValueError`` unless ``0 <= c <= n`` and ``1 <= k <= n``; ``1 - (1 - c/n)^k`` is biased
    and no way out. Source: Chen et al. 2021, arXiv 2107.03374."""
    c, n = part("c", c, n)
    k = count("k", k, least=1)
    if k > n:
        raise ValueError(f"k = {k} with n = {n} answers: pass@k needs at least k answers")
    return 1 - math.comb(n - c, k) / math.comb(n, k)


def mean_pass_at_k(
    problems: Sequence[tuple[int, int]], k: int, confidence: float = 0.95
) -> Estimate | Undefined:
    """pass@k over problems, each an ``(n, c)``, with the t interval over problems cut to 0..1.

    Where every problem has 0, or every one 1, no spread is seen and the interval is
    Clopper-Pearson's over problems. Undefined for one problem, or equal values between. Raises
    ``ValueError`` as :func:`pass_at_k`, or on no problems."""
    from harness.stats.clusters import t_interval
    from harness.stats.intervals import clopper_pearson

    values = [pass_at_k(n, c, k) for n, c in problems]
    if values and len(set(values)) == 1 and values[0] in (0.0, 1.0):
        return Estimate(
            values[0], clopper_pearson(int(values[0]) * len(values), len(values), confidence)
        )
    found = t_interval(values, confidence)
    if isinstance(found, Undefined):
        return found
    return Estimate(
        found.value, Interval(max(0.0, found.interval.low), min(1.0, found.interval.high)), found.se
    )
