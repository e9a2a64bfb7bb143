"""``harness label``: the adapter's passing answers before a second, independent judge."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.doors.cli.common import Command, library_option, sandbox_option, tell, told, user

if TYPE_CHECKING:
    from harness.evidence.labels import Row
    from harness.gate.finished.labelling import Sample

KEYS = {"g": "good", "b": "bad", "u": "unsure"}


@click.command(
    cls=Command,
    codes={
        0: "SHIP, now that the labels count; or the sheet is written.",
        1: "NO-SHIP.",
        2: "INCONCLUSIVE, also where labels are left to give.",
        3: "VOID.",
    },
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--suite", "suites", multiple=True, help="Only of this suite; may be repeated.")
@click.option("--by", metavar="VERIFIER", help="Label by another certified verifier.")
@click.option("--name", metavar="NAME", help="Who labels (default: the user's own).")
@click.option(
    "--sheet",
    type=click.Path(path_type=Path),
    help="Write a page to label in a browser, and ask nothing.",
)
@click.option(
    "--read", "given", type=click.Path(path_type=Path), help="Take the labels of such a page."
)
@library_option
@sandbox_option
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def label(
    run: Path,
    suites: tuple[str, ...],
    by: str | None,
    name: str | None,
    sheet: Path | None,
    given: Path | None,
    library: str | None,
    sandbox: str,
    quiet: bool,
    as_json: bool,
) -> int:
    """Label a sample of the answers of RUN that passed, and decide again.

    An adapter may have learnt to please its verifier, which no fixture can show. So many passes as
    the policy says (`labels`) are drawn at random and shown to a person, one by one in the terminal
    or on a page, or to another verifier. Fakes, and as many more as the sample leaves open, count
    as failures. What was labelled stays when you stop."""
    from harness.content import workspace
    from harness.doors.console import STYLES, Terminal, steps
    from harness.gate.finished import labelling

    if sum(chosen is not None for chosen in (by, sheet, given)) > 1:
        raise click.UsageError("--by, --sheet and --read exclude each other")
    if as_json and (by, sheet, given) == (None, None, None):
        raise click.UsageError("--json asks nobody: add --by, --sheet or --read")
    out, asked = Terminal(), labelling.sample(run, suites)
    reports = workspace.find(library).folder("reports")
    if sheet is not None:
        page = labelling.write_sheet(asked, sheet, reports)
        told(as_json, str(page), sheet=page)
        return 0
    person = name or user()
    if by is not None:
        with steps(quiet or as_json) as progress:
            rows, who = labelling.by_verifier(asked, by, library, sandbox, progress)
        labelling.keep(asked, rows, "verifier", who)
    elif given is not None:
        labelling.keep(asked, labelling.read_sheet(asked, given), "person", person)
    else:
        for row in _ask(asked):
            labelling.keep(asked, [row], "person", person)
    left, many = len(asked.left), len(asked.rows)
    if left:
        text = f"{many - left} of {many} are labelled; {left} are left"
        told(as_json, text, run=run, labelled=many - left, left=left)
        return 2
    verdict = labelling.conclude_again(asked, reports)
    if as_json:
        tell({"run": run, "labelled": many, "left": 0, **verdict.to_json()})
        return verdict.name.exit_code
    out.say(verdict.name, STYLES[verdict.name])
    out.rows([(f"{r.verdict:<12}", f"{r.about}: {r.text}") for r in verdict.deciding], gap=1)
    return verdict.name.exit_code


def _ask(asked: Sample) -> Iterable[Row]:
    """A person's labels, as they are given, until there are none left or the person stops."""
    from harness.doors.console import plain
    from harness.evidence.labels import Label
    from harness.gate.finished.labelling import labelled

    left = asked.left
    for number, row in enumerate(left, 1):
        click.echo(f"\n{number} of {len(left)}: {row.suite}\n\n{plain(row.prompt)}\n")
        click.echo(f"--- answer ---\n{plain(row.answer)}\n--------------")
        said = click.prompt(
            "(g)ood, (b)ad, (u)nsure, (q)uit", type=click.Choice([*KEYS, "q"]), show_choices=False
        )
        if said == "q":
            return
        yield labelled(row, Label(KEYS[said]))
