"""The four verdicts, every reason code with its meaning, and which reason decides."""

from __future__ import annotations

import enum
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple


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


class Code(NamedTuple):
    """What a reason's code says: the verdict it calls for, its meaning, and what to do next."""

    verdict: Name
    meaning: str
    next: str


def _codes() -> dict[str, Code]:
    rows = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    return {
        code: Code(Name(row["verdict"]), row["meaning"], row["next"]) for code, row in rows.items()
    }


#: every code a suite or a run may be given; those of a subject are its faults'
CODES = _codes()


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
    return Reason(CODES[code].verdict, code, about, text, list(cases))


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
    """Every code as a row of a Markdown table, as ``docs/method.md`` has it."""
    rows = [f"| `{code}` | {' | '.join(told)} |" for code, told in CODES.items()]
    return "\n".join(["| code | verdict | meaning | next step |", "|---|---|---|---|", *rows])


def _rank(reason: Reason) -> int:
    """Invalid evidence outranks a regression, which outranks what was left unmeasured: stopping
    early may not hide it, nor be hidden by what it left."""
    early = {"beyond-holding": 2, "not-measured": 3, "incomplete": 3}
    ranks = {Name.VOID: 0, Name.NO_SHIP: 1, Name.INCONCLUSIVE: 4, Name.SHIP: 5}
    return early.get(reason.code, ranks[reason.verdict])
