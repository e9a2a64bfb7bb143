"""``harness ship NAME -- COMMAND``: run a command that releases an adapter, where release-check
allows it, and record what it did.

The command is told by its environment what it releases. Where it ends well and the bytes are still
those that were judged, a record beside the library says so, and the library ``shipped``."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from harness import __version__, files
from harness.content import library as libraries
from harness.content import strict, workspace
from harness.content.library import Library
from harness.content.workspace import Workspace
from harness.digests import folder_digest
from harness.errors import HarnessError, RunError, WorkspaceError
from harness.evidence import attestation, documents, releases
from harness.evidence.folder import LAST, RunFolder
from harness.evidence.releases import OVERRIDE, Override, Record
from harness.gate.conclude import stated
from harness.gate.finished.recheck import Rechecked, recheck
from harness.gate.finished.release import Release, release_check
from harness.subjects.entering.entry import folder
from harness.verdict import Name

MAX_AGE = 30  # days
STDERR = 2  # its descriptor
REMEDY = "gate it, or name the run with --run"
Outcome = Literal["shipped", "failed", "changed"]


class Shipped(NamedTuple):
    """What came of it: refused by ``check``, or with the ``record`` of the command in ``path``;
    ``marked`` says whether the library calls it shipped now."""

    check: Release
    run: Path
    record: Record | None = None
    path: Path | None = None
    marked: bool = False


def ship(
    name: str,
    command: Sequence[str],
    library: str | None = None,
    run: Path | None = None,
    max_age: int = MAX_AGE,
    by: str = "",
    signed_by: str | None = None,
    quiet: bool = False,
) -> Shipped:
    """Run ``command`` if the adapter ``name`` of the library may be released by ``run``, else by
    the last run about its bytes; ``signed_by`` as in :func:`release_check`. With ``quiet`` what it
    prints goes to standard error.

    Raises :class:`WorkspaceError` for an adapter that is not in the library or has no run, and as
    :func:`release_check` does."""
    place = workspace.find(library)
    listed = libraries.load(place)
    at = _listed(place, listed, name)
    found = _run(place, at, run)
    check = release_check(found, name, library, max_age, signed_by)
    if check.exit_code:
        return Shipped(check, found)
    began, held = _now(), RunFolder(found)
    try:
        where = STDERR if quiet else None
        code = subprocess.run(
            list(command), env=os.environ | told(held, at), stdout=where, check=False
        ).returncode
    except OSError as error:
        raise WorkspaceError(f"{command[0]}: cannot be run: {error.strerror}") from None
    plan = held.registration
    same = folder_digest(at) == plan.adapter_digest
    outcome: Outcome = "changed" if not same else "failed" if code else "shipped"
    made = Record(
        adapter=name,
        adapter_digest=plan.adapter_digest,
        base=plan.base,
        base_digest=plan.base_digest,
        run=os.path.relpath(found.resolve(), place.releases.parent),
        registration=plan.digest,
        receipts_digest=held.verdict.receipts_digest,
        verdict=held.verdict.verdict,
        command=releases.masked(command),
        exit_code=code,
        outcome=outcome,
        began=began,
        ended=_now(),
        by=by,
        harness=__version__,
        override=held.override,
    )
    path = releases.record(place.releases, made)
    return Shipped(check, found, made, path, outcome == "shipped" and _mark(place, name))


def overrule(
    name: str,
    codes: Sequence[str],
    by: str,
    reason: str,
    until: str,
    library: str | None = None,
    run: Path | None = None,
) -> Override:
    """Write a person's word into a run, its page and its statement; which run as in :func:`ship`.

    Raises :class:`RunError` for codes that do not stand against the run, for evidence that is not
    valid, and for an end that is past."""
    place = workspace.find(library)
    run = _run(place, _listed(place, libraries.load(place), name), run)
    found = recheck(run)
    if (
        found.verdict is None or found.differences
    ):  # else its new statement would say that it agrees
        raise RunError(f"{run}: {found.differences[0]}; an edited run is not overruled")
    held, verdict, plan = found.folder, found.verdict, found.folder.registration
    void = {each.code for each in verdict.reasons if each.verdict is Name.VOID}
    wrong = {each.code for each in verdict.reasons if each.verdict is not Name.SHIP} - void
    for code in codes:
        if code in void:
            raise RunError(f"--override {code}: evidence that is not valid is not overruled")
        if code in releases.NOBODYS:
            raise RunError(
                f"--override {code}: answers that may be older than the rules never ship"
            )
        if code not in wrong:
            hint = strict.nearest(code, sorted(wrong))
            raise RunError(f"--override {code}: no reason against this run{hint}")
    made = Override(
        by=by,
        reason=reason,
        codes=list(codes),
        until=until,
        day=_now()[:10],
        registration=plan.digest,
        receipts_digest=held.verdict.receipts_digest,
    )
    for fault in made.faults(plan, made.receipts_digest):
        raise RunError(f"--until {until}: {fault}; name a day to come")
    documents.write(run / OVERRIDE, made.model_dump(), Override, refuse=RunError)
    statement = stated(run, plan, verdict, place.folder("reports"))
    attestation.write(run / attestation.NAME, statement, RunError)
    return made


def newest(place: Workspace, digest: str) -> Path | None:
    """The last finished run about these bytes, whatever it says: an earlier one that shipped is no
    answer to a later one that did not."""
    found: list[tuple[str, Path]] = []
    for path in sorted(place.runs.glob("*/settings.json")):
        held = RunFolder(path.parent)
        try:
            if held.settings.adapter.digest == digest and all(map(held.has, LAST)):
                found.append((held.scorecard.finished, path.parent))
        except HarnessError:
            continue  # release-check says of the run that is named what is wrong with it
    return max(found, default=("", None))[1]


def receipt(
    place: Workspace, digest: str, again: Callable[[Path], Rechecked] = recheck
) -> str | None:
    """What shows that these bytes were allowed to ship: a record, else their last run, of which
    ``again`` says what its receipts say."""
    for made in reversed(releases.records(place.releases)):
        if made.adapter_digest == digest and made.outcome == "shipped":
            over = f", {made.override.sentence}" if made.override else ""
            return f"shipped {made.ended[:10]} by {made.by}{over}"
    run = newest(place, digest)
    if run is None or not _ships(run, again):
        return None
    return f"SHIP in {os.path.relpath(run, place.runs.parent)}"


def _ships(run: Path, again: Callable[[Path], Rechecked]) -> bool:
    """Whether the receipts of a run say so, and every document agrees."""
    try:
        found = again(run)
    except HarnessError:
        return False
    return found.verdict is not None and found.verdict.name is Name.SHIP and not found.differences


def told(run: RunFolder, adapter: Path) -> dict[str, str]:
    """What the environment of the command says it releases."""
    plan, verdict = run.registration, run.verdict
    return {
        "HARNESS_ADAPTER": plan.adapter,
        "HARNESS_ADAPTER_PATH": str(adapter),
        "HARNESS_ADAPTER_DIGEST": plan.adapter_digest,
        "HARNESS_BASE_DIGEST": plan.base_digest,
        "HARNESS_RUN": str(run.path.resolve()),
        "HARNESS_REGISTRATION": plan.digest,
        "HARNESS_RECEIPTS": verdict.receipts_digest,
        "HARNESS_VERDICT": verdict.verdict,
        "HARNESS_OVERRULED_BY": run.override.by if run.override else "",
    }


def _listed(place: Workspace, listed: Library, name: str) -> Path:
    if name not in listed.adapters:
        known = strict.nearest(name, list(listed.adapters))
        raise WorkspaceError(f"{place.library}: no adapter {name!r}{known}")
    return folder(place, listed, name)


def _run(place: Workspace, adapter: Path, named: Path | None) -> Path:
    found = named or newest(place, folder_digest(adapter))
    if found is None:
        text = f"{place.runs}: no finished run about the bytes of {adapter}; {REMEDY}"
        raise WorkspaceError(text)
    return found


def _mark(place: Workspace, name: str) -> bool:
    """Say ``shipped`` in the library, where its line can be changed and nothing else."""
    before = files.read_text(place.library)
    now = libraries.load(place).adapters[name].status
    if now == "shipped":
        return True
    line = strict.read_yaml(place.library)[1]["adapters", name, "status"] - 1
    lines = before.splitlines(keepends=True)
    lines[line], many = re.subn(rf"(\bstatus['\"]?:\s*['\"]?){now}\b", r"\g<1>shipped", lines[line])
    if many != 1:
        return False
    files.replace(place.library, "".join(lines))
    return libraries.load(place).adapters[name].status == "shipped"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
