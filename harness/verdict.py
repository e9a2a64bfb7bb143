"""The four verdicts, the reasons that call for them, and which reason decides."""

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


@dataclass(frozen=True)
class Reason:
    """One named reason: the verdict it calls for, a short code, what it is about, and a sentence
    with its numbers.

    ``cases`` are the receipts it rests on where those are few: the ids within the suite that it is
    about.
    """

    verdict: Name
    code: str
    about: str
    text: str
    cases: list[str] = field(default_factory=list)


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
        return {
            "verdict": self.name,
            "exit_code": self.name.exit_code,
            "reasons": [asdict(r) for r in self.reasons],
        }


def decide(reasons: Sequence[Reason]) -> Verdict:
    """The verdict that the gravest reason calls for; INCONCLUSIVE where nothing was found."""
    ranked = sorted(reasons, key=_rank)
    return Verdict(ranked[0].verdict if ranked else Name.INCONCLUSIVE, ranked)


def _rank(reason: Reason) -> int:
    """Invalid evidence outranks a regression, which outranks what was left unmeasured: stopping
    early may not hide it.
    """
    if reason.code in ("not-measured", "incomplete"):
        return 2
    return {Name.VOID: 0, Name.NO_SHIP: 1, Name.INCONCLUSIVE: 3, Name.SHIP: 4}[reason.verdict]
