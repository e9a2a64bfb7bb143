"""Tables of a run and of an audit: as pandas frames for CSV, as rows of text for a reader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import files
from harness.errors import WorkspaceError

if TYPE_CHECKING:
    from pandas import DataFrame

    from harness.audit.certificate import Certificate
    from harness.evidence.receipts import Receipt

ELITE = "elite"  # the row of all criteria together
LEAST = 20  # prompts below which counts are shown and no share
OUTCOMES = ["pass", "fail", "unverified"]
KEY = ["suite", "criterion"]
Row = tuple[str, ...]  #: of a table for a reader; the first names the columns


def outcomes(receipts: Iterable[Receipt]) -> DataFrame:
    """What was judged of each arm, by suite and criterion, one line for each arm.

    ``elite`` is the answer as a whole. ``share`` is that of the passes in all answers, 0..1, and
    missing under 20 prompts, as on the scorecard."""
    from pandas import DataFrame

    from harness.evidence.receipts import NOBODYS

    lines = []
    for one in receipts:
        if one.arm not in NOBODYS:
            found = [(ELITE, one.outcome), *((f.criterion, f.outcome) for f in one.findings)]
            lines += [(one.suite, name, one.arm, one.case, outcome) for name, outcome in found]
    judged = DataFrame(lines, columns=[*KEY, "arm", "case", "outcome"])
    for outcome in OUTCOMES:
        judged[outcome] = judged["outcome"] == outcome
    grouped = judged.groupby([*KEY, "arm"], sort=False)
    counted = grouped[OUTCOMES].sum()
    counted["answers"], counted["prompts"] = grouped.size(), grouped["case"].nunique()
    counted["share"] = (counted["pass"] / counted["answers"]).where(counted["prompts"] >= LEAST)
    return counted.reset_index()


def by_arm(judged: DataFrame) -> DataFrame:
    """:func:`outcomes` with the arms side by side, each as ``29/40 = 72.5%``."""
    cells = [
        f"{one['pass']}/{one['answers']}"
        + (f" = {one['share']:.1%}" if one["prompts"] >= LEAST else "")
        + (f", {one['unverified']} unverified" if one["unverified"] else "")
        for one in judged.to_dict("records")
    ]
    keyed = judged.assign(cell=cells).set_index([*KEY, "arm"])["cell"]
    return keyed.unstack("arm", sort=False, fill_value="not measured").reset_index()


def audits(certificates: Iterable[Certificate]) -> DataFrame:
    """What each verifier was wrong about, and the 95 % bounds that its fixtures prove."""
    from pandas import DataFrame

    return DataFrame(map(_bounds, certificates))


def _bounds(c: Certificate) -> dict[str, Any]:
    from harness.content.fixtures import MADE

    return {
        "verifier": c.verifier,
        "state": str(c.state),
        "level": c.level,
        "bad_passed": sum(not name.startswith(MADE) for name in c.false_passes),
        "bad": c.bad,
        "known_effective": c.effective_known,
        "bad_effective": c.effective_bad,
        "kinds": c.kinds,
        "false_pass_bound": c.false_pass_bound,
        "absurd_passed": sum(name.startswith(MADE) for name in c.false_passes),
        "absurd": c.degenerate,
        "tasks_failed": c.tasks_failed,
        "tasks": c.tasks,
        "task_bound": c.task_bound,
        "good_failed": len(c.false_fails),
        "good": c.good,
        "good_effective": c.effective_good,
        "false_fail_bound": c.false_fail_bound,
        "flips": len(c.flips),
        "variants": c.variants,
        "mutation_score": c.mutation_score,
    }


def audited(certificates: Iterable[Certificate]) -> list[Row]:
    """:func:`audits` in few columns for a reader, without loading pandas."""
    shown = []
    for one in map(_bounds, certificates):
        shown.append({
            "verifier": one["verifier"],
            "state": one["state"],
            "level": one["level"],
            "bad passed": f"{one['bad_passed']} of {one['bad']}",
            "worth": str(one["bad_effective"]),
            "bad at most": share(one["false_pass_bound"]),
            "absurd passed": f"{one['absurd_passed']} of {one['absurd']}",
            "tasks": f"{one['tasks_failed']} of {one['tasks']}",
            "tasks at most": share(one["task_bound"]),
            "good failed": f"{one['good_failed']} of {one['good']}",
            "good worth": str(one["good_effective"]),
            "good at most": share(one["false_fail_bound"]),
            "flips": f"{one['flips']} of {one['variants']}",
            "mutants killed": share(one["mutation_score"]),
        })  # fmt: skip
    return [tuple(shown[0]), *(tuple(one.values()) for one in shown)] if shown else []


def write_run(receipts: Iterable[Receipt], path: Path) -> Path:
    """The outcomes of a run by suite, criterion and arm, as CSV or Markdown; ``path`` again."""
    judged = outcomes(receipts)
    write(path, judged, rows(by_arm(judged)))
    return path


def write(path: Path, data: DataFrame, shown: Sequence[Row]) -> None:
    """``data`` as CSV or ``shown`` as Markdown, by the ending of ``path``.

    Raises :class:`WorkspaceError` for another ending."""
    texts = {".csv": lambda: data.to_csv(index=False), ".md": lambda: markdown(shown)}
    if path.suffix not in texts:
        raise WorkspaceError(f"{path}: a table ends in {' or '.join(texts)}")
    files.replace(path, texts[path.suffix]())


def rows(frame: DataFrame) -> list[Row]:
    """The names of the columns, then every line, as text."""
    return [tuple(str(cell) for cell in row) for row in (frame.columns, *frame.to_numpy())]


def markdown(shown: Sequence[Row]) -> str:
    """A Markdown table, its head first; what would act in one is spelt out."""
    from harness.pages.html import visible

    def cell(written: str) -> str:
        return str(visible(written)).replace("|", r"\|").replace("\n", r"\n")

    head, *lines = [list(map(cell, row)) for row in shown]
    whole = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in whole)


def text(shown: Sequence[Row]) -> str:
    """A table as aligned text."""
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = [
        "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)) for row in shown
    ]
    return "\n".join(line.rstrip() for line in lines)


def number(value: float | None, unit: str) -> str:
    """A measured number with its unit, or ``not measured``."""
    return "not measured" if value is None else f"{value:.3g} {unit}"


def share(value: float | None) -> str:
    """A share in percent, or ``not measured``."""
    return "not measured" if value is None else f"{value:.1%}"
