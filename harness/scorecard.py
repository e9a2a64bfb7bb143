"""From receipts to numbers: elite rates of both arms, the paired comparison, and what each criterion rejected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from harness.receipts import Receipt
from harness.stats.intervals import Interval, wilson
from harness.stats.paired import GuardState, guard_state, mcnemar_exact, tango
from harness.suite import Suite

if TYPE_CHECKING:
    import pandas as pd

MIN_RATE_N = 20  # below this many prompts counts are shown, no rate and no interval


@dataclass(frozen=True)
class Rate:
    """Passes among ``n`` prompts; ``interval`` is Wilson's 95 %, ``None`` under 20 prompts."""

    passes: int
    unverified: int
    n: int

    @property
    def value(self) -> float | None:
        """The share of prompts, ``None`` under 20 prompts."""
        return self.passes / self.n if self.n >= MIN_RATE_N else None

    @property
    def interval(self) -> Interval | None:
        """Wilson's 95 % two-sided interval, ``None`` under 20 prompts."""
        return wilson(self.passes, self.n) if self.n >= MIN_RATE_N else None

    def text(self) -> str:
        """``33/40 = 82.5 % [68.0, 91.3]``."""
        if self.value is None or self.interval is None:
            return f"{self.passes}/{self.n}"
        low, high = self.interval.low, self.interval.high
        return f"{self.passes}/{self.n} = {self.value:.1%} [{low:.1%}, {high:.1%}]"


@dataclass(frozen=True)
class CriterionScore:
    """How many answers of each arm passed one criterion."""

    id: str
    verifier: str
    base: Rate
    adapter: Rate


@dataclass(frozen=True)
class SuiteScore:
    """One suite measured on both arms over the same prompts.

    ``gained`` and ``lost`` are the ids that only the adapter, or only the base, answered elite. ``difference`` is Tango's
    interval of adapter minus base at level 1 - 2 alpha; ``state`` reads it against ``margin`` with unverified answers
    counted against the adapter (METHOD: a verdict must survive the worst case).
    """

    suite: str
    facet: str
    role: str
    prompts: int
    margin: float | None
    min_gain: float
    base: Rate
    adapter: Rate
    gained: list[str]
    lost: list[str]
    difference: Interval | None
    mcnemar_p: float | None
    state: GuardState | None
    criteria: list[CriterionScore]

    @property
    def complete(self) -> bool:
        """Whether every prompt of the suite was measured."""
        return self.base.n == self.prompts

    @property
    def improved(self) -> bool:
        """Whether the whole interval of the difference lies above ``min_gain``."""
        return self.difference is not None and self.difference.low > self.min_gain

    @property
    def worse(self) -> bool:
        """Whether the whole interval of the difference lies below zero."""
        return self.difference is not None and self.difference.high < 0

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``scorecard.json``."""
        data = asdict(self)
        for row in (data, *data["criteria"]):
            for arm in ("base", "adapter"):
                rate = Rate(**row[arm])
                row[arm] |= {"rate": rate.value, "wilson95": asdict(rate.interval) if rate.interval else None}
        return data


def table(receipts: Iterable[Receipt]) -> pd.DataFrame:
    """One row per receipt: suite, case, arm, outcome and one column per criterion; ``pandas.DataFrame``."""
    import pandas as pd

    rows = [
        {"suite": r.suite, "case": r.case, "arm": r.arm, "outcome": r.outcome}
        | {f"criterion:{f.criterion}": f.outcome for f in r.findings}
        for r in receipts
    ]
    return pd.DataFrame(rows, columns=None if rows else ["suite", "case", "arm", "outcome"])


def score(suite: Suite, frame: pd.DataFrame, alpha: float) -> SuiteScore | None:
    """The numbers of one suite from the receipts of a run; ``None`` when no prompt has both arms."""
    mine = frame[frame["suite"] == suite.id]
    wide = mine.pivot(index="case", columns="arm", values="outcome")
    if not {"base", "adapter"} <= set(wide.columns) or wide.dropna().empty:
        return None
    wide = wide.dropna()
    order = [case.id for case in suite.cases if case.id in wide.index]
    wide = wide.loc[order]
    base, adapter, n = wide["base"], wide["adapter"], len(wide)
    gained = list(wide.index[(adapter == "pass") & (base != "pass")])
    lost = list(wide.index[(adapter != "pass") & (base == "pass")])
    decided = n >= MIN_RATE_N
    paired = mine[mine["case"].isin(order)]
    return SuiteScore(
        suite=suite.id,
        facet=suite.spec.facet,
        role=suite.spec.role,
        prompts=len(suite.cases),
        margin=suite.spec.margin,
        min_gain=suite.spec.min_gain,
        base=_rate(base),
        adapter=_rate(adapter),
        gained=gained,
        lost=lost,
        difference=_worst(tango, base, adapter, n, alpha) if decided else None,
        mcnemar_p=mcnemar_exact(len(gained), len(lost)) if decided else None,
        state=_guard(base, adapter, n, suite.spec.margin, alpha) if decided and suite.spec.margin else None,
        criteria=[_criterion(c.id, c.verifier, paired) for c in suite.spec.criteria],
    )


def _counts(base: pd.Series[str], adapter: pd.Series[str]) -> tuple[int, int]:
    """Gains and losses in the worst case for the adapter: what could not be judged counts for the base."""
    held = base != "fail"
    won = adapter == "pass"
    return int((won & ~held).sum()), int((~won & held).sum())


def _worst(interval: Any, base: pd.Series[str], adapter: pd.Series[str], n: int, alpha: float) -> Interval:
    gains, losses = _counts(base, adapter)
    found: Interval = interval(gains, losses, n, 1 - 2 * alpha)
    return found


def _guard(base: pd.Series[str], adapter: pd.Series[str], n: int, margin: float, alpha: float) -> GuardState:
    gains, losses = _counts(base, adapter)
    return guard_state(gains, losses, n, margin, alpha)


def _rate(outcomes: pd.Series[str]) -> Rate:
    return Rate(int((outcomes == "pass").sum()), int((outcomes == "unverified").sum()), len(outcomes))


def _criterion(id: str, verifier: str, rows: pd.DataFrame) -> CriterionScore:
    column = f"criterion:{id}"
    base, adapter = (_rate(rows.loc[rows["arm"] == arm, column]) for arm in ("base", "adapter"))
    return CriterionScore(id, verifier, base, adapter)
