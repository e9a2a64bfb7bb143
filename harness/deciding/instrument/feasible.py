"""Whether a plan can be decided at all, and what would decide it.

The power of a plan is how often an adapter that changed nothing ships: every margin that has to be
held is HELD, and base measured twice is HELD against itself. ``discordance`` is everywhere the
chance that two answers to one prompt, one of each model, get other outcomes."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import count

from harness.content.policy import Policy
from harness.deciding.contrasts import Comparison
from harness.evidence.registration import Plan, Registration
from harness.stats.exact import noninferiority_exact
from harness.stats.intervals import z_quantile
from harness.stats.paired import tango_z
from harness.stats.repeated import score_z

ENOUGH = 0.8  # how often what a reason recommends decides
DRAWN = 20_000  # runs that stand for all that might be drawn
MOST_ANSWERS = 64  # a prompt that a reason recommends


def undecidable(registration: Registration, youdens: Mapping[str, float]) -> list[str]:
    """Why an unchanged adapter would ship more rarely than the policy asks, each with what would
    decide it; empty for a plan worth running.

    ``youdens`` is J's lower bound of each suite: a margin is tested on the scale that the
    certificates leave of it."""
    policy, found = registration.policy, []
    for id, power in short(registration, powers(registration, youdens)).items():
        plan = registration.plans[id]
        n, observed = plan.units, (plan.margin or 0) * youdens[id]
        found.append(
            f"{id}: a margin of {100 * (plan.margin or 0):g} points cannot be decided with"
            f" {_counted(plan)}: an unchanged adapter, of which {policy.discordance:.0%} of the"
            f" answers come out otherwise, would be HELD {power:.0%} of the time, and the policy"
            f" asks for {policy.min_power:.0%} of the whole plan."
            f" {remedy(n, observed, policy.discordance, registration)}"
        )
    found += _slices(registration, youdens)
    asked = sum(plan.units for plan in registration.plans.values())
    if policy.degeneration_held and not degeneration_provable(policy, asked):
        needed = prompts_for_degeneration(policy)
        found.append(
            f"degeneration: a margin of {100 * policy.degeneration_margin:g} points cannot be held"
            f" with {asked} prompts in all, even without a single degenerate answer; {needed} could"
        )
    return found


def _slices(registration: Registration, youdens: Mapping[str, float]) -> Iterator[str]:
    """Named slices that an unchanged adapter would not hold, each by itself."""
    policy = registration.policy
    for id, plan in registration.plans.items():
        for tag, margin in policy.slices.get(id, {}).items():
            cases = [case for case in plan.counted if tag in plan.tags.get(case, ())]
            n = len({plan.groups.get(case, case) for case in cases})
            observed, psi = margin * max(youdens[id], 1e-9), policy.discordance
            held = power(n, policy.samples, observed, psi, registration.alpha) if n else 0.0
            if held < policy.min_power:
                yield (
                    f"{id}: a margin of {100 * margin:g} points cannot be decided with the {n}"
                    f" prompts of slice {tag!r}: an unchanged adapter would be HELD {held:.0%} of"
                    f" the time. {remedy(max(n, 1), observed, psi, registration)}"
                )


def _counted(plan: Plan) -> str:
    many = f"{len(plan.counted)} prompts"
    return many if plan.units == len(plan.counted) else f"{many} in {plan.units} groups"


def powers(
    registration: Registration,
    youdens: Mapping[str, float],
    measured: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """By suite whose margin has to be held: how often an unchanged adapter holds it.

    ``measured`` are the discordances of base with itself, by suite, where that was HELD already;
    what is drawn has that of base, greedy answers of another model have the planned one too."""
    policy, found = registration.policy, {}
    for id, plan in registration.plans.items():
        if plan.margin is None or id in policy.shown_only:
            continue
        churn = (measured or {}).get(id)
        psi = policy.discordance if churn is None else churn
        if churn is not None and not drawn(policy):
            psi = max(psi, policy.discordance)
        again = policy.alpha if churn is None and _twice(plan) and drawn(policy) else None
        observed = plan.margin * max(youdens[id], 1e-9)
        n, alpha = plan.units, registration.alpha
        told = policy.previous_held and any(c.needs == "told" for c in plan.contrasts)
        # held against two arms, as if these were independent: the least that it can be
        found[id] = power(n, policy.samples, observed, psi, alpha, again) ** (1 + told)
    return found


def short(registration: Registration, found: Mapping[str, float]) -> dict[str, float]:
    """The suites for which a plan's power is too low: those under their equal part of it."""
    least = registration.policy.min_power
    if math.prod(found.values()) >= least:
        return {}
    part = least ** (1 / len(found))
    return {id: power for id, power in found.items() if power < part}


def drawn(policy: Policy) -> bool:
    """Whether two answers of one model to one prompt may differ."""
    return policy.samples > 1 or policy.temperature > 0


def _twice(plan: Plan) -> bool:
    return any(contrast.needs == "sound" for contrast in plan.contrasts)


@lru_cache(maxsize=1024)
def power(
    n: int,
    samples: int,
    margin: float,
    discordance: float,
    alpha: float,
    again: float | None = None,
    exact: bool = True,
) -> float:
    """P(an unchanged adapter is HELD at ``margin`` on ``n`` prompts), and base against itself too
    where that is tested at the level ``again``.

    For one answer a prompt by enumeration (over 20000 drawn runs where base is drawn twice): of
    Tango's test and the exact one, as :mod:`harness.deciding.contrasts` reads them, or without
    ``exact`` of Tango's alone, which is quicker and no less. For several the normal limit of the
    score test with the variance that it assumes at the margin; ``tests/deciding/test_ruler.py``
    holds it against simulated runs."""
    if samples > 1:
        return _of_repeated(n, samples, margin, discordance, alpha, again)
    if again is not None:
        return _of_three(n, margin, min(discordance, 0.5), alpha, again, exact)
    from scipy.special import bdtr
    from scipy.stats import binom

    top = min(n, int(binom.ppf(1 - 1e-9, n, discordance)) + 1)
    allowed = most_losses(n, margin, alpha, top, exact)
    chances = binom.pmf(range(top + 1), n, discordance)
    return float(sum(chances[m] * bdtr(most, m, 0.5) for m, most in allowed if most >= 0))


@lru_cache(maxsize=1024)
def most_losses(
    n: int, margin: float, alpha: float, top: int, exact: bool
) -> tuple[tuple[int, int], ...]:
    """For every number of flipped prompts up to ``top`` the most losses among them with which a
    guard of one answer a prompt is HELD; -1 for none."""
    critical, allowed, loss = z_quantile(1 - alpha), [], -1
    for flipped in range(top + 1):
        loss = min(loss + 1, flipped)
        while loss >= 0 and tango_z(flipped - loss, loss, n, -margin) <= critical:
            loss -= 1
        allowed.append(loss)
    edge = sorted(
        (tango_z(m - most, most, n, -margin), m) for m, most in enumerate(allowed) if most >= 0
    )

    def agrees(at: int) -> bool:
        m = edge[at][1]
        return noninferiority_exact(m - allowed[m], allowed[m], n, margin) <= alpha

    # the exact p falls as the score rises
    for _, m in edge[: bisect_left(range(len(edge)), True, key=agrees) if exact else 0]:
        allowed[m] -= 1
    return tuple(enumerate(allowed))


def _of_three(n: int, margin: float, psi: float, alpha: float, again: float, exact: bool) -> float:
    """Base, base again and the adapter, all drawn alike: in half of the flips both differ from
    base, whatever the prompts are like."""
    import numpy as np

    quarter = [psi / 4] * 6
    cells = np.random.default_rng(0).multinomial(n, [*quarter, 1 - sum(quarter)], size=DRAWN)
    both, own, other = cells[:, 0:2], cells[:, 2:4], cells[:, 4:6]
    held = np.ones(DRAWN, dtype=bool)
    for seen, level in ((both + own, alpha), (both + other, again)):
        flipped = seen.sum(axis=1)
        allowed = most_losses(n, margin, level, int(flipped.max()), exact)
        held &= seen[:, 1] <= np.array(allowed)[flipped, 1]
    return float(held.mean())


def _of_repeated(
    n: int, samples: int, margin: float, psi: float, alpha: float, again: float | None
) -> float:
    """The adapter and base again both lead a base that they share: given how well that did they
    are independent."""
    import numpy as np
    from scipy.special import ndtr

    seen, variance = _differences(samples, min(psi, 0.49))
    assumed = len(seen) * (margin / score_z(seen, -margin)) ** 2
    shared, weights = np.polynomial.hermite_e.hermegauss(40)
    chance = weights / weights.sum()
    for level in (alpha, again):
        if level is not None:
            room = margin * math.sqrt(n) - z_quantile(1 - level) * math.sqrt(assumed)
            chance = chance * ndtr(math.sqrt(2) * room / math.sqrt(variance) - shared)
    return float(chance.sum())


@lru_cache(maxsize=256)
def _differences(samples: int, psi: float) -> tuple[tuple[float, ...], float]:
    """What two arms of ``samples`` answers each differ by on many prompts, mirrored, so that they
    are alike; and its variance. The prompts' difficulty is Beta with mean 2/3, or 1/2 where that
    allows no such ``psi``."""
    import numpy as np

    random, mean = np.random.default_rng(0), 2 / 3 if psi < 0.4 else 0.5
    size = psi / (2 * mean * (1 - mean) - psi)
    rate = random.beta(mean * size, (1 - mean) * size, size=1000)
    leads = (random.binomial(samples, rate) - random.binomial(samples, rate)) / samples
    return (*leads.tolist(), *(-leads).tolist()), psi / samples


def degeneration_provable(policy: Policy, n: int) -> bool:
    """Whether ``n`` prompts hold the margin of degenerate answers if not one of them flips."""
    return most_losses(n, policy.degeneration_margin, policy.alpha, 0, True)[0][1] >= 0


def prompts_for_degeneration(policy: Policy) -> int:
    """The fewest prompts of which that is true: searched from those with which Tango's interval
    without a flip, ``z^2 / (n + z^2)``, is inside the margin."""
    margin = policy.degeneration_margin
    rough = math.floor(z_quantile(1 - policy.alpha) ** 2 * (1 - margin) / margin) + 1
    return next(n for n in count(rough) if degeneration_provable(policy, n))


def remedy(n: int, margin: float, discordance: float, registration: Registration) -> str:
    """The number of prompts, or of answers a prompt, with which an unchanged adapter is HELD 80 %
    of the time.

    Answers stand in for prompts only as far as flips come from drawing."""
    policy = registration.policy
    again = policy.alpha if policy.again and drawn(policy) else None
    # up to a whole point, so that many gates ask for the same few numbers
    psi = min(0.5, math.ceil(100 * max(discordance, 1 / n) - 1e-9) / 100)
    needed = prompts_needed(n, policy.samples, margin, psi, registration.alpha, again)
    many = None
    if drawn(policy) and needed > n:
        many = answers_needed(n, policy.samples, margin, psi, registration.alpha, again)
    what = f"{needed} fresh prompts" if needed == n else f"{needed} prompts"
    if many is not None:
        what = f"{what}, or {many} answers a prompt,"
    return (
        f"{what} would decide it 80 % of the time, if the adapter is truly unchanged and"
        f" {psi:.0%} of the answers come out otherwise"
    )


def discordance(seen: Comparison, samples: int) -> float:
    """The chance that two answers to a prompt, one of each arm, come out otherwise; for several
    answers from the variance that the interval of the difference shows."""
    if samples == 1:
        return seen.discordance
    half = (seen.interval95.high - seen.interval95.low) / 2
    return samples * seen.n * (half / z_quantile(0.975)) ** 2


@lru_cache(maxsize=1024)
def prompts_needed(
    n: int, samples: int, margin: float, psi: float, alpha: float, again: float | None
) -> int:
    """``n``, or nearly the first number above with which :func:`power` is 80 %: searched upward
    from nine tenths of the normal approximation in steps of a fiftieth."""
    z = z_quantile(1 - alpha) + z_quantile(ENOUGH)
    rough = math.floor(0.9 * z * z * psi / samples / margin**2)
    asked = (margin, psi, alpha, again)
    while any(power(n, samples, *asked, exact) < ENOUGH for exact in (False, True)):
        n = max(n + 1, math.ceil(1.02 * n), rough)
    return n


@lru_cache(maxsize=1024)
def answers_needed(
    n: int, samples: int, margin: float, psi: float, alpha: float, again: float | None
) -> int | None:
    """The first number of answers a prompt with which :func:`power` is 80 %; ``None`` above 64."""
    tried = range(max(2, samples), MOST_ANSWERS + 1)
    enough = (k for k in tried if power(n, k, margin, psi, alpha, again) >= ENOUGH)
    return next(enough, None)
