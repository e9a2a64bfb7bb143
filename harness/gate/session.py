"""The gate as one call, for the doors: run it, register it, look at dev prompts, or at the subject
alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from harness.content.suite import Suite
from harness.engines.base import WhiteBox
from harness.engines.elsewhere.replay import Replay
from harness.errors import WorkspaceError
from harness.evidence.receipts import Receipt
from harness.evidence.run import Run
from harness.gate import baseline, engines
from harness.gate.engines import Load, bench, embedded, load_engine, quantised
from harness.gate.measure import measure
from harness.gate.prepare import Options, Wanted, as_asked, look_up, preflight, prepare
from harness.gate.progress import Progress, silent
from harness.gate.together import Ended, gated
from harness.subjects import kinds
from harness.subjects.base import Evidence, Numbers, Preflight
from harness.subjects.entering.entry import siblings
from harness.subjects.prompts import probed
from harness.verdict import Name, Reason, Verdict

OF_A_RUN = ("registration", "not-registered", "ledger")  # reasons that say nothing of the answers
LINES, SHOWN = 3, 120  # lines and characters that are shown of an answer


def run_gate(
    options: Options, progress: Progress = silent, load: Load = load_engine
) -> tuple[Verdict, Path]:
    """Run a whole gate; ``(verdict, run folder)``. Raises :class:`HarnessError`."""
    *_, ended = gated(look_up(options), progress, load, lambda _: None)
    if not isinstance(ended, Ended) or ended.verdict is None or ended.folder is None:
        raise AssertionError(f"a gate ends with a verdict, and this one with {ended!r}")
    return ended.verdict, ended.folder


def register_gate(
    options: Options,
    progress: Progress = silent,
    load: Load = load_engine,
    export: Path | None = None,
) -> Path:
    """Write the registration of a gate ahead of it, beside the library; the file. With ``export``
    its prompts are written there, for answers to be recorded elsewhere and replayed.

    Raises :class:`WorkspaceError` for a hopeless plan, and :class:`HarnessError`."""
    wanted = look_up(options)
    with prepare(wanted, progress, load if export is None else lambda _: Replay()) as prepared:
        later = ("registration", "not-registered")
        unfit = [reason.text for reason in prepared.invalid if reason.code not in later]
        if refused := unfit + baseline.hopeless(prepared):
            raise WorkspaceError("not registered:\n" + "\n".join(refused))
        prepared.registration.write(wanted.registration_path)
        if export is not None:
            engines.export(export, prepared.registration, prepared.wanted.suites)
    return wanted.registration_path


class Checked(NamedTuple):
    """What a subject shows without verifiers, sandbox and run folder: its preflight, and what its
    kind measures and says of that, as far as no answer is needed for it."""

    preflight: Preflight
    numbers: Numbers
    reasons: list[Reason]


def check_subject(
    options: Options, *, verify: bool = False, server: str | None = None, model: str | None = None
) -> Checked:
    """The preflight alone; with ``server`` also whether that one answers with the adapter. Raises
    :class:`HarnessError`."""
    from harness.subjects import served

    wanted = look_up(options)
    engine = embedded(wanted.entry)
    wanted = as_asked(wanted, engine)
    found = preflight(wanted, engine, verify=verify)
    if server is not None and not found.faults:
        prompts = probed(wanted.suites)
        asked, entry = served.Server(server, model), wanted.entry
        others = siblings(wanted.library, entry)
        found.add(
            served.check(
                engine, entry.mount, asked, prompts, others, partial(quantised, entry.base_path)
            )
        )
    return Checked(found, *_still(wanted, engine, found))


def _still(wanted: Wanted, engine: WhiteBox, found: Preflight) -> tuple[Numbers, list[Reason]]:
    """What the kind of a subject comes to without an answer; nothing where it is at fault."""
    kind, on = kinds.of(wanted.entry), bench(wanted.entry, wanted.suites, engine, found)
    if not kind.still or any(fault.severity == "void" for fault in found.faults):
        return {}, []
    owed = {what: c for what, c in kind.owes(on).items() if what.partition("/")[0] in kind.still}
    measured = {what: dict(kind.measure(on, what, cases)) for what, cases in owed.items()}
    own = kind.spec.model_validate(kind.own(wanted.entry)) if kind.spec else None
    evidence = Evidence(own, on.digests, measured, {}, {}, alpha=wanted.library.gate.alpha)
    return kind.reasons(evidence)


def dev_lines(
    options: Options, progress: Progress = silent, load: Load = load_engine
) -> Iterator[str]:
    """What dev prompts show, line by line: by suite the passes of base and adapter and every
    criterion that failed. Nothing is left behind: no run, no look in the ledger, no verdict.

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
            rows = list(run.receipts.values())
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
    entry = replace(wanted.entry, previous=None)
    return replace(wanted, suites=suites, library=library, entry=entry)


def _suite(found: Suite) -> Suite:
    spec = found.spec.model_copy(update={"canon": None, "draw": None})
    return replace(found, spec=spec, cases=found.dev, dev=())


def _of_suite(suite: str, rows: list[Receipt]) -> Iterator[str]:
    asked, passed = Counter(row.arm for row in rows), Counter[str]()
    passed.update(row.arm for row in rows if row.outcome == "pass")
    yield f"{suite}: {', '.join(f'{arm} {passed[arm]}/{n}' for arm, n in asked.items())}"
    failed: dict[str, list[tuple[str, str]]] = {}
    for row in sorted(rows, key=lambda row: row.arm):
        said = [(one.criterion, one.reason) for one in row.findings if one.outcome != "pass"]
        for criterion, why in [*said, *([("ends", row.sign)] if row.sign else [])]:
            text = f"    {row.case} {row.arm}: {why}: {_begins(row.answer)}"
            failed.setdefault(criterion, []).append((row.arm, text))
    for criterion, shown in failed.items():
        many = Counter(arm for arm, _ in shown)
        counts = ", ".join(f"{arm} {many[arm]}/{n}" for arm, n in asked.items())
        yield f"  {criterion} failed: {counts}"
        yield from (text for _, text in shown)


def _begins(answer: str) -> str:
    """The first lines of an answer that say something, as one."""
    told = [line.strip() for line in answer.splitlines()]
    return f"{' | '.join([x for x in told if x and not x.startswith('```')][:LINES]):.{SHOWN}}"
