"""Whether the adapter's answers loop or run out of tokens more often than base's: a guard over all
suites together.

What counts is an answer that ends in a loop, that a compressor shrinks more than base's own
answers, or that never stopped by itself. The rules for repeated lines and n-grams flag sound code
(every fourth passing answer to HumanEval), so they are not used here. Nobody tunes an adapter to
loop, so alpha is not corrected for looks. Thresholds and sources are those of
:mod:`harness.stats.subjects.degeneration`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from harness.deciding.contrasts import LOST, Held, hold
from harness.deciding.instrument.feasible import degeneration_provable, prompts_for_degeneration
from harness.deciding.outcomes import Outcomes, units
from harness.deciding.sentences import points
from harness.evidence.receipts import Receipt
from harness.evidence.registration import Registration
from harness.stats.paired import GuardState
from harness.stats.subjects.degeneration import (
    COMPRESSION_LIMIT,
    highest_zlib_ratio,
    loop_period,
    looped,
)
from harness.stats.values import Undefined
from harness.subjects.arms import ADAPTER, BASE
from harness.verdict import Reason, reason

ARMS = (BASE, ADAPTER)


@dataclass(frozen=True)
class Degeneration:
    """Degenerate answers of both arms: by sign and arm, by suite and arm, and the guard over every
    paired prompt, ``n`` of them in ``groups`` groups.

    ``new`` counts the prompts on which what is judged degenerates and base does not."""

    n: int
    groups: int
    new: int
    signs: dict[str, dict[str, int]]
    suites: dict[str, dict[str, int]]
    worse: list[str]
    guard: Held | None


def measure(registration: Registration, receipts: Iterable[Receipt]) -> Degeneration:
    """Count the degenerate answers to every prompt that both arms have answered with every
    sample."""
    plans = registration.plans
    counted = {id: set(plan.counted) for id, plan in plans.items()}
    groups = {
        f"{id}:{c}": f"{id}:{g}" for id, plan in plans.items() for c, g in plan.groups.items()
    }
    rows = [r for r in receipts if r.arm in ARMS and r.case in counted.get(r.suite, ())]
    limit = max(COMPRESSION_LIMIT, _percentile([_ratio(r.answer) for r in rows if r.arm == BASE]))
    signs: dict[str, dict[str, int]] = {}
    suites = {id: dict.fromkeys(ARMS, 0) for id in plans}
    outcomes: dict[str, Outcomes] = {arm: {} for arm in ARMS}
    for row in rows:
        found = _signs(row.answer, row.finish, limit)
        for sign in found:
            signs.setdefault(sign, dict.fromkeys(ARMS, 0))[row.arm] += 1
        suites[row.suite][row.arm] += bool(found)
        said = outcomes[row.arm].setdefault(f"{row.suite}:{row.case}", [])
        said.append("fail" if found else "pass")
    base, adapter, samples = outcomes[BASE], outcomes[ADAPTER], registration.policy.samples
    cases = [c for c, got in base.items() if len(got) == samples == len(adapter.get(c, []))]
    alpha, margin = registration.policy.alpha, registration.policy.degeneration_margin

    def held(chosen: list[str]) -> Held | None:
        asked = units(chosen, groups)
        return hold(adapter, base, asked, margin, 1.0, alpha) if chosen else None

    def suffers(suite: str) -> bool:
        found = held([case for case in cases if case.startswith(f"{suite}:")])
        return found is not None and found.state in LOST

    new = sum(adapter[c].count("fail") > base[c].count("fail") for c in cases)
    worse = [id for id in suites if suffers(id)]
    return Degeneration(
        len(cases), len(units(cases, groups)), new, signs, suites, worse, held(cases)
    )


def reasons(registration: Registration, found: Degeneration) -> list[Reason]:
    """What the guard over all answers calls for; nothing where no prompt was answered."""
    held, policy = found.guard, registration.policy
    if held is None:
        return []
    signs = ", ".join(
        f"{sign}: {n[BASE]} of base's, {n[ADAPTER]} of the adapter's"
        for sign, n in found.signs.items()
    )
    text = (
        f"answers that loop or never stop, over {found.n} prompts, margin"
        f" {points(policy.degeneration_margin)}: {signs or 'none'}"
    )
    if found.worse or held.state in LOST:
        worst = f"; worse on {', '.join(found.worse)}" if found.worse else ""
        return [reason("degenerate", "answers", f"{text}{worst}")]
    if held.state is GuardState.HELD:
        return [reason("not-degenerate", "answers", text)]
    provable = degeneration_provable(policy, found.groups)
    if not provable and not found.new and not policy.degeneration_held:
        needed = prompts_for_degeneration(policy)
        text = f"{text}; no answer that base's was not, and {needed} prompts would prove the margin"
        return [reason("not-degenerate", "answers", text)]
    return [reason("degeneration-undecided", "answers", text)]


@lru_cache(maxsize=65_536)
def sign(answer: str, finish: str) -> str:
    """How an answer degenerates by itself, empty for a sound one; such an answer to a facet is not
    elite."""
    cut = finish == "length"
    found = ["ran out of tokens"] if cut else []
    if loop_period(answer.split()) is not None or looped(answer, ended=not cut) is not None:
        found.append("ends in a loop")
    return ", ".join(found)


def loops(answer: str) -> bool:
    """Whether an answer repeats itself, by whichever sign."""
    return _ratio(answer) > COMPRESSION_LIMIT or bool(sign(answer, "eos"))


def _signs(answer: str, finish: str, limit: float) -> list[str]:
    own = sign(answer, finish)
    return [
        *(own.split(", ") if own else []),
        *(["repeats itself"] if _ratio(answer) > limit else []),
    ]


@lru_cache(maxsize=65_536)
def _ratio(answer: str) -> float:
    found = highest_zlib_ratio(answer)
    return 0.0 if isinstance(found, Undefined) else found


def _percentile(values: list[float], share: float = 0.99) -> float:
    """The value that ``share``, under 1, of ``values`` do not exceed."""
    return sorted(values)[int(share * len(values))] if values else 0.0
