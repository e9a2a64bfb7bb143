"""A whole file of HumanEval samples, on all cores, resumable: ``harness humaneval samples.jsonl``.

Durability: each sample's result is a line of the result file, written and flushed when it is known;
the file is synced to disk once a second and at the end. A killed run resumes where it stopped; a
torn last line is dropped. A result belongs to its sample by line number and digest: when the
samples have changed, the run refuses to mix them."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict
from pathlib import Path

from harness import files
from harness.content.case import Case
from harness.datasets.reading import Sample, read_samples
from harness.datasets.summary import Score, ScoredSample, summary
from harness.errors import RunError, WorkspaceError
from harness.judging.answer import Answer
from harness.judging.bench import Ask, Told
from harness.judging.verifier import Outcome
from harness.judging.workers import Judges
from harness.sandbox import NAMES, cores, open_sandbox

BATCH = 8  #: samples handed to a judge at once
SYNC_SECONDS = 1.0  #: between two waits for the disk
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
    how many. Raises :class:`WorkspaceError` for a bad line,
    :class:`harness.errors.SandboxError` when no sandbox works, :class:`RunError` when the result
    file is another's."""
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
        with files.Log(results_file) as log:
            for batch in _judged(todo, name, description, workers or cores.available()):
                for result in batch:
                    done[result.line] = result
                    log.append(json.dumps(asdict(result)))
                if time.monotonic() - synced > SYNC_SECONDS:
                    log.sync()
                    synced = time.monotonic()
                if progress:
                    progress("judged", len(done), len(samples))
            log.sync()
    return summary(
        results_file,
        [done[sample.line] for sample in samples],
        time.monotonic() - began,
        reused,
        used,
    )


def _judged(
    samples: Sequence[Sample], name: str, description: str, workers: int
) -> Iterator[list[ScoredSample]]:
    """Batches of results as they come."""
    batches = [samples[first : first + BATCH] for first in range(0, len(samples), BATCH)]
    with Judges(VERIFIERS, name, min(workers, len(batches)), apart=True) as judges:
        asked = {judges.ask([_ask(sample) for sample in batch]): batch for batch in batches}
        for future in as_completed(asked):
            pairs = zip(asked[future], future.result(), strict=True)
            yield [_result(sample, told, description) for sample, told in pairs]


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
        rule=told.judgement.rule,
        sandbox=sandbox,
    )


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
