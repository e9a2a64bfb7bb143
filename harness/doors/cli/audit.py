"""``harness audit``: what an author runs on each save, and a release before each gate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.doors.cli.common import (
    Command,
    html_option,
    library_option,
    sandbox_option,
    tell,
    told,
)
from harness.doors.cli.wrap import wrap_options

if TYPE_CHECKING:
    from harness.audit.certificate import Certificate
    from harness.audit.foreign.wrapping import Wrap
    from harness.audit.workspace import Audited

ASK = "?"  # --answer without a value
TEMPLATES = ["text", "json", "code", "command", "judge"]
POLL = 0.5  # seconds between two looks at the files


@click.command(
    cls=Command,
    codes={
        0: "All are VALID.",
        1: "One was REFUSED or cannot be loaded, or a fixture stands in training data.",
        2: "One is PROVISIONAL: too few fixtures, an open question, or an unknown language.",
        3: "One is EXPIRED.",
    },
)
@click.argument("verifiers", nargs=-1)
@library_option
@sandbox_option
@click.option(
    "--new",
    metavar="ID",
    help="Write a first verifier and its fixtures, for example --new godot.signals.",
)
@click.option(
    "--template",
    type=click.Choice(TEMPLATES),
    default=TEMPLATES[0],
    help="What --new writes: a verifier that reads text or JSON, that runs a function on hidden"
    " tests or a command on files, or that asks a model (default: text).",
)
@click.option("--watch", is_flag=True, help="Audit again on every save.")
@click.option(
    "--check",
    is_flag=True,
    help="Audit nothing; a verifier without a certificate for its present bytes is EXPIRED.",
)
@click.option(
    "--fixtures",
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Certify with these fixtures, not those of audits/; their content is not printed.",
)
@click.option(
    "--gold",
    metavar="PATH",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Training data; fixtures that stand in it are named. Repeatable.",
)
@wrap_options
@click.option(
    "--answer",
    "answers",
    metavar="[OPERATOR=ANSWER]",
    multiple=True,
    is_flag=False,
    flag_value=ASK,
    help="Answer what the audit asks, into the fixtures: OPERATOR=deadly or OPERATOR='waive:"
    " REASON'; without a value it asks here. Repeatable.",
)
@html_option
@click.option(
    "--junit", metavar="FILE", type=click.Path(path_type=Path), help="Write it as JUnit XML."
)
@click.option(
    "--table",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the bounds as .csv or .md.",
)
def audit(
    verifiers: tuple[str, ...],
    library: str | None,
    sandbox: str,
    new: str | None,
    template: str,
    watch: bool,
    check: bool,
    fixtures: Path | None,
    gold: tuple[Path, ...],
    wrap: Wrap | None,
    answers: tuple[str, ...],
    html: Path | None,
    junit: Path | None,
    table: Path | None,
    as_json: bool,
) -> int:
    """Prove verifiers on known-good and known-bad answers.

    VERIFIERS are ids such as godot.parses (default: all)."""
    from harness.audit import workspace
    from harness.audit.certificate import redacted
    from harness.doors.console import steps
    from harness.pages import audit as outputs

    if as_json and (watch or ASK in answers):
        raise click.UsageError("--json asks nobody and ends: leave out --watch, name the answers")
    if new:
        from harness.audit.scaffold import scaffold

        module, known = scaffold(library, new, template)
        text = (
            f"wrote {module}\nwrote {known}\nnext: say in the first what an answer must do, in the"
            " second which answers you know to be right or wrong"
        )
        if template == "judge":
            text += f"\nnext: name model and endpoint in the first; `harness audit {new}`"
        told(as_json, text, wrote=[module, known])
        if template == "judge":
            return 2
        verifiers = (*verifiers, new)
    verifiers = (*verifiers, *(text for text in answers if "=" not in text and text != ASK))

    def audited() -> Audited:
        with steps(as_json) as progress:
            return workspace.audit_workspace(
                library,
                list(verifiers),
                sandbox,
                progress,
                fixtures=fixtures,
                check=check,
                gold=gold,
                wrap=wrap,
            )

    def once() -> int:
        found = audited()
        if answers and _answered(found, [text for text in answers if "=" in text]):
            found = audited()
        shown = [redacted(c) for c in found.certificates] if fixtures else found.certificates
        for file, write in (
            (html, outputs.write_html),
            (junit, outputs.write_junit),
            (table, outputs.write_table),
        ):
            if file is not None:
                write(file, shown, found)
        if as_json:
            tell(outputs.plain(shown, found))
        else:
            _print(shown, found, detailed=len(shown) <= 3 and bool(verifiers or wrap))
        return workspace.exit_code(found)

    return _watched(once, lambda: workspace.snapshot(library)) if watch else once()


def _answered(found: Audited, texts: list[str]) -> bool:
    """Write answers to the questions of an audit, asked here unless there are ``texts``; whether
    there were any."""
    from harness.audit import answering
    from harness.doors.console import Terminal

    given = answering.parse(texts)
    written: set[str] = set()
    for certificate in found.certificates:
        answers = answering.fitting(certificate, given) if given else _asked(certificate)
        if answers:
            path = answering.write(found.audits, certificate.verifier, answers)
            Terminal(err=True).say(f"wrote {path}: {', '.join(answers)}")
            written |= set(answers)
    answering.all_written(given, written)
    return bool(written)


def _asked(certificate: Certificate) -> dict[str, str]:
    """The answers that a person types to the questions of a certificate."""
    from harness.doors.console import Terminal

    out, found = Terminal(), {}
    for number, question in enumerate(certificate.questions, 1):
        out.say(f"{certificate.verifier}, {number} of {len(certificate.questions)}: {question}")
        for line in question.diff.splitlines():
            out.say(f"      {line}", _changed(f"      {line}"))
        typed = click.prompt(
            "  'deadly', or why it may pass (nothing: later)", default="", show_default=False
        ).strip()
        if typed:
            found[question.name] = typed if typed == "deadly" else f"waive: {typed}"
    return found


def _print(certificates: Iterable[Certificate], found: Audited, *, detailed: bool) -> None:
    from harness.doors.console import STYLES, Terminal
    from harness.pages import audit as outputs
    from harness.pages import tables

    out, held = Terminal(), list(certificates)
    if detailed:
        for certificate in held:
            head, *rest = outputs.details(certificate)
            out.say(head, STYLES[certificate.state])
            for line in rest:
                out.say(line, _changed(line))
    elif held:
        out.rows(tables.bounds(held))
        for certificate in held:
            if certificate.state != "VALID":
                out.say(certificate.sentence(), STYLES[certificate.state])
    if found.certification:
        folder = found.certification
        out.say(f"these fixtures develop; a gate demands those of {folder} (--fixtures {folder})")
    for line in (*found.broken, *found.leaks):
        out.say(line, "red")


def _changed(line: str) -> str | None:
    """The colour of a line of a survivor's difference."""
    marked = line.startswith("      ") and line.strip()[:1]
    return {"+": "green", "-": "red"}.get(marked) if marked else None


def _watched(once: Callable[[], int], snapshot: Callable[[], str]) -> int:
    """Run ``once`` whenever ``snapshot`` changes, until the user interrupts; a mistake in a file is
    printed, not fatal."""
    from harness.doors.console import Terminal
    from harness.errors import HarnessError

    seen, code = "", 0
    try:
        while True:
            now = snapshot()
            if now != seen:
                click.clear()
                try:
                    code = once()
                except HarnessError as error:
                    Terminal().say(str(error), "red")
                seen = now
                Terminal().say("watching; Ctrl-C ends")
            time.sleep(POLL)
    except KeyboardInterrupt:
        return code
