"""What a kind of subject is measured to be: the numbers of its receipts, and its own reasons."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.content.kinds import ADAPTER
from harness.deciding.outcomes import by_arm
from harness.deciding.scorecard import SuiteScore
from harness.deciding.sentences import items
from harness.evidence.receipts import MEASURED, Receipt
from harness.evidence.registration import Registration
from harness.subjects.base import Evidence, Numbers
from harness.subjects.kinds import find
from harness.verdict import Reason, reason


def decided(
    registration: Registration, receipts: Sequence[Receipt], scores: Mapping[str, SuiteScore | None]
) -> tuple[Numbers, list[Reason]]:
    """The numbers of the kind's part of the scorecard and its reasons, beside that of what was to
    be measured and was not; nothing of an adapter."""
    subject = registration.subject
    if subject.kind == ADAPTER:
        return {}, []
    kind, measured = find(subject.kind), read(registration, receipts)
    policy, plans = registration.policy, registration.plans
    by_arm_of = {id: by_arm(plan, policy.samples, receipts) for id, plan in plans.items()}
    named = {"base": registration.base_digest, "adapter": registration.adapter_digest}
    evidence = Evidence(
        own=kind.spec.model_validate(subject.own) if kind.spec else None,
        digests=named | subject.parts,
        measured=measured,
        suites={id: score.to_json() for id, score in scores.items() if score is not None},
        outcomes={id: found for id, (found, _) in by_arm_of.items()},
        tokens={id: _tokens(rows) for id, (_, rows) in by_arm_of.items()},
        groups={id: plan.groups for id, plan in plans.items()},
        alpha=registration.alpha,
    )
    missing = list(_missing(registration, measured))
    try:
        numbers, found = kind.reasons(evidence)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        if missing:
            return {}, missing
        text = f"its measurements cannot be read: {type(error).__name__}: {error}"
        return {}, [reason("not-measured", subject.kind, text)]
    return numbers, [*missing, *found]


def read(registration: Registration, receipts: Iterable[Receipt]) -> dict[str, dict[str, Numbers]]:
    """By what was owed and case the numbers that were measured; what is none is left out."""
    subject = registration.subject
    owed = {f"{subject.kind}/{what}": what for what in subject.owes}
    found: dict[str, dict[str, Numbers]] = {what: {} for what in subject.owes}
    for row in receipts:
        if row.arm == MEASURED and row.suite in owed:
            what = owed[row.suite]
            try:
                numbers = json.loads(row.answer)
            except ValueError:  # as of a receipt that was edited
                continue
            if isinstance(numbers, dict) and row.case in subject.owes[what]:
                found[what][row.case] = numbers
    return found


def _tokens(rows: Mapping[str, Sequence[Receipt]]) -> dict[str, dict[str, int]]:
    """By arm and case those of the first answer."""
    return {arm: {r.case: r.tokens for r in said if not r.sample} for arm, said in rows.items()}


def _missing(
    registration: Registration, measured: Mapping[str, Mapping[str, Numbers]]
) -> Iterator[Reason]:
    subject = registration.subject
    for what, cases in subject.owes.items():
        if lacking := [case for case in cases if case not in measured[what]]:
            text = f"{len(lacking)} of {len(cases)} were not measured: {items(lacking)}"
            yield reason("not-measured", f"{subject.kind}/{what}", text)
