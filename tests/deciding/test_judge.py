"""Decisions on simulated receipts: each planted fault stands beside its clean twin."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from gates import (
    ADAPTER,
    FAIL,
    OPEN,
    PASS,
    certificate,
    codes,
    flips,
    judge,
    outcomes,
    pair,
    plan,
    prompt,
    receipt,
    receipts,
    registration,
    sentinel,
)
from pydantic import ValidationError

from harness.content.library import Claim
from harness.content.policy import Policy
from harness.deciding.feasible import undecidable
from harness.errors import RunError
from harness.evidence.ledger import Ledger
from harness.stats.paired import GuardState
from harness.stats.subjects.equivalence import tost_paired
from harness.verdict import Name, table

DOCS = Path(__file__).parents[2] / "docs" / "method.md"
QUIET = {"early_stop": False, "again": False, "sentinels": 0}
GUARD, FACET = plan("humaneval", 164, "guard"), plan("godot", 40)
BOTH = registration([GUARD, FACET])
HELD, GAINED = pair("humaneval", 164, 58, 0, 2), pair("godot", 40, 0, 35, 0)


def test_a_held_guard_and_a_gained_facet_ship_and_the_text_carries_the_margin():
    judged = judge(BOTH, HELD + GAINED)
    assert judged.verdict.name is Name.SHIP
    held = next(reason for reason in judged.verdict.reasons if reason.code == "held")
    assert held.text.startswith("not worse than base by more than 5 points (95 % one-sided)")
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
    assert score.rates["adapter"].floor == pytest.approx(floor, abs=6e-4)
    assert judged.verdict.name is (Name.SHIP if state is GuardState.HELD else Name.INCONCLUSIVE)
    if state is GuardState.INCONCLUSIVE:
        assert "247 prompts would decide it" in judged.verdict.reasons[0].text


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
    assert "ran out of tokens: 0 of base's, 40 of the adapter's" in judged.verdict.reasons[0].text
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


def test_the_first_twenty_prompts_decide_nothing():
    """F1.12: 19 of 20 is not 95 % of a suite of 164."""
    head = receipts("humaneval", base=outcomes(19, 20), adapter=outcomes(19, 20))
    assert codes(judge(BOTH, head + GAINED))[0] == ("VOID", "incomplete")
    claimed = registration(
        [GUARD, FACET], claims=[claim("HumanEval 95 %", "humaneval", "pass@1", 0.95)]
    )
    whole = pair("humaneval", 164, 116, 0, 0)
    assert codes(judge(claimed, whole + GAINED))[0] == ("NO-SHIP", "claim-false")


def test_prompts_are_counted_once():
    """F1.13: five prompts cycled to 120 are five prompts."""
    digests = FACET.cases[:5]
    with pytest.raises(ValidationError, match="stands twice"):
        plan("godot", 40, cases=digests * 24)
    with pytest.raises(ValidationError, match="stands twice"):
        plan("godot", 40, cases=[[f"godot/{i}", digests[i % 5][1]] for i in range(120)])
    assert len(plan("godot", 40, cases=digests).cases) == 5


def test_arms_of_unequal_length_decide_nothing():
    """F1.14: 24 cases against 30."""
    short = registration([GUARD, plan("godot", 30)])
    rows = receipts("godot", base=outcomes(0, 30), adapter=outcomes(24, 24))
    assert codes(judge(short, HELD + rows))[0] == ("VOID", "incomplete")
    rows = receipts("godot", base=outcomes(0, 30), adapter=outcomes(24, 30))
    assert judge(short, HELD + rows).verdict.name is Name.SHIP


def test_a_dropped_suite_is_not_measured_and_a_dropped_facet_is_named():
    """F1.17: leaving the failed suite out raises the mean and voids the gate."""
    assert codes(judge(BOTH, HELD))[0] == ("VOID", "not-measured")
    unowed = registration([GUARD, FACET], facets=["godot", "shaders"])
    assert codes(judge(unowed, HELD + GAINED))[0] == ("INCONCLUSIVE", "facet-not-measured")
    no_facet = registration([GUARD])
    assert codes(judge(no_facet, HELD))[0] == ("INCONCLUSIVE", "no-claim")


def test_dropped_failures_are_found_and_do_not_count_as_passes():
    rows = [r for r in HELD if not (r.arm == "adapter" and r.outcome == FAIL)]
    assert codes(judge(BOTH, rows + GAINED))[0] == ("VOID", "incomplete")


def test_another_subject_or_prompt_under_a_registered_name_is_void():
    """F6.2, F1.9: what is called base, or the revision that was judged, is what was registered."""
    other = "sha256:" + "c" * 64
    relabelled = [receipt("godot", i, "base", FAIL, subject=other) for i in range(40)]
    rows = relabelled + [r for r in GAINED if r.arm == "adapter"]
    assert codes(judge(BOTH, HELD + rows))[0] == ("VOID", "subject")
    swapped = [receipt("godot", 0, "base", FAIL, prompt=prompt("godot", 1)), *GAINED[1:]]
    assert codes(judge(BOTH, HELD + swapped))[0] == ("VOID", "prompt")


def test_unjudged_answers_void_over_the_limit_and_decide_nothing_under_it():
    base, adapter = flips(164, 60, 0, 2)
    many = receipts("humaneval", base=base, adapter=[OPEN] * 4 + adapter[4:])
    assert codes(judge(BOTH, many + GAINED))[0] == ("VOID", "unverified")
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
    family = registration([GUARD, plan("prose", 40), plan("code", 40), plan("maths", 40)])
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
    found = registration([GUARD, FACET, plan("prose", 40)], policy)
    assert judge(found, HELD + GAINED + pair("prose", 40, 20, 0, 0)).verdict.name is Name.SHIP
    assert codes(judge(found, HELD + GAINED + pair("prose", 40, 10, 0, 20)))[0] == (
        "NO-SHIP",
        "secondary-worse",
    )


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
    noisy = receipts("humaneval", base=base, adapter=adapter, again=outcomes(40, 164))
    assert codes(judge(found, noisy + GAINED))[0] == ("VOID", "base-against-base")


def test_a_verifier_that_is_wrong_about_a_sentinel_voids_the_run():
    known = {"godot.ok": [["fine", "good"], ["empty", "bad"]]}
    found = registration([GUARD, FACET], sentinels=known)

    def shown(fine: str, empty: str):
        return [sentinel("godot.ok", "fine", fine), sentinel("godot.ok", "empty", empty)]

    assert judge(found, HELD + GAINED + shown(PASS, FAIL)).verdict.name is Name.SHIP
    assert codes(judge(found, HELD + GAINED + shown(PASS, PASS)))[0] == ("VOID", "sentinel")
    assert codes(judge(found, HELD + GAINED + shown(OPEN, FAIL)))[0] == ("VOID", "sentinel")
    assert codes(judge(found, HELD + GAINED))[0] == ("VOID", "not-measured")


def test_unfit_verifiers_judge_nothing():
    thin = {"godot.ok": certificate("godot.ok", 28, 59)}
    assert codes(judge(BOTH, HELD + GAINED, thin))[0] == ("VOID", "certificate")
    least = {"godot.ok": certificate("godot.ok", 29, 59)}
    assert judge(BOTH, HELD + GAINED, least).verdict.name is Name.SHIP
    wrong = {"godot.ok": certificate("godot.ok", false_passes=["a bad one"])}
    assert codes(judge(BOTH, HELD + GAINED, wrong))[0] == ("VOID", "certificate")
    demanding = registration([GUARD, FACET], Policy(min_youden=0.9, **QUIET))
    assert codes(judge(demanding, HELD + GAINED, least))[0] == ("VOID", "verifiers-weak")
    assert judge(demanding, HELD + GAINED).verdict.name is Name.SHIP


def claim(
    text: str, suite: str | None, metric: str, value: float, tolerance: float = 0.001
) -> Claim:
    return Claim(text=text, suite=suite, metric=metric, value=value, tolerance=tolerance)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (claim("HumanEval 70.7 %", "humaneval", "pass@1", 0.707), "claim-holds"),
        (claim("HumanEval 95 %", "humaneval", "pass@1", 0.95), "claim-false"),
        (claim("+87 points", "godot", "gain", 0.875), "claim-holds"),
        (claim("500 kB", None, "megabytes", 0.5, 0.01), "claim-holds"),
        (claim("100 MB", None, "megabytes", 100, 1), "claim-false"),  # F1.18
        (claim("COBOL 90 %", "cobol", "elite_rate", 0.9), "claim-not-measured"),
    ],
)
def test_published_claims_are_held_against_receipts(made, expected):
    judged = judge(
        registration([GUARD, FACET], claims=[made]), pair("humaneval", 164, 116, 0, 0) + GAINED
    )
    assert expected in [code for _, code in codes(judged)]
    assert judged.verdict.name is {"claim-holds": Name.SHIP, "claim-false": Name.NO_SHIP}.get(
        expected, Name.INCONCLUSIVE
    )


def test_an_obvious_regression_stops_the_run_and_no_stop_can_ship():
    policy = Policy(again=False, sentinels=0)
    found = registration([GUARD, FACET], policy)
    order = [int(id.rpartition("/")[2]) for id, _ in GUARD.cases]
    base = receipts("humaneval", base=[PASS] * 164)
    worse = base + [receipt("humaneval", i, "adapter", FAIL) for i in order[:32]]
    judged = judge(found, worse)
    assert codes(judged)[0] == ("NO-SHIP", "stopped")
    assert judged.scores["humaneval"].stop.at == 7, "seven losses in a row"
    better = base + [receipt("humaneval", i, "adapter", PASS) for i in order[:32]]
    assert codes(judge(found, better))[0] == ("VOID", "incomplete")
    hopeless = base + [
        receipt("humaneval", i, "adapter", FAIL if k % 8 == 0 else PASS)
        for k, i in enumerate(order[:80])
    ]
    assert judge(found, hopeless).scores["humaneval"].stop.rule == "curtailment"


def test_a_run_that_differs_from_its_registration_is_void():
    """F6.4: the margin was edited after the registration."""
    assert (
        judge(BOTH, HELD + GAINED, registered=BOTH.model_copy(update={"look": 2})).verdict.name
        is Name.SHIP
    )
    edited = registration([plan("humaneval", 164, "guard", margin=0.1), FACET])
    judged = judge(edited, HELD + GAINED, registered=BOTH)
    assert codes(judged)[0] == ("VOID", "registration")
    assert (
        "plans.humaneval.contrasts[0].margin was 0.05 when registered and is 0.1"
        in judged.verdict.reasons[0].text
    )
    demanding = registration([GUARD, FACET], Policy(registered=True, **QUIET))
    assert codes(judge(demanding, HELD + GAINED))[0] == ("VOID", "not-registered")


def test_a_margin_that_the_prompts_cannot_decide_is_refused_with_what_could():
    for margin, n, ok in (
        (0.05, 164, True),
        (0.03, 164, True),
        (0.025, 164, False),
        (0.02, 164, False),
        (0.02, 2000, True),
    ):
        found = registration([plan("humaneval", n, "guard", margin=margin), FACET])
        refused = undecidable(found, {"humaneval": 1.0, "godot": 1.0})
        assert (not refused) is ok, (margin, n)
    short = registration(
        [plan("humaneval", 90, "guard", margin=0.1), FACET], Policy(degeneration_held=True, **QUIET)
    )
    few = undecidable(short, {"humaneval": 1.0, "godot": 1.0})
    assert len(few) == 1
    assert few[0].startswith(
        "degeneration: a margin of 2 points cannot be held with 130 prompts in all"
    )
    assert few[0].endswith("133 could")
    hopeless = registration([plan("humaneval", 164, "guard", margin=0.02), FACET])
    assert (
        "773 prompts would decide it" in undecidable(hopeless, {"humaneval": 1.0, "godot": 1.0})[0]
    )


def test_seeds_and_samples_that_were_registered_must_all_be_there():
    """F6.5: the best of five samples is not five samples."""
    policy = Policy(samples=5, **QUIET)
    found = registration([GUARD, FACET], policy)

    def rows(kept):
        guard = [receipt("humaneval", i, arm, PASS if i < 60 else FAIL, sample=s)
                 for arm in ("base", "adapter") for i in range(164) for s in kept]  # fmt: skip
        facet = [receipt("godot", i, arm, PASS if arm == "adapter" else FAIL, sample=s)
                 for arm in ("base", "adapter") for i in range(40) for s in kept]  # fmt: skip
        return guard + facet

    assert judge(found, rows(range(5))).verdict.name is Name.SHIP
    assert codes(judge(found, rows((0, 1, 2, 4))))[0] == ("VOID", "not-measured")


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


def test_looks_at_the_same_prompts_cost_alpha_and_are_remembered(tmp_path):
    ledger = Ledger(tmp_path / "looks.jsonl")
    assert ledger.look(BOTH) == 1
    ledger.record(BOTH)
    ledger.record(BOTH)
    together = [Ledger(tmp_path / "looks.jsonl") for _ in range(2)]
    for ledger, name in zip(together, ("fullstack", "soul"), strict=True):
        ledger.record(registration([GUARD, FACET], adapter=name))
    again = Ledger(tmp_path / "looks.jsonl")
    assert again.look(BOTH) == 1, "the same adapter by the same rules is the same look"
    retry = registration([GUARD, FACET], adapter_digest=ADAPTER.replace("a" * 64, "d" * 64))
    assert again.look(retry) == 2
    again.record(retry)
    looser = registration([plan("humaneval", 164, "guard", margin=0.1), FACET])
    assert Ledger(tmp_path / "looks.jsonl").look(looser) == 3, (
        "other rules on seen answers are another look"
    )
    assert (
        Ledger(tmp_path / "looks.jsonl").look(registration([GUARD, FACET], adapter="legacy")) == 1
    )
    alphas = [BOTH.model_copy(update={"look": m}).alpha for m in (1, 2, 3)]
    assert alphas == pytest.approx([0.05, 0.05 / 6, 0.05 / 12])
    spent = registration([GUARD, FACET], look=21)
    assert "spent" in [code for _, code in codes(judge(spent, HELD + GAINED))]
    lines = (tmp_path / "looks.jsonl").read_text().splitlines()
    (tmp_path / "looks.jsonl").write_text("\n".join(lines[1:]) + "\n")
    with pytest.raises(
        RunError, match=r"looks\.jsonl:1: this look or one before it was edited or removed"
    ):
        Ledger(tmp_path / "looks.jsonl")


def test_a_claim_names_its_suite():
    with pytest.raises(ValidationError, match="names the suite"):
        claim("50 %", None, "pass@1", 0.5)


def test_simulated_gates_ship_what_did_not_change_and_nothing_that_is_damaged():
    """The benchmark of the gate's error rates, on a few gates: an unchanged adapter, and one that
    lost 20 points."""
    sys.path.insert(0, str(DOCS.parent.parent / "benchmarks"))
    from operating_characteristic import Cell, measured

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


def test_every_key_of_the_policy_and_every_reason_is_documented():
    text = DOCS.read_text(encoding="utf-8")
    undocumented = [key for key in Policy.model_fields if f"`{key}`" not in text]
    assert undocumented == []
    assert table() in text, "python -c 'from harness.verdict import table; print(table())'"
