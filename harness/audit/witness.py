"""Judging for an audit: a fresh judge process that is asked many things in a row, here or in other
surroundings.

A verifier that hangs or ends the process loses one judgement; one that does so three times, or once
on an answer that the harness made, is asked no more."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from harness.audit.surroundings import HERE, Surroundings
from harness.judging.bench import Ask, Setup, Told
from harness.judging.verifier import unverified
from harness.judging.workers import Judge

MOST_LOST = 3
LONG = 5.0  # seconds
MOST_SECONDS = 600.0  # of one verifier's judgements in a sitting; then it is asked no more
STEP, MOST_STEP = 8, 64  # questions between two looks at the time, on which one may work ahead
SHARE = 60  # more than eight where all take less than so small a part of that time
OVER_TIME = unverified("not-asked", "the time of the audit was over")


@dataclass(frozen=True)
class Asked(Ask):
    """One judgement to make; ``last`` says that a verifier lost on this one is asked no more,
    ``timed`` that it counts into the time that a verifier has: a model may take hours."""

    last: bool = False
    timed: bool = True


@dataclass
class Toll:
    """What each verifier has cost in a sitting, however many processes judge in it: how often it
    was lost, and how many seconds it took."""

    lost: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, to: dict[str, float], verifier: str, more: float) -> float:
        """Add it, and say what it makes in all."""
        with self.lock:
            to[verifier] += more
            return to[verifier]


class Pulse:
    """Tells a progress how many answers were judged, of several witnesses at once, where that takes
    long: a model is asked for hours."""

    def __init__(self, progress: Callable[[str, int, int], None]) -> None:
        self._progress, self._lock = progress, threading.Lock()
        self._done, self._all, self._began = 0, 0, time.monotonic()

    def expect(self, more: int) -> None:
        """Say that so many more will be judged."""
        with self._lock:
            self._all += more

    def heard(self, _: Told) -> None:
        """Count one."""
        with self._lock:
            self._done += 1
            if self._done < self._all and time.monotonic() - self._began > LONG:
                self._progress("answers", self._done, self._all)


@dataclass(frozen=True)
class Witness:
    """Where verifiers are judged: their folder, its digest, the sandbox for those that run code,
    the folder of the fixtures that they must not read, the file in which is noted what they do, and
    the files ``only`` that are loaded of their folder, all where there are none."""

    folder: Path
    digest: str
    sandbox: str | None
    pulse: Pulse | None = None
    audits: Path | None = None
    notes: Path | None = None
    only: frozenset[str] = frozenset()

    def tell(
        self, asked: Sequence[Asked], around: Surroundings = HERE, toll: Toll | None = None
    ) -> list[Told]:
        """The judgement of each of ``asked``, in order, where verifiers have cost ``toll`` so far.
        Never raises for what a verifier does."""
        told: dict[int, Told] = {}
        toll = toll or Toll()
        left = list(range(len(asked)))
        setup = Setup(
            self.folder, self.digest, self.sandbox, around.variables(), around.enter, self.notes,
            only=self.only,
        )  # fmt: skip
        if self.pulse:
            self.pulse.expect(len(asked))
        while left:
            with closing(Judge(setup)) as judge:
                found = self._said(judge, [asked[i] for i in left], toll)
            told |= zip(left, found, strict=False)
            culprit, left = asked[left[len(found) - 1]], left[len(found) :]
            lost = toll.add(toll.lost, culprit.verifier, MOST_LOST if culprit.last else 1)
            if left and lost >= MOST_LOST:
                reason = found[-1].judgement.reason
                why = f"the verifier was lost on other answers; last: {reason}"
                dropped = [i for i in left if asked[i].verifier == culprit.verifier]
                told |= dict.fromkeys(dropped, Told(unverified("not-asked", why), 0.0))
                left = [i for i in left if i not in told]
        return [told[i] for i in range(len(asked))]

    def _said(self, judge: Judge, asked: Sequence[Asked], toll: Toll) -> list[Told]:
        """What one judge says, up to the question that it is lost on; a verifier that has spent its
        time is asked no more."""
        heard = self.pulse.heard if self.pulse else None
        found: list[Told] = []
        for verifier, group in groupby(asked, attrgetter("verifier")):
            own, step = list(group), STEP
            while own and not judge.ended:
                timed, many = own[0].timed, step if own[0].timed else len(own)
                if timed and toll.spent[verifier] > MOST_SECONDS:
                    found += [Told(OVER_TIME, 0.0)] * len(own)
                    if self.pulse:
                        self.pulse.expect(-len(own))
                    break
                said = judge.tell(own[:many], heard)
                took = sum(one.seconds for one in said)
                toll.add(toll.spent, verifier, took)
                step = max(
                    STEP, min(MOST_STEP, int(MOST_SECONDS / SHARE * len(said) / max(took, 0.001)))
                )
                found, own = found + said, own[many:]
        return found

    def each(
        self, rows: Sequence[Sequence[Asked]], around: Surroundings = HERE, parts: int = 1
    ) -> list[list[Told]]:
        """Several rows of questions to one process, told row by row; or to so many at a time, each
        with its ``parts`` of the cases, so that what is made of an answer is made in one."""
        asked = [one for row in rows for one in row]
        number = {case: n % parts for n, case in enumerate(dict.fromkeys(a.case.id for a in asked))}
        shares = [[one for one in asked if number[one.case.id] == n] for n in range(parts)]
        toll = Toll()
        with ThreadPoolExecutor(parts) as pool:
            found = pool.map(lambda share: self.tell(share, around, toll), shares)
            told = [iter(one) for one in found]
        return [[next(told[number[one.case.id]]) for one in row] for row in rows]


def too_slow(told: Sequence[Told]) -> list[str]:
    """A sentence, where a verifier had spent its time before it was asked everything."""
    made = [one.seconds for one in told if one.asked]
    if not any(one.judgement is OVER_TIME for one in told):
        return []
    text = f"too slow to be audited: {len(made)} of {len(told)} answers took {sum(made):.3g} s"
    return [
        f"{text}, {sum(made) / len(made):.2g} s each; an audit takes {MOST_SECONDS:g} s at most"
    ]
