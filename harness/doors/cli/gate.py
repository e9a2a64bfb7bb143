"""``harness gate``, and the preflight before it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
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
    tell,
    told,
    train_data_option,
    verbose_option,
)
from harness.doors.options import DEV

if TYPE_CHECKING:
    from harness.doors.console import Terminal
    from harness.gate.prepare import Options, Prepared
    from harness.gate.progress import Progress
    from harness.gate.together import Ended

OF_ONE = ("base", "suite", "run_dir", "limit", "train_data", "replay")  # options that no queue has
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
@option("replay")
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
@click.option(
    "--export",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="With --register, write the prompts there (JSONL), for --replay of what answers them.",
)
@click.option("--dev", is_flag=True, help=DEV)
@click.option("--all", "every", is_flag=True, help="Gate each candidate that no run decided.")
@click.option("--queue", is_flag=True, help="With --all: wait for another one on this machine.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but the verdict.")
@verbose_option
def gate(
    adapter: tuple[str, ...],
    batch: str,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    register: bool,
    export: Path | None,
    dev: bool,
    every: bool,
    queue: bool,
    **chosen: Any,
) -> int:
    """Gate one adapter or several, with the verdict as exit code.

    The same as `pytest suites/ --adapter NAME`. With --all every candidate of the library is gated
    of which no finished run is of its bytes, by today's policy and suites."""
    from harness.doors.console import Terminal, steps
    from harness.gate.finished import due
    from harness.gate.prepare import Options
    from harness.gate.session import dev_lines, register_gate

    if dev and (register or chosen["run_dir"]):
        raise click.UsageError("--dev leaves nothing behind: leave out --register and --run-dir")
    if export and not register:
        raise click.UsageError("--export writes what is registered: add --register")
    if len(adapter) > 1 and (export or chosen["replay"]):
        raise click.UsageError("--export and --replay are of one adapter: name one --adapter")
    if bool(adapter) == every:
        raise click.UsageError("expected --adapter NAME, or --all")
    if (queue and not every) or (every and (dev or register or any(map(chosen.get, OF_ONE)))):
        raise click.UsageError(
            "--queue belongs to --all, which takes --library and --sandbox alone"
        )
    out, asked, several = Terminal(), [Options(one, **chosen) for one in adapter], len(adapter) > 1
    quiet = quiet or as_json
    with steps(quiet) as progress:
        if dev:
            for one in asked:
                if as_json:
                    tell({"adapter": one.adapter, "dev": list(dev_lines(one, progress))})
                    continue
                for line in chain([f"{one.adapter}:"] if several else [], dev_lines(one, progress)):
                    out.say(line)
            return 0
        if register:
            for one in asked:
                path = register_gate(one, progress, export=export)
                told(as_json, str(path), adapter=one.adapter, registration=path, export=export)
            return 0
        if not every:
            return _run(out, asked, progress, quiet, verbose, as_json, batch, {})
        with due.alone(wait=queue):
            found = due.due(Options("", **chosen))
            for name, run in found.done.items():
                if not quiet:
                    out.say(f"{name}: gated already, {run}")
            asked = [Options(one, **chosen) for one in found.due]
            return _run(out, asked, progress, quiet, verbose, as_json, batch, found.broken)


def _run(
    out: Terminal,
    asked: Sequence[Options],
    progress: Progress,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    batch: str,
    broken: Mapping[str, str],
) -> int:
    """Gate one after the other; the gravest exit code, 0 where there was nothing to do.

    ``broken`` are adapters that could not be found, with the reason."""
    from harness.doors.console import step_summary
    from harness.gate.together import Ended, run_gates

    def begun(prepared: Prepared) -> None:
        if not quiet:
            out.say(prepared.registration.look_text)

    several, ended = len(asked) + len(broken) > 1, []
    mix = None if batch == "auto" else batch == "mixed"
    lost = (Ended(name, error=text) for name, text in broken.items())
    for each in chain(lost, run_gates(asked, progress, begun=begun, mix=mix)):
        ended.append(each)
        if each.folder is not None:
            step_summary(each.folder)
        if as_json and each.verdict is not None:
            tell({"adapter": each.adapter, "run": each.folder, **each.verdict.to_json()})
        elif as_json:
            tell({"adapter": each.adapter, "error": each.error, "exit_code": COULD_NOT_RUN})
        else:
            _say(out, each, quiet, verbose, several)
    if several and not quiet:
        out.rows([(each.adapter, each.word, str(each.folder or "")) for each in ended])
    return max(map(_code, ended), key=WORST.index, default=0)


def _code(ended: Ended) -> int:
    return ended.verdict.name.exit_code if ended.verdict else COULD_NOT_RUN


def _say(out: Terminal, ended: Ended, quiet: bool, verbose: bool, several: bool) -> None:
    """Print how a gate ended."""
    from harness.doors.console import STYLES, Terminal
    from harness.evidence.folder import RunFolder
    from harness.pages.brief import brief

    name = f"{ended.adapter}: " if several else ""
    if ended.verdict is None:
        Terminal(err=True).say(f"harness: {name}{ended.error}")
        return
    if quiet or ended.folder is None:
        out.say(f"{name}{ended.verdict.name}", STYLES[ended.verdict.name])
        return
    told = brief(RunFolder(ended.folder))
    out.say(told.title, STYLES[ended.verdict.name])
    out.summary(told, verbose)
    out.say(f"scorecard: {ended.folder / 'scorecard.html'}", whole=True)
    if ended.recorded is not None:
        out.say(f"next: git add {os.path.relpath(ended.recorded)}", whole=True)


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
    verify: bool,
    server: str | None,
    server_model: str | None,
    show_prompt: bool,
    as_json: bool,
    **chosen: Any,
) -> int:
    """Check an adapter before anything is scored.

    Identity, tensors, effect, recipe, corpus and contamination."""
    from harness.doors.console import Terminal
    from harness.gate.prepare import Options
    from harness.gate.session import check_subject
    from harness.pages.tables import number
    from harness.subjects.faults import faults as remedies
    from harness.verdict import Name

    checked = check_subject(Options(**chosen), verify=verify, server=server, model=server_model)
    found, numbers, reasons = checked
    said = {fault.severity for fault in found.faults} | {one.verdict for one in reasons}
    code = 3 if said & {"void", Name.VOID} else 1 if said & {"block", Name.NO_SHIP} else 0
    if as_json:
        plain = asdict(found if show_prompt else replace(found, prompts={}))
        tell(plain | {"numbers": numbers, "reasons": [asdict(one) for one in reasons]})
        return code
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
        out.say(text, whole=True)
    for name, value in numbers.items():
        if isinstance(value, str | int | float):
            out.rows([(name, f"{value:.3g}" if isinstance(value, float) else str(value))])
    for one in reasons:
        out.rows([(one.verdict, f"{one.code}: {one.text}")], 1)
    faults = [*found.faults, *found.notices]
    for fault in faults:
        shown = [(f"{fault.severity:<6}", f"{fault.code}: {fault.text}")]
        if fault.code in remedies():
            shown.append(("", f"-> {remedies()[fault.code]['remedy']}"))
        out.rows(shown, 1)
    return code
