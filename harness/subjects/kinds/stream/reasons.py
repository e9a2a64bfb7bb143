"""What the receipts of a stream call for: what was learnt, what was lost, what may be said of each
baseline, and whether everything that was registered is there. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from harness.stats.paired import GuardState, guard_state, mcnemar_exact
from harness.stats.subjects.equivalence import Compared, compared_binary
from harness.stats.values import Undefined
from harness.subjects.arms import ADAPTER, BASE
from harness.subjects.base import Evidence, Numbers
from harness.subjects.kinds.stream import matrix as matrices
from harness.subjects.kinds.stream import pools
from harness.subjects.kinds.stream.from_files import CALLED, ORACLE, READ, baseline, wording
from harness.subjects.kinds.stream.matrix import Matrix
from harness.subjects.kinds.stream.spec import Stream
from harness.verdict import Reason, reason

Pairs = tuple[int, int, int]  #: only the first passes, only the second, prompts


def decided(evidence: Evidence) -> tuple[Numbers, list[Reason]]:
    """The card's numbers and every reason."""
    own: Stream = evidence.own
    found = matrix(own, evidence)
    said = {} if found is None else shown(found)
    reasons = list(_matrix(own, found))
    against: dict[str, Compared] = {}
    if own.stages and found is not None and not found.holes:
        reasons += _measured(own, evidence)
        against = {arm: _pooled(own, evidence, arm) for arm in _baselines(own, evidence)}
        if ORACLE not in against:
            text = "no oracle was measured beside it: what the pool costs is not known"
            reasons.append(reason("stream-open", ORACLE, text))
        for arm, one in against.items():
            margin = getattr(own.margins, arm)
            reasons.append(baseline(arm, CALLED[arm], asdict(one), margin, evidence.alpha))
    measured = evidence.measured
    for what, read in READ.items():
        for case, numbers in measured.get(what, {}).items():
            reasons += read(case, numbers)
    outcomes = [one.outcome for one in against.values()]
    for numbers in measured.get("study", {}).values():
        outcomes += [one["outcome"] for arm, one in numbers["against"].items() if arm in CALLED]
    reasons += wording(own.says, outcomes)
    of = {arm: asdict(one) for arm, one in against.items()}
    routes = measured.get("routes", {})
    more = {"against": of, "routes": {case: dict(routes[case]) for case in routes}}
    return {**said, **more, **_alone(own, evidence)}, reasons


def matrix(own: Stream, evidence: Evidence) -> Matrix | None:
    """R of the published cells, or of the receipts; ``None`` where there is none at all."""
    if own.matrix is not None:
        cells = evidence.measured.get("matrix", {})
        return _published(cells) if cells else None
    order = [stage.learns for stage in own.stages]
    rows = [_row(evidence, order, arm) for arm in (BASE, *_arms(own))]
    known = [score for row in rows for score in row if score is not None]
    return Matrix(order, rows[1:], rows[0], ["pass@1"] * len(order)) if known else None


def shown(found: Matrix) -> Numbers:
    """What a card prints of a matrix: no forgetting where a domain was not learnt."""
    numbers = matrices.rising(found).numbers
    said: dict[str, Any] = {} if numbers is None else _plain(vars(numbers))
    if numbers is not None and any(gain <= 0 for gain in numbers.gains):
        for key in ("forgetting", "forgetting_over_all", "first_last", "backward"):
            said[key] = "void: a domain was not learnt, and what was not learnt is not forgotten"
    rows = {"order": list(found.order), "base": found.base, "scores": [*map(list, found.scores)]}
    return {**rows, "holes": found.holes, **said}


def _published(cells: Mapping[str, Numbers]) -> Matrix:
    rows: dict[int, dict[str, float | None]] = {}
    metrics: dict[str, str] = {}
    for key, cell in cells.items():
        stage, domain = key.split(" ", 1)
        metrics[domain] = str(cell["metric"])
        rows.setdefault(int(stage), {})[domain] = cell["score"]
    order = list(metrics)
    table = {stage: [row.get(domain) for domain in order] for stage, row in rows.items()}
    base = table.pop(0, None)
    scores = [table.get(n, [None] * len(order)) for n in range(1, len(order) + 1)]
    return Matrix(order, scores, base, [metrics[domain] for domain in order])


def _arms(own: Stream) -> list[str]:
    """The arm of the pool after each stage."""
    return [*(f"stage {n}" for n in range(1, len(own.stages))), ADAPTER]


def _row(evidence: Evidence, order: Sequence[str], arm: str) -> list[float | None]:
    found: list[float | None] = []
    for suite in order:
        answers = evidence.outcomes.get(suite, {}).get(arm, {})
        passed = [outcome == "pass" for of in answers.values() for outcome in of]
        found.append(sum(passed) / len(passed) if passed else None)
    return found


def _matrix(own: Stream, found: Matrix | None) -> Iterator[Reason]:
    """Whether the matrix is one, is whole, and says what was published of it."""
    if found is None:
        return
    if wrong := list(matrices.faults(found)):
        yield reason("stream-mixed", "R", "; ".join(wrong))
        return
    if found.holes and own.stages:  # what was not answered is a reason of its suite
        return
    if found.holes:
        few = ", ".join(found.holes[:5]) + (", ..." if len(found.holes) > 5 else "")
        yield reason("stream-lacking", "R", f"{len(found.holes)} cells are missing: {few}")
        return
    numbers = matrices.rising(found).numbers
    assert numbers is not None
    for text in matrices.unlike(numbers, own.numbers, own.tolerance * found.whole):
        yield reason("stream-claim", "R", text)
    if own.matrix is None:
        return
    dead = [d for d, gain in zip(found.order, numbers.gains, strict=False) if gain <= 0]
    if dead:
        text = f"{', '.join(dead)}: no better after learning than before; what was not learnt is"
        yield reason("stream-not-learnt", "R", f"{text} not forgotten, so its forgetting is void")
    lost = numbers.forgetting
    allowed = own.margins.forgetting * found.whole
    if not isinstance(lost, Undefined) and lost > allowed:
        text = f"forgot {lost:.4g} (best so far minus last), and {allowed:g} may be"
        yield reason("stream-forgot", "R", text)
    text = "R was published, and nothing of it was measured here: it can refuse, and ships nothing"
    if isinstance(numbers.plasticity, Undefined):
        text += "; without a row of base nobody can see whether anything was learnt"
    yield reason("stream-published", "R", text)


def _measured(own: Stream, evidence: Evidence) -> Iterator[Reason]:
    """Whether each domain was learnt, and kept until the end, prompt by prompt."""
    alpha, margin, arms = evidence.alpha, own.margins.forgetting, _arms(own)
    whole = (0, 0, 0)
    open_, dead, lost = [], [], []
    for stage, arm in zip(own.stages, arms, strict=True):
        gained, less, n = pairs(evidence, stage.learns, arm, BASE)
        if n and gained <= less:
            dead.append(stage.learns)
        elif n and mcnemar_exact(gained, less) / 2 > alpha:
            open_.append(stage.learns)
        if arm == ADAPTER:
            continue
        after = pairs(evidence, stage.learns, ADAPTER, arm)
        whole = (whole[0] + after[0], whole[1] + after[1], whole[2] + after[2])
        if after[2] and guard_state(*after, margin, alpha / len(arms)) in LOST:
            lost.append(f"{stage.learns} ({after[1]} of {after[2]} prompts lost)")
    if dead:
        text = f"{', '.join(dead)}: no better than base right after learning: what was not learnt"
        yield reason("stream-not-learnt", "R", f"{text} is not forgotten, so forgetting is void")
        return
    if open_:
        yield reason("stream-open", "R", f"no gain over base is shown of {', '.join(open_)}")
    if not whole[2]:
        return
    state, seen = guard_state(*whole, margin, alpha), f"{whole[1]} prompts lost, {whole[0]} won"
    seen = f"{seen} of {whole[2]} since they were learnt; margin {100 * margin:g} points"
    if lost or state in LOST:
        where = f": {', '.join(lost)}" if lost else ""
        yield reason("stream-forgot", "R", f"forgot{where}; {seen}")
    elif state is GuardState.HELD and not open_:
        yield reason("stream-kept", "R", f"every domain was learnt and kept: {seen}")
    elif state is not GuardState.HELD:
        yield reason("stream-open", "R", f"neither kept nor forgotten: {seen}")


LOST = (GuardState.BROKEN, GuardState.REGRESSED)


def pairs(evidence: Evidence, suite: str, first: str, second: str) -> Pairs:
    """What only the first passes, only the second, and all, on the same prompts of a suite; prompts
    of one group are one, which goes to whom most of them go."""
    arms, groups = evidence.outcomes.get(suite, {}), evidence.groups.get(suite, {})
    one, other = arms.get(first, {}), arms.get(second, {})
    leads: dict[str, int] = {}
    for case in one.keys() & other.keys():
        group = groups.get(case, case)
        lead = one[case].count("pass") - other[case].count("pass")
        leads[group] = leads.get(group, 0) + lead
    won = sum(lead > 0 for lead in leads.values())
    return won, sum(lead < 0 for lead in leads.values()), len(leads)


def _baselines(own: Stream, evidence: Evidence) -> list[str]:
    """The baselines that answered every domain."""
    return [
        arm
        for arm in CALLED
        if all(pairs(evidence, stage.learns, ADAPTER, arm)[2] for stage in own.stages)
    ]


def _pooled(own: Stream, evidence: Evidence, arm: str) -> Compared:
    """All domains together."""
    found = [pairs(evidence, stage.learns, ADAPTER, arm) for stage in own.stages]
    gained, less, n = (sum(column) for column in zip(*found, strict=True))
    return compared_binary(gained, less, n, getattr(own.margins, arm), evidence.alpha)


def _alone(own: Stream, evidence: Evidence) -> Numbers:
    """The score of each slot that answered every domain by itself, the mean over domains; what a
    router that draws a slot for each prompt is expected to score is the mean over slots."""
    order, slots = [stage.learns for stage in own.stages], pools.kept(own, len(own.stages))
    rows = {slot: _row(evidence, order, pools.ALONE.format(slot)) for slot in slots}
    whole = {slot: [s for s in row if s is not None] for slot, row in rows.items()}
    if not own.slots_alone or any(len(row) < len(order) for row in whole.values()):
        return {}
    means = {slot: fmean(row) for slot, row in whole.items()}
    return {"alone": means, "drawn": fmean(means.values())}


def _plain(found: Mapping[str, Any]) -> Numbers:
    return {k: v.reason if isinstance(v, Undefined) else v for k, v in found.items()}
