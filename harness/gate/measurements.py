"""What the kind of a subject has measured beside answers: each number a receipt of the chain, so
that a run that was killed goes on with what it lacks."""

from __future__ import annotations

import time

from harness.engines.base import WhiteBox
from harness.evidence.receipts import MEASURED, measurement
from harness.evidence.run import Run
from harness.gate.prepare import Prepared
from harness.gate.progress import Progress, left, silent
from harness.subjects import kinds


def measure(prepared: Prepared, run: Run, progress: Progress = silent) -> None:
    """Measure what is owed and not in the run yet; nothing in a look at dev prompts."""
    subject, kind = prepared.registration.subject, kinds.of(prepared.wanted.entry)
    if prepared.look is None:
        return
    done = {(row.suite, row.case) for row in run.receipts.values() if row.arm == MEASURED}
    for what, cases in subject.owes.items():
        name = f"{kind.name}/{what}"
        todo, began = [case for case in cases if (name, case) not in done], time.monotonic()
        for number, (case, numbers) in enumerate(kind.measure(prepared.bench, what, todo), 1):
            digest = prepared.registration.adapter_digest
            run.add(measurement(kind.name, what, case, digest, numbers))
            progress(name, number, len(todo), left(time.monotonic() - began, number, len(todo)))
        if todo:
            run.sync()
            if isinstance(prepared.engine, WhiteBox):
                prepared.engine.stand()
