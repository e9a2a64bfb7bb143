"""A certificate: what an audit found, bound to every byte that could change it.

The states follow from the counts. ``VALID`` needs no error on anything known, goods in languages
that the harness knows, and enough of all, counted as what they are worth independently
(:mod:`harness.audit.answers.alike`): bads worth 29, so that with 95 % confidence at most 10 % of
such bads pass (59 for the 5 % of the strict profile), 29 tasks with bads and goods worth 29, for 10
% of each. A language model needs 299 bads beside that, and every verifier 59 variants of its goods.
Near misses and mutants that may miss what a verifier looks at are scored, and refuse nothing: where
they pass, the author is asked, and until every question is answered the certificate is PROVISIONAL.
"""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from harness.audit.questions import LLM_FALSE_PASS, Question, Survivor, lacking
from harness.content.fixtures import MADE
from harness.content.policy import Proof
from harness.digests import canonical_digest
from harness.stats.intervals import lower_bound, upper_bound

DAYS = {
    "program": 180,
    "executed": 180,
    "llm": 30,
}  # a certificate's life; a hosted model changes unseen
EXAMPLE = ", for example "  # what follows in a fault is taken from an answer


class State(enum.StrEnum):
    """``VALID`` may judge, ``REFUSED`` was wrong, ``PROVISIONAL`` has too few fixtures for SHIP or
    fixtures in a language that is not known, ``EXPIRED`` is old or stale.

    ``exit_code`` is what ``harness audit`` returns when it is the worst state."""

    VALID = "VALID"
    REFUSED = "REFUSED"
    PROVISIONAL = "PROVISIONAL"
    EXPIRED = "EXPIRED"

    @property
    def exit_code(self) -> int:
        """0, 1, 2, 3 in the order of the states."""
        return list(State).index(self)


@dataclass(frozen=True)
class Certificate:
    """Counts of one audit; what was wrong is named.

    ``bad`` counts the author's known-bads and shortcuts; ``degenerate`` what the harness made and
    must fail, which ``false_passes`` names with a prefix; ``tasks`` the distinct cases among bads
    and deadly mutants. ``effective_good``, ``effective_bad`` and ``effective_variants`` are how
    many independent answers they are worth, and what every bound is over: ``effective_known`` are
    the author's bads alone, and with them count those that the harness made, but for operators that
    the author waived or of which any passes; ``kinds`` are the kinds of fault of all. ``proof`` is
    what the policy asks for. ``faults`` are breaches of the contract (hangs, chance, order, clock,
    undeclared tools) as sentences; ``surroundings`` those in which known answers were judged again,
    each with how many of how many it changed alone. ``mutants`` counts ``killed``, ``survived``
    and, quarantined, ``equivalent``, ``other-criterion`` and ``waived``; ``operators`` the killed
    and the scored of each operator, ``questions`` what the author has to say of some, ``parts`` the
    passed and all bads of each part. ``unknown`` holds the tags of fences of goods whose language
    is not known; the empty one stands for no tag."""

    verifier: str
    version: int
    good: int
    bad: int
    degenerate: int
    false_passes: list[str]
    false_fails: list[str]
    binding: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    kind: str = "program"
    level: str = ""
    tasks: int = 0
    tasks_failed: int = 0
    variants: int = 0
    flips: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    surroundings: dict[str, list[int]] = field(default_factory=dict)
    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)
    parts: dict[str, list[int]] = field(default_factory=dict)
    mutants: dict[str, int] = field(default_factory=dict)
    operators: dict[str, list[int]] = field(default_factory=dict)
    survivors: list[Survivor] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    waived: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    runs: int = 1
    created: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d"))
    seconds: float = 0.0
    calls: int = 0
    effective_good: int = 0
    effective_known: int = 0
    effective_bad: int = 0
    effective_variants: int = 0
    kinds: int = 0
    proof: Proof = field(default_factory=Proof)

    @property
    def state(self) -> State:
        """What the counts allow, today."""
        return State.EXPIRED if self.expires < datetime.now(UTC).date() else self.earned

    @property
    def earned(self) -> State:
        """What the counts allow, whatever the date."""
        if self.faults or self.flips or self.false_fails or self._refusing_passes:
            return State.REFUSED
        return State.PROVISIONAL if self.missing else State.VALID

    @property
    def _refusing_passes(self) -> bool:
        """A program may pass no known-bad; a language model may while its bound holds, as long as
        none is absurd."""
        wrong = self.known_passes
        excused = self.kind == "llm" and wrong == len(self.false_passes) < self.bad
        return bool(wrong or self.false_passes) and not (
            excused and upper_bound(wrong, self.bad) <= LLM_FALSE_PASS
        )

    @property
    def known_passes(self) -> int:
        """How many of the author's bads passed."""
        return sum(not name.startswith(MADE) for name in self.false_passes)

    @property
    def expires(self) -> date:
        """The last day on which it holds."""
        return date.fromisoformat(self.created) + timedelta(days=DAYS[self.kind])

    @property
    def missing(self) -> list[str]:
        """What to write next, as sentences; empty when every bound is reached."""
        return lacking(self)

    @property
    def digest(self) -> str:
        """``sha256:...`` of what was found and bound, as canonical JSON; the day and the seconds
        are left out."""
        return canonical_digest(
            {k: v for k, v in asdict(self).items() if k not in ("created", "seconds")}
        )

    @property
    def false_pass_bound(self) -> float | None:
        """Upper 95 % one-sided Clopper-Pearson bound of the false-pass rate on bads;
        ``None`` without any."""
        return _bound(self.known_passes, self.effective_bad)

    @property
    def task_bound(self) -> float | None:
        """The same bound for tasks, each of which counts as passed wrongly if any of its bad
        answers passes."""
        return upper_bound(self.tasks_failed, self.tasks) if self.tasks else None

    @property
    def false_fail_bound(self) -> float | None:
        """Upper 95 % one-sided Clopper-Pearson bound of the false-fail rate; ``None`` without
        goods."""
        return _bound(len(self.false_fails), self.effective_good)

    @property
    def flip_bound(self) -> float | None:
        """Upper 95 % one-sided bound of the share of variants on which the verdict flips; ``None``
        without variants."""
        return _bound(len(self.flips), self.effective_variants)

    @property
    def mutation_score(self) -> float | None:
        """Killed mutants of those that are not quarantined; ``None`` without any."""
        scored = self.mutants.get("killed", 0) + self.mutants.get("survived", 0)
        return self.mutants.get("killed", 0) / scored if scored else None

    @property
    def mutation_bound(self) -> float | None:
        """Lower 95 % one-sided Clopper-Pearson bound of the mutation score."""
        scored = self.mutants.get("killed", 0) + self.mutants.get("survived", 0)
        return lower_bound(self.mutants.get("killed", 0), scored) if scored else None

    def sentence(self) -> str:
        """One line for a reader: the state, what it was wrong about, and what is missing."""
        text = (
            f"{self.verifier}: {self.state} ({self.good} good worth {self.effective_good},"
            f" {self.bad} bad worth {self.effective_known}, with those made"
            f" {self.effective_bad}, {self.degenerate} degenerate)"
        )
        if self.state is State.EXPIRED:
            text += f"; its last day was {self.expires}"
        if self.false_passes:
            text += f"; passes known-bad {_first(self.false_passes)}"
        if self.false_fails:
            text += f"; does not pass known-good {_first(self.false_fails)}"
        if self.flips:
            text += f"; flips on {_first(self.flips)}"
        return "; ".join([text, *self.faults, *self.missing, *self.notes])

    def to_json(self) -> dict[str, Any]:
        """The certificate with its state, bounds and digest, for the run folder."""
        return {
            **asdict(self),
            "state": self.state,
            "expires": self.expires.isoformat(),
            "false_pass_upper95": self.false_pass_bound,
            "task_upper95": self.task_bound,
            "false_fail_upper95": self.false_fail_bound,
            "flip_upper95": self.flip_bound,
            "mutation_score": self.mutation_score,
            "mutation_lower95": self.mutation_bound,
            "missing": self.missing,
            "digest": self.digest,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Certificate:
        """The certificate that :meth:`to_json` wrote; raises ``ValueError`` when anything in it was
        edited."""
        try:
            kept = {name: data[name] for name in cls.__dataclass_fields__}
            kept["survivors"] = [Survivor(**one) for one in kept["survivors"]]
            kept["questions"] = [Question(**one) for one in kept["questions"]]
            kept["proof"] = Proof(**kept["proof"])
            found = cls(**kept)
            same = found.digest == data["digest"]
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a certificate: {error}") from None
        if not same:
            raise ValueError(
                f"certificate of {found.verifier}: its digest is {found.digest}, it says"
                f" {data['digest']}"
            )
        return found


def _bound(wrong: int, n: int) -> float | None:
    """The upper bound over what answers are worth, which may be fewer than were wrong."""
    return upper_bound(min(wrong, n), n) if n else None


def _first(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def redacted(certificate: Certificate) -> Certificate:
    """A certificate on hidden fixtures without what would show them: their names, why they failed,
    the survivors."""
    hidden = "hidden "

    def made(name: str) -> str:
        head, of, _ = name.partition(" of ")
        return f"{head} of a {hidden}good" if of else name

    return replace(
        certificate,
        false_passes=[
            made(n) if n.startswith(MADE) else f"{hidden}bad" for n in certificate.false_passes
        ],
        false_fails=[f"{hidden}good" for _ in certificate.false_fails],
        flips=[made(name) for name in certificate.flips],
        faults=[
            f"does not end on a {hidden}answer"
            if text.startswith("does not end on")
            else text.partition(EXAMPLE)[0]
            for text in certificate.faults
        ],
        notes=["certified with fixtures that are not shown"],
        survivors=[],
        questions=[replace(one, of=f"{hidden}good", diff="") for one in certificate.questions],
    )
