"""Decide, and write what a run leaves behind."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from harness.content import workspace
from harness.deciding.judge import judge, subject_reasons
from harness.evidence import attestation, secret
from harness.evidence.run import Run
from harness.gate.prepare import Prepared
from harness.pages import html
from harness.subjects.identity import changed
from harness.verdict import Verdict


def conclude(prepared: Prepared, run: Run) -> Verdict:
    """Decide, and write scorecard.json, verdict.json, attestation.json and scorecard.html into the
    run folder."""
    invalid, registration = prepared.invalid, prepared.registration
    if not invalid:
        entry, found = prepared.wanted.entry, prepared.preflight
        faults = [*found.faults, *changed(entry, found, workspace.cache_folder())]
        invalid = subject_reasons(faults)
        run.write("preflight.json", asdict(replace(found, faults=faults)))
    run.write("secret.json", {"secret": prepared.judges.secret.hex()})
    secret.forget(prepared.judges.secret)
    judged = judge(registration, invalid, prepared.certificates, run.receipts.values())
    card = judged.scorecard(registration, len(run.receipts), run.head)
    run.write("scorecard.json", card | {"answers": _answers(prepared)})
    run.write("verdict.json", judged.document(registration, run.head))
    html.render(run.folder, prepared.wanted.workspace.folder("reports"))
    documents = attestation.documents(run.folder)
    statement = attestation.statement(registration, judged.verdict, documents)
    run.write("attestation.json", statement)
    run.sync()
    return judged.verdict


def _answers(prepared: Prepared) -> dict[str, Any]:
    """How many answers each arm gave in this process, and how many of them were kept."""
    kept, plans = prepared.kept, prepared.registration.plans.values()
    arms = dict.fromkeys(arm.id for plan in plans for arm in plan.arms)
    counts = {arm: (kept.answered[arm], kept.from_cache[arm]) for arm in arms}
    return {arm: {"answered": n, "from_cache": many} for arm, (n, many) in counts.items()}
