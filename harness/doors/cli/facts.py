"""``harness facts``: a draft of what is asked about a document."""

from __future__ import annotations

from pathlib import Path

import click

from harness.doors.cli.common import Command, told


@click.command(cls=Command, codes={0: "Written, for a person to complete."})
@click.argument("document", type=click.Path(path_type=Path))
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="Else facts.yaml.")
@click.option("--most", metavar="N", default=60, show_default=True, help="Facts at the most.")
def facts(document: Path, out: Path | None, most: int, as_json: bool) -> None:
    """Draft the facts of DOCUMENT, which a patch made of it is asked.

    Every sentence that tells a number or a name, with that left out; no model is asked. A person
    writes the questions, and a gate refuses the file until that is done. Nothing is overwritten."""
    from harness import files
    from harness.errors import WorkspaceError
    from harness.subjects.kinds.patch.drafting import draft

    if most < 1:
        raise click.UsageError(f"--most {most}: expected at least one fact")
    path = out or document.with_name("facts.yaml")
    if path.exists():
        raise WorkspaceError(f"{path}: is there already; name another file with --out")
    files.replace(path, draft(document, most))
    told(as_json, f"{path}\nnext: write what it asks for at every TODO", wrote=[path])
