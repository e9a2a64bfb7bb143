"""The HTML scorecard: one self-contained page made from a run folder and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness import files
from harness.errors import WorkspaceError
from harness.evidence.documents import Decision, Scorecard
from harness.evidence.folder import RunFolder
from harness.evidence.receipts import Receipt
from harness.subjects.faults import faults
from harness.verdict import CODES, Reason

HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)


def render(run: Path, reports: Path) -> Path:
    """Write ``scorecard.html`` into ``run``, as its documents stand."""
    found = RunFolder(run)
    return files.replace(
        run / "scorecard.html", page(found, found.scorecard, found.verdict, reports)
    )


def page(
    found: RunFolder, card: Scorecard, verdict: Decision, reports: Path, said: str = ""
) -> str:
    """The scorecard of a run with the template of ``reports``; ``said`` is put above it, behind who
    overruled the run.

    Raises :class:`RunError` for a torn run, :class:`WorkspaceError` for a template that asks for
    what is not there."""
    held = found.certificates.values()
    return filled(
        reports,
        "scorecard.html.j2",
        settings=found.settings,
        card=card,
        look=found.registration.look_text,
        verdict=verdict,
        preflight=found.preflight,
        noise={id: one.told for id, one in (found.churn.suites if found.churn else {}).items()},
        certificates=[asdict(one.certificate) | one.stated.model_dump() for one in held],
        items=_items(found.receipts),
        flips=_flips(card),
        said="; ".join(filter(None, (found.override.sentence if found.override else "", said))),
    )


def filled(reports: Path, template: str, **values: Any) -> str:
    """A template of ``reports`` with ``values`` and the style of all pages.

    Raises :class:`WorkspaceError` for a template that asks for what is not there."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

    environment = Environment(
        loader=FileSystemLoader(reports),
        autoescape=True,
        finalize=visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {"percent": percent, "points": points, "number": number, "next_step": next_step}
    environment.filters |= filters
    style = files.read_text(reports / "style.css")
    try:
        return environment.get_template(template).render(style=style, **values)
    except TemplateError as error:
        raise WorkspaceError(
            f"{reports}/{template}: cannot be filled: {error.message or error}"
        ) from None


def percent(value: float | None) -> str:
    """``0.825`` as ``82.5%``; what was not measured says so."""
    return "not measured" if value is None else f"{100 * value:.1f}%"


def points(value: float | None) -> str:
    """A difference of shares in signed percentage points."""
    return "not measured" if value is None else f"{100 * value:+.1f}"


def number(value: float | None, digits: int = 3) -> str:
    """A number with ``digits`` significant digits, or ``not measured``."""
    return "not measured" if value is None else f"{value:.{digits}g}"


def next_step(reason: Reason) -> str:
    """What to do about a reason: its code's next step, or the remedy of a fault of the subject;
    empty where it is nothing."""
    if reason.code in CODES:
        step = CODES[reason.code].next
        return "" if step.startswith("none") else step
    return faults().get(reason.code, {}).get("remedy", "")


def visible(value: Any) -> Any:
    """Any text on the page with control and direction characters spelt out, so that none can hide
    or reorder what is read."""
    from markupsafe import Markup

    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", value)


def _items(rows: Iterable[Receipt]) -> dict[str, dict[str, dict[str, list[Receipt]]]]:
    """By suite and case the receipts of each arm, one for each sample."""
    suites: dict[str, dict[str, dict[str, list[Receipt]]]] = {}
    for row in rows:
        cases = suites.setdefault(row.suite, {})
        cases.setdefault(row.case, {}).setdefault(row.arm, []).append(row)
    return suites


def _flips(card: Scorecard) -> dict[tuple[str, str], str]:
    """``gained`` or ``lost`` by suite and case, as the headline of the suite says."""
    found: dict[tuple[str, str], str] = {}
    for suite in card.suites:
        results = {result["id"]: result for result in suite["results"]}
        headline = results.get(suite["headline"], {})
        for flip in ("gained", "lost"):
            found |= {(suite["suite"], case): flip for case in headline.get(flip, [])}
    return found
