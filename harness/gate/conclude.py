"""Decide, and write what a run leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.audit.bound import binding
from harness.content import fixtures, suite, workspace
from harness.content.fixtures import Known
from harness.content.suite import Suite
from harness.deciding.judge import Judged, judge, subject_reasons
from harness.engines.base import Watched
from harness.errors import HarnessError
from harness.evidence import attestation, secret
from harness.evidence.registration import Registration
from harness.evidence.run import Run
from harness.gate.prepare import Prepared
from harness.judging.pool import Pool
from harness.pages import scorecard
from harness.subjects import kinds
from harness.subjects.base import Fault
from harness.subjects.identity import changed, moved
from harness.verdict import Verdict


def so_far(prepared: Prepared, run: Run) -> Judged:
    """What the receipts so far would say if nothing more came."""
    rows = run.receipts.values()
    return judge(prepared.registration, prepared.invalid, prepared.certificates, rows)


def conclude(prepared: Prepared, run: Run) -> Verdict:
    """Decide, and write scorecard.json, verdict.json, attestation.json and scorecard.html into the
    run folder."""
    invalid, registration = prepared.invalid, prepared.registration
    if not invalid:
        found = prepared.preflight
        faults = [*found.faults, *(_changed(prepared) or moved(prepared.stamps))]
        invalid = subject_reasons(faults)
        run.write("preflight.json", asdict(replace(found, faults=faults)))
    run.write("secret.json", {"secret": prepared.judges.secret.hex()})
    secret.forget(prepared.judges.secret)
    judged = judge(registration, invalid, prepared.certificates, run.receipts.values())
    card = judged.scorecard(registration, len(run.receipts), run.head)
    ended = datetime.now(UTC).isoformat(timespec="seconds")
    run.write("scorecard.json", card | {"answers": _answers(prepared), "finished": ended})
    run.write("verdict.json", judged.document(registration, run.head))
    reports = prepared.wanted.workspace.folder("reports")
    run.write(attestation.NAME, stated(run.folder, registration, judged.verdict, reports))
    run.sync()
    return judged.verdict


def stated(
    run: Path, registration: Registration, verdict: Verdict, reports: Path
) -> dict[str, Any]:
    """Write the page of a run as its documents stand; the statement about all of them."""
    scorecard.render(run, reports)
    return attestation.statement(registration, verdict, attestation.documents(run))


def _changed(prepared: Prepared) -> list[Fault]:
    """What is judged, or judges it, and is not what it was when the gate began."""
    wanted, place = prepared.wanted, prepared.wanted.workspace
    parts = kinds.of(wanted.entry).parts(wanted.entry)
    faults = changed(wanted.entry, prepared.preflight, parts, workspace.cache_folder())
    if isinstance(prepared.engine, Watched):
        faults += [Fault("drift", text) for text in prepared.engine.drift]
    audits, root = place.folder("audits"), place.folder("suites")
    hidden = wanted.library.certification
    audited = place.root / hidden if hidden else audits
    for id, verifier in prepared.verifiers.items():
        bound = prepared.certificates[id].binding
        source = binding.today(bound, binding.root_of(verifier))["source"]
        known = _digest(fixtures.read, audited, id)
        if names := binding.differences(bound, {"source": source, "fixtures": known}):
            text = f"{', '.join(names[:5])} of verifier {id} changed since its audit"
            faults.append(Fault("changed-in-run", f"{text}; it was certified as it was before"))
    if isinstance(prepared.judges, Pool) and (names := prepared.judges.differing()):
        text = f"{', '.join(names[:5])} changed on a host of the cluster since the audit"
        faults.append(Fault("changed-in-run", text))
    for id, each in wanted.suites.items():
        now = _digest(suite.load, each.path, root)
        if now != each.digest:
            text = f"suite {id} was {each.digest} when it was asked and is {now}"
            faults.append(Fault("changed-in-run", text))
    return faults


def _digest(read: Callable[..., Known | Suite], *where: Any) -> str:
    try:
        return read(*where).digest
    except HarnessError as error:
        return f"not to be read: {error}"


def _answers(prepared: Prepared) -> dict[str, Any]:
    """How many answers each arm gave in this process, and how many of them were kept."""
    kept, plans = prepared.kept, prepared.registration.plans.values()
    arms = dict.fromkeys(arm.id for plan in plans for arm in plan.arms)
    counted = {name: getattr(kept, name) for name in ("answered", "from_cache", "refused")}
    return {arm: {name: of[arm] for name, of in counted.items()} for arm in arms}
