"""The HTML scorecard: one self-contained page made from a run folder and nothing else."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from harness import files
from harness.evidence.documents import Decision, Scorecard
from harness.evidence.folder import RunFolder
from harness.pages import markdown
from harness.pages.evidence import carried
from harness.pages.html import cut, filled
from harness.pages.published import Hidden
from harness.pages.view import View, headline


class Notice(NamedTuple):
    """What is said above a page: ``good``, ``bad`` or ``plain``; and whether the run ended."""

    kind: str
    text: str
    ended: bool = True


UNCHECKED = Notice(
    "plain",
    "Written as the run ended, not rechecked: `harness recheck scorecard.html` decides again from"
    " what this file carries.",
)


def render(run: Path, reports: Path) -> Path:
    """Write ``scorecard.html`` and ``scorecard.md`` into ``run``, as its documents stand."""
    found = RunFolder(run)
    markdown.render(found, UNCHECKED._replace(text=markdown.UNCHECKED))
    made = page(found, found.scorecard, found.verdict, reports, UNCHECKED)
    return files.replace(run / "scorecard.html", made)


def page(
    found: RunFolder,
    card: Scorecard,
    verdict: Decision,
    reports: Path,
    said: Notice,
    published: bool = False,
) -> str:
    """The scorecard of a run with the template of ``reports``; ``said`` is put above it, behind who
    overruled the run, and a ``published`` one shows no held-out text.

    Raises :class:`RunError` for a torn run, :class:`WorkspaceError` for a template that asks for
    what is not there."""
    if found.override:
        said = said._replace(kind="bad", text=f"{found.override.sentence}. {said.text}")
    hidden = Hidden(found.receipts) if published else None
    show = hidden.show if hidden else cut
    view = View(found, card, verdict)
    values: dict[str, Any] = {"view": view, "card": card, "verdict": verdict, "said": said}
    asked = {suite["suite"]: headline(suite) for suite in card.suites}
    flips = {suite: one for suite, one in asked.items() if one}
    values |= {
        "receipts": card.receipts,
        "flips": flips,
        "settings": found.settings,
        "preflight": found.preflight,
    }
    values |= {"carried": carried(found, card, hidden), "certificates": _certificates(found)}
    return filled(reports, "scorecard.html.j2", values, "scripts", show)


def _certificates(found: RunFolder) -> list[dict[str, Any]]:
    held = found.certificates.values()
    return [asdict(one.certificate) | one.stated.model_dump() for one in held]
