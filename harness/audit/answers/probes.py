"""What an audit asks of one verifier: the author's fixtures, and what the harness makes of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Literal

from harness.audit.answers import mutants, variants
from harness.audit.answers.degenerates import GOLD, degenerates
from harness.audit.answers.lexing import snippet
from harness.content.case import Case
from harness.content.fixtures import MADE, Fixture, Known
from harness.judging.verifier import Kind, Verifier
from harness.languages import named

Group = Literal["known", "degenerate", "deadly", "mutant", "variant", "bomb"]


@dataclass(frozen=True)
class Budget:
    """How much the harness adds: running code and asking a model cost more than reading."""

    cases: int
    mutants: int
    variants: int
    bombs: bool


BUDGETS = {
    Kind.PROGRAM: Budget(cases=4, mutants=120, variants=120, bombs=True),
    Kind.EXECUTED: Budget(cases=3, mutants=60, variants=72, bombs=False),
    Kind.LLM: Budget(cases=2, mutants=20, variants=60, bombs=False),
}
BOMB_LIMIT = 5.0  # CPU seconds; an answer of model's length is read in milliseconds
PUMPS = [
    "a",
    " ",
    "1",
    "a ",
    "a,",
    "(",
    "[",
    "{",
    "<a",
    '"',
    "\\",
    "\n",
    "- ",
    "_",
    "/*",
    "x=",
    "é",
    "\t#",
]


@dataclass(frozen=True)
class Probe:
    """One answer with what is known of it; ``of`` names the fixture it was made from."""

    name: str
    group: Group
    operator: str
    case: Case
    answer: str
    good: bool
    of: str = ""
    fixture: Fixture | None = None


def operators() -> set[str]:
    """Every operator that a fixture file may name as deadly or waive."""
    return {
        *mutants.OPERATORS,
        *variants.OPERATORS,
        *(f"gold-in-{form or 'prose'}" for form in GOLD),
    }


def probes(verifier: Verifier, known: Known) -> list[Probe]:
    """Everything to ask about a verifier; the choice is the same every time."""
    budget = BUDGETS[verifier.kind]
    rng = random.Random(f"{verifier.id}/{known.digest}")
    read, spoilt = answers(verifier, known, good=True), answers(verifier, known, good=False)
    found = [
        Probe(f.name, "known", f.label, f.case, f.answer, f.good, f.name, f) for f in known.fixtures
    ]
    found += _degenerate(verifier, known, read, budget, rng)
    made = [
        Probe(
            f"mutant:{operator} of {one.name}", "mutant", operator, one.case, text, False, one.name
        )
        for one in rng.sample(read, len(read))
        for operator, text in mutants.mutate(one, rng)
    ]
    deadly = mutants.DEADLY | known.deadly
    chosen = _spread(made, budget.mutants)
    found += [
        (
            Probe(
                f"{MADE}{p.operator} of {p.of}", "deadly", p.operator, p.case, p.answer, False, p.of
            )
            if p.operator in deadly
            else p
        )
        for p in chosen
    ]
    words = variants.forbidden_words(read, spoilt)
    again = [
        Probe(
            f"variant:{operator} of {one.name}", "variant", operator, one.case, text, True, one.name
        )
        for one in rng.sample(read, len(read))
        for operator, text in variants.variants(one, words)
        if operator not in known.waive
    ]
    found += _spread(again, budget.variants)
    return found + (list(_bombs(known)) if budget.bombs else [])


def answers(verifier: Verifier, known: Known, *, good: bool) -> list[mutants.Good]:
    """The known-good answers of a verifier, or the known-bad ones, read for the operators."""
    wanted = [f for f in known.fixtures if f.good is good]
    return mutants.read(wanted, completion=verifier.kind is Kind.EXECUTED)


def _degenerate(
    verifier: Verifier, known: Known, goods: list[mutants.Good], budget: Budget, rng: random.Random
) -> list[Probe]:
    """Absurd answers to some of the cases, in the fences of the goods, and right answers of a form
    that none of the goods has.
    """
    cases = list({f.case.prompt: f.case for f in known.fixtures}.values())
    forms = {one.code.language.name if one.code else "" for one in goods}
    fences = {g.code.tag: g.code.language for g in goods if g.code and g.code.fenced}
    fences = fences or {"python": named("python")}
    foreign = {
        f"gold-in-{form or 'prose'}": text for form, text in GOLD.items() if form not in forms
    }
    return [
        Probe(f"{MADE}{name}", "degenerate", name, case, text, False)
        for case in rng.sample(cases, min(budget.cases, len(cases)))
        for name, text in (degenerates(case, verifier, fences) | foreign).items()
        if name not in known.waive
    ]


def _bombs(known: Known) -> Iterator[Probe]:
    """Long answers of one repeated piece, alone and in the place of the good code: a verifier must
    end on each.
    """
    first = next((f for f in known.fixtures if f.good), None)
    if first is None:
        return
    code = snippet(first.answer)
    for number, pump in enumerate(PUMPS):
        noise = pump * (40_000 // len(pump)) + "!"
        text = code.holding(noise + "\n") if code and number % 2 else noise
        yield Probe(f"{MADE}bomb {pump!r}", "bomb", "bomb", first.case, text, False)
        short = f"{code.code}{pump * 30}!\n" if code else f"{first.answer}{pump * 30}!"
        yield Probe(
            f"{MADE}bomb {pump!r} behind a good",
            "bomb",
            "bomb-behind",
            first.case,
            code.holding(short) if code else short,
            False,
        )


def _spread(made: list[Probe], most: int) -> list[Probe]:
    """At most ``most`` probes, the operators taking turns."""
    rows: dict[str, list[Probe]] = {}
    for probe in made:
        rows.setdefault(probe.operator, []).append(probe)
    turns = chain.from_iterable(zip_longest(*rows.values()))
    return [probe for probe in turns if probe is not None][:most]
