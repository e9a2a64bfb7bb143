"""Known answers judged twice more, in other surroundings and another order: an honest verdict
depends on none of them, and one that does is named with what it depends on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.audit.surroundings import (
    BARE,
    ELSEWHERE,
    HERE,
    STRANGE,
    WITH_NETWORK,
    Exploding,
    Surroundings,
)
from harness.audit.witness import Asked, Witness
from harness.judging.verifier import Kind, Outcome, Verifier

if TYPE_CHECKING:
    from harness.audit.auditor import Audit

REPEATED = {  # known answers that are judged three times
    Kind.PROGRAM: 160,
    Kind.EXECUTED: 24,
    Kind.LLM: 60,
}
CULPRITS = {
    "the time zone": Surroundings(STRANGE[:1]),
    "the locale": Surroundings(STRANGE[1:3]),
    "the hash seed": Surroundings(STRANGE[3:]),
    "the date": Surroundings(days=366),
    "the network": Surroundings(network=False),
    "programs on PATH that it does not declare": Surroundings(programs=False),
    "packages that it does not declare": Surroundings(packages=False),
}

Row = list[tuple[Asked, Outcome]]  #: questions with what was said of them before


def judge_again(audits: Sequence[Audit], witness: Witness) -> None:
    """Judge known answers again and write down what changed a verdict as faults."""
    flipped: list[tuple[Audit, Row]] = []
    for around in (BARE, ELSEWHERE, WITH_NETWORK):
        mine = [one for one in audits if strangest(one.verifier) == around and one.known.fixtures]
        rows = [_repeated(one) for one in mine]
        asked = [
            [*(ask for ask, _ in row), _exploding(one)] for one, row in zip(mine, rows, strict=True)
        ]
        told = witness.each(asked, around)
        for one, row, (*said, exploded) in zip(mine, rows, told, strict=True):
            changed = {  # once for each answer, which stands twice in the row
                id(ask): (ask, before)
                for (ask, before), after in zip(row, said, strict=True)
                if before is not after.outcome
            }
            if changed:
                flipped.append((one, list(changed.values())))
            if exploded.outcome is Outcome.PASS:
                one.faults.append(
                    "counts a failure of its own as a pass: it passes an answer that raises when it"
                    " is read"
                )
    if flipped:
        _name_culprits(flipped, witness)


def strangest(verifier: Verifier) -> Surroundings:
    """The strangest surroundings in which a verifier must still work; a sandbox and declared
    programs need PATH."""
    if verifier.kind is Kind.LLM:
        return WITH_NETWORK
    return ELSEWHERE if verifier.sandbox or verifier.executables else BARE


def _repeated(one: Audit) -> Row:
    """Known answers with what was said of them, shuffled and then backwards."""
    known = one.pairs("known")
    chosen = random.Random(one.known.seed).sample(
        known, min(len(known), REPEATED[one.verifier.kind])
    )
    asked = [(one.ask(probe.case, probe.answer), told.outcome) for probe, told in chosen]
    return asked + asked[::-1]


def _exploding(one: Audit) -> Asked:
    return Asked(one.verifier.id, one.known.fixtures[0].case, Exploding(""))


def _name_culprits(flipped: list[tuple[Audit, Row]], witness: Witness, most: int = 8) -> None:
    """Say which single change of the surroundings flips the verdicts; chance or order when they
    flip without any."""
    found: dict[int, list[str]] = {id(one): [] for one, _ in flipped}

    def changed(around: Surroundings, rows: list[tuple[Audit, Row]]) -> set[int]:
        told = witness.each([[ask for ask, _ in row[:most]] for _, row in rows], around)
        return {
            id(one)
            for (one, row), said in zip(rows, told, strict=True)
            if [after.outcome for after in said] != [before for _, before in row[:most]]
        }

    by_chance = changed(HERE, flipped) | changed(HERE, flipped)
    steady = [row for row in flipped if id(row[0]) not in by_chance]
    for name, around in CULPRITS.items():
        allowed = [row for row in steady if _allows(strangest(row[0].verifier), around)]
        for number in changed(around, allowed):
            found[number].append(name)
    for one, row in flipped:
        named = " and ".join(found[id(one)]) or "chance, on order or on what it judged before"
        one.faults.append(
            f"not deterministic: {len(row)} known answers were judged otherwise a second time; it"
            f" depends on {named}"
        )


def _allows(strange: Surroundings, around: Surroundings) -> bool:
    """Whether a verifier that must work in ``strange`` surroundings must work ``around``."""
    return (around.programs or not strange.programs) and (around.network or not strange.network)
