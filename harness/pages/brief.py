"""A run in a few lines, in the words of its page, for a terminal, a pull request and CI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.evidence.folder import RunFolder
from harness.pages.html import percent, points
from harness.pages.view import Said, View, headline
from harness.subjects.base import Contrast
from harness.verdict import Name

MOST = 8  # lost prompts that are named of a suite
Cells = dict[str, str]  #: one suite, by the names of the columns


class Brief:
    """What is said of a run first, why, of each suite, and what to do next; of one that has not
    ``ended`` what its receipts so far say."""

    def __init__(self, view: View, ended: bool = True) -> None:
        self.view, self.ended = view, ended
        self.verdict = view.verdict.verdict

    @property
    def title(self) -> str:
        """``NO-SHIP: soul3 on glm``."""
        named = self.view.found.settings
        word = self.verdict if self.ended else "not finished"
        return f"{word}: {named.adapter.name} on {named.base.name}"

    @property
    def lead(self) -> str:
        """Of what may ship, what came nearest to its limit; else each reason says it itself."""
        return f"nearest to its limit: {self.view.lead}" if self.verdict is Name.SHIP else ""

    def reasons(self, verbose: bool = False) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Those that decide and all others, each with its verdict and in one plain sentence;
        ``verbose`` with its statistics."""
        deciding, others = (
            [(str(each.reason.verdict), sentence(each, verbose)) for each in reasons]
            for reasons in (self.view.deciding, self.view.others)
        )
        return deciding, others

    @property
    def suites(self) -> list[Cells]:
        """Every owed suite."""
        view, level = self.view, level_of(self.view.card.alpha)
        plans = view.found.registration.plans
        rows = []
        for suite in view.card.suites:
            said = {"suite": suite["suite"], "says": str(suite["reason"]["verdict"])}
            rows.append(said | cells(suite, plans[suite["suite"]].headline, level))
        for id, reason in view.card.not_measured.items():
            said = {"suite": id, "says": str(reason["verdict"]) if reason else "not judged"}
            rows.append(said | dict.fromkeys(columns(level), "") | {"base": "not measured"})
        return rows

    @property
    def facts(self) -> Iterator[tuple[str, str]]:
        """What the first screen of the page says besides."""
        flips, trust = self.view.flips, self.view.all_checkers
        counted = f"{flips['lost']} lost, {flips['gained']} gained of {flips['n']} compared prompts"
        yield "answers that changed", counted if flips["n"] else "nothing was compared"
        for suite in self.view.card.suites:
            found = headline(suite)
            if found and found["lost"] and suite["reason"]["verdict"] != Name.SHIP:
                more = f" and {len(found['lost']) - MOST} more" if found["lost"][MOST:] else ""
                yield "lost", ", ".join(found["lost"][:MOST]) + more
            open_ = {arm: rate["unverified"] for arm, rate in suite["rates"].items()}
            if told := ", ".join(f"{arm} {many}" for arm, many in open_.items() if many):
                yield "unverified answers", f"{suite['suite']}: {told}"
        states = ", ".join(f"{n} of {trust.many} {state}" for state, n in trust.states.items())
        bound = f", the weakest lets at most {percent(trust.bound)} of bad answers pass"
        yield "checkers", states + bound if states else "not measured"

    @property
    def steps(self) -> list[tuple[str, str]]:
        """What to do, each once, and the command that does it or what would decide it."""
        if not self.ended:
            return [("gate again into its folder, and the run is finished", "")]
        found = [self.view.next] if self.verdict is Name.SHIP else []
        found += [(each.next, each.decides) for each in self.view.deciding if each.next]
        return list(dict(reversed(found)).items())[::-1] or [("nothing", "")]


def brief(found: RunFolder) -> Brief:
    """A finished run, as its documents stand."""
    return Brief(View(found, found.scorecard, found.verdict))


def level_of(alpha: float) -> str:
    """``90 %``, of the interval whose limits are tests at ``alpha`` 0.05."""
    return f"{100 - 200 * alpha:.4g} %"


def columns(level: str) -> tuple[str, ...]:
    """What is said of a suite in numbers; ``level`` is that of the interval."""
    return ("base", "adapter", f"change [{level}]", "allowed", "lost", "gained")


def cells(suite: dict[str, Any], asked: Contrast, level: str) -> Cells:
    """The numbers of one suite of a scorecard: both rates, the change in points with its interval,
    what was allowed; counts alone where a rate is none."""
    found, arms = headline(suite), (suite["second"], suite["first"])
    rates = [rate(suite["rates"][arm]) for arm in arms]
    if asked.question == "not-worse":
        allowed = f"{-100 * asked.margin:g} points"
    else:
        allowed = f"a gain over {100 * asked.margin:g}" if asked.margin else "a gain"
    if found is None:
        return dict(zip(columns(level), (*rates, "not compared", allowed, "", ""), strict=True))
    low, high = (points(found["difference"][end]) for end in ("low", "high"))
    change = f"{points(found['delta'])} [{low}, {high}]"
    flips = (str(len(found["lost"])), str(len(found["gained"])))
    return dict(zip(columns(level), (*rates, change, allowed, *flips), strict=True))


def rate(found: Mapping[str, Any]) -> str:
    """``36.0%``, or ``3/5`` where that is no rate."""
    counted = f"{found['passes']}/{found['n'] * found['samples']}"
    return counted if found["rate"] is None else percent(found["rate"])


def sentence(each: Said, verbose: bool = False) -> str:
    """A reason in one plain sentence, or ``verbose`` in all, with its code."""
    reason = each.reason
    return f"{f'{reason.about}: {reason.text}' if verbose else each.plain} [{reason.code}]"
