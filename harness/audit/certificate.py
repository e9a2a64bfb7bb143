"""A certificate: what an audit found, bound to every byte that could change it.

The states follow from the counts. ``VALID`` needs no error on anything known, goods in languages
that the harness knows, and enough of all: 59 bads from 29 tasks, 29 goods and 59 variants, so that
with 95 % confidence at most 5 % of bads, 10 % of tasks, 10 % of goods and 5 % of variants are
judged wrongly; a language model needs 299 bads for its 1 %. Near misses and mutants that may miss
what a verifier looks at are scored, and refuse nothing: where they pass, the author is asked, and
until every question is answered the certificate is PROVISIONAL."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from harness.audit.questions import Question, Survivor
from harness.content.fixtures import MADE
from harness.digests import canonical_digest
from harness.stats.intervals import items_needed, lower_bound, upper_bound

FALSE_PASS = {
    "program": 0.05,
    "executed": 0.05,
    "llm": 0.01,
}  # most that may be left open, at 95 % confidence
FALSE_PASS_TASKS, FALSE_FAIL, FLIP = 0.10, 0.10, 0.05
DAYS = {
    "program": 180,
    "executed": 180,
    "llm": 30,
}  # a certificate's life; a hosted model changes unseen
MIN_GOOD, MIN_BAD, MIN_TASKS, MIN_VARIANTS = (  # without an error: 29, 59, 29, 59
    items_needed(rate) for rate in (FALSE_FAIL, FALSE_PASS["program"], FALSE_PASS_TASKS, FLIP)
)


EXAMPLE = ", for example "  # what follows in a fault is taken from an answer
UNKNOWN = "name a language of harness/languages.toml in the fence, or add this one there"


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
    and deadly mutants. ``faults`` are breaches of the contract (hangs, chance, order, clock,
    undeclared tools) as sentences. ``mutants`` counts ``killed``, ``survived`` and, quarantined,
    ``equivalent``, ``other-criterion`` and ``waived``; ``operators`` the killed and the scored of
    each operator, ``questions`` what the author has to say of some, ``parts`` the passed and all
    bads of each part. ``unknown`` holds the tags of fences of goods whose language is not known;
    the empty one stands for no tag."""

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
    tasks: int = 0
    tasks_failed: int = 0
    variants: int = 0
    flips: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
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
        known = [name for name in self.false_passes if not name.startswith(MADE)]
        bound = self.false_pass_bound
        excused = self.kind == "llm" and known == self.false_passes and bound is not None
        return bool(self.false_passes) and not (
            excused and bound is not None and bound <= FALSE_PASS[self.kind]
        )

    @property
    def expires(self) -> date:
        """The last day on which it holds."""
        return date.fromisoformat(self.created) + timedelta(days=DAYS[self.kind])

    @property
    def missing(self) -> list[str]:
        """What to write next, as sentences; empty when every bound is reached."""
        rate = FALSE_PASS[self.kind]
        wrong = sum(not name.startswith(MADE) for name in self.false_passes)
        rows = (
            (items_needed(rate, wrong) - self.bad, "bad", f"<= {rate:.0%} false passes"),
            (MIN_TASKS - self.tasks, "task with bads", "<= 10% of tasks passed falsely"),
            (MIN_GOOD - self.good, "good", "<= 10% false fails"),
            (
                MIN_VARIANTS - self.variants,
                "variant of goods",
                "<= 5% flips when a good is written another way",
            ),
        )
        few = [f"{n} more {_plural(what, n)} {proof}" for n, what, proof in rows if n > 0]
        dark = [
            "no code could be commented out, no comment added, no layout or local name changed in"
            f" goods {f'tagged {tag!r}' if tag else 'without a tag'}: {UNKNOWN}"
            for tag in self.unknown
        ]
        return [*few, *dark, *map(str, self.questions)]

    @property
    def digest(self) -> str:
        """``sha256:...`` of what was found and bound, as canonical JSON; the day and the seconds
        are left out."""
        return canonical_digest(
            {k: v for k, v in asdict(self).items() if k not in ("created", "seconds")}
        )

    @property
    def false_pass_bound(self) -> float | None:
        """Upper 95 % one-sided Clopper-Pearson bound of the false-pass rate on the author's bads;
        ``None`` without any."""
        wrong = sum(not name.startswith(MADE) for name in self.false_passes)
        return upper_bound(wrong, self.bad) if self.bad else None

    @property
    def task_bound(self) -> float | None:
        """The same bound for tasks, each of which counts as passed wrongly if any of its bad
        answers passes."""
        return upper_bound(self.tasks_failed, self.tasks) if self.tasks else None

    @property
    def false_fail_bound(self) -> float | None:
        """Upper 95 % one-sided Clopper-Pearson bound of the false-fail rate; ``None`` without
        goods."""
        return upper_bound(len(self.false_fails), self.good) if self.good else None

    @property
    def flip_bound(self) -> float | None:
        """Upper 95 % one-sided bound of the share of variants on which the verdict flips; ``None``
        without variants."""
        return upper_bound(len(self.flips), self.variants) if self.variants else None

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
            f"{self.verifier}: {self.state} ({self.good} good, {self.bad} bad, {self.degenerate}"
            " degenerate)"
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


def _plural(what: str, n: int) -> str:
    head, _, tail = what.partition(" ")
    return f"{what} proves" if n == 1 else f"{head}s {tail}".rstrip() + " prove"


def _first(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def redacted(certificate: Certificate) -> Certificate:
    """A certificate on hidden fixtures without what would show them: their names, why they failed,
    the survivors."""
    hidden = "hidden "
    return replace(
        certificate,
        false_passes=[
            n if n.startswith(MADE) else f"{hidden}bad" for n in certificate.false_passes
        ],
        false_fails=[f"{hidden}good" for _ in certificate.false_fails],
        flips=[f"{name.partition(' of ')[0]} of a {hidden}good" for name in certificate.flips],
        faults=[fault.partition(EXAMPLE)[0] for fault in certificate.faults],
        notes=[],
        survivors=[],
        questions=[replace(one, of=f"{hidden}good", diff="") for one in certificate.questions],
    )
