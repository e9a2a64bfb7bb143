"""One pass over the receipts of a suite: what each arm answered, and its elite rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness.evidence.receipts import Receipt
from harness.evidence.registration import Plan
from harness.stats.audits.imperfect import Audit, certified_floor
from harness.stats.clusters import t_interval
from harness.stats.intervals import clopper_pearson, wilson
from harness.stats.values import Estimate, Interval

MIN_RATE_N = 20  # below this many prompts counts are shown, no rate and no interval

Outcomes = dict[str, list[str]]  # by case the outcomes of its samples
Arms = dict[str, Outcomes]  # by arm

#: statistics depend on counts only and are kept by count: thousands of simulated gates cost seconds
kept = lru_cache(maxsize=65_536)


@dataclass(frozen=True)
class Rate:
    """Passes among ``n`` prompts with ``samples`` answers each.

    ``interval`` is Wilson's 95 %, with several answers a prompt the t interval over prompts;
    ``None`` under 20 prompts. ``floor`` is the rate certain at 95 % whatever the verifiers' false
    fails (METHOD 4.5)."""

    passes: int
    unverified: int
    n: int
    samples: int = 1
    interval: Interval | None = None
    floor: float | None = None

    @property
    def value(self) -> float | None:
        """The share of answers, ``None`` under 20 prompts."""
        return self.passes / (self.n * self.samples) if self.n >= MIN_RATE_N else None

    def text(self) -> str:
        """``33/40 = 82.5% [68.0%, 91.3%] (95 %)``."""
        counted = f"{self.passes}/{self.n * self.samples}"
        if self.value is None or self.interval is None:
            return counted
        low, high = self.interval.low, self.interval.high
        return f"{counted} = {self.value:.1%} [{low:.1%}, {high:.1%}] (95 %)"

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``scorecard.json``."""
        low_high = vars(self.interval) if self.interval else None
        return {**vars(self), "interval": low_high, "rate": self.value}


def by_arm(
    plan: Plan, samples: int, receipts: Iterable[Receipt]
) -> tuple[Arms, dict[str, list[Receipt]]]:
    """By arm the cases that have all their samples, in the order in which they were asked; and by
    arm the receipts. What the plan does not know is left out."""
    known = set(plan.counted)
    rows: dict[str, list[Receipt]] = {arm.id: [] for arm in plan.arms}
    found: dict[str, dict[str, dict[int, str]]] = {arm: {} for arm in rows}
    for row in receipts:
        if row.suite == plan.suite and row.case in known and row.arm in rows:
            rows[row.arm].append(row)
            found[row.arm].setdefault(row.case, {})[row.sample] = row.outcome
    wanted = range(samples)
    return {arm: _whole(cases, wanted) for arm, cases in found.items()}, rows


def rate(outcomes: Outcomes, cases: Sequence[str], weakest: Audit | None = None) -> Rate:
    """Passes of the chosen cases; ``weakest`` is the audit with the fewest known-bad answers, which
    bounds false passes and gives the certified floor."""
    if not cases:
        return Rate(0, 0, 0)
    samples = len(outcomes[cases[0]])
    passes = Counter(sum(o == "pass" for o in outcomes[case]) for case in cases)
    unverified = sum(o == "unverified" for case in cases for o in outcomes[case])
    return _rated(tuple(sorted(passes.items())), unverified, samples, weakest)


def _whole(cases: dict[str, dict[int, str]], wanted: range) -> Outcomes:
    """The cases of which every sample is there."""
    complete = {case: got for case, got in cases.items() if got.keys() == set(wanted)}
    return {case: [got[sample] for sample in wanted] for case, got in complete.items()}


@kept
def _rated(
    passes: tuple[tuple[int, int], ...], unverified: int, samples: int, weakest: Audit | None
) -> Rate:
    n, total = sum(many for _, many in passes), sum(hits * many for hits, many in passes)
    if n < MIN_RATE_N:
        return Rate(total, unverified, n, samples)
    if samples == 1:
        floor = None
        if weakest is not None and weakest.bads:
            floor = certified_floor(total, n, weakest.false_passes, weakest.bads)
        return Rate(total, unverified, n, 1, wilson(total, n), floor)
    found = t_interval([hits / samples for hits, many in passes for _ in range(many)])
    interval = found.interval if isinstance(found, Estimate) else None
    if interval is None:  # every prompt alike: a prompt passes if all its answers do
        interval = clopper_pearson(sum(many for hits, many in passes if hits == samples), n)
    return Rate(total, unverified, n, samples, interval)
