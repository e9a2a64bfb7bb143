"""The page of a library: every entry, of whatever kind, with what its runs and records show."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.content.library import Adapter
from harness.evidence.documents import Decision, Scorecard
from harness.evidence.folder import RunFolder
from harness.pages.html import cut, filled
from harness.verdict import Name, Reason


@dataclass(frozen=True)
class Subject:
    """One entry of the library: the finished ``runs`` of its lineage, the oldest first; ``own``,
    the last one about the bytes that are there, and the first thing that ``differs`` in it;
    ``receipt``, what shows that these bytes were allowed to ship; ``fault``, why they cannot be
    read."""

    name: str
    adapter: Adapter
    runs: list[RunFolder]
    own: RunFolder | None
    differs: str = ""
    receipt: str = ""
    fault: str = ""

    @property
    def bare(self) -> bool:
        """Whether it is said to be shipped and nothing shows it."""
        return self.adapter.status == "shipped" and not self.receipt

    @property
    def verdict(self) -> Decision | None:
        """What its own run says."""
        return self.own.verdict if self.own else None

    @property
    def claims(self) -> Iterator[tuple[str, Reason | None]]:
        """What is claimed of it, each with the reason that its own run gave."""
        said = self.verdict.reasons if self.verdict else []
        for claim in self.adapter.claims:
            begins = f"claimed: {claim.text!r} ("
            yield claim.text, next((r for r in said if r.text.startswith(begins)), None)

    @property
    def history(self) -> dict[str, list[dict[str, Any]]]:
        """By suite that it owes, what each run of its lineage measured, up to its own: the rate,
        that of what it was held against, the verdict, and the day."""
        found: dict[str, list[dict[str, Any]]] = {id: [] for id in self.adapter.suites}
        last = self.own.scorecard.finished if self.own else "~"
        for run in (run for run in self.runs if run.scorecard.finished <= last):
            for suite in run.scorecard.suites:
                if suite["suite"] in found:
                    rates = {end: suite["rates"][suite[end]] for end in ("first", "second")}
                    told = {"verdict": run.verdict.verdict, "day": day(run.scorecard)}
                    found[suite["suite"]].append({**rates, **told, "run": run.path.name})
        return {id: rows for id, rows in found.items() if rows}


def day(card: Scorecard) -> str:
    """The day on which a run ended."""
    return card.finished[:10]


def age(card: Scorecard) -> int | None:
    """The days since a run ended; ``None`` where it does not say when."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(card.finished)).days
    except (TypeError, ValueError):
        return None


def _state(one: Subject) -> str:
    if one.fault:
        return "cannot be read"
    return "differs" if one.differs else one.verdict.verdict if one.verdict else "not gated"


def page(title: str, subjects: Sequence[Subject], reports: Path, beside: Path) -> str:
    """The page of a library called ``title``, to be written into the folder ``beside``.

    Raises :class:`WorkspaceError` for a template that asks for what is not there."""
    ready = [s for s in subjects if s.verdict and s.verdict.verdict is Name.SHIP and not s.differs]
    pages = {
        s.name: Path(os.path.relpath(s.own / "scorecard.html", beside)).as_posix()
        for s in subjects
        if s.own and s.own.has("scorecard.html")
    }
    runs = {str(run.path): run for s in subjects for run in s.runs}
    values = {
        "runs": sorted(runs.values(), key=lambda run: run.scorecard.finished, reverse=True),
        "title": title,
        "subjects": subjects,
        "ready": [s for s in ready if s.adapter.status == "candidate"],
        "bare": [s for s in subjects if s.bare],
        "states": Counter(map(_state, subjects)),
        "pages": pages,
        "ages": {s.name: age(s.own.scorecard) for s in subjects if s.own},
        "day": day,
    }
    return filled(reports, "library.html.j2", values, show=cut)
