"""The verdict: what the evidence is worth first, then what it says.

The order is fixed: evidence that is not valid is VOID whatever its numbers; a broken guard is
NO-SHIP; SHIP needs every owed suite measured completely, every guard held on the true scale and
every primary facet improved; anything else is INCONCLUSIVE. :func:`judge` is a pure function of the
registration, the certificates and the receipts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.audit.certificate import Certificate, State
from harness.deciding import degeneration, scorecard
from harness.deciding import reasons as decisions
from harness.deciding.degeneration import Degeneration
from harness.deciding.scorecard import SuiteScore
from harness.evidence.receipts import Receipt
from harness.evidence.registration import Registration, differences
from harness.subjects.base import Fault, Preflight
from harness.verdict import Name, Reason, Verdict, decide


@dataclass(frozen=True)
class Judged:
    """What the receipts say: the numbers of each owed suite (``None``: not measured), and the
    verdict on them.

    ``with_flagged`` are the numbers of suites of which cases were left out, with these cases; they
    decide nothing.
    """

    scores: dict[str, SuiteScore | None]
    degeneration: Degeneration | None
    verdict: Verdict
    with_flagged: list[SuiteScore] = field(default_factory=list)


def validity(
    registration: Registration,
    preflight: Preflight,
    certificates: Mapping[str, Certificate],
    registered: Registration | None = None,
) -> list[Reason]:
    """Reasons why nothing may be judged: a faulty subject, a verifier unfit to judge, or another
    plan than registered.

    ``registered`` is what ``harness gate --register`` wrote before the run, if it did.
    """
    policy = registration.policy
    reasons = subject_reasons(preflight.faults)
    for verifier in sorted(
        {c.verifier for plan in registration.plans.values() for c in plan.criteria}
    ):
        held = certificates[verifier]
        if held.state is not State.VALID:
            reasons.append(
                Reason(
                    Name.VOID, "certificate", verifier, f"no valid certificate: {held.sentence()}"
                )
            )
    for id, plan in registration.plans.items():
        if all(certificates[c.verifier].state is State.VALID for c in plan.criteria):
            youden = scorecard.youden(plan, certificates)
            if youden <= policy.min_youden:
                text = (
                    "its verifiers together may tell good from bad with J = sensitivity +"
                    f" specificity - 1 as low as {youden:.2f}; they are refused at"
                    f" {policy.min_youden:g}, and more fixtures would raise the bound"
                )
                reasons.append(Reason(Name.VOID, "verifiers-weak", id, text))
    if registered is not None:
        found = differences(registered, registration)
        if found:
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            text = f"the run is not the one that was registered: {'; '.join(found[:3])}{more}"
            reasons.append(Reason(Name.VOID, "registration", "policy", text))
    elif policy.registered:
        text = (
            f"the policy ({policy.profile}) asks for a registration before the run; `harness gate"
            " --register` writes it"
        )
        reasons.append(Reason(Name.VOID, "not-registered", "policy", text))
    return reasons


def subject_reasons(faults: Sequence[Fault]) -> list[Reason]:
    """What faults of the subject call for: VOID, or NO-SHIP for a rule of the corpus or the
    recipe.
    """
    verdicts = {"void": Name.VOID, "block": Name.NO_SHIP}
    return [
        Reason(verdicts[f.severity], f.code, "subject", f.text)
        for f in faults
        if f.severity in verdicts
    ]


def judge(
    registration: Registration,
    invalid: Sequence[Reason],
    certificates: Mapping[str, Certificate],
    receipts: Iterable[Receipt],
) -> Judged:
    """Numbers and verdict of a run from its receipts; nothing is scored where :func:`validity`
    found ``invalid``.
    """
    rows = list(receipts)
    if invalid:
        return Judged(dict.fromkeys(registration.plans), None, decide(invalid))
    scores = {
        id: scorecard.score(registration, id, certificates, rows) for id in registration.plans
    }
    looped = degeneration.measure(registration, rows)
    measured = {id for id, score in scores.items() if score is not None}
    reasons = [
        *decisions.foreign(registration, rows),
        *decisions.sentinels(registration, rows, measured),
    ]
    stopped = next(
        (id for id, score in scores.items() if score is not None and score.stop is not None), None
    )
    for id, score in scores.items():
        reasons += decisions.judge_suite(registration, id, score, stopped)
    reasons += decisions.gains(registration, scores)
    if any(score is not None and score.complete for score in scores.values()):
        reasons += decisions.degenerate(registration, looped)
    reasons += [*decisions.coverage(registration, scores), *decisions.claims(registration, scores)]
    return Judged(scores, looped, decide(reasons), _with_flagged(registration, certificates, rows))


def _with_flagged(
    registration: Registration, certificates: Mapping[str, Certificate], rows: Sequence[Receipt]
) -> list[SuiteScore]:
    flagged = [id for id, plan in registration.plans.items() if plan.left_out]
    plans = {
        id: plan.model_copy(update={"left_out": []}) for id, plan in registration.plans.items()
    }
    whole = registration.model_copy(update={"plans": plans})
    found = [scorecard.score(whole, id, certificates, rows) for id in flagged]
    return [score for score in found if score is not None]
