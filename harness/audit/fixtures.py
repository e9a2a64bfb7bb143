"""Known-good and known-bad answers of one verifier: the YAML files of ``audits/<verifier>/``."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from harness import strict
from harness.errors import WorkspaceError
from harness.verifier import Case


class CaseFile(strict.Model):
    """The case that an answer answers."""

    prompt: str
    expect: dict[str, Any] = {}


class Good(strict.Model):
    """An answer that must pass."""

    name: str
    answer: str
    case: CaseFile | None = None


class Bad(Good):
    """An answer that must not pass, and why it is wrong."""

    why: str = Field(min_length=1)


class FixtureFile(strict.Model):
    """The schema of one file of fixtures; ``case`` is the case of every fixture that names none."""

    verifier: str
    case: CaseFile | None = None
    good: list[Good] = []
    bad: list[Bad] = []


@dataclass(frozen=True)
class Fixture:
    """One labelled answer; ``why`` says why a bad one is bad."""

    name: str
    good: bool
    case: Case
    answer: str
    why: str = ""


def load(folder: Path, verifier: str) -> list[Fixture]:
    """Every fixture of ``verifier`` below ``folder``; none when there is no file. Raises :class:`WorkspaceError`."""
    found: dict[str, Fixture] = {}
    for path in sorted((folder / verifier).glob("*.yaml")):
        file = strict.load(path, FixtureFile)
        if file.verifier != verifier:
            raise WorkspaceError(
                f"{path}: key 'verifier': found {file.verifier!r}; expected {verifier!r}, as the folder says"
            )
        for item in (*file.good, *file.bad):
            stated = item.case or file.case
            if stated is None:
                raise WorkspaceError(f"{path}: fixture {item.name!r} has no case, and the file gives none for all")
            if item.name in found:
                raise WorkspaceError(f"{path}: fixture {item.name!r} is given twice")
            why = item.why if isinstance(item, Bad) else ""
            case = Case(item.name, stated.prompt, stated.expect)
            found[item.name] = Fixture(item.name, not isinstance(item, Bad), case, item.answer, why)
    return list(found.values())


def digest(fixtures: list[Fixture]) -> str:
    """``sha256:...`` over every fixture's label, case and answer."""
    rows = [[f.name, f.good, f.case.prompt, dict(f.case.expect), f.answer] for f in fixtures]
    return "sha256:" + hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
