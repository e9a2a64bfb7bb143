"""Rates and differences seen through an imperfect verifier.

Sensitivity Se = P(pass | good), specificity Sp = P(fail | bad); a verifier's false-pass rate is 1 -
Sp, its false-fail rate 1 - Se, and J = Se + Sp - 1 (Youden). A true difference Delta is seen as J *
Delta, so a regression looks smaller than it is; the observed margin has to shrink with it. Nothing
here corrects for an adapter that learned to please the verifier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from harness.stats.intervals import lower_bound, upper_bound
from harness.stats.values import fraction, part, root


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

    most = 1 / min(n for _, n in parts)
    scale = root(lambda t: log_chance(t) - math.log(error), 1e-12, most, 1e-15)
    return 1 - false_pass - sum(max(0.0, 1 - scale * n) for _, n in parts)
