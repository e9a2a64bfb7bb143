"""When a guard is lost beyond doubt, and the run may end early."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from harness.deciding.contrasts import counted, flips, leads
from harness.deciding.outcomes import Arms
from harness.evidence.registration import Plan, Registration
from harness.stats.sequential import curtailed, eprocess, stopped_at


@dataclass(frozen=True)
class Stop:
    """A guard that is lost beyond doubt after ``at`` prompts in the registered order; ``rule`` says
    by which."""

    rule: str
    at: int
    gained: int
    lost: int
    evidence: float | None = None


def lost_beyond_doubt(plan: Plan, arms: Arms, j: float, registration: Registration) -> Stop | None:
    """The first prompt, in the registered order, at which the guard is lost: by evidence, or
    because none can save it."""
    asked, ids, samples = plan.headline, plan.counted, registration.policy.samples
    first, second = arms[asked.first], arms[asked.second]
    unanswered = (n for n, id in enumerate(ids) if id not in first or id not in second)
    order = ids[: next(unanswered, len(ids))]
    if not order or plan.margin is None:
        return None
    ahead = leads(first, second, order)
    at, evidence = _against(tuple(ahead), samples, asked.margin, registration.alpha)
    if at is not None:
        return Stop("e-process", at, *flips(counted(ahead[:at])), evidence=evidence)
    if samples == 1 and len(order) < len(ids) == len(second):
        gains, losses = flips(counted(ahead))
        left = sum(second[id] != ["pass"] for id in ids[len(order) :])
        seen, alpha = asked.margin * max(j, 1e-9), registration.alpha
        if curtailed(gains, losses, len(ids), seen, open_gains=left, alpha=alpha):
            return Stop("curtailment", len(order), gains, losses)
    return None


@lru_cache(maxsize=64)
def _against(
    leads: tuple[int, ...], samples: int, margin: float, alpha: float
) -> tuple[int | None, float]:
    """Where the evidence for "worse by more than the margin" reaches 1 / alpha, if it does, and the
    evidence there."""
    path = eprocess([lead / samples for lead in leads], margin)
    at = stopped_at(path, alpha)
    return at, path[(at or len(path)) - 1]
