"""``harness compare RUN_A RUN_B``: what two adapters answered to the same prompts, paired, by the
statistics that a gate reads its contrasts with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.deciding import scorecard
from harness.deciding.contrasts import LOST, Result, read
from harness.deciding.outcomes import Arms, Rate, by_arm, enough, rate, units
from harness.deciding.sentences import items
from harness.errors import RunError
from harness.evidence.registration import Plan, Registration
from harness.gate.finished.recheck import Rechecked, as_it_stood, recheck
from harness.stats.paired import GuardState
from harness.subjects.base import Contrast
from harness.verdict import Name

A, B = "a", "b"
#: what two suites must have in common to be a pair, as a reader calls it
ALIKE = {
    "criteria": "judged by other criteria",
    "sampler": "decoded otherwise",
    "mode": "sent in another mode",
}
SAYS = {
    0: "no suite of B is worse than A by its margin",
    1: "B is worse than A on {}",
    2: "it is not decided whether B is worse than A by its margin on {}",
}
NOTHING = "the evidence of a run is not valid, so nothing follows from it"


@dataclass(frozen=True)
class Pair:
    """One suite in both runs; ``found`` is ``None`` under 20 prompts or 10 groups that both have
    answered."""

    suite: str
    rates: dict[str, Rate]
    found: Result | None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        rates = {run: each.to_json() for run, each in self.rates.items()}
        return {"suite": self.suite, "rates": rates, "result": self.found and self.found.to_json()}


@dataclass(frozen=True)
class Compared:
    """Two runs, suite by suite, the second minus the first; ``notes`` say what else differs."""

    runs: dict[str, Rechecked]
    pairs: list[Pair]
    notes: list[str]

    @property
    def sentence(self) -> str:
        """What it comes to, in words."""
        if self.void:
            return NOTHING
        code, held = self.exit_code, (GuardState.HELD,)
        states = {each.suite: each.found and each.found.state for each in self.pairs}
        meant = [one for one, at in states.items() if (at in LOST if code == 1 else at not in held)]
        return SAYS[code].format(", ".join(meant) or "any suite")

    @property
    def exit_code(self) -> int:
        """0 where the second run is HELD on every suite, 1 where it lost one, else 2, as where the
        evidence of one is not valid."""
        if self.void:
            return 2
        states = {each.found.state if each.found else None for each in self.pairs}
        return 1 if states & LOST else 0 if states == {GuardState.HELD} else 2

    @property
    def void(self) -> list[str]:
        """The runs whose evidence is not valid, from which nothing follows."""
        names = {run: one.verdict and one.verdict.name for run, one in self.runs.items()}
        return [run for run, name in names.items() if name in (None, Name.VOID)]

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``--json``."""
        plans = {run: found.folder.registration for run, found in self.runs.items()}
        named = {
            run: {
                "run": str(self.runs[run].folder.path),
                "adapter": plan.adapter,
                "adapter_digest": plan.adapter_digest,
                "base_digest": plan.base_digest,
                "registration": plan.digest,
                "verdict": found.name if (found := self.runs[run].verdict) else None,
            }
            for run, plan in plans.items()
        }
        said = {"exit_code": self.exit_code, "sentence": self.sentence, "notes": self.notes}
        alpha = plans[B].policy.alpha
        suites = [pair.to_json() for pair in self.pairs]
        return {"runs": named, "suites": suites, "alpha": alpha, **said}


def compare(first: Path, second: Path) -> Compared:
    """Pair what the adapters of two runs answered to the suites that both owe.

    The margin is that of the second run's suite, or its ``secondary_margin``. Raises
    :class:`RunError` for a run whose documents differ from its receipts, for prompts that differ,
    and where there is nothing to pair."""
    runs = {A: recheck(first), B: recheck(second)}
    for found in runs.values():
        if found.differences:
            raise RunError(f"{found.folder.path}: {found.differences[0]}; no pair is made of that")
    plans = {run: found.folder.registration for run, found in runs.items()}
    common = [id for id in plans[A].plans if id in plans[B].plans]
    if not common:
        names = " and ".join(", ".join(plan.plans) for plan in plans.values())
        raise RunError(f"{first}, {second}: no suite in common: {names}")
    unlike = [text for id in common for text in _unlike(plans[A].plans[id], plans[B].plans[id])]
    if plans[A].policy.samples != plans[B].policy.samples:
        unlike.append(f"{plans[A].policy.samples} and {plans[B].policy.samples} answers a prompt")
    if unlike:
        raise RunError("\n".join([f"{first}, {second}: no pair:", *unlike]))
    return Compared(runs, [_pair(runs, plans, id) for id in common], list(_notes(plans)))


def _unlike(one: Plan, other: Plan) -> Iterator[str]:
    """Why two measurements of a suite are no pair."""
    before, now = ({row[0]: row[1] for row in plan.cases} for plan in (one, other))
    if gone := [case for case in {**before, **now} if before.get(case) != now.get(case)]:
        yield f"{one.suite}: prompts that differ, or that one run lacks: {items(gone)}"
    for key, text in ALIKE.items():
        if getattr(one, key) != getattr(other, key):
            yield f"{one.suite}: {text}"


def _pair(runs: Mapping[str, Rechecked], plans: Mapping[str, Registration], suite: str) -> Pair:
    arms, youdens, left = _arms(runs, plans, suite)
    plan, policy = plans[B].plans[suite], plans[B].policy
    cases = [case for case in plan.counted if case in arms[A] and case in arms[B]]
    among = units([case for case in cases if case not in left], plan.groups)
    rates = {run: rate(arms[run], among) for run in (A, B)}
    margin = policy.secondary_margin if plan.margin is None else plan.margin
    question: Literal["not-worse"] = "not-worse"
    asked = Contrast(id="compare", first=B, second=A, question=question, margin=margin)
    found = None
    if enough(sum(map(len, among)), len(among)):
        found = read(asked, arms, among, min(youdens), policy.alpha)
    return Pair(suite, rates, found)


def _arms(
    runs: Mapping[str, Rechecked], plans: Mapping[str, Registration], suite: str
) -> tuple[Arms, Sequence[float], set[str]]:
    """What the adapter of each run answered, J of each run's verifiers, and the cases that either
    left out."""
    arms: Arms = {}
    youdens, left = [], set[str]()
    for run, found in runs.items():
        plan = plans[run].plans[suite]
        held = {id: as_it_stood(one) for id, one in found.folder.certificates.items()}
        answered, _ = by_arm(plan, plans[run].policy.samples, found.folder.receipts)
        arms[run] = answered[plan.headline.first]
        youdens.append(scorecard.youden(plan, held))
        left |= set(plan.left_out)
    return arms, youdens, left


def _notes(plans: Mapping[str, Registration]) -> Iterator[str]:
    one, other = plans[A], plans[B]
    if one.base_digest != other.base_digest:
        yield f"on different bases: {one.base} {one.base_digest}, {other.base} {other.base_digest}"
    for id in sorted(one.certificates.keys() & other.certificates.keys()):
        if one.certificates[id] != other.certificates[id]:
            text = "was certified anew; `harness rejudge` says what it judges otherwise"
            yield f"verifier {id} {text}"
    for run, plan, than in ((A, one, other), (B, other, one)):
        if alone := [id for id in plan.plans if id not in than.plans]:
            yield f"only in {run}: {', '.join(alone)}"
