"""What is settled before anything mounted is asked: that the plan can be decided, as planned and
then in the noise of its own base."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.audit.certificate import Certificate
from harness.deciding import scorecard
from harness.deciding.instrument import churn
from harness.deciding.instrument.feasible import undecidable
from harness.digests import canonical_digest
from harness.evidence.documents import Churn
from harness.evidence.receipts import CHURN, NOBODYS, Receipt, churn_link
from harness.evidence.registration import Registration
from harness.evidence.run import Run
from harness.gate.prepare import Prepared

LINK = churn_link("", "").key


def hopeless(prepared: Prepared) -> list[str]:
    """Why the plan cannot be decided by its prompts, suite by suite, and what would decide it."""
    plan, held = prepared.registration, prepared.certificates
    return undecidable(plan, {id: scorecard.youden(p, held) for id, p in plan.plans.items()})


def write_down(
    run: Run, registration: Registration, certificates: Mapping[str, Certificate]
) -> Churn:
    """Write base's noise as ``churn.json``, and chain its digest behind base's answers."""
    found = churn.measure(registration, certificates, list(run.receipts.values()))
    run.write("churn.json", found.model_dump())
    run.add(churn_link(registration.base_digest, canonical_digest(found.model_dump())))
    return found


def halted(prepared: Prepared, run: Run) -> bool:
    """Whether the run ends here, since nothing could be decided whatever is answered."""
    rows = list(run.receipts.values())
    return bool(churn.halts(prepared.registration, prepared.certificates, rows))


def differences(
    registration: Registration, rows: Sequence[Receipt], stated: Churn | None
) -> Iterator[str]:
    """Where receipts and ``churn.json`` do not show that base's noise was known first."""
    mounted = {(id, a.id) for id, p in registration.plans.items() for a in p.judged}
    asked = [number for number, row in enumerate(rows, 1) if (row.suite, row.arm) in mounted]
    links = [number for number, row in enumerate(rows, 1) if row.arm == CHURN]
    if len(links) != 1 or stated is None:
        if asked or links:
            yield (
                f"churn.json: found {len(links)} links to it among the receipts; one stands before"
                " the first answer of what is judged"
            )
        return
    [at] = links
    for number, row in enumerate(rows, 1):
        if row.arm not in NOBODYS and ((row.suite, row.arm) in mounted) is (number < at):
            order = "before" if number < at else "after"
            yield (
                f"receipts.jsonl:{number}: {row.suite} {row.case} ({row.arm}): answered {order}"
                f" base's noise was written down, on line {at}"
            )
            return
    digest = canonical_digest(stated.model_dump())
    if rows[at - 1].answer != digest:
        yield f"churn.json: its content is {digest}; receipts.jsonl:{at} names another"
