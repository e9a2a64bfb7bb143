"""The last release: what is lost against it beside what is held against base."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.deciding import sentences as say
from harness.deciding.contrasts import LOST, Result
from harness.deciding.instrument.feasible import discordance, remedy
from harness.deciding.scorecard import SuiteScore
from harness.deciding.sentences import items, name, numbers
from harness.evidence.registration import Registration
from harness.stats.paired import GuardState
from harness.verdict import Reason, reason

#: codes of a suite of which nothing is read against anything
UNREAD = (
    "not-measured", "stopped", "beyond-holding", "incomplete", "sampler", "unverified", "too-few",
    "provisional", "shown-only",
)  # fmt: skip


def reasons(
    registration: Registration, scores: Mapping[str, SuiteScore | None], found: Mapping[str, Reason]
) -> Iterator[Reason]:
    """A reason for every suite that was read and asked of the last release too."""
    for id, score in scores.items():
        if score is not None and found[id].code not in UNREAD:
            for result in score.results.values():
                if result.contrast.needs == "told":
                    yield _told(registration, score, result)


def _told(registration: Registration, score: SuiteScore, found: Result) -> Reason:
    suite, alpha, cases = score.plan.suite, registration.alpha, found.comparison.lost
    called, last = name(suite), f"the last release ({registration.previous})"
    seen = f"Margin {say.margin(found, alpha)}: {numbers(score, alpha, found)}"
    if found.state is GuardState.HELD:
        text = f"{called} as good as {last}: {say.worst(found)}. {seen}{_power(found)}"
        return reason("previous-held", suite, text, cases)
    lost = f"; lost: {items(cases)}" if cases else ""
    facet = score.plan.role == "facet"
    if found.state in LOST or (facet and found.worse):
        text = f"{called} worse than {last}: {say.best(found)}, {say.worst(found)}. {seen}{lost}"
        return reason("worse-than-previous", suite, text, cases)
    code = "previous-undecided" if registration.policy.previous_held else "previous-open"
    text = (
        f"{called} undecided against {last}: {say.undecided(score, found)}. {seen}{_power(found)}"
    )
    if found.held is not None:
        flips = discordance(found.comparison, score.samples)
        decides = remedy(score.plan.units, found.held.observed, flips, registration)
        text = f"{text}{lost}. {decides}"
    return reason(code, suite, text, cases)


def _power(found: Result) -> str:
    """How often an unchanged adapter would be HELD at the discordance that was seen."""
    power = found.held.power if found.held else None
    return "" if power is None else f", where an unchanged adapter is HELD {power:.0%} of the time"
