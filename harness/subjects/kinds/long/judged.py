"""What the answers of a length sweep come to: numbers by arm and sampler, and named reasons. Pure,
from the texts alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import Any

from harness.content.kinds.sweep import SERVE, Sweep
from harness.stats.intervals import items_needed, lower_bound, upper_bound
from harness.stats.subjects.corruption import corruption
from harness.stats.subjects.degeneration import diversity, looped, repetition
from harness.stats.subjects.survival import Lasted, Survival, survival
from harness.stats.values import Undefined
from harness.subjects.arms import ADAPTER, BASE
from harness.verdict import Reason, reason

SHOWN = 3  # answers that a reason names
Measured = Mapping[str, Mapping[str, dict[str, Any]]]


@dataclass(frozen=True)
class Answer:
    """One answer of the sweep as its receipt holds it, asked up to ``length`` tokens."""

    case: str
    text: str
    tokens: int
    finish: str
    forced: bool
    prompt: str

    @property
    def name(self) -> str:
        """Of the prompt."""
        return self.case.rpartition("@")[0]

    @property
    def length(self) -> int:
        """Most tokens that it may have."""
        return int(self.case.rpartition("@")[2])

    @cached_property
    def ended(self) -> bool:
        """Whether it came to an end of its own."""
        return self.finish != "length"

    @cached_property
    def onset(self) -> int | None:
        """The token from which it repeats itself to its end."""
        found = looped(self.text, ended=self.ended)
        return None if found is None else round(found.at * self.tokens)

    @cached_property
    def garbled(self) -> bool:
        """Whether it holds more corrupted tokens than a sound text."""
        return corruption(self.text, self.prompt, cut=not self.ended).garbled

    @property
    def lasted(self) -> Lasted:
        """For how long it was seen sound: one that ends where its prompt lets it never loops, one
        that was to go on says nothing of what would have come."""
        if self.onset is not None:
            return Lasted(self.onset, True)
        return Lasted(10**9 if self.ended and not self.forced else self.tokens, False)


@dataclass(frozen=True)
class Cell:
    """The answers of one arm by one sampler."""

    answers: Sequence[Answer]
    sweep: Sweep
    confidence: float

    @property
    def forced(self) -> list[Answer]:
        """Those that were to go on."""
        return [one for one in self.answers if one.forced]

    @property
    def natural(self) -> list[Answer]:
        """Those that end by themselves."""
        return [one for one in self.answers if not one.forced]

    def lasts(self, at: int, among: Sequence[Answer]) -> Survival:
        """How many answers reach ``at`` tokens without a loop: of every prompt the one asked for
        that length, else the next longer one."""
        chosen = dict[str, Answer]()
        for one in sorted(among, key=lambda one: one.length):
            if one.length >= at:
                chosen.setdefault(one.name, one)
        return survival([one.lasted for one in chosen.values()], at, self.confidence)

    def at(self, length: int) -> Survival:
        """That which decides: of the forced answers where there are some."""
        return self.lasts(length, self.forced or self.natural)

    @property
    def passes(self) -> int | None:
        """The longest length before which a loop is shown to be rare enough, with every shorter
        one."""
        kept = None
        for length in self.sweep.lengths:
            if self.at(length).low < self.sweep.survival:
                break
            kept = length
        return kept

    @property
    def stops(self) -> tuple[int, int]:
        """How many natural answers end within the longest length, and of how many."""
        longest = [one for one in self.natural if one.length == self.sweep.lengths[-1]]
        return sum(one.ended and one.onset is None for one in longest), len(longest)

    def broken(self, good: int, of: int, share: float) -> bool:
        """Whether ``good`` of so many are shown to be fewer than a ``share``."""
        return of > 0 and upper_bound(good, of, self.confidence) < share

    @property
    def endless(self) -> bool:
        """Whether too few natural answers end."""
        return self.broken(*self.stops, self.sweep.stops)

    @property
    def clean(self) -> tuple[int, int]:
        """How many answers are not garbled, and of how many."""
        return sum(not one.garbled for one in self.answers), len(self.answers)

    def numbers(self) -> dict[str, Any]:
        """For the scorecard."""
        words = [one.text.split() for one in self.answers]
        loops = [one for one in self.answers if one.onset is not None]
        ended, natural = self.stops
        curves = {"forced": self.forced, "natural": self.natural}
        return {
            "answers": len(self.answers),
            "survival": {
                kind: [_plain(self.lasts(length, among)) for length in self.sweep.lengths]
                for kind, among in curves.items()
                if among
            },
            "stops": {"ended": ended, "of": natural, **_bounds(ended, natural, self.confidence)},
            "garbled": [one.case for one in self.answers if one.garbled],
            "loops": {one.case: one.onset for one in loops},
            "repetition": _median([repetition(text) for text in words]),
            "diversity": _median([diversity(text) for text in words]),
        }


def cells(sweep: Sweep, measured: Measured, alpha: float) -> dict[tuple[str, str], Cell]:
    """The cells by arm and sampler; raises ``TypeError`` or ``KeyError`` for numbers that are
    none."""
    found = dict[tuple[str, str], Cell]()
    for what, rows in measured.items():
        arm, _, sampler = what.partition("/")
        answers = [Answer(case=case, **row) for case, row in rows.items()]
        if answers:
            found[arm, sampler] = Cell(answers, sweep, 1 - alpha)
    return found


def judged(sweep: Sweep, measured: Measured, alpha: float) -> tuple[dict[str, Any], list[Reason]]:
    """The numbers of a sweep, and what they call for; nothing where nothing was answered."""
    found = cells(sweep, measured, alpha)
    numbers: dict[str, Any] = {
        "lengths": sweep.lengths,
        "survival": sweep.survival,
        "promised": sweep.promised,
        "serve": str(sweep.samplers[SERVE]),
        "cells": {f"{arm} {sampler}": cell.numbers() for (arm, sampler), cell in found.items()},
        "passes": None,
        "dependence": None,
    }
    if (served := found.get((ADAPTER, SERVE))) is None:
        return numbers, []
    at = sweep.promised or served.passes or sweep.lengths[0]
    moved = _moved(served, found.get((ADAPTER, sweep.bare)), at)
    numbers |= {"passes": served.passes, "dependence": moved}
    reasons = [_lasts(served, at), *_ends(served, found.get((BASE, SERVE))), *_garbled(served)]
    if moved is not None and abs(moved) > sweep.dependence:
        text = (
            f"{sweep.samplers[SERVE]}: {100 * moved:+.0f} points of the answers that last {at}"
            " tokens without the penalty; it is a part of what is released"
        )
        reasons.append(reason("long-penalty", "long", text))
    return numbers, reasons


def by_length(
    lengths: Sequence[int],
    outcomes: Mapping[str, Mapping[str, Mapping[str, list[str]]]],
    tokens: Mapping[str, Mapping[str, Mapping[str, int]]],
) -> dict[str, list[dict[str, int]]]:
    """Of both arms how many of the suites' answers passed, apart by the tokens that they have: up
    to each length, and above the longest."""
    rows = list[tuple[str, int, bool]]()
    for suite, arms in outcomes.items():
        for arm, cases in {arm: arms[arm] for arm in (ADAPTER, BASE) if arm in arms}.items():
            said = tokens.get(suite, {}).get(arm, {})
            rows += [(arm, said.get(case, 0), got[0] == "pass") for case, got in cases.items()]
    found = dict[str, list[dict[str, int]]]()
    for arm in dict.fromkeys(arm for arm, _, _ in rows):
        for low, high in pairwise([-1, *lengths, 10**9]):
            passed = [good for who, many, good in rows if who == arm and low < many <= high]
            if passed:
                row = {"over": max(low, 0), "answers": len(passed), "passed": sum(passed)}
                found.setdefault(arm, []).append(row)
    return found


def _lasts(cell: Cell, at: int) -> Reason:
    """What is said of the promised length."""
    sweep, found = cell.sweep, cell.at(at)
    rate = "not measured" if isinstance(found.rate, Undefined) else f"{100 * found.rate:.0f} %"
    said = (
        f"{rate} last {at} tokens without a loop (at least {100 * found.low:.1f} %, {found.reached}"
        f" seen so far, {found.failed} looped); {100 * sweep.survival:g} % are asked;"
        f" {sweep.samplers[SERVE]}"
    )
    passes = f"promise {cell.passes} tokens" if cell.passes else "no length passes"
    if found.low >= sweep.survival:
        return reason("long-held", "long", f"{said}; {passes}")
    looping = [one for one in cell.answers if one.onset is not None and one.onset < at]
    cases = [one.case for one in looping][:SHOWN]
    if found.high < sweep.survival:
        shown = ", ".join(f"{one.case} from token {one.onset}" for one in looping[:SHOWN])
        return reason("long-loops", "long", f"{said}; {passes}: {shown}", cases)
    needed = items_needed(1 - sweep.survival, found.failed, cell.confidence)
    text = f"{said}; {needed} answers that long would show it, no more of them looping; {passes}"
    return reason("long-open", "long", text, cases)


def _ends(cell: Cell, base: Cell | None) -> Iterator[Reason]:
    """Natural answers that never end, where base's do: what cuts both is the length."""
    if not cell.endless:
        return
    ended, of = cell.stops
    text = (
        f"{ended} of {of} answers end by themselves within {cell.sweep.lengths[-1]} tokens;"
        f" {100 * cell.sweep.stops:g} % are asked"
    )
    if base is not None and base.endless and not _fewer(cell, base):
        ended, of = base.stops
        text = f"{text}; of base's {ended} of {of}: cut, which is no degeneration"
        yield reason("long-cut", "long", text)
    else:
        yield reason("long-endless", "long", text)


def _fewer(cell: Cell, base: Cell) -> bool:
    """Whether fewer answers end than base's, bound against bound."""
    (ended, of), (bases, its) = cell.stops, base.stops
    return upper_bound(ended, of, cell.confidence) < lower_bound(bases, its, cell.confidence)


def _garbled(cell: Cell) -> Iterator[Reason]:
    clean, of = cell.clean
    if cell.broken(clean, of, cell.sweep.survival):
        cases = [one.case for one in cell.answers if one.garbled][:SHOWN]
        text = f"{of - clean} of {of} answers hold tokens of no language: {', '.join(cases)}"
        yield reason("long-garbled", "long", text, cases)


def _moved(served: Cell, bare: Cell | None, at: int) -> float | None:
    """S without the penalty minus S with it; ``None`` where nobody knows, or there is none."""
    if bare is None or served.sweep.samplers[SERVE].repetition_penalty is None:
        return None
    without, with_it = bare.at(at).rate, served.at(at).rate
    if isinstance(without, Undefined) or isinstance(with_it, Undefined):
        return None
    return without - with_it


def _plain(found: Survival) -> dict[str, Any]:
    rate = None if isinstance(found.rate, Undefined) else found.rate
    return {**found._asdict(), "rate": rate}


def _bounds(good: int, of: int, confidence: float) -> dict[str, float]:
    if not of:
        return {}
    return {"low": lower_bound(good, of, confidence), "high": upper_bound(good, of, confidence)}


def _median(values: Sequence[float | Undefined]) -> float | None:
    found = [value for value in values if not isinstance(value, Undefined)]
    return median(found) if found else None
