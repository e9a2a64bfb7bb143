"""The scorecard of a pull request: Markdown as GitHub shows it, without a held-out text.

What a model or a user wrote stands in it as text: nothing of it is markup, a link or a mention."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness import files
from harness.digests import text_digest
from harness.evidence.documents import Decision, Scorecard
from harness.evidence.folder import RunFolder
from harness.evidence.receipts import Receipt
from harness.pages import tables
from harness.pages.brief import Brief
from harness.pages.published import Hidden
from harness.pages.tables import inert
from harness.pages.view import View, headline

if TYPE_CHECKING:
    from harness.pages.scorecard import Notice

MOST = 100  # flips that are listed
NAME = "scorecard.md"
UNCHECKED = "Written as the run ended, not rechecked: harness recheck RUN decides again."
FLIPS = ("suite", "prompt", "flip", "failed", "prompt text", "base's answer", "adapter's answer")


def render(found: RunFolder, said: Notice) -> Path:
    """Write ``scorecard.md`` of a finished run, as its documents stand."""
    return files.replace(found / NAME, page(found, found.scorecard, found.verdict, said))


def page(found: RunFolder, card: Scorecard, verdict: Decision, said: Notice) -> str:
    """The scorecard of a run: verdict, why, suites, what to do, and the flips folded; ``said`` is
    whether it was rechecked, and stands first where it is bad."""
    told = Brief(View(found, card, verdict), said.ended)
    rows = [text for reasons in told.reasons() for _, text in reasons]
    facts, steps, flips = list(told.facts), told.steps, list(_flips(found, card))
    shown = [told.title, told.lead, said.text, *rows, *(text for _, text in facts)]
    shown += [*(more for _, more in steps), *(cell for flip in flips[:MOST] for cell in flip)]
    hidden = Hidden(found.receipts, shown)
    lines = [f"## {inert(hidden.text(told.title))}", ""]
    if found.override:
        lines += [f"**{inert(found.override.sentence)}**", ""]
    if said.kind == "bad":
        lines += [f"**{inert(hidden.text(said.text))}**", ""]
    lead = [f"{inert(hidden.text(told.lead))}", ""] if told.lead else []
    deciding, others = ([_reason(hidden, *row) for row in rows] for rows in told.reasons())
    lines += [*lead, *deciding, "", tables.markdown(_suites(told))]
    lines += [f"- {name}: {inert(hidden.text(text))}" for name, text in facts]
    lines += [f"- next: {step}{_more(hidden.text(more))}" for step, more in steps]
    if others:
        lines += ["", *_folded(f"{len(others)} more findings", "\n".join(others))]
    if flips:
        left = f"\n{len(flips) - MOST} more stand on the page.\n" if len(flips) > MOST else ""
        table = tables.markdown([FLIPS, *(tuple(map(hidden.text, f)) for f in flips[:MOST])])
        lines += ["", *_folded(f"{len(flips)} prompts that changed", table + left)]
    lines += ["", _facts(told), ""]
    lines += [f"[The page](scorecard.html) has every answer. {inert(hidden.text(said.text))}"]
    return "\n".join(lines) + "\n"


def _reason(hidden: Hidden, verdict: str, text: str) -> str:
    return f"- **{verdict}** {inert(hidden.text(text))}"


def _suites(told: Brief) -> list[tables.Row]:
    rows = told.suites
    return [tuple(rows[0]), *(tuple(row.values()) for row in rows)]


def _more(more: str) -> str:
    """A command as one, a sentence as text."""
    return f" {code(more)}" if more.startswith("harness ") else f". {inert(more)}" if more else ""


def code(text: str) -> str:
    """Text as a span of code, whatever stands in it."""
    runs = [len(run) for run in re.findall("`+", text)]
    fence = "`" * (max(runs, default=0) + 1)
    return f"{fence} {tables.one_line(text)} {fence}"


def _folded(summary: str, body: str) -> Iterator[str]:
    yield from (f"<details><summary>{summary}</summary>", "", body, "</details>")


def _facts(told: Brief) -> str:
    found = told.view.found.settings
    engine = found.engine.get("engine", "engine not recorded")
    parts = (
        f"decided {told.view.card.finished or 'not recorded'}{told.view.times.after}",
        f"run {told.view.run}",
        f"adapter {found.adapter.digest[7:19]} on base {found.base.digest[7:19]}",
        f"{engine}, {found.decoding}",
        f"sandbox {found.sandbox or 'none needed'}",
        *([f"only {found.limit} prompts a suite"] if found.limit else ()),
    )
    return " · ".join(map(inert, parts))


def _flips(found: RunFolder, card: Scorecard) -> Iterator[tables.Row]:
    """Every prompt whose outcome changed, those that were lost first: what failed, and digests."""
    held: dict[tuple[str, str, str], list[Receipt]] = {}
    for row in found.receipts:
        held.setdefault((row.suite, row.case, row.arm), []).append(row)
    for flip in ("lost", "gained"):
        for suite in card.suites:
            asked = headline(suite)
            for case in asked[flip] if asked else ():
                pair = [held.get((suite["suite"], case, suite[arm]), []) for arm in _ARMS]
                failed = _failed(pair[1] if flip == "lost" else pair[0])
                digests = (_digests(answers, "answer") for answers in pair)
                prompt = _digests(pair[0][:1], "prompt")
                yield (suite["suite"], case, flip, failed, prompt, *digests)


_ARMS = ("second", "first")  # base's answers, then the adapter's


def _failed(rows: list[Receipt]) -> str:
    found = [one.criterion for row in rows for one in row.findings if one.outcome != "pass"]
    return ", ".join(dict.fromkeys([*found, *(row.sign for row in rows if row.sign)]))


def _digests(rows: list[Receipt], text: str) -> str:
    return ", ".join(text_digest(getattr(row, text))[7:19] for row in rows)
