"""The schemas of the files of ``audits/``, which :mod:`harness.content.fixtures` reads."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field, JsonValue

from harness.content import strict


class CaseFile(strict.Model):
    """The case that an answer answers."""

    prompt: str
    expect: dict[str, JsonValue] = {}


class Good(strict.Model):
    """An answer that must pass."""

    name: str = Field(min_length=1)
    answer: str
    case: CaseFile | None = None


class Bad(Good):
    """An answer that must not pass, why it is wrong, and the part of a composite criterion that it
    violates."""

    why: str = Field(min_length=1)
    violates: str | None = None


class Spoil(strict.Model):
    """An edit that makes every good of its file that holds ``replace`` bad."""

    name: str = Field(min_length=1)
    replace: str = Field(min_length=1)
    by: str
    why: str = Field(min_length=1)
    violates: str | None = None


class Tasks(strict.Model):
    """The schema of a file that other fixture files include: goods that several verifiers share."""

    good: list[Good]


class FixtureFile(strict.Model):
    """The schema of one file of fixtures.

    ``case`` is the case of every fixture that names none. ``include`` names files of shared goods.
    ``deadly`` names operators whose mutants must not pass; ``waive`` names operators that say
    nothing about this verifier, and why."""

    verifier: str
    case: CaseFile | None = None
    include: list[str] = []
    good: list[Good] = []
    equivalent: list[Good] = []
    bad: list[Bad] = []
    shortcut: list[Bad] = []
    spoil: list[Spoil] = []
    deadly: list[str] = []
    waive: dict[str, str] = {}


class Front(strict.Model):
    """The front matter of a Markdown fixture."""

    why: str | None = None
    violates: str | None = None
    case: CaseFile | None = None


@lru_cache(256)
def parsed(path: Path, text: str, model: type[strict.Model]) -> Any:
    """The ``text`` of a file as ``model``; the criteria of a facet share most of theirs."""
    data, lines = strict.parse_yaml(text, path)
    return strict.check(data, model, path, lines)
