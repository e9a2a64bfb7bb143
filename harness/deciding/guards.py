"""What a guard can show at all: one where base has nothing to lose shows no loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.deciding import scorecard
from harness.deciding.churn import Certificates
from harness.deciding.contrasts import hold
from harness.deciding.outcomes import by_arm
from harness.deciding.scorecard import SuiteScore
from harness.deciding.sentences import name, numbers, points
from harness.evidence.receipts import Receipt
from harness.evidence.registration import Registration
from harness.stats.paired import GuardState
from harness.verdict import Reason, reason

OPEN = ("held", "undecided")  # codes of a guard that lost nothing
READ = (*OPEN, "broken", "regressed", "noise")  # and of one that was read


def reasons(
    registration: Registration,
    certificates: Certificates,
    rows: Sequence[Receipt],
    scores: Mapping[str, SuiteScore | None],
    found: Mapping[str, Reason],
) -> dict[str, Reason]:
    """The reasons of guards that show nothing, or are only shown, instead of those ``found``."""
    other = {}
    for id, plan in registration.plans.items():
        score = scores[id]
        if plan.role != "guard" or score is None or found[id].code not in READ:
            continue
        seen, code = numbers(score, registration.alpha), found[id].code
        if id in registration.policy.shown_only:
            other[id] = reason("shown-only", id, f"{name(id)} is only shown: {seen}")
        elif code in OPEN and at_floor(registration, certificates, rows, id):
            text = (
                f"{name(id)} cannot show a loss: base passes {score.second.passes} of"
                f" {score.prompts * score.samples}, and an adapter that lost all of them would not"
                f" be BROKEN at a margin of {points(plan.margin)}: {seen}"
            )
            other[id] = reason("guard-at-floor", id, text)
    return other


def at_floor(
    registration: Registration, certificates: Certificates, rows: Sequence[Receipt], suite: str
) -> bool:
    """Whether losing every one of base's passes would not be BROKEN."""
    plan, j = registration.plans[suite], scorecard.youden(registration.plans[suite], certificates)
    arms, _ = by_arm(plan, registration.policy.samples, rows)
    base = arms[plan.headline.second]
    nothing = {case: ["fail"] * len(said) for case, said in base.items()}
    margin, alpha = plan.headline.margin, registration.alpha
    found = hold(nothing, base, list(base), margin, j, alpha)
    return found is not None and found.state is not GuardState.BROKEN


def none_decides(registration: Registration) -> bool:
    """Whether no owed suite is a guard that decides."""
    shown = registration.policy.shown_only
    return all(p.role != "guard" or id in shown for id, p in registration.plans.items())
