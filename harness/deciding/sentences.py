"""What is said of a suite: one plain sentence first, then its numbers, each interval with its
level."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.deciding.contrasts import Result
from harness.deciding.outcomes import MIN_RATE_N
from harness.deciding.scorecard import SuiteScore
from harness.evidence.registration import Registration
from harness.stats.gains import gain_prompts
from harness.stats.intervals import z_quantile
from harness.subjects.arms import BASE

SPELT = {"humaneval": "HumanEval"}  # names that are written otherwise than an id is
MOST = 5000  # prompts; nobody writes more for one facet


def name(suite: str) -> str:
    """What a suite is called in a sentence: the last part of its id."""
    last = suite.rpartition("/")[2]
    return SPELT.get(last, last)


def items(names: Sequence[str], most: int = 8) -> str:
    """``HumanEval/2, HumanEval/7 and 3 more``."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def points(share: float | None) -> str:
    """A share as percentage points."""
    return f"{100 * (share or 0):g} points"


def ahead(share: float, digits: int = 1) -> str:
    """``2.7 points lower``, of a difference of shares from base."""
    return f"{100 * abs(share):.{digits}f} points {'lower' if share < 0 else 'higher'}"


def level(alpha: float) -> str:
    """The level of the interval whose limits are tests at ``alpha``: ``90 %``."""
    return f"{100 * (1 - 2 * alpha):.4g} %"


def worst(found: Result) -> str:
    """``worst case 2.7 points lower, 5 allowed``: on the true scale, on which the margin is.

    A loss may be as many times what the verifiers see of it as J's lower bound allows; a gain that
    is seen is at least that gain."""
    low, margin = found.comparison.difference.low, found.contrast.margin
    if low >= 0:
        return f"worst case {ahead(low)}, a loss of {100 * margin:g} allowed"
    if found.held:
        low = max(-1.0, low / found.held.youden)
    close = abs(low + margin) < 0.0005  # what rounds to the margin is written more finely
    return f"worst case {ahead(low, 2 if close else 1)}, {100 * margin:g} allowed"


def best(found: Result) -> str:
    """``at best 7.1 points lower``: what is certain of a loss."""
    return f"at best {ahead(found.comparison.difference.high)}"


def numbers(score: SuiteScore, alpha: float, of: Result | None = None) -> str:
    """``adapter 57/164 = 34.8% [27.9%, 42.3%] (95 %), base ..., 0 gained, 3 lost, difference in
    [-4.4, +0.3] points (90 % interval), McNemar mid-p = 0.12``, of the headline or of another."""
    found = of or score.headline
    asked, rates = found.contrast if found else score.plan.headline, score.rates
    first, second = (f"{arm} {rates[arm].text()}" for arm in (asked.first, asked.second))
    text = f"{first}, {second}"
    if found is None:
        return text
    seen = found.comparison
    low, high = 100 * seen.difference.low, 100 * seen.difference.high
    text += f", {len(seen.gained)} gained, {len(seen.lost)} lost"
    text += f", difference in [{low:+.1f}, {high:+.1f}] points ({level(alpha)} interval)"
    return text if seen.midp is None else f"{text}, McNemar mid-p = {seen.midp:.2g}"


def margin(found: Result, alpha: float) -> str:
    """How a margin was tested: its level, what the verifiers leave of it, and the p-values."""
    held, allowed = found.held, points(found.contrast.margin)
    if held is None:
        return f"the verifiers leave nothing of the margin of {allowed}"
    exact = "" if held.exact_p is None else f", exact p = {held.exact_p:.3g}"
    return (
        f"{allowed} ({100 * (1 - alpha):.4g} % one-sided); on what the verifiers see, with J at"
        f" least {held.youden:.3f}, that is {100 * held.observed:.2f} points, p ="
        f" {held.p:.3g}{exact}"
    )


def undecided(score: SuiteScore, found: Result) -> str:
    """Why a margin is neither held nor broken, in one clause."""
    held = found.held
    if held is None:
        return margin(found, 0.0)
    if not held.agreed:
        unjudged = score.first.unverified + score.second.unverified
        return f"{worst(found)}, and the {unjudged} unjudged answers decide it"
    return worst(found) + (", but not by the exact test" if held.exact_p is not None else "")


def prompted(found: Result) -> str:
    """What an arm is held against: ``base``, or ``base with the facet's canon as prompt``."""
    second = found.contrast.second
    return second if second == BASE else f"base with the facet's {second} as prompt"


def lead(found: Result) -> str:
    """``72.5 points higher than base``."""
    return f"{ahead(found.comparison.delta)} than {prompted(found)}"


def gain_remedy(registration: Registration, found: Result, many: int) -> str:
    """The number of prompts that would show the gain that was seen, whatever the ``many`` facets
    beside it do."""
    seen, alpha, least = found.comparison, registration.alpha / many, found.contrast.margin
    if seen.delta <= least:
        return "The gain that was seen is none, so more prompts would not show one"
    if registration.policy.samples == 1:
        needed = gain_prompts(seen.discordance, seen.delta, 0.8, alpha, least, MOST)
        what = str(max(needed, MIN_RATE_N)) if needed else f"more than {MOST}"
    else:  # the spread of the differences, from the interval's width
        z = z_quantile(1 - registration.alpha)
        spread = (seen.difference.high - seen.difference.low) / (2 * z) * seen.groups**0.5
        far = (z_quantile(1 - alpha) + z_quantile(0.8)) * spread / (seen.delta - least)
        what = f"about {max(math.ceil(far**2), MIN_RATE_N)}"
    return f"If the true gain is the one seen, {what} prompts would show it 80 % of the time"
