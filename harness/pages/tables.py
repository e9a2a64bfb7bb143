"""Tables of a run and of an audit: as pandas frames for CSV and parquet, as rows of text for a
reader."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from csv import QUOTE_NONNUMERIC
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import files
from harness.errors import WorkspaceError

if TYPE_CHECKING:
    from pandas import DataFrame

    from harness.audit.certificate import Certificate
    from harness.evidence.documents import Scorecard
    from harness.evidence.receipts import Receipt
    from harness.pages.published import Hidden

ELITE = "elite"  # the row of all criteria together
BOUNDS = ("verifier", "state", "bad at most", "good at most", "flips", "mutants killed")
Row = tuple[str, ...]  #: of a table for a reader; the first names the columns
#: how a cell begins that a program for tables would compute
FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
#: what Markdown, or who shows it, acts on: markup, links, mentions, symbols; a colon in a word
ACTIVE = re.compile(r"[\\`*_{}\[\]<>#!|~&$@]|:(?=\S)|(?<=www)\.", re.IGNORECASE)


def rates(card: Scorecard) -> DataFrame:
    """Every rate of a scorecard as it stands there, a line for each arm: of whole answers
    (``elite``), by criterion and by slice. What is no rate, or has no interval, is missing."""
    from pandas import DataFrame

    lines = []
    for suite in card.suites:
        parts = [("suite", ELITE, suite["rates"])]
        parts += [("criterion", each["id"], each["rates"]) for each in suite["criteria"]]
        parts += [("slice", each["tag"], each["rates"]) for each in suite["slices"]]
        for kind, name, found in parts:
            named = {"suite": suite["suite"], "kind": kind, "name": name}
            lines += [named | {"arm": arm} | _flat(rate) for arm, rate in found.items()]
    return DataFrame(lines)


def _flat(rate: dict[str, Any]) -> dict[str, Any]:
    bounds = rate["interval"] or {"low": None, "high": None}
    return {key: rate[key] for key in rate if key != "interval"} | bounds


def judged(receipts: Sequence[Receipt], hidden: Hidden | None = None) -> DataFrame:
    """Every judged answer, a line each, its findings as JSON; with ``hidden`` digests in place of
    held-out texts."""
    from pandas import DataFrame

    from harness.evidence.receipts import LINKS

    rows = [one for one in receipts if one.arm not in LINKS]
    found = map(json.loads, hidden.lines(rows)) if hidden else map(asdict, rows)
    lines = ({**one, "findings": json.dumps(one["findings"])} for one in found)
    return DataFrame([{key: _whole(cell) for key, cell in one.items()} for one in lines])


def export(folder: Path, form: str, frames: dict[str, DataFrame]) -> list[Path]:
    """Write frames into files of their names, ``form`` being ``csv`` or ``parquet``; of CSV no cell
    is a formula to a program for tables.

    Raises :class:`WorkspaceError` where pyarrow is missing for parquet."""
    if form == "parquet" and find_spec("pyarrow") is None:
        raise WorkspaceError(
            "--to parquet: pyarrow is not installed: `pip install 'adapter-release-gate[parquet]'`"
        )
    paths = []
    for name, frame in frames.items():
        data = frame.to_parquet(index=False) if form == "parquet" else csv(frame)
        paths.append(files.replace(files.make_folder(folder) / f"{name}.{form}", data))
    return paths


def _whole(cell: Any) -> Any:
    """Text without half a surrogate pair, which no file of UTF-8 can hold."""
    return cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else cell


def csv(frame: DataFrame) -> str:
    """A frame as CSV, of which no cell is a formula."""
    return frame.map(_defused).to_csv(index=False, quoting=QUOTE_NONNUMERIC)


def _defused(cell: Any) -> Any:
    """Text that would be a formula behind a quotation mark, as programs for tables read text
    (OWASP, CSV injection)."""
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell


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


def bounds(certificates: Iterable[Certificate]) -> list[Row]:
    """Of :func:`audited` what a terminal has the columns for."""
    head, *lines = audited(certificates)
    places = [head.index(name) for name in BOUNDS]
    return [tuple(row[place] for place in places) for row in (head, *lines)]


def write(path: Path, data: DataFrame, shown: Sequence[Row]) -> None:
    """``data`` as CSV or ``shown`` as Markdown, by the ending of ``path``.

    Raises :class:`WorkspaceError` for another ending."""
    texts = {".csv": lambda: csv(data), ".md": lambda: markdown(shown)}
    if path.suffix not in texts:
        raise WorkspaceError(f"{path}: a table ends in {' or '.join(texts)}")
    files.replace(path, texts[path.suffix]())


def markdown(shown: Sequence[Row]) -> str:
    """A Markdown table, its head first; what would act in one is spelt out."""
    head, *lines = [list(map(inert, row)) for row in shown]
    whole = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in whole)


def inert(text: str) -> str:
    """Text on one line that is text in Markdown too: no markup, no link, no one mentioned."""
    escaped = ACTIVE.sub(lambda found: f"\\{found[0]}", one_line(text))
    return escaped.replace("\\@", "\\@<!-- -->").replace("\\#", "\\#<!-- -->")


def one_line(text: str) -> str:
    """Text for one line: what is not seen and its line ends are spelt out, so that none can forge
    another line."""
    from harness.pages.html import visible

    return str(visible(text)).replace("\n", "\\n").replace("\t", " ")


def number(value: float | None, unit: str) -> str:
    """A measured number with its unit, or ``not measured``."""
    return "not measured" if value is None else f"{value:.3g} {unit}"


def share(value: float | None) -> str:
    """A share in percent, or ``not measured``."""
    return "not measured" if value is None else f"{value:.1%}"
