"""``harness library`` and ``harness init``: what is there, and a workspace of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import click

from harness.doors.cli.common import Command, html_option, library_option, tell, told


@click.command(
    cls=Command,
    codes={0: "Printed.", 1: "Printed; of something that is said to be shipped nothing shows it."},
)
@library_option
@html_option
def library(library: str | None, html: Path | None, as_json: bool) -> int:
    """Print the adapters of library.yaml.

    With their status, base, facets and the suites they owe, and of what is shipped the receipt: the
    record of its release, or its last run. --html shows all their runs."""
    from harness import files
    from harness.content import library as libraries
    from harness.content import workspace
    from harness.digests import folder_digest
    from harness.doors.console import NO_RECEIPT, Terminal
    from harness.gate.finished.ship import receipt

    found = workspace.find(library)
    listed = libraries.load(found)
    shown: dict[str, str] = {}
    if html is not None:
        from harness.gate.finished.shelf import shelf
        from harness.pages.beside.library import page

        at = html.parent.resolve()
        subjects = list(shelf(found))
        files.replace(html, page(found.library.name, subjects, found.folder("reports"), at))
        shown = {one.name: one.receipt for one in subjects}
    rows, bare = [("adapter", "status", "receipt", "base", "facets", "owes")], 0
    for name, a in listed.adapters.items():
        said, folder = "", found.root / a.path
        if a.status == "shipped":
            if html is None and folder.exists():
                shown[name] = receipt(found, folder_digest(folder)) or ""
            said = shown.get(name) or NO_RECEIPT
            bare += said == NO_RECEIPT
        rows.append((name, a.status, said, a.base, ", ".join(a.facets), ", ".join(a.suites)))
    if as_json:
        receipts = {row[0]: row[2] for row in rows[1:] if row[2]}
        data = listed.model_dump(mode="json", exclude={"gate"})
        tell({"library": found.library, **data, "receipts": receipts})
        return 1 if bare else 0
    out = Terminal()
    out.say(str(found.library))
    out.rows(rows)
    return 1 if bare else 0


@click.command(cls=Command, codes={0: "The workspace is there."})
@click.argument("folder", type=click.Path(path_type=Path), default=".")
@click.option("--base", metavar="FOLDER|ID", help="Your base: a folder, or ORG/NAME@COMMIT.")
@click.option("--adapter", metavar="FOLDER", help="Your adapter on it.")
@click.option("--facet", metavar="NAME", help="Begin a facet: suite, verifier, known answers.")
@click.option("--facets", metavar="FAMILY", help="Copy the shipped facets of FAMILY: gamedev.")
def init(
    folder: Path,
    base: str | None,
    adapter: str | None,
    facet: str | None,
    facets: str | None,
    as_json: bool,
) -> None:
    """Write a workspace into FOLDER (by default here); nothing is overwritten.

    With --base and --adapter a library of these two, HumanEval as the guard, and the beginning of
    a facet. With --facets a team's own copy of a family: prompts, pages, verifiers and known
    answers. Else a copy of the shipped one: library, suites, verifiers, audits, reports and the
    pocket factory."""
    from harness.content import workspace
    from harness.gate.newcomers import start

    if facets is not None and base is None and adapter is None and facet is None:
        made = workspace.take_family(folder, facets)
        text = f"next: let an adapter owe `suites: [{facets}]`, and `harness doctor`"
        told(as_json, f"{folder}: {len(made)} files of {facets}\n{text}", wrote=made)
        return
    if base is None and adapter is None and facet is None:
        names = workspace.initialise(folder)
        text = (
            f"{folder}: {', '.join(names)}\nnext: cd {folder} && pytest suites/ --adapter gamedev"
        )
        told(as_json, text, wrote=[folder / name for name in names])
        return
    if base is None or adapter is None:
        raise click.UsageError("--base and --adapter belong together, and --facet to them")
    if facets is not None:
        raise click.UsageError("--facets stands alone: run it a second time in the new workspace")
    made = start.begin(folder, base, adapter, facet)
    lines = [str(path) for path in made]
    if facet:
        lines.append(f"next: write {folder}/suites/{facet} and `harness audit {facet}.form`")
    told(as_json, "\n".join([*lines, f"next: cd {folder} && harness doctor"]), wrote=made)


@click.command(
    cls=Command, codes={0: "Nothing is missing.", 1: "Something is; each says for what."}
)
@library_option
def doctor(library: str | None, as_json: bool) -> int:
    """Say what is missing here, and for what.

    The machine, the library, its bases, adapters, suites and verifiers, and a sandbox."""
    from harness.doors.console import Terminal
    from harness.gate.newcomers.doctor import checks

    out, found = Terminal(), list(checks(library))
    for check in found if not as_json else ():
        out.say(f"{'missing' if check.missing else 'ok':<8} {check.what}: for {check.needed_for}")
        for line in check.missing.splitlines():
            out.say(f"         {line}")
    if as_json:
        tell({"checks": [check._asdict() for check in found]})
    return 1 if any(check.missing for check in found) else 0


@click.command(
    cls=Command,
    codes={0: "Every plant that was tried is caught.", 1: "One is not, or its twin is blamed too."},
)
@click.option("--all", "every", is_flag=True, help="The slow ones too.")
@click.option("--only", metavar="F", help="Those whose number begins so: F2 for a section, F2.1.")
def selfscore(every: bool, only: str | None, as_json: bool) -> int:
    """Plant known faults, each beside its clean twin, and say which are caught.

    The faults are those of the method, by number; what nothing is built for is named."""
    from harness import selfscore as own
    from harness.doors.console import Terminal

    built, out = own.plants(), Terminal()
    wanted = [one for one in built if every or not one.slow]
    if only is not None:
        wanted = [
            one for one in wanted if f"{one.number}.".startswith(f"{only}.") or one.number == only
        ]
    found = []
    for one in own.tried(wanted):
        found.append(one)
        if not as_json:
            out.rows([(one.plant.number, one.word, f"{one.plant.what}: {one.said}")])
    (caught, many), lacking = own.counted(found), own.missing(built)
    if as_json:
        rows = [{"number": one.plant.number, "word": one.word, "said": one.said} for one in found]
        tell({"caught": caught, "planted": own.PLANTED, "tried": rows, "missing": lacking})
    else:
        for section, numbers in lacking.items():
            out.rows([(section, "not built", own.told(numbers))])
        out.say(f"caught {caught} of {many} tried, of {own.PLANTED} in the method")
    return 1 if caught < many else 0


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.pass_context
def cache(context: click.Context, as_json: bool) -> None:
    """Show what is kept on this machine, cut it back, share it.

    Any number of gates may use it meanwhile. HARNESS_CACHE names the folder."""
    from harness.content.workspace import cache_folder
    from harness.doors.console import Terminal
    from harness.engines import store

    if as_json and context.invoked_subcommand is not None:
        raise click.UsageError(f"--json stands behind {context.invoked_subcommand}")
    if context.invoked_subcommand is None:
        folder, out = cache_folder(), Terminal()
        parts = list(store.parts(folder))
        if as_json:
            kept = [dict(zip(("kept", "many", "bytes"), part, strict=True)) for part in parts]
            tell({"cache": folder, "kept": kept})
            return
        out.say(str(folder))
        rows = [(name, str(many), f"{size / 1e6:.1f} MB") for name, many, size in parts]
        out.rows([("kept", "many", "on disk"), *rows])


@cache.command(cls=Command, codes={0: "The rest is kept."})
@click.option(
    "--keep", "most", metavar="MB", type=click.FloatRange(min=0), required=True,
    help="How many megabytes of answers stay, the newest.",
)  # fmt: skip
def prune(most: float, as_json: bool) -> None:
    """Delete the oldest answers."""
    from harness.content.workspace import cache_folder
    from harness.engines import store

    gone = store.prune(cache_folder(), round(most * 1e6))
    told(as_json, f"{gone} answers deleted", deleted=gone)


@cache.command(cls=Command, codes={0: "The file is written."})
@click.argument("file", type=click.Path(path_type=Path))
def export(file: Path, as_json: bool) -> None:
    """Write the answers to FILE (JSONL), for another machine.

    It holds every prompt's answers in plain text: held-out ones too."""
    from harness.content.workspace import cache_folder
    from harness.engines import store

    many = store.export(cache_folder(), file)
    told(as_json, f"{file}: {many} answers", out=file, answers=many)


@cache.command(name="import", cls=Command, codes={0: "The answers are kept."})
@click.argument("file", type=click.Path(path_type=Path))
def take_in(file: Path, as_json: bool) -> None:
    """Keep the answers in FILE as if they had been given here.

    A gate believes them, so take none from somebody whose gates you would not believe."""
    from harness.content.workspace import cache_folder
    from harness.engines import store

    new = store.take_in(cache_folder(), file)
    told(as_json, f"{file}: {new} answers were new", new=new)


@click.command(cls=Command, codes={0: "Written; a draft is for a person to complete."})
@click.argument("document", type=click.Path(path_type=Path), required=False)
@click.option("--tenants", metavar="N", type=int, help="Those of N synthetic tenants instead.")
@click.option("--seed", metavar="N", default=0, show_default=True, help="Of synthetic tenants.")
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Else facts.yaml or facts.jsonl."
)
@click.option("--most", metavar="N", default=60, show_default=True, help="Facts at the most.")
def facts(
    document: Path | None,
    tenants: int | None,
    seed: int,
    out: Path | None,
    most: int,
    as_json: bool,
) -> None:
    """Draft the facts of DOCUMENT, which a patch made of it is asked; or make those of synthetic
    tenants, which their memories are trained on and asked.

    Of a document every sentence that tells a number or a name, with that left out; no model is
    asked. A person writes the questions, and a gate refuses the file until that is done. Facts of
    tenants are whole as they are made. Nothing is overwritten."""
    from harness import files
    from harness.errors import WorkspaceError

    if (document is None) == (tenants is None):
        raise click.UsageError("expected DOCUMENT or --tenants N, one of both")
    if most < 1:
        raise click.UsageError(f"--most {most}: expected at least one fact")
    path = out or (document.with_name("facts.yaml") if document else Path("facts.jsonl"))
    if path.exists():
        raise WorkspaceError(f"{path}: is there already; name another file with --out")
    if document is not None:
        from harness.subjects.kinds.patch.drafting import draft

        files.replace(path, draft(document, most))
        told(as_json, f"{path}\nnext: write what it asks for at every TODO", wrote=[path])
        return
    from harness.subjects.kinds.tenants import synthetic

    try:
        rows = list(synthetic.facts(tenants or 0, seed))
    except ValueError as error:
        raise click.UsageError(f"--{error}") from None
    files.replace(path, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows))
    told(
        as_json,
        f"{path}\nnext: build their memories of it (docs/subjects/tenants.md)",
        wrote=[path],
    )
