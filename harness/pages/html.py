"""What all pages share: templates of ``reports/`` filled, with their styles and scripts, and texts
made ready to be seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import files
from harness.errors import WorkspaceError
from harness.pages.bundle import allowed, bundled
from harness.subjects.faults import faults
from harness.verdict import CODES, Reason

if TYPE_CHECKING:
    from jinja2 import Environment

#: what is not seen, or reorders what is: controls, formats, halves of pairs, fillers, and stacks of
#: marks that cover other lines
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e01ef]|[\u0300-\u036f]{5,}"
)
STYLES = ("style.css", "page.css")
MOST = 2000  # characters of one text on a scorecard; its documents hold it whole


def visible(value: Any) -> Any:
    """Any text on the page with control and direction characters spelt out, so that none can hide
    or reorder what is read."""
    from markupsafe import Markup

    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return HIDDEN.sub(lambda match: "".join(f"\\u{ord(c):04x}" for c in match[0]), value)


def cut(value: Any) -> Any:
    """:func:`visible`, and of a very long text only the beginning."""
    from markupsafe import Markup

    if isinstance(value, str) and not isinstance(value, Markup) and len(value) > MOST:
        value = f"{value[:MOST]} … {len(value) - MOST:,} more characters"
    return visible(value)


def filled(
    reports: Path,
    template: str,
    values: Mapping[str, Any],
    scripts: str = "",
    show: Callable[[Any], Any] = visible,
) -> str:
    """A template of ``reports`` with ``values``, with the style of all pages and the bundle of a
    folder of ``scripts``; ``show`` makes any text ready to be seen.

    Raises :class:`WorkspaceError` for a template that asks for what is not there."""
    from jinja2 import TemplateError

    kept = show in (visible, cut)  # one that knows what to hide is of one page
    environment = (_environment if kept else _environment.__wrapped__)(reports, show)
    style = "".join(files.read_text(reports / name) for name in STYLES)
    script = bundled(reports / scripts) if scripts else ""
    environment.globals |= {"allowed": allowed, "style": style, "script": script}
    try:
        return environment.get_template(template).render(values)
    except TemplateError as error:
        raise WorkspaceError(
            f"{reports}/{template}: cannot be filled: {error.message or error}"
        ) from None


@lru_cache(maxsize=16)
def _environment(reports: Path, show: Callable[[Any], Any]) -> Environment:
    """What fills the templates of ``reports``: each is compiled once in a process, and again where
    it was edited."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(reports),
        autoescape=True,
        finalize=show,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent, "points": points, "number": number, "next_step": next_step
    }  # fmt: skip
    return environment


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
