"""What replies come to: whose answer each is, and how long they took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from harness.stats.intervals import upper_bound

Row = Sequence[Any]  #: who was asked, which probe, status, text, stated by the server, how often
Answers = Mapping[str, Sequence[str | None]]  #: by who, to every probe; ``None`` if not steady
NEITHER, REFUSED = "neither", "refused"
PERCENTILES = (50, 95, 99)


def telling(answers: Answers) -> dict[str, list[int]]:
    """By who the probes that nobody else answers so; only such as all answer steadily."""
    found: dict[str, list[int]] = {who: [] for who in answers}
    for probe, said in enumerate(zip(*answers.values(), strict=True)):
        texts = [None if text is None else text.strip() for text in said]
        for who, text in zip(answers, texts, strict=True):
            if None not in texts and texts.count(text) == 1:
                found[who].append(probe)
    return found


def whose(row: Row, alone: Answers) -> str:
    """Who answered: the one that was asked, if it answers so alone, else another that does, or that
    the answer has more than half of, and more than of one's own; else nobody that is known."""
    who, probe, status, text = row[:4]
    if status >= 300:
        return REFUSED
    said = {each: (answers[probe] or "").strip() for each, answers in alone.items()}
    text = text.strip()
    if text == said[who]:
        return str(who)
    for each, expected in said.items():
        if text == expected:
            return each
    shared = {each: _shared(text, expected) for each, expected in said.items()}
    near = max(shared, key=shared.__getitem__)
    longer = 2 * shared[near] > len(said[near]) and shared[near] > shared[who]
    return near if longer else NEITHER


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def counted(rows: Iterable[Row], alone: Answers) -> dict[str, Counter[str]]:
    """By who was asked how often each answered, over the probes that tell."""
    markers = {who: {*probes} for who, probes in telling(alone).items()}
    found: dict[str, Counter[str]] = {who: Counter() for who in alone}
    for row in rows:
        if row[1] in markers[row[0]]:
            found[row[0]][whose(row, alone)] += row[5]
    return found


def summed(found: Mapping[str, Counter[str]]) -> dict[str, int]:
    """How many were asked, and answered by whom it should, by another, by neither, or refused."""
    asked = sum(by.total() for by in found.values())
    own = sum(by[who] for who, by in found.items())
    neither, refused = (sum(by[key] for by in found.values()) for key in (NEITHER, REFUSED))
    another = asked - own - neither - refused
    return {
        "asked": asked, "own": own, "another": another, "neither": neither, "refused": refused,
    }  # fmt: skip


def bound(another: int, asked: int) -> float | None:
    """The exact one-sided upper bound (95 %) of the share that another answered."""
    return upper_bound(another, asked) if asked else None


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 as the smallest time that so many are not above (nearest rank)."""
    ordered = sorted(times)
    return {
        f"p{share}": ordered[max(0, -(-share * len(ordered) // 100) - 1)]
        for share in PERCENTILES
        if ordered
    }


def agreement(answers: Answers, truth: Answers) -> dict[str, dict[str, int]]:
    """By who how many of its own telling probes it answers as each one's weights do here."""
    markers, found = telling(truth), dict[str, dict[str, int]]()
    for who, said in answers.items():
        told = {probe: (said[probe] or "").strip() for probe in markers[who]}
        found[who] = {
            each: sum(text == (known[probe] or "").strip() for probe, text in told.items())
            for each, known in truth.items()
        }
    return found
