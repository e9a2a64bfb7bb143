"""What a certificate lacks: fixtures, and what only the author can judge of the mutants and near
misses that pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.stats.clusters import effective_size
from harness.stats.intervals import items_needed

if TYPE_CHECKING:
    from harness.audit.certificate import Certificate

LLM_FALSE_PASS = 0.01  # of a language model's bads, each counted, at 95 % confidence
FALSE_PASS_TASKS, FALSE_FAIL = 0.10, 0.10
MIN_VARIANTS = 59  # ways to write goods again that were tried
LEAST_KILLED = 1 / 3  # of an operator's mutants, or its author is asked about it


@dataclass(frozen=True)
class Survivor:
    """One mutant that passed: its operator, the good it was made from, and the difference."""

    operator: str
    of: str
    diff: str


@dataclass(frozen=True)
class Question:
    """What the author has to answer before the certificate is VALID: whether an answer like the one
    shown, made from ``of``, is still right. ``name`` is an operator or a family of them, ``killed``
    of ``made`` failed, ``says`` what is wrong with all of them."""

    name: str
    operators: list[str]
    says: str
    killed: int
    made: int
    of: str
    diff: str

    def __str__(self) -> str:
        return (
            f"answer {self.name!r}: is it still right when {self.says}?"
            f" ({self.killed} of {self.made} fail)"
        )


def lacking(c: Certificate) -> list[str]:
    """What to write or to answer before a certificate is VALID, as sentences."""
    dark = [
        "no code could be commented out, no comment added, no layout or local name changed in"
        f" goods {f'tagged {tag!r}' if tag else 'without a tag'}: name a language of"
        " harness/languages.toml in the fence, or add this one there"
        for tag in c.unknown
    ]
    return [*_few(c), *dark, *map(str, c.questions)]


def _few(c: Certificate) -> list[str]:
    """What is too few, with what the missing ones would prove."""
    model = items_needed(LLM_FALSE_PASS, c.known_passes) if c.kind == "llm" else 0
    one, two, many = (effective_size([m], c.proof.kind_correlation) for m in (1, 2, 30))
    worth = (
        f": a kind of fault counts {one:.2g} with one task, {two:.2g} with two, {many:.2g} with 30"
    )
    rows = (
        (
            items_needed(c.proof.max_false_passes, c.known_passes) - c.effective_bad,
            "effective bad_",
            f"<= {c.proof.max_false_passes:.0%} false passes{worth}",
        ),
        (model - c.bad, "bad_", f"<= {LLM_FALSE_PASS:.0%} false passes of a language model"),
        (
            items_needed(FALSE_PASS_TASKS) - c.tasks,
            "task_ with bads",
            f"<= {FALSE_PASS_TASKS:.0%} of tasks passed falsely",
        ),
        (
            items_needed(FALSE_FAIL) - c.effective_good,
            "effective good_",
            f"<= {FALSE_FAIL:.0%} false fails",
        ),
        (
            MIN_VARIANTS - c.variants,
            "variant_ of goods",
            "that no verdict flips when a good is written another way",
        ),
    )
    return [
        f"{n} more {what.replace('_', 's' * (n > 1))} prove{'s' * (n == 1)} {proves}"
        for n, what, proves in rows
        if n > 0
    ]
