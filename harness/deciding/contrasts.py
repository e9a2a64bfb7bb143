"""Two arms on the same prompts: what was gained and lost, and what it proves.

Statistics depend on counts only and are kept by count, so that thousands of simulated gates cost
seconds."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from fractions import Fraction
from statistics import NormalDist
from typing import Any, NamedTuple

from harness.deciding.outcomes import Arms, Outcomes, Units, kept
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
from harness.stats.repeated import score_interval, score_noninferiority, score_z, sign_flip
from harness.stats.values import Interval
from harness.subjects.base import Contrast

LOST = {GuardState.BROKEN, GuardState.REGRESSED}


@dataclass(frozen=True)
class Comparison:
    """One arm minus another on the same ``n`` prompts in ``groups`` groups, each of which counts
    once.

    ``difference`` is Tango's interval (the score interval where leads are no whole ones) at level
    1 - 2 alpha, with what could not be judged counted against the first arm; ``plain`` counts it as
    not passed on both. ``gain_p`` is the one-sided p of "not better by more than min_gain": for
    min_gain 0 exact, and where leads are no whole ones no less than the score test's; ``loss_p``
    that of "not worse", with what could not be judged counted for the first arm; ``midp`` is
    McNemar's two-sided mid-p, ``None`` where leads are no whole ones."""

    n: int
    groups: int
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
    loss_p: float


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
    the score test's); ``exact_p`` is its exact unconditional twin for whole leads, computed where
    ``p`` allows HELD, which needs both at alpha. ``state`` needs the worst case and the plain count
    to agree that it is held or that it is lost, ``agreed`` says whether they did. ``power`` is that
    of an unchanged adapter at the discordance that was seen."""

    margin: float
    youden: float
    observed: float
    p: float
    exact_p: float | None
    state: GuardState
    agreed: bool
    power: float | None


def read(contrast: Contrast, arms: Arms, asked: Units, j: float, alpha: float) -> Result:
    """One contrast over the ``asked`` units, of which both arms have every sample; ``j`` is the
    lower bound of sensitivity + specificity - 1 of what judged them."""
    first, second = arms[contrast.first], arms[contrast.second]
    if contrast.question == "better":
        return Result(contrast, compare(first, second, asked, contrast.margin, alpha), None)
    held = hold(first, second, asked, contrast.margin, j, alpha)
    return Result(contrast, compare(first, second, asked, 0.0, alpha), held)


def compare(
    first: Outcomes, second: Outcomes, asked: Units, min_gain: float, alpha: float
) -> Comparison:
    """Arm ``first`` minus arm ``second`` over the ``asked`` units."""
    worst, plain = leads(first, second, asked, worst=True), leads(first, second, asked)
    n, level, cases = len(asked), 1 - 2 * alpha, [case for unit in asked for case in unit]
    gains, losses = plain.flips
    both = sum(first[c] == ["pass"] == second[c] for c in cases)
    simple = len(cases) == n and len(first[cases[0]]) == 1
    return Comparison(
        n=len(cases),
        groups=n,
        gained=[case for case in cases if lead(first, second, case) > 0],
        lost=[case for case in cases if lead(first, second, case) < 0],
        delta=sum(each * many for each, many in plain.counts) / (n * plain.scale),
        discordance=(gains + losses) / n,
        difference=_interval(worst, level),
        plain=_interval(plain, level),
        interval95=_interval(plain, 0.95),
        newcombe=_newcombe(both, gains, losses, n, level) if simple else None,
        midp=mcnemar_midp(gains, losses) if plain.scale == 1 else None,
        gain_p=_gain_p(worst, min_gain),
        loss_p=_gain_p(leads(second, first, asked, worst=True), 0.0),
    )


def hold(
    first: Outcomes, second: Outcomes, asked: Units, margin: float, j: float, alpha: float
) -> Held | None:
    """The same read against ``margin`` on the true scale; ``None`` where verifiers leave nothing of
    it."""
    if j <= 0:
        return None
    observed, plain = margin * j, leads(first, second, asked)
    worst = leads(first, second, asked, worst=True)
    states = {_state(found, observed, alpha) for found in (worst, plain)}
    if states == LOST:  # however they count, it is lost
        states = {GuardState.REGRESSED}
    p, exact = _noninferiority(worst, observed, alpha)
    flipped = max(sum(plain.flips), 1)
    known = plain.scale == 1 and flipped < plain.n
    return Held(
        margin=margin,
        youden=j,
        observed=observed,
        p=p,
        exact_p=exact,
        state=states.pop() if len(states) == 1 else GuardState.INCONCLUSIVE,
        agreed=not states,
        power=_power(plain.n, observed, flipped / plain.n, alpha) if known else None,
    )


def lead(first: Outcomes, second: Outcomes, case: str, *, worst: bool = False) -> int:
    """By how many passes the first arm leads on a prompt; ``worst`` counts what could not be judged
    for the second."""
    unjudged = second[case].count("unverified") if worst else 0
    return first[case].count("pass") - second[case].count("pass") - unjudged


class Leads(NamedTuple):
    """By how much one arm leads on each unit, in ``scale``-ths of a whole lead, with the number of
    units that lead so.

    A unit's lead is the mean over its prompts and their samples. The scale is the coarsest that
    fits, so answers and prompts that are all alike say what one says and are tested as one."""

    counts: tuple[tuple[int, int], ...]
    scale: int

    @property
    def n(self) -> int:
        """How many units there are."""
        return sum(many for _, many in self.counts)

    @property
    def flips(self) -> tuple[int, int]:
        """``(units gained, units lost)``."""
        gained = sum(many for each, many in self.counts if each > 0)
        return gained, sum(many for each, many in self.counts if each < 0)

    @property
    def each(self) -> list[int]:
        """The lead of every unit."""
        return [each for each, many in self.counts for _ in range(many)]

    @property
    def differences(self) -> list[float]:
        """The lead of every unit as a number from -1 to 1."""
        return [each / self.scale for each in self.each]


def leads(first: Outcomes, second: Outcomes, asked: Units, *, worst: bool = False) -> Leads:
    """The leads of the first arm over the ``asked`` units."""
    samples = len(first[asked[0][0]])
    sums = Counter(
        (sum(lead(first, second, case, worst=worst) for case in unit), len(unit)) for unit in asked
    )
    means = [(Fraction(total, size * samples), many) for (total, size), many in sums.items()]
    scale = math.lcm(*(mean.denominator for mean, _ in means))
    counts: Counter[int] = Counter()
    for mean, many in means:
        counts[int(mean * scale)] += many
    return Leads(tuple(sorted(counts.items())), scale)


@kept
def _interval(found: Leads, level: float) -> Interval:
    if found.scale == 1:
        return tango(*found.flips, found.n, level)
    return score_interval(found.differences, level)


@kept
def _newcombe(both: int, gains: int, losses: int, n: int, level: float) -> Interval:
    return newcombe(both, gains, losses, n - both - gains - losses, level)


@kept
def _gain_p(found: Leads, min_gain: float) -> float:
    if found.scale == 1:
        z = tango_z(*found.flips, found.n, min_gain)
        return sign_flip(found.each) if min_gain == 0 else NormalDist().cdf(-z)
    p = NormalDist().cdf(-score_z(found.differences, min_gain))
    # many small gains hide a few large losses from a flip of signs, the reverse from the score
    return max(p, sign_flip(found.each)) if min_gain == 0 else p


@kept
def _state(found: Leads, margin: float, alpha: float) -> GuardState:
    if found.scale > 1:
        return repeated_state(found.differences, margin, alpha)
    state = guard_state(*found.flips, found.n, margin, alpha)
    _, exact = _noninferiority(found, margin, alpha)
    return (
        GuardState.INCONCLUSIVE
        if state is GuardState.HELD and (exact is None or exact > alpha)
        else state
    )


@kept
def _noninferiority(found: Leads, margin: float, alpha: float) -> tuple[float, float | None]:
    """Tango's p with its exact twin, which is asked for only where Tango's allows HELD."""
    if found.scale > 1:
        return score_noninferiority(found.differences, margin).p, None
    p = tango_noninferiority(*found.flips, found.n, margin).p
    return p, noninferiority_exact(*found.flips, found.n, margin) if p <= alpha else None


@kept
def _power(n: int, margin: float, discordance: float, alpha: float) -> float:
    return noninferiority_power(n, margin, discordance, alpha=alpha)
