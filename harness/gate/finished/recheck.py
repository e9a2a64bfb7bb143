"""``harness recheck RUN``: every number of a run once more from its receipts, and the first that
differs by name.

Nothing is taken from the scorecard or the verdict: both are made again from the registration, the
certificates, the preflight and the receipts by the code that made them, and then compared. The
workspace and the models are not needed; nor is the folder, where there is the page of the run."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from harness import __version__
from harness.audit.certificate import Certificate, State
from harness.deciding import degeneration, judge
from harness.deciding.instrument import churn
from harness.errors import RunError
from harness.evidence import attestation, documents, receipts, signature
from harness.evidence.documents import Decision, Scorecard
from harness.evidence.folder import Held, RunFolder
from harness.evidence.receipts import Receipt
from harness.evidence.registration import Registration, walk
from harness.evidence.secret import commitment
from harness.gate import baseline
from harness.pages.evidence import unpack
from harness.subjects.base import Preflight
from harness.verdict import Verdict


class Rechecked(NamedTuple):
    """What a run says once more: the verdict (``None`` where its receipts or certificates do not
    fit what was registered), and every difference, the first being what to look at first."""

    verdict: Verdict | None
    differences: list[str]
    folder: RunFolder
    card: Scorecard | None
    decision: Decision | None
    attested: bool = True  #: a statement stands beside it, and was compared
    signed: str = ""  #: by whom that one is signed, as far as was asked

    @property
    def sentence(self) -> str:
        """Whether the documents agree, in a few words."""
        said = self.verdict.name if self.verdict else "nothing that could be judged"
        made_by = self.folder.settings.harness
        also = "" if made_by == __version__ else f", as harness {made_by} computed it"
        agrees = f"{n} differ" if (n := len(self.differences)) else f"all agrees{also}"
        over = self.folder.override.sentence if self.folder.override else ""
        text = "; ".join(filter(None, (f"the receipts say {said}", agrees, over, self.signed)))
        alone = f"; no {attestation.NAME} beside it says that this is the page of the run's end"
        return text if self.attested else text + alone


def recheck(run: Path, signed_by: str | None = None) -> Rechecked:
    """Decide a finished run again from its documents, and compare; ``run`` is its folder, or a page
    that carries them. Not signed ``signed_by`` somebody (:func:`signature.faults`) is a difference.

    Raises :class:`RunError` where a document is missing or cannot be read."""
    found = _of_page(run) if run.is_file() else _of_folder(run)
    statement = (run.parent if run.is_file() else run) if found.attested else None
    signed, wrong = signature.told(statement, signed_by)
    return found._replace(differences=[*found.differences, *wrong], signed=signed)


def _of_page(page: Path) -> Rechecked:
    """The documents that a page carries, held against the statement beside it, where there is one
    and it is the page of the run's end."""
    with TemporaryDirectory() as temporary:
        folder, beside = Path(temporary), page.with_name(attestation.NAME)
        unpack(page, folder)
        attested = page.name == attestation.PAGE and beside.is_file()
        try:
            if attested:
                for path in (page, beside):
                    shutil.copy(path, folder)
            else:
                found = RunFolder(folder)
                stated = Verdict(found.verdict.verdict, found.verdict.reasons)
                held = attestation.documents(folder)
                again = attestation.statement(found.registration, stated, held)
                attestation.write(folder / attestation.NAME, again, RunError)
            return _of_folder(folder)._replace(attested=attested)
        except RunError as error:
            raise RunError(str(error).replace(f"{folder}/", f"{page}: ")) from None


def _of_folder(run: Path) -> Rechecked:
    found = RunFolder(run)
    found.check(whole=True)
    plan, rows = found.registration, found.receipts
    missing = plan.certificates.keys() - found.certificates.keys()
    if missing:
        raise RunError(
            f"{run}/certificates: {', '.join(sorted(missing))} missing; a run keeps every"
            " certificate"
        )
    head = found.chained[-1][1] if found.chained else plan.digest
    stood = {id: as_it_stood(held) for id, held in found.certificates.items()}
    unfit = [*_certificates(found, plan), *_findings(plan, rows)]
    differences = [
        *_settings(found),
        *_chain(found.chained, plan.digest),
        *_end(found, head),
        *_receipts(plan, rows),
        *unfit,
        *_identity(plan, found.preflight),
        *baseline.differences(plan, rows, found.churn),
    ]
    if unfit:
        return Rechecked(None, _explained(found, differences), found, None, None)
    judged = decided(found)
    card, decision = judged.scorecard(plan, len(rows), head), judged.document(plan, head)
    differences += [
        *_derived(found, stood),
        *_churn(found, plan, stood, rows),
        *_compare("scorecard.json", found.scorecard.model_dump(), card),
        *_compare("verdict.json", asdict(found.verdict), decision),
        *_attestation(found, judged.verdict),
    ]
    return _made(found, judged, card | found.scorecard.of_the_end, differences)


def so_far(run: Path) -> Rechecked:
    """What a run says that has not ended: its receipts as they are, which decide nothing."""
    found = RunFolder(run)
    found.check(whole=False)
    head = found.chained[-1][1] if found.chained else found.registration.digest
    judged = decided(found)
    card = judged.scorecard(found.registration, len(found.chained), head)
    card |= {"answers": {}, "finished": ""}
    text = f"not finished: {len(found.chained)} receipts so far, which decide nothing; gate again"
    return _made(found, judged, card, [f"{text} with --run-dir {run}, and the run is finished"])


def _made(
    found: RunFolder, judged: judge.Judged, card: dict[str, Any], differences: list[str]
) -> Rechecked:
    """What was decided again, in the shapes of its documents."""
    head = str(card["receipts_digest"])
    plain = json.loads(json.dumps([card, judged.document(found.registration, head)]))
    return Rechecked(
        judged.verdict,
        _explained(found, differences),
        found,
        documents.parse(plain[0], Scorecard, found / "scorecard.json"),
        documents.parse(plain[1], Decision, found / "verdict.json"),
    )


def decided(found: RunFolder) -> judge.Judged:
    """What the documents of a run say, as its end decided it, and with the labels it has."""
    plan = found.registration
    stood = {id: as_it_stood(held) for id, held in found.certificates.items()}
    invalid = judge.validity(plan, found.preflight, stood, found.registered)
    return judge.judge(plan, invalid, stood, found.receipts, found.labels)


def _explained(found: RunFolder, differences: list[str]) -> list[str]:
    """Differences from a run of another version begin with that."""
    made_by = found.settings.harness
    if not differences or made_by == __version__:
        return differences
    text = f"made by harness {made_by}, and this is {__version__}, which may compute otherwise"
    return [f"settings.json: harness: {text}; recheck with that one", *differences]


def _settings(found: RunFolder) -> Iterator[str]:
    stated, digest = found.settings.registration, found.registration.digest
    if stated != digest:
        yield f"settings.json: registration: found {stated}; registration.json is {digest}"
    committed, own = found.settings.secret, commitment(bytes.fromhex(found.secret.secret))
    if committed != own:
        yield f"secret.json: secret: its digest is {own}; settings.json committed to {committed}"


def _chain(chained: receipts.Chained, genesis: str) -> Iterator[str]:
    line = receipts.broken_link(chained, genesis)
    if line is not None:
        where = chained[line - 1][0]
        yield (
            f"receipts.jsonl:{line}: {where.suite} {where.case} ({where.arm}): its digest does not"
            " follow from the lines before it; this receipt was edited, or one was dropped, added"
            " or moved here"
        )


def _end(found: RunFolder, head: str) -> Iterator[str]:
    """Receipts that are missing at the end, where both documents that state the end agree on it."""
    stated = found.scorecard.receipts_digest
    if stated == found.verdict.receipts_digest != head:
        yield (
            f"receipts.jsonl: found {len(found.chained)} that end in {head}; the run ended with"
            f" {found.scorecard.receipts} and {stated}"
        )


def _receipts(plan: Registration, rows: list[Receipt]) -> Iterator[str]:
    """What a receipt says of itself: one answer each, elite only if all passed."""
    facets = {id for id, each in plan.plans.items() if each.role == "facet"}
    seen: set[tuple[str, str, str, int]] = set()
    for number, row in enumerate(rows, start=1):
        where = _place(number, row)
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


def _findings(plan: Registration, rows: list[Receipt]) -> Iterator[str]:
    """Receipts that were not judged on the registered criteria."""
    criteria = {id: [(c.id, c.verifier) for c in each.criteria] for id, each in plan.plans.items()}
    for number, row in enumerate(rows, start=1):
        judged, owed = [(f.criterion, f.verifier) for f in row.findings], criteria.get(row.suite)
        if row.arm not in receipts.NOBODYS and judged != owed:
            yield f"{_place(number, row)}: findings: found {judged}; registered were {owed}"


def _place(number: int, row: Receipt) -> str:
    return f"receipts.jsonl:{number}: {row.suite} {row.case} ({row.arm})"


def _certificates(found: RunFolder, plan: Registration) -> Iterator[str]:
    for id, digest in plan.certificates.items():
        held = found.certificates[id].certificate
        if held.digest != digest:
            yield f"certificates/{id}.json: its content is {held.digest}; registered was {digest}"


def as_it_stood(held: Held) -> Certificate:
    """A certificate when it judged: one that was not expired then is not expired for the
    recheck."""
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    expired = held.stated.state == State.EXPIRED
    return held.certificate if expired else replace(held.certificate, created=today)


def _derived(found: RunFolder, stood: Mapping[str, Certificate]) -> Iterator[str]:
    """What a certificate states beside its counts."""
    for id, held in found.certificates.items():
        again = stood[id].to_json() | {"expires": held.certificate.expires.isoformat()}
        stated = held.stated.model_dump()
        counted = {key: again[key] for key in stated}
        yield from _compare(f"certificates/{id}.json", stated, counted, "its counts say")


def _identity(plan: Registration, preflight: Preflight) -> Iterator[str]:
    for key in ("base_digest", "adapter_digest"):
        stated, digest = getattr(preflight, key), getattr(plan, key)
        if stated != digest:
            yield f"preflight.json: {key}: found {stated}; registered was {digest}"


def _churn(
    found: RunFolder, plan: Registration, stood: Mapping[str, Certificate], rows: list[Receipt]
) -> Iterator[str]:
    """Base's noise once more; nothing was asked where nothing might be judged."""
    if found.churn is not None:
        again = churn.measure(plan, stood, rows)
        yield from _compare("churn.json", found.churn.model_dump(), again.model_dump())


def _compare(name: str, stated: Any, again: Any, source: str = "the receipts say") -> Iterator[str]:
    stated, again = json.loads(json.dumps([stated, again]))
    for at, found, made in walk({key: stated.get(key) for key in again}, again):
        if (
            isinstance(found, float)
            and isinstance(made, float)
            and math.isclose(found, made, rel_tol=1e-6, abs_tol=1e-12)
        ):
            continue  # another build of the same libraries
        yield f"{name}: {at}: found {found!r:.120}; {source} {made!r:.120}"


def _attestation(found: RunFolder, verdict: Verdict) -> Iterator[str]:
    covered = attestation.documents(found.path)
    again = attestation.statement(found.registration, verdict, covered)
    stated = _by_name(found.attestation)
    yield from _compare(attestation.NAME, stated, _by_name(again), "the run says")


def _by_name(statement: dict[str, Any]) -> dict[str, Any]:
    """A statement whose documents are compared by their names."""
    predicate = statement["predicate"]
    covered = {row["name"]: row["digest"] for row in predicate["configuration"]}
    return {**statement, "predicate": {**predicate, "configuration": covered}}
