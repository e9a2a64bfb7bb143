"""Sentinels: answers known beforehand to be good or bad, put before every verifier during the run.

An audit proves a verifier before the run; a sentinel shows that the same verifier still judges as
it did when the adapter's own answers came. They are drawn by the adapter's digest, so that two
gates on one adapter show the same ones."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from harness.content import fixtures
from harness.content.fixtures import Fixture
from harness.evidence.receipts import SENTINEL, Finding, Receipt
from harness.judging.verifier import Judgement
from harness.judging.workers import Judges

EVIDENCE = 2000  # characters of it that a receipt keeps


def finding(criterion: str, verifier: str, said: Judgement) -> Finding:
    """A judgement as a receipt holds it."""
    evidence = said.evidence[:EVIDENCE]
    return Finding(criterion, verifier, said.outcome.value, said.reason, evidence, said.rule)


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


def judged(
    judges: Judges,
    known: Mapping[str, list[Fixture]],
    digests: Mapping[str, str],
    done: Iterable[str],
) -> Iterator[Receipt]:
    """The receipt of every sentinel in ``known`` that is not ``done``; ``digests`` are those of the
    certificates."""
    seen = set(done)
    asked = [
        (id, f, judges.judge([id], f.case, f.answer), time.monotonic())
        for id, shown in known.items()
        for f in shown
        if f"{id}/{f.name}" not in seen
    ]
    for id, fixture, pending, began in asked:
        found = pending.result()[0]
        yield Receipt(
            suite=SENTINEL,
            case=f"{id}/{fixture.name}",
            arm=SENTINEL,
            subject=digests[id],
            prompt=fixture.case.prompt,
            answer=fixture.answer,
            tokens=0,
            finish="eos",
            findings=[finding(id, id, found)],
            outcome=found.outcome.value,
            seconds=round(time.monotonic() - began, 4),
        )
