"""Judging for an audit: a fresh judge process that is asked many things in a row, here or in other
surroundings.

A verifier that hangs or ends the process loses one judgement; one that does so three times, or once
on an answer that the harness made, is asked no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from harness.audit.surroundings import HERE, Surroundings
from harness.judging.bench import Ask, Setup, Told
from harness.judging.verifier import unverified
from harness.judging.workers import Judge

MOST_LOST = 3


@dataclass(frozen=True)
class Asked(Ask):
    """One judgement to make; ``last`` says that a verifier lost on this one is asked no more."""

    last: bool = False


@dataclass(frozen=True)
class Witness:
    """Where verifiers are judged: their folder, its digest, and the sandbox for those that run
    code.
    """

    folder: Path
    digest: str
    sandbox: str | None

    def tell(self, asked: Sequence[Asked], around: Surroundings = HERE) -> list[Told]:
        """The judgement of each of ``asked``, in order. Never raises for what a verifier does."""
        told: dict[int, Told] = {}
        lost: Counter[str] = Counter()
        left = list(range(len(asked)))
        setup = Setup(self.folder, self.digest, self.sandbox, around.environment, around.enter)
        while left:
            with closing(Judge(setup)) as judge:
                found = judge.tell([asked[i] for i in left])
            told |= zip(left, found, strict=False)
            culprit, left = asked[left[len(found) - 1]], left[len(found) :]
            lost[culprit.verifier] += MOST_LOST if culprit.last else 1
            if left and lost[culprit.verifier] >= MOST_LOST:
                reason = found[-1].judgement.reason
                why = f"the verifier was lost on other answers; last: {reason}"
                dropped = [i for i in left if asked[i].verifier == culprit.verifier]
                told |= dict.fromkeys(dropped, Told(unverified("not-asked", why), 0.0))
                left = [i for i in left if i not in told]
        return [told[i] for i in range(len(asked))]

    def each(
        self, rows: Sequence[Sequence[Asked]], around: Surroundings = HERE
    ) -> list[list[Told]]:
        """Several rows of questions to one process, told row by row."""
        told = iter(self.tell([one for row in rows for one in row], around))
        return [[next(told) for _ in row] for row in rows]
