"""Two arms on the same prompts: what was gained and lost, what it proves, and when a guard is lost beyond doubt.

Statistics depend on counts only and are kept by count, so that thousands of simulated gates cost seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

from scipy.special import bdtr

from harness.registration import Plan, Registration
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
Counts = tuple[tuple[float, int], ...]  # each difference of a prompt with the number of prompts that show it


@dataclass(frozen=True)
class Comparison:
    """One arm minus another on the same prompts.

    ``difference`` is Tango's interval (score interval for several samples) at level 1 - 2 alpha, with what could not be
    judged counted against the first arm; ``plain`` counts it as not passed on both. ``gain_p`` is the one-sided p of "not
    better by more than min_gain", exact for one sample and min_gain 0; ``midp`` McNemar's two-sided mid-p.
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

    ``observed`` is the margin that the verifiers leave of the registered one on what they see: margin times J's lower
    bound. ``p`` is the one-sided p of "worse by that or more" (Tango's, or the score test's), ``exact_p`` its exact
    unconditional twin for one sample; HELD needs both at alpha. ``state`` needs the worst case and the plain count to
    agree, ``agreed`` says whether they did. ``power`` is that of an unchanged adapter at the discordance that was seen.
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
    """A guard that is lost beyond doubt after ``at`` prompts in the registered order; ``rule`` says by which."""

    rule: str
    at: int
    gained: int
    lost: int
    evidence: float | None = None


def compare(
    arms: dict[str, Outcomes], first: str, second: str, cases: Sequence[str], min_gain: float, alpha: float
) -> Comparison:
    """Arm ``first`` minus arm ``second`` over ``cases``, of which both have every sample."""
    plain = _differences(arms[first], arms[second], cases, worst=False)
    worst = _counts(_differences(arms[first], arms[second], cases, worst=True))
    counts, n = _counts(plain), len(cases)
    single = all(len(arms[first][case]) == 1 for case in cases)
    level = 1 - 2 * alpha
    both = sum(arms[first][c] == ["pass"] == arms[second][c] for c in cases)
    return Comparison(
        against=second,
        n=n,
        gained=[case for case, d in zip(cases, plain, strict=True) if d > 0],
        lost=[case for case, d in zip(cases, plain, strict=True) if d < 0],
        delta=sum(plain) / n,
        discordance=sum(d != 0 for d in plain) / n,
        difference=_interval(worst, n, level, single),
        plain=_interval(counts, n, level, single),
        interval95=_interval(counts, n, 0.95, single),
        newcombe=_newcombe(both, *_flips(counts), n, level) if single else None,
        midp=_midp(*_flips(counts)) if single else None,
        gain_p=_gain_p(worst, n, min_gain, single),
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
    """The same read against ``margin`` on the true scale; ``None`` without one, or where verifiers leave nothing of it."""
    if margin is None or j <= 0:
        return None
    n, observed = len(cases), margin * j
    single = all(len(arms[first][case]) == 1 for case in cases)
    worst, plain = (_counts(_differences(arms[first], arms[second], cases, worst=w)) for w in (True, False))
    states = {_state(counts, n, observed, alpha, single) for counts in (worst, plain)}
    p, exact = _noninferiority(worst, n, observed, single)
    flips = sum(many for d, many in plain if d)
    return Held(
        margin=margin,
        youden=j,
        observed=observed,
        p=p,
        exact_p=exact,
        state=states.pop() if len(states) == 1 else GuardState.INCONCLUSIVE,
        agreed=not states,
        power=_power(n, observed, max(flips, 1) / n, alpha) if single and flips < n else None,
    )


def lost_beyond_doubt(plan: Plan, arms: dict[str, Outcomes], j: float, registration: Registration) -> Stop | None:
    """The first prompt, in the registered order, at which the guard is lost: by evidence, or because none can save it."""
    order = []
    for id, _ in plan.cases:
        if id not in arms["adapter"] or id not in arms["base"]:
            break
        order.append(id)
    margin, n = plan.margin, len(plan.cases)
    if not order or margin is None:
        return None
    path = eprocess(_differences(arms["adapter"], arms["base"], order, worst=False), margin)
    at = stopped_at(path, registration.alpha)
    if at is not None:
        seen = _flips(_counts(_differences(arms["adapter"], arms["base"], order[:at], worst=False)))
        return Stop("e-process", at, *seen, evidence=path[at - 1])
    if registration.policy.samples == 1 and len(order) < n == len(arms["base"]):
        gains, losses = _flips(_counts(_differences(arms["adapter"], arms["base"], order, worst=False)))
        left = sum(arms["base"][id] != ["pass"] for id, _ in plan.cases[len(order) :])
        if curtailed(gains, losses, n, margin * max(j, 1e-9), open_gains=left, alpha=registration.alpha):
            return Stop("curtailment", len(order), gains, losses)
    return None


def _differences(first: Outcomes, second: Outcomes, cases: Sequence[str], *, worst: bool) -> list[float]:
    """Per prompt the share passed by the first arm minus the second's; ``worst`` counts the unjudged for the second."""

    def share(outcomes: list[str], counted: tuple[str, ...]) -> float:
        return sum(outcome in counted for outcome in outcomes) / len(outcomes)

    lenient = ("pass", "unverified") if worst else ("pass",)
    return [share(first[case], ("pass",)) - share(second[case], lenient) for case in cases]


def _counts(differences: Sequence[float]) -> Counts:
    return tuple(sorted(Counter(round(d, 9) for d in differences).items()))


def _flips(counts: Counts) -> tuple[int, int]:
    """``(prompts gained, prompts lost)``."""
    return sum(many for d, many in counts if d > 0), sum(many for d, many in counts if d < 0)


def _values(counts: Counts) -> list[float]:
    return [d for d, many in counts for _ in range(many)]


@kept
def _interval(counts: Counts, n: int, level: float, single: bool) -> Interval:
    return tango(*_flips(counts), n, level) if single else score_interval(_values(counts), level)


@kept
def _newcombe(both: int, gains: int, losses: int, n: int, level: float) -> Interval:
    return newcombe(both, gains, losses, n - both - gains - losses, level)


@kept
def _midp(gains: int, losses: int) -> float:
    return mcnemar_midp(gains, losses)


@kept
def _gain_p(counts: Counts, n: int, min_gain: float, single: bool) -> float:
    gains, losses = _flips(counts)
    if single and min_gain == 0:
        return float(bdtr(losses, gains + losses, 0.5))
    z = tango_z(gains, losses, n, min_gain) if single else score_z(_values(counts), min_gain)
    return NormalDist().cdf(-z)


@kept
def _state(counts: Counts, n: int, margin: float, alpha: float, single: bool) -> GuardState:
    if not single:
        return repeated_state(_values(counts), margin, alpha)
    state = guard_state(*_flips(counts), n, margin, alpha)
    if state is GuardState.HELD and noninferiority_exact(*_flips(counts), n, margin) > alpha:
        return GuardState.INCONCLUSIVE
    return state


@kept
def _noninferiority(counts: Counts, n: int, margin: float, single: bool) -> tuple[float, float | None]:
    if single:
        flips = _flips(counts)
        return tango_noninferiority(*flips, n, margin).p, noninferiority_exact(*flips, n, margin)
    return score_noninferiority(_values(counts), margin).p, None


@kept
def _power(n: int, margin: float, discordance: float, alpha: float) -> float:
    return noninferiority_power(n, margin, discordance, alpha=alpha)
