"""``harness humaneval``: files of samples that were generated elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from harness.doors.cli.common import Command, sandbox_option


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
    samples: Path, sandbox: str, workers: int | None, out: Path | None, quiet: bool
) -> int:
    """Judge a file of HumanEval samples and print pass@k.

    SAMPLES holds lines of task_id and completion or solution. A run that was stopped goes on where
    it stopped."""
    from harness.datasets.samples import AGAIN, results_of, score
    from harness.doors.console import Terminal, steps

    out = out or results_of(samples)
    try:
        with steps(quiet) as progress:
            found = score(
                samples, sandbox=sandbox, workers=workers, results_file=out, progress=progress
            )
    except KeyboardInterrupt:
        Terminal(err=True).say(f"{out}: {AGAIN}")
        raise
    Terminal().say("\n".join(found.lines()))
    return 2 if found.outcomes.get("unverified") else 0
