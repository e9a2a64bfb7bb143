"""What ``harness gate --all`` has to do: the candidates of which no finished run says what today's
library asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from harness import files
from harness.content import library as libraries
from harness.content import workspace
from harness.digests import folder_digest
from harness.errors import HarnessError, RunError
from harness.evidence.folder import RunFolder
from harness.evidence.registration import Registration
from harness.gate.finished.release import outdated
from harness.gate.finished.ship import newest
from harness.gate.prepare import Options, look_up
from harness.verdict import Name


class Due(NamedTuple):
    """The candidates that are to be gated; those that were, with their run; those that cannot be,
    with the reason."""

    due: list[str]
    done: dict[str, Path]
    broken: dict[str, str]


def due(options: Options) -> Due:
    """Look through the candidates of the library that ``options`` name."""
    place = workspace.find(options.library)
    listed = libraries.load(place)
    found = Due([], {}, {})
    for name, one in listed.adapters.items():
        if one.status != "candidate":
            continue
        try:
            wanted = look_up(Options(name, library=options.library))
            run = newest(place, folder_digest(wanted.entry.path))
            plan = _decided(RunFolder(run)) if run else None
        except HarnessError as error:
            found.broken[name] = str(error)
            continue
        if run is None or plan is None or plan.adapter != name or outdated(plan, place, listed):
            found.due.append(name)
        else:
            found.done[name] = run
    return found


def _decided(run: RunFolder) -> Registration | None:
    """What a run was held to; ``None`` for a part of what is owed, and where its evidence was not
    valid, which another try may mend."""
    part = run.settings.limit is not None or run.verdict.verdict is Name.VOID
    return None if part else run.registration


@contextmanager
def alone(*, wait: bool) -> Iterator[None]:
    """Keep other queues of this machine out: two on one GPU help neither.

    Raises :class:`RunError` where one is in and this one does not ``wait``."""
    with files.Log(workspace.cache_folder() / "gates.lock") as turn:
        if not turn.lock(wait=wait):
            text = "another `harness gate --all` runs on this machine; --queue waits for its end"
            raise RunError(f"{turn.path}: {text}")
        yield
