"""From receipts to numbers: elite rates of every arm, the paired comparisons, and what each
criterion rejected.

A pure function of the registered plan, the certificates and the receipts, so that ``harness
recheck`` and the benchmark of the gate's own error rates run the very code that a gate runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.audit.certificate import Certificate
from harness.deciding.contrasts import (
    Comparison,
    Held,
    Outcomes,
    Stop,
    compare,
    hold,
    kept,
    lost_beyond_doubt,
)
from harness.evidence.receipts import AGAIN, CANON, Receipt
from harness.evidence.registration import Plan, Registration
from harness.stats.audits.imperfect import Audit, certified_floor, composite_youden_lower
from harness.stats.clusters import t_interval
from harness.stats.intervals import clopper_pearson, wilson
from harness.stats.paired import GuardState
from harness.stats.values import Estimate, Interval

MIN_RATE_N = 20  # below this many prompts counts are shown, no rate and no interval


@dataclass(frozen=True)
class Rate:
    """Passes among ``n`` prompts with ``samples`` answers each.

    ``interval`` is Wilson's 95 %, with several answers a prompt the t interval over prompts;
    ``None`` under 20 prompts. ``floor`` is the rate certain at 95 % whatever the verifiers' false
    fails (METHOD 4.5).
    """

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
        """``33/40 = 82.5 % [68.0, 91.3]``."""
        counted = f"{self.passes}/{self.n * self.samples}"
        if self.value is None or self.interval is None:
            return counted
        return f"{counted} = {self.value:.1%} [{self.interval.low:.1%}, {self.interval.high:.1%}]"


@dataclass(frozen=True)
class CriterionScore:
    """How many answers of each arm passed one criterion."""

    id: str
    verifier: str
    base: Rate
    adapter: Rate


@dataclass(frozen=True)
class SuiteScore:
    """One suite measured on every registered arm over the same prompts.

    ``gained`` and ``lost`` are the ids that only the adapter, or only the base, answered elite (or
    more often elite).
    """

    suite: str
    facet: str
    role: str
    prompts: int
    samples: int
    margin: float | None
    min_gain: float
    youden: float
    base: Rate
    adapter: Rate
    versus_base: Comparison | None
    guard: Held | None
    canon: Rate | None = None
    versus_canon: Comparison | None = None
    again: Held | None = None
    stop: Stop | None = None
    samplers: dict[str, list[str]] = field(default_factory=dict)
    criteria: list[CriterionScore] = field(default_factory=list)
    missing: int = 0

    @property
    def complete(self) -> bool:
        """Whether every prompt of the suite was measured on every registered arm."""
        return self.missing == 0

    @property
    def gained(self) -> list[str]:
        """Prompts that the adapter answers better than base."""
        return self.versus_base.gained if self.versus_base else []

    @property
    def lost(self) -> list[str]:
        """Prompts that the adapter answers worse than base."""
        return self.versus_base.lost if self.versus_base else []

    @property
    def difference(self) -> Interval | None:
        """The interval of adapter minus base, ``None`` under 20 prompts."""
        return self.versus_base.difference if self.versus_base else None

    @property
    def mcnemar_p(self) -> float | None:
        """McNemar's mid-p, ``None`` under 20 prompts or with several samples."""
        return self.versus_base.midp if self.versus_base else None

    @property
    def state(self) -> GuardState | None:
        """The guard's state, ``None`` for a primary facet."""
        return self.guard.state if self.guard else None

    @property
    def worse(self) -> bool:
        """Whether the whole interval of the difference lies below zero, however the unjudged are
        counted.
        """
        found = self.versus_base
        return found is not None and found.difference.high < 0 and found.plain.high < 0

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``scorecard.json``."""
        data = asdict(self)
        data |= {
            "gained": self.gained,
            "lost": self.lost,
            "mcnemar_p": self.mcnemar_p,
            "state": self.state,
        }
        data["difference"] = asdict(self.difference) if self.difference else None
        for row, mine in ((data, self), *zip(data["criteria"], self.criteria, strict=True)):
            for arm in ("base", "adapter", "canon"):
                rate = getattr(mine, arm, None)
                if rate is not None:
                    row[arm] |= {"rate": rate.value, "wilson95": row[arm].pop("interval")}
        return data


def lost(
    registration: Registration,
    suite: str,
    certificates: Mapping[str, Certificate],
    receipts: Iterable[Receipt],
) -> Stop | None:
    """Whether a guard is lost beyond doubt by the receipts so far, which end the run early."""
    plan = registration.plans[suite]
    arms, _ = _by_arm(plan, registration.policy.samples, receipts)
    return lost_beyond_doubt(plan, arms, youden(plan, certificates), registration)


def audits(plan: Plan, certificates: Mapping[str, Certificate]) -> list[Audit]:
    """What the audits of a suite's verifiers counted; answers that the harness made are not part of
    any rate.
    """
    held = [certificates[criterion.verifier] for criterion in plan.criteria]
    wrong = [sum(":" not in name for name in c.false_passes) for c in held]
    return [Audit(w, c.bad, len(c.false_fails), c.good) for w, c in zip(wrong, held, strict=True)]


def youden(plan: Plan, certificates: Mapping[str, Certificate]) -> float:
    """J's lower bound of a suite's verifiers together: what a difference shrinks to on the way to
    the receipts.
    """
    return _youden(tuple(audits(plan, certificates)))


def score(
    registration: Registration,
    suite: str,
    certificates: Mapping[str, Certificate],
    receipts: Iterable[Receipt],
) -> SuiteScore | None:
    """The numbers of one suite; ``None`` when no prompt has been answered by both base and adapter.

    ``receipts`` may hold those of other suites; an answer that the plan does not know is not
    counted.
    """
    plan, policy = registration.plans[suite], registration.policy
    arms, rows = _by_arm(plan, policy.samples, receipts)
    paired = [id for id in arms["base"] if id in arms["adapter"]]
    if not paired:
        return None
    alpha, n = registration.alpha, len(paired)
    seen = tuple(audits(plan, certificates))
    j, decided = _youden(seen), n >= MIN_RATE_N
    margin = (
        plan.margin
        if plan.role == "guard"
        else policy.secondary_margin
        if suite not in registration.primary
        else None
    )
    against_base = (
        compare(arms, "adapter", "base", paired, plan.min_gain, alpha) if decided else None
    )
    canon = [id for id in paired if id in arms.get(CANON, {})]
    again = [id for id in paired if id in arms.get(AGAIN, {})]
    weakest = min(seen, key=lambda audit: audit.bads)
    return SuiteScore(
        suite=suite,
        facet=plan.facet,
        role=plan.role,
        prompts=len(plan.counted),
        samples=policy.samples,
        margin=plan.margin,
        min_gain=plan.min_gain,
        youden=j,
        base=_rate(arms["base"], paired, weakest),
        adapter=_rate(arms["adapter"], paired, weakest),
        versus_base=against_base,
        guard=(
            hold(arms, "adapter", "base", paired, margin, j, alpha) if decided and margin else None
        ),
        canon=_rate(arms[CANON], canon, weakest) if canon else None,
        versus_canon=(
            compare(arms, "adapter", CANON, canon, 0.0, alpha) if len(canon) >= MIN_RATE_N else None
        ),
        again=(
            hold(arms, AGAIN, "base", again, plan.margin, j, policy.alpha)
            if len(again) >= MIN_RATE_N
            else None
        ),
        stop=(
            lost_beyond_doubt(plan, arms, j, registration)
            if plan.role == "guard" and policy.early_stop
            else None
        ),
        samplers={
            arm: sorted({row.sampler for row in rows if row.arm == arm}) for arm in plan.arms
        },
        criteria=[
            _criterion(number, c.id, c.verifier, rows, set(paired))
            for number, c in enumerate(plan.criteria)
        ],
        missing=sum(len(plan.counted) - len(arms.get(arm, {})) for arm in plan.arms),
    )


def _by_arm(
    plan: Plan, samples: int, receipts: Iterable[Receipt]
) -> tuple[dict[str, Outcomes], list[Receipt]]:
    """By arm the cases that have all their samples, in the order in which they were asked; and the
    suite's receipts.
    """
    known = set(plan.counted)
    rows = [r for r in receipts if r.suite == plan.suite and r.case in known and r.arm in plan.arms]
    found: dict[str, dict[str, dict[int, str]]] = {arm: {} for arm in plan.arms}
    for row in rows:
        found[row.arm].setdefault(row.case, {})[row.sample] = row.outcome
    wanted = set(range(samples))
    return {
        arm: {
            case: [got[s] for s in range(samples)]
            for case, got in cases.items()
            if got.keys() == wanted
        }
        for arm, cases in found.items()
    }, rows


@kept
def _youden(seen: tuple[Audit, ...]) -> float:
    return composite_youden_lower(seen)


def _rate(outcomes: Outcomes, cases: Sequence[str], weakest: Audit | None = None) -> Rate:
    """Passes of the chosen cases; ``weakest`` is the audit with the fewest known-bad answers, which
    bounds false passes and gives the certified floor.
    """
    samples = len(outcomes[cases[0]])
    passes = Counter(sum(o == "pass" for o in outcomes[case]) for case in cases)
    unverified = sum(o == "unverified" for case in cases for o in outcomes[case])
    return _rated(tuple(sorted(passes.items())), unverified, samples, weakest)


@kept
def _rated(
    passes: tuple[tuple[int, int], ...], unverified: int, samples: int, weakest: Audit | None
) -> Rate:
    n, total = sum(many for _, many in passes), sum(hits * many for hits, many in passes)
    if n < MIN_RATE_N:
        return Rate(total, unverified, n, samples)
    if samples == 1:
        floor = certified_floor(total, n, weakest.false_passes, weakest.bads) if weakest else None
        return Rate(total, unverified, n, 1, wilson(total, n), floor)
    found = t_interval([hits / samples for hits, many in passes for _ in range(many)])
    interval = found.interval if isinstance(found, Estimate) else None
    if interval is None:  # every prompt alike: a prompt passes if all its answers do
        interval = clopper_pearson(sum(many for hits, many in passes if hits == samples), n)
    return Rate(total, unverified, n, samples, interval)


def _criterion(
    number: int, id: str, verifier: str, rows: Sequence[Receipt], cases: set[str]
) -> CriterionScore:
    def rate(arm: str) -> Rate:
        found: Outcomes = {}
        for row in rows:
            if row.arm == arm and row.case in cases:
                found.setdefault(row.case, []).append(row.findings[number].outcome)
        return _rate(found, list(found)) if found else Rate(0, 0, 0)

    return CriterionScore(id, verifier, rate("base"), rate("adapter"))
