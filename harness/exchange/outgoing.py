"""What a run says, for other tools. Held-out prompts, and answers, which quote them, stay in the
house: their digests go in their place, unless they are asked for."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import files
from harness.datasets.humaneval import problems, solution
from harness.digests import text_digest
from harness.engines.elsewhere.replay import Row
from harness.errors import WorkspaceError
from harness.evidence.folder import RunFolder
from harness.evidence.receipts import NOBODYS, Receipt
from harness.evidence.registration import prompt_digest

#: suites that are a data set of the Hub, by the last part of their id: ``(id, task)``
HUB = {"humaneval": ("openai/openai_humaneval", "openai_humaneval")}
ADAPTER = "adapter"


@dataclass(frozen=True)
class Scored:
    """What one arm answered to one suite, prompt by prompt."""

    suite: str
    arm: str
    rows: list[Receipt]

    @property
    def rate(self) -> float:
        """The share of answers that pass all criteria, 0..1."""
        return sum(row.outcome == "pass" for row in self.rows) / len(self.rows)

    @property
    def error(self) -> float:
        """The standard error of that share, as lm-eval and inspect give it: prompts as
        independent, which groups of them are not."""
        n = len(self.rows)
        return math.sqrt(self.rate * (1 - self.rate) / (n - 1)) if n > 1 else 0.0

    @property
    def file(self) -> str:
        """A name for its file."""
        return f"{self.suite.replace('/', '_')}-{self.arm}"


@dataclass(frozen=True)
class Texts:
    """How texts leave: as they are, or as their digests."""

    whole: bool = False

    def __call__(self, text: str) -> str:
        return text if self.whole else text_digest(text)


def scored(run: Path) -> tuple[RunFolder, list[Scored]]:
    """A finished run, and its answers by suite and arm; raises :class:`RunError`."""
    found = RunFolder(run)
    found.check(whole=True)
    by: dict[tuple[str, str], list[Receipt]] = {}
    for row in found.receipts:
        if row.arm not in NOBODYS:
            by.setdefault((row.suite, row.arm), []).append(row)
    if not by:
        raise WorkspaceError(f"{run}: holds no answer, so there is nothing to export")
    return found, [Scored(suite, arm, rows) for (suite, arm), rows in by.items()]


def why(row: Receipt) -> str:
    """What kept an answer from passing, criterion by criterion."""
    said = [f"{f.criterion}: {f.reason or f.outcome}" for f in row.findings if f.outcome != "pass"]
    return "; ".join([*said, *([row.sign] if row.sign else [])])


def replay(run: Path) -> list[Row]:
    """The answers of a run as rows of a replay, with the digests of their prompts; they name the
    registration that the run was held to, where there was one."""
    found, arms = scored(run)
    ahead = found.registered.digest if found.registered else None
    return [
        Row(
            suite=row.suite,
            arm=row.arm,
            subject=row.subject,
            id=row.case,
            sample=row.sample,
            registration=ahead,
            prompt_digest=prompt_digest(row.prompt),
            sampler=row.sampler,
            answer=row.answer,
            finish=row.finish,  # type: ignore[arg-type]
            tokens=row.tokens,
        )
        for each in arms
        for row in each.rows
    ]


def samples(run: Path, folder: Path) -> list[Path]:
    """Write for each arm that answered HumanEval the whole programs that were judged, as evalplus
    and ``harness humaneval`` read them; raises :class:`WorkspaceError` where none did."""
    paths, tasks = [], problems()
    for each in scored(run)[1]:
        rows = [row for row in each.rows if row.case in tasks]
        told = [{"task_id": r.case, "solution": solution(r.case, r.answer)} for r in rows]
        if told:
            text = "".join(f"{json.dumps(one)}\n" for one in told)
            paths.append(files.replace(files.make_folder(folder) / f"{each.file}.jsonl", text))
    if not paths:
        raise WorkspaceError(f"{run}: answers no task of HumanEval, which alone has such samples")
    return paths


def eval_results(run: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The entries of ``.eval_results/*.yaml`` for the adapter's suites that are data sets of the
    Hub, and the other suites, of which it has no place."""
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    found, arms = scored(run)
    entries, left = [], []
    for each in arms:
        if each.arm == ADAPTER and (hub := HUB.get(each.suite.rpartition("/")[2])):
            notes = f"harness {found.verdict.verdict}, {_held_to(found, each.suite)}"
            entries.append(EvalResultEntry(*hub, value=100 * each.rate, notes=notes))
        elif each.arm == ADAPTER:
            left.append(each.suite)
    return eval_result_entries_to_yaml(entries), left


def model_card(run: Path) -> str:
    """The block of a model card: front matter with the adapter's rates, and a table of all arms,
    by which a reader sees what it gained and lost."""
    from huggingface_hub import EvalResult, ModelCardData

    found, arms = scored(run)
    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=_dataset(each.suite),
            dataset_name=each.suite,
            metric_type="pass@1",
            metric_name="pass@1, all criteria",
            metric_value=round(100 * each.rate, 4),
        )
        for each in arms
        if each.arm == ADAPTER
    ]
    name = found.registration.adapter
    front = ModelCardData(model_name=name, eval_results=results).to_yaml() if results else ""
    lines = ["| suite | arm | passed | of | rate |", "|---|---|---|---|---|"]
    lines += list(_table(arms))
    said = f"**{found.verdict.verdict}** by harness {found.settings.harness}"
    head = f"## Release gate\n\n{said}, registration `{found.registration.digest}`.\n"
    return "\n".join([f"---\n{front}\n---\n" if front else "", head, *lines, ""])


def _dataset(suite: str) -> str:
    """The data set of the Hub, or a name that is nobody's id there."""
    hub = HUB.get(suite.rpartition("/")[2])
    return hub[0] if hub else suite.replace("/", "-")


def _table(arms: list[Scored]) -> Iterator[str]:
    for each in arms:
        passed = sum(row.outcome == "pass" for row in each.rows)
        yield f"| {each.suite} | {each.arm} | {passed} | {len(each.rows)} | {each.rate:.1%} |"


def _held_to(found: RunFolder, suite: str) -> str:
    return f"{found.registration.plans[suite].sampler}, base {found.registration.base}"
