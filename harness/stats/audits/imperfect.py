"""Rates and differences seen through an imperfect verifier.

Sensitivity Se = P(pass | good), specificity Sp = P(fail | bad); a verifier's false-pass rate is 1 -
Sp, its false-fail rate 1 - Se, and J = Se + Sp - 1 (Youden). A true difference Delta is seen as J *
Delta, so a regression looks smaller than it is; the observed margin has to shrink with it. Nothing
here corrects for an adapter that learned to please the verifier.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from scipy.optimize import brentq

from harness.stats.intervals import (
    blaker,
    clopper_pearson,
    lower_bound,
    upper_bound,
    wilson,
    z_two_sided,
)
from harness.stats.paired import NonInferiority, tango_noninferiority
from harness.stats.values import Estimate, Interval, Undefined, count, fraction, part, real

LEAST_J = (
    0.5  # a verifier whose J may be this low multiplies the variance by 4 and more: it is refused
)

METHODS: dict[str, Callable[[int, int, float], Interval]] = {
    "clopper-pearson": clopper_pearson,
    "wilson": wilson,
    "blaker": blaker,
}


@dataclass(frozen=True)
class Corrected:
    """A corrected rate as the formula gives it, and its limits; outside of 0..1 the correction is
    not valid.
    """

    raw: float
    limits: Interval

    @property
    def estimate(self) -> Estimate | Undefined:
        """The rate with its interval cut to 0..1, undefined (not 0) where the raw value lies
        outside of it.
        """
        if not 0 <= self.raw <= 1:
            return Undefined(
                f"correction invalid: {self.raw:.4f} is no rate; Se and Sp do not fit the observed"
                " rate"
            )
        return Estimate(self.raw, Interval(max(0.0, self.limits.low), min(1.0, self.limits.high)))


def rogan_gladen(observed: float, sensitivity: float, specificity: float) -> float | Undefined:
    """The raw true rate behind an ``observed`` pass rate: ``(q + Sp - 1) / J``; it may lie outside
    of 0..1.

    Undefined for J <= 0. Raises ``ValueError`` on rates outside of 0..1. Source: Rogan & Gladen
    1978, Am J Epi 107:71.
    """
    q, j = fraction("observed", observed, closed=True), _youden(sensitivity, specificity)
    return (
        (q + specificity - 1) / j
        if j > 0
        else Undefined(f"J = {j:g}: the verifier tells good from bad no better than chance")
    )


def rogan_gladen_interval(
    passes: int,
    n: int,
    sensitivity: float,
    specificity: float,
    confidence: float = 0.95,
    method: str = "clopper-pearson",
) -> Corrected | Undefined:
    """Corrected rate when Se and Sp are known: the limits of the observed rate, transformed.

    ``method`` is a key of :data:`METHODS`. Undefined for J <= 0. Raises ``ValueError`` unless ``0
    <= passes <= n``.
    """
    if method not in METHODS:
        raise ValueError(f"method = {method!r}: expected one of {', '.join(METHODS)}")
    passes, n = part("passes", passes, n)
    seen = METHODS[method](passes, n, confidence)
    raw = [
        rogan_gladen(rate, sensitivity, specificity) for rate in (passes / n, seen.low, seen.high)
    ]
    found = [rate for rate in raw if not isinstance(rate, Undefined)]
    return (
        Corrected(found[0], Interval(found[1], found[2]))
        if found
        else Undefined("J <= 0: nothing can be corrected")
    )


def rogan_gladen_se(
    passes: int, n: int, good: tuple[int, int], bad: tuple[int, int]
) -> float | Undefined:
    """Standard error of the corrected rate when Se and Sp were estimated too; all three parts add.

    ``good`` is (passed, known-good), ``bad`` is (failed, known-bad). Undefined for J <= 0. Raises
    ``ValueError`` on counts that do not fit. Source: Rogan & Gladen 1978.
    """
    (x, n), (x_se, n_se), (x_sp, n_sp) = (
        part("passes", passes, n),
        part("good", *good),
        part("bad", *bad),
    )
    q, se, sp = x / n, x_se / n_se, x_sp / n_sp
    rate = rogan_gladen(q, se, sp)
    if isinstance(rate, Undefined):
        return rate
    variance = (
        q * (1 - q) / n + rate**2 * se * (1 - se) / n_se + (1 - rate) ** 2 * sp * (1 - sp) / n_sp
    )
    return math.sqrt(variance) / (se + sp - 1)


def lang_reiczigel(
    passes: float, n: int, good: tuple[int, int], bad: tuple[int, int], confidence: float = 0.95
) -> Interval | Undefined:
    """Interval of the true rate when Se and Sp come from fixtures: the default correction, cut to
    0..1.

    ``good`` is (passed, known-good), ``bad`` is (failed, known-bad); ``passes`` may be a weighted
    count. Undefined for J <= 0. Raises ``ValueError`` on counts that do not fit. Source: Lang &
    Reiczigel 2014, Prev Vet Med 113:13; their equation 4 misprints (1 - P)^2, as the CRAN package
    asht notes.
    """
    n, (x_se, n_se), (x_sp, n_sp) = count("n", n, least=1), part("good", *good), part("bad", *bad)
    if not 0 <= real("passes", passes) <= n:
        raise ValueError(f"passes = {passes!r} of n = {n}: expected 0 to n")
    z = z_two_sided(confidence)
    wide, wide_se, wide_sp = n + z * z, n_se + 2, n_sp + 2
    q, se, sp = (passes + z * z / 2) / wide, (x_se + 1) / wide_se, (x_sp + 1) / wide_sp
    rate = rogan_gladen(q, se, sp)
    if isinstance(rate, Undefined):
        return rate
    good_part, bad_part = se * (1 - se) / wide_se, sp * (1 - sp) / wide_sp
    spread = math.sqrt(q * (1 - q) / wide + rate**2 * good_part + (1 - rate) ** 2 * bad_part) / (
        se + sp - 1
    )
    centre = rate + 2 * z * z * (rate * good_part - (1 - rate) * bad_part)
    low, high = centre - z * spread, centre + z * spread
    return Interval(min(1.0, max(0.0, low)), min(1.0, max(0.0, high)))


def bayes_rate(
    passes: int, n: int, good: tuple[int, int], bad: tuple[int, int], confidence: float = 0.95
) -> Estimate:
    """Posterior mean and equal-tailed interval of the true rate, with uniform priors on it, on Se
    and on Sp.

    For use where :func:`rogan_gladen` falls outside of 0..1. ``good`` is (passed, known-good),
    ``bad`` is (failed, known-bad). By quadrature. Raises ``ValueError`` on counts that do not fit.
    """
    import numpy as np
    from scipy.special import betaincinv, xlog1py, xlogy

    (x, n), (x_se, n_se), (x_sp, n_sp) = (
        part("passes", passes, n),
        part("good", *good),
        part("bad", *bad),
    )
    tail = (1 - fraction("confidence", confidence)) / 2
    nodes, node_weights = np.polynomial.legendre.leggauss(40)

    def posterior(hits: int, total: int) -> tuple[Any, Any]:
        """Points of a Beta posterior between its far quantiles, and their weights."""
        a, b = 1 + hits, 1 + total - hits
        low, high = betaincinv(a, b, [1e-9, 1 - 1e-9])
        points = (low + high) / 2 + (high - low) / 2 * nodes
        density = xlogy(a - 1, points) + xlog1py(b - 1, -points)
        return points, node_weights * np.exp(density - density.max())

    (se, se_weights), (sp, sp_weights) = posterior(x_se, n_se), posterior(x_sp, n_sp)
    rates = (np.arange(1000) + 0.5) / 1000
    q = rates[:, None, None] * se[None, :, None] + (1 - rates[:, None, None]) * (
        1 - sp[None, None, :]
    )
    log_likelihood = x * np.log(q) + (n - x) * np.log1p(-q)
    weight = np.exp(log_likelihood - log_likelihood.max()) @ sp_weights @ se_weights
    weight /= weight.sum()
    low, high = np.interp((tail, 1 - tail), np.cumsum(weight), rates + 0.0005)
    return Estimate(float(weight @ rates), Interval(float(low), float(high)))


def certified_floor(
    passes: int, n: int, false_passes: int, bads: int, alpha: float = 0.05
) -> float:
    """The elite rate certain at ``1 - alpha`` whatever the false-fail rate: ``max(0, (q_L - f_U) /
    (1 - f_U))``.

    q_L and f_U are one-sided Clopper-Pearson bounds of the pass rate and the false-pass rate at
    ``alpha / 2`` each. Raises ``ValueError`` on counts that do not fit.
    """
    confidence = 1 - fraction("alpha", alpha) / 2
    q, false_pass = lower_bound(passes, n, confidence), upper_bound(false_passes, bads, confidence)
    return max(0.0, (q - false_pass) / (1 - false_pass)) if false_pass < 1 else 0.0


def youden_lower(
    false_passes: int, bads: int, false_fails: int, goods: int, confidence: float = 0.95
) -> float:
    """Lower bound of J from an audit: 1 less both one-sided Clopper-Pearson bounds, each with half
    of the error.

    Raises ``ValueError`` on counts that do not fit. 0 of 59 bads and 0 of 29 goods give .820.
    """
    each = (1 + fraction("confidence", confidence)) / 2
    return 1 - upper_bound(false_passes, bads, each) - upper_bound(false_fails, goods, each)


class Audit(NamedTuple):
    """What an audit counted: false passes among known-bad answers, false fails among known-good
    ones.
    """

    false_passes: int
    bads: int
    false_fails: int
    goods: int


def composite_youden_lower(audits: Sequence[Audit], confidence: float = 0.95) -> float:
    """:func:`youden_lower` of "elite": a verifier that demands every one of several audited
    criteria.

    A bad answer breaks some criterion and is passed by that one too, so the false-pass rate is at
    most the largest of the criteria, and one bound of each suffices. A good answer is lost by any
    criterion, so false-fail rates add up. No false fail at all has probability ``prod (1 -
    p_j)^n_j``; the bound is the largest sum of rates for which that is still ``(1 - confidence) /
    2``, for one criterion the Clopper-Pearson bound. Where some good answer was failed, the bounds
    are added at a Bonferroni share of the error. Raises ``ValueError`` on no audits or counts that
    do not fit.
    """
    if not audits:
        raise ValueError("no audits: expected one for each criterion")
    error = (1 - fraction("confidence", confidence)) / 2
    false_pass = max(upper_bound(audit.false_passes, audit.bads, 1 - error) for audit in audits)
    parts = [part("false_fails", audit.false_fails, audit.goods) for audit in audits]
    if any(failed for failed, _ in parts):
        return 1 - false_pass - sum(upper_bound(*each, 1 - error / len(parts)) for each in parts)

    def log_chance(scale: float) -> float:
        """Log-probability of no false fail where criterion j loses ``1 - scale n_j`` of the good
        answers, at least 0.
        """
        return sum(n * math.log(min(1.0, scale * n)) for _, n in parts)

    scale = float(
        brentq(
            lambda t: log_chance(t) - math.log(error),
            1e-12,
            1 / min(n for _, n in parts),
            xtol=1e-15,
        )
    )
    return 1 - false_pass - sum(max(0.0, 1 - scale * n) for _, n in parts)


def observed_margin(margin: float, j_lower: float) -> float | Undefined:
    """The margin to test on observed outcomes so that ``margin`` holds on the true scale: ``margin
    * J_L``.

    Undefined for ``J_L <= 1/2``: the verifier is refused.
    Raises ``ValueError`` on a margin outside of (0, 1) or J_L > 1.
    """
    margin = fraction("margin", margin)
    if real("j_lower", j_lower) > 1:
        raise ValueError(f"j_lower = {j_lower!r}: expected at most 1")
    if j_lower <= LEAST_J:
        return Undefined(
            f"J may be as low as {j_lower:.3f}: a verifier is refused at {LEAST_J} or less"
        )
    return margin * j_lower


@dataclass(frozen=True)
class TrueScale:
    """Non-inferiority on the true scale: J's lower bound, the margin it leaves on observed
    outcomes, and the test.
    """

    j_lower: float
    margin: float
    test: NonInferiority


def true_scale_noninferiority(
    gains: int,
    losses: int,
    n: int,
    margin: float,
    *,
    bads: int,
    false_passes: int,
    goods: int,
    false_fails: int,
) -> TrueScale | Undefined:
    """Tango's non-inferiority test (K = 1) of a true ``margin``, given the audit of the verifier
    that judged.

    Undefined where the verifier is refused. Raises ``ValueError`` on counts that do not fit.
    """
    j_lower = youden_lower(false_passes, bads, false_fails, goods)
    observed = observed_margin(margin, j_lower)
    if isinstance(observed, Undefined):
        return observed
    return TrueScale(j_lower, observed, tango_noninferiority(gains, losses, n, observed))


def _youden(sensitivity: float, specificity: float) -> float:
    return (
        fraction("sensitivity", sensitivity, closed=True)
        + fraction("specificity", specificity, closed=True)
        - 1
    )
