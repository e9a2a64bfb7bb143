"""Base against itself: what two measurements of one model differ in, and whether a plan can be
decided in that noise.

All of it is known before anything mounted is asked: the gate writes it down then, as
``churn.json``, and asks nothing more where nothing could be decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from harness.audit.certificate import Certificate
from harness.deciding import scorecard
from harness.deciding.contrasts import Result, read
from harness.deciding.instrument.feasible import powers, remedy, short
from harness.deciding.outcomes import Arms, Units, by_arm, enough, units
from harness.deciding.sentences import name, points
from harness.evidence.documents import Churn, Churned
from harness.evidence.receipts import Receipt
from harness.evidence.registration import Plan, Registration
from harness.stats.paired import GuardState
from harness.subjects.base import Contrast
from harness.verdict import Reason, reason

FAULT = 0.001  # one-sided level at which base differs from itself, either way, by no chance
Certificates = Mapping[str, Certificate]


def measure(
    registration: Registration, certificates: Certificates, rows: Sequence[Receipt]
) -> Churn:
    """``churn.json``: what base differs in from itself, and the power that is left to the plan."""
    found = differences(registration, certificates, rows)
    left = _left(registration, certificates, found)
    stated = {
        id: one.model_copy(update={"power": round(left[id], 4) if id in left else None})
        for id, one in found.items()
    }
    return Churn(suites=stated)


def differences(
    registration: Registration, certificates: Certificates, rows: Sequence[Receipt]
) -> dict[str, Churned]:
    """By suite what base differs in from itself, where that is asked and of 20 prompts."""
    found = {}
    for id, plan in registration.plans.items():
        for asked in plan.contrasts:
            if asked.needs == "sound":
                arms, _ = by_arm(plan, registration.policy.samples, rows)
                first, second = arms[asked.first], arms[asked.second]
                cases = [case for case in plan.counted if case in first and case in second]
                among = units(cases, plan.groups)
                if enough(len(cases), len(among)):
                    j = scorecard.youden(plan, certificates)
                    texts = _texts(id, asked, set(cases), rows)
                    found[id] = _churned(registration, asked, arms, among, j, texts)
    return found


def _texts(suite: str, asked: Contrast, cases: set[str], rows: Sequence[Receipt]) -> int:
    """How many of the prompts got another text from each of two arms."""
    said: dict[tuple[str, int], set[str]] = defaultdict(set)
    for row in rows:
        if row.suite == suite and row.arm in (asked.first, asked.second) and row.case in cases:
            said[row.case, row.sample].add(row.answer)
    return len({case for (case, _), texts in said.items() if len(texts) > 1})


def unsound(
    registration: Registration, certificates: Certificates, rows: Sequence[Receipt]
) -> dict[str, Reason]:
    """By suite why nothing is read where base is not HELD against itself."""
    return _unsound(registration, certificates, differences(registration, certificates, rows))


def _unsound(
    registration: Registration, certificates: Certificates, seen: Mapping[str, Churned]
) -> dict[str, Reason]:
    found = {}
    for id, one in seen.items():
        if one.state == GuardState.REGRESSED:
            text = (
                f"{name(id)} cannot be read: base measured twice differs from itself on"
                f" {one.flipped} of {one.prompts} prompts and mostly one way, which chance does"
                " less than once in 500 times: the pipeline is faulty"
            )
            found[id] = reason("base-against-base", id, text)
        elif one.state != GuardState.HELD and id not in registration.policy.shown_only:
            why = "neither held nor broken against itself"
            found[id] = _noise(registration, certificates, id, one, why)
    return found


def halts(
    registration: Registration, certificates: Certificates, rows: Sequence[Receipt]
) -> dict[str, Reason]:
    """Why nothing mounted is asked, a reason for every suite; empty where the plan can be decided,
    and before all of base's answers are there.

    In the noise that was measured a plan needs the power that it was accepted for."""
    if not all(_known(plan, registration, rows) for plan in registration.plans.values()):
        return {}
    seen = differences(registration, certificates, rows)
    found = _unsound(registration, certificates, seen)
    for id, power in short(registration, _left(registration, certificates, seen)).items():
        if id in seen and id not in found:
            why = (
                f"so that an unchanged adapter would be HELD {power:.0%} of the time, and the"
                f" policy asks for {registration.policy.min_power:.0%} of the whole plan"
            )
            found[id] = _noise(registration, certificates, id, seen[id], why)
    if not found:
        return {}
    noisy = ", ".join(found)
    text = f"nothing was asked of the adapter, since base differs from itself too much on {noisy}"
    others = (id for id in registration.plans if id not in found)
    return found | {id: reason("noise", id, text) for id in others}


def _known(plan: Plan, registration: Registration, rows: Sequence[Receipt]) -> bool:
    """Whether every arm without a mount has answered all that counts."""
    arms, _ = by_arm(plan, registration.policy.samples, rows)
    bare = [arm for arm in plan.arms if arm not in plan.judged]
    return all(len(arms[arm.id]) == len(plan.counted) for arm in bare)


def _left(
    registration: Registration, certificates: Certificates, seen: Mapping[str, Churned]
) -> dict[str, float]:
    youdens = {id: scorecard.youden(p, certificates) for id, p in registration.plans.items()}
    return powers(registration, youdens, {id: one.discordance for id, one in seen.items()})


def _noise(
    registration: Registration, certificates: Certificates, id: str, one: Churned, why: str
) -> Reason:
    plan = registration.plans[id]
    margin, j = plan.margin or 0.0, scorecard.youden(plan, certificates)
    decides = remedy(plan.units, margin * j, one.discordance, registration)
    text = (
        f"{name(id)} cannot be decided in its noise: base measured twice differs from itself on"
        f" {one.flipped} of {one.prompts} prompts, {why}"
        f" at a margin of {points(margin)}. {decides}"
    )
    return reason("noise", id, text)


def _churned(
    registration: Registration, asked: Contrast, arms: Arms, among: Units, j: float, texts: int
) -> Churned:
    """HELD at the policy's alpha; REGRESSED only where a difference is neither chance nor within
    the margin both ways: a sound pipeline may not be void one time in ten."""
    first, second = arms[asked.first], arms[asked.second]
    alpha, other = registration.policy.alpha, {"first": asked.second, "second": asked.first}
    held = read(asked, arms, among, j, alpha)
    states, unlike = {held.state}, GuardState.INCONCLUSIVE
    if _differs(read(asked, arms, among, j, FAULT)):
        states.add(read(asked.model_copy(update=other), arms, among, j, alpha).state)
        unlike = GuardState.REGRESSED
    total, cases = 0.0, [case for unit in among for case in unit]
    for case in cases:
        a, b = (arm[case].count("pass") / len(arm[case]) for arm in (first, second))
        total += a * (1 - b) + b * (1 - a)
    return Churned(
        prompts=len(cases),
        flipped=len(held.comparison.gained) + len(held.comparison.lost),
        texts=texts,
        discordance=round(total / len(cases), 6),
        state=GuardState.HELD if states == {GuardState.HELD} else unlike,
    )


def _differs(found: Result) -> bool:
    """Whether the whole interval lies on one side of zero, however the unjudged are counted."""
    seen = found.comparison
    return found.worse or (seen.difference.low > 0 and seen.plain.low > 0)
