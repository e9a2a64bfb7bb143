"""A certificate: what an audit found, bound to every byte that could change it.

The states follow from the counts. ``VALID`` needs no error on anything known, and enough of it: 59 bads from 29 tasks,
29 goods and 59 variants, so that with 95 % confidence at most 5 % of bads, 10 % of tasks, 10 % of goods and 5 % of
variants are judged wrongly; a language model needs 299 bads for its 1 %. Mutants that may miss what a verifier looks at
are scored and shown, and refuse nothing.
"""

from __future__ import annotations

import enum
import hashlib
import json
import platform
import re
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from harness.discovery import PACKAGE
from harness.stats.fixtures import fixtures_needed
from harness.stats.intervals import lower_bound, upper_bound
from harness.subject import file_digest
from harness.verifier import Kind, Verifier
from harness.workspace import cache_folder

FALSE_PASS = {"program": 0.05, "executed": 0.05, "llm": 0.01}  # most that may be left open, at 95 % confidence
FALSE_PASS_TASKS, FALSE_FAIL, FLIP = 0.10, 0.10, 0.05
DAYS = {"program": 180, "executed": 180, "llm": 30}  # a certificate's life; a hosted model changes unseen
MIN_GOOD, MIN_BAD, MIN_TASKS, MIN_VARIANTS = (  # without an error: 29, 59, 29, 59
    fixtures_needed(rate) for rate in (FALSE_FAIL, FALSE_PASS["program"], FALSE_PASS_TASKS, FLIP)
)
MADE = "degenerate:"  # begins the name of an answer that the harness made


class State(enum.StrEnum):
    """``VALID`` may judge, ``REFUSED`` was wrong, ``PROVISIONAL`` has too few fixtures for SHIP, ``EXPIRED`` is old or stale.

    ``exit_code`` is what ``harness audit`` returns when it is the worst state.
    """

    VALID = "VALID"
    REFUSED = "REFUSED"
    PROVISIONAL = "PROVISIONAL"
    EXPIRED = "EXPIRED"

    @property
    def exit_code(self) -> int:
        """0, 1, 2, 3 in the order of the states."""
        return list(State).index(self)


@dataclass(frozen=True)
class Survivor:
    """One mutant that passed: its operator, the good it was made from, and the difference."""

    operator: str
    of: str
    diff: str


@dataclass(frozen=True)
class Certificate:
    """Counts of one audit; what was wrong is named.

    ``bad`` counts the author's known-bads and shortcuts; ``degenerate`` what the harness made and must fail, which
    ``false_passes`` names with a prefix; ``tasks`` the distinct cases among bads and deadly mutants.
    ``faults`` are breaches of the contract (hangs, chance, order, clock, undeclared tools) as sentences.
    ``mutants`` counts ``killed``, ``survived`` and, quarantined, ``equivalent``, ``other-criterion`` and ``waived``;
    ``operators`` the killed and the scored of each operator, ``parts`` the passed and all bads of each part.
    """

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
    waived: dict[str, str] = field(default_factory=dict)
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
        """A program may pass no known-bad; a language model may while its bound holds, as long as none is absurd."""
        known = [name for name in self.false_passes if not name.startswith(MADE)]
        bound = self.false_pass_bound
        excused = self.kind == Kind.LLM and known == self.false_passes and bound is not None
        return bool(self.false_passes) and not (excused and bound is not None and bound <= FALSE_PASS[self.kind])

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
            (fixtures_needed(rate, wrong) - self.bad, "bad", f"<= {rate:.0%} false passes"),
            (MIN_TASKS - self.tasks, "task with bads", "<= 10% of tasks passed falsely"),
            (MIN_GOOD - self.good, "good", "<= 10% false fails"),
            (
                MIN_VARIANTS - self.variants,
                "variant of goods",
                "<= 5% flips when a good is written another way",
            ),
        )
        return [f"{n} more {_plural(what, n)} {proof}" for n, what, proof in rows if n > 0]

    @property
    def digest(self) -> str:
        """``sha256:...`` of what was found and bound, as canonical JSON; the day and the seconds are left out."""
        return canonical_digest({k: v for k, v in asdict(self).items() if k not in ("created", "seconds")})

    @property
    def false_pass_bound(self) -> float | None:
        """Upper 95 % one-sided Clopper-Pearson bound of the false-pass rate on the author's bads; ``None`` without any."""
        wrong = sum(not name.startswith(MADE) for name in self.false_passes)
        return upper_bound(wrong, self.bad) if self.bad else None

    @property
    def task_bound(self) -> float | None:
        """The same bound for tasks, each of which counts as passed wrongly if any of its bad answers passes."""
        return upper_bound(self.tasks_failed, self.tasks) if self.tasks else None

    @property
    def false_fail_bound(self) -> float | None:
        """Upper 95 % one-sided Clopper-Pearson bound of the false-fail rate; ``None`` without goods."""
        return upper_bound(len(self.false_fails), self.good) if self.good else None

    @property
    def flip_bound(self) -> float | None:
        """Upper 95 % one-sided bound of the share of variants on which the verdict flips; ``None`` without variants."""
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
        text = f"{self.verifier}: {self.state} ({self.good} good, {self.bad} bad, {self.degenerate} degenerate)"
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
        """The certificate that :meth:`to_json` wrote; raises ``ValueError`` when anything in it was edited."""
        try:
            kept = {name: data[name] for name in cls.__dataclass_fields__}
            found = cls(**{**kept, "survivors": [Survivor(**one) for one in kept["survivors"]]})
            same = found.digest == data["digest"]
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a certificate: {error}") from None
        if not same:
            raise ValueError(f"certificate of {found.verifier}: its digest is {found.digest}, it says {data['digest']}")
        return found


def binding(verifier: Verifier, fixtures_digest: str, sandbox: str | None) -> dict[str, Any]:
    """Everything a certificate depends on: any byte changed gives another binding, and the audit is run again."""
    return {
        "source": {name: file_digest(path) for name, path in sources(verifier).items()},
        "settings": canonical_digest(dict(verifier.settings)),
        "harness": _harness_digest(),
        "fixtures": fixtures_digest,
        "tools": verifier.tools(),
        "sandbox": sandbox if verifier.sandbox else None,
        "python": platform.python_version(),
        "platform": f"{platform.system()}-{platform.machine()}",
    }


def sources(verifier: Verifier) -> dict[str, Path]:
    """The files that decide what a verifier says, by name.

    In a workspace: its own file, every file of its folder that is not another verifier module, and those modules that it
    imports. From an installed package: every file of that package.
    """
    own = verifier.path
    module = getattr(verifier.function, "__module__", "")
    if module.partition(".")[0] != PACKAGE:
        top = sys.modules.get(module.partition(".")[0])
        roots = [Path(root) for root in getattr(top, "__path__", [])]
        files = [path for root in roots for path in root.rglob("*")] or [own]
        return {path.as_posix(): path for path in sorted(files) if path.is_file() and "__pycache__" not in path.parts}
    imported = set(re.findall(rf"\b{PACKAGE}(?:\.|\s+import\s+)(\w+)|from\s+\.(\w+)", own.read_text(encoding="utf-8")))
    named = {name for pair in imported for name in pair}
    found = {}
    for path in sorted(own.parent.rglob("*")):
        other = path.parent == own.parent and path.suffix == ".py" and not path.name.startswith("_") and path != own
        if path.is_file() and "__pycache__" not in path.parts and (not other or path.stem in named):
            found[path.relative_to(own.parent).as_posix()] = path
    return found


def stored(verifier: str, bound: dict[str, Any]) -> Certificate | None:
    """The certificate kept for exactly this binding, or ``None``; an unreadable or expired one counts as none."""
    try:
        data = json.loads(_path(verifier, bound).read_text(encoding="utf-8"))
        found = Certificate.from_json(data["certificate"])
        sealed = canonical_digest(data["certificate"]) == data["seal"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if sealed and found.binding == bound and found.state is not State.EXPIRED else None


def store(certificate: Certificate) -> None:
    """Keep a certificate for later gates on this machine; a refused one is not kept."""
    if certificate.state is not State.REFUSED:
        path = _path(certificate.verifier, certificate.binding)
        path.parent.mkdir(parents=True, exist_ok=True)
        data = certificate.to_json()
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps({"certificate": data, "seal": canonical_digest(data)}, indent=1), encoding="utf-8")
        draft.replace(path)


def canonical_digest(data: Any) -> str:
    """``sha256:...`` of ``data`` as JSON with sorted keys and no spaces."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _path(verifier: str, bound: dict[str, Any]) -> Path:
    key = canonical_digest(bound).removeprefix("sha256:")[:24]
    return cache_folder() / "certificates" / f"{re.sub(r'[^a-z0-9._-]', '_', verifier.lower())}-{key}.json"


@cache
def _harness_digest() -> str:
    root = Path(__file__).parent.parent
    sources = {p.relative_to(root).as_posix(): file_digest(p) for p in sorted(root.rglob("*.py"))}
    return canonical_digest(sources)


def _plural(what: str, n: int) -> str:
    head, _, tail = what.partition(" ")
    return f"{what} proves" if n == 1 else f"{head}s {tail}".rstrip() + " prove"


def _first(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
