"""``harness gate`` and what stands around it: preflight before, recheck and report after."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.doors.cli.common import (
    COULD_NOT_RUN,
    Command,
    adapter_option,
    adapters_option,
    base_option,
    library_option,
    option,
    sandbox_option,
    suite_option,
    train_data_option,
)
from harness.doors.options import DEV

if TYPE_CHECKING:
    from harness.doors.console import Terminal
    from harness.gate.prepare import Prepared
    from harness.gate.together import Ended

WORST = (0, 2, 1, 3, COULD_NOT_RUN)  # exit codes of gates, from the best to the worst


@click.command(
    cls=Command,
    codes={
        0: "SHIP; with --register, the registration is written; with --dev, whatever was seen.",
        1: "NO-SHIP.",
        2: "INCONCLUSIVE.",
        3: "VOID. Of several adapters the gravest counts: 4, 3, 1, 2, then 0.",
    },
)
@adapters_option
@base_option
@suite_option
@library_option
@sandbox_option
@train_data_option
@option("run-dir", " Of several adapters each has its own in it.")
@option("limit", type=click.IntRange(min=1))
@click.option(
    "--batch",
    type=click.Choice(["auto", "mixed", "in-turn"]),
    default="auto",
    help="Whether several adapters of one base answer in one batch (auto: on a GPU).",
)
@click.option(
    "--register",
    is_flag=True,
    help="Write the registration of the gate ahead of it, and ask nothing.",
)
@click.option("--dev", is_flag=True, help=DEV)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but the verdict.")
def gate(
    adapter: tuple[str, ...], batch: str, quiet: bool, register: bool, dev: bool, **chosen: Any
) -> int:
    """Gate one adapter or several, with the verdict as exit code.

    The same as `pytest suites/ --adapter NAME`."""
    from harness.doors.console import Terminal, steps
    from harness.gate.prepare import Options
    from harness.gate.session import dev_lines, register_gate
    from harness.gate.together import run_gates

    if dev and (register or chosen["run_dir"]):
        raise click.UsageError("--dev leaves nothing behind: leave out --register and --run-dir")
    out, asked = Terminal(), [Options(one, **chosen) for one in adapter]
    with steps(quiet) as progress:
        if dev:
            for line in chain.from_iterable(dev_lines(one, progress) for one in asked):
                out.say(line)
            return 0
        if register:
            for one in asked:
                out.say(str(register_gate(one, progress)))
            return 0

        def begun(prepared: Prepared) -> None:
            if not quiet:
                out.say(prepared.registration.look_text)

        mix = None if batch == "auto" else batch == "mixed"
        ended = []
        for each in run_gates(asked, progress, begun=begun, mix=mix):
            ended.append(each)
            _say(out, each, quiet, len(asked) > 1)
    if len(asked) > 1 and not quiet:
        out.rows([(each.adapter, each.word, str(each.folder or "")) for each in ended])
    return max(map(_code, ended), key=WORST.index)


def _code(ended: Ended) -> int:
    return ended.verdict.name.exit_code if ended.verdict else COULD_NOT_RUN


def _say(out: Terminal, ended: Ended, quiet: bool, several: bool) -> None:
    """Print how a gate ended."""
    from harness.doors.console import STYLES, Terminal, told

    name = f"{ended.adapter}: " if several else ""
    if ended.verdict is None:
        Terminal(err=True).say(f"harness: {name}{ended.error}")
        return
    out.say(f"{name}{ended.verdict.name}", STYLES[ended.verdict.name])
    if not quiet and ended.folder is not None:
        out.rows(told(ended.verdict), gap=1)
        out.say(f"scorecard: {ended.folder / 'scorecard.html'}")
        if ended.recorded is not None:
            out.say(f"next: git add {os.path.relpath(ended.recorded)}")


@click.command(
    cls=Command,
    codes={
        0: "The adapter may be scored.",
        1: "A rule of its training, or its status, forbids to ship it.",
        3: "Scoring it would say nothing.",
    },
)
@adapter_option
@base_option
@suite_option
@library_option
@train_data_option
@click.option(
    "--verify",
    is_flag=True,
    help="Read every byte of the base again, whatever its files' times say.",
)
@click.option(
    "--server", metavar="URL", help="Ask this running server too whether it serves the adapter."
)
@click.option("--server-model", metavar="NAME", help="The field `model` of requests to --server.")
@click.option("--show-prompt", is_flag=True, help="Print the first prompt of each suite as sent.")
def preflight(
    verify: bool, server: str | None, server_model: str | None, show_prompt: bool, **chosen: Any
) -> int:
    """Check an adapter before anything is scored.

    Identity, tensors, effect, recipe, corpus and contamination."""
    from harness.doors.console import Terminal
    from harness.gate.prepare import Options
    from harness.gate.session import check_subject
    from harness.pages.tables import number
    from harness.subjects.faults import faults as remedies

    found = check_subject(Options(**chosen), verify=verify, server=server, model=server_model)
    known = found.tensors is not None
    data = found.training["data_digest"]
    out = Terminal()
    out.rows([
        ("base", found.base_digest),
        ("adapter", found.adapter_digest),
        ("trained on", found.trained_on_base or "not recorded"),
        ("tensors", f"{found.tensors} of {found.tensors_expected}" if known else "not measured"),
        ("update", number(found.update, "of the largest changed weight")),
        ("effect", number(found.effect, "nats per token, KL(base || adapter)")),
        ("training data", data or "not named, so not checked (--train-data)"),
        ("not checked", ", ".join(found.training["not_checked"]) or "nothing"),
    ])  # fmt: skip
    for name, text in found.prompts.items() if show_prompt else ():
        out.say(f"--- {name}")
        out.say(text)
    faults = [*found.faults, *found.notices]
    for fault in faults:
        shown = [(f"{fault.severity:<6}", f"{fault.code}: {fault.text}")]
        if fault.code in remedies():
            shown.append(("", f"-> {remedies()[fault.code]['remedy']}"))
        out.rows(shown, 1)
    severities = {fault.severity for fault in found.faults}
    return 3 if "void" in severities else 1 if "block" in severities else 0


@click.command(
    cls=Command,
    codes={0: "Everything is as the receipts say, whatever the verdict.", 1: "Something differs."},
)
@click.argument("run", type=click.Path(path_type=Path))
def recheck(run: Path) -> int:
    """Recompute every number and the verdict of RUN from its receipts.

    RUN is a folder, or its scorecard.html, which carries all of it. No model and no workspace is
    needed."""
    from harness.doors.console import Terminal
    from harness.gate.finished.recheck import recheck as again

    found = again(run)
    out = Terminal()
    for text in found.differences:
        out.say(text)
    out.say(f"{run}: {found.sentence}")
    return 1 if found.differences else 0


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
def release_check(run: Path, adapter: str, library: str | None) -> int:
    """Say whether RUN allows to release an adapter as it is now.

    The verdict is made again from the receipts, and the adapter, the library and its policy are
    held against what was registered."""
    from harness.doors.console import Terminal
    from harness.gate.finished.release import release_check as check

    found, out = check(run, adapter, library), Terminal()
    for text in found.against:
        out.say(text)
    out.say(f"{run}: {found.sentence}")
    return found.exit_code


@click.command(
    cls=Command,
    codes={0: "The page is written, and all agrees.", 1: "It says that something differs."},
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where the page goes (default: RUN/scorecard-rechecked.html).",
)
@click.option("--table", metavar="FILE", help="Write passes by criterion and arm as .csv or .md.")
@click.option(
    "--publish",
    is_flag=True,
    help="Show digests in place of held-out texts, and mask secrets"
    " (default: RUN/scorecard-published.html).",
)
@click.option("--watch", is_flag=True, help="Write the page again whenever reports/ changes.")
@library_option
def report(
    run: Path, out: Path | None, library: str | None, table: str | None, publish: bool, watch: bool
) -> int:
    """Recheck RUN and write a page of it.

    The page says whether the documents agree; that of the run's end stays as it is."""
    from harness.content import workspace
    from harness.doors.console import Terminal
    from harness.gate.finished.report import report as again
    from harness.gate.finished.report import watched
    from harness.pages import tables

    reports = workspace.find(library).folder("reports")
    if watch:
        watched([reports], lambda: _try(run, reports, out, publish))
    page, found = again(run, reports, out, published=publish)
    Terminal().say(f"{page}\n{run}: {found.sentence}")
    if table is not None:
        Terminal().say(str(tables.write_run(found.folder.receipts, Path(table))))
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
