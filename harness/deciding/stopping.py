"""When asking may end early: a guard is lost, or can no longer be held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from harness.deciding.contrasts import LOST, hold, lead
from harness.deciding.outcomes import Arms, Outcomes, units
from harness.evidence.registration import Plan, Registration
from harness.stats.paired import GuardState
from harness.stats.sequential import eprocess, stopped_at

EVIDENCE, WORSE, CERTAIN, UNREACHABLE = "e-process", "worse", "certain", "unreachable"


@dataclass(frozen=True)
class Stop:
    """What is decided of a guard after ``at`` prompts in the registered order.

    By its ``rule`` it is lost: on the ``evidence`` of an e-process that it is worse by more than
    the margin, or whatever the rest brings (``certain``). Else it can no longer be held, and there
    is ``evidence`` that it is ``worse`` at all, or there is not (``unreachable``). ``gained`` and
    ``lost`` count prompts."""

    rule: str
    at: int
    gained: int
    lost: int
    evidence: float | None = None


def ended(plan: Plan, arms: Arms, j: float, registration: Registration) -> Stop | None:
    """Why the answers so far decide enough of a guard to ask no more, ``None`` where they do not;
    ``j`` as of :func:`~harness.deciding.contrasts.hold`."""
    asked, ids, samples = plan.headline, plan.counted, registration.policy.samples
    first, second = arms[asked.first], arms[asked.second]
    unanswered = (n for n, id in enumerate(ids) if id not in first or id not in second)
    order = ids[: next(unanswered, len(ids))]
    if not order or plan.margin is None:
        return None
    ends, ahead = _units_so_far(plan, order, first, second, samples)
    number, evidence = _against(tuple(ahead), asked.margin, registration.alpha)
    if number is not None:
        at = ends[number - 1]
        return Stop(EVIDENCE, at, *_flips(order[:at], first, second), evidence=evidence)
    if len(order) == len(ids) or any(id not in second for id in ids):
        return None
    best = dict.fromkeys(ids, ["pass"] * samples) | {id: first[id] for id in order}
    held = hold(best, second, units(ids, plan.groups), asked.margin, j, registration.alpha)
    if held is None or held.state is GuardState.HELD:
        return None
    at, so_far = len(order), _flips(order, first, second)
    if held.state in LOST:
        return Stop(CERTAIN, at, *so_far)
    number, evidence = _against(tuple(ahead), 0.0, registration.alpha)
    if number is not None:
        return Stop(WORSE, at, *so_far, evidence=evidence)
    return Stop(UNREACHABLE, at, *so_far)


def _units_so_far(
    plan: Plan, order: Sequence[str], first: Outcomes, second: Outcomes, samples: int
) -> tuple[list[int], list[float]]:
    """Of every unit that is answered in full, after which prompt it was, and its mean lead."""
    unit = {id: plan.groups.get(id, id) for id in plan.counted}
    sizes, seen, total = Counter(unit.values()), Counter[str](), Counter[str]()
    ends, ahead = [], []
    for at, id in enumerate(order, 1):
        seen[unit[id]] += 1
        total[unit[id]] += lead(first, second, id)
        if seen[unit[id]] == sizes[unit[id]]:
            ends.append(at)
            ahead.append(total[unit[id]] / (sizes[unit[id]] * samples))
    return ends, ahead


def _flips(order: Sequence[str], first: Outcomes, second: Outcomes) -> tuple[int, int]:
    ahead = [lead(first, second, id) for id in order]
    return sum(each > 0 for each in ahead), sum(each < 0 for each in ahead)


@lru_cache(maxsize=64)
def _against(ahead: tuple[float, ...], margin: float, alpha: float) -> tuple[int | None, float]:
    """After which unit the evidence for "worse by more than the margin" reaches 1 / alpha, if it
    does, and the evidence there."""
    path = eprocess(ahead, margin)
    number = stopped_at(path, alpha)
    return number, path[(number or len(path)) - 1] if path else 1.0
