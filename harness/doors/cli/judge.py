"""``harness judge`` and ``harness rejudge``: what an author asks of a verifier between two audits;
and ``harness humaneval``: files of samples that were generated elsewhere."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.doors.cli.common import Command, library_option, sandbox_option, tell

if TYPE_CHECKING:
    from harness.doors.console import Terminal
    from harness.evidence.receipts import Finding
    from harness.gate.finished.rejudge import Again

MOST = 300  # characters of evidence in a list
CODES = {"pass": 0, "fail": 1, "unverified": 2}


@click.command(
    cls=Command,
    codes={0: "The answer passes.", 1: "It fails.", 2: "It could not be judged: unverified."},
)
@click.argument("verifier")
@click.argument("answer", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--case",
    metavar="NAME",
    help="What is answered: a fixture of the verifier or a prompt of a suite by its name;"
    " audits:NAME or SUITE:NAME where several have it.",
)
@click.option("--prompt", metavar="TEXT", help="What is answered, where it is no known case.")
@click.option(
    "--expect",
    metavar="YAML",
    help="What the verifier needs to know of it, for example '{guest: Ada}'.",
)
@library_option
@sandbox_option
def judge(
    verifier: str,
    answer: Path,
    case: str | None,
    prompt: str | None,
    expect: str | None,
    library: str | None,
    sandbox: str,
    as_json: bool,
) -> int:
    """Say what a verifier makes of one answer.

    VERIFIER is an id such as godot.parses, ANSWER a file, or - for standard input. No certificate
    is asked for, and nothing is kept."""
    from harness import files
    from harness.content import fixtures
    from harness.doors.console import Terminal
    from harness.gate.finished.rejudge import try_one

    given = (prompt, expect) != (None, None)
    if given == (case is not None):
        raise click.UsageError("name what is answered: --case NAME, or --prompt and --expect")
    here = str(answer) == "-"
    text = files.decode(sys.stdin.buffer.read(), "-") if here else files.read_text(answer)
    asked = fixtures.given(prompt or "", expect or "{}") if case is None else case
    found = try_one(library, verifier, text, asked, sandbox)
    said, out = found.told.judgement, Terminal()
    if as_json:
        named = {"verifier": found.verifier.id, "version": found.verifier.version}
        tell({**named, "case": asdict(found.case), **asdict(said), "seconds": found.told.seconds})
        return CODES[said.outcome]
    out.say(
        f"{found.verifier.id} v{found.verifier.version}: {said.outcome} ({said.reason})",
        {"pass": "green", "fail": "red"}.get(said.outcome, "yellow"),
    )
    expected = json.dumps(dict(found.case.expect), ensure_ascii=False, default=str)
    rows = [
        ("prompt", found.case.prompt),
        ("expect", expected),
        ("evidence", said.evidence.partition("\n")[0]),
        *[("", line) for line in said.evidence.split("\n")[1:]],
        *([("code", said.rule)] if said.rule else []),
        ("took", f"{found.told.seconds:.2g} s"),
    ]
    out.rows([(f"  {name}", value) for name, value in rows])
    out.say("  no certificate was asked for: this proves nothing, `harness audit` does")
    return CODES[said.outcome]


@click.command(
    cls=Command,
    codes={
        0: "Every judgement is as the run has it.",
        1: "A judgement has another outcome; each is listed.",
        2: "None has another outcome, and some could not be made again.",
    },
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("receipts", nargs=-1, metavar="[RECEIPTS]")
@click.option("--verifier", metavar="ID", help="Only what this verifier judged.")
@library_option
@sandbox_option
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def rejudge(
    run: Path,
    receipts: tuple[str, ...],
    verifier: str | None,
    library: str | None,
    sandbox: str,
    quiet: bool,
    as_json: bool,
) -> int:
    """Judge the stored answers of RUN again, and list what is judged otherwise.

    By the verifiers, suites and fixtures that are here now. RECEIPTS are lines of receipts.jsonl,
    such as 17 or '#17' (default: all). Nothing in the run is changed."""
    from harness.doors.console import Terminal, steps
    from harness.gate.finished.rejudge import rejudge as again

    numbers = [one.removeprefix("#") for one in receipts]
    strange = [one for one in numbers if not one.isdecimal()]
    if strange:
        raise click.UsageError(f"{strange[0]!r} is no line of receipts.jsonl, such as 17 or '#17'")
    with steps(quiet or as_json) as progress:
        found = again(
            run,
            library,
            verifier=verifier,
            receipts={int(one) for one in numbers},
            sandbox=sandbox,
            progress=progress,
        )
    shown, code = found.again if receipts else found.flips, 1 if found.flips else 0
    code = code or (2 if found.left else 0)
    if as_json:
        rows = [_row(one) for one in shown]
        tell({"run": run, "judgements": rows, "left": found.left, "notes": found.notes})
        return code
    out = Terminal()
    for line in (*found.notes, *(f"not judged again: {why}: {n}" for why, n in found.left.items())):
        out.say(line, "yellow")
    for one in shown:
        _print(out, one)
    out.say(f"{run}: {found.sentence}")
    return code


def _row(one: Again) -> dict[str, Any]:
    place = {name: getattr(one.receipt, name) for name in ("suite", "case", "arm", "sample")}
    return {"line": one.number, **place, "was": asdict(one.was), "is": asdict(one.now)}


def _print(out: Terminal, one: Again) -> None:
    row = one.receipt
    sample = f", answer {row.sample + 1}" if row.sample else ""
    out.say(f"#{one.number} {row.suite} {row.case} ({row.arm}{sample}): {one.was.verifier}")
    out.rows([("  was", *_said(one.was)), ("  is", *_said(one.now))])


def _said(one: Finding) -> tuple[str, str]:
    return f"{one.outcome} ({one.reason})", one.evidence[:MOST]


@click.command(
    cls=Command, codes={0: "Every sample was judged.", 2: "Some samples are unverified."}
)
@click.argument("samples", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@sandbox_option
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Judges at once (default: one a core).",
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where each result goes (default: SAMPLES_results.jsonl).",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def humaneval(
    samples: Path, sandbox: str, workers: int | None, out: Path | None, quiet: bool, as_json: bool
) -> int:
    """Judge a file of HumanEval samples and print pass@k.

    SAMPLES holds lines of task_id and completion or solution. A run that was stopped goes on where
    it stopped."""
    from harness.datasets.samples import AGAIN, results_of, score
    from harness.doors.console import Terminal, steps

    out = out or results_of(samples)
    try:
        with steps(quiet or as_json) as progress:
            found = score(
                samples, sandbox=sandbox, workers=workers, results_file=out, progress=progress
            )
    except KeyboardInterrupt:
        Terminal(err=True).say(f"{out}: {AGAIN}")
        raise
    if as_json:
        tell(asdict(found))
    else:
        Terminal().say("\n".join(found.lines()))
    return 2 if found.outcomes.get("unverified") else 0
