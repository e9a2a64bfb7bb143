"""What an audit adds up to: the counts, the names of what was wrong, and the surviving mutants of a
certificate."""

from __future__ import annotations

import difflib
from collections import Counter
from typing import TYPE_CHECKING

from harness.audit.answers import alike
from harness.audit.answers.mutants import unknown
from harness.audit.answers.near.misses import RESULTS
from harness.audit.answers.operators import FAMILIES, described, family
from harness.audit.answers.probes import answers
from harness.audit.certificate import Certificate
from harness.audit.questions import LEAST_KILLED, Question, Survivor
from harness.content.fixtures import MADE
from harness.judging.verifier import Kind, Outcome

if TYPE_CHECKING:
    from harness.audit.answers.probes import Probe
    from harness.audit.auditor import Audit
    from harness.judging.bench import Told


def certificate(one: Audit) -> Certificate:
    """The certificate of a finished audit."""
    judged = [(p, t) for p, t in one.pairs("known", "deadly") if t.asked]
    made = [(p, t) for p, t in one.pairs("degenerate", "bomb") if p.operator != "bomb-behind"]
    wrong = [(p, t) for p, t in judged if (t.outcome is Outcome.PASS) != p.good]
    flips = [(p, t) for p, t in one.pairs("variant") if t.asked and t.outcome is not Outcome.PASS]
    absurd = list(dict.fromkeys(p.name for p, t in made if t.outcome is Outcome.PASS))
    proven = [(p, t) for p, t in _constructed(one) if t.outcome is Outcome.PASS]
    absurd += [f"{MADE}{p.operator} of {p.of}" for p, _ in proven]
    alive, rows = _alive(one), _by_operator(one)
    tasks = _tasks(judged)
    correlation, variants = one.proof.kind_correlation, one.pairs("variant")
    known = [_alike(p) for p, _ in judged if not p.good and p.fixture]
    bad, kinds = alike.bads([*known, *_made_bads(one, judged, rows)], correlation)
    return Certificate(
        verifier=one.verifier.id,
        version=one.verifier.version,
        kind=one.verifier.kind.value,
        level=one.verifier.level,
        good=sum(f.good for f in one.known.fixtures),
        bad=sum(not f.good for f in one.known.fixtures),
        degenerate=_must_fail(one),
        false_passes=[p.name for p, _ in wrong if not p.good] + absurd,
        false_fails=[p.name for p, _ in wrong if p.good],
        binding=dict(one.bound),
        notes=[_note(p, t) for p, t in (*wrong[:4], *proven[:2], *flips[:2])],
        tasks=len(tasks),
        tasks_failed=sum(tasks.values()),
        variants=len(variants),
        flips=[p.name for p, _ in flips],
        faults=_hangs(one) + one.faults,
        surroundings=one.surroundings,
        outcomes=_outcomes(judged),
        parts=_parts(judged),
        mutants=_score(one),
        operators=rows,
        survivors=_survivors(alive),
        questions=_questions(one, alive, rows),
        waived=dict(one.known.waive),
        unknown=unknown(answers(one.verifier, one.known, good=True)),
        runs=3,
        seconds=round(sum(t.seconds for t in one.told) / max(1, len(one.told)), 6),
        calls=len(one.told),
        effective_good=alike.goods(
            [_alike(p) for p, _ in judged if p.good],
            correlation,
            completion=one.verifier.kind is Kind.EXECUTED,
        ),
        effective_known=alike.bads(known, correlation)[0],
        effective_bad=min(bad, sum(not f.good for f in one.known.fixtures)),
        effective_variants=alike.variants([_alike(p) for p, _ in variants], correlation),
        kinds=kinds,
        proof=one.proof,
    )


def _must_fail(one: Audit) -> int:
    """How much the harness made that must fail, as ``false_passes`` names it: an absurd answer once
    for all cases, what an author called deadly and what is wrong by construction one by one."""
    made = {p.name for p, _ in one.pairs("degenerate", "bomb") if p.operator != "bomb-behind"}
    return len(made) + len(one.pairs("deadly")) + len(_constructed(one))


def _constructed(one: Audit) -> list[tuple[Probe, Told]]:
    """Near misses that are wrong by construction: the verifier fails their good in the case that
    they would be right for, so it tells the two apart."""
    told_apart = {id(p.case) for p, t in one.pairs("control") if t.outcome is Outcome.FAIL}
    return [
        (p, t)
        for p, t in one.pairs("near")
        if id(p.other) in told_apart and id(p) not in one.quarantine
    ]


def _made_bads(
    one: Audit, judged: list[tuple[Probe, Told]], rows: dict[str, list[int]]
) -> list[alike.Known]:
    """What the harness made that is wrong by construction, by the author's word, or by an operator
    all of whose answers fail and of which the author has not said that it says nothing."""
    failing = {name for name, (killed, made) in rows.items() if killed == made}
    wrong = [p for p, _ in judged if not p.good and not p.fixture]
    wrong += [p for p, _ in _constructed(one)]
    scored = [p for p, _ in one.pairs("mutant", "near") if id(p) not in one.quarantine]
    wrong += [p for p in scored if p.operator in failing]
    return [_alike(probe) for probe in wrong]


def _alike(probe: Probe) -> alike.Known:
    kind = probe.fixture.kind if probe.fixture else probe.operator
    return alike.Known(probe.case, probe.answer, kind, made=probe.fixture is None)


def _tasks(judged: list[tuple[Probe, Told]]) -> dict[str, bool]:
    """Every distinct case that has a bad answer, and whether any of them passed: answers to one
    task fail together."""
    found: dict[str, bool] = {}
    for probe, told in judged:
        if not probe.good:
            task = alike.task(probe.case)
            found[task] = found.get(task, False) or told.outcome is Outcome.PASS
    return found


def _outcomes(judged: list[tuple[Probe, Told]]) -> dict[str, dict[str, int]]:
    """The confusion matrix on the author's fixtures."""
    counts = {label: {outcome.value: 0 for outcome in Outcome} for label in ("good", "bad")}
    for probe, told in judged:
        if probe.group == "known":
            counts["good" if probe.good else "bad"][told.outcome.value] += 1
    return counts


def _parts(judged: list[tuple[Probe, Told]]) -> dict[str, list[int]]:
    """Passed and all bads of each part of a composite criterion."""
    counts: dict[str, list[int]] = {}
    for probe, told in judged:
        if probe.fixture is not None and probe.fixture.violates:
            row = counts.setdefault(probe.fixture.violates, [0, 0])
            row[0] += told.outcome is Outcome.PASS
            row[1] += 1
    return counts


def _note(probe: Probe, told: Told) -> str:
    """Why a judgement was wrong, on one line."""
    if probe.good:
        text = (
            f"{probe.name}: {told.judgement.outcome} ({told.judgement.reason})"
            f" {told.judgement.evidence}"
        )
    else:
        why = (
            probe.fixture.why
            if probe.fixture
            else probe.why or f"{probe.operator} makes it bad for this verifier"
        )
        text = f"{probe.name} passed although: {why}"
    return " ".join(text.split())[:240]


def _hangs(one: Audit) -> list[str]:
    lost = [(p, t) for p, t in zip(one.probes, one.told, strict=True) if t.hung]
    return [f"does not end on {p.name}: {t.judgement.evidence[:200]}" for p, t in lost[:1]]


def _score(one: Audit) -> dict[str, int]:
    counts = Counter({"killed": 0, "survived": 0})
    for probe, told in one.pairs("mutant", "near"):
        alive = told.outcome is Outcome.PASS
        counts[one.quarantine.get(id(probe), "survived") if alive else "killed"] += 1
    return dict(counts)


def _by_operator(one: Audit) -> dict[str, list[int]]:
    """The killed and the scored answers of each operator."""
    rows: dict[str, list[int]] = {}
    for probe, told in one.pairs("mutant", "near"):
        if id(probe) not in one.quarantine:
            row = rows.setdefault(probe.operator, [0, 0])
            row[0] += told.outcome is not Outcome.PASS
            row[1] += 1
    return rows


def _alive(one: Audit) -> list[Survivor]:
    """What passed and is not set aside, as differences from the good; the shortest first."""
    goods = {f.name: f.answer for f in one.known.fixtures}
    found = [
        Survivor(probe.operator, probe.of, _diff(goods[probe.of], probe.answer))
        for probe, told in one.pairs("deadly", "mutant", "near")
        if told.outcome is Outcome.PASS and id(probe) not in one.quarantine
    ]
    return sorted(found, key=lambda survivor: len(survivor.diff))


def _diff(good: str, answer: str) -> str:
    """What differs, without empty lines."""
    lines = difflib.unified_diff(good.splitlines(), answer.splitlines(), lineterm="", n=1)
    return "\n".join([line for line in lines if line[1:].strip()][2:16])


def _survivors(alive: list[Survivor], each: int = 2) -> list[Survivor]:
    """The first of each operator."""
    shown: Counter[str] = Counter()
    found = []
    for survivor in alive:
        shown[survivor.operator] += 1
        if shown[survivor.operator] <= each:
            found.append(survivor)
    return found


def _questions(one: Audit, alive: list[Survivor], rows: dict[str, list[int]]) -> list[Question]:
    """What the author has to answer: operators of which any near miss or most mutants pass, and
    more of them until the score is reached; a family at once where none of it fails."""
    near = {probe.operator for probe, _ in one.pairs("near")}
    shares = {name: killed / made for name, (killed, made) in rows.items() if killed < made}
    worst = sorted(shares, key=lambda name: (shares[name], name))
    asked = [name for name in worst if name in near or shares[name] < LEAST_KILLED]
    for name in worst:
        rest = [row for other, row in rows.items() if other not in asked]
        killed, made = sum(row[0] for row in rest), sum(row[1] for row in rest)
        if name not in asked and killed < one.proof.min_killed * made:
            asked.append(name)
    together: dict[str, list[str]] = {}
    for name in asked:
        own = family(name)
        kin = [other for other in rows if own and family(other) == own]
        blind = [other for other in kin if not rows[other][0]]
        if len(blind) < 2 or name not in blind or (FAMILIES[own].whole and _seen(kin, rows)):
            own = name
        together.setdefault(own, []).append(name)
    return [_question(name, own, alive, rows) for name, own in together.items()]


def _seen(kin: list[str], rows: dict[str, list[int]]) -> bool:
    """Whether any of a family fails; of code that is run, any whose result is spoilt."""
    tried = [name for name in kin if name in RESULTS] or kin
    return any(rows[name][0] for name in tried)


def _question(
    name: str, operators: list[str], alive: list[Survivor], rows: dict[str, list[int]]
) -> Question:
    first = next(survivor for survivor in alive if survivor.operator in operators)
    killed, made = (sum(rows[one][n] for one in operators) for n in (0, 1))
    says = FAMILIES[name].says if name in FAMILIES else described()[name]
    return Question(name, operators, says, killed, made, first.of, first.diff)
