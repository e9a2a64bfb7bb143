"""Suites: the held-out prompts of one facet or benchmark with their criteria and margins, as data.

A suite is a YAML file below ``suites/``; its id is its path without the ending (``pocket/godot``).
A folder's name stands for all suites in it. Prompts are JSONL rows ``{"id", "prompt", "expect",
"group", "tags"}``, the last three where there is something to say, or those of a benchmark that an
installed package brings (``package:NAME``). An ``expect.schema.json`` beside the suite says what
``expect`` may hold (:func:`harness.content.case.demands`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal

from pydantic import Field, JsonValue

from harness.content import strict
from harness.content.case import Case, demands
from harness.content.policy import Margin
from harness.digests import text_digest
from harness.errors import WorkspaceError

Mode = Literal["chat", "completion"]
DATASETS = "harness.datasets"  #: entry points: a function without arguments that returns the cases


class Criterion(strict.Model):
    """One checkable demand, bound to one verifier."""

    id: str
    verifier: str


class Chat(strict.Model):
    """How a suite of mode ``auto`` asks a base that chats: ``prompt`` has a place for the
    ``{prompt}`` that it goes around."""

    prompt: str = Field(pattern=r"\{prompt\}")
    max_tokens: int = Field(gt=0, le=32_768)
    stop: list[str] = []


class SuiteFile(strict.Model):
    """The schema of a suite's YAML; with mode ``auto``, ``max_tokens`` and ``stop`` are those of
    raw completions."""

    facet: str
    role: Literal["facet", "guard"]
    mode: Literal["chat", "completion", "auto"]
    chat: Chat | None = None
    prompts: str
    max_tokens: int = Field(gt=0, le=32_768)
    stop: list[str] = []
    system: str | None = None
    #: the facet's rules as a system prompt; base with it is a baseline that the adapter must beat
    canon: str | None = None
    criteria: list[Criterion] = Field(min_length=1)
    margin: Margin | None = None
    min_gain: float = Field(default=0.0, ge=0, lt=1)
    #: prompts of the same form that may be looked at for free
    dev: str | None = None
    #: each look gets so many of the prompts, which its lineage has not seen
    draw: int | None = Field(default=None, gt=0)


class Row(strict.Model):
    """The schema of one prompt; prompts of one ``group`` are variants of one task, those of one tag
    a slice."""

    id: str = Field(min_length=1)
    prompt: str = Field(min_length=1)
    expect: dict[str, JsonValue] = {}
    group: str | None = Field(default=None, min_length=1)
    tags: list[str] = []


@dataclass(frozen=True)
class Form:
    """How a prompt is put to a base, and how long its answer may be: the protocol of a suite."""

    mode: Mode
    max_tokens: int
    stop: list[str]
    around: str = ""

    def text(self, prompt: str) -> str:
        """What is asked: ``prompt`` as it is, or stripped inside of what goes around it."""
        return self.around.replace("{prompt}", prompt.strip()) if self.around else prompt

    def __str__(self) -> str:
        around = f" as {self.around!r}" if self.around else ""
        return f"{self.mode}{around}, at most {self.max_tokens} tokens, stop {self.stop}"


@dataclass(frozen=True)
class Suite:
    """One suite with its cases read; ``digest`` covers the YAML's meaning and every prompt.

    ``chats`` says whether the base is asked in chat where the mode is ``auto``. ``pool`` are all of
    its cases where ``cases`` are a draw of them; ``dev`` are those that may be looked at for free,
    which no digest covers."""

    id: str
    path: Path
    spec: SuiteFile
    cases: tuple[Case, ...]
    dev: tuple[Case, ...] = ()
    pool: tuple[Case, ...] = ()
    chats: bool = False

    @property
    def form(self) -> Form:
        """How its prompts are asked."""
        spec = self.spec
        if spec.mode == "auto" and spec.chat and self.chats:
            return Form("chat", spec.chat.max_tokens, spec.chat.stop, spec.chat.prompt)
        return Form("chat" if spec.mode == "chat" else "completion", spec.max_tokens, spec.stop)

    @property
    def digest(self) -> str:
        """``sha256:...`` of the suite's settings and prompts as canonical JSON."""
        rows = [_row(case) for case in self.pool or self.cases]
        silent = {"dev"} | ({"draw"} if not self.spec.draw else set())
        silent |= {"chat"} if not self.spec.chat else set()
        spec = self.spec.model_dump(exclude=silent)
        text = json.dumps([self.id, spec, rows], sort_keys=True, ensure_ascii=False)
        return text_digest(text)


def load(path: Path, root: Path) -> Suite:
    """Read one suite below ``root``; raises :class:`WorkspaceError` naming file, line and key."""
    spec = strict.load(path, SuiteFile)
    if spec.role == "guard" and spec.margin is None:
        raise WorkspaceError(
            f"{path}: key 'margin' is missing; a guard needs a non-inferiority margin, for example"
            " 0.05"
        )
    if (spec.mode == "auto") != (spec.chat is not None):
        raise WorkspaceError(
            f"{path}: key 'chat': says how a suite of mode 'auto' asks a base that chats; mode is"
            f" {spec.mode!r}; give both or neither"
        )
    if spec.canon is not None and spec.mode != "chat":
        raise WorkspaceError(
            f"{path}: key 'canon': a raw completion has no system prompt; leave it out"
        )
    if spec.system is not None and spec.mode == "completion":
        raise WorkspaceError(
            f"{path}: key 'system': a raw completion has no system prompt; leave it out"
        )
    cases = tuple(_cases(spec.prompts, path))
    if spec.draw is not None and spec.draw > len(cases):
        raise WorkspaceError(
            f"{path}: key 'draw': found {spec.draw}; expected at most the {len(cases)} prompts of"
            " its pool; a pool for several looks holds several times as many"
        )
    dev = tuple(_cases(spec.dev, path)) if spec.dev else ()
    return Suite(suite_id(path, root), path, spec, cases, dev)


def suite_id(path: Path, root: Path) -> str:
    """``pocket/godot`` for ``suites/pocket/godot.yaml``; a file named like its folder is named by
    the folder."""
    parts = path.resolve().relative_to(root.resolve()).with_suffix("").parts
    return "/".join(parts[:-1] if len(parts) > 1 and parts[-1] == parts[-2] else parts)


def owed(names: list[str], root: Path) -> list[Path]:
    """The suite files that ``names`` (ids or folders) stand for, in order; unknown names raise."""
    files = sorted(root.rglob("*.yaml"))
    found: list[Path] = []
    for name in names:
        matching = [
            f
            for f in files
            if suite_id(f, root) == name or suite_id(f, root).startswith(f"{name}/")
        ]
        if not matching:
            known = [suite_id(f, root) for f in files]
            raise WorkspaceError(f"{root}: no suite {name!r}{strict.nearest(name, known)}")
        found += [f for f in matching if f not in found]
    return found


def held(paths: Sequence[str], root: Path) -> list[str]:
    """The ids of the suites below ``root`` that ``paths``, files or folders, are or hold."""
    places = [Path(path).resolve() for path in paths]
    files = sorted(root.resolve().rglob("*.yaml"))
    return [suite_id(f, root) for f in files if any(f.is_relative_to(p) for p in places)]


def _row(case: Case) -> list[object]:
    group = [] if case.group is None else [case.group]
    tags = [sorted(case.tags)] if case.tags else []
    return [case.id, case.prompt, dict(case.expect), *group, *tags]


def _cases(prompts: str, path: Path) -> list[Case]:
    if prompts.startswith("package:"):
        return _packaged(prompts.removeprefix("package:"), path)
    source = path.parent / prompts
    checked = demands(path)
    cases: dict[str, Case] = {}
    for line, value in strict.read_jsonl(source):
        row = strict.check(value, Row, source, line=line)
        checked(row.expect, f"{source}:{line}")
        if row.id in cases:
            raise WorkspaceError(f"{source}:{line}: id {row.id!r} is given twice")
        if any(row.prompt == case.prompt for case in cases.values()):
            raise WorkspaceError(
                f"{source}:{line}: the prompt of {row.id!r} is already in the suite; prompts are"
                " counted once"
            )
        cases[row.id] = Case(row.id, row.prompt, row.expect, row.group, tuple(row.tags))
    if not cases:
        raise WorkspaceError(f"{source}: no prompts")
    return list(cases.values())


def _packaged(name: str, path: Path) -> list[Case]:
    where = f"{path}: key 'prompts': package:{name}"
    points = {point.name: point for point in entry_points(group=DATASETS)}
    if name not in points:
        raise WorkspaceError(
            f"{where}: no such benchmark; expected a .jsonl file or package:NAME with an entry"
            f" point of {DATASETS}; known: {', '.join(sorted(points)) or 'none'}"
        )
    try:
        cases = list(points[name].load()())
    except Exception as error:  # a plug-in may do anything while it is imported
        raise WorkspaceError(f"{where}: {points[name].value}: {error}") from error
    if {type(one) for one in cases} != {Case}:
        raise WorkspaceError(f"{where}: {points[name].value} returned no list of harness.Case")
    return cases
