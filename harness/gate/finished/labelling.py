"""The on-policy audit of a finished run: which passes to label, by a verifier, a person or a sheet,
and the verdict once more with what they show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import files
from harness.audit.auditor import certify
from harness.audit.certificate import State
from harness.audit.workspace import named, resolve_sandbox
from harness.content import workspace
from harness.deciding import labels as deciding
from harness.errors import RunError, VerifierError
from harness.evidence import attestation, documents
from harness.evidence.folder import RunFolder
from harness.evidence.labels import DRAFT, NAME, Label, Labels, Row, Saved
from harness.evidence.receipts import Receipt
from harness.gate.conclude import stated
from harness.gate.finished.recheck import decided, recheck
from harness.gate.finished.rejudge import Cases
from harness.gate.progress import Progress, silent
from harness.judging import discovery
from harness.judging.verifier import Outcome
from harness.judging.workers import Judges
from harness.pages import labels as pages
from harness.verdict import Verdict

SAID = {Outcome.PASS: Label.GOOD, Outcome.FAIL: Label.BAD, Outcome.UNVERIFIED: Label.UNSURE}


@dataclass(frozen=True)
class Sample:
    """The passes of a run that are to be labelled: those of the suites that demand it, or of the
    ones that are named; ``rows`` in the order in which to look at them."""

    folder: RunFolder
    head: str
    rows: list[Receipt]

    @property
    def held(self) -> Labels | None:
        """What was labelled so far."""
        draft = self.folder / DRAFT
        return documents.read(draft, Labels) if draft.exists() else self.folder.labels

    @property
    def left(self) -> list[Receipt]:
        """Those without a label."""
        held = self.held
        said = {(r.suite, r.case, r.sample) for r in held.rows} if held else set()
        return [row for row in self.rows if (row.suite, row.case, row.sample) not in said]


def sample(run: Path, suites: Sequence[str] = ()) -> Sample:
    """What is to be labelled of a run whose documents agree.

    Raises :class:`RunError` for a run that is not finished, was edited, or has no such suite."""
    found = recheck(run)
    if found.differences:
        raise RunError(f"{found.differences[0]}; a run that differs is not labelled")
    folder, plan = found.folder, found.folder.registration
    for name in suites:
        if name not in plan.plans:
            raise RunError(f"{run}: no suite {name!r}; it has {', '.join(plan.plans)}")
    chosen = suites or deciding.demanded(plan) or list(plan.plans)
    head, rows = folder.scorecard.receipts_digest, folder.receipts
    drawn = {id: deciding.drawn(plan, rows, id, head) for id in chosen}
    by_key = {
        (row.suite, row.case, row.sample): row
        for row in rows
        if row.suite in drawn and row.arm == plan.plans[row.suite].headline.first
    }
    return Sample(folder, head, [by_key[(id, *key)] for id, keys in drawn.items() for key in keys])


def keep(asked: Sample, found: Iterable[Row], means: str, by: str) -> Labels:
    """Write more labels into the run, over those of the same answers.

    Raises :class:`RunError` for an answer that is not in the sample, and for labels of two means:
    who vouches for a run is one."""
    wanted, rows = {(r.suite, r.case, r.sample) for r in asked.rows}, list(found)
    strange = [row for row in rows if (row.suite, row.case, row.sample) not in wanted]
    if strange:
        first = strange[0]
        raise RunError(
            f"{first.suite} {first.case} (answer {first.sample + 1}) is not in the sample of"
            f" {asked.folder.path}; label those that `harness label` draws"
        )
    held = asked.held
    if held is not None and (held.means, held.by) != (means, by):
        raise RunError(
            f"{asked.folder.path}: labelled by {held.means} {held.by}, and now by {means} {by};"
            " remove its labels to begin anew"
        )
    known = {(r.suite, r.case, r.sample): r for r in (held.rows if held else [])}
    known |= {(r.suite, r.case, r.sample): r for r in rows}
    data = {
        "receipts_digest": asked.head, "means": means, "by": by, "rows": list(known.values()),
    }  # fmt: skip
    made = Labels.model_validate(data)
    documents.write(asked.folder / DRAFT, made.model_dump(mode="json"), Labels, refuse=RunError)
    return made


def by_verifier(
    asked: Sample, verifier: str, library: str | None, sandbox: str, progress: Progress = silent
) -> tuple[list[Row], str]:
    """What another certified verifier says of the sample, and the name under which it says so.

    Raises :class:`VerifierError` for one that judged the run, or whose certificate is not VALID."""
    place = workspace.find(library)
    audits, folder = place.folder("audits"), place.folder("verifiers")
    chosen = named(discovery.discover(folder), verifier)
    own = {c.verifier for plan in asked.folder.registration.plans.values() for c in plan.criteria}
    if verifier in own:
        raise VerifierError(f"{verifier} judged this run; label by a second, independent means")
    opened = resolve_sandbox([chosen], sandbox)[0]
    cases, rows = Cases(place, asked.folder), []
    with Judges(folder, opened) as judges:
        held = certify([chosen], audits, judges, opened, progress)[verifier]
        if held.state is not State.VALID:
            raise VerifierError(f"{held.sentence()}; only VALID may label")
        told = []
        for row in asked.left:
            case = cases.of(row)
            if case is None:
                raise RunError(f"{row.suite} {row.case}: no longer there as it was asked")
            told.append((row, judges.judge([verifier], case, row.answer)))
        for done, (row, pending) in enumerate(told, 1):
            said = pending.result()[0]
            rows.append(labelled(row, SAID[said.outcome], said.reason))
            progress("labelled", done, len(told))
    return rows, f"{verifier} {held.digest}"


def write_sheet(asked: Sample, path: Path, reports: Path) -> Path:
    """The page to label what is left in a browser, in ``path``."""
    adapter = asked.folder.registration.adapter
    return files.replace(path, pages.sheet(asked.left, adapter, asked.head, reports))


def read_sheet(asked: Sample, path: Path) -> list[Row]:
    """The labels that such a page has saved in ``path``; raises :class:`RunError` for those of
    another run, and for a file that cannot be read."""

    def refuse(text: str) -> RunError:
        return RunError(f"{text}; expected what the page of `harness label --sheet` saves")

    data = documents.an_object(files.read_json(path, refuse), str(path), refuse)
    found = documents.parse(data, Saved, path, refuse=refuse)
    if found.receipts_digest != asked.head:
        raise refuse(f"{path}: key 'receipts_digest': the labels of another run")
    return [Row(note="", **row.model_dump()) for row in found.rows]


def conclude_again(asked: Sample, reports: Path) -> Verdict:
    """Decide the run once more with its labels, and write what a run leaves behind."""
    run, plan = asked.folder.path, asked.folder.registration
    if (run / DRAFT).exists():
        (run / DRAFT).replace(run / NAME)
    judged = decided(RunFolder(run))
    card = judged.scorecard(plan, len(asked.folder.receipts), asked.head)
    kept = asked.folder.scorecard.of_the_end
    documents.write(run / "scorecard.json", card | kept, documents.Scorecard)
    documents.write(run / "verdict.json", judged.document(plan, asked.head), documents.Decision)
    statement = stated(run, plan, judged.verdict, reports)
    attestation.write(run / attestation.NAME, statement, RunError)
    return judged.verdict


def labelled(row: Receipt, label: Label, note: str = "") -> Row:
    """One answer with its label."""
    return Row(suite=row.suite, case=row.case, sample=row.sample, label=label, note=note)
