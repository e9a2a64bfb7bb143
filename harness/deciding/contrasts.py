"""Two arms on the same prompts: what was gained and lost, what it proves, and when a guard is lost
beyond doubt.

Statistics depend on counts only and are kept by count, so that thousands of simulated gates cost
seconds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

from scipy.special import bdtr

from harness.evidence.registration import Plan, Registration
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
from harness.stats.sequential import curtailed, eprocess, stopped_at
from harness.stats.values import Interval

kept = lru_cache(maxsize=65_536)

Outcomes = dict[str, list[str]]  # by case the outcomes of its samples
Counts = tuple[
    tuple[int, int], ...
]  # each lead in passes on a prompt with the number of prompts that show it


@dataclass(frozen=True)
class Comparison:
    """One arm minus another on the same prompts.

    ``difference`` is Tango's interval (score interval for several samples) at level 1 - 2 alpha,
    with what could not be judged counted against the first arm; ``plain`` counts it as not passed
    on both. ``gain_p`` is the one-sided p of "not better by more than min_gain", exact for one
    sample and min_gain 0; ``midp`` McNemar's two-sided mid-p.
    """

    against: str
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
class Held:
    """A comparison read against a margin.

    ``observed`` is the margin that the verifiers leave of the registered one on what they see:
    margin times J's lower bound. ``p`` is the one-sided p of "worse by that or more" (Tango's, or
    the score test's); ``exact_p`` is its exact unconditional twin for one sample, computed where
    ``p`` allows HELD, which needs both at alpha. ``state`` needs the worst case and the plain count
    to agree, ``agreed`` says whether they did. ``power`` is that of an unchanged adapter at the
    discordance that was seen.
    """

    margin: float
    youden: float
    observed: float
    p: float
    exact_p: float | None
    state: GuardState
    agreed: bool
    power: float | None


@dataclass(frozen=True)
class Stop:
    """A guard that is lost beyond doubt after ``at`` prompts in the registered order; ``rule`` says
    by which.
    """

    rule: str
    at: int
    gained: int
    lost: int
    evidence: float | None = None


def compare(
    arms: dict[str, Outcomes],
    first: str,
    second: str,
    cases: Sequence[str],
    min_gain: float,
    alpha: float,
) -> Comparison:
    """Arm ``first`` minus arm ``second`` over ``cases``, of which both have every sample."""
    leads = _leads(arms[first], arms[second], cases)
    worst, plain = _counts(_leads(arms[first], arms[second], cases, worst=True)), _counts(leads)
    n, samples, level = len(cases), len(arms[first][cases[0]]), 1 - 2 * alpha
    gains, losses = _flips(plain)
    both = sum(arms[first][c] == ["pass"] == arms[second][c] for c in cases)
    return Comparison(
        against=second,
        n=n,
        gained=[case for case, lead in zip(cases, leads, strict=True) if lead > 0],
        lost=[case for case, lead in zip(cases, leads, strict=True) if lead < 0],
        delta=sum(leads) / (n * samples),
        discordance=(gains + losses) / n,
        difference=_interval(worst, n, samples, level),
        plain=_interval(plain, n, samples, level),
        interval95=_interval(plain, n, samples, 0.95),
        newcombe=_newcombe(both, gains, losses, n, level) if samples == 1 else None,
        midp=mcnemar_midp(gains, losses) if samples == 1 else None,
        gain_p=_gain_p(worst, n, samples, min_gain),
    )


def hold(
    arms: dict[str, Outcomes],
    first: str,
    second: str,
    cases: Sequence[str],
    margin: float | None,
    j: float,
    alpha: float,
) -> Held | None:
    """The same read against ``margin`` on the true scale; ``None`` without one, or where verifiers
    leave nothing of it.
    """
    if margin is None or j <= 0:
        return None
    n, samples, observed = len(cases), len(arms[first][cases[0]]), margin * j
    worst = _counts(_leads(arms[first], arms[second], cases, worst=True))
    plain = _counts(_leads(arms[first], arms[second], cases))
    states = {_state(counts, n, samples, observed, alpha) for counts in (worst, plain)}
    p, exact = _noninferiority(worst, n, samples, observed, alpha)
    flips = sum(_flips(plain))
    return Held(
        margin=margin,
        youden=j,
        observed=observed,
        p=p,
        exact_p=exact,
        state=states.pop() if len(states) == 1 else GuardState.INCONCLUSIVE,
        agreed=not states,
        power=_power(n, observed, max(flips, 1) / n, alpha) if samples == 1 and flips < n else None,
    )


def lost_beyond_doubt(
    plan: Plan, arms: dict[str, Outcomes], j: float, registration: Registration
) -> Stop | None:
    """The first prompt, in the registered order, at which the guard is lost: by evidence, or
    because none can save it.
    """
    order, counted = [], plan.counted
    for id in counted:
        if id not in arms["adapter"] or id not in arms["base"]:
            break
        order.append(id)
    margin, n, samples = plan.margin, len(counted), registration.policy.samples
    if not order or margin is None:
        return None
    leads = _leads(arms["adapter"], arms["base"], order)
    at, evidence = _against(tuple(leads), samples, margin, registration.alpha)
    if at is not None:
        return Stop("e-process", at, *_flips(_counts(leads[:at])), evidence=evidence)
    if samples == 1 and len(order) < n == len(arms["base"]):
        gains, losses = _flips(_counts(leads))
        left = sum(arms["base"][id] != ["pass"] for id in counted[len(order) :])
        if curtailed(
            gains, losses, n, margin * max(j, 1e-9), open_gains=left, alpha=registration.alpha
        ):
            return Stop("curtailment", len(order), gains, losses)
    return None


def _leads(
    first: Outcomes, second: Outcomes, cases: Sequence[str], *, worst: bool = False
) -> list[int]:
    """By how many passes the first arm leads on each prompt; ``worst`` counts what could not be
    judged for the second.
    """
    if worst:
        return [
            first[c].count("pass") - second[c].count("pass") - second[c].count("unverified")
            for c in cases
        ]
    return [first[c].count("pass") - second[c].count("pass") for c in cases]


def _counts(leads: Sequence[int]) -> Counts:
    return tuple(sorted(Counter(leads).items()))


def _flips(counts: Counts) -> tuple[int, int]:
    """``(prompts gained, prompts lost)``."""
    return sum(many for lead, many in counts if lead > 0), sum(
        many for lead, many in counts if lead < 0
    )


def _differences(counts: Counts, samples: int) -> list[float]:
    return [lead / samples for lead, many in counts for _ in range(many)]


@lru_cache(maxsize=64)
def _against(
    leads: tuple[int, ...], samples: int, margin: float, alpha: float
) -> tuple[int | None, float]:
    """Where the evidence for "worse by more than the margin" reaches 1 / alpha, if it does, and the
    evidence there.
    """
    path = eprocess([lead / samples for lead in leads], margin)
    at = stopped_at(path, alpha)
    return at, path[(at or len(path)) - 1]


@kept
def _interval(counts: Counts, n: int, samples: int, level: float) -> Interval:
    return (
        tango(*_flips(counts), n, level)
        if samples == 1
        else score_interval(_differences(counts, samples), level)
    )


@kept
def _newcombe(both: int, gains: int, losses: int, n: int, level: float) -> Interval:
    return newcombe(both, gains, losses, n - both - gains - losses, level)


@kept
def _gain_p(counts: Counts, n: int, samples: int, min_gain: float) -> float:
    gains, losses = _flips(counts)
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
    and are tested as one.
    """
    unit = math.gcd(samples, *(lead for lead, _ in counts))
    return tuple((lead // unit, many) for lead, many in counts), samples // unit


@kept
def _state(counts: Counts, n: int, samples: int, margin: float, alpha: float) -> GuardState:
    counts, samples = _reduced(counts, samples)
    if samples > 1:
        return repeated_state(_differences(counts, samples), margin, alpha)
    state = guard_state(*_flips(counts), n, margin, alpha)
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
    p = tango_noninferiority(*_flips(counts), n, margin).p
    return p, noninferiority_exact(*_flips(counts), n, margin) if p <= alpha else None


@kept
def _power(n: int, margin: float, discordance: float, alpha: float) -> float:
    return noninferiority_power(n, margin, discordance, alpha=alpha)
