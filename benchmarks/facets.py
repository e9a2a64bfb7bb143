"""What the suites' own criteria make of labelled answers, by facet and criterion.

    python benchmarks/facets.py CASES [--json] [--facet NAME] [--expect FILE] [--misses]

CASES are rows of JSON: ``{id, facet, prompt, answer, label}``, label ``good`` or ``bad``, perhaps
with ``expect``. What a row does not say is looked up by its prompt: in FILE (rows ``{prompt,
expect}``, by default ``benchmarks/facets.expect.jsonl``), then among the prompts of the facet's
suite. A row whose prompt has none is named and counted as unverified, and so is one of a facet
without a suite.

An answer is elite when every criterion passes, refused when one fails; neither is unverified. No
certificate is asked for: this measures, a gate proves."""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.content import suite, workspace
from harness.content.case import Case
from harness.content.suite import Suite
from harness.judging.verifier import Judgement, Outcome
from harness.judging.workers import Judges
from harness.sandbox import open_sandbox

HERE = Path(__file__).parent
EXPECT = HERE / "facets.expect.jsonl"


@dataclass(frozen=True)
class Judged:
    """One row and what each criterion of its facet said; nothing where none could be asked."""

    row: dict[str, Any]
    found: dict[str, Judgement]
    why: str = ""  #: it was not judged

    @property
    def elite(self) -> bool:
        return bool(self.found) and all(f.outcome is Outcome.PASS for f in self.found.values())

    @property
    def refused(self) -> bool:
        return any(f.outcome is Outcome.FAIL for f in self.found.values())


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file; none where it is not there."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def facets(root: Path) -> dict[str, Suite]:
    """The suites below ``root`` that measure a facet, by its name."""
    read = [suite.load(path, root) for path in sorted(root.rglob("*.yaml"))]
    return {one.spec.facet: one for one in read if one.spec.role == "facet"}


def judged(
    rows: list[dict[str, Any]], suites: dict[str, Suite], given: list[dict[str, Any]], workers: int
) -> list[Judged]:
    """Every row through the criteria of its facet, in as many judges as ``workers``."""
    expected = {row["prompt"]: row["expect"] for row in given}
    with open_sandbox("auto") as sandbox:
        name = sandbox.name
    with Judges(workspace.find().folder("verifiers"), name, workers) as judges:
        asked = [(row, *_ask(row, suites, expected, judges)) for row in rows]
        return [
            Judged(row, dict(zip(names, answers.result(), strict=True)) if answers else {}, why)
            for row, names, answers, why in asked
        ]


def _ask(
    row: dict[str, Any], suites: dict[str, Suite], expected: dict[str, Any], judges: Judges
) -> tuple[list[str], Any, str]:
    found = suites.get(row["facet"])
    if found is None:
        return [], None, f"no suite has the facet {row['facet']!r}"
    own = {case.prompt: dict(case.expect) for case in (*found.cases, *found.dev)}
    expect = row.get("expect") or expected.get(row["prompt"]) or own.get(row["prompt"])
    if expect is None:
        return [], None, f"nothing says what is expected of {row['prompt']!r:.80}"
    case = Case(row["id"], row["prompt"], expect)
    verifiers = [one.verifier for one in found.spec.criteria]
    names = [one.id for one in found.spec.criteria]
    return names, judges.judge(verifiers, case, row["answer"]), ""


def counts(found: list[Judged]) -> dict[str, dict[str, int]]:
    """By facet what a reader of the issue asks for."""
    total: dict[str, dict[str, int]] = {}
    names = ("goods", "goods_elite", "bads", "bads_refused", "unverified")
    for one in found:
        row = total.setdefault(one.row["facet"], dict.fromkeys(names, 0))
        good = one.row["label"] == "good"
        row["goods" if good else "bads"] += 1
        row["goods_elite"] += good and one.elite
        row["bads_refused"] += not good and one.refused
        row["unverified"] += not one.elite and not one.refused
    return total


def table(found: list[Judged]) -> str:
    """The same in Markdown, and by criterion the goods that pass and the bads that it refuses."""
    lines = [
        "| facet | criterion | goods that pass | bads refused | unverified |",
        "|---|---|---|---|---|",
    ]
    by_facet: dict[str, list[Judged]] = defaultdict(list)
    for one in found:
        by_facet[one.row["facet"]].append(one)
    totals = counts(found)
    for facet, answers in by_facet.items():
        t = totals[facet]
        lines.append(
            f"| **{facet}** | all | {t['goods_elite']} of {t['goods']} |"
            f" {t['bads_refused']} of {t['bads']} | {t['unverified']} |"
        )
        for name in dict.fromkeys(name for one in answers for name in one.found):
            lines.append(f"| | {name} | {_by_criterion(answers, name)} |")
    return "\n".join(lines)


def _by_criterion(answers: list[Judged], name: str) -> str:
    good = [one.found[name].outcome for one in answers if one.found and one.row["label"] == "good"]
    bad = [one.found[name].outcome for one in answers if one.found and one.row["label"] == "bad"]
    return (
        f"{good.count(Outcome.PASS)} of {len(good)} | {bad.count(Outcome.FAIL)} of {len(bad)} |"
        f" {[*good, *bad].count(Outcome.UNVERIFIED)}"
    )


def misses(found: list[Judged]) -> list[str]:
    """Each answer that is judged otherwise than it is labelled, with what was said."""
    lines = []
    for one in found:
        row, good = one.row, one.row["label"] == "good"
        if one.why or (one.elite if good else one.refused):
            continue
        said = [
            f"{name}: {f.reason}: {f.evidence:.120}"
            for name, f in one.found.items()
            if f.outcome is not Outcome.PASS
        ]
        what = "; ".join(said).replace("\n", " ") or f"passes: {row.get('why', '')}"
        lines.append(f"{row['id']} ({row['label']}): {what}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", type=Path, metavar="CASES")
    parser.add_argument("--facet", action="append", metavar="NAME", help="only this; repeatable")
    parser.add_argument("--expect", type=Path, default=EXPECT, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="the counts by facet, as JSON")
    parser.add_argument("--misses", action="store_true", help="each that is judged otherwise")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    rows = rows_of(args.cases)
    rows = [row for row in rows if not args.facet or row["facet"] in args.facet]
    suites = facets(workspace.find().folder("suites"))
    found = judged(rows, suites, rows_of(args.expect), args.workers)
    for one in found:
        if one.why:
            print(f"{one.row['id']}: unverified: {one.why}", file=sys.stderr)
    if args.misses:
        print("\n".join(misses(found)), file=sys.stderr)
    print(json.dumps(counts(found), indent=2) if args.json else table(found))


if __name__ == "__main__":
    main()
