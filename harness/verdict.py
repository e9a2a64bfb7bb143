"""The four verdicts, every reason code with its meaning, and which reason decides."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


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


#: every code a suite or a run may be given, with what it means; those of a subject are its faults'
CODES: dict[str, tuple[Name, str]] = {
    "held": (
        Name.SHIP,
        '"not worse than base by more than δ (95 % one-sided)"; the sentence carries the margin',
    ),
    "improved": (Name.SHIP, "a primary facet gained over base, and over its canon as a prompt"),
    "secondary": (Name.SHIP, "no gain claimed and no loss found"),
    "not-degenerate": (Name.SHIP, "no more loops and endless answers than base"),
    "claim-holds": (Name.SHIP, "a published number is what was measured"),
    "broken": (Name.NO_SHIP, "the interval of adapter minus base lies below −δ"),
    "regressed": (Name.NO_SHIP, "the interval of adapter minus base lies below 0"),
    "stopped": (
        Name.NO_SHIP,
        "lost beyond doubt before the end: by an e-process, or as nothing left can save it",
    ),
    "worse": (Name.NO_SHIP, "a primary facet is worse than base"),
    "secondary-worse": (Name.NO_SHIP, "a secondary facet is worse than base"),
    "worse-than-prompt": (Name.NO_SHIP, "base with the facet's canon as system prompt is better"),
    "degenerate": (Name.NO_SHIP, "answers loop or never stop more often than base's"),
    "claim-false": (Name.NO_SHIP, "a published number is not what was measured"),
    "undecided": (Name.INCONCLUSIVE, "a margin is neither held nor broken"),
    "degeneration-undecided": (Name.INCONCLUSIVE, "the same of loops and endless answers"),
    "no-gain": (Name.INCONCLUSIVE, "no gain over base is established"),
    "no-gain-over-prompt": (Name.INCONCLUSIVE, "a gain over base, but none over a prompt"),
    "too-few": (Name.INCONCLUSIVE, "under 20 prompts no rate is printed"),
    "provisional": (
        Name.INCONCLUSIVE,
        "a facet's verifier is PROVISIONAL: the rates are shown and decide nothing",
    ),
    "facet-not-measured": (Name.INCONCLUSIVE, "a claimed facet has no suite"),
    "no-claim": (Name.INCONCLUSIVE, "no primary facet, so nothing was to gain"),
    "claim-not-measured": (Name.INCONCLUSIVE, "a published number was not measured"),
    "spent": (Name.INCONCLUSIVE, "the held-out prompts were asked too often"),
    "certificate": (
        Name.VOID,
        "a guard's verifier is not VALID, or a facet's neither that nor PROVISIONAL",
    ),
    "verifiers-weak": (Name.VOID, "J of the suite's verifiers may be too low"),
    "registration": (Name.VOID, "the run differs from what was registered"),
    "not-registered": (Name.VOID, "the policy asks for a registration and there is none"),
    "subject": (Name.VOID, "receipts of another subject than was registered"),
    "prompt": (Name.VOID, "receipts of another prompt than was registered"),
    "control-tokens": (
        Name.VOID,
        "answers hold tokens of the template that end none; `eos_token_id` of the base lacks them",
    ),
    "sampler": (Name.VOID, "arms that were sampled differently"),
    "base-against-base": (Name.VOID, "base measured twice differs from itself"),
    "sentinel": (Name.VOID, "a verifier was wrong about an answer known beforehand"),
    "unverified": (Name.VOID, "too many answers could not be judged"),
    "not-measured": (Name.VOID, "an owed suite was not measured, or a sentinel not judged"),
    "incomplete": (Name.VOID, "a suite was measured in part"),
}


@dataclass(frozen=True)
class Reason:
    """One named reason: the verdict it calls for, a code, what it is about, and a sentence.

    ``cases`` are the receipts it rests on where those are few: the ids within the suite that it is
    about."""

    verdict: Name
    code: str
    about: str
    text: str
    cases: list[str] = field(default_factory=list)


def reason(code: str, about: str, text: str, cases: Sequence[str] = ()) -> Reason:
    """The reason of one of :data:`CODES`, with the verdict that it calls for."""
    return Reason(CODES[code][0], code, about, text, list(cases))


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
        reasons = [asdict(reason) for reason in self.reasons]
        return {"verdict": self.name, "exit_code": self.name.exit_code, "reasons": reasons}


def decide(reasons: Sequence[Reason]) -> Verdict:
    """The verdict that the gravest reason calls for; INCONCLUSIVE where nothing was found."""
    ranked = sorted(reasons, key=_rank)
    return Verdict(ranked[0].verdict if ranked else Name.INCONCLUSIVE, ranked)


def table() -> str:
    """Every code with its verdict and meaning as a Markdown table, as ``docs/method.md`` has it."""
    rows = [f"| `{code}` | {verdict} | {text} |" for code, (verdict, text) in CODES.items()]
    return "\n".join(["| code | verdict | meaning |", "|---|---|---|", *rows])


def _rank(reason: Reason) -> int:
    """Invalid evidence outranks a regression, which outranks what was left unmeasured: stopping
    early may not hide it."""
    if reason.code in ("not-measured", "incomplete"):
        return 2
    ranks = {Name.VOID: 0, Name.NO_SHIP: 1, Name.INCONCLUSIVE: 3, Name.SHIP: 4}
    return ranks[reason.verdict]
