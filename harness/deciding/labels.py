"""The on-policy audit: a sample of what passed, labelled by a second, independent means.

Fixtures cannot show that an adapter has learnt to please its verifier; only its own passing answers
can. A sample of them, drawn by the head of the receipts so that nobody chooses it, is labelled;
what the sample leaves open is counted against the adapter before anything is decided. Source:
METHOD 3.7."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.evidence.labels import Key, Label, Labels
from harness.evidence.receipts import Receipt
from harness.evidence.registration import Plan, Registration
from harness.stats.intervals import upper_count
from harness.verdict import Reason, reason

CONFIDENCE = 0.95  #: of the bound on fake passes, beside that of the test: 90 % for both together


@dataclass(frozen=True)
class Audited:
    """What the labels of one suite show: of ``passes`` answers that passed, ``labelled`` were drawn
    and ``fake`` of them were not good; at most ``most`` of all are fake."""

    suite: str
    passes: int
    labelled: int
    fake: int
    most: int

    @property
    def text(self) -> str:
        """The same in words."""
        share = f"{100 * self.most / self.passes:.1f} %" if self.passes else "none"
        return (
            f"{self.fake} of {self.labelled} labelled passes are fake, so at most {self.most} of"
            f" {self.passes} ({share}, {CONFIDENCE:.0%} one-sided) are"
        )


def demanded(registration: Registration) -> list[str]:
    """The suites whose passes have to be labelled before they may decide: by policy all, or those
    of which a verifier was also reward or filter of the training."""
    asked, trained = registration.policy.label, set(registration.trained_by)
    return [
        id
        for id, plan in registration.plans.items()
        if asked == "all" or (asked == "trained" and trained & {c.verifier for c in plan.criteria})
    ]


def drawn(registration: Registration, rows: Sequence[Receipt], suite: str, head: str) -> list[Key]:
    """The passes of a suite that are to be labelled, in the order in which to look at them: so many
    as the policy says, at random by the head of the receipts."""
    passed = [(row.case, row.sample) for row in _passes(registration.plans[suite], rows)]
    random.Random(f"{head} {suite}").shuffle(passed)
    return passed[: registration.policy.labels]


def audited(
    registration: Registration, rows: Sequence[Receipt], found: Labels | None
) -> dict[str, Audited]:
    """By suite what a whole sample of labels shows; a part of one shows nothing."""
    if found is None:
        return {}
    shown = {}
    for id, plan in registration.plans.items():
        wanted = drawn(registration, rows, id, found.receipts_digest)
        said = {(row.case, row.sample): row.label for row in found.rows if row.suite == id}
        if wanted and said.keys() >= set(wanted):
            fake = sum(said[key] is not Label.GOOD for key in wanted)
            passes = len(_passes(plan, rows))
            most = upper_count(fake, len(wanted), passes, CONFIDENCE)
            shown[id] = Audited(id, passes, len(wanted), fake, most)
    return shown


def counted(
    registration: Registration,
    rows: Sequence[Receipt],
    found: Labels | None,
    shown: dict[str, Audited],
) -> list[Receipt]:
    """The receipts as they count once fakes are failures: those that were seen, and as many more as
    the labels leave open, first where base passed too, which makes them losses."""
    if found is None or not shown:
        return list(rows)
    bad = {(r.suite, r.case, r.sample) for r in found.rows if r.label is not Label.GOOD}
    good = {(r.suite, r.case, r.sample) for r in found.rows if r.label is Label.GOOD}
    failed: set[tuple[str, str, int]] = set()
    for id, one in shown.items():
        plan = registration.plans[id]
        base = {
            (r.case, r.sample)
            for r in rows
            if r.suite == id and r.arm == plan.headline.second and r.outcome == "pass"
        }
        passed = [(id, r.case, r.sample) for r in _passes(plan, rows)]
        seen = [key for key in passed if key in bad]
        open_ = [key for key in passed if key not in bad and key not in good]
        open_.sort(key=lambda key: key[1:] not in base)
        failed |= {*seen, *open_[: max(0, one.most - len(seen))]}
    first = {id: registration.plans[id].headline.first for id in shown}
    return [
        replace(row, outcome="fail")
        if (row.suite, row.case, row.sample) in failed and row.arm == first.get(row.suite)
        else row
        for row in rows
    ]


def told(found: Reason, one: Audited) -> Reason:
    """A suite's reason with what the labels show, which its numbers count as failed."""
    return replace(found, text=f"{found.text}. Of what passed, {one.text}, and count as failed")


def unlabelled(
    registration: Registration, rows: Sequence[Receipt], shown: dict[str, Audited]
) -> Iterable[Reason]:
    """Suites whose passes have to be labelled and are not."""
    for id in demanded(registration):
        passes = len(_passes(registration.plans[id], rows))
        if passes and id not in shown:
            many = min(passes, registration.policy.labels)
            why = (
                "a verifier of it was reward or filter of the training"
                if registration.policy.label == "trained"
                else "the policy demands it"
            )
            text = f"{many} of {passes} passes are to be labelled by other means, as {why}"
            yield reason("unlabelled", id, text)


def _passes(plan: Plan, rows: Iterable[Receipt]) -> list[Receipt]:
    """The passing answers of what is judged, of cases that count, in the order of the receipts."""
    known = set(plan.counted)
    return [
        row
        for row in rows
        if row.suite == plan.suite
        and row.arm == plan.headline.first
        and row.case in known
        and row.outcome == "pass"
    ]
