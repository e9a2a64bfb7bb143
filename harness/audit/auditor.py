"""Run the audits: every verifier on its fixtures, on what the harness makes of them, and in other
surroundings.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.audit import store, tally
from harness.audit.answers.lexing import meaning, snippet
from harness.audit.answers.probes import BOMB_LIMIT, Probe, operators, probes
from harness.audit.certificate import Certificate
from harness.audit.witness import (
    BARE,
    ELSEWHERE,
    HERE,
    LIMITS,
    STRANGE,
    Asked,
    Surroundings,
    Told,
    Witness,
)
from harness.content import fixtures
from harness.content.fixtures import Known
from harness.errors import WorkspaceError
from harness.judging import discovery
from harness.judging.verifier import Kind, Outcome, Verifier
from harness.sandbox import cores

Progress = Callable[[str, int, int], None]
REPEATED = {
    Kind.PROGRAM: 160,
    Kind.EXECUTED: 24,
    Kind.LLM: 60,
}  # known answers that are judged three times
WITH_NETWORK = Surroundings(STRANGE, days=366)
CULPRITS = {
    "the time zone": Surroundings(STRANGE[:1]),
    "the locale": Surroundings(STRANGE[1:3]),
    "the hash seed": Surroundings(STRANGE[3:]),
    "the date": Surroundings(days=366),
    "the network": Surroundings(network=False),
    "programs on PATH that it does not declare": Surroundings(programs=False),
}


@dataclass
class Audit:
    """One verifier under audit: what is known, what is asked, and what it said here and
    elsewhere.
    """

    verifier: Verifier
    known: Known
    bound: dict[str, Any]
    probes: list[Probe] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    quarantine: dict[str, str] = field(default_factory=dict)

    @property
    def limit(self) -> float:
        """Seconds for one judgement."""
        return LIMITS[self.verifier.kind]

    def asked(self) -> list[Asked]:
        """Everything to ask here."""
        limits = {"bomb": BOMB_LIMIT}
        return [
            Asked(
                self.verifier.id,
                p.case,
                p.answer,
                limits.get(p.group, self.limit),
                last=p.group != "known",
            )
            for p in self.probes
        ]

    def pairs(self, *groups: str) -> list[tuple[Probe, Told]]:
        """What was said of the probes of these groups."""
        return [(p, t) for p, t in zip(self.probes, self.told, strict=True) if p.group in groups]


class Place(Protocol):
    """Where verifiers are found: :class:`harness.judging.workers.Judges` or a :class:`Witness`."""

    @property
    def folder(self) -> Path:
        """The folder of verifiers."""

    @property
    def digest(self) -> str:
        """:func:`harness.judging.discovery.digest` of the folder when judging began."""


def certify(
    verifiers: Iterable[Verifier],
    audits: Path,
    judges: Place,
    sandbox: str | None,
    progress: Progress | None = None,
) -> dict[str, Certificate]:
    """A certificate for each verifier: the stored one if nothing changed, else from a fresh audit.

    Raises :class:`WorkspaceError` for fixtures that cannot be read.
    """
    wanted = list(verifiers)
    found: dict[str, Certificate] = {}
    stale: list[Audit] = []
    for verifier in wanted:
        known = fixtures.read(audits, verifier.id)
        wrong = fixtures.policy_faults(known.waive, known.deadly, operators())
        if wrong:
            raise WorkspaceError(f"{audits / verifier.id}: {'; '.join(wrong)}")
        bound = store.binding(verifier, known.digest, sandbox)
        kept = store.stored(verifier.id, bound)
        if kept is not None:
            found[verifier.id] = kept
        else:
            stale.append(Audit(verifier, known, bound))
    done = len(found)
    witness = Witness(judges.folder, judges.digest, sandbox)
    siblings = list(discovery.discover(judges.folder).verifiers.values()) if stale else []
    groups = [group for n in range(children()) if (group := stale[n :: children()])]
    if progress:
        progress("audit", done, len(wanted))
    with ThreadPoolExecutor(max(1, len(groups))) as pool:
        for certified in pool.map(lambda group: audit(group, witness, siblings), groups):
            for one in certified:
                store.store(one)
                found[one.verifier] = one
            done += len(certified)
            if progress:
                progress("audit", done, len(wanted))
    return {verifier.id: found[verifier.id] for verifier in wanted}


def audit(
    audits: Sequence[Audit], witness: Witness, siblings: Sequence[Verifier] = ()
) -> list[Certificate]:
    """Audit several verifiers in one child process: here, then elsewhere; ``siblings`` may share
    their facets.
    """
    for one in audits:
        one.probes = probes(one.verifier, one.known)
    _each(
        audits,
        [one.asked() for one in audits],
        witness,
        HERE,
        lambda one, told: setattr(one, "told", told),
    )
    _quarantine(audits, witness, siblings)
    _elsewhere([one for one in audits if not any(t.hung for t in one.told)], witness)
    return [tally.certificate(one) for one in audits]


def children() -> int:
    """Processes to judge in: one for each core, four at most."""
    return min(4, cores.available())


def _each(
    audits: Sequence[Audit],
    asked: Sequence[list[Asked]],
    witness: Witness,
    around: Surroundings,
    take: Callable[[Audit, list[Told]], None],
) -> None:
    """Ask everything in one process and hand each audit its own part."""
    told = witness.tell([one for row in asked for one in row], around)
    for one, row in zip(audits, asked, strict=True):
        take(one, told[: len(row)])
        told = told[len(row) :]


def _quarantine(audits: Sequence[Audit], witness: Witness, siblings: Sequence[Verifier]) -> None:
    """Set aside what says nothing about a verifier: a mutant that passed and means the same as the
    good it was made from, that breaks another criterion of the facet, or whose operator the author
    waived with a reason.
    """
    goods = {(one.verifier.id, f.name): f.answer for one in audits for f in one.known.fixtures}
    asked: list[tuple[Audit, Probe, Asked]] = []
    for one in audits:
        completion = one.verifier.kind is Kind.EXECUTED
        for probe, told in one.pairs("mutant"):
            if told.outcome is not Outcome.PASS:
                continue
            if probe.operator in one.known.waive:
                one.quarantine[probe.name] = "waived"
            elif _same(goods[one.verifier.id, probe.of], probe.answer, completion=completion):
                one.quarantine[probe.name] = "equivalent"
            else:
                for other in siblings:
                    if (
                        other.facet == one.verifier.facet
                        and other.id != one.verifier.id
                        and other.kind is not Kind.LLM
                    ):
                        asked.append((one, probe, Asked(other.id, probe.case, probe.answer)))
    for (one, probe, _), said in zip(asked, witness.tell([row[2] for row in asked]), strict=True):
        if said.outcome is Outcome.FAIL:
            one.quarantine[probe.name] = "other-criterion"


def _elsewhere(audits: Sequence[Audit], witness: Witness) -> None:
    """Judge known answers twice more, in other surroundings and another order; name what changed a
    verdict.
    """
    flipped: list[tuple[Audit, list[Asked], list[Outcome]]] = []
    for around in (BARE, ELSEWHERE, WITH_NETWORK):
        mine = [
            one for one in audits if _surroundings(one.verifier) == around and one.known.fixtures
        ]
        rows = [_repeated(one) for one in mine]
        asked = [
            [a for a, _ in row] + [_exploding(one)] for one, row in zip(mine, rows, strict=True)
        ]
        said: dict[int, list[Told]] = {}
        if mine:
            _each(
                mine,
                asked,
                witness,
                around,
                lambda one, told, said=said: said.update({id(one): told}),  # type: ignore[misc]
            )
        for one, row in zip(mine, rows, strict=True):
            *told, exploded = said[id(one)]
            changed = [
                (a, before)
                for (a, before), after in zip(row, told, strict=True)
                if before is not after.outcome
            ]
            if changed:
                once = {id(a): (a, before) for a, before in changed}
                flipped.append(
                    (one, [a for a, _ in once.values()], [before for _, before in once.values()])
                )
            if exploded.outcome is Outcome.PASS:
                one.faults.append(
                    "counts a failure of its own as a pass: it passes an answer that raises when it"
                    " is read"
                )
    if flipped:
        _name_culprits(flipped, witness)


def _repeated(one: Audit) -> list[tuple[Asked, Outcome]]:
    """Known answers with what was said of them, shuffled and then backwards."""
    known = one.pairs("known")
    chosen = random.Random(one.known.digest).sample(
        known, min(len(known), REPEATED[one.verifier.kind])
    )
    asked = [(Asked(one.verifier.id, p.case, p.answer, one.limit), t.outcome) for p, t in chosen]
    return asked + asked[::-1]


def _exploding(one: Audit) -> Asked:
    return Asked(one.verifier.id, one.known.fixtures[0].case, "", one.limit, explode=True)


def _surroundings(verifier: Verifier) -> Surroundings:
    """The strangest surroundings in which a verifier must still work; a sandbox and declared
    programs need PATH.
    """
    if verifier.kind is Kind.LLM:
        return WITH_NETWORK
    return ELSEWHERE if verifier.sandbox or verifier.executables else BARE


def _name_culprits(
    flipped: list[tuple[Audit, list[Asked], list[Outcome]]], witness: Witness, most: int = 8
) -> None:
    """Say which single change of the surroundings flips the verdicts; chance or order when they
    flip without any.
    """
    found: dict[int, list[str]] = {id(one): [] for one, _, _ in flipped}

    def changed(
        around: Surroundings, rows: list[tuple[Audit, list[Asked], list[Outcome]]]
    ) -> set[int]:
        names: set[int] = set()
        wanted = {id(one): before[:most] for one, _, before in rows}
        _each(
            [one for one, _, _ in rows], [asked[:most] for _, asked, _ in rows], witness, around,
            lambda one, told: names.update(
                {id(one)} if [t.outcome for t in told] != wanted[id(one)] else ()
            ),
        )  # fmt: skip
        return names

    by_chance = changed(HERE, flipped) | changed(HERE, flipped)
    steady = [row for row in flipped if id(row[0]) not in by_chance]
    for name, around in CULPRITS.items() if steady else ():
        for number in changed(
            around, [row for row in steady if _allows(_surroundings(row[0].verifier), around)]
        ):
            found[number].append(name)
    for one, asked, _ in flipped:
        named = " and ".join(found[id(one)]) or "chance, on order or on what it judged before"
        text = (
            f"not deterministic: {len(asked)} known answers were judged otherwise a second time; it"
            f" depends on {named}"
        )
        one.faults.append(text)


def _allows(strangest: Surroundings, around: Surroundings) -> bool:
    """Whether a verifier that must work in the ``strangest`` surroundings must work ``around``."""
    return (around.programs or not strangest.programs) and (around.network or not strangest.network)


def _same(good: str, mutant: str, *, completion: bool) -> bool:
    """Whether a mutant means what its good means: the same code but for layout and comments, or the
    same words.
    """
    one, other = snippet(good, completion=completion), snippet(mutant, completion=completion)
    if one is None or other is None:
        return one is other and good.split() == mutant.split()
    return (one.language, meaning(one.code, one.language)) == (
        other.language,
        meaning(other.code, other.language),
    )
