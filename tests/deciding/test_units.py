"""What counts as one piece of evidence, and what may be said before the last of it is there."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace

import numpy as np
import pytest
from auditing import write
from conftest import ROOT
from gates import (
    FACET,
    FAIL,
    GUARD,
    PASS,
    QUIET,
    codes,
    flips,
    judge,
    outcomes,
    pair,
    plan,
    receipt,
    receipts,
    registration,
)

from harness import Case
from harness.content import suite
from harness.content.library import Adapter, Base, Entry
from harness.content.policy import Policy
from harness.deciding.outcomes import rate, units
from harness.engines.mlx import MlxEngine
from harness.errors import WorkspaceError
from harness.gate import planning
from harness.stats.audits.imperfect import Audit, certified_floor
from harness.stats.clusters import t_interval
from harness.stats.paired import mcnemar_exact
from harness.stats.repeated import score_interval, sign_flip
from harness.subjects.base import Bench, Preflight
from harness.subjects.groups import groups

sys.path.insert(0, str(ROOT / "benchmarks"))
from simulated_gates import Cell, measured

EARLY = Policy(again=False, sentinels=0)
LONG = "Write a function that returns the {} of all even numbers below a bound"
APART = ["sum", "product of the digits", "largest prime factor of the sum", "count, or zero"]


def joined(*prompts: str, **declared: str) -> list[list[str]]:
    """The groups of two or more among the prompts, each by its prompts."""
    cases = [Case(text, text, {}, declared.get(text)) for text in prompts]
    found = units([case.id for case in cases], groups(cases))
    return [list(unit) for unit in found if len(unit) > 1]


def copies(n: int, each: int) -> dict[str, str]:
    """Groups of so many prompts of the suite ``humaneval`` that follow one another."""
    return {f"humaneval/{i}": f"humaneval/{i - i % each}" for i in range(n)}


@pytest.mark.parametrize(
    "copy", [LONG + " ", LONG.upper(), LONG + ", please.", LONG.replace("below", "under"), "Add. "]
)
def test_copies_and_near_duplicates_are_one_group_and_other_prompts_are_not(copy):
    first = "Add!" if copy == "Add. " else LONG
    assert joined(first, copy) == [[first, copy]]
    assert not joined(*(f"{first} {what}, and say why it is {what}" for what in APART))
    assert not joined("+ +", "- -"), "no words at all"


def test_a_declared_group_joins_and_groups_that_touch_are_one():
    assert joined("add", "subtract") == []
    assert joined("add", "subtract", add="sums", subtract="sums") == [["add", "subtract"]]
    touching = joined(LONG, LONG + " ", "divide", "add", **{LONG + " ": "x", "divide": "x"})
    assert touching == [[LONG, LONG + " ", "divide"]]


def test_groups_are_read_registered_and_asked_one_after_the_other(tmp_path):
    head = "{facet: f, role: guard, mode: chat, max_tokens: 9, margin: 0.1, prompts: p.jsonl,"
    path = tmp_path / "f.yaml"
    write(path, f"{head} criteria: [{{id: a, verifier: f.a}}]}}")
    rows = [f'{{"id": "{n}", "prompt": "number {n}", "group": "{n % 20}"}}' for n in range(60)]
    write(tmp_path / "p.jsonl", "\n".join(rows))
    said = Adapter(path="a", base="b", status="candidate", facets=["f"], suites=["f"])
    entry = Entry("a", said, tmp_path, "b", Base(path="b"), tmp_path, tmp_path)
    bench = Bench(entry, {}, {}, {"base": "b", "adapter": "a"}, MlxEngine)
    found = planning.plan(suite.load(path, tmp_path), Policy(), Preflight("b", "a", None), bench)
    assert (len(found.counted), found.units, found.groups["45"]) == (60, 20, "5")
    asked = [found.groups[id] for id in found.counted]
    assert [len(list(same)) for _, same in itertools.groupby(asked)] == [3] * 20
    assert asked[::3] != sorted(asked[::3], key=int), "drawn"
    write(tmp_path / "p.jsonl", rows[0].replace('"0"}', '""}'))
    with pytest.raises(WorkspaceError, match=r"p\.jsonl:1: key 'group'"):
        suite.load(path, tmp_path)


def test_the_shipped_suites_hold_near_duplicates_and_humaneval_one_pair():
    names = ("pocket/godot", "pocket/java", "pocket/patchnotes", "pocket/shaders", "humaneval")
    root, counts = ROOT / "suites", {}
    for name in names:
        cases = suite.load(suite.owed([name], root)[0], root).cases
        found = groups(cases)
        counts[name] = (len(cases), len(found), len(units([case.id for case in cases], found)))
    assert list(counts.values()) == [
        (40, 6, 37), (40, 25, 25), (40, 4, 38), (40, 15, 30), (164, 2, 163)
    ]  # fmt: skip


def test_copies_count_once_in_every_number():
    once = registration([plan("humaneval", 20, "guard", margin=0.2)])
    eight = plan("humaneval", 160, "guard", margin=0.2, groups=copies(160, 8))
    rows = [
        receipt("humaneval", 8 * at + k, arm, outcome)
        for arm, row in zip(("base", "adapter"), flips(20, 12, 1, 3), strict=True)
        for at, outcome in enumerate(row)
        for k in range(8)
    ]
    single = judge(once, pair("humaneval", 20, 12, 1, 3)).scores["humaneval"].headline
    copied = judge(registration([eight]), rows).scores["humaneval"].headline
    assert (copied.comparison.n, copied.comparison.groups) == (160, 20)
    for name in ("delta", "discordance", "difference", "plain", "interval95", "midp", "gain_p"):
        assert getattr(copied.comparison, name) == getattr(single.comparison, name), name
    assert copied.held == single.held
    apart = registration([eight.model_copy(update={"groups": {}})])
    believed = judge(apart, rows).scores["humaneval"].headline
    assert believed.comparison.midp < 0.01 < copied.comparison.midp


def test_the_card_says_how_many_groups_its_prompts_are_and_too_few_decide_nothing():
    base, adapter = flips(40, 0, 40, 0)
    rows = receipts("godot", base=base, adapter=adapter)
    by_two = {f"godot/{i}": f"godot/{i - i % 2}" for i in range(40)}
    judged = judge(registration([plan("godot", 40, groups=by_two)]), rows)
    card = judged.scores["godot"].to_json()
    assert (card["prompts"], card["groups"], card["rates"]["base"]["groups"]) == (40, 20, 20)
    assert judged.reasons["godot"].code == "improved"
    assert "adapter 40/40 in 20 groups = 100.0%" in judged.reasons["godot"].text
    by_eight = {f"godot/{i}": f"godot/{i - i % 8}" for i in range(40)}
    judged = judge(registration([plan("godot", 40, groups=by_eight)]), rows)
    said = judged.reasons["godot"]
    assert said.code == "too-few"
    assert "40 prompts in 5 groups" in said.text
    assert judged.scores["godot"].rates["base"].value is None


def test_copies_at_the_margin_are_not_held_more_often_than_prompts():
    cell = Cell(160, 1, "steady", 0.2, 0.2, 1.0, -0.2, copies=8)
    assert measured(cell, gates=60, seed=4)["ships"] <= 0.1
    assert measured(replace(cell, grouped=False), gates=60, seed=4)["ships"] > 0.15


def sampled(found, arm, rows):
    return [
        receipt(found, i, arm, outcome, sample=k)
        for i, row in enumerate(rows)
        for k, outcome in enumerate(row)
    ]


def test_rates_of_several_answers_stay_within_0_and_1_and_hold_what_was_seen():
    def rated(rows):
        cases = {str(n): row for n, row in enumerate(rows)}
        return rate(cases, units(cases, {}))

    nearly = rated([[PASS] * 4] * 22 + [[FAIL] * 2 + [PASS] * 2])
    assert t_interval([1.0] * 22 + [0.5]).interval.high > 1 == nearly.interval.high
    alike = rated([[PASS, FAIL]] * 30)
    assert alike.interval.low < alike.value == 0.5 < alike.interval.high


def test_the_certified_floor_counts_a_group_as_passed_with_all_of_its_prompts():
    half = {f"{n}{k}": [PASS if n < 10 or k == "a" else FAIL] for n in range(20) for k in "ab"}
    pairs = [[f"{n}a", f"{n}b"] for n in range(20)]
    found = rate(half, pairs, Audit(0, 299, 0, 164))
    assert (found.passes, found.n, found.groups) == (30, 40, 20)
    assert found.floor == certified_floor(10, 20, 0, 299)


def test_a_gain_of_answers_that_are_all_alike_is_the_exact_test_and_else_every_flip_of_signs():
    policy = Policy(samples=4, temperature=0.6, **QUIET)
    base, adapter = flips(40, 10, 6, 1)
    rows = [
        *sampled("godot", "base", [[one] * 4 for one in base]),
        *sampled("godot", "adapter", [[one] * 4 for one in adapter]),
    ]
    seen = judge(registration([FACET], policy), rows).scores["godot"].headline.comparison
    assert seen.gain_p == mcnemar_exact(6, 1) / 2 == sign_flip([1] * 6 + [-1])
    leads = [3, -1, 2, 2, -4, 0, 1]
    ways = list(itertools.product((1, -1), repeat=len(leads)))
    reach = sum(np.dot(way, leads) >= sum(leads) for way in ways)
    assert sign_flip(leads) == pytest.approx(reach / len(ways))
    assert sign_flip([lead * 10**7 for lead in leads]) == sign_flip(leads), "in steps"


def test_many_small_gains_do_not_hide_few_large_losses():
    """Ten answers each: 39 prompts gain one of them, one prompt loses nine."""
    policy = Policy(samples=10, temperature=0.6, **QUIET)
    rows = [
        *sampled("godot", "base", [*[outcomes(5, 10)] * 39, outcomes(9, 10)]),
        *sampled("godot", "adapter", [*[outcomes(6, 10)] * 39, outcomes(0, 10)]),
    ]
    seen = judge(registration([FACET], policy), rows).scores["godot"].headline.comparison
    assert sign_flip([1] * 39 + [-9]) < 0.05 < seen.gain_p
    asked = score_interval([0.1] * 39 + [-0.9], 0.9)
    assert (seen.plain.low, seen.plain.high) == pytest.approx((asked.low, asked.high))


def order(found):
    return [int(id.rpartition("/")[2]) for id in found.counted]


def answered(found, base, adapter):
    """Receipts of base on every prompt and of the adapter on the first ones in the drawn order."""
    asked = zip(order(found), adapter, strict=False)
    return receipts(found.suite, base=base) + [
        receipt(found.suite, i, "adapter", outcome) for i, outcome in asked
    ]


@pytest.mark.parametrize(
    ("lost", "code", "rule"),
    [
        (3, ("VOID", "incomplete"), None),
        (5, ("INCONCLUSIVE", "beyond-holding"), "unreachable"),
        (6, ("NO-SHIP", "stopped"), "certain"),
        (12, ("NO-SHIP", "stopped"), "e-process"),
    ],
)
def test_lost_and_no_longer_to_be_held_are_two_facts(lost, code, rule):
    """Base fails the very first prompt, which is gained, so nothing else can be."""
    base = [FAIL if i == order(GUARD)[0] else PASS for i in range(164)]
    rows = answered(GUARD, base, [PASS, *outcomes(31 - lost, 31)[::-1]])
    judged = judge(registration([GUARD, FACET], EARLY), rows)
    stop, said = judged.scores["humaneval"].stop, judged.reasons["humaneval"]
    assert (stop.rule if stop else None) == rule
    assert codes(judged)[0] == code, "what it left unmeasured does not hide it"
    if rule == "e-process":
        plain = "HumanEval is lost: worse than base by more than 5 points: 10 lost and 1 gained"
        assert said.text.startswith(plain)
        assert "e-value" not in said.text.split(". ")[0], "statistics stand behind the sentence"
    if rule == "unreachable":
        assert "no loss is shown" in said.text
        assert "19% of the answers come out otherwise" in said.text, "more than was planned for"
        assert "would decide it" in said.text
    assert ("whatever the rest brings" in said.text) is (rule == "certain")


def test_without_a_loss_no_guard_is_lost():
    """Forty prompts cannot show 5 points however they come out."""
    found = plan("humaneval", 40, "guard")
    rows = answered(found, [PASS] * 40, [PASS] * 16)
    judged = judge(registration([found, FACET], EARLY), rows)
    assert judged.verdict.name == "INCONCLUSIVE"
    assert judged.scores["humaneval"].stop.lost == 0
    assert "0 gained and 0 lost" in judged.reasons["humaneval"].text
    free = judge(registration([found, FACET], EARLY), answered(found, [FAIL] * 40, [FAIL] * 16))
    assert free.scores["humaneval"].stop is None, "24 may still be gained"


def test_a_stop_is_certain():
    """What it says holds for every way the rest may come out."""
    found = plan("humaneval", 24, "guard", margin=0.25)
    under = registration([found], EARLY)
    late = registration([found], Policy(early_stop=False, again=False, sentinels=0))
    for passed, gained, lost in itertools.product((0, 2), (0, 1), (1, 2, 3, 5)):
        seen = flips(20, 16 - lost, gained, lost)
        place = dict(zip(order(found), [*seen[0], *outcomes(4 - passed, 4)], strict=True))
        base = [place[i] for i in range(24)]
        judged = judge(under, answered(found, base, seen[1]))
        stop = judged.scores["humaneval"].stop
        ends = {
            str(judge(late, answered(found, base, [*seen[1], *rest])).reasons["humaneval"].code)
            for rest in itertools.product((PASS, FAIL), repeat=4)
        }
        if stop is None:
            assert "held" in ends
        elif stop.rule != "e-process":
            assert "held" not in ends
            assert (stop.rule == "certain") is (ends <= {"broken", "regressed"})


def test_a_group_is_evidence_once_it_is_answered_in_full():
    found = plan("humaneval", 160, "guard", groups=copies(160, 4))
    found = found.model_copy(update={"cases": sorted(found.cases, key=lambda c: int(c[0][10:]))})
    under = registration([found, FACET], EARLY)
    for asked, at in ((27, None), (32, 28)):
        rows = answered(found, [PASS, FAIL] * 80, [FAIL, PASS] * 8 + [FAIL] * (asked - 16))
        assert judge(under, rows).scores["humaneval"].stop is None, "half of each: no lead, or half"
        rows = answered(found, [PASS] * 140 + [FAIL] * 20, [FAIL] * asked)
        stop = judge(under, rows).scores["humaneval"].stop
        assert (stop.at if stop and stop.rule == "e-process" else None) == at


def test_unchanged_adapters_are_stopped_as_lost_no_more_often_than_alpha():
    cell = Cell(164, 1, "steady", 0.05, 0.1, 1.0, 0.0)
    verdicts = measured(cell, gates=30, seed=2, partial=True)["verdicts"]
    assert verdicts["NO-SHIP"] <= 4
    assert verdicts["INCONCLUSIVE"] > 5
    damaged = replace(cell, discordance=0.2, difference=-0.2)
    assert measured(damaged, gates=10, seed=2, partial=True)["verdicts"]["NO-SHIP"] >= 9
