"""The gate as one call, for the doors: run it, register it, or look at the subject alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

from harness.deciding import scorecard
from harness.deciding.feasible import undecidable
from harness.engines.base import WhiteBox
from harness.errors import WorkspaceError
from harness.gate.conclude import conclude
from harness.gate.measure import measure, open_run
from harness.gate.prepare import (
    Load,
    Options,
    Prepared,
    load_engine,
    look_up,
    preflight,
    prepare,
    probe_prompts,
    quantised,
)
from harness.gate.progress import Progress, silent
from harness.subjects.base import Preflight
from harness.subjects.entering.entry import siblings
from harness.verdict import Verdict


def run_gate(
    options: Options,
    progress: Progress = silent,
    load: Load = load_engine,
    begun: Callable[[Prepared], None] = lambda _: None,
) -> tuple[Verdict, Path]:
    """Run a whole gate; ``(verdict, run folder)``. Raises :class:`HarnessError`.

    ``begun`` is told what was prepared before the first answer."""
    wanted = look_up(options)
    with prepare(wanted, progress, load) as prepared, open_run(prepared) as run:
        begun(prepared)
        for id in wanted.suites:
            measure(prepared, run, id, progress)
        return conclude(prepared, run), run.folder


def register_gate(options: Options, progress: Progress = silent, load: Load = load_engine) -> Path:
    """Write the registration of a gate ahead of it, beside the library; the file.

    Raises :class:`WorkspaceError` for a hopeless plan, and :class:`HarnessError`."""
    wanted = look_up(options)
    with prepare(wanted, progress, load) as prepared:
        plan, held = prepared.registration, prepared.certificates
        youdens = {id: scorecard.youden(each, held) for id, each in plan.plans.items()}
        later = ("registration", "not-registered")
        unfit = [reason.text for reason in prepared.invalid if reason.code not in later]
        if refused := unfit + undecidable(plan, youdens):
            raise WorkspaceError("not registered:\n" + "\n".join(refused))
        plan.write(wanted.registration_path)
    return wanted.registration_path


def check_subject(
    options: Options, *, verify: bool = False, server: str | None = None, model: str | None = None
) -> Preflight:
    """The preflight alone, without verifiers, sandbox and run folder; with ``server`` also whether
    that one answers with the adapter. Raises :class:`HarnessError`."""
    from harness.subjects import served

    wanted = look_up(options)
    engine = load_engine(wanted.entry)
    found = preflight(wanted, engine, verify=verify)
    if server is not None and not found.faults:
        box, prompts = cast(WhiteBox, engine), probe_prompts(wanted.suites)
        asked, entry = served.Server(server, model), wanted.entry
        others = siblings(wanted.library, entry)
        found.add(
            served.check(
                box, entry.mount, asked, prompts, others, partial(quantised, entry.base_path)
            )
        )
    return found
