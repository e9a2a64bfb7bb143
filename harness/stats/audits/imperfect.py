"""Rates and differences seen through an imperfect verifier.

Sensitivity Se = P(pass | good), specificity Sp = P(fail | bad); a verifier's false-pass rate is 1 -
Sp, its false-fail rate 1 - Se, and J = Se + Sp - 1 (Youden). A true difference Delta is seen as J *
Delta, so a regression looks smaller than it is; the observed margin has to shrink with it. Nothing
here corrects for an adapter that learned to please the verifier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy.optimize import brentq

from harness.stats.intervals import lower_bound, upper_bound, z_two_sided
from harness.stats.values import Interval, Undefined, count, fraction, part, real


def rogan_gladen(observed: float, sensitivity: float, specificity: float) -> float | Undefined:
    """The raw true rate behind an ``observed`` pass rate: ``(q + Sp - 1) / J``; it may lie outside
    of 0..1.

    Undefined for J <= 0. Raises ``ValueError`` on rates outside of 0..1. Source: Rogan & Gladen
    1978, Am J Epi 107:71."""
    q = fraction("observed", observed, closed=True)
    se = fraction("sensitivity", sensitivity, closed=True)
    sp = fraction("specificity", specificity, closed=True)
    if se + sp <= 1:
        return Undefined("J <= 0: the verifier tells good from bad no better than chance")
    return (q + sp - 1) / (se + sp - 1)


def lang_reiczigel(
    passes: float, n: int, good: tuple[int, int], bad: tuple[int, int], confidence: float = 0.95
) -> Interval | Undefined:
    """Interval of the true rate when Se and Sp come from fixtures: the default correction, cut to
    0..1.

    ``good`` is (passed, known-good), ``bad`` is (failed, known-bad); ``passes`` may be a weighted
    count. Undefined for J <= 0. Raises ``ValueError`` on counts that do not fit. Source: Lang &
    Reiczigel 2014, Prev Vet Med 113:13; their equation 4 misprints (1 - P)^2, as the CRAN package
    asht notes."""
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


def certified_floor(
    passes: int, n: int, false_passes: int, bads: int, alpha: float = 0.05
) -> float:
    """The elite rate certain at ``1 - alpha`` whatever the false-fail rate: ``max(0, (q_L - f_U) /
    (1 - f_U))``.

    q_L and f_U are one-sided Clopper-Pearson bounds of the pass rate and the false-pass rate at
    ``alpha / 2`` each. Raises ``ValueError`` on counts that do not fit."""
    confidence = 1 - fraction("alpha", alpha) / 2
    q, false_pass = lower_bound(passes, n, confidence), upper_bound(false_passes, bads, confidence)
    return max(0.0, (q - false_pass) / (1 - false_pass)) if false_pass < 1 else 0.0


class Audit(NamedTuple):
    """What an audit counted: false passes among known-bad answers, false fails among known-good
    ones."""

    false_passes: int
    bads: int
    false_fails: int
    goods: int


def composite_youden_lower(audits: Sequence[Audit], confidence: float = 0.95) -> float:
    """Lower bound of J of "elite": a verifier that demands every one of several audited criteria.

    A bad answer breaks some criterion and is passed by that one too, so the false-pass rate is at
    most the largest of the criteria, and one bound of each suffices. A good answer is lost by any
    criterion, so false-fail rates add up. No false fail at all has probability ``prod (1 -
    p_j)^n_j``; the bound is the largest sum of rates for which that is still ``(1 - confidence) /
    2``, for one criterion the Clopper-Pearson bound: 0 of 59 bads and 0 of 29 goods give .820.
    Where some good answer was failed, the bounds are added at a Bonferroni share of the error.
    Raises ``ValueError`` on no audits or counts that do not fit."""
    if not audits:
        raise ValueError("no audits: expected one for each criterion")
    error = (1 - fraction("confidence", confidence)) / 2
    false_pass = max(upper_bound(audit.false_passes, audit.bads, 1 - error) for audit in audits)
    parts = [part("false_fails", audit.false_fails, audit.goods) for audit in audits]
    if any(failed for failed, _ in parts):
        return 1 - false_pass - sum(upper_bound(*each, 1 - error / len(parts)) for each in parts)

    def log_chance(scale: float) -> float:
        """Log-probability of no false fail where criterion j loses ``1 - scale n_j`` of the good
        answers, at least 0."""
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
