"""A whole file of HumanEval samples, on all cores, resumable: ``harness humaneval samples.jsonl``.

Durability: each sample's result is a line of the result file, written and flushed when it is known;
the file is synced to disk once a second and at the end. A killed run resumes where it stopped; a
torn last line is dropped. A result belongs to its sample by line number and digest: when the
samples have changed, the run refuses to mix them.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import multiprocessing
import os
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.datasets.humaneval import judge, problems
from harness.errors import RunError, WorkspaceError
from harness.judging.answer import Answer
from harness.judging.verifier import Judgement, Outcome, unverified
from harness.sandbox import NAMES, Sandbox, cores, open_sandbox
from harness.sandbox.runtime import Runtime, adopt, find_runtime

BATCH = 8  #: samples handed to a worker at once
SYNC_SECONDS = 1.0  #: between two waits for the disk
SLOWEST = (
    60.0  #: seconds; a judge that takes longer for one sample is stuck and is killed from outside
)
KS = (1, 10, 100)  #: the k of pass@k, where every task has that many samples


@dataclass(frozen=True)
class Sample:
    """One line of a samples file. ``whole``: a complete program (key ``solution``), not a
    completion of the prompt.

    ``rule`` says how the program was taken from the text: ``raw``, or the rule of
    :class:`harness.judging.answer.Extract`.
    """

    line: int
    task_id: str
    text: str
    whole: bool
    rule: str

    @property
    def digest(self) -> str:
        """What a result is bound to."""
        return hashlib.sha256(
            json.dumps([self.task_id, self.text, self.whole, self.rule]).encode()
        ).hexdigest()[:16]


@dataclass(frozen=True)
class ScoredSample:
    """One line of the result file."""

    line: int
    task_id: str
    digest: str
    outcome: str
    reason: str
    evidence: str
    seconds: float
    rule: str
    sandbox: str


@dataclass(frozen=True)
class Score:
    """What a samples file came to. ``pass_at`` maps k to the unbiased estimate over the tasks in
    the file.
    """

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


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """The unbiased estimate of pass@k for one task: 1 - C(n-c, k) / C(n, k) (Chen et al. 2021,
    arXiv:2107.03374).

    Raises ``ValueError`` unless 0 <= passed <= samples and 1 <= k <= samples.
    """
    if not 0 <= passed <= samples or not 1 <= k <= samples:
        raise ValueError(f"pass@{k} of {passed} passes in {samples} samples")
    return 1.0 - math.comb(samples - passed, k) / math.comb(samples, k)


def read_samples(path: Path) -> list[Sample]:
    """The samples of a ``.jsonl`` or ``.jsonl.gz`` file: ``task_id`` and ``completion`` or
    ``solution`` in each line.

    Raises :class:`WorkspaceError` that names file, line and field.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            lines = file.read().split(b"\n")
    except (OSError, EOFError) as error:
        raise WorkspaceError(f"{path}: cannot be read: {error}") from None
    samples = [_sample(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not samples:
        raise WorkspaceError(f"{path}: holds no sample; expected lines of {{task_id, completion}}")
    return samples


def _sample(path: Path, number: int, line: bytes) -> Sample:
    where = f"{path}, line {number}"
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WorkspaceError(
            f"{where}: not JSON ({error}); a torn line? remove it or write it again"
        ) from None
    if not isinstance(row, dict):
        raise WorkspaceError(
            f"{where}: a {type(row).__name__}, expected an object with task_id and completion"
        )
    task_id = row.get("task_id")
    if not isinstance(task_id, str) or task_id not in problems():
        found = "is missing" if "task_id" not in row else f"is {task_id!r}"
        raise WorkspaceError(f"{where}: task_id {found}, expected HumanEval/0 to HumanEval/163")
    keys = [key for key in ("completion", "solution") if key in row]
    if len(keys) != 1:
        found = (
            "has both completion and solution"
            if keys
            else f"has no completion (keys: {', '.join(sorted(row))})"
        )
        raise WorkspaceError(f"{where}: {found}; expected one of completion, solution")
    text = row[keys[0]]
    if not isinstance(text, str):
        raise WorkspaceError(f"{where}: {keys[0]} is a {type(text).__name__}, expected text")
    return _unwrapped(number, task_id, text, whole=keys[0] == "solution")


def _unwrapped(number: int, task_id: str, text: str, whole: bool) -> Sample:
    """Take the code out of a Markdown answer; a fence at the start of a line is never Python
    outside of a string.

    A block that holds the function is a program of its own; the prompt still comes before it, with
    its imports.
    """
    if re.search(r"^(```|~~~)", text, re.MULTILINE):
        found = Answer(text).extract("python")
        if found is not None:
            return Sample(number, task_id, found.code, whole, found.rule)
    return Sample(number, task_id, text, whole, "raw")


_open: dict[str, Sandbox] = {}


def _start_worker(name: str, runtime: Runtime, taken: Path | None) -> None:
    adopt(runtime)
    if taken:
        cores.keep_to_one(taken)
    _open["sandbox"] = open_sandbox(name)


def _judge_batch(samples: Sequence[Sample]) -> list[ScoredSample]:
    """Runs in a worker process."""
    return [_scored(sample, _open["sandbox"]) for sample in samples]


def _scored(sample: Sample, sandbox: Sandbox) -> ScoredSample:
    began = time.monotonic()
    judgement = judge(sample.task_id, sample.text, sandbox, whole=sample.whole)
    return _result(sample, judgement, time.monotonic() - began, sandbox.description)


def _result(sample: Sample, judgement: Judgement, seconds: float, sandbox: str) -> ScoredSample:
    return ScoredSample(
        sample.line,
        sample.task_id,
        sample.digest,
        str(judgement.outcome),
        judgement.reason,
        judgement.evidence[:500],
        round(seconds, 4),
        sample.rule,
        sandbox,
    )


def score(
    samples_file: Path,
    *,
    sandbox: str = "auto",
    workers: int | None = None,
    results_file: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Score:
    """Judge every sample of a file and write a result for each beside it, ``FILE_results.jsonl``.

    ``workers`` defaults to the number of cores; ``progress`` is told ``judged``, how many and of
    how many. Raises :class:`WorkspaceError` for a bad line,
    :class:`harness.errors.SandboxError` when no sandbox works, :class:`RunError` when the result
    file is another's.
    """
    began = time.monotonic()
    if sandbox not in NAMES:
        raise WorkspaceError(f"sandbox {sandbox!r}: expected one of {', '.join(NAMES)}")
    samples = read_samples(samples_file)
    results_file = results_file or samples_file.with_name(f"{samples_file.name}_results.jsonl")
    done = _earlier(results_file, samples)
    todo = [sample for sample in samples if sample.line not in done]
    reused, used = len(done), "none needed"
    if todo:
        # here and now, so that a machine without a sandbox says so once, before any worker starts
        with open_sandbox(sandbox) as first:
            name, description = first.name, first.description
            used = f"{description} ({first.why})"
        synced = time.monotonic()
        if progress:
            progress("judged", reused, len(samples))
        with results_file.open("a", encoding="utf-8") as file:
            for batch in _judged(todo, name, description, workers or cores.available()):
                for result in batch:
                    done[result.line] = result
                    file.write(json.dumps(asdict(result)) + "\n")
                file.flush()
                if time.monotonic() - synced > SYNC_SECONDS:
                    os.fsync(file.fileno())
                    synced = time.monotonic()
                if progress:
                    progress("judged", len(done), len(samples))
            os.fsync(file.fileno())
    return _summary(
        results_file,
        [done[sample.line] for sample in samples],
        time.monotonic() - began,
        reused,
        used,
    )


def _judged(
    samples: Sequence[Sample], name: str, description: str, workers: int
) -> Iterator[list[ScoredSample]]:
    """Batches of results as they come; a batch whose judge died or got stuck is judged again one by
    one.
    """
    from concurrent.futures import Future, as_completed

    from pebble import ProcessExpired, ProcessPool

    batches = [samples[first : first + BATCH] for first in range(0, len(samples), BATCH)]
    # spawned: a fork would copy the threads and locks of whoever calls
    context = multiprocessing.get_context("spawn")
    workers = min(workers, len(batches))
    with tempfile.TemporaryDirectory() as folder:
        known = (name, find_runtime(), Path(folder) if workers == cores.available() else None)
        with ProcessPool(
            workers, initializer=_start_worker, initargs=known, context=context
        ) as pool:
            while batches:
                futures: dict[Future[list[ScoredSample]], Sequence[Sample]] = {
                    pool.schedule(_judge_batch, args=(batch,), timeout=SLOWEST * len(batch)): batch
                    for batch in batches
                }
                batches = []
                for future in as_completed(futures):
                    batch = futures[future]
                    try:
                        yield future.result()
                    except (TimeoutError, ProcessExpired) as error:
                        if len(batch) > 1:
                            batches += [[sample] for sample in batch]
                        else:
                            judgement = unverified("judge-died", f"{type(error).__name__}: {error}")
                            yield [_result(batch[0], judgement, SLOWEST, description)]


def _earlier(path: Path, samples: Sequence[Sample]) -> dict[int, ScoredSample]:
    """Results of a run that was stopped; drops a torn last line and what was unverified."""
    if not path.exists():
        return {}
    digests = {sample.line: sample.digest for sample in samples}
    found: dict[int, ScoredSample] = {}
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    for number, line in enumerate(io.BytesIO(whole), 1):
        try:
            result = ScoredSample(**json.loads(line))
        except (ValueError, TypeError):
            raise RunError(
                f"{path}, line {number}: not a result of this version; move the file away"
            ) from None
        if digests.get(result.line) != result.digest:
            raise RunError(
                f"{path}, line {number}: belongs to other samples; move the file away or name"
                " another one"
            )
        found[result.line] = result
    if len(whole) != len(data):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    return {line: result for line, result in found.items() if result.outcome != Outcome.UNVERIFIED}


def _summary(
    path: Path, results: Sequence[ScoredSample], seconds: float, reused: int, sandbox: str
) -> Score:
    by_task: dict[str, list[bool]] = defaultdict(list)
    for result in results:
        by_task[result.task_id].append(result.outcome == Outcome.PASS)
    fewest = min(len(outcomes) for outcomes in by_task.values())
    pass_at = {
        k: sum(pass_at_k(len(found), sum(found), k) for found in by_task.values()) / len(by_task)
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
