"""What an audit asks of one verifier: the author's fixtures, and what the harness makes of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Literal

from harness.audit.answers import mutants, operators, variants
from harness.audit.answers.degenerates import GOLD, STAND_IN, degenerates
from harness.audit.answers.lexing import snippet
from harness.audit.answers.near import hostile, misses
from harness.audit.answers.near.forms import Piece, pieces
from harness.content.case import Case
from harness.content.fixtures import MADE, Fixture, Known
from harness.judging.verifier import Kind, Verifier
from harness.languages import named

Group = Literal["known", "degenerate", "deadly", "mutant", "near", "variant", "bomb", "control"]


@dataclass(frozen=True)
class Budget:
    """How much the harness adds: running code and asking a model cost more than reading."""

    cases: int
    mutants: int
    near: int
    variants: int
    bombs: bool


BUDGETS = {
    Kind.PROGRAM: Budget(cases=4, mutants=120, near=200, variants=120, bombs=True),
    Kind.EXECUTED: Budget(cases=3, mutants=50, near=80, variants=72, bombs=False),
    Kind.LLM: Budget(cases=2, mutants=20, near=20, variants=60, bombs=False),
}
BOMB_LIMIT = 5.0  # CPU seconds; an answer of model's length is read in milliseconds
PUMPS = ["a", " ", "1", "a ", "a,", "(", "[", "{", "<a"]
PUMPS += ['"', "\\", "\n", "- ", "_", "/*", "x=", "é", "\t#"]


@dataclass(frozen=True)
class Probe:
    """One answer with what is known of it; ``of`` names the fixture it was made from. ``why`` says
    that it is wrong by construction, provided that the verifier fails the good in the ``other``
    case, for which this answer would be right."""

    name: str
    group: Group
    operator: str
    case: Case
    answer: str
    good: bool
    of: str = ""
    fixture: Fixture | None = None
    why: str = ""
    other: Case | None = None


def probes(verifier: Verifier, known: Known) -> list[Probe]:
    """Everything to ask about a verifier; the choice is the same every time."""
    budget = BUDGETS[verifier.kind]
    rng = random.Random(f"{verifier.id}/{known.seed}")
    goods, bads = answers(verifier, known, good=True), answers(verifier, known, good=False)
    forbidden = variants.forbidden_words(goods, bads)
    found = [
        Probe(f.name, "known", f.label, f.case, f.answer, f.good, f.name, f) for f in known.fixtures
    ]
    found += _degenerate(verifier, known, goods, budget, rng)
    made = [
        _made("mutant", one, name, text)
        for one in rng.sample(goods, len(goods))
        for name, text in mutants.mutate(one, rng)
    ]
    right = {(one.case.prompt, one.text.strip()) for one in goods}
    made = [one for one in made if (one.case.prompt, one.answer.strip()) not in right]
    near = list(_near(verifier, goods, bads))
    rng.shuffle(near)
    chosen = [*_spread(made, budget.mutants), *_spread(near, budget.near)]
    found += [_deadly(one) if operators.deadly(known, one.operator) else one for one in chosen]
    if verifier.kind is not Kind.LLM:
        texts = {one.name: one.text for one in goods}
        found += [
            Probe(
                f"control of {one.name}", "control", one.operator, one.other, texts[one.of], False
            )
            for one in chosen
            if one.other is not None
        ]
    again = [
        _made("variant", one, name, text)
        for one in rng.sample(goods, len(goods))
        for name, text in variants.variants(one, forbidden)
        if name not in known.waive
    ]
    found += _spread(again, budget.variants)
    return found + (list(_bombs(known, goods)) if budget.bombs else [])


def answers(verifier: Verifier, known: Known, *, good: bool) -> list[mutants.Good]:
    """The known-good answers of a verifier, or the known-bad ones, read for the operators."""
    wanted = [f for f in known.fixtures if f.good is good]
    return mutants.read(wanted, completion=verifier.kind is Kind.EXECUTED)


def _near(
    verifier: Verifier, goods: Sequence[mutants.Good], bads: Sequence[mutants.Good]
) -> Iterator[Probe]:
    """Near misses of the goods, and the bads in disguise."""
    for miss in misses.near(goods):
        probe = _made("near", miss.one, miss.operator, miss.text)
        yield replace(probe, why=miss.why, other=miss.other)
    read = pieces(goods)
    for bad, text in hostile.disguised(pieces(bads), read):
        yield _made("near", bad.one, "forbidden-disguised", text)
    for piece in read:
        for text in hostile.unnamed(piece):
            yield _made("near", piece.one, "forbidden-disguised", text)
    for piece in read if verifier.kind is not Kind.EXECUTED else ():
        for text in hostile.hostile(piece).values():
            yield _made("near", piece.one, "hostile-code", text)


def _made(group: Group, one: mutants.Good, operator: str, text: str) -> Probe:
    name, good = f"{group}:{operator} of {one.name}", group == "variant"
    return Probe(name, group, operator, one.case, text, good, one.name)


def _deadly(one: Probe) -> Probe:
    return replace(one, name=f"{MADE}{one.operator} of {one.of}", group="deadly")


def _degenerate(
    verifier: Verifier, known: Known, goods: list[mutants.Good], budget: Budget, rng: random.Random
) -> list[Probe]:
    """Absurd answers to some of the cases, in the fences of the goods, and right answers of a form
    that none of the goods has. A verifier that runs code gets hostile code in a good's place."""
    cases = list({f.case.prompt: f.case for f in known.fixtures}.values()) or [STAND_IN]
    forms = {one.code.language.name if one.code else "" for one in goods}
    fences = {g.code.tag: g.code.language for g in goods if g.code and g.code.fenced}
    read = {one.one.case.prompt: one for one in pieces(goods)}
    foreign = {
        f"gold-in-{form or 'prose'}": text for form, text in GOLD.items() if form not in forms
    }
    rows = []
    for number, case in enumerate(rng.sample(cases, min(budget.cases, len(cases)))):
        piece = read.get(case.prompt)
        made = degenerates(case, fences or {"python": named("python")}, planted=_fair(piece))
        made |= foreign
        if piece is not None and verifier.kind is Kind.EXECUTED:
            made |= _hostile(piece) | (hostile.endless(piece) if number == 0 else {})
        rows += [(name, case, text) for name, text in made.items()]
    return [
        Probe(f"{MADE}{name}", "degenerate", name, case, text, False)
        for name, case, text in rows
        if name.removesuffix("-in-a-fence") not in known.waive
        and name not in known.waive
        and not (case is STAND_IN and STAND_IN.expect["gold"] in text)
    ]


def _fair(piece: Piece | None) -> bool:
    """Whether an answer that only names what the case expects is no answer to it: not where the
    expected value is the answer."""
    return (
        piece is None or piece.form in ("python", "code", "sql", "markup") or len(piece.words) > 1
    )


def _hostile(piece: Piece) -> dict[str, str]:
    """Hostile code in the good's own place; a function that is to be completed also stands in a
    fence."""
    found = hostile.hostile(piece)
    if "def " in piece.one.case.prompt and not piece.fenced:
        prompt = piece.one.case.prompt
        found |= {f"{n}-in-a-fence": f"```python\n{prompt}{text}```" for n, text in found.items()}
    return found


def _bombs(known: Known, goods: Sequence[mutants.Good]) -> Iterator[Probe]:
    """Long answers of one repeated piece, alone and in the place of the good code, and code that
    does not end: a verifier must end on each."""
    first = next((f for f in known.fixtures if f.good), None)
    if first is None:
        return
    code = snippet(first.answer)
    alone = "bomb-behind" if "bomb" in known.waive else "bomb"  # it must still end on it
    for number, pump in enumerate(PUMPS):
        noise = pump * (40_000 // len(pump)) + "!"
        text = code.holding(noise + "\n") if code and number % 2 else noise
        yield Probe(f"{MADE}bomb {pump!r}", "bomb", alone, first.case, text, False)
        short = f"{code.code}{pump * 30}!\n" if code else f"{first.answer}{pump * 30}!"
        name, text = f"{MADE}bomb {pump!r} behind a good", code.holding(short) if code else short
        yield Probe(name, "bomb", "bomb-behind", first.case, text, False)
    for piece in pieces(goods[:1]):
        for name, text in hostile.endless(piece).items():
            yield Probe(f"{MADE}{name}", "bomb", "bomb-behind", first.case, text, False)


def _spread(made: list[Probe], most: int) -> list[Probe]:
    """At most ``most`` probes, the operators taking turns."""
    rows: dict[str, list[Probe]] = {}
    for probe in made:
        rows.setdefault(probe.operator, []).append(probe)
    turns = chain.from_iterable(zip_longest(*rows.values()))
    return [probe for probe in turns if probe is not None][:most]
