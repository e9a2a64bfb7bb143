"""Rules of recipe and corpus as data: facts by name, tests on them, and patterns that no training
record may hold."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from harness.content import strict
from harness.digests import canonical_digest
from harness.errors import WorkspaceError

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
    """The whole file; ``without`` names shipped rules that do not hold here."""

    rules: list[Rule] = []
    without: list[str] = []


def load(root: Path) -> tuple[list[Rule], str]:
    """The shipped rules with those of the workspace at ``root``, which take the place of shipped
    ones of the same id, and the digest of all. Raises :class:`WorkspaceError`."""
    rules = {rule.id: rule for rule in strict.load(SHIPPED, Rules).rules}
    path = root / "rules.yaml"
    if path.is_file():
        own = strict.load(path, Rules)
        unknown = [id for id in own.without if id not in rules]
        if unknown:
            hint = strict.nearest(unknown[0], list(rules))
            raise WorkspaceError(f"{path}: key 'without': no shipped rule {unknown[0]!r}{hint}")
        rules = {id: rule for id, rule in rules.items() if id not in own.without}
        rules |= {rule.id: rule for rule in own.rules}
    found = list(rules.values())
    return found, canonical_digest([rule.model_dump(by_alias=True) for rule in found])
