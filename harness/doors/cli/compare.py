"""``harness compare``: two runs side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from harness.doors.cli.common import Command, html_option, library_option, tell

HEAD = ("suite", "A", "B", "gained", "lost", "B - A, points", "margin", "", "lost prompts")
MOST = 8  # prompts that are named


@click.command(
    cls=Command,
    codes={
        0: "No suite of B is worse than A by its margin.",
        1: "One is worse.",
        2: "One is neither.",
    },
)
@click.argument("run_a", type=click.Path(path_type=Path))
@click.argument("run_b", type=click.Path(path_type=Path))
@html_option
@library_option
def compare(run_a: Path, run_b: Path, html: Path | None, library: str | None, as_json: bool) -> int:
    """Pair what the adapters of two runs answered: RUN_B against RUN_A.

    Refused for prompts that differ. Nothing is asked, and no look is counted."""
    from harness import files
    from harness.content import workspace
    from harness.doors.console import Terminal
    from harness.gate.finished.compare import compare as pair
    from harness.pages.beside import compare as pages

    found, out = pair(run_a, run_b), Terminal()
    if html is not None:
        reports = workspace.find(library).folder("reports")
        runs = {run: one.folder for run, one in found.runs.items()}
        files.replace(html, pages.page(json.loads(json.dumps(found.to_json())), runs, reports))
    if as_json:
        tell(found.to_json())
    else:
        out.rows(_rows(found.to_json()))
        for line in found.notes:
            out.say(line)
    return found.exit_code


def _rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The table of a terminal: a line of names, one for each run, then the suites."""
    named = [
        (run.upper(), f"{one['adapter']} {one['verdict'] or 'not judged'}", one["run"])
        for run, one in found["runs"].items()
    ]
    blank = ("",) * (len(HEAD) - 3)
    return [*((*one, *blank) for one in named), HEAD, *map(_suite, found["suites"])]


def _suite(pair: Mapping[str, Any]) -> tuple[str, ...]:
    from harness.pages.html import percent, points

    one, rates = pair["result"], [_rate(pair["rates"][run]) for run in ("a", "b")]
    if one is None:
        return (pair["suite"], *rates, "", "", "", "", "too few", "")
    low, high = (points(one["difference"][end]) for end in ("low", "high"))
    lost, state = one["lost"], one["held"]["state"] if one["held"] else "not measured"
    told = ", ".join(lost[:MOST]) + (f" and {len(lost) - MOST} more" if len(lost) > MOST else "")
    counts = (str(len(one["gained"])), str(len(lost)))
    return (
        pair["suite"],
        *rates,
        *counts,
        f"{low} ... {high}",
        percent(one["margin"]),
        state,
        told,
    )


def _rate(rate: Mapping[str, Any]) -> str:
    from harness.pages.html import percent

    return f"{rate['passes']}/{rate['n'] * rate['samples']} {percent(rate['rate'])}"
