"""Known-good and known-bad answers of one verifier: the files of ``audits/<verifier>/``.

A YAML file holds many fixtures; a Markdown file in ``good/``, ``bad/``, ``shortcut/`` or
``equivalent/`` is one, with its ``why`` and ``case`` in front matter. ``spoil`` makes a known-bad
of every good that holds a text, so that one line of an author's knowledge ("without the colon it
does not parse") becomes a fixture for each task."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from harness import files
from harness.content import strict
from harness.content.case import Case
from harness.content.fixture_files import CaseFile, FixtureFile, Front, Good, Tasks, parsed
from harness.digests import canonical_digest, text_digest
from harness.errors import WorkspaceError

MADE = "degenerate:"  # begins the name of an answer that the harness made
Label = Literal["good", "equivalent", "bad", "shortcut"]
GOOD: tuple[Label, ...] = ("good", "equivalent")
BAD: tuple[Label, ...] = ("bad", "shortcut")


@dataclass(frozen=True)
class Fixture:
    """One labelled answer; ``why`` says why a bad one is bad, ``spoil`` names the edit that made
    it."""

    name: str
    label: Label
    case: Case
    answer: str
    why: str = ""
    violates: str = ""
    spoil: str = ""

    @property
    def kind(self) -> str:
        """The kind of its fault: what an author gives one reason for is one kind."""
        return f"spoil {self.spoil}" if self.spoil else self.why

    @property
    def good(self) -> bool:
        """Whether it must pass."""
        return self.label in GOOD


@dataclass
class Known:
    """What an author knows about a verifier: its fixtures, which operators of the harness bear on
    it, and the digest of each file that says so, by its name from the verifier's folder."""

    fixtures: list[Fixture] = field(default_factory=list)
    deadly: set[str] = field(default_factory=set)
    waive: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def seed(self) -> str:
        """``sha256:...`` over every fixture's label, case and answer: what the harness makes of
        them stays the same when an author answers a question."""
        return canonical_digest([
            [f.name, f.label, f.case.prompt, dict(f.case.expect), f.answer, f.why, f.violates]
            for f in self.fixtures
        ])  # fmt: skip

    @property
    def digest(self) -> str:
        """``sha256:...`` over the fixtures and the operators."""
        return canonical_digest([self.seed, sorted(self.deadly), self.waive])


def load(folder: Path, verifier: str) -> list[Fixture]:
    """Every fixture of ``verifier`` below ``folder``; none when there is no file. Raises
    :class:`WorkspaceError`."""
    return read(folder, verifier).fixtures


def read(folder: Path, verifier: str) -> Known:
    """The fixtures of ``verifier`` below ``folder`` and the operators that they name. Raises
    :class:`WorkspaceError`."""
    known = Known()
    seen: dict[str, Path] = {}
    default: CaseFile | None = None
    here = folder / verifier
    for path in sorted(here.glob("*.yaml")):
        file: FixtureFile = parsed(path, _noted(known, here, path), FixtureFile)
        if file.verifier != verifier:
            raise WorkspaceError(
                f"{path}: key 'verifier': found {file.verifier!r}; expected {verifier!r}, as the"
                " folder says"
            )
        default = default or file.case
        known.deadly |= set(file.deadly)
        known.waive |= file.waive
        goods = list(file.good)
        for shared in (here / name for name in file.include):
            tasks: Tasks = parsed(shared, _noted(known, here, shared), Tasks)
            goods += tasks.good
        for fixture in _of_file(path, file, goods):
            _add(known, seen, fixture, path)
    for label in (*GOOD, *BAD):
        for path in sorted((here / label).glob("*.md")):
            text = _noted(known, here, path)
            _add(known, seen, _of_markdown(path, text, label, default), path)
    return known


def as_read(folder: Path, verifier: str, digests: Mapping[str, str]) -> bool:
    """Whether the files of ``verifier`` are those that were read when :attr:`Known.files` was
    ``digests``."""
    here = folder / verifier
    there = [*here.glob("*.yaml"), *(one for n in (*GOOD, *BAD) for one in (here / n).glob("*.md"))]
    if not digests.keys() >= {path.relative_to(here).as_posix() for path in there}:
        return False
    try:
        return all(text_digest(files.read_text(here / name)) == digests[name] for name in digests)
    except WorkspaceError:  # one is gone
        return False


def _noted(known: Known, here: Path, path: Path) -> str:
    """The text of a file, whose digest is noted."""
    text = files.read_text(path)
    known.files[os.path.relpath(path, here)] = text_digest(text)
    return text


def given(prompt: str, expect: str) -> Case:
    """A case whose ``expect`` is written as YAML, as in a file of fixtures."""
    where = Path("--expect")
    said = {"prompt": prompt, "expect": strict.parse_yaml(expect, where)[0]}
    found = strict.check(said, CaseFile, where)
    return _case("given", found, where)


def _of_file(path: Path, file: FixtureFile, goods: list[Good]) -> Iterator[Fixture]:
    labelled: tuple[tuple[Label, list[Any]], ...] = (
        ("good", goods), ("equivalent", file.equivalent), ("bad", file.bad), ("shortcut",
        file.shortcut)
    )  # fmt: skip
    for label, items in labelled:
        for item in items:
            case = _case(item.name, item.case or file.case, path)
            yield Fixture(
                item.name,
                label,
                case,
                item.answer,
                getattr(item, "why", ""),
                getattr(item, "violates", None) or "",
            )
    for spoil in file.spoil:
        spoilt = [
            good for good in goods if good.answer != good.answer.replace(spoil.replace, spoil.by)
        ]
        if not spoilt:
            raise WorkspaceError(
                f"{path}: spoil {spoil.name!r}: no good of this file holds {spoil.replace!r}, so it"
                " makes no fixture"
            )
        for good in spoilt:
            name = f"{spoil.name} of {good.name}"
            answer = good.answer.replace(spoil.replace, spoil.by)
            yield Fixture(
                name,
                "bad",
                _case(name, good.case or file.case, path),
                answer,
                spoil.why,
                spoil.violates or "",
                spoil.name,
            )


def _of_markdown(path: Path, text: str, label: Label, default: CaseFile | None) -> Fixture:
    front = Front()
    if text.startswith("---\n"):
        head, mark, body = text[4:].partition("\n---\n")
        if not mark:
            raise WorkspaceError(
                f"{path}: front matter begins with '---' and has no second '---' line"
            )
        data, lines = strict.parse_yaml(
            f"\n{head}", path
        )  # its first line is the second of the file
        front = strict.check(data or {}, Front, path, lines)
        text = body
    if label in BAD and not front.why:
        raise WorkspaceError(
            f"{path}: key 'why' is missing in its front matter; say why this answer is bad"
        )
    name = path.stem
    return Fixture(
        name,
        label,
        _case(name, front.case or default, path),
        text,
        front.why or "",
        front.violates or "",
    )


def _case(name: str, case: CaseFile | None, path: Path) -> Case:
    if case is None:
        raise WorkspaceError(
            f"{path}: fixture {name!r} has no case, and the file gives none for all"
        )
    # of all answers to one prompt the same: a verifier that reads it shall not read the label
    identity = canonical_digest([case.prompt, case.expect]).removeprefix("sha256:")[:12]
    return Case(f"case-{identity}", case.prompt, case.expect)


def _add(known: Known, seen: dict[str, Path], fixture: Fixture, path: Path) -> None:
    if fixture.name in seen:
        where = "" if seen[fixture.name] == path else f", first in {seen[fixture.name]}"
        raise WorkspaceError(f"{path}: fixture {fixture.name!r} is given twice{where}")
    if fixture.name.startswith(MADE):
        raise WorkspaceError(
            f"{path}: fixture {fixture.name!r}: names that begin with {MADE!r} are the"
            " harness's own"
        )
    seen[fixture.name] = path
    for other in known.fixtures:
        if (
            other.answer == fixture.answer
            and other.good != fixture.good
            and _same(other.case, fixture.case)
        ):
            raise WorkspaceError(
                f"{path}: fixture {fixture.name!r} is the answer of {other.name!r}, which is"
                " labelled the other way"
            )
    known.fixtures.append(fixture)


def _same(one: Case, other: Case) -> bool:
    return one.prompt == other.prompt and one.expect == other.expect


def policy_faults(
    waive: Mapping[str, str], deadly: set[str], operators: Collection[str]
) -> list[str]:
    """Sentences about operators that do not exist, or that are both deadly and waived."""
    unknown = sorted((set(waive) | deadly) - set(operators))
    both = sorted(set(waive) & deadly)
    return [
        f"no operator {name!r}{strict.nearest(name, sorted(operators))}" for name in unknown
    ] + [f"operator {name!r} is both deadly and waived" for name in both]
