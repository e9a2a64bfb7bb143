"""From receipts to numbers: rates by arm, results by contrast, and what each criterion rejected.

A pure function of the registered plan, the certificates and the receipts, so that ``harness
recheck`` and the benchmark of the gate's own error rates run the very code that a gate runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.audit.certificate import Certificate
from harness.deciding.contrasts import Result, read
from harness.deciding.outcomes import Arms, Outcomes, Rate, by_arm, enough, kept, rate, units
from harness.deciding.stopping import Stop, ended
from harness.evidence.receipts import Receipt
from harness.evidence.registration import Plan, Registration
from harness.stats.audits.imperfect import Audit, composite_youden_lower


@dataclass(frozen=True)
class Slice:
    """The prompts of one tag: rates by arm, and the headline's two arms held against the margin
    that the policy gives the slice, or compared where it gives none; ``None`` under 20 prompts or
    10 groups."""

    rates: dict[str, Rate]
    result: Result | None


@dataclass(frozen=True)
class SuiteScore:
    """One suite measured on every registered arm over the same prompts.

    ``results`` are by contrast and lack those with too few prompts or groups; ``criteria`` are the
    rates by criterion and arm, ``slices`` by tag. ``samplers`` are how each arm was decoded,
    ``missing`` the answers that are not there."""

    plan: Plan
    samples: int
    youden: float
    rates: dict[str, Rate]
    results: dict[str, Result]
    criteria: dict[str, dict[str, Rate]]
    slices: dict[str, Slice]
    samplers: dict[str, list[str]]
    missing: int
    stop: Stop | None

    @property
    def prompts(self) -> int:
        """How many prompts the suite has that count."""
        return len(self.plan.counted)

    @property
    def complete(self) -> bool:
        """Whether every prompt of the suite was measured on every registered arm."""
        return self.missing == 0

    @property
    def first(self) -> Rate:
        """The rate of what is judged: the first arm of the headline."""
        return self.rates[self.plan.headline.first]

    @property
    def second(self) -> Rate:
        """The rate of what it is held against."""
        return self.rates[self.plan.headline.second]

    @property
    def headline(self) -> Result | None:
        """The contrast that a reader asks about first, ``None`` where there is too little."""
        return self.results.get(self.plan.headline.id)

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``scorecard.json``."""
        plan, verifiers = self.plan, {c.id: c.verifier for c in self.plan.criteria}
        return {
            "suite": plan.suite,
            "facet": plan.facet,
            "role": plan.role,
            "headline": plan.headline.id,
            "first": plan.headline.first,
            "second": plan.headline.second,
            "prompts": self.prompts,
            "groups": plan.units,
            "samples": self.samples,
            "youden": self.youden,
            "missing": self.missing,
            "rates": _rates(self.rates),
            "results": [found.to_json() for found in self.results.values()],
            "criteria": [
                {"id": id, "verifier": verifiers[id], "rates": _rates(found)}
                for id, found in self.criteria.items()
            ],
            "slices": [
                {
                    "tag": tag,
                    "rates": _rates(found.rates),
                    "result": found.result.to_json() if found.result else None,
                }
                for tag, found in self.slices.items()
            ],
            "samplers": self.samplers,
            "stop": asdict(self.stop) if self.stop else None,
        }


def lost(
    registration: Registration,
    suite: str,
    certificates: Mapping[str, Certificate],
    receipts: Iterable[Receipt],
) -> Stop | None:
    """Why the receipts so far end the run early: a guard is lost, or can no longer be held."""
    plan = registration.plans[suite]
    arms, _ = by_arm(plan, registration.policy.samples, receipts)
    return ended(plan, arms, youden(plan, certificates), registration)


def audits(plan: Plan, certificates: Mapping[str, Certificate]) -> list[Audit]:
    """What the audits of a suite's verifiers counted, each by what its known answers are worth
    independently."""
    held = [certificates[criterion.verifier] for criterion in plan.criteria]
    return [
        Audit(
            min(c.known_passes, c.effective_bad),
            c.effective_bad,
            min(len(c.false_fails), c.effective_good),
            c.effective_good,
        )
        for c in held
    ]


def youden(plan: Plan, certificates: Mapping[str, Certificate]) -> float:
    """J's lower bound of a suite's verifiers together: what a difference shrinks to on the way to
    the receipts."""
    return _youden(tuple(audits(plan, certificates)))


def score(
    registration: Registration,
    suite: str,
    certificates: Mapping[str, Certificate],
    receipts: Iterable[Receipt],
) -> SuiteScore | None:
    """The numbers of one suite; ``None`` when no prompt has been answered by both arms of its
    headline.

    ``receipts`` may hold those of other suites; an answer that the plan does not know is not
    counted."""
    plan, policy = registration.plans[suite], registration.policy
    arms, rows = by_arm(plan, policy.samples, receipts)
    against = arms[plan.headline.first]
    paired = [id for id in arms[plan.headline.second] if id in against]
    if not paired:
        return None
    seen = tuple(audits(plan, certificates))
    weakest, j = min(seen, key=lambda audit: audit.bads), _youden(seen)
    early = plan.role == "guard" and policy.early_stop and suite not in policy.shown_only
    found = {arm: [id for id in paired if id in answered] for arm, answered in arms.items()}
    return SuiteScore(
        plan=plan,
        samples=policy.samples,
        youden=j,
        rates={
            arm: rate(arms[arm], units(cases, plan.groups), weakest) for arm, cases in found.items()
        },
        results=_results(registration, plan, arms, paired, j),
        criteria={c.id: _criterion(n, plan, rows, found) for n, c in enumerate(plan.criteria)},
        slices=_slices(registration, plan, arms, paired, j),
        samplers={arm: sorted({row.sampler for row in answers}) for arm, answers in rows.items()},
        missing=sum(len(plan.counted) - len(answered) for answered in arms.values()),
        stop=ended(plan, arms, j, registration) if early else None,
    )


def _results(
    registration: Registration, plan: Plan, arms: Arms, paired: list[str], j: float
) -> dict[str, Result]:
    """Every contrast that has the prompts; what concerns the instrument is not corrected for
    looks."""
    found = {}
    for asked in plan.contrasts:
        first, second = arms[asked.first], arms[asked.second]
        cases = [id for id in paired if id in first and id in second]
        alpha = registration.policy.alpha if asked.needs == "sound" else registration.alpha
        among = units(cases, plan.groups)
        if enough(len(cases), len(among)):
            found[asked.id] = read(asked, arms, among, j, alpha)
    return found


def _slices(
    registration: Registration, plan: Plan, arms: Arms, paired: list[str], j: float
) -> dict[str, Slice]:
    """What each tag of the plan shows."""
    found, asked = {}, plan.headline
    named = registration.policy.slices.get(plan.suite, {})
    for tag in sorted({tag for tags in plan.tags.values() for tag in tags}):
        cases = [id for id in paired if tag in plan.tags.get(id, ())]
        among, result = units(cases, plan.groups), None
        if enough(len(cases), len(among)):
            held = {"question": "not-worse", "margin": named[tag]} if tag in named else {}
            update = {
                "id": f"slice {tag}",
                "question": "better",
                "margin": 0.0,
                "family": "",
                **held,
            }
            contrast = asked.model_copy(update=update)
            result = read(contrast, arms, among, j, registration.alpha)
        shown = (asked.first, asked.second)
        found[tag] = Slice({arm: rate(arms[arm], among) for arm in shown}, result)
    return found


@kept
def _youden(seen: tuple[Audit, ...]) -> float:
    """Nothing is known of a verifier that was shown no good or no bad."""
    known = all(audit.bads and audit.goods for audit in seen)
    return composite_youden_lower(seen) if known else 0.0


def _criterion(
    number: int, plan: Plan, rows: Mapping[str, list[Receipt]], cases: Mapping[str, list[str]]
) -> dict[str, Rate]:
    """By arm how many answers passed one criterion."""
    found: dict[str, Rate] = {}
    for arm, answers in rows.items():
        wanted, outcomes = set(cases[arm]), Outcomes()
        for row in answers:
            if row.case in wanted:
                outcomes.setdefault(row.case, []).append(row.findings[number].outcome)
        found[arm] = rate(outcomes, units(outcomes, plan.groups))
    return found


def _rates(rates: Mapping[str, Rate]) -> dict[str, Any]:
    return {arm: found.to_json() for arm, found in rates.items()}
