"""Slices of a suite that the policy names: each a guard of its own, since what holds on the whole
may be lost on a part.

All have to be held, each at the full alpha; of what is lost the family-wise error is kept by Holm,
over every slice that is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.deciding import sentences as say
from harness.deciding.contrasts import Result
from harness.deciding.instrument.feasible import discordance, remedy
from harness.deciding.previous import UNREAD
from harness.deciding.scorecard import SuiteScore
from harness.deciding.sentences import ahead, items, name, points
from harness.evidence.registration import Registration
from harness.stats.multiplicity import holm
from harness.stats.paired import GuardState
from harness.verdict import Reason, reason


def reasons(
    registration: Registration, scores: Mapping[str, SuiteScore | None], found: Mapping[str, Reason]
) -> Iterator[Reason]:
    """A reason for every named slice of a suite that was read."""
    owed = {id: registration.policy.slices.get(id, {}) for id in registration.plans}
    named = [(id, tag) for id, tags in owed.items() for tag in tags]
    read: list[tuple[SuiteScore, str, Result]] = []
    for id, tag in named:
        score = scores.get(id)
        if score is None or found[id].code in UNREAD:
            continue
        result = score.slices[tag].result if tag in score.slices else None
        if result is None:
            text = f"{name(id)}, slice {tag!r}, is too small: a rate needs 20 prompts in 10 groups"
            yield reason("slice-undecided", id, text)
        else:
            read.append((score, tag, result))
    # a slice that was not read counts as one in which no loss is shown
    ps = [r.comparison.loss_p for _, _, r in read] + [1.0] * (len(named) - len(read))
    for (score, tag, result), p in zip(read, holm(ps), strict=False):
        yield _said(registration, score, tag, result, p, len(named))


def _said(
    registration: Registration, score: SuiteScore, tag: str, found: Result, p: float, many: int
) -> Reason:
    suite, alpha, seen = score.plan.suite, registration.alpha, found.comparison
    called = f"{name(suite)}, slice {tag!r}"
    first, second = (
        f"{arm} {score.slices[tag].rates[arm].text()}"
        for arm in (found.contrast.first, found.contrast.second)
    )
    numbers = f"{first}, {second}, {len(seen.gained)} gained, {len(seen.lost)} lost"
    among = f"p of a loss = {p:.2g}" + (f", by Holm among {many} slices" if many > 1 else "")
    lost = f"; lost: {items(seen.lost)}" if seen.lost else ""
    if found.state is GuardState.HELD:
        text = f"{called} held: {say.worst(found)}. {numbers}"
        return reason("slice-held", suite, text, seen.lost)
    if p <= alpha:
        text = f"{called} lost: {ahead(seen.delta)} than base, {points(found.contrast.margin)}"
        text = f"{text} allowed. {numbers}, {among}{lost}"
        return reason("slice-lost", suite, text, seen.lost)
    text = f"{called} undecided: {say.worst(found)}. {numbers}, {among}{lost}"
    if found.held is not None:
        flips = discordance(seen, score.samples)
        decides = remedy(seen.groups, found.held.observed, flips, registration)
        text = f"{text}. Of this slice {decides}"
    return reason("slice-undecided", suite, text, seen.lost)
