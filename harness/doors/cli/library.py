"""``harness library`` and ``harness init``: what is there, and a workspace of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from harness.doors.cli.common import Command, json_option, library_option, tell


@click.command(cls=Command, codes={0: "Printed."})
@library_option
@json_option
def library(library: str | None, as_json: bool) -> None:
    """Print the adapters of library.yaml.

    With their status, base, facets and the suites they owe."""
    from harness.content import library as libraries
    from harness.content import workspace
    from harness.doors.console import Terminal

    found = workspace.find(library)
    listed = libraries.load(found)
    if as_json:
        tell({"library": found.library, **listed.model_dump(mode="json", exclude={"gate"})})
        return
    rows = [("adapter", "status", "base", "facets", "owes")]
    for name, a in listed.adapters.items():
        rows.append((name, a.status, a.base, ", ".join(a.facets), ", ".join(a.suites)))
    out = Terminal()
    out.say(str(found.library))
    out.rows(rows)


@click.command(cls=Command, codes={0: "The workspace is there."})
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Copy the shipped workspace into FOLDER.

    Library, suites, verifiers, audits, reports and the pocket factory; nothing is overwritten."""
    from harness.content import workspace
    from harness.doors.console import Terminal

    names = ", ".join(workspace.initialise(folder))
    Terminal().say(f"{folder}: {names}\nnext: cd {folder} && pytest suites/ --adapter gamedev")
