"""``harness recheck RUN``: every number of a run once more from its receipts, and the first that
differs by name.

Nothing is taken from the scorecard or the verdict: both are made again from the registration, the
certificates, the preflight and the receipts by the code that made them, and then compared. The
workspace and the models are not needed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import __version__
from harness.audit.certificate import Certificate, State, Survivor
from harness.deciding import degeneration, judge
from harness.digests import folder_digest
from harness.errors import RunError, WorkspaceError
from harness.evidence import attestation, receipts, registration
from harness.evidence.receipts import Receipt
from harness.evidence.registration import Registration, walk
from harness.subjects.base import Fault, Preflight
from harness.verdict import Reason, Verdict


def recheck(run: Path, adapter: Path | None = None) -> tuple[Verdict, list[str]]:
    """The recomputed verdict and every difference from what the run says, the first one being what
    to look at first.

    ``adapter`` is the folder about to be released: its bytes must be those that were judged. Raises
    :class:`RunError` where a document is missing or torn.
    """
    settings, chained = receipts.read_chained(run)
    try:
        plan = registration.read(run / "registration.json")
        before = run / "registered.json"
        registered = registration.read(before) if before.exists() else None
    except WorkspaceError as error:
        raise RunError(str(error)) from None
    rows = [receipt for receipt, _ in chained]
    certificates = {p.stem: _certificate(p) for p in sorted((run / "certificates").glob("*.json"))}
    missing = plan.certificates.keys() - certificates.keys()
    if missing:
        raise RunError(
            f"{run}/certificates: {', '.join(sorted(missing))} missing; a run keeps every"
            " certificate"
        )
    preflight = _document(run / "preflight.json")
    invalid = _validity(plan, preflight, certificates, registered)
    judged = judge.judge(plan, invalid, certificates, rows)
    head = chained[-1][1] if chained else plan.digest
    made = {
        "scorecard.json": judged.scorecard(plan, len(rows), head),
        "verdict.json": judged.document(plan, head),
    }
    found = [
        *_settings(settings, plan),
        *_chain(chained, plan.digest),
        *_receipts(plan, rows),
        *_certificates(run, plan, certificates),
        *_identity(plan, preflight, adapter),
        *(text for name, again in made.items() for text in _compare(run / name, again)),
        *_attestation(run, plan, judged.verdict),
    ]
    made_by = settings.get("harness", __version__)
    if found and made_by != __version__:
        text = (
            f"made by harness {made_by}, and this is {__version__}, which may compute otherwise;"
            " recheck with that one"
        )
        found.insert(0, f"settings.json: harness: {text}")
    return judged.verdict, found


def _validity(
    plan: Registration,
    preflight: Any,
    certificates: dict[str, Certificate],
    registered: Registration | None,
) -> list[Reason]:
    faults = [Fault(**fault) for fault in preflight["faults"]]
    return judge.validity(
        plan, Preflight(**preflight | {"faults": faults}), certificates, registered
    )


def _settings(settings: dict[str, Any], plan: Registration) -> Iterator[str]:
    if settings.get("registration") != plan.digest:
        yield (
            f"settings.json: registration: found {settings.get('registration')}; registration.json"
            f" is {plan.digest}"
        )


def _chain(chained: receipts.Chained, genesis: str) -> Iterator[str]:
    line = receipts.broken_link(chained, genesis)
    if line is not None:
        where = chained[line - 1][0]
        yield (
            f"receipts.jsonl:{line}: {where.suite} {where.case} ({where.arm}): its digest does not"
            " follow from the lines before it; this receipt was edited, or one was dropped, added"
            " or moved here"
        )


def _receipts(plan: Registration, rows: list[Receipt]) -> Iterator[str]:
    """What a receipt says of itself: one answer each, judged on every criterion, elite only if all
    passed.
    """
    criteria = {id: [(c.id, c.verifier) for c in each.criteria] for id, each in plan.plans.items()}
    facets = {id for id, each in plan.plans.items() if each.role == "facet"}
    seen: set[tuple[str, str, str, int]] = set()
    for number, row in enumerate(rows, start=1):
        where = f"receipts.jsonl:{number}: {row.suite} {row.case} ({row.arm})"
        if row.key in seen:
            yield f"{where}: this answer stands in the file twice"
        seen.add(row.key)
        sign = degeneration.sign(row.answer, row.finish) if row.suite in facets else ""
        if row.sign != sign:
            yield f"{where}: sign: found {row.sign!r}; its answer says {sign!r}"
        if row.outcome != receipts.overall(row.findings, sign):
            yield (
                f"{where}: outcome: found {row.outcome!r}; its findings say"
                f" {receipts.overall(row.findings, sign)!r}"
            )
        judged = [(f.criterion, f.verifier) for f in row.findings]
        if row.arm != receipts.SENTINEL and judged != criteria.get(row.suite):
            yield f"{where}: findings: found {judged}; registered were {criteria.get(row.suite)}"


def _certificates(
    run: Path, plan: Registration, certificates: dict[str, Certificate]
) -> Iterator[str]:
    for id, digest in plan.certificates.items():
        if certificates[id].digest != digest:
            yield (
                f"certificates/{id}.json: its content is {certificates[id].digest}; registered was"
                f" {digest}"
            )
        stated = _document(run / "certificates" / f"{id}.json").get("state")
        if stated != certificates[id].state:
            yield (
                f"certificates/{id}.json: state: found {stated}; its counts say"
                f" {certificates[id].state}"
            )


def _identity(plan: Registration, preflight: Any, adapter: Path | None) -> Iterator[str]:
    for key, digest in (("base_digest", plan.base_digest), ("adapter_digest", plan.adapter_digest)):
        if preflight[key] != digest:
            yield f"preflight.json: {key}: found {preflight[key]}; registered was {digest}"
    if adapter is not None and folder_digest(adapter) != plan.adapter_digest:
        yield f"{adapter}: its bytes are {folder_digest(adapter)}; {plan.adapter_digest} was judged"


def _compare(path: Path, again: Any) -> Iterator[str]:
    stated = _document(path)
    again = json.loads(json.dumps(again))
    for at, found, made in walk({key: stated.get(key) for key in again}, again):
        if (
            isinstance(found, float)
            and isinstance(made, float)
            and math.isclose(found, made, rel_tol=1e-6, abs_tol=1e-12)
        ):
            continue  # another build of the same libraries
        yield f"{path.name}: {at}: found {found!r:.120}; the receipts say {made!r:.120}"


def _attestation(run: Path, plan: Registration, verdict: Verdict) -> Iterator[str]:
    stated = _document(run / "attestation.json")
    again = json.loads(json.dumps(attestation.statement(plan, verdict, attestation.documents(run))))
    for at, found, made in walk(stated, again):
        yield f"attestation.json: {at}: found {found!r:.120}; the run says {made!r:.120}"


def _certificate(path: Path) -> Certificate:
    """A certificate as it stood when it judged: one that was not expired then is not expired for
    the recheck.
    """
    data = _document(path)
    try:
        found = Certificate(**{f.name: data[f.name] for f in fields(Certificate)})
        survivors = [Survivor(**survivor) for survivor in data["survivors"]]
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        created = found.created if data["state"] == State.EXPIRED else today
        return replace(found, survivors=survivors, created=created)
    except (KeyError, TypeError) as error:
        raise RunError(f"{path}: not a certificate: {type(error).__name__}: {error}") from None


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read: {error}") from None
