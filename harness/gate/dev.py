"""The free place to look: base and adapter on the ``dev`` prompts of each suite.

They are judged by the same certified verifiers and as a gate judges, and leave nothing behind: no
run, no look in the ledger, no verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.content.suite import Suite
from harness.errors import WorkspaceError
from harness.evidence.receipts import SENTINEL, Receipt
from harness.evidence.run import Run
from harness.gate.measure import measure
from harness.gate.prepare import Load, Options, Wanted, load_engine, look_up, prepare
from harness.gate.progress import Progress, silent
from harness.verdict import Name

OF_A_RUN = ("registration", "not-registered", "ledger")  # reasons that say nothing of the answers
LINE = 100  # characters that are shown of an answer


def dev_lines(
    options: Options, progress: Progress = silent, load: Load = load_engine
) -> Iterator[str]:
    """What dev prompts show, line by line: by suite the passes of each arm and every criterion that
    failed.

    Raises :class:`WorkspaceError` where no suite has dev prompts or nothing may be judged, and
    :class:`HarnessError`."""
    wanted = _of_dev(look_up(replace(options, run_dir=None)))
    with prepare(wanted, progress, load) as prepared, TemporaryDirectory() as folder:
        void = [r for r in prepared.invalid if r.verdict is Name.VOID and r.code not in OF_A_RUN]
        if void:
            raise WorkspaceError("\n".join(["nothing can be judged:", *(r.text for r in void)]))
        asked = replace(prepared, invalid=[], look=None)
        with Run(Path(folder), asked.settings, asked.registration.digest) as run:
            for suite in wanted.suites:
                measure(asked, run, suite, progress)
            rows = [row for row in run.receipts.values() if row.arm != SENTINEL]
    for suite in wanted.suites:
        yield from _of_suite(suite, [row for row in rows if row.suite == suite])
    yield "dev prompts only: no verdict, and no look was counted"


def _of_dev(wanted: Wanted) -> Wanted:
    """A gate on dev prompts: base and adapter alone, to the end."""
    suites = {id: _suite(each) for id, each in wanted.suites.items() if each.dev}
    if not suites:
        raise WorkspaceError(
            f"no suite that {wanted.entry.name} owes has dev prompts: {', '.join(wanted.suites)};"
            " write `dev: FILE.jsonl` into a suite's file, rows like its prompts"
        )
    policy = wanted.library.gate.model_copy(update={"again": False, "early_stop": False})
    library = wanted.library.model_copy(update={"gate": policy})
    return replace(wanted, suites=suites, library=library)


def _suite(found: Suite) -> Suite:
    spec = found.spec.model_copy(update={"canon": None, "draw": None})
    return replace(found, spec=spec, cases=found.dev, dev=())


def _of_suite(suite: str, rows: list[Receipt]) -> Iterator[str]:
    asked, passed = Counter(row.arm for row in rows), Counter[str]()
    passed.update(row.arm for row in rows if row.outcome == "pass")
    rates = ", ".join(f"{arm} {passed[arm]}/{n}" for arm, n in asked.items())
    yield f"{suite}: {rates}"
    failed: dict[str, list[str]] = {}
    for row in rows:
        first = next((line for line in row.answer.splitlines() if line.strip()), "")
        shown = f"    {row.case} {row.arm}: {{}}: {first:.{LINE}}"
        for found in row.findings:
            if found.outcome != "pass":
                said = shown.replace("{}", found.reason, 1)
                failed.setdefault(found.criterion, []).append(said)
        if row.sign:
            failed.setdefault("ends", []).append(shown.replace("{}", row.sign, 1))
    for criterion, lines in failed.items():
        yield f"  {criterion} failed {len(lines)} of {len(rows)}"
        yield from lines
