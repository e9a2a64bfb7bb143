"""``harness library``: what is known of every entry of the library, by its runs and records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from harness.content import library as libraries
from harness.content.library import Library
from harness.content.workspace import Workspace
from harness.digests import folder_digest
from harness.errors import HarnessError
from harness.evidence.folder import LAST, RunFolder
from harness.gate.finished.recheck import Rechecked, recheck
from harness.gate.finished.ship import newest, receipt
from harness.pages.beside.library import Subject
from harness.subjects.entering.entry import folder


def shelf(place: Workspace) -> Iterator[Subject]:
    """Every entry of the library, of whatever kind, its last run rechecked.

    Raises :class:`WorkspaceError`."""
    listed = libraries.load(place)
    runs, again = list(_finished(place)), cache(recheck)
    for name in listed.adapters:
        yield _subject(place, listed, name, runs, again)


def _subject(
    place: Workspace,
    listed: Library,
    name: str,
    runs: list[RunFolder],
    again: Callable[[Path], Rechecked],
) -> Subject:
    one, path = listed.adapters[name], folder(place, listed, name)
    mine = [run for run in runs if run.registration.lineage == (one.lineage or name)]
    mine = [run for run in mine if run.registration.base == one.base]
    if not path.exists():
        return Subject(name, one, mine, None, fault=f"{one.path}: no such file or folder")
    digest = folder_digest(path)
    last, shown = newest(place, digest), receipt(place, digest, again) or ""
    if last is None:
        return Subject(name, one, mine, None, receipt=shown)
    try:
        found = again(last)
    except HarnessError as error:
        return Subject(name, one, mine, None, receipt=shown, fault=str(error))
    return Subject(name, one, mine, found.folder, "".join(found.differences[:1]), shown)


def _finished(place: Workspace) -> Iterator[RunFolder]:
    """The runs that have an end, the oldest first; what cannot be read is not among them."""
    found = []
    for path in sorted(place.runs.glob("*/settings.json")):
        run = RunFolder(path.parent)
        try:
            if all(map(run.has, LAST)):
                found.append((run.scorecard.finished, str(run.path), run))
                _ = run.registration, run.verdict
                for suite in run.scorecard.suites:
                    _ = [suite["rates"][suite[end]]["rate"] for end in ("first", "second")]
        except (HarnessError, KeyError, TypeError):
            found = [row for row in found if row[2] is not run]
    yield from (run for *_, run in sorted(found, key=lambda row: row[:2]))
