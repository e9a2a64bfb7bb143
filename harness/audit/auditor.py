"""Run the audits: every verifier on its fixtures and on the degenerate answers of each of its cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from harness.audit import certificate as certificates
from harness.audit import fixtures
from harness.audit.certificate import Certificate
from harness.audit.degenerates import degenerates
from harness.judging import Judges, Pending
from harness.verifier import Outcome, Verifier

Progress = Callable[[str, int, int], None]


def certify(
    verifiers: Iterable[Verifier], audits: Path, judges: Judges, sandbox: str | None, progress: Progress | None = None
) -> dict[str, Certificate]:
    """A certificate for each verifier: the stored one if nothing changed, else from a fresh audit."""
    wanted = list(verifiers)
    found: dict[str, Certificate] = {}
    for number, verifier in enumerate(wanted, start=1):
        known = fixtures.load(audits, verifier.id)
        bound = certificates.binding(verifier, fixtures.digest(known), sandbox)
        found[verifier.id] = certificates.stored(verifier.id, bound) or audit(verifier, known, judges, bound)
        certificates.store(found[verifier.id])
        if progress:
            progress("audit", number, len(wanted))
    return found


def audit(verifier: Verifier, known: list[fixtures.Fixture], judges: Judges, bound: dict[str, object]) -> Certificate:
    """Judge every fixture and every degenerate answer once; only a pass of a good and a non-pass of a bad are right."""
    asked = [(f, judges.judge([verifier.id], f.case, f.answer)) for f in known]
    cases = {f.case.prompt: f.case for f in known}.values()
    absurd: list[tuple[str, Pending]] = [
        (f"degenerate:{name}", judges.judge([verifier.id], case, text))
        for case in cases
        for name, text in degenerates(case).items()
    ]
    false_passes, false_fails, notes = [], [], []
    for fixture, pending in asked:
        judgement = pending.result()[0]
        if fixture.good and judgement.outcome is not Outcome.PASS:
            false_fails.append(fixture.name)
            notes.append(
                f"{fixture.name}: {judgement.outcome} ({judgement.reason}) {judgement.evidence}"[:300].rstrip()
            )
        elif not fixture.good and judgement.outcome is Outcome.PASS:
            false_passes.append(fixture.name)
            notes.append(f"{fixture.name} passed although: {fixture.why}"[:300])
    false_passes += sorted({name for name, pending in absurd if pending.result()[0].outcome is Outcome.PASS})
    return Certificate(
        verifier=verifier.id,
        version=verifier.version,
        good=sum(f.good for f in known),
        bad=sum(not f.good for f in known),
        degenerate=len(absurd),
        false_passes=false_passes,
        false_fails=false_fails,
        binding=dict(bound),
        notes=notes[:5],
    )
