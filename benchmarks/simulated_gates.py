"""Simulated gates: receipts of an adapter whose true difference from base is known, judged by the
gate's own code.

Seen through verifiers of a known J = sensitivity + specificity - 1, whose certificates are as lucky
as their bound allows; ``operating_characteristic.py`` asks them its questions."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from gates import certificate, judge, pair, plan, receipt, registration

from harness.content.policy import Policy
from harness.deciding.instrument.churn import halts
from harness.deciding.scorecard import lost
from harness.evidence.receipts import Receipt
from harness.evidence.registration import Registration
from harness.gate.measure import LOST_EVERY
from harness.stats.audits.imperfect import Audit, composite_youden_lower
from harness.stats.intervals import wilson
from harness.verdict import Name

MIN_GOOD, MIN_BAD = 29, 59  # what known answers of the strict profile are worth at least
AUDITED = 0.8  # J of the verifiers whose audit is drawn with the answers
CHEAP = {"sentinels": 0}
ARMS = ("base", "again", "adapter")
FACET = pair("facet", 40, 0, 35, 0)


@dataclass(frozen=True)
class Cell:
    """One row of the table; ``difference`` and ``margin`` are true shares, ``discordance`` at least
    the difference. ``copies`` of a prompt are alike in all, and ``grouped`` in the plan."""

    n: int
    samples: int
    answers: str
    margin: float
    discordance: float
    youden: float
    difference: float
    profile: str = "standard"
    copies: int = 1
    grouped: bool = True


class Simulator:
    """Draws and judges the gates of one cell; receipts are made once for every outcome they may
    have."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        policy = Policy(profile=cell.profile, samples=cell.samples, registered=False, **CHEAP)
        first = {f"guard/{i}": f"guard/{i - i % cell.copies}" for i in range(cell.n)}
        groups = first if cell.grouped and cell.copies > 1 else {}
        guard = plan("guard", cell.n, "guard", margin=cell.margin, again=True, groups=groups)
        self.registration = registration([guard, plan("facet", 40)], policy)
        self.certificates = {"guard.ok": certificate("guard.ok", *fixtures(cell.youden))}
        self.facet = facet(cell.samples)
        self._receipts = {
            arm: [
                [
                    [receipt("guard", i, arm, outcome, sample=k) for outcome in ("fail", "pass")]
                    for k in range(cell.samples)
                ]
                for i in range(cell.n)
            ]
            for arm in ARMS
        }

    def draw(self, random: Generator) -> list[Receipt]:
        """The receipts of one gate. One greedy answer is the same whenever base gives it, and is
        judged alike."""
        copies, n = self.cell.copies, self.cell.n
        truths = [np.repeat(truth, copies, axis=0)[:n] for truth in self._truth(random)]
        base, again, adapter = (self._seen(truth, random) for truth in truths)
        same = self.cell.samples == 1 and self.cell.answers == "steady"
        seen = (base, base if same else again, adapter)
        guard = [
            cells[k][outcome]
            for arm, outcomes in zip(ARMS, seen, strict=True)
            for cells, row in zip(self._receipts[arm], outcomes.tolist(), strict=True)
            for k, outcome in enumerate(row)
        ]
        return guard + self.facet

    def session(self, rows: list[Receipt]) -> list[Receipt]:
        """What a session has of these receipts: it looks now and then whether it may end."""
        asked: dict[str, list[Receipt]] = {}
        for row in rows:
            if (row.suite, row.arm) == ("guard", "adapter"):
                asked.setdefault(row.case, []).append(row)
        ordered = [row for id in self.registration.plans["guard"].counted for row in asked[id]]
        base = [row for row in rows if (row.suite, row.arm) == ("guard", "base")]
        for at in range(LOST_EVERY, len(ordered), LOST_EVERY):
            found = base + ordered[:at]
            if lost(self.registration, "guard", self.certificates, found):
                return found
        return rows

    def verdict(
        self, rows: list[Receipt], found: Registration | None = None, **validity: Any
    ) -> Name:
        """The gate's verdict, which is known from base's answers alone where their noise ends the
        run."""
        plan = found or self.registration
        known = [row for row in rows if row.arm != "adapter"]
        held = {"facet.ok": certificate("facet.ok"), **self.certificates}
        if len(known) < len(rows) and halts(plan, held, known):
            rows = known
        return judge(plan, rows, self.certificates, **validity).verdict.name

    def audit(self, random: Generator) -> None:
        """Draw what an audit of the least size finds about verifiers of this J."""
        wrong = (1 - self.cell.youden) / 2
        passes, fails = random.binomial(MIN_BAD, wrong), random.binomial(MIN_GOOD, wrong)
        found = {
            "false_passes": [f"bad {i}" for i in range(passes)],
            "false_fails": [f"good {i}" for i in range(fails)],
        }
        self.certificates = {"guard.ok": certificate("guard.ok", MIN_GOOD, MIN_BAD, **found)}

    def _truth(self, random: Generator) -> tuple[Any, Any, Any]:
        """True outcomes (prompt, sample) of base, base again and the adapter."""
        cell = self.cell
        n = -(-cell.n // cell.copies)
        shape = (n, cell.samples)
        if cell.answers == "sampled":
            base = random.beta(1.2, 0.6, size=(n, 1))
            adapter = base * (1 + cell.difference / (1.2 / 1.8))
            twice = (random.random(shape) < base for _ in range(2))
            return (*twice, random.random(shape) < adapter)
        spread = max(cell.discordance, abs(cell.difference))
        kind = random.random((n, 1))
        gain, loss = (
            kind < (spread + cell.difference) / 2,
            kind >= 1 - (spread - cell.difference) / 2,
        )
        both = random.random((n, 1)) < 0.8
        base, adapter = (
            np.where(gain, False, np.where(loss, True, both)),
            np.where(gain, True, np.where(loss, False, both)),
        )
        base = np.broadcast_to(base, shape)
        return base, base, np.broadcast_to(adapter, shape)

    def _seen(self, truth: Any, random: Generator) -> Any:
        """What verifiers with equal sensitivity and specificity make of the truth."""
        wrong = random.random(truth.shape) < (1 - self.cell.youden) / 2
        return np.logical_xor(truth, wrong)


def fixtures(youden: float) -> tuple[int, int]:
    """The fewest known-good and known-bad answers, none of them misjudged, whose lower bound of J
    is about ``youden``."""
    if youden == 1:
        return 164, 299
    good, bad = MIN_GOOD, MIN_BAD
    while composite_youden_lower([Audit(0, bad, 0, good)]) < youden - 0.0005:
        good, bad = good + 1, bad + 1
    return good, bad


def facet(samples: int) -> list[Receipt]:
    """The receipts of the facet that gained beyond doubt."""
    return [
        receipt("facet", int(r.case.rpartition("/")[2]), r.arm, r.outcome, sample=k)
        for r in FACET
        for k in range(samples)
    ]


def measured(cell: Cell, gates: int, seed: int, *, partial: bool = False) -> dict[str, Any]:
    """Share of verdicts of one cell; ``partial`` gates end early where a session would."""
    simulator, random = Simulator(cell), np.random.default_rng(seed)
    began = time.perf_counter()
    names = []
    for _ in range(gates):
        if cell.youden == AUDITED:
            simulator.audit(random)
        rows = simulator.draw(random)
        names.append(simulator.verdict(simulator.session(rows) if partial else rows))
    seconds = time.perf_counter() - began
    ships = names.count(Name.SHIP)
    found = wilson(ships, gates)
    counts = {name.value: names.count(name) for name in Name}
    return asdict(cell) | {
        "gates": gates, "verdicts": counts, "ships": ships / gates, "low": found.low,
        "high": found.high,
        "gates_a_minute": round(60 * gates / seconds),
    }  # fmt: skip
