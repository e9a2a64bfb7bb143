"""Prompts of one suite that are one piece of evidence: variants of one task, copies, near
duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

from harness.content.case import Case
from harness.stats.subjects.contamination import normalised
from harness.subjects.training.contamination import SIMILAR, near_duplicates


def groups(cases: Sequence[Case]) -> dict[str, str]:
    """By case the first case of its group, for every group of two or more.

    Joined are prompts of one declared ``group``, of the same words, and of which the preflight
    calls one a near duplicate of the other; also through a third."""
    leader = list(range(len(cases)))

    def first(number: int) -> int:
        while leader[number] != number:
            number = leader[number]
        return number

    for pair in _alike(cases):
        low, high = sorted(map(first, pair))
        leader[high] = low
    found = [first(number) for number in range(len(cases))]
    many = Counter(found)
    pairs = zip(cases, found, strict=True)
    return {case.id: cases[number].id for case, number in pairs if many[number] > 1}


def _alike(cases: Sequence[Case]) -> Iterator[tuple[int, int]]:
    """Pairs of cases that belong together; texts too short for shingles by all of their words."""
    seen: dict[Hashable, int] = {}
    for number, case in enumerate(cases):
        yield seen.setdefault((*(normalised(case.prompt) or case.prompt.split()),), number), number
        if case.group is not None:
            yield seen.setdefault(case.group, number), number
    texts = [case.prompt for case in cases]
    for one, other, _ in near_duplicates(texts, texts, SIMILAR):
        yield one, other
