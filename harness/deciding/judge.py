"""The verdict: what the evidence is worth first, then what it says.

The order is fixed: evidence that is not valid is VOID whatever its numbers; a broken guard is
NO-SHIP; SHIP needs every owed suite measured completely, every guard held on the true scale, a gain
on a primary facet and every other facet held; anything else is INCONCLUSIVE. :func:`judge` is a
pure function of the registration, the certificates and the receipts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.audit.certificate import Certificate, State
from harness.deciding import claims, degeneration, labels, previous, reasons, scorecard, slices
from harness.deciding.degeneration import Degeneration
from harness.deciding.instrument import churn, guards, kinds
from harness.deciding.scorecard import SuiteScore
from harness.evidence.labels import Labels
from harness.evidence.receipts import Receipt
from harness.evidence.registration import Registration, differences
from harness.subjects.base import Fault, Preflight
from harness.verdict import Name, Reason, Verdict, decide, reason

#: what is found of a suite before base is read against itself
UNREAD = ("not-measured", "stopped", "incomplete", "sampler", "unverified", "too-few")


@dataclass(frozen=True)
class Judged:
    """What the receipts say: numbers and reason of each owed suite, and the verdict on them.

    ``scores`` are ``None`` for a suite that was not measured, and ``reasons`` are empty where
    nothing may be judged. ``with_flagged`` are the numbers of suites of which cases were left out,
    with these cases; they decide nothing. ``labelled`` is what labels of passing answers show,
    ``subject`` what was measured by its kind."""

    scores: dict[str, SuiteScore | None]
    degeneration: Degeneration | None
    verdict: Verdict
    reasons: dict[str, Reason] = field(default_factory=dict)
    with_flagged: list[SuiteScore] = field(default_factory=list)
    labelled: list[labels.Audited] = field(default_factory=list)
    subject: dict[str, Any] = field(default_factory=dict)

    def scorecard(self, registration: Registration, receipts: int, head: str) -> dict[str, Any]:
        """The part of ``scorecard.json`` that receipts decide; ``head`` is the last link of their
        chain."""
        measured = {id: score.to_json() for id, score in self.scores.items() if score is not None}
        said = {id: asdict(reason) for id, reason in self.reasons.items()}
        return {
            "suites": [found | {"reason": said[id]} for id, found in measured.items()],
            "not_measured": {id: said.get(id) for id in self.scores if id not in measured},
            "degeneration": asdict(self.degeneration) if self.degeneration else None,
            "with_flagged": [score.to_json() for score in self.with_flagged],
            "labelled": [asdict(one) for one in self.labelled],
            "subject": {"kind": registration.subject.kind, "numbers": self.subject},
            "look": registration.look,
            "alpha": registration.alpha,
            "receipts": receipts,
            "receipts_digest": head,
        }

    def document(self, registration: Registration, head: str) -> dict[str, Any]:
        """``verdict.json``: the verdict with its reasons, and what it is bound to."""
        named = {"adapter": registration.adapter, "base": registration.base}
        bound = {"registration": registration.digest, "receipts_digest": head}
        return self.verdict.to_json() | named | bound


def validity(
    registration: Registration,
    preflight: Preflight,
    certificates: Mapping[str, Certificate],
    registered: Registration | None = None,
) -> list[Reason]:
    """Reasons why nothing may be judged: a faulty subject, a verifier unfit to judge, or another
    plan than registered.

    ``registered`` is what ``harness gate --register`` wrote before the run, if it did."""
    policy, plans = registration.policy, registration.plans
    found = subject_reasons(preflight.faults)
    found += [reason("ledger", "looks", text) for text in registration.ledger.faults]
    judging = {(c.verifier, plan.role) for plan in plans.values() for c in plan.criteria}
    unfit = {id for id, role in judging if not _may_judge(certificates[id], role)}
    for verifier in sorted(unfit):
        held = certificates[verifier]
        text = f"no valid certificate: {verifier}: {held.state}. {held.sentence()}"
        found.append(reason("certificate", verifier, text))
    for id, plan in plans.items():
        if all(certificates[c.verifier].state is State.VALID for c in plan.criteria):
            youden = scorecard.youden(plan, certificates)
            if youden <= policy.min_youden:
                text = (
                    "its verifiers together may tell good from bad with J = sensitivity +"
                    f" specificity - 1 as low as {youden:.2f}; they are refused at"
                    f" {policy.min_youden:g}, and more fixtures would raise the bound"
                )
                found.append(reason("verifiers-weak", id, text))
    if registered is not None:
        other = differences(registered, registration)
        if other:
            more = f" and {len(other) - 3} more" if len(other) > 3 else ""
            text = f"the run is not the one that was registered: {'; '.join(other[:3])}{more}"
            found.append(reason("registration", "policy", text))
    elif policy.registered:
        text = (
            f"the policy ({policy.described}) asks for a registration before the run; `harness gate"
            " --register` writes it"
        )
        found.append(reason("not-registered", "policy", text))
    return found


def _may_judge(held: Certificate, role: str) -> bool:
    """A guard needs VALID; of a facet PROVISIONAL shows rates that decide nothing."""
    return held.state is State.VALID or (role == "facet" and held.state is State.PROVISIONAL)


def _provisional(
    registration: Registration, certificates: Mapping[str, Certificate]
) -> dict[str, str]:
    """By suite why its verifiers only show rates: the first of them that is PROVISIONAL."""
    found: dict[str, str] = {}
    for id, plan in registration.plans.items():
        for criterion in plan.criteria:
            held = certificates[criterion.verifier]
            if held.state is State.PROVISIONAL:
                found.setdefault(id, held.sentence())
    return found


def subject_reasons(faults: Sequence[Fault]) -> list[Reason]:
    """What faults of the subject call for: VOID, or NO-SHIP for a rule of the corpus or the
    recipe."""
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
    labelled: Labels | None = None,
) -> Judged:
    """Numbers and verdict of a run from its receipts, and from what passing answers were
    ``labelled``; nothing is scored where :func:`validity` found ``invalid``."""
    rows = list(receipts)
    if invalid:
        found = [*invalid, *claims.elsewhere(registration)]
        return Judged(dict.fromkeys(registration.plans), None, decide(found))
    plans = registration.plans
    scores = {id: scorecard.score(registration, id, certificates, rows) for id in plans}
    weak = _provisional(registration, certificates)
    shown = labels.audited(registration, rows, labelled)
    worst = labels.counted(registration, rows, labelled, shown)
    decisive = {id: scorecard.score(registration, id, certificates, worst) for id in shown}
    by_suite = reasons.of_suites(registration, scores | decisive, weak)
    by_suite |= {id: labels.told(by_suite[id], one) for id, one in shown.items()}
    by_suite = _of_base(registration, certificates, rows, by_suite)
    by_suite |= guards.reasons(registration, certificates, rows, scores, by_suite)
    looped = degeneration.measure(registration, rows)
    measured = {id for id, score in scores.items() if score is not None}
    whole = any(score.complete for score in scores.values() if score is not None)
    asked = _asked(registration, rows)  # nothing is measured of what base's noise ended
    numbers, own = kinds.decided(registration, rows, scores) if asked else ({}, [])
    found = [
        *own,
        *claims.foreign(registration, rows),
        *claims.ran_on(registration, rows),
        *claims.no_answers(registration, rows),
        *claims.sentinels(registration, rows, measured),
        *by_suite.values(),
        *previous.reasons(registration, scores | decisive, by_suite),
        *slices.reasons(registration, scores | decisive, by_suite),
        *labels.unlabelled(registration, rows, shown),
        *(degeneration.reasons(registration, looped) if whole else ()),
        *claims.coverage(registration, scores),
        *claims.claims(registration, scores | dict.fromkeys(weak)),
        *claims.unchecked(registration),
        *claims.elsewhere(registration),
    ]
    if registration.status == "fixture" and decide(found).name is Name.SHIP:
        text = "its status in the library is fixture: what is faulty on purpose never ships"
        found.append(reason("fixture", "subject", text))
    flagged = _with_flagged(registration, certificates, rows)
    return Judged(scores, looped, decide(found), by_suite, flagged, list(shown.values()), numbers)


def _of_base(
    registration: Registration,
    certificates: Mapping[str, Certificate],
    rows: Sequence[Receipt],
    found: Mapping[str, Reason],
) -> dict[str, Reason]:
    """The reasons ``found`` but for what base's own differences leave undecided: the whole run,
    where therefore nothing mounted was asked, or a suite that is in order otherwise."""
    if not _asked(registration, rows):
        return churn.halts(registration, certificates, rows) or dict(found)
    unsound = churn.unsound(registration, certificates, rows)
    left = {id: said for id, said in unsound.items() if found[id].code not in UNREAD}
    return {**found, **left}


def _asked(registration: Registration, rows: Sequence[Receipt]) -> bool:
    """Whether anything but the bare base was asked."""
    judged = {(id, a.id) for id, p in registration.plans.items() for a in p.judged}
    return any((row.suite, row.arm) in judged for row in rows)


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
