"""What a gate found, as pytest and its JUnit file show it: the message of an item that failed, and
the verdict as the last item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from harness.doors.console import wrapped
from harness.evidence.folder import RunFolder
from harness.evidence.run import Run
from harness.gate.prepare import Prepared
from harness.pages.published import Hidden
from harness.pages.tables import one_line
from harness.pages.view import said, times
from harness.verdict import Name, Reason, Verdict

WIDTH = 80  # columns of what is found against an item, which JUnit keeps
VERDICT = "suites::verdict"
PHASES: tuple[Literal["setup", "call", "teardown"], ...] = ("setup", "call", "teardown")
Properties = list[tuple[str, str]]  #: of a JUnit test case


class Finding(pytest.fail.Exception):  # type: ignore[misc, name-defined]
    """What the gate found against an item; shown as its text, without a traceback."""

    __module__ = "builtins"  # as pytest's own, whose names are shown alone

    def __init__(self, reasons: Iterable[Reason], verbose: bool = False) -> None:
        super().__init__("\n".join(found_lines(reasons, verbose)), pytrace=False)


def found_lines(reasons: Iterable[Reason], verbose: bool = False) -> Iterator[str]:
    """Each reason in one sentence, ``verbose`` in all, and what to do about it."""
    for each in map(said, reasons):
        reason = each.reason
        text = reason.text if verbose else each.plain
        yield wrapped(one_line(f"{reason.verdict} {reason.code}: {text}"), WIDTH)
        if each.next:
            yield wrapped(f"next: {each.next}", WIDTH)


class Void(Finding):
    """The evidence is not valid, so the item has nothing to measure."""

    __module__ = "builtins"


class Rejected(Finding):
    """The item was measured, and its suite does not support SHIP."""

    __module__ = "builtins"


def report_verdict(
    config: pytest.Config, prepared: Prepared, run: Run, verdict: Verdict, verbose: bool
) -> None:
    """Report the verdict as the last item, whatever kept others from being measured: nothing that
    shows a session is green where it is not SHIP."""
    known, location = prepared.registration, ("suites", None, "verdict")
    text = "\n".join(found_lines(verdict.deciding, verbose))
    text = Hidden(run.receipts.values(), [text]).text(text)
    found = RunFolder(run.folder)
    properties: Properties = [
        ("verdict", str(verdict.name)),
        ("codes", " ".join(dict.fromkeys(each.code for each in verdict.deciding))),
        ("adapter", f"{known.adapter} {known.adapter_digest}"),
        ("base", f"{known.base} {known.base_digest}"),
        ("run", shown_path(run.folder)),
    ]
    if found.has("scorecard.json"):  # what cannot be written has no end
        ended = times(found, found.scorecard.finished)
        properties.append(("decided", ended.decided.isoformat(timespec="seconds")))
        if ended.took:
            properties.append(("took", f"{ended.took} (by the dates of its files)"))
    config.hook.pytest_runtest_logstart(nodeid=VERDICT, location=location)
    for when in PHASES:
        failed = when == "call" and verdict.name is not Name.SHIP
        report = pytest.TestReport(
            nodeid=VERDICT,
            location=location,
            keywords={},
            outcome="failed" if failed else "passed",
            longrepr=text if failed else None,
            when=when,
            user_properties=properties,
        )
        config.hook.pytest_runtest_logreport(report=report)
    config.hook.pytest_runtest_logfinish(nodeid=VERDICT, location=location)


def shown_path(path: Path) -> str:
    """A path as short as it can be typed here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
