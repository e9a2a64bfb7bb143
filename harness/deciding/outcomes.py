"""One pass over the receipts of a suite: what each arm answered, and its elite rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from harness.stats.audits.imperfect import Audit, certified_floor
from harness.stats.clusters import LEAST_CLUSTERS, clustered_rate
from harness.stats.intervals import clopper_pearson, wilson
from harness.stats.values import Estimate, Interval

if TYPE_CHECKING:
    from harness.evidence.receipts import Receipt
    from harness.evidence.registration import Plan

MIN_RATE_N = 20  # below this many prompts counts are shown, no rate and no interval

Outcomes = dict[str, list[str]]  # by case the outcomes of its samples
Arms = dict[str, Outcomes]  # by arm
Units = Sequence[list[str]]  # the cases that count as one, in the order of their first

#: statistics depend on counts only and are kept by count: thousands of simulated gates cost seconds
kept = lru_cache(maxsize=65_536)


@dataclass(frozen=True)
class Rate:
    """Passes among ``n`` prompts in ``groups`` groups with ``samples`` answers each.

    ``interval`` is Wilson's 95 %, with several answers a prompt or prompts a group the t interval
    over groups; ``None`` under 20 prompts or 10 groups. ``floor`` is the rate certain at 95 %
    whatever the verifiers' false fails (METHOD 4.5), a group passing with all of its prompts."""

    passes: int
    unverified: int
    n: int
    groups: int
    samples: int = 1
    interval: Interval | None = None
    floor: float | None = None

    @property
    def value(self) -> float | None:
        """The share of answers, ``None`` where there are too few prompts or groups."""
        return self.passes / (self.n * self.samples) if enough(self.n, self.groups) else None

    def text(self) -> str:
        """``33/40 = 82.5% [68.0%, 91.3%] (95 %)``, ``33/40 in 25 groups = ...``."""
        apart = f" in {self.groups} groups" if self.groups < self.n else ""
        counted = f"{self.passes}/{self.n * self.samples}{apart}"
        if self.value is None or self.interval is None:
            return counted
        low, high = self.interval.low, self.interval.high
        return f"{counted} = {self.value:.1%} [{low:.1%}, {high:.1%}] (95 %)"

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``scorecard.json``."""
        low_high = vars(self.interval) if self.interval else None
        return {**vars(self), "interval": low_high, "rate": self.value}


def enough(prompts: int, groups: int) -> bool:
    """Whether so many prompts in so many groups give a rate and a contrast."""
    return prompts >= MIN_RATE_N and groups >= LEAST_CLUSTERS


def units(cases: Iterable[str], groups: Mapping[str, str]) -> Units:
    """Cases by the group that they share with others; one without is a unit by itself."""
    found: dict[str, list[str]] = {}
    for case in cases:
        found.setdefault(groups.get(case, case), []).append(case)
    return list(found.values())


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


def rate(outcomes: Outcomes, chosen: Units, weakest: Audit | None = None) -> Rate:
    """Passes of the chosen cases; ``weakest`` is the audit with the fewest known-bad answers, which
    bounds false passes and gives the certified floor."""
    if not chosen:
        return Rate(0, 0, 0, 0)
    samples = len(outcomes[chosen[0][0]])
    passes = Counter(tuple(outcomes[case].count("pass") for case in unit) for unit in chosen)
    unverified = sum(outcomes[case].count("unverified") for unit in chosen for case in unit)
    return _rated(tuple(sorted(passes.items())), unverified, samples, weakest)


def _whole(cases: dict[str, dict[int, str]], wanted: range) -> Outcomes:
    """The cases of which every sample is there."""
    complete = {case: got for case, got in cases.items() if got.keys() == set(wanted)}
    return {case: [got[sample] for sample in wanted] for case, got in complete.items()}


@kept
def _rated(
    passes: tuple[tuple[tuple[int, ...], int], ...],
    unverified: int,
    samples: int,
    weakest: Audit | None,
) -> Rate:
    """``passes`` are those of each prompt of a group, with the number of groups that show them."""
    groups = sum(many for _, many in passes)
    n = sum(len(hits) * many for hits, many in passes)
    total = sum(sum(hits) * many for hits, many in passes)
    if not enough(n, groups):
        return Rate(total, unverified, n, groups, samples)
    floor = None
    if samples == 1 and weakest is not None and weakest.bads:
        whole = sum(many for hits, many in passes if all(hits))
        floor = certified_floor(whole, groups, weakest.false_passes, weakest.bads)
    if samples == 1 and n == groups:
        return Rate(total, unverified, n, groups, 1, wilson(total, n), floor)
    rows = [hits for hits, many in passes for _ in range(many)]
    shares = [each / samples for hits in rows for each in hits]
    found = clustered_rate(shares, [number for number, hits in enumerate(rows) for _ in hits])
    if isinstance(found, Estimate):
        return Rate(total, unverified, n, groups, samples, found.interval, floor)
    # every group has the same share, which says nothing of how far groups differ
    alike = clopper_pearson(round(total / (n * samples) * groups), groups)
    return Rate(total, unverified, n, groups, samples, alike, floor)
