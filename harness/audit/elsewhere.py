"""Known answers judged again and again, in other surroundings and another order: an honest verdict
depends on none of them, and one that does is named with what it depends on."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from harness.audit.answers.near.hostile import ENDLESS
from harness.audit.drill import EARLY, MOST_FLIPPED, Drill, Flips, Row, flipped
from harness.audit.surroundings import (
    BARE,
    DAY,
    ELSEWHERE,
    HERE,
    MOMENTS,
    OTHER_USER,
    STRANGE,
    WITH_NETWORK,
    Clock,
    Exploding,
    Surroundings,
)
from harness.audit.witness import Asked, Witness
from harness.content.fixtures import MADE
from harness.judging.bench import Told
from harness.judging.verifier import Kind, Outcome, Verifier

if TYPE_CHECKING:
    from harness.audit.auditor import Audit

REPEATED = {  # known answers that are judged again, each more than once
    Kind.PROGRAM: 120,
    Kind.EXECUTED: 16,
    Kind.LLM: 60,
}
CALLS, SECONDS = 3000, 0.25  # of a program, until one of them is reached
ORDER, DATE = "the order, and what it judged before", "the date"
LATE = 0.2  # seconds; few time-outs are shorter
DRILL_SECONDS = 600.0  # CPU seconds after which a drill is given up


@dataclass
class Again:
    """What is asked again of one verifier, how often at most, and which rows changed."""

    one: Audit
    rows: list[Row]
    calls: int = CALLS
    changed: Flips = field(default_factory=dict)

    def asked(self) -> list[Asked]:
        """A drill; of a language model, which is asked for minutes, every row twice."""
        id = self.one.verifier.id
        if self.one.verifier.kind is Kind.LLM:
            asked = [self.one.ask(case, text) for case, text, _ in self.rows]
            return asked + asked[::-1]
        calls = self.calls if self.one.verifier.kind is Kind.PROGRAM else 0
        case, answer = self.one.known.fixtures[0].case, Exploding("")
        drill = Drill(
            self.rows, calls, SECONDS, getattr(self.one.verifier.function, "__module__", "")
        )
        return [Asked(id, case, answer, DRILL_SECONDS, drill=drill)]

    def heard(self, told: Sequence[Told]) -> Flips:
        """The rows that changed."""
        if self.one.verifier.kind is not Kind.LLM:
            return flipped(told[0].judgement, self.rows)
        numbers = [*range(len(self.rows)), *reversed(range(len(self.rows)))]
        return {
            number: (0, "")
            for number, after in zip(numbers, told, strict=True)
            if after.outcome is not self.rows[number][2]
        }

    def shorter(self) -> Again:
        """Some of the rows that changed, and no more calls than those."""
        chosen = sorted(self.changed)[:MOST_FLIPPED]
        return Again(self.one, [self.rows[number] for number in chosen], calls=0)


def judge_again(audits: Sequence[Audit], witness: Witness) -> None:
    """Judge known answers again and write down what changed a verdict as faults."""
    witness = replace(witness, folder=witness.folder.absolute())
    for one in audits:
        _late(one, witness)
    with TemporaryDirectory() as folder:
        nowhere = Surroundings(folder=Path(folder), hidden=_fixtures(witness))
        found: list[Again] = []
        for around in (BARE, ELSEWHERE, WITH_NETWORK):
            mine = [
                Again(one, _repeated(one))
                for one in audits
                if strangest(one.verifier) == around and one.known.fixtures
            ]
            for again in mine:
                tried = [n for n, other in _culprits(nowhere).items() if _allows(around, other)]
                again.one.surroundings = {name: [0, len(again.rows)] for name in (ORDER, *tried)}
            strange = replace(around, folder=nowhere.folder, hidden=nowhere.hidden)
            asked = [[*one.asked(), _exploding(one.one)] for one in mine]
            early: list[Again] = []
            for again, (*told, exploded) in zip(mine, witness.each(asked, strange), strict=True):
                again.changed = again.heard(told)
                again.calls = max((call for call, _ in again.changed.values()), default=0)
                if exploded.outcome is Outcome.PASS and not again.changed:
                    again.one.faults.append(
                        "counts a failure of its own as a pass: it passes an answer that raises"
                        " when it is read"
                    )
                if told[0].judgement.evidence == EARLY:
                    early.append(again)
            found += [again for again in mine if again.changed]
            _load_again(early, witness, strange)
        if found:
            _name_culprits(found, witness, nowhere)


def _load_again(early: Sequence[Again], witness: Witness, strange: Surroundings) -> None:
    """Load verifiers that read the clock while they are loaded on other days and hours, and write
    down which depend on that."""
    left = list(early)
    for ahead in islice(Clock().moments(), MOMENTS) if early else ():
        few = [Again(again.one, again.rows[:MOST_FLIPPED], calls=0) for again in left]
        around = replace(strange, days=ahead / DAY)
        said = witness.each([one.asked() for one in few], around)
        for again, told in zip(few, said, strict=True):
            if changed := again.heard(told):
                again.one.surroundings[DATE][0] = len(changed)
                again.one.faults.append(
                    "not deterministic: it reads the clock while it is loaded, and its judgements"
                    f" depend on the date and the hour of that ({ahead / DAY:.1f} days ahead)"
                )
        left = [again for again, told in zip(left, few, strict=True) if not told.one.faults]


def _late(one: Audit, witness: Witness) -> None:
    """Write down that an answer without end passes, and only after a time-out: of a verifier that
    reads, it may pass at once. An answer is asked twice, since a busy machine is late as well."""
    usual = statistics.median(told.seconds for told in one.told)
    late = max(LATE, 4 * usual)
    for probe, told in one.pairs("bomb"):
        if probe.name.removeprefix(MADE) in ENDLESS and told.outcome is Outcome.PASS:
            if told.seconds > late:
                (told,) = witness.tell([one.ask(probe.case, probe.answer, last=True)])
            if told.outcome is Outcome.PASS and told.seconds > late:
                one.faults.append(
                    f"counts a time-out as a pass: {probe.name} passes after {told.seconds:.1f} s,"
                    f" where {usual:.2g} s are usual"
                )
                return


def strangest(verifier: Verifier) -> Surroundings:
    """The strangest surroundings in which a verifier must still work; a sandbox and declared
    programs need PATH."""
    if verifier.kind is Kind.LLM:
        return WITH_NETWORK
    return ELSEWHERE if verifier.sandbox or verifier.executables else BARE


def _fixtures(witness: Witness) -> tuple[Path, ...]:
    """The folders of known answers that a verifier shall not look into."""
    folders = {witness.folder.parent / "audits", *([witness.audits] if witness.audits else [])}
    return tuple(one.absolute() for one in folders if one.absolute() not in witness.folder.parents)


def _repeated(one: Audit) -> list[Row]:
    """Known answers with what was said of them, good and bad in turns."""
    rng = random.Random(one.known.seed)
    known = one.pairs("known")
    sides = [[pair for pair in known if pair[0].good is good] for good in (True, False)]
    turns = chain.from_iterable(zip_longest(*[rng.sample(side, len(side)) for side in sides]))
    chosen = [pair for pair in turns if pair is not None][: REPEATED[one.verifier.kind]]
    return [(probe.case, probe.answer, told.outcome) for probe, told in chosen]


def _exploding(one: Audit) -> Asked:
    return Asked(one.verifier.id, one.known.fixtures[0].case, Exploding(""))


def _name_culprits(found: Sequence[Again], witness: Witness, nowhere: Surroundings) -> None:
    """Say which single change of the surroundings changes the verdicts, or which few together;
    chance or order when they change without any."""

    def changed(rows: Sequence[Again], around: Surroundings) -> list[Flips]:
        told = witness.each([again.asked() for again in rows], around) if rows else []
        return [again.heard(one) for again, one in zip(rows, told, strict=True)]

    named: dict[int, list[str]] = {id(again): [] for again in found}
    for again, one, other in zip(found, changed(found, HERE), changed(found, HERE), strict=True):
        call = min(call for call, _ in one.values()) if one else 0
        if call and one == other:
            named[id(again)].append(f"what it judged before (it changed at call {call})")
        elif one or other:
            named[id(again)].append("chance, on order or on what it judged before")
        again.one.surroundings[ORDER][0] = len(one or other)
    steady = [again for again in found if not named[id(again)]]
    for name, around in _culprits(nowhere).items():
        allowed = [again for again in steady if _allows(strangest(again.one.verifier), around)]
        rows = allowed if around.days else [again.shorter() for again in allowed]
        for again, one in zip(allowed, changed(rows, around), strict=True):
            when = min(one.values())[1] if one else ""
            if one:
                named[id(again)].append(f"{name} ({when})" if when else name)
                again.one.surroundings[name][0] = len(one)
    for again in steady:
        if not named[id(again)]:
            named[id(again)] = _together(again, witness, nowhere)
    for again in found:
        on = " and ".join(named[id(again)]) or "several of its surroundings at once"
        more = " or more" if len(again.changed) == MOST_FLIPPED else ""
        again.one.faults.append(
            f"not deterministic: {len(again.changed)}{more} known answers were judged otherwise"
            f" when they were asked again; it depends on {on}"
        )


def _together(again: Again, witness: Witness, nowhere: Surroundings) -> list[str]:
    """The changes of the surroundings without any of which no verdict changes: one after the other
    is left out for good if verdicts change all the same."""
    strange = strangest(again.one.verifier)
    left = {name: one for name, one in _culprits(nowhere).items() if _allows(strange, one)}
    changed: Flips = {}
    for name in [None, *left]:
        kept = {other: one for other, one in left.items() if other != name}
        (told,) = witness.each([again.asked()], _all_of(kept.values()))
        if flips := again.heard(told):
            left, changed = kept, flips
        elif name is None:
            return []
    for name in left:
        again.one.surroundings[name][0] = len(changed)
    return [*left]


def _all_of(changes: Iterable[Surroundings]) -> Surroundings:
    every = [HERE, *changes]
    return Surroundings(
        tuple(chain.from_iterable(one.environment for one in every)),
        days=max(one.days for one in every),
        network=all(one.network for one in every),
        programs=all(one.programs for one in every),
        packages=all(one.packages for one in every),
        folder=next((one.folder for one in every if one.folder), None),
        hidden=tuple(chain.from_iterable(one.hidden for one in every)),
    )


def _culprits(nowhere: Surroundings) -> dict[str, Surroundings]:
    return {
        "the time zone": Surroundings(STRANGE[:1]),
        "the locale": Surroundings(STRANGE[1:3]),
        "the hash seed": Surroundings(STRANGE[3:]),
        DATE: Surroundings(days=366),
        "the network": Surroundings(network=False),
        "programs on PATH that it does not declare": Surroundings(programs=False),
        "packages that it does not declare": Surroundings(packages=False),
        "its user or another variable of the environment": Surroundings(OTHER_USER),
        "the working folder or the user's home": replace(nowhere, hidden=()),
        "the fixtures of its audit, which it reads": replace(nowhere, folder=None),
    }


def _allows(strange: Surroundings, around: Surroundings) -> bool:
    """Whether a verifier that must work in ``strange`` surroundings must work ``around``."""
    return (around.programs or not strange.programs) and (around.network or not strange.network)
