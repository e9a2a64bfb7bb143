"""The page of two runs side by side, made from what was compared and their receipts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.evidence.folder import RunFolder
from harness.evidence.receipts import Receipt
from harness.pages.evidence import Listing, beside, tags
from harness.pages.html import cut, filled
from harness.pages.view import checkers


def page(found: Mapping[str, Any], runs: Mapping[str, RunFolder], reports: Path) -> str:
    """Two runs by what ``harness compare --json`` says of them; ``runs`` are their folders.

    Raises :class:`WorkspaceError` for a template that asks for what is not there."""
    names = {run: f"{run.upper()} {found['runs'][run]['adapter']}" for run in runs}
    results = {pair["suite"]: pair["result"] for pair in found["suites"] if pair["result"]}
    rows = {run: list(_answers(folder, found["suites"])) for run, folder in runs.items()}
    plans = {run: folder.registration.plans for run, folder in runs.items()}
    first, second = names["b"], names["a"]
    suites = {
        pair["suite"]: {
            "number": number,
            "id": pair["suite"],
            "role": plans["b"][pair["suite"]].role,
            "first": first,
            "second": second,
            "known": False,
        }
        for number, pair in enumerate(found["suites"])
    }
    shown = [(n, replace(row, arm=names[run])) for run, held in rows.items() for n, row in held]
    flips = {
        (suite, case): flip
        for suite, result in results.items()
        for name, flip in (("gained", 1), ("lost", -1))
        for case in result[name]
    }
    listed = Listing(
        suites,
        [row for _, row in shown],
        {names[run]: folder.path.resolve().name for run, folder in runs.items()},
        flips,
        tags(plans["b"]),
        {(id, case) for owed in plans.values() for id in owed for case in owed[id].left_out},
    )
    values: dict[str, Any] = {
        "found": found,
        "names": names,
        "runs": runs,
        "plans": plans,
        "flips": results,
    }
    values |= {"carried": beside(listed, [n for n, _ in shown]), "receipts": len(shown)}
    trust = {suite: _checkers(runs, plans["b"][suite].criteria) for suite in suites}
    return filled(reports, "compare.html.j2", values | {"trust": trust}, "scripts", cut)


def _answers(folder: RunFolder, suites: list[Mapping[str, Any]]) -> Iterator[tuple[int, Receipt]]:
    """What was to be released answered to the suites that are compared, with the lines."""
    plans = folder.registration.plans
    asked = {(pair["suite"], plans[pair["suite"]].headline.first) for pair in suites}
    for line, row in enumerate(folder.receipts, start=1):
        if (row.suite, row.arm) in asked:
            yield line, row


def _checkers(runs: Mapping[str, RunFolder], criteria: list[Any]) -> Any:
    used = dict.fromkeys(each.verifier for each in criteria)
    held = [folder.certificates[id].stated for folder in runs.values() for id in used]
    return checkers(held)
