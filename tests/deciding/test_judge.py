"""Decisions on simulated receipts: each planted fault stands beside its clean twin."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from gates import (
    BOTH,
    FACET,
    FAIL,
    GAINED,
    GUARD,
    HELD,
    OPEN,
    PASS,
    QUIET,
    certificate,
    claim,
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

from harness.content.policy import Policy
from harness.deciding import scorecard
from harness.deciding.instrument.feasible import prompts_for_degeneration
from harness.stats.paired import GuardState
from harness.stats.power import noninferiority_power
from harness.stats.subjects.equivalence import tost_paired
from harness.verdict import Name

DOCS = Path(__file__).parents[2] / "docs" / "method.md"


def test_a_held_guard_and_a_gained_facet_ship_and_the_text_carries_the_margin():
    judged = judge(BOTH, HELD + GAINED)
    assert judged.verdict.name is Name.SHIP
    held = next(reason for reason in judged.verdict.reasons if reason.code == "held")
    assert "Not worse than base by more than 5 points (95 % one-sided)" in held.text
    assert "no regression" not in str(judged.verdict.to_json())
    assert held.cases == ["humaneval/58", "humaneval/59"], "the receipts that the number rests on"


@pytest.mark.parametrize(
    ("fixtures", "youden", "observed", "p", "state", "floor"),
    [
        ((29, 59), 0.820, 0.0410, 0.0587, GuardState.INCONCLUSIVE, 0.698),
        ((164, 299), 0.966, 0.0483, 0.0330, GuardState.HELD, 0.712),
    ],
)
def test_the_worked_gate_same_answers_and_two_certificates(
    fixtures, youden, observed, p, state, floor
):
    judged = judge(
        BOTH,
        pair("humaneval", 164, 124, 5, 6) + GAINED,
        {"humaneval.ok": certificate("humaneval.ok", *fixtures)},
    )
    score = judged.scores["humaneval"]
    compared, held = score.results["guard"].comparison, score.results["guard"].held
    assert compared.difference.low == pytest.approx(-0.043, abs=6e-4)
    assert compared.difference.high == pytest.approx(0.030, abs=6e-4)
    assert compared.interval95.low == pytest.approx(-0.052, abs=6e-4)
    assert compared.midp == pytest.approx(0.774, abs=6e-4)
    assert score.rates["adapter"].interval.low == pytest.approx(0.718, abs=6e-4)
    assert held.youden == pytest.approx(youden, abs=6e-4)
    assert held.observed == pytest.approx(observed, abs=6e-5)
    assert held.p == pytest.approx(p, abs=6e-5)
    assert held.state is state
    interval = "difference in [-4.3, +3.0] points (90 % interval), McNemar mid-p = 0.77"
    assert interval in judged.reasons["humaneval"].text
    assert score.rates["adapter"].floor == pytest.approx(floor, abs=6e-4)
    assert held.power == noninferiority_power(164, held.observed, 11 / 164, alpha=0.05)
    assert judged.verdict.name is (Name.SHIP if state is GuardState.HELD else Name.INCONCLUSIVE)
    if state is GuardState.INCONCLUSIVE:
        assert "299 prompts would decide it" in judged.verdict.reasons[0].text


def test_lost_four_and_won_one_is_held_at_five_points_and_not_at_three():
    """With verifiers as good as proven: at 299 bad and 164 good fixtures it is undecided at five
    points too."""
    rows, proven = (
        pair("humaneval", 164, 151, 1, 4) + GAINED,
        {"humaneval.ok": certificate("humaneval.ok", 3000, 3000)},
    )
    assert judge(BOTH, rows, proven).verdict.name is Name.SHIP
    assert judge(BOTH, rows).verdict.name is Name.INCONCLUSIVE
    three = registration([plan("humaneval", 164, "guard", margin=0.03), FACET])
    assert codes(judge(three, rows, proven))[0] == ("INCONCLUSIVE", "undecided")


@pytest.mark.parametrize(
    ("gained", "lost", "code"),
    [(2, 20, "broken"), (1, 9, "regressed"), (10, 10, "held"), (6, 8, "undecided")],
)
def test_guard_states(gained, lost, code):
    proven = {"humaneval.ok": certificate("humaneval.ok", 3000, 3000)}
    judged = judge(BOTH, pair("humaneval", 164, 60, gained, lost) + GAINED, proven)
    assert (code, "humaneval") in [(r.code, r.about) for r in judged.verdict.reasons]


def test_size_is_exact_where_tango_alone_would_hold():
    """5 gained and 6 lost: Tango p = .0485, exact p = .0513 at the margin that 41 good and 80 bad
    fixtures leave."""
    held = {"humaneval.ok": certificate("humaneval.ok", 41, 80)}
    score = judge(BOTH, pair("humaneval", 164, 124, 5, 6) + GAINED, held).scores["humaneval"]
    guard = score.results["guard"].held
    assert guard.p < 0.05 < guard.exact_p
    assert guard.state is GuardState.INCONCLUSIVE
    assert judge(BOTH, pair("humaneval", 164, 124, 5, 5) + GAINED, held).verdict.name is Name.SHIP


def test_equal_totals_with_flips_are_not_called_unchanged():
    """F1.16: 116 = 116 of 164 with 20 gained and 20 lost says nothing; with none it holds."""
    judged = judge(BOTH, pair("humaneval", 164, 96, 20, 20) + GAINED)
    assert codes(judged)[0] == ("INCONCLUSIVE", "undecided")
    assert "20 gained, 20 lost" in judged.verdict.reasons[0].text
    assert judge(BOTH, pair("humaneval", 164, 116, 0, 0) + GAINED).verdict.name is Name.SHIP


def test_arms_that_were_sampled_differently_are_no_pair():
    """F1.10: base at temperature 0 and the adapter at 0.6."""
    warm = [receipt("godot", i, "adapter", PASS, sampler="temperature 0.6") for i in range(40)]
    rows = [r for r in GAINED if r.arm == "base"] + warm
    assert codes(judge(BOTH, HELD + rows))[0] == ("VOID", "sampler")


def test_an_adapter_that_never_stops_thinking_is_degenerate():
    """F1.11: thinking left on, every answer runs out of tokens; base does not."""
    endless = [
        receipt("godot", i, "adapter", FAIL, finish="length", answer=f"<think> step {i}")
        for i in range(40)
    ]
    rows = [r for r in GAINED if r.arm == "base"] + endless
    judged = judge(BOTH, HELD + rows)
    assert ("NO-SHIP", "degenerate") in codes(judged)
    said = next(reason.text for reason in judged.verdict.reasons if reason.code == "degenerate")
    assert "ran out of tokens: 0 of base's, 40 of the adapter's" in said
    assert codes(judged)[0] == ("VOID", "cut"), "and what was cut might have been right"
    loop = [receipt("godot", i, "adapter", PASS, answer="so be it " * 30) for i in range(40)]
    assert (
        judge(BOTH, HELD + [r for r in GAINED if r.arm == "base"] + loop).verdict.name
        is Name.NO_SHIP
    )
    assert ("SHIP", "not-degenerate") in codes(judge(BOTH, HELD + GAINED))
    small = registration([plan("humaneval", 30, "guard", margin=0.3), FACET])
    guard = pair("humaneval", 30, 20, 0, 0)
    assert judge(small, guard + GAINED).verdict.name is Name.SHIP, (
        "70 prompts prove no margin, and nothing was seen"
    )
    one = [
        receipt("godot", 0, "adapter", PASS, finish="length") if r is GAINED[40] else r
        for r in GAINED
    ]
    assert codes(judge(small, guard + one))[0] == ("INCONCLUSIVE", "degeneration-undecided")


def test_one_answer_of_base_that_repeats_itself_does_not_excuse_those_of_the_adapter():
    """More than all but a hundredth of base's answers shrink; its worst is no measure."""
    text = " ".join(f"{n * n} lamps" for n in range(60))
    odd = {arm: f"{'ab' * n} {text[:60]}" for arm, n in (("base", 400), ("adapter", 150))}
    rows = [
        replace(row, answer=odd[row.arm] if row.case == "godot/0" else text)
        for row in HELD + GAINED
    ]
    assert judge(BOTH, rows).degeneration.signs == {"repeats itself": {"base": 1, "adapter": 1}}
    often = [
        replace(row, answer=odd["base"]) if row in GAINED[1:3] else one
        for row, one in zip(HELD + GAINED, rows, strict=True)
    ]
    assert judge(BOTH, often).degeneration.signs == {}, "base itself does so in three of 204"


@pytest.mark.parametrize(("margin", "alpha"), [(0.02, 0.05), (0.02, 0.025), (0.1, 0.05)])
def test_so_many_prompts_without_a_degenerate_answer_prove_the_margin(margin, alpha):
    """By the exact test too: 133 prompts, which Tango's alone asks for, were undecided."""
    policy = Policy(alpha=alpha, degeneration_margin=margin, degeneration_held=True, **QUIET)
    needed = prompts_for_degeneration(policy)
    for n, proven in ((needed, True), (needed - 1, False)):
        found = registration([plan("humaneval", n, "guard")], policy)
        judged = judge(found, pair("humaneval", n, n // 2, 0, 0))
        assert (("SHIP", "not-degenerate") in codes(judged)) is proven
        assert (judged.degeneration.guard.state is GuardState.HELD) is proven
        free = registration([plan("humaneval", n, "guard")], policy.model_copy(
            update={"degeneration_held": False}))  # fmt: skip
        rows = pair("humaneval", n, n // 2, 0, 0)
        assert ("SHIP", "not-degenerate") in codes(judge(free, rows))


def test_the_first_twenty_prompts_decide_nothing():
    """F1.12: 19 of 20 is not 95 % of a suite of 164."""
    head = receipts("humaneval", base=outcomes(19, 20), adapter=outcomes(19, 20))
    assert codes(judge(BOTH, head + GAINED))[0] == ("VOID", "incomplete")
    claimed = registration(
        [GUARD, FACET], claims=[claim("HumanEval 95 %", "humaneval", "pass@1", 0.95)]
    )
    whole = pair("humaneval", 164, 116, 0, 0)
    assert codes(judge(claimed, whole + GAINED))[0] == ("NO-SHIP", "claim-false")


def test_arms_of_unequal_length_decide_nothing():
    """F1.14: 24 cases against 30."""
    short = registration([GUARD, plan("godot", 30)])
    rows = receipts("godot", base=outcomes(0, 30), adapter=outcomes(24, 24))
    assert codes(judge(short, HELD + rows))[0] == ("VOID", "incomplete")
    rows = receipts("godot", base=outcomes(0, 30), adapter=outcomes(24, 30))
    assert judge(short, HELD + rows).verdict.name is Name.SHIP


def test_dropped_failures_are_found_and_do_not_count_as_passes():
    rows = [r for r in HELD if not (r.arm == "adapter" and r.outcome == FAIL)]
    assert codes(judge(BOTH, rows + GAINED))[0] == ("VOID", "incomplete")


def test_unjudged_answers_void_over_the_limit_and_decide_nothing_under_it():
    base, adapter = flips(164, 60, 0, 2)
    many = receipts("humaneval", base=base, adapter=[OPEN] * 4 + adapter[4:])
    said = judge(BOTH, many + GAINED)
    assert codes(said)[0] == ("VOID", "unverified")
    assert "4 of 164 answers of one arm" in said.verdict.reasons[0].text
    few = receipts("humaneval", base=base, adapter=adapter[:-3] + [OPEN] * 3)
    judged = judge(BOTH, few + GAINED)
    assert judged.scores["humaneval"].results["guard"].state is GuardState.HELD, (
        "they failed on both arms: the same either way"
    )
    unsure = receipts("humaneval", base=[*base[:-3], OPEN, OPEN, OPEN], adapter=adapter)
    judged = judge(BOTH, unsure + GAINED)
    assert not judged.scores["humaneval"].results["guard"].held.agreed
    assert codes(judged)[0] == ("INCONCLUSIVE", "undecided")


def test_gains_are_tested_together():
    """Holm: a gain of p = .035 stands alone and beside sure ones, and falls beside one as weak as
    itself."""
    weak = pair("prose", 40, 0, 7, 1)
    alone = registration([GUARD, plan("prose", 40)])
    assert judge(alone, HELD + weak).verdict.name is Name.SHIP
    every = Policy(gains="every", **QUIET)
    family = registration([GUARD, plan("prose", 40), plan("code", 40), plan("maths", 40)], every)
    rows = HELD + weak + pair("code", 40, 0, 7, 1) + pair("maths", 40, 0, 30, 0)
    judged = judge(family, rows)
    assert ("INCONCLUSIVE", "no-gain") in codes(judged)
    assert judged.verdict.name is Name.INCONCLUSIVE
    sure = HELD + weak + pair("code", 40, 0, 30, 0) + pair("maths", 40, 0, 30, 0)
    assert judge(family, sure).verdict.name is Name.SHIP, "Holm, not Bonferroni"


def test_every_owed_suite_has_one_reason():
    reasons = judge(BOTH, HELD + GAINED).reasons
    assert {id: r.code for id, r in reasons.items()} == {"humaneval": "held", "godot": "improved"}
    assert judge(BOTH, HELD).reasons["godot"].code == "not-measured"


def test_a_facet_without_gain_says_how_many_prompts_would_show_it():
    judged = judge(BOTH, HELD + pair("godot", 40, 10, 4, 2))
    assert codes(judged)[0] == ("INCONCLUSIVE", "no-gain")
    assert "prompts would show it" in judged.verdict.reasons[0].text
    assert (
        "would not show one"
        in judge(BOTH, HELD + pair("godot", 40, 10, 2, 2)).verdict.reasons[0].text
    )
    assert codes(judge(BOTH, HELD + pair("godot", 40, 10, 0, 12)))[0] == ("NO-SHIP", "worse")


def test_a_secondary_facet_need_not_gain_but_may_not_lose():
    policy = Policy(secondary=["prose"], **QUIET)
    found = registration([GUARD, FACET, plan("prose", 80)], policy)
    assert judge(found, HELD + GAINED + pair("prose", 80, 40, 0, 0)).verdict.name is Name.SHIP
    for gained, lost, expected in (
        (2, 4, ("INCONCLUSIVE", "undecided")),
        (0, 20, ("NO-SHIP", "secondary-worse")),
    ):
        rows = HELD + GAINED + pair("prose", 80, 40, gained, lost)
        assert codes(judge(found, rows))[0] == expected


def test_an_adapter_that_loses_to_a_prompt_is_told_so():
    found = registration([GUARD, plan("godot", 40, canon="Write GDScript.")])
    base, adapter = flips(40, 0, 20, 0)
    for passed, expected in (
        (0, "improved"),
        (20, "no-gain-over-prompt"),
        (36, "worse-than-prompt"),
    ):
        rows = receipts("godot", base=base, adapter=adapter, canon=outcomes(passed, 40))
        assert expected in [code for _, code in codes(judge(found, HELD + rows))]
    rows = receipts("godot", base=base, adapter=adapter)
    assert codes(judge(found, HELD + rows))[0] == ("VOID", "incomplete"), "a baseline left out"


def test_base_against_itself_must_hold_before_anything_else_is_read():
    found = registration([plan("humaneval", 164, "guard", again=True), FACET])
    base, adapter = flips(164, 58, 0, 2)
    still = receipts("humaneval", base=base, adapter=adapter, again=base)
    assert judge(found, still + GAINED).verdict.name is Name.SHIP
    third = found.model_copy(update={"look": 3})
    held = {"humaneval.ok": certificate("humaneval.ok")}
    scores = [scorecard.score(f, "humaneval", held, still) for f in (found, third)]
    one, late = (score.results for score in scores)
    same = {id: one[id].comparison == late[id].comparison for id in one}
    assert same == {"guard": False, "again": True}, "the instrument is not corrected for looks"
    noisy = receipts("humaneval", base=base, adapter=adapter, again=outcomes(40, 164))
    assert codes(judge(found, noisy + GAINED))[0] == ("VOID", "base-against-base")


def test_an_obvious_regression_stops_the_run_and_no_stop_can_ship():
    policy = Policy(again=False, sentinels=0)
    found = registration([GUARD, FACET], policy)
    order = [int(id.rpartition("/")[2]) for id, _ in GUARD.cases]
    base = receipts("humaneval", base=[PASS] * 164)
    worse = base + [receipt("humaneval", i, "adapter", FAIL) for i in order[:32]]
    judged = judge(found, worse)
    assert codes(judged)[0] == ("NO-SHIP", "stopped")
    stop = judged.scores["humaneval"].stop
    assert (stop.at, stop.lost) == (7, 7), "seven losses in a row"
    assert 20 <= stop.evidence < 20 * 1.9, "from here on, and from no prompt later"
    held = {"humaneval.ok": certificate("humaneval.ok")}
    few = registration([plan("humaneval", 40, "guard")], policy)
    begun, *_, last = few.plans["humaneval"].counted
    of_base = receipts("humaneval", base=[PASS] * 40)
    asked = receipt("humaneval", int(begun.rpartition("/")[2]), "adapter", PASS)
    part = [*(row for row in of_base if row.case != last), asked]
    stops = [scorecard.lost(few, "humaneval", held, rows) for rows in (of_base, part)]
    assert stops == [None, None], "the adapter was not asked, or base not all of it"
    whole = judge(found, pair("humaneval", 164, 60, 6, 8) + GAINED)
    assert whole.scores["humaneval"].stop is None, "what is asked to its end is not stopped"
    assert whole.reasons["humaneval"].code == "undecided"
    better = base + [receipt("humaneval", i, "adapter", PASS) for i in order[:32]]
    part = judge(found, better)
    assert codes(part)[0] == ("VOID", "incomplete")
    assert part.scores["humaneval"].rates["base"].n == 32, "base is shown on the same prompts"
    hopeless = base + [
        receipt("humaneval", i, "adapter", FAIL if k % 8 == 0 else PASS)
        for k, i in enumerate(order[:80])
    ]
    judged = judge(found, hopeless)
    assert codes(judged)[0] == ("NO-SHIP", "stopped")
    assert judged.scores["humaneval"].stop.rule == "certain", "base passes all: none can be gained"


def test_not_significant_is_never_written_as_equal():
    """F6.3: three paired series; the words follow from the two tests, not from p > .05."""
    unsure = (0.031, -0.012, 0.044, 0.008, -0.021)
    close = (0.004, -0.003, 0.006, 0.001, -0.002)
    zero = [0.0] * 5
    assert not tost_paired(unsure, zero, -0.02, 0.02).p <= 0.05, "not established"
    assert tost_paired(close, zero, -0.02, 0.02).p <= 0.05, "equivalent"
    text = str(judge(BOTH, pair("humaneval", 164, 96, 20, 20) + GAINED).verdict.to_json())
    assert not any(
        word in text for word in ("equal", "equivalent", "unchanged performance", "no difference")
    )


def test_simulated_gates_ship_what_did_not_change_and_nothing_that_is_damaged():
    """The benchmark of the gate's error rates, on a few gates: an unchanged adapter, and one that
    lost 20 points."""
    sys.path.insert(0, str(DOCS.parent.parent / "benchmarks"))
    from simulated_gates import Cell, measured

    plain = Cell(
        n=164,
        samples=1,
        answers="steady",
        margin=0.05,
        discordance=0.02,
        youden=1.0,
        difference=0.0,
    )
    assert measured(plain, gates=20, seed=1)["verdicts"]["SHIP"] >= 15
    damaged = measured(replace(plain, discordance=0.2, difference=-0.2), gates=20, seed=1)
    assert damaged["verdicts"]["NO-SHIP"] == 20
