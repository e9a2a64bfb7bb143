"""Rules of recipe and corpus as data: facts by name, tests on them, and patterns that no training
record may hold."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from harness.content import strict
from harness.digests import text_digest

Value = bool | int | float | str
SHIPPED = Path(__file__).with_name("rules.yaml")


class Test(strict.Model):
    """What a fact must be. ``known`` makes a fact that was not recorded a finding as well."""

    max: float | None = None
    min: float | None = None
    equals: Value | None = None
    one_of: list[Value] | None = None
    known: bool = False

    def failing(self, value: Value) -> str | None:
        """What was expected of ``value``, ``None`` when it passes."""
        number = value if isinstance(value, int | float) else None
        if self.max is not None and not (number is not None and number <= self.max):
            return f"at most {self.max:g}"
        if self.min is not None and not (number is not None and number >= self.min):
            return f"at least {self.min:g}"
        if self.equals is not None and str(value) != str(self.equals):  # an environment holds texts
            return f"{self.equals}"
        if self.one_of is not None and value not in self.one_of:
            return f"one of {', '.join(map(str, self.one_of))}"
        return None


class Forbid(strict.Model):
    """A pattern that must not occur: in the whole ``record``, or in the fenced ``code`` of its
    answer."""

    pattern: str
    within: Literal["record", "code"] = Field(alias="in")
    language: str | None = None

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern with ``^`` at every line."""
        return re.compile(self.pattern, re.MULTILINE)


class Rule(strict.Model):
    """One rule; exactly one of ``require`` and ``forbid``."""

    id: str
    when: dict[str, Test] = {}
    require: dict[str, Test] = {}
    forbid: Forbid | None = None
    severity: Literal["block", "warn"]
    why: str

    @model_validator(mode="after")
    def _one(self) -> Rule:
        if bool(self.require) == (self.forbid is not None):
            raise ValueError("a rule has either 'require' or 'forbid'")
        return self


class Rules(strict.Model):
    """The whole file."""

    rules: list[Rule]


def load(root: Path) -> tuple[list[Rule], str]:
    """The rules of the workspace at ``root``, else the shipped ones, and their digest. Raises
    ``WorkspaceError``."""
    path = root / "rules.yaml"
    path = path if path.is_file() else SHIPPED
    rules = strict.load(path, Rules).rules
    return rules, text_digest(path.read_text(encoding="utf-8"))
