"""Two arms on the same prompts: what was gained and lost, and what it proves.

Statistics depend on counts only and are kept by count, so that thousands of simulated gates cost
seconds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

from scipy.special import bdtr

from harness.deciding.outcomes import Arms, Outcomes, kept
from harness.stats.exact import noninferiority_exact
from harness.stats.paired import (
    GuardState,
    guard_state,
    mcnemar_midp,
    newcombe,
    tango,
    tango_noninferiority,
    tango_z,
)
from harness.stats.power import noninferiority_power
from harness.stats.repeated import guard_state as repeated_state
from harness.stats.repeated import score_interval, score_noninferiority, score_z
from harness.stats.values import Interval
from harness.subjects.base import Contrast

#: each lead in passes on a prompt with the number of prompts that show it
Counts = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Comparison:
    """One arm minus another on the same prompts.

    ``difference`` is Tango's interval (score interval for several samples) at level 1 - 2 alpha,
    with what could not be judged counted against the first arm; ``plain`` counts it as not passed
    on both. ``gain_p`` is the one-sided p of "not better by more than min_gain", exact for one
    sample and min_gain 0; ``midp`` McNemar's two-sided mid-p."""

    n: int
    gained: list[str]
    lost: list[str]
    delta: float
    discordance: float
    difference: Interval
    plain: Interval
    interval95: Interval
    newcombe: Interval | None
    midp: float | None
    gain_p: float


@dataclass(frozen=True)
class Result:
    """What one contrast came to; ``held`` is ``None`` for a gain, and where the verifiers leave
    nothing of the margin."""

    contrast: Contrast
    comparison: Comparison
    held: Held | None

    @property
    def state(self) -> GuardState | None:
        """How its margin stands, ``None`` where there is none."""
        return self.held.state if self.held else None

    @property
    def worse(self) -> bool:
        """Whether the whole interval of the difference lies below zero, however the unjudged are
        counted."""
        found = self.comparison
        return found.difference.high < 0 and found.plain.high < 0

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``scorecard.json``."""
        held = {"held": asdict(self.held) if self.held else None}
        return {**self.contrast.model_dump(), **asdict(self.comparison), **held}


@dataclass(frozen=True)
class Held:
    """A comparison read against a margin.

    ``observed`` is the margin that the verifiers leave of the registered one on what they see:
    margin times J's lower bound. ``p`` is the one-sided p of "worse by that or more" (Tango's, or
    the score test's); ``exact_p`` is its exact unconditional twin for one sample, computed where
    ``p`` allows HELD, which needs both at alpha. ``state`` needs the worst case and the plain count
    to agree, ``agreed`` says whether they did. ``power`` is that of an unchanged adapter at the
    discordance that was seen."""

    margin: float
    youden: float
    observed: float
    p: float
    exact_p: float | None
    state: GuardState
    agreed: bool
    power: float | None


def read(contrast: Contrast, arms: Arms, cases: Sequence[str], j: float, alpha: float) -> Result:
    """One contrast over ``cases``, of which both arms have every sample; ``j`` is the lower bound
    of sensitivity + specificity - 1 of what judged them."""
    first, second = arms[contrast.first], arms[contrast.second]
    if contrast.question == "better":
        return Result(contrast, compare(first, second, cases, contrast.margin, alpha), None)
    held = hold(first, second, cases, contrast.margin, j, alpha)
    return Result(contrast, compare(first, second, cases, 0.0, alpha), held)


def compare(
    first: Outcomes, second: Outcomes, cases: Sequence[str], min_gain: float, alpha: float
) -> Comparison:
    """Arm ``first`` minus arm ``second`` over ``cases``."""
    pairs = leads(first, second, cases)
    worst, plain = counted(leads(first, second, cases, worst=True)), counted(pairs)
    n, samples, level = len(cases), len(first[cases[0]]), 1 - 2 * alpha
    gains, losses = flips(plain)
    both = sum(first[c] == ["pass"] == second[c] for c in cases)
    return Comparison(
        n=n,
        gained=[case for case, lead in zip(cases, pairs, strict=True) if lead > 0],
        lost=[case for case, lead in zip(cases, pairs, strict=True) if lead < 0],
        delta=sum(pairs) / (n * samples),
        discordance=(gains + losses) / n,
        difference=_interval(worst, n, samples, level),
        plain=_interval(plain, n, samples, level),
        interval95=_interval(plain, n, samples, 0.95),
        newcombe=_newcombe(both, gains, losses, n, level) if samples == 1 else None,
        midp=mcnemar_midp(gains, losses) if samples == 1 else None,
        gain_p=_gain_p(worst, n, samples, min_gain),
    )


def hold(
    first: Outcomes, second: Outcomes, cases: Sequence[str], margin: float, j: float, alpha: float
) -> Held | None:
    """The same read against ``margin`` on the true scale; ``None`` where verifiers leave nothing of
    it."""
    if j <= 0:
        return None
    n, samples, observed = len(cases), len(first[cases[0]]), margin * j
    worst = counted(leads(first, second, cases, worst=True))
    plain = counted(leads(first, second, cases))
    states = {_state(counts, n, samples, observed, alpha) for counts in (worst, plain)}
    p, exact = _noninferiority(worst, n, samples, observed, alpha)
    flipped = max(sum(flips(plain)), 1)
    known = samples == 1 and flipped < n
    return Held(
        margin=margin,
        youden=j,
        observed=observed,
        p=p,
        exact_p=exact,
        state=states.pop() if len(states) == 1 else GuardState.INCONCLUSIVE,
        agreed=not states,
        power=_power(n, observed, flipped / n, alpha) if known else None,
    )


def leads(
    first: Outcomes, second: Outcomes, cases: Sequence[str], *, worst: bool = False
) -> list[int]:
    """By how many passes the first arm leads on each prompt; ``worst`` counts what could not be
    judged for the second."""
    if worst:
        return [
            first[c].count("pass") - second[c].count("pass") - second[c].count("unverified")
            for c in cases
        ]
    return [first[c].count("pass") - second[c].count("pass") for c in cases]


def counted(leads: Sequence[int]) -> Counts:
    return tuple(sorted(Counter(leads).items()))


def flips(counts: Counts) -> tuple[int, int]:
    """``(prompts gained, prompts lost)``."""
    return sum(many for lead, many in counts if lead > 0), sum(
        many for lead, many in counts if lead < 0
    )


def _differences(counts: Counts, samples: int) -> list[float]:
    return [lead / samples for lead, many in counts for _ in range(many)]


@kept
def _interval(counts: Counts, n: int, samples: int, level: float) -> Interval:
    return (
        tango(*flips(counts), n, level)
        if samples == 1
        else score_interval(_differences(counts, samples), level)
    )


@kept
def _newcombe(both: int, gains: int, losses: int, n: int, level: float) -> Interval:
    return newcombe(both, gains, losses, n - both - gains - losses, level)


@kept
def _gain_p(counts: Counts, n: int, samples: int, min_gain: float) -> float:
    gains, losses = flips(counts)
    if samples == 1 and min_gain == 0:
        return float(bdtr(losses, gains + losses, 0.5))
    z = (
        tango_z(gains, losses, n, min_gain)
        if samples == 1
        else score_z(_differences(counts, samples), min_gain)
    )
    return NormalDist().cdf(-z)


def _reduced(counts: Counts, samples: int) -> tuple[Counts, int]:
    """The same differences in the coarsest units: K answers that are all alike say what one says,
    and are tested as one."""
    unit = math.gcd(samples, *(lead for lead, _ in counts))
    return tuple((lead // unit, many) for lead, many in counts), samples // unit


@kept
def _state(counts: Counts, n: int, samples: int, margin: float, alpha: float) -> GuardState:
    counts, samples = _reduced(counts, samples)
    if samples > 1:
        return repeated_state(_differences(counts, samples), margin, alpha)
    state = guard_state(*flips(counts), n, margin, alpha)
    _, exact = _noninferiority(counts, n, samples, margin, alpha)
    return (
        GuardState.INCONCLUSIVE
        if state is GuardState.HELD and (exact is None or exact > alpha)
        else state
    )


@kept
def _noninferiority(
    counts: Counts, n: int, samples: int, margin: float, alpha: float
) -> tuple[float, float | None]:
    """Tango's p with its exact twin, which is asked for only where Tango's allows HELD."""
    counts, samples = _reduced(counts, samples)
    if samples > 1:
        return score_noninferiority(_differences(counts, samples), margin).p, None
    p = tango_noninferiority(*flips(counts), n, margin).p
    return p, noninferiority_exact(*flips(counts), n, margin) if p <= alpha else None


@kept
def _power(n: int, margin: float, discordance: float, alpha: float) -> float:
    return noninferiority_power(n, margin, discordance, alpha=alpha)
