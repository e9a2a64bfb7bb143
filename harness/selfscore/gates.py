"""Faults of a measurement (F1.9 to F1.18): gates on the pocket's gamedev, with real suites, audit,
judges and receipts, and an engine that says its lines."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness import files
from harness.content.library import Claim
from harness.content.workspace import shipped
from harness.deciding.judge import judge
from harness.engines.base import Ask, Generation
from harness.evidence.documents import Decision
from harness.evidence.folder import RunFolder
from harness.evidence.receipts import Receipt
from harness.evidence.registration import Registration
from harness.gate.finished.release import release_check
from harness.gate.prepare import Options
from harness.gate.session import run_gate
from harness.selfscore import audits
from harness.selfscore.adapters import GAMEDEV
from harness.selfscore.audits import right, sentences
from harness.subjects.kinds import Plant
from harness.verdict import Verdict

LEGACY = "examples/pocket/adapters/legacy"
GUARD, FACET, REPEATED = 164, 30, 120  # prompts
NEITHER = 28  # of the guard that nobody answers
KEPT, LEARNT = "kept", "learnt"  # the suites
Rows = list[Receipt]
Change = Callable[[Registration, Rows, bool], tuple[Registration, Rows]]


@dataclass(frozen=True)
class Asked:
    """A gate on ``subject``: of the guard's prompts the adapter gains and loses ``flips`` against
    base; of the facet base answers none, the adapter all. With ``repeats`` the facet is that many
    prompts, over and over with other white space; ``limit`` is the gate's."""

    flips: int = 1
    repeats: int = 0
    limit: int | None = None


class Lines:
    """An engine that says its lines."""

    identity: dict[str, Any] = {"engine": "lines", "mlx-lm": "none", "device": "none"}

    def __init__(self, kept: Sequence[str], flips: int) -> None:
        self._gained, self._lost = set(kept[:flips]), set(kept[flips : 2 * flips])
        self._neither = set(kept[2 * flips : 2 * flips + NEITHER])

    def reads(self, ask: Ask) -> Any:
        """The prompt, and what it makes of it: no answer of other lines is taken for its own."""
        return [ask.mode, ask.system, ask.prompt, self._says(ask)]

    def answer(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Generation]]:
        """The sentence that was asked for, or another."""
        for at, ask in enumerate(asks):
            yield at, Generation(self._says(ask), 5, "eos")

    def _says(self, ask: Ask) -> str:
        adapted = ask.mount is not None
        failed = self._neither | (self._lost if adapted else self._gained)
        knows = ask.prompt not in failed and (adapted or ask.mode == "completion")
        return right(ask.prompt) if knows else "I cannot say."


def gate(folder: Path, asked: Asked) -> Path:
    """Write the workspace, run its gate; the run folder."""
    audits.workspace(folder, audits.SOUND)
    shutil.copytree(shipped() / GAMEDEV, folder / "adapter")
    entry: dict[str, Any] = {"path": "adapter", "base": "pocket", "status": "candidate"}
    entry |= {"facets": [LEARNT], "suites": [KEPT, LEARNT]}
    base = {"path": str(shipped() / "examples/pocket/base")}
    policy = {"again": False, "early_stop": False, "degeneration_margin": 0.05}
    data = {"bases": {"pocket": base}, "adapters": {"subject": entry}, "gate": policy}
    (folder / "library.yaml").write_text(json.dumps(data), encoding="utf-8")
    kept, learnt = sentences(GUARD), sentences(FACET, GUARD)
    if asked.repeats:
        few = learnt[: asked.repeats]
        spaces = range(REPEATED // asked.repeats)
        learnt = [{**case, "prompt": f"{case['prompt']}{' ' * n}"} for n in spaces for case in few]
    _suite(folder, KEPT, kept, role="guard", mode="completion", margin=0.05)
    _suite(folder, LEARNT, learnt, role="facet", mode="chat")
    engine = Lines([case["prompt"] for case in kept], asked.flips)
    options = Options("subject", library=str(folder), limit=asked.limit)
    return run_gate(options, load=lambda _: engine)[1]


def _suite(folder: Path, id: str, cases: Sequence[dict[str, Any]], **keys: Any) -> None:
    spec = {"facet": id, "prompts": f"{id}.jsonl", "max_tokens": 16, **keys}
    spec["criteria"] = [{"id": "says", "verifier": audits.SOUND}]
    place = files.make_folder(folder / "suites")
    (place / f"{id}.yaml").write_text(json.dumps(spec), encoding="utf-8")
    rows = [json.dumps({"id": f"{id}/{n}", **case}) for n, case in enumerate(cases)]
    (place / f"{id}.jsonl").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def said(verdict: Decision | Verdict) -> set[str]:
    """The codes of its reasons."""
    return {one.code for one in verdict.reasons}


@cache
def _workspace() -> TemporaryDirectory[str]:
    """Of the clean twin, whose gate has ended; it goes with this process."""
    place = TemporaryDirectory(prefix="harness-")
    gate(Path(place.name), Asked())
    return place


def _clean() -> RunFolder:
    [run] = (Path(_workspace().name) / "runs").iterdir()
    return RunFolder(run)


def _gated(asked: Asked, folder: Path, planted: bool) -> set[str]:
    return said((RunFolder(gate(folder, asked)) if planted else _clean()).verdict)


def _decided(change: Change, folder: Path, planted: bool) -> set[str]:  # noqa: ARG001
    """What is decided on the twin's documents, and on them changed."""
    run = _clean()
    held = {id: one.certificate for id, one in run.certificates.items()}
    plan, rows = change(run.registration, run.receipts, planted)
    return said(judge(plan, [], held, rows).verdict)


def _sampled(plan: Registration, rows: Rows, planted: bool) -> tuple[Registration, Rows]:
    warm = plan.plans[LEARNT].sampler.replace("greedy", "temperature 0.6, seed 0")
    return plan, [
        replace(row, sampler=warm)
        if planted and (row.suite, row.arm) == (LEARNT, "adapter")
        else row
        for row in rows
    ]


def _cut(plan: Registration, rows: Rows, planted: bool) -> tuple[Registration, Rows]:
    late = {id for id, _ in plan.plans[LEARNT].cases[24:]} if planted else set[str]()
    return plan, [row for row in rows if row.case not in late or row.arm != "adapter"]


def _failed(plan: Registration, rows: Rows, planted: bool) -> tuple[Registration, Rows]:
    """Of a suite that the adapter fails, and base passes, no receipt is left."""
    if planted:
        return plan, [row for row in rows if row.suite != LEARNT]
    other = {"base": "adapter", "adapter": "base"}
    of = {(row.case, row.arm): row for row in rows}
    return plan, [
        replace(row, outcome=its.outcome, findings=its.findings)
        if row.suite == LEARNT and (its := of.get((row.case, other.get(row.arm, ""))))
        else row
        for row in rows
    ]


def _claimed(metric: str, suite: str | None, plan: Registration, rows: Rows, planted: bool) -> Any:
    """The number that was measured is published, or one that was not."""
    true, false = (plan.megabytes, plan.megabytes / 19) if suite is None else (1.0, 0.5)
    said = {"text": "as published", "metric": metric, "suite": suite, "tolerance": 0.001}
    claim = Claim.model_validate({**said, "value": false if planted else true})
    return plan.model_copy(update={"claims": [claim]}), rows


def _released(folder: Path, planted: bool) -> set[str]:
    """The workspace of a gate that said SHIP, and what stands against a release."""
    shutil.copytree(_workspace().name, folder, dirs_exist_ok=True)
    if planted:
        shutil.copytree(shipped() / LEGACY, folder / "adapter", dirs_exist_ok=True)
    [run] = (folder / "runs").iterdir()
    against = release_check(run, "subject", str(folder)).against
    return {re.sub(r"sha256:\w+", "X", line.removeprefix(f"{folder}/")) for line in against}


def _plant(number: str, code: str, what: str, asked: Asked) -> Plant:
    return Plant(number, code, what, partial(_gated, asked), twin="a gate")


def _edit(number: str, code: str, what: str, change: Change) -> Plant:
    return Plant(number, code, what, partial(_decided, change))


PLANTS = (
    Plant(
        "F1.9", "adapter: its bytes are X; X was judged", "scored one revision, shipping the next",
        _released,
    ),
    _edit("F1.10", "sampler", "base at temperature 0, the adapter at 0.6", _sampled),
    _plant("F1.12", "incomplete", "20 prompts of each suite", Asked(limit=20)),
    _plant("F1.13", "too-few", "four prompts repeated to 120", Asked(repeats=4)),
    _edit("F1.14", "incomplete", "24 answers against 30", _cut),
    _plant("F1.16", "undecided", "equal totals, 20 gained and 20 lost", Asked(flips=20)),
    _edit("F1.17", "not-measured", "a suite that failed is left out", _failed),
    _edit("F1.18", "claim-false", "a size of which the file is nineteen times",
          partial(_claimed, "megabytes", None)),
    _edit("F1.18", "claim-false", "a rate that receipts do not give",
          partial(_claimed, "elite_rate", LEARNT)),
)  # fmt: skip
