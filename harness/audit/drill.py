"""Known answers asked over and over in one judge process, by that process itself: in another order,
after wrong answers to their own prompts, by a moving clock, and thousands of times where that is
cheap."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise

from harness.audit.surroundings import CLOCK
from harness.content.case import Case
from harness.judging.answer import Answer
from harness.judging.verifier import Judgement, Outcome, failed, passed

WAIT = 5  # seconds by the wall for one of CPU time
EARLY = "the clock was read before it was asked"
MOST_FLIPPED = 8  # rows; more of them name nothing more

Row = tuple[Case, str, Outcome]  #: a case, an answer and what was said of it before
Flips = dict[int, tuple[int, str]]  #: a row that changed, with the call and the moment that it did


@dataclass(frozen=True)
class Drill:
    """Ask for the outcome of every row twice, then go on up to ``calls``, ``seconds`` of CPU time
    or five times that by the wall. Where this process has a clock of its own, it moves with every
    second row. ``module`` is the verifier's."""

    rows: Sequence[Row]
    calls: int
    seconds: float
    module: str = ""

    def __call__(self, judge: Callable[[Case, Answer], Judgement]) -> Judgement:
        """``passed`` when no outcome ever changed; else the rows that did, as :func:`flipped` reads
        them."""
        found: Flips = {}
        early = any(one == self.module or "._" in one for one in CLOCK.readers)  # a helper's too
        moments = CLOCK.moments()
        began, woke, looks = time.process_time(), time.perf_counter(), 0
        for calls, (case, text, number) in enumerate(self._turns()):
            # what waits for another program is bounded by the wall
            waited = (time.perf_counter() - woke) / WAIT
            over = calls >= self.calls or max(time.process_time() - began, waited) > self.seconds
            if len(found) == MOST_FLIPPED or (over and looks >= 2 * len(self.rows)):
                break
            if CLOCK.started and number is not None and looks % 2 == 0:
                CLOCK.ahead = next(moments)
            # a copy that nobody holds afterwards: what is remembered by identity meets another
            said = judge(Case(case.id, case.prompt, case.expect), Answer((text + " ")[:-1]))
            if number is not None:
                looks += 1
                if said.outcome is not self.rows[number][2]:
                    when = time.strftime("%A %Y-%m-%d %H:%M") if CLOCK.started else ""
                    found.setdefault(number, (calls + 1, when))
        if not found:
            return passed(EARLY if early else "")
        return failed("flipped", json.dumps(list(found.items())))

    def _turns(self) -> Iterator[tuple[Case, str, int | None]]:
        """Cases with answers and the number of the row that they are: each row after its case with
        the next one's answer, which no row is; then backwards; then round and round."""
        numbers = range(len(self.rows))
        for number, after in pairwise([*numbers, 0]):
            case, text, _ = self.rows[number]
            yield case, self.rows[after][1], None
            yield case, text, number
        for number in cycle([*reversed(numbers), *numbers]):
            yield self.rows[number][0], self.rows[number][1], number


def flipped(said: Judgement, rows: Sequence[Row]) -> Flips:
    """The rows that changed; the first ones where a drill came to no end."""
    if said.outcome is Outcome.PASS:
        return {}
    if said.reason != "flipped":
        return dict.fromkeys(range(min(len(rows), MOST_FLIPPED)), (0, ""))
    return {number: (call, when) for number, (call, when) in json.loads(said.evidence)}
