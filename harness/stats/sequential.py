"""Stopping early.

An early stop may only say NO-SHIP: it then cannot raise the rate of false SHIPs, and the test at
the end keeps its alpha. Peeking with tests made for a fixed n is not offered."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.stats.values import fraction, reals


def eprocess(
    differences: Sequence[float], margin: float, bets: Sequence[float] | None = None
) -> list[float]:
    """Evidence that the adapter is worse than ``-margin``, after each prompt: the mean over bets of
    a growing product.

    ``M_t = mean_b prod_{s <= t} (1 - b (d_s + margin))``, with differences in -1..1 in an order
    drawn before the run and bets in [0, 1 / (1 + margin)], by default .1 ... .9 of that. While the
    mean difference is ``-margin`` or better, ``P(M_t >= 1/alpha at any t) <= alpha``. K = 1 takes
    -1, 0, 1; K > 1 takes differences of means. Raises ``ValueError`` on values out of range.
    Source: Ville 1939; Waudby-Smith & Ramdas 2024, arXiv 2010.09686."""
    margin = fraction("margin", margin, closed=True)
    most = 1 / (1 + margin)
    stakes = (
        reals("bets", bets, least=1)
        if bets is not None
        else [tenth / 10 * most for tenth in range(1, 10)]
    )
    if not all(0 <= stake <= most * (1 + 1e-9) for stake in stakes):
        raise ValueError(f"bets: expected numbers from 0 to 1 / (1 + margin) = {most:g}")
    numbers = reals("differences", differences)
    if not all(-1 <= number <= 1 for number in numbers):
        raise ValueError("differences: expected numbers from -1 to 1")
    wealth, path = [1.0] * len(stakes), []
    for number in numbers:
        # a full bet that loses can round to just below 0
        wealth = [
            max(0.0, held * (1 - b * (number + margin)))
            for held, b in zip(wealth, stakes, strict=True)
        ]
        path.append(math.fsum(wealth) / len(wealth))
    return path


def stopped_at(path: Sequence[float], alpha: float = 0.05) -> int | None:
    """The first prompt (from 1) at which an :func:`eprocess` reaches ``1 / alpha``, or ``None``:
    stop as NO-SHIP."""
    bound = 1 / fraction("alpha", alpha)
    return next((step for step, evidence in enumerate(path, 1) if evidence >= bound), None)
