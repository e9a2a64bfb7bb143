"""What a file of HumanEval samples came to: counts, the unbiased pass@k, and what is not whole."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from harness.datasets.humaneval import problems
from harness.judging.verifier import Outcome
from harness.stats.passk import pass_at_k

KS = (1, 10, 100)  #: the k of pass@k, where every task has that many samples


@dataclass(frozen=True)
class ScoredSample:
    """One line of the result file; ``cpu`` are the seconds of processor time of the answer's own
    code."""

    line: int
    task_id: str
    digest: str
    outcome: str
    reason: str
    evidence: str
    seconds: float
    cpu: float
    rule: str
    sandbox: str


@dataclass(frozen=True)
class Score:
    """What a samples file came to. ``pass_at`` maps k to the unbiased estimate over the tasks in
    the file."""

    results: Path
    samples: int
    tasks: int
    missing: tuple[str, ...]
    pass_at: dict[int, float]
    outcomes: dict[str, int]
    reasons: dict[str, int]
    seconds: float
    reused: int
    sandbox: str

    def lines(self) -> Iterator[str]:
        """The score as text; what is not whole is said."""
        counts = ", ".join(f"{count} {outcome}" for outcome, count in self.outcomes.items())
        again = f", {self.reused} of them from an earlier run" if self.reused else ""
        yield f"{self.samples} samples of {self.tasks} tasks: {counts}{again}, {self.seconds:.1f} s"
        yield f"sandbox: {self.sandbox}"
        for k, value in self.pass_at.items():
            yield f"pass@{k}  {100 * value:.2f} %"
        if self.missing:
            yield (
                f"not HumanEval's score: {len(self.missing)} of 164 tasks have no sample"
                f" ({_some(self.missing)})"
            )
        if self.outcomes.get(Outcome.UNVERIFIED, 0):
            yield "unverified samples count as not passed; run again to judge them again"
        for reason, count in self.reasons.items():
            yield f"  {count:5} {reason}"
        yield f"results: {self.results}"


def summary(
    path: Path, results: Sequence[ScoredSample], seconds: float, reused: int, sandbox: str
) -> Score:
    """What the results of a file come to."""
    by_task: dict[str, list[bool]] = defaultdict(list)
    for result in results:
        by_task[result.task_id].append(result.outcome == Outcome.PASS)
    fewest = min(len(outcomes) for outcomes in by_task.values())
    pass_at = {
        k: fmean(pass_at_k(len(found), sum(found), k) for found in by_task.values())
        for k in KS
        if k <= fewest
    }
    return Score(
        results=path,
        samples=len(results),
        tasks=len(by_task),
        missing=tuple(task_id for task_id in problems() if task_id not in by_task),
        pass_at=pass_at,
        outcomes=dict(Counter(result.outcome for result in results).most_common()),
        reasons=dict(
            Counter(
                result.reason for result in results if result.outcome != Outcome.PASS
            ).most_common()
        ),
        seconds=seconds,
        reused=reused,
        sandbox=sandbox,
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
