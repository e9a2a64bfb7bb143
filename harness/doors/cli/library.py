"""``harness library`` and ``harness init``: what is there, and a workspace of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from harness.doors.cli.common import Command, library_option


@click.command(
    cls=Command,
    codes={0: "Printed.", 1: "Printed; of something that is said to be shipped nothing shows it."},
)
@library_option
def library(library: str | None) -> int:
    """Print the adapters of library.yaml.

    With their status, base, facets and the suites they owe, and of what is shipped the receipt: the
    record of its release, or its last run."""
    from harness.content import library as libraries
    from harness.content import workspace
    from harness.digests import folder_digest
    from harness.doors.console import NO_RECEIPT, Terminal
    from harness.gate.finished.ship import receipt

    found = workspace.find(library)
    listed = libraries.load(found)
    rows, bare = [("adapter", "status", "receipt", "base", "facets", "owes")], 0
    for name, a in listed.adapters.items():
        said, folder = "", found.root / a.path
        if a.status == "shipped":
            said = (folder.is_dir() and receipt(found, folder_digest(folder))) or NO_RECEIPT
            bare += said == NO_RECEIPT
        rows.append((name, a.status, said, a.base, ", ".join(a.facets), ", ".join(a.suites)))
    out = Terminal()
    out.say(str(found.library))
    out.rows(rows)
    return 1 if bare else 0


@click.command(cls=Command, codes={0: "The workspace is there."})
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Copy the shipped workspace into FOLDER.

    Library, suites, verifiers, audits, reports and the pocket factory; nothing is overwritten."""
    from harness.content import workspace
    from harness.doors.console import Terminal

    names = ", ".join(workspace.initialise(folder))
    Terminal().say(f"{folder}: {names}\nnext: cd {folder} && pytest suites/ --adapter gamedev")
