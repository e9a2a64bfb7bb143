"""Stopping early, and looking at a rate while it grows.

An early stop may only say NO-SHIP: it then cannot raise the rate of false SHIPs, and the test at
the end keeps its alpha. Peeking with tests made for a fixed n is not offered.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.special import betaln, xlog1py, xlogy

from harness.stats.paired import GuardState, guard_state
from harness.stats.values import Interval, count, fraction, part, real, reals


def eprocess(
    differences: Sequence[float], margin: float, bets: Sequence[float] | None = None
) -> list[float]:
    """Evidence that the adapter is worse than ``-margin``, after each prompt: the mean over bets of
    a growing product.

    ``M_t = mean_b prod_{s <= t} (1 - b (d_s + margin))``, with differences in -1..1 in an order
    drawn before the run and bets in [0, 1 / (1 + margin)], by default .1 ... .9 of that. While the
    mean difference is ``-margin`` or better, ``P(M_t >= 1/alpha at any t) <= alpha``. K = 1 takes
    -1, 0, 1; K > 1 takes differences of means. Raises ``ValueError`` on values out of range.
    Source: Ville 1939; Waudby-Smith & Ramdas 2024, arXiv 2010.09686.
    """
    margin = fraction("margin", margin)
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
    stop as NO-SHIP.
    """
    bound = 1 / fraction("alpha", alpha)
    return next((step for step, evidence in enumerate(path, 1) if evidence >= bound), None)


def curtailed(
    gains: int, losses: int, n: int, margin: float, *, open_gains: int, alpha: float = 0.05
) -> bool:
    """Whether a guard can no longer end HELD, even if every prompt still open that base fails
    becomes a gain.

    ``open_gains`` counts those prompts; base's outcomes are known beforehand. ``n`` is the full
    number of prompts. The rule is certain, so it costs no error. Raises ``ValueError`` on counts
    that do not fit ``n``.
    """
    best = count("gains", gains) + count("open_gains", open_gains)
    return guard_state(best, losses, n, margin, alpha) is not GuardState.HELD


def anytime_interval(passes: int, n: int, alpha: float = 0.05, *, tuned_for: int = 100) -> Interval:
    """Interval of one rate that holds at every n at once, so that a running count may be watched.

    All p with ``B(a + n - k, b + k) / B(a, b) p^-k (1 - p)^-(n - k) < 1 / alpha``, k = ``passes``;
    narrowest near ``tuned_for`` items. Raises ``ValueError`` unless ``0 <= passes <= n``, ``n >=
    1`` and ``0 < alpha < 1``. Source: Howard, Ramdas, McAuliffe & Sekhon 2021, arXiv 1810.08240
    (sub-Bernoulli beta-binomial mixture).
    """
    k, n = part("passes", passes, n)
    bound, v = (
        -math.log(fraction("alpha", alpha)),
        _mixture_scale(alpha, count("tuned_for", tuned_for, least=1)),
    )

    def excess(p: float) -> float:
        variance = p * (1 - p)
        r = max(v * variance - variance, 1e-3 * variance)
        a, b = r / p, r / (1 - p)
        return float(
            betaln(a + n - k, b + k) - betaln(a, b) - xlogy(k, p) - xlog1py(n - k, -p) - bound
        )

    edge, seen = 1e-9, min(max(k / n, 1e-6), 1 - 1e-6)
    low = 0.0 if k == 0 or excess(edge) < 0 else float(brentq(excess, edge, seen, xtol=1e-12))
    high = (
        1.0 if k == n or excess(1 - edge) < 0 else float(brentq(excess, seen, 1 - edge, xtol=1e-12))
    )
    return Interval(low, high)


def normal_mixture_bound(v: float, alpha: float = 0.05, *, tuned_for: float = 100) -> float:
    """Two-sided boundary of a sum with variance ``v`` that holds at all times.

    ``sqrt((v + r) ln((v + r) / (r alpha^2)))``, narrowest near variance ``tuned_for``.
    Raises ``ValueError`` on a negative variance or alpha outside of (0, 1).
    Source: Robbins 1970; Howard et al. 2021, arXiv 1810.08240.
    """
    if real("v", v) < 0 or real("tuned_for", tuned_for) <= 0:
        raise ValueError(f"v = {v!r}, tuned_for = {tuned_for!r}: expected v >= 0 and tuned_for > 0")
    r = _mixture_scale(fraction("alpha", alpha), tuned_for)
    return math.sqrt((v + r) * math.log((v + r) / (r * alpha**2)))


class SprtDecision(enum.StrEnum):
    """Where Wald's test stands."""

    ACCEPT = "accept H0"
    REJECT = "reject H0"
    CONTINUE = "continue"


@dataclass(frozen=True)
class Sprt:
    """The decision, the observation (from 1) that made it, and the summed log likelihood ratio
    there.
    """

    decision: SprtDecision
    at: int | None
    log_ratio: float


def sprt(log_ratios: Sequence[float], alpha: float = 0.05, beta: float = 0.1) -> Sprt:
    """Wald's sequential probability ratio test on summed ``ln P(x | H1) / P(x | H0)``.

    Rejects H0 at ``ln((1 - beta) / alpha)``, accepts it at ``ln(beta / (1 - alpha))``. Raises
    ``ValueError`` on non-finite ratios, or error rates outside of (0, 1) or summing to 1 or more.
    Source: Wald 1945.
    """
    if fraction("alpha", alpha) + fraction("beta", beta) >= 1:
        raise ValueError(f"alpha + beta = {alpha + beta}: expected less than 1")
    upper, lower, total = math.log((1 - beta) / alpha), math.log(beta / (1 - alpha)), 0.0
    for at, ratio in enumerate(reals("log_ratios", log_ratios), 1):
        total += ratio
        if total >= upper or total <= lower:
            return Sprt(SprtDecision.REJECT if total >= upper else SprtDecision.ACCEPT, at, total)
    return Sprt(SprtDecision.CONTINUE, None, total)


def bernoulli_log_ratios(outcomes: Sequence[int], p0: float, p1: float) -> list[float]:
    """Log likelihood ratio of each 0/1 outcome, ``p1`` over ``p0``, for :func:`sprt`.

    For paired data take the discordant prompts only, a loss as 1, and ``p0`` = 1/2.
    Raises ``ValueError`` on another outcome or rates outside of (0, 1).
    """
    one, zero = math.log(fraction("p1", p1) / fraction("p0", p0)), math.log((1 - p1) / (1 - p0))
    if not all(outcome in (0, 1) for outcome in outcomes):
        raise ValueError("outcomes: expected 0 or 1")
    return [one if outcome else zero for outcome in outcomes]


def _mixture_scale(alpha: float, tuned_for: float) -> float:
    """The mixing parameter that makes the bound narrowest where the variance is ``tuned_for``."""
    return tuned_for / (2 * math.log(1 / alpha) + math.log(1 + 2 * math.log(1 / alpha)))
