"""Whether an adapter remembers what it should not: canaries, and telling members from
non-members."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from harness.stats import special
from harness.stats.values import Test, Undefined, count, fraction, part, real, reals


def exposure(loss: float, alternatives: Sequence[float], *, own: bool = False) -> float:
    """Bits by which a canary ranks above random ``alternatives`` of its template: ``log2 |R| - log2
    rank``.

    The rank is 1 plus the alternatives of lower loss. With ``own`` the canary counts among the
    ranked, |R| + 1 in all; then P(exposure >= x) = 2^-x for a canary that was not memorised, which
    :func:`exposure_p` needs. Raises ``ValueError`` on no alternatives or non-finite losses. Source:
    Carlini et al. 2019, arXiv 1802.08232."""
    ranked = sorted(reals("alternatives", alternatives, least=1))
    return ranked_exposure(bisect_left(ranked, real("loss", loss)), len(ranked), own=own)


def ranked_exposure(below: int, of: int, *, own: bool = False) -> float:
    """:func:`exposure` of a canary that ``below`` of its ``of`` alternatives have a lower loss
    than; raises ``ValueError`` unless ``0 <= below <= of`` and ``of >= 1``."""
    below, of = part("below", below, of)
    return math.log2(of + own) - math.log2(1 + below)


def exposure_p(exposures: Sequence[float]) -> float:
    """Fisher's combined p-value of canaries that were not memorised: ``2 ln 2 sum(exposure) ~
    chi^2`` with 2m degrees.

    The exposures must be those with ``own=True``, so never negative. Raises ``ValueError``
    otherwise, or on none."""
    bits = reals("exposures", exposures, least=1)
    if min(bits) < 0:
        raise ValueError(
            f"exposures: {min(bits)} is negative; expected those of exposure(..., own=True)"
        )
    return float(special.chdtrc(2 * len(bits), 2 * math.log(2) * math.fsum(bits)))


def auc(members: Sequence[float], others: Sequence[float]) -> float:
    """P(a member scores above a non-member), ties half: the area under the ROC curve.

    Raises ``ValueError`` on no or non-finite scores. Source: Mann & Whitney 1947."""
    ranked = sorted(reals("others", others, least=1))
    scores = reals("members", members, least=1)
    below = sum(bisect_left(ranked, score) + bisect_right(ranked, score) for score in scores)
    return below / (2 * len(ranked) * len(scores))


def above(scores: Sequence[float], reference: Sequence[float]) -> Test:
    """Whether ``scores`` lie above those of a reference: the largest lead of the reference's
    distribution function over theirs, with the exact one-sided p of two samples of one
    distribution.

    Raises ``ValueError`` on no or non-finite scores. Source: Kolmogorov & Smirnov, as in TOFU
    (arXiv 2401.06121), there two-sided on truth ratios."""
    from scipy.stats import ks_2samp

    found = ks_2samp(
        reals("scores", scores, least=1), reals("reference", reference, least=1), alternative="less"
    )
    return Test(float(found.statistic), float(found.pvalue))


def privleak(found: float, reference: float) -> float | Undefined:
    """``(AUC - AUC_ref) / AUC_ref``: how much better members are told than of a model that never
    saw them; near 0 is forgotten. Source: MUSE, arXiv 2407.06460, there of 1 - AUC."""
    if not reference:
        return Undefined("the reference's AUC is 0: there is nothing to divide by")
    return (found - reference) / reference


def leak_at_k(rate: float, k: int) -> float:
    """``1 - (1 - rate)^k``: the chance that one of ``k`` answers leaks.

    Raises ``ValueError`` unless ``k >= 1``. Source: arXiv 2511.04934."""
    return float(1 - (1 - real("rate", rate)) ** count("k", k, least=1))


def tpr_at_fpr(
    members: Sequence[float],
    others: Sequence[float],
    max_fpr: float,
    *,
    least_others: int | None = None,
) -> float | Undefined:
    """The largest share of members found at a threshold that flags at most ``max_fpr`` of the
    non-members.

    Undefined below ``least_others`` non-members, by default ``3 / max_fpr`` (300 for 1 %). Raises
    ``ValueError`` on no or non-finite scores or a rate outside of (0, 1). Source: Carlini et al.
    2022, arXiv 2112.03570."""
    scores = reals("members", members, least=1)
    ranked = sorted(reals("others", others, least=1), reverse=True)
    default = math.ceil(3 / fraction("max_fpr", max_fpr))
    least = default if least_others is None else count("least_others", least_others)
    if len(ranked) < least:
        return Undefined(
            f"{len(ranked)} non-members: a false-positive rate of {max_fpr:g} needs at least"
            f" {least}"
        )
    allowed = math.floor(max_fpr * len(ranked) + 1e-9)
    # whoever scores above the first non-member that may not be flagged is found
    return sum(score > ranked[allowed] for score in scores) / len(scores)
