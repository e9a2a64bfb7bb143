"""A certificate: what an audit found, bound to every byte that could change it."""

from __future__ import annotations

import enum
import hashlib
import json
import platform
import re
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from harness.stats.intervals import upper_bound
from harness.subject import file_digest
from harness.verifier import Verifier
from harness.workspace import cache_folder

MIN_GOOD, MIN_BAD = 5, 10


class State(enum.StrEnum):
    """``VALID`` may judge; ``PROVISIONAL`` has too few fixtures to support SHIP; ``REFUSED`` was wrong at least once."""

    VALID = "VALID"
    PROVISIONAL = "PROVISIONAL"
    REFUSED = "REFUSED"


@dataclass(frozen=True)
class Certificate:
    """Counts of one audit. ``false_passes`` and ``false_fails`` name the fixtures the verifier was wrong about."""

    verifier: str
    version: int
    good: int
    bad: int
    degenerate: int
    false_passes: list[str]
    false_fails: list[str]
    binding: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    @property
    def state(self) -> State:
        """What the counts allow."""
        if self.false_passes or self.false_fails:
            return State.REFUSED
        return State.VALID if self.good >= MIN_GOOD and self.bad >= MIN_BAD else State.PROVISIONAL

    @property
    def digest(self) -> str:
        """``sha256:...`` of the whole certificate as canonical JSON."""
        return canonical_digest(asdict(self))

    @property
    def false_pass_bound(self) -> float | None:
        """Upper 95 % one-sided Clopper-Pearson bound of the false-pass rate on the author's bads; ``None`` without any."""
        wrong = sum(not name.startswith("degenerate:") for name in self.false_passes)
        return upper_bound(wrong, self.bad) if self.bad else None

    @property
    def false_fail_bound(self) -> float | None:
        """Upper 95 % one-sided Clopper-Pearson bound of the false-fail rate; ``None`` without goods."""
        return upper_bound(len(self.false_fails), self.good) if self.good else None

    def sentence(self) -> str:
        """One line for a reader: the state, and what it was wrong about."""
        text = f"{self.verifier}: {self.state} ({self.good} good, {self.bad} bad, {self.degenerate} degenerate)"
        if self.false_passes:
            text += f"; passes known-bad {_first(self.false_passes)}"
        if self.false_fails:
            text += f"; does not pass known-good {_first(self.false_fails)}"
        if self.state is State.PROVISIONAL:
            text += f"; needs {MIN_GOOD} good and {MIN_BAD} bad fixtures to judge"
        return "; ".join([text, *self.notes])

    def to_json(self) -> dict[str, Any]:
        """The certificate with its state, bounds and digest, for the run folder."""
        bounds = {"false_pass_upper95": self.false_pass_bound, "false_fail_upper95": self.false_fail_bound}
        return {**asdict(self), "state": self.state, **bounds, "digest": self.digest}


def binding(verifier: Verifier, fixtures_digest: str, sandbox: str | None) -> dict[str, Any]:
    """Everything a certificate depends on: any byte changed gives another binding, and the audit is run again."""
    helpers = sorted(verifier.path.parent.glob("_*.py"))
    return {
        "source": {path.name: file_digest(path) for path in (verifier.path, *helpers)},
        "harness": _harness_digest(),
        "fixtures": fixtures_digest,
        "tools": verifier.tools(),
        "sandbox": sandbox if verifier.sandbox else None,
        "python": platform.python_version(),
        "platform": f"{platform.system()}-{platform.machine()}",
    }


def stored(verifier: str, bound: dict[str, Any]) -> Certificate | None:
    """The certificate kept for exactly this binding, or ``None``; an unreadable one counts as none."""
    try:
        data = json.loads(_path(verifier, bound).read_text(encoding="utf-8"))
        found = Certificate(**data["certificate"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if found.digest == data["digest"] and found.binding == bound else None


def store(certificate: Certificate) -> None:
    """Keep a certificate for later gates on this machine; a refused one is not kept."""
    if certificate.state is not State.REFUSED:
        path = _path(certificate.verifier, certificate.binding)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"certificate": asdict(certificate), "digest": certificate.digest}, indent=1)
        draft = path.with_suffix(".draft")
        draft.write_text(text, encoding="utf-8")
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


def _first(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
