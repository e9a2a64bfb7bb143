"""Whether the adapter's answers loop or run out of tokens more often than base's: a guard over all
suites together.

What counts is an answer that ends in a loop, that a compressor shrinks more than base's own
answers, or that never stopped by itself. The rules for repeated lines and n-grams flag sound code
(every fourth passing answer to HumanEval), so they are not used here. Nobody tunes an adapter to
loop, so alpha is not corrected for looks. Thresholds and sources are those of
:mod:`harness.stats.subjects.degeneration`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from harness.deciding.contrasts import Held, hold
from harness.evidence.receipts import ARMS, Receipt
from harness.evidence.registration import Registration
from harness.stats.paired import GuardState
from harness.stats.subjects.degeneration import COMPRESSION_LIMIT, highest_zlib_ratio, loop_period
from harness.stats.values import Undefined


@dataclass(frozen=True)
class Degeneration:
    """Degenerate answers of both arms: by sign and arm, by suite and arm, and the guard over every
    paired prompt.

    ``new`` counts the prompts on which the adapter degenerates and base does not.
    """

    n: int
    new: int
    signs: dict[str, dict[str, int]]
    suites: dict[str, dict[str, int]]
    worse: list[str]
    guard: Held | None


def measure(registration: Registration, receipts: Iterable[Receipt]) -> Degeneration:
    """Count the degenerate answers to every prompt that both arms have answered with every
    sample.
    """
    counted = {id: set(plan.counted) for id, plan in registration.plans.items()}
    rows = [r for r in receipts if r.arm in ARMS and r.case in counted.get(r.suite, ())]
    limit = max(
        COMPRESSION_LIMIT, _percentile([_ratio(r.answer) for r in rows if r.arm == "base"], 0.99)
    )
    signs: dict[str, dict[str, int]] = {}
    suites = {id: dict.fromkeys(ARMS, 0) for id in registration.plans}
    outcomes: dict[str, dict[str, list[str]]] = {arm: {} for arm in ARMS}
    for row in rows:
        found = _signs(row.answer, row.finish, limit)
        for sign in found:
            signs.setdefault(sign, dict.fromkeys(ARMS, 0))[row.arm] += 1
        suites[row.suite][row.arm] += bool(found)
        outcomes[row.arm].setdefault(f"{row.suite}:{row.case}", []).append(
            "fail" if found else "pass"
        )
    samples = registration.policy.samples
    cases = [
        c
        for c, got in outcomes["base"].items()
        if len(got) == samples == len(outcomes["adapter"].get(c, []))
    ]
    alpha, margin = registration.policy.alpha, registration.policy.degeneration_margin

    def held(chosen: list[str]) -> Held | None:
        return hold(outcomes, "adapter", "base", chosen, margin, 1.0, alpha) if chosen else None

    def suffers(suite: str) -> bool:
        found = held([case for case in cases if case.startswith(f"{suite}:")])
        return found is not None and found.state in (GuardState.BROKEN, GuardState.REGRESSED)

    new = sum(
        outcomes["adapter"][c].count("fail") > outcomes["base"][c].count("fail") for c in cases
    )
    return Degeneration(
        len(cases), new, signs, suites, [id for id in suites if suffers(id)], held(cases)
    )


@lru_cache(maxsize=65_536)
def sign(answer: str, finish: str) -> str:
    """How an answer degenerates by itself, empty for a sound one; such an answer to a facet is not
    elite.
    """
    found = ["ran out of tokens"] if finish == "length" else []
    if loop_period(answer.split()) is not None:
        found.append("ends in a loop")
    return ", ".join(found)


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


def _percentile(values: list[float], share: float) -> float:
    """The value that ``share`` of ``values`` do not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0
