"""``harness release-check RUN``: whether a run allows to release an adapter as it is now.

One predicate for whoever releases: the verdict, made again from the receipts, is SHIP; every
document agrees, the page of the run's end among them; the bytes are those that were judged; and the
workspace asks today what it asked then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from harness.content import library as libraries
from harness.content import releases, suite, workspace
from harness.content.library import HELD_BACK, Library
from harness.content.workspace import Workspace
from harness.digests import folder_digest
from harness.errors import WorkspaceError
from harness.evidence import attestation
from harness.evidence.folder import RunFolder
from harness.evidence.ledger import Ledger
from harness.evidence.registration import Registration, walk
from harness.gate.finished.recheck import Rechecked, recheck
from harness.subjects.arms import PREVIOUS
from harness.subjects.entering.entry import folder
from harness.verdict import Name, Reason, decide


class Release(NamedTuple):
    """What stands against a release, a sentence each; ``exit_code`` is 0 where nothing does, else
    that of the verdict, and 1 where the verdict is SHIP."""

    exit_code: int
    against: list[str]
    sentence: str
    signed: str = ""


def release_check(
    run: Path,
    adapter: str,
    library: str | None = None,
    max_age: int | None = None,
    signed_by: str | None = None,
) -> Release:
    """Hold a run against the ``adapter`` (a name of the library, a folder, an id of the Hub) that
    is about to be released, and against the workspace of ``library``; it may have ended
    ``max_age`` days ago at most, and is ``signed_by`` whom :func:`recheck` is told. Reasons that a
    person overruled do not stand against it.

    Raises :class:`RunError` where a document of the run cannot be read, :class:`WorkspaceError`
    where the workspace or the adapter cannot."""
    found, place = recheck(run, signed_by), workspace.find(library)
    plan, listed = found.folder.registration, libraries.load(place)
    wrong, spoken = _reasons(found)
    against = [
        *(f"{each.verdict} {each.about} {each.code}: {each.text}" for each in wrong),
        *spoken,
        *found.differences,
        *_age(found.folder, max_age),
        *_page(found.folder),
        *Ledger(place.looks).faults(plan.ledger.last),
        *_named(plan, place, listed, adapter),
        *_bytes(plan, folder(place, listed, adapter)),
        *outdated(plan, place, listed),
    ]
    name = found.verdict.name if found.verdict else "nothing that could be judged"
    if not against and found.verdict:
        over = found.folder.override
        also = "".join(f", {one}" for one in (over.sentence if over else "", found.signed) if one)
        text = f"{name}: {plan.adapter} may be released as it is{also}"
        return Release(0, [], text, found.signed)
    code = decide(wrong).name.exit_code if wrong else 1
    return Release(code, against, f"not to be released; the receipts say {name}", found.signed)


def outdated(plan: Registration, place: Workspace, listed: Library) -> list[str]:
    """What the workspace asks otherwise today than what was registered."""
    return [*_policy(plan, place, listed), *_listed(plan, place, listed)]


def _reasons(found: Rechecked) -> tuple[list[Reason], list[str]]:
    """The reasons against a release, without those that a person overruled; and why that one's
    word does not count."""
    over, verdict = found.folder.override, found.verdict
    plan, stated = found.folder.registration, found.folder.verdict.receipts_digest
    spoken = list(over.faults(plan, stated)) if over else []
    if verdict is None or verdict.name is Name.SHIP:
        return [], spoken
    left = over.left(verdict) if over and not spoken else verdict.deciding
    return decide(left).deciding if left else [], spoken


def _age(run: RunFolder, most: int | None) -> Iterator[str]:
    """A run that ended too long ago, or says so in no way that can be read."""
    if most is None:
        return
    ended = run.scorecard.finished
    try:
        old = datetime.now(UTC) - datetime.fromisoformat(ended)
    except (ValueError, TypeError):
        yield f"scorecard.json: finished: found {ended!r:.40}; expected a time in UTC"
        return
    if not timedelta(hours=-1) <= old <= timedelta(days=most):
        yield f"scorecard.json: finished: {ended}; {most} days ago at most may be, so gate again"


def _page(run: RunFolder) -> Iterator[str]:
    """A page that no statement names could be any page; one that it names is compared by
    :func:`recheck`."""
    named = [row["name"] for row in run.attestation["predicate"]["configuration"]]
    if attestation.PAGE not in named or not (run / attestation.PAGE).is_file():
        yield f"{attestation.NAME}: the page of the run's end, {attestation.PAGE}, is not in it"


def _bytes(plan: Registration, adapter: Path) -> Iterator[str]:
    if not adapter.is_dir():
        raise WorkspaceError(f"{adapter}: no such folder; name the adapter's folder")
    if (digest := folder_digest(adapter)) != plan.adapter_digest:
        yield f"{adapter}: its bytes are {digest}; {plan.adapter_digest} was judged"


def _named(plan: Registration, place: Workspace, listed: Library, adapter: str) -> Iterator[str]:
    """A run of these bytes by another name owed another's suites, and had another's past."""
    entry = listed.adapters.get(adapter)
    if entry is None:
        return
    if plan.adapter != adapter:
        yield f"the run is about {plan.adapter!r}; {adapter!r} owes a gate of its own"
    elif plan.lineage != (own := entry.lineage or adapter):
        where = f"{place.library}: adapters.{adapter}.lineage"
        yield f"{where}: is {own!r}; the run was a look of {plan.lineage!r}"


def _before(plan: Registration, place: Workspace, listed: Library) -> Iterator[str]:
    """Whether the library's last release is still the one that the adapter was held against."""
    where = f"{place.library}: adapters.{plan.adapter}"
    last = releases.previous(listed.adapters, plan.adapter) or ""
    if last != plan.previous:
        yield f"{where}: its last release is {last or 'none'}; asked was {plan.previous or 'none'}"
    elif last and (path := folder(place, listed, last)).is_dir():
        arms = [arm for each in plan.plans.values() for arm in each.arms]
        asked = {arm.mount for arm in arms if arm.id == PREVIOUS}
        if (digest := folder_digest(path)) not in asked:
            yield f"{path}: the bytes of its last release are {digest}; others were asked"


def _policy(plan: Registration, place: Workspace, listed: Library) -> Iterator[str]:
    before, now = plan.policy.model_dump(), listed.gate.model_dump()
    for key, was, found in walk(before, now):
        text = f"{place.library}: gate.{key} is {found!r:.90}"
        yield f"{text}; the run was registered with {was!r:.90}"


def _listed(plan: Registration, place: Workspace, listed: Library) -> Iterator[str]:
    """Whether the library lets the adapter ship, and has it owe what was measured, as it was."""
    entry, root = listed.adapters.get(plan.adapter), place.folder("suites")
    where = f"{place.library}: adapters.{plan.adapter}"
    if entry is not None and entry.status in HELD_BACK:
        yield f"{where}.status: is {entry.status}, which is not to be released"
    if entry is not None and entry.status == "fixture":
        yield f"{where}.status: is fixture, which never ships"
    if entry is not None and entry.status not in releases.OUT:  # else it may be its own last one
        yield from _before(plan, place, listed)
    if entry is not None and entry.base != plan.base:
        yield f"{where}.base: is {entry.base!r}; it was judged on {plan.base!r}"
    pinned = None if entry is None else listed.bases[entry.base].digest
    if pinned not in (None, plan.base_digest):
        yield f"{place.library}: the base's digest is {pinned}; it was judged on {plan.base_digest}"
    owed = list(plan.plans) if entry is None else entry.suites
    now = {each.id: each.digest for each in (suite.load(p, root) for p in suite.owed(owed, root))}
    for id in sorted(now.keys() | plan.plans.keys()):
        if id not in plan.plans:
            yield f"{where}.suites: owes {id}, which was not measured"
        elif now.get(id) != plan.plans[id].digest:
            yield f"suite {id}: is {now.get(id)}; {plan.plans[id].digest} was measured"
