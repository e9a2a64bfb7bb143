"""The HTML scorecard: one self-contained page made from a run folder and nothing else."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from harness import files
from harness.evidence.documents import Decision, Scorecard
from harness.evidence.folder import RunFolder
from harness.pages.evidence import carried
from harness.pages.html import cut, filled
from harness.pages.view import View


class Notice(NamedTuple):
    """What is said above a page: ``good``, ``bad`` or ``plain``."""

    kind: str
    text: str


def render(run: Path, reports: Path) -> Path:
    """Write ``scorecard.html`` into ``run``, as its documents stand."""
    found = RunFolder(run)
    return files.replace(
        run / "scorecard.html", page(found, found.scorecard, found.verdict, reports)
    )


def page(
    found: RunFolder,
    card: Scorecard,
    verdict: Decision,
    reports: Path,
    said: Notice | None = None,
) -> str:
    """The scorecard of a run with the template of ``reports``; ``said`` is put above it.

    Raises :class:`RunError` for a torn run, :class:`WorkspaceError` for a template that asks for
    what is not there."""
    view = View(found, card, verdict)
    values = {"view": view, "card": card, "verdict": verdict, "said": said}
    values |= {"settings": found.settings, "preflight": found.preflight}
    return filled(
        reports,
        "scorecard.html.j2",
        styles=("style.css", "scorecard.css"),
        scripts="scripts",
        show=cut,
        carried=carried(found, card),
        certificates=[
            asdict(one.certificate) | one.stated.model_dump() for one in found.certificates.values()
        ],
        **values,
    )
