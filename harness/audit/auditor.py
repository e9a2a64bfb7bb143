"""Run the audits: every verifier on its fixtures, on what the harness makes of them, and in other
surroundings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.audit import elsewhere, store, tally
from harness.audit.answers.lexing import meaning, snippet
from harness.audit.answers.operators import names, waived
from harness.audit.answers.probes import BOMB_LIMIT, Probe, probes
from harness.audit.bound import binding, seen
from harness.audit.certificate import Certificate
from harness.audit.witness import Asked, Pulse, Witness, too_slow
from harness.content import fixtures
from harness.content.case import Case
from harness.content.fixtures import Known
from harness.content.policy import Proof
from harness.errors import WorkspaceError
from harness.judging import discovery
from harness.judging.answer import Answer
from harness.judging.bench import Told
from harness.judging.verifier import Kind, Outcome, Verifier
from harness.judging.workers import Judges
from harness.sandbox import cores

Progress = Callable[[str, int, int], None]


@dataclass
class Audit:
    """One verifier under audit: what is known, what is asked, and what it said here and
    elsewhere."""

    verifier: Verifier
    known: Known
    bound: dict[str, Any]
    probes: list[Probe] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    surroundings: dict[str, list[int]] = field(default_factory=dict)
    quarantine: dict[int, str] = field(default_factory=dict)  # id of a probe -> why it is set aside
    proof: Proof = field(default_factory=Proof)

    def ask(self, case: Case, answer: str, limit: float | None = None, last: bool = False) -> Asked:
        """The question whether an answer passes."""
        timed = self.verifier.kind is not Kind.LLM
        return Asked(self.verifier.id, case, Answer(answer), limit, last, timed)

    def asked(self) -> list[Asked]:
        """Everything to ask here."""
        limits = {"bomb": BOMB_LIMIT}
        return [
            self.ask(p.case, p.answer, limits.get(p.group), last=p.group != "known")
            for p in self.probes
        ]

    def pairs(self, *groups: str) -> list[tuple[Probe, Told]]:
        """What was said of the probes of these groups."""
        return [(p, t) for p, t in zip(self.probes, self.told, strict=True) if p.group in groups]


def certify(
    verifiers: Iterable[Verifier],
    audits: Path,
    judges: Judges | Witness,
    sandbox: str | None,
    progress: Progress | None = None,
    proof: Proof | None = None,
) -> dict[str, Certificate]:
    """A certificate for each verifier, by what ``proof`` asks for: the stored one if nothing
    changed, else from a fresh audit.

    Raises :class:`WorkspaceError` for fixtures that cannot be read."""
    wanted, asks = list(verifiers), proof or Proof()
    found: dict[str, Certificate] = {}
    stale: list[Audit] = []
    for verifier in wanted:
        kept, bound = store.look(verifier, audits, sandbox, asks)
        if kept is not None:
            found[verifier.id] = kept
            continue
        known = fixtures.read(audits, verifier.id)
        wrong = fixtures.policy_faults(known.waive, known.deadly, names())
        if wrong:
            raise WorkspaceError(f"{audits / verifier.id}: {'; '.join(wrong)}")
        stale.append(Audit(verifier, known, bound | {"fixtures": known.digest}, proof=asks))
    done, read = len(found), {one.verifier.id: one.known.files for one in stale}
    pulse = Pulse(progress) if progress else None
    witness = Witness(judges.folder, judges.digest, sandbox, pulse, audits)
    siblings = list(discovery.discover(judges.folder).verifiers.values()) if stale else []
    groups = parted(stale, 2 * children())
    if progress:
        progress("audit", done, len(wanted))
    # one group more than there are cores, as each waits at times for a process to start or to end
    with ThreadPoolExecutor(children() + 1) as pool:
        audited = [pool.submit(audit, group, witness, siblings) for group in groups]
        for certified in (one.result() for one in as_completed(audited)):
            for one in certified:
                store.store(one, read[one.verifier])
                found[one.verifier] = one
            done += len(certified)
            if progress:
                progress("audit", done, len(wanted))
    return {verifier.id: found[verifier.id] for verifier in wanted}


def parted(audits: Sequence[Audit], parts: int) -> list[list[Audit]]:
    """First each facet that runs what was answered, by how much there is to ask, as that takes
    longest; then the others in at most so many parts of about the same length. Neighbours are of
    one facet, as far as that goes: its criteria share what they compile."""
    ordered = sorted(audits, key=lambda one: (one.verifier.facet, one.verifier.id))
    facets = [list(own) for _, own in groupby(ordered, lambda one: one.verifier.facet)]
    running: list[list[Audit]] = []
    rest: list[Audit] = []
    for own in facets:
        if any(one.verifier.sandbox for one in own):
            running.append(own)
        else:
            rest += own
    running.sort(key=lambda own: -sum(len(one.known.fixtures) for one in own))
    each = -(-len(rest) // parts) or 1
    return [*running, *(rest[n : n + each] for n in range(0, len(rest), each))]


def audit(
    audits: Sequence[Audit], witness: Witness, siblings: Sequence[Verifier] = ()
) -> list[Certificate]:
    """Audit several verifiers in one child process: here, then elsewhere; ``siblings`` may share
    their facets."""
    with TemporaryDirectory(prefix="harness-notes-") as scratch:
        notes = Path(scratch) / "notes.jsonl"
        facets = {one.verifier.facet for one in audits}
        beside = [one for one in siblings if one.facet in facets]
        only = discovery.files(witness.folder, [*beside, *(one.verifier for one in audits)])
        _ask(audits, replace(witness, notes=notes, only=only), siblings)
        noted = seen.read(notes)
    for one in audits:
        found, faults = binding.observed(one.verifier, noted)
        one.bound |= found
        one.faults += faults
    return [tally.certificate(one) for one in audits]


def _ask(audits: Sequence[Audit], witness: Witness, siblings: Sequence[Verifier]) -> None:
    """Put every question, here and then elsewhere."""
    for one in audits:
        one.probes = probes(one.verifier, one.known)
    parts = children() if any(one.verifier.sandbox for one in audits) else 1
    said = witness.each([one.asked() for one in audits], parts=parts)
    for one, told in zip(audits, said, strict=True):
        one.told = told
        one.faults += too_slow(told)
    _quarantine(audits, witness, siblings)
    steady = [one for one in audits if not one.faults and not any(t.hung for t in one.told)]
    elsewhere.judge_again(steady, witness)


def children() -> int:
    """Processes to judge in: one for each core, four at most."""
    return min(4, cores.available())


def _quarantine(audits: Sequence[Audit], witness: Witness, siblings: Sequence[Verifier]) -> None:
    """Set aside what says nothing about a verifier: what passed and means the same as the good it
    was made from, what the rule of the last block makes right, what the author waived with a
    reason, and what breaks another criterion of the facet: one whose verifier passes the good."""
    doubtful: list[tuple[Audit, Probe, Asked, Asked]] = []
    asked: dict[tuple[str, str, str], Asked] = {}  # a good is put to each sibling once
    for one in audits:
        goods = {f.name: f.answer for f in one.known.fixtures}
        completion = one.verifier.kind is Kind.EXECUTED
        for probe, told in one.pairs("mutant", "near"):
            if told.outcome is not Outcome.PASS:
                continue
            good, last = goods[probe.of], told.judgement.rule.startswith("last")
            if waived(one.known, probe.operator):
                one.quarantine[id(probe)] = "waived"
            elif (probe.operator == "block-before-wrong" and last) or _same(
                good, probe.answer, completion=completion
            ):
                one.quarantine[id(probe)] = "equivalent"
            else:
                for other in _beside(one.verifier, siblings):
                    rows = [(other, probe.case.id, text) for text in (good, probe.answer)]
                    asks = [
                        asked.setdefault(row, Asked(other, probe.case, Answer(row[2])))
                        for row in rows
                    ]
                    doubtful.append((one, probe, asks[0], asks[1]))
    told_of = dict(zip(asked, witness.tell(list(asked.values())), strict=True))
    said = {id(ask): told_of[row].outcome for row, ask in asked.items()}
    for one, probe, good_ask, ask in doubtful:
        if said[id(good_ask)] is Outcome.PASS and said[id(ask)] is Outcome.FAIL:
            one.quarantine[id(probe)] = "other-criterion"


def _beside(verifier: Verifier, siblings: Sequence[Verifier]) -> list[str]:
    """The other programs of a verifier's facet."""
    return [
        other.id
        for other in siblings
        if other.facet == verifier.facet and other.id != verifier.id and other.kind is not Kind.LLM
    ]


def _same(good: str, mutant: str, *, completion: bool) -> bool:
    """Whether a mutant means what its good means: the same code but for layout and comments, or the
    same words."""
    one, other = snippet(good, completion=completion), snippet(mutant, completion=completion)
    if one is None or other is None:
        return one is other and good.split() == mutant.split()
    return (one.language, meaning(one.code, one.language)) == (
        other.language,
        meaning(other.code, other.language),
    )
