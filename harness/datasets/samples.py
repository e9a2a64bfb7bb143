"""A whole file of HumanEval samples, on all cores, resumable: ``harness humaneval samples.jsonl``.

Durability: each sample's result is a line of the result file, written and flushed when it is known;
the file is synced to disk once a second and at the end, when its lines are put into the order of
the samples. A run that was killed, interrupted or refused by the system resumes where it stopped; a
torn last line is dropped. A result belongs to its sample by line number and digest: when the
samples have changed, the run refuses to mix them."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from harness import files
from harness.content.case import Case
from harness.datasets.reading import Sample, read_samples
from harness.datasets.summary import Score, ScoredSample, summary
from harness.errors import RunError, SandboxError, WorkspaceError, boundary
from harness.judging.answer import Answer
from harness.judging.bench import Ask, Told
from harness.judging.verifier import Outcome
from harness.judging.workers import Judges
from harness.sandbox import NAMES, cores, open_sandbox

BATCH = 8  #: samples handed to a judge at once
SYNC_SECONDS = 1.0  #: between two waits for the disk
AGAIN = "what was judged is kept, run the same command again to go on"
VERIFIERS = Path(__file__).parent / "verifiers"
VERIFIER = "humaneval.sample"


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
    how many. Raises :class:`WorkspaceError` for a bad line or a file that cannot be read,
    :class:`SandboxError` when no sandbox works, also where it first does and then starts no more,
    :class:`RunError` when the result file is another's, and
    :class:`harness.errors.SystemRefused` for what the system refuses. What was judged before is
    kept, also on ``KeyboardInterrupt``."""
    began = time.monotonic()
    if sandbox not in NAMES:
        raise WorkspaceError(f"sandbox {sandbox!r}: expected one of {', '.join(NAMES)}")
    samples = read_samples(samples_file)
    results_file = results_file or results_of(samples_file)
    with boundary():
        done = _earlier(results_file, samples)
        todo = [sample for sample in samples if sample.line not in done]
        reused, used = len(done), "none needed"
        if todo:
            # here and now, so that a machine without a sandbox says so once, before any worker
            with open_sandbox(sandbox) as first:
                name, description = first.name, first.description
                used = f"{description} ({first.why})"
            with files.Log(results_file) as log:
                kept = _Kept(log, done, description, len(samples), progress)
                _judge(todo, name, workers or cores.available(), kept)
        ordered = [done[sample.line] for sample in samples]
        if results_file.is_file():  # a pipe has had them
            lines = (json.dumps(asdict(result)) + "\n" for result in ordered)
            files.replace(results_file, "".join(lines))
    return summary(results_file, ordered, time.monotonic() - began, reused, used)


def results_of(samples: Path) -> Path:
    """Where the results of a file of samples go."""
    return samples.with_name(f"{samples.name}_results.jsonl")


class _Kept:
    """What was judged so far, each result in the file as soon as it is known."""

    def __init__(
        self,
        log: files.Log,
        done: dict[int, ScoredSample],
        sandbox: str,
        total: int,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self._log, self._done, self._sandbox = log, done, sandbox
        self._total, self._progress = total, progress
        self._synced = time.monotonic()
        self._show()

    def keep(self, sample: Sample, told: Told) -> None:
        """Write one result."""
        result = _result(sample, told, self._sandbox)
        self._done[result.line] = result
        self._log.append(json.dumps(asdict(result)))
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self._log.sync()
            self._synced = time.monotonic()
        self._show()

    def _show(self) -> None:
        if self._progress:
            self._progress("judged", len(self._done), self._total)


def _judge(samples: Sequence[Sample], sandbox: str, workers: int, kept: _Kept) -> None:
    """Judge the samples and keep each result as it comes, to the last that is known when this is
    interrupted."""
    batches = [samples[first : first + BATCH] for first in range(0, len(samples), BATCH)]
    arrived: SimpleQueue[tuple[Sample, Told] | Future[list[Told]]] = SimpleQueue()
    try:
        with Judges(VERIFIERS, sandbox, min(workers, len(batches)), apart=True) as judges:
            for batch in batches:
                asked = judges.ask([*map(_ask, batch)], partial(_arrive, arrived, iter(batch)))
                asked.add_done_callback(arrived.put)
            for _ in range(len(samples) + len(batches)):
                one = arrived.get()
                if isinstance(one, Future):
                    one.result()  # raises what kept a judge from starting
                elif one[1].judgement.reason == "judge-failed":
                    raise SandboxError(f"{one[1].judgement.evidence}; {AGAIN}")
                else:
                    kept.keep(*one)
    finally:
        while not arrived.empty():
            one = arrived.get()
            if not isinstance(one, Future) and one[1].outcome is not Outcome.UNVERIFIED:
                kept.keep(*one)


def _arrive(arrived: SimpleQueue[Any], batch: Iterator[Sample], told: Told) -> None:
    arrived.put((next(batch), told))


def _ask(sample: Sample) -> Ask:
    expect = {"task_id": sample.task_id, "whole": sample.whole}
    return Ask(VERIFIER, Case(sample.task_id, "", expect), Answer(sample.text))


def _result(sample: Sample, told: Told, sandbox: str) -> ScoredSample:
    return ScoredSample(
        line=sample.line,
        task_id=sample.task_id,
        digest=sample.digest,
        outcome=str(told.outcome),
        reason=told.judgement.reason,
        evidence=told.judgement.evidence[:500],
        seconds=round(told.seconds, 4),
        cpu=round(told.cpu, 4),
        rule=told.judgement.rule,
        sandbox=sandbox,
    )


def _earlier(path: Path, samples: Sequence[Sample]) -> dict[int, ScoredSample]:
    """Results of a run that was stopped; drops a torn last line and what was unverified."""
    if not path.is_file():  # a device has no end
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
