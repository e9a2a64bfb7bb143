"""Sentinels: answers known beforehand to be good or bad, put before every verifier during the run.

An audit proves a verifier before the run; a sentinel shows that the same verifier still judges as
it did when the adapter's own answers came: before them, among them and behind them. They are drawn
by the adapter's digest, so that two gates on one adapter show the same ones."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.content import fixtures
from harness.content.fixtures import Fixture
from harness.evidence.receipts import SENTINEL, Finding, Receipt
from harness.judging.verifier import Judgement
from harness.judging.workers import Pending

EVIDENCE = 2000  # characters of it that a receipt keeps


def finding(criterion: str, verifier: str, said: Judgement) -> Finding:
    """A judgement as a receipt holds it."""
    evidence = said.evidence[:EVIDENCE]
    spans = [list(span) for span in said.spans]
    return Finding(criterion, verifier, said.outcome.value, said.reason, evidence, said.rule, spans)


def draw(verifiers: Iterable[str], audits: Path, many: int, seed: str) -> dict[str, list[Fixture]]:
    """For each verifier ``many`` known-good and ``many`` known-bad answers of its audit, mixed."""
    drawn: dict[str, list[Fixture]] = {}
    for id in verifiers:
        known = fixtures.load(audits, id)
        random_ = random.Random(f"{seed} {id}")
        kinds = [[f for f in known if f.good is good] for good in (True, False)]
        drawn[id] = [f for kind in kinds for f in random_.sample(kind, min(many, len(kind)))]
        random_.shuffle(drawn[id])
    return drawn


def spread(
    known: Mapping[str, list[Fixture]], done: Iterable[str], answers: int
) -> deque[tuple[int, str, Fixture]]:
    """``(place, verifier, known answer)`` for all that is not ``done``, in the order of places:
    each verifier's stand before the first of so many ``answers``, behind the last and evenly
    between."""
    seen = set(done)
    places = [
        (round(k * answers / max(1, len(shown) - 1)), id, one)
        for id, shown in known.items()
        for k, one in enumerate(shown)
        if f"{id}/{one.name}" not in seen
    ]
    return deque(sorted(places, key=lambda row: row[0]))


@dataclass(frozen=True)
class Shown:
    """A known answer on its way to a receipt; ``digest`` is that of the verifier's certificate."""

    verifier: str
    fixture: Fixture
    digest: str
    pending: Pending
    began: float

    def receipt(self) -> Receipt:
        """The receipt, once it is judged."""
        found = self.pending.result()[0]
        return Receipt(
            suite=SENTINEL,
            case=f"{self.verifier}/{self.fixture.name}",
            arm=SENTINEL,
            subject=self.digest,
            prompt=self.fixture.case.prompt,
            answer=self.fixture.answer,
            tokens=0,
            finish="eos",
            findings=[finding(self.verifier, self.verifier, found)],
            outcome=found.outcome.value,
            seconds=round(time.monotonic() - self.began, 4),
        )
