"""The verdict: what the evidence is worth first, then what it says.

The order is fixed: evidence that is not valid is VOID whatever its numbers; a broken guard is NO-SHIP; SHIP needs every
owed suite measured completely, every guard held and every facet improved; anything else is INCONCLUSIVE.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.audit.certificate import Certificate, State
from harness.library import Policy
from harness.scorecard import MIN_RATE_N, SuiteScore
from harness.stats.paired import GuardState
from harness.subject import Fault, Preflight


class Name(enum.StrEnum):
    """The four verdicts; ``exit_code`` is what ``harness gate`` returns."""

    SHIP = "SHIP"
    NO_SHIP = "NO-SHIP"
    INCONCLUSIVE = "INCONCLUSIVE"
    VOID = "VOID"

    @property
    def exit_code(self) -> int:
        """0, 1, 2, 3 in the order of the names."""
        return list(Name).index(self)


@dataclass(frozen=True)
class Reason:
    """One named reason: the verdict it calls for, a short code, what it is about, and a sentence with its numbers."""

    verdict: Name
    code: str
    about: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """A verdict with every reason that was found, the deciding ones first."""

    name: Name
    reasons: list[Reason]

    @property
    def deciding(self) -> list[Reason]:
        """The reasons that call for this very verdict."""
        return [reason for reason in self.reasons if reason.verdict is self.name]

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``verdict.json``."""
        return {"verdict": self.name, "exit_code": self.name.exit_code, "reasons": [asdict(r) for r in self.reasons]}


def validity(preflight: Preflight, certificates: dict[str, Certificate], needed: Sequence[str]) -> list[Reason]:
    """Reasons why nothing may be judged: a faulty subject, or a verifier without a valid certificate."""
    reasons = subject_reasons(preflight.faults)
    for verifier in needed:
        held = certificates[verifier]
        if held.state is not State.VALID:
            reasons.append(Reason(Name.VOID, "certificate", verifier, f"no valid certificate: {held.sentence()}"))
    return reasons


def subject_reasons(faults: Sequence[Fault]) -> list[Reason]:
    """What faults of the subject call for: VOID, or NO-SHIP for a rule of the corpus or the recipe."""
    verdicts = {"void": Name.VOID, "block": Name.NO_SHIP}
    return [Reason(verdicts[f.severity], f.code, "subject", f.text) for f in faults if f.severity in verdicts]


def decide(
    invalid: Sequence[Reason], scores: dict[str, SuiteScore | None], facets: Sequence[str], policy: Policy
) -> Verdict:
    """The verdict on the owed suites; ``scores`` has ``None`` for an owed suite that was not measured.

    ``facets`` are those the library claims for the adapter; each must be covered by an owed suite.
    """
    reasons = list(invalid)
    if not invalid:
        for suite, score in scores.items():
            reasons += judge_suite(suite, score, policy)
        covered = {score.facet for score in scores.values() if score is not None}
        for facet in facets:
            if facet not in covered and None not in scores.values():
                text = "the library claims this facet and no owed suite measures it"
                reasons.append(Reason(Name.INCONCLUSIVE, "facet-not-measured", facet, text))
    reasons.sort(key=_rank)
    name = reasons[0].verdict if reasons else Name.INCONCLUSIVE
    return Verdict(name, reasons)


def _rank(reason: Reason) -> int:
    """Invalid evidence outranks a regression, which outranks what was left unmeasured: stopping early may not hide it."""
    if reason.code in ("not-measured", "incomplete"):
        return 2
    return {Name.VOID: 0, Name.NO_SHIP: 1, Name.INCONCLUSIVE: 3, Name.SHIP: 4}[reason.verdict]


def judge_suite(suite: str, score: SuiteScore | None, policy: Policy) -> list[Reason]:
    """What one owed suite says; one reason for SHIP, or those against it."""
    if score is None:
        return [Reason(Name.VOID, "not-measured", suite, "the adapter owes this suite and it was not measured")]
    if not score.complete:
        text = f"{score.base.n} of {score.prompts} prompts were measured; a part of a suite decides nothing"
        return [Reason(Name.VOID, "incomplete", suite, text)]
    unverified = max(score.base.unverified, score.adapter.unverified)
    if unverified > policy.max_unverified * score.prompts:
        text = f"{unverified} of {score.prompts} answers of one arm could not be judged; at most {policy.max_unverified:.0%} may"
        return [Reason(Name.VOID, "unverified", suite, text)]
    if score.difference is None:
        return [Reason(Name.INCONCLUSIVE, "too-few", suite, f"{score.prompts} prompts; a rate needs {MIN_RATE_N}")]
    return [_guard(suite, score) if score.role == "guard" else _facet(suite, score)]


def numbers(score: SuiteScore) -> str:
    """``adapter 57/164, base 60/164, 0 gained, 3 lost, difference in [-4.4, +0.3] points, McNemar p = 0.25``."""
    text = (
        f"adapter {score.adapter.text()}, base {score.base.text()}, {len(score.gained)} gained, {len(score.lost)} lost"
    )
    if score.difference is not None:
        low, high = 100 * score.difference.low, 100 * score.difference.high
        text += f", difference in [{low:+.1f}, {high:+.1f}] points, McNemar p = {score.mcnemar_p:.2g}"
    return text


def items(names: Sequence[str], most: int = 8) -> str:
    """``HumanEval/2, HumanEval/7 and 3 more``."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _guard(suite: str, score: SuiteScore) -> Reason:
    margin = f"{100 * (score.margin or 0):g} points"
    lost = f"; lost: {items(score.lost)}" if score.lost else ""
    if score.state is GuardState.HELD:
        return Reason(
            Name.SHIP, "held", suite, f"not worse than base by more than {margin} (95 % one-sided): {numbers(score)}"
        )
    if score.state in (GuardState.BROKEN, GuardState.REGRESSED):
        return Reason(Name.NO_SHIP, score.state.lower(), suite, f"margin {margin}: {numbers(score)}{lost}")
    return Reason(
        Name.INCONCLUSIVE, "undecided", suite, f"margin {margin} is neither held nor broken: {numbers(score)}{lost}"
    )


def _facet(suite: str, score: SuiteScore) -> Reason:
    if score.improved:
        return Reason(Name.SHIP, "improved", suite, numbers(score))
    if score.worse:
        return Reason(Name.NO_SHIP, "worse", suite, f"the adapter is worse than its base: {numbers(score)}")
    needed = f" by more than {100 * score.min_gain:g} points" if score.min_gain else ""
    return Reason(Name.INCONCLUSIVE, "no-gain", suite, f"no gain{needed} is established: {numbers(score)}")
