"""What the first screen of a scorecard says, taken from the documents of a run; it decides
nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.evidence.documents import Decision, Derived, Scorecard
from harness.evidence.folder import LAST, RECEIPTS, RunFolder
from harness.pages.html import next_step
from harness.subjects.base import Contrast
from harness.verdict import Name, Reason

Result = dict[str, Any]  #: one of a suite's ``results`` in the scorecard
#: codes whose texts quote what a model or a user wrote, of which no word is what would decide
QUOTING = {"control-tokens", "claim-holds", "claim-false", "claim-not-measured"}


@dataclass(frozen=True)
class Said:
    """A reason as a reviewer reads it: the plain sentence that it begins with, what to do, and what
    would decide it, where it says so."""

    reason: Reason
    plain: str
    next: str
    decides: str


@dataclass(frozen=True)
class Checkers:
    """What the verifiers of a suite, or of a run, proved before they judged: how many of them, in
    how many states, and the most that the weakest may let pass."""

    many: int
    states: dict[str, int]
    bound: float | None

    @property
    def worst(self) -> str:
        """The gravest state among them."""
        ranked = ("REFUSED", "EXPIRED", "PROVISIONAL", "VALID")
        return next((state for state in ranked if state in self.states), "not measured")


@dataclass(frozen=True)
class Times:
    """When a run was begun, by the dates of its files, and decided."""

    begun: datetime
    decided: datetime

    @property
    def took(self) -> str:
        """From the first document to the verdict; nothing where all were written at once, as of a
        run that was VOID before it asked: how long that took they do not say."""
        minutes, seconds = divmod(int((self.decided - self.begun).total_seconds()), 60)
        hours, minutes = divmod(minutes, 60)
        if not hours + minutes + seconds:
            return ""
        return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"

    @property
    def after(self) -> str:
        """The same as the end of a sentence that names when it was decided."""
        return f", {self.took} after it was begun (by the dates of its files)" if self.took else ""


def times(found: RunFolder, finished: str) -> Times:
    """The end as the scorecard states it (``finished``), the beginning by the dates of the files,
    which no copy of a run has kept for certain. Raises ``ValueError`` for a run without files."""
    names = ("settings.json", "registration.json", "preflight.json", RECEIPTS, *LAST)
    stamps = [(found / n).stat().st_mtime for n in names if found.has(n)]
    held = [path.stat().st_mtime for path in (found / "certificates").glob("*.json")]
    begun, decided = (datetime.fromtimestamp(at, UTC) for at in (min(stamps + held), max(stamps)))
    with suppress(ValueError):  # as of a document that was edited
        stated = datetime.fromisoformat(finished)
        if stated.tzinfo:
            begun, decided = min(begun, stated), stated
    return Times(begun, decided)


class View:
    """One run as its page shows it."""

    def __init__(self, found: RunFolder, card: Scorecard, verdict: Decision) -> None:
        self.found, self.card, self.verdict = found, card, verdict
        self.reasons = [said(each) for each in verdict.reasons]
        self.deciding = [each for each in self.reasons if each.reason.verdict is verdict.verdict]
        self.others = [each for each in self.reasons if each not in self.deciding]

    @property
    def times(self) -> Times:
        """When the run was begun and decided."""
        return times(self.found, self.card.finished)

    @property
    def worked(self) -> float:
        """Seconds of answering and judging."""
        return sum(row.seconds for row in self.found.receipts)

    @property
    def lead(self) -> str:
        """What is worst: the first deciding reason, or of what may ship the guard that came nearest
        to its limit."""
        if self.verdict.verdict is not Name.SHIP:
            return self.deciding[0].plain if self.deciding else "nothing was decided"
        slack = {
            suite["suite"]: asked["held"]["observed"] + asked["difference"]["low"]
            for suite in self.card.suites
            if suite["role"] == "guard" and (asked := headline(suite)) and asked["held"]
        }
        nearest = min(slack, key=slack.__getitem__, default="")
        about = [each for each in self.reasons if each.reason.about == nearest]
        return (about or self.deciding)[0].plain

    @property
    def flips(self) -> dict[str, int]:
        """How many prompts the headlines lost and gained, of how many they compared."""
        asked = [found for suite in self.card.suites if (found := headline(suite))]
        counts = {name: sum(len(one[name]) for one in asked) for name in ("lost", "gained")}
        return counts | {"n": sum(one["n"] for one in asked)}

    @property
    def next(self) -> tuple[str, str]:
        """What to do first, and the command that does it or what would decide it."""
        if self.verdict.verdict is Name.SHIP:
            named = self.found.settings.adapter.name
            return (
                "release it, if this says 0:",
                f"harness release-check {typed(self.found.path)} --adapter {shlex.quote(named)}",
            )
        first = next((each for each in self.deciding if each.next), None)
        return (first.next, first.decides) if first else ("nothing", "")

    def lost(self, reason: Reason) -> bool:
        """Whether the cases of a reason are among what the headline of its suite lost."""
        mine = [suite for suite in self.card.suites if suite["suite"] == reason.about]
        asked = [found for suite in mine if (found := headline(suite))]
        return bool(reason.cases and asked and set(reason.cases) <= set(asked[0]["lost"]))

    @property
    def run(self) -> str:
        """The name of the run's folder."""
        return self.found.path.resolve().name

    @property
    def all_checkers(self) -> Checkers:
        """What all verifiers of the run proved."""
        return checkers([held.stated for held in self.found.certificates.values()])

    def checkers(self, suite: dict[str, Any]) -> Checkers:
        """What the verifiers of one suite of the scorecard proved."""
        used = dict.fromkeys(each["verifier"] for each in suite["criteria"])
        held = self.found.certificates
        return checkers([held[id].stated for id in used if id in held])

    def headline(self, suite: dict[str, Any]) -> Result | None:
        """What a reader asks of a suite first."""
        return headline(suite)

    def arms(self, suite: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """``(arm, kind, rate)`` of those that a plot shows: base first, what is released last."""
        first, second = suite["first"], suite["second"]
        beside = [arm for arm in suite["rates"] if arm not in (first, second, "again")]
        for arm in (second, *beside, first):
            named = {first: "adapter", second: "base", "previous": "previous"}
            kind = named.get(arm, "canon")
            yield arm, kind, suite["rates"][arm]

    def margin(self, suite: str) -> float | None:
        """What the headline of a suite may lose, ``None`` where it must gain."""
        asked: Contrast = self.found.registration.plans[suite].headline
        return asked.margin if asked.question == "not-worse" else None


def headline(suite: dict[str, Any]) -> Result | None:
    """The result that a reader asks about first, ``None`` where too little was measured."""
    return next((one for one in suite["results"] if one["id"] == suite["headline"]), None)


def typed(run: Path) -> str:
    """A run as it can be typed, and no path of this machine on a page."""
    path, here = run.resolve(), Path.cwd()
    return shlex.quote(str(path.relative_to(here))) if path.is_relative_to(here) else "RUN"


def said(reason: Reason) -> Said:
    """A reason with its plain sentence, which the deciding code puts first."""
    sentences = reason.text.split(". ")
    plain = sentences[0].partition("; lost: ")[0].removesuffix(".")
    own = reason.code not in QUOTING
    decides = [each for each in sentences[1:] if own and " would " in each]
    return Said(reason, plain, next_step(reason), decides[-1] if decides else "")


def checkers(stated: list[Derived]) -> Checkers:
    """What verifiers proved, together."""
    states: dict[str, int] = {}
    for each in stated:
        states[each.state] = states.get(each.state, 0) + 1
    return Checkers(len(stated), states, weakest([each.false_pass_upper95 for each in stated]))


def weakest(bounds: list[float | None]) -> float | None:
    """The largest of the bounds; ``None`` where one of them is not measured."""
    known = [bound for bound in bounds if bound is not None]
    return max(known) if len(known) == len(bounds) > 0 else None
