"""What is done with a finished run: recheck, report and sign it, ask whether it allows a release,
release."""

from __future__ import annotations

from pathlib import Path

import click

from harness.doors.cli.common import (
    Command,
    adapter_option,
    library_option,
    say_against,
    say_rechecked,
    tell,
    told,
    user,
    verbose_option,
)

FORMS = ("html", "md", "csv", "parquet")

max_age_option = click.option(
    "--max-age",
    metavar="DAYS",
    type=click.IntRange(min=0),
    help="Refuse a run that ended more days ago.",
)
signed_by_option = click.option(
    "--signed-by",
    metavar="FILE|WHO",
    help="Refuse a run that this public key (PEM), or IDENTITY,ISSUER of sigstore, has not signed.",
)


@click.command(
    cls=Command,
    codes={0: "Everything is as the receipts say, whatever the verdict.", 1: "Something differs."},
)
@click.argument("run", type=click.Path(path_type=Path))
@signed_by_option
@click.option(
    "--deep",
    is_flag=True,
    help="Measure again what its kind measured beside answers; needs the subject and the library.",
)
@library_option
@verbose_option
def recheck(
    run: Path, signed_by: str | None, deep: bool, library: str | None, verbose: bool, as_json: bool
) -> int:
    """Recompute every number and the verdict of RUN from its receipts.

    RUN is a folder, or its scorecard.html, which carries all of it. No model and no workspace is
    needed but for --deep."""
    from harness.gate.finished.recheck import recheck as again

    found = again(run, signed_by)
    if deep:
        from harness.gate.finished.deep import again as measured

        found = found._replace(differences=[*found.differences, *measured(found.folder, library)])
    if as_json:
        verdict = found.verdict.to_json() if found.verdict else {"verdict": None}
        said = {"differences": found.differences, "signed": found.signed}
        tell({"run": run, **said, **verdict})
    else:
        say_rechecked(run, found, verbose)
    return 1 if found.differences else 0


@click.command(
    cls=Command,
    codes={0: "The page is written, and all agrees.", 1: "It says that something differs."},
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "form",
    type=click.Choice(FORMS),
    default="html",
    help="A page (html, or md for a pull request), or tables of all receipts and rates (csv,"
    " parquet).",
)
@click.option(
    "--out",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Where the page goes, or the folder of tables (default: beside the page in RUN).",
)
@click.option(
    "--publish",
    is_flag=True,
    help="Show digests in place of held-out texts, and mask secrets; Markdown always does.",
)
@click.option("--watch", is_flag=True, help="Write the page again whenever reports/ changes.")
@verbose_option
@library_option
def report(
    run: Path,
    form: str,
    out: Path | None,
    library: str | None,
    publish: bool,
    watch: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Recheck RUN and write a page of it, or tables.

    The page says whether the documents agree; that of the run's end stays as it is."""
    from harness.content import workspace
    from harness.doors.console import Terminal
    from harness.gate.finished.report import report as again
    from harness.gate.finished.report import tabled, watched

    if watch and form != "html":
        raise click.UsageError("--watch is of the page in HTML: leave out --to")
    if watch and as_json:
        raise click.UsageError("--watch is for a person: leave out --json")
    if form in ("csv", "parquet"):
        paths, found = tabled(run, form, out, published=publish)
    else:
        reports = workspace.find(library).folder("reports")
        if watch:
            watched([reports], lambda: _try(run, reports, out, publish))
        page, found = again(run, reports, out, published=publish, form=form)
        paths = [page]
    if as_json:
        tell({"run": run, "wrote": paths, "differences": found.differences})
    else:
        say_rechecked(run, found, verbose)
        for path in paths:
            Terminal().say(str(path))
    return 1 if found.differences else 0


def _try(run: Path, reports: Path, out: Path | None, publish: bool) -> None:
    """Write a page; a mistake in a template is said, and the next writing tries again."""
    from harness.doors.console import Terminal
    from harness.errors import WorkspaceError
    from harness.gate.finished.report import report as again

    try:
        Terminal().say(f"{again(run, reports, out, published=publish)[0]} written")
    except WorkspaceError as error:
        Terminal().say(str(error), "red")


@click.command(
    name="release-check",
    cls=Command,
    codes={
        0: "SHIP, of exactly these bytes, by the policy of today, and every document agrees.",
        1: "NO-SHIP, or something differs.",
        2: "INCONCLUSIVE.",
        3: "VOID.",
    },
)
@click.argument("run", type=click.Path(path_type=Path))
@adapter_option
@library_option
@max_age_option
@signed_by_option
def release_check(
    run: Path,
    adapter: str,
    library: str | None,
    max_age: int | None,
    signed_by: str | None,
    as_json: bool,
) -> int:
    """Say whether RUN allows to release an adapter as it is now.

    The verdict is made again from the receipts, and the adapter, the library and its policy are
    held against what was registered."""
    from harness.gate.finished.release import release_check as check

    found = check(run, adapter, library, max_age, signed_by)
    if as_json:
        tell({"run": run, **found._asdict()})
    else:
        say_against(run, found.against, found.sentence)
    return found.exit_code


@click.command(
    cls=Command,
    codes={
        0: "The command ended well, and the release is recorded.",
        1: "NO-SHIP, or something differs; or the command failed, which is not marked shipped.",
        2: "INCONCLUSIVE.",
        3: "VOID.",
    },
)
@click.argument("name")
@click.argument("command", nargs=-1, required=True)
@click.option("--run", type=click.Path(path_type=Path), help="The run (default: the last one).")
@max_age_option
@signed_by_option
@library_option
@click.option("--override", metavar="CODES", help="Overrule these reasons, split by commas.")
@click.option("--by", metavar="NAME", help="Who releases or overrules (default: the user's name).")
@click.option("--reason", metavar="TEXT", help="Why, with --override.")
@click.option("--until", metavar="YYYY-MM-DD", help="The last day that --override holds.")
def ship(
    name: str,
    command: tuple[str, ...],
    run: Path | None,
    max_age: int | None,
    signed_by: str | None,
    library: str | None,
    override: str | None,
    by: str | None,
    reason: str | None,
    until: str | None,
    as_json: bool,
) -> int:
    """Run COMMAND to release NAME, only where release-check allows it: `harness ship NAME -- hf
    upload ...`.

    A run may be 30 days old at most, unless --max-age says otherwise. The environment of COMMAND
    names what is released: HARNESS_ADAPTER_PATH, HARNESS_ADAPTER_DIGEST and others. What it did is
    recorded in releases/, and the library says `shipped` where it ended well. A person may
    overrule reasons of a valid run by --override, --by, --reason and --until: that stands in the
    run, on its pages and in the record."""
    from harness.doors.console import Terminal
    from harness.gate.finished import ship as desk

    out, given = Terminal(), (override, by, reason, until)
    if (override or reason or until) and None in given:
        raise click.UsageError("--override, --by, --reason and --until belong together")
    if override and by and reason and until:
        found = desk.overrule(name, override.split(","), by, reason, until, library, run)
        if not as_json:
            out.say(found.sentence, "bold red")
    age = desk.MAX_AGE if max_age is None else max_age
    done = desk.ship(name, command, library, run, age, by or user(), signed_by, quiet=as_json)
    shipped = done.record is not None and done.record.outcome == "shipped"
    if as_json:
        record = done.record.model_dump(mode="json") if done.record else None
        named = {"run": done.run, "against": done.check.against, "marked": done.marked}
        tell({**named, "path": done.path, "record": record})
        return done.check.exit_code if record is None else 0 if shipped else 1
    for text in done.check.against:
        out.say(text)
    if done.record is None or done.path is None:
        out.say(f"{done.run}: {done.check.sentence}; the command was not run")
        return done.check.exit_code
    out.say(f"{done.path}: {done.record.outcome}, exit code {done.record.exit_code}")
    if not shipped:
        return 1
    if not done.marked:
        out.say(f"next: say `status: shipped` of {name} in the library")
    out.say(f"next: git add {done.path}")
    return 0


@click.command(cls=Command, codes={0: "It is signed."})
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--key",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Your private key of an elliptic curve (PEM); without it sigstore asks who you are.",
)
def sign(run: Path, key: Path | None, as_json: bool) -> None:
    """Sign the statement of RUN, attestation.json, which names every document of it.

    By model-signing (extra `sign`), into attestation.json.sigstore.json. A run that differs from
    its receipts is not signed."""
    from harness.errors import RunError
    from harness.evidence import signature
    from harness.gate.finished.recheck import recheck

    found = recheck(run)
    if found.differences:
        raise RunError(f"{run}: {found.differences[0]}; what differs is not signed")
    path = signature.sign(run, key)
    told(as_json, str(path), run=run, signature=path)
