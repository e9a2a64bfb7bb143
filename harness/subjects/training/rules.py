"""The rules of recipe and corpus, applied to what is known of a training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.content.rules import Rule, Value
from harness.subjects.base import Fault


@dataclass(frozen=True)
class Fact:
    """Something measured or recorded, with the places that show it."""

    value: Value
    evidence: tuple[str, ...] = ()

    def text(self, most: int = 3) -> str:
        """``2 (train.jsonl:7: ..., valid.jsonl:1: ...)``."""
        shown = "; ".join(self.evidence[:most]) + ("; ..." if len(self.evidence) > most else "")
        value = f"{self.value:.4g}" if isinstance(self.value, float) else str(self.value)
        return f"{value} ({shown})" if shown else value


@dataclass
class Judged:
    """What the rules found; ``not_checked`` names those whose facts were not recorded."""

    faults: list[Fault] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)


def judge(rules: Iterable[Rule], facts: Mapping[str, Fact], hits: Mapping[str, Fact]) -> Judged:
    """Apply ``rules`` to ``facts``; ``hits`` has what each ``forbid`` rule found, and lacks those
    that were not run."""
    found = Judged()
    for rule in rules:
        if any(
            name not in facts or test.failing(facts[name].value) for name, test in rule.when.items()
        ):
            continue
        if rule.forbid is not None:
            if rule.id not in hits:
                found.not_checked.append(rule.id)
            elif hits[rule.id].value:
                found.faults.append(
                    Fault(rule.id, f"{hits[rule.id].text()} records: {rule.why}", rule.severity)
                )
        for name, test in rule.require.items():
            if name in facts:
                expected = test.failing(facts[name].value)
                if expected is not None:
                    text = f"{name} is {facts[name].text()}, expected {expected}: {rule.why}"
                    found.faults.append(Fault(rule.id, text, rule.severity))
            elif test.known:
                found.faults.append(
                    Fault(rule.id, f"{name} is not recorded: {rule.why}", rule.severity)
                )
            else:
                found.not_checked.append(rule.id)
    return found
