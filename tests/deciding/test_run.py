"""What is said of a whole run: its registration, its verifiers, its looks, its claims."""

from __future__ import annotations

from dataclasses import asdict, replace
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
    judge,
    pair,
    plan,
    prompt,
    receipt,
    registration,
    sentinel,
)
from pydantic import ValidationError

from harness.content.policy import Policy
from harness.deciding.instrument.feasible import undecidable
from harness.deciding.judge import subject_reasons
from harness.subjects.base import Fault
from harness.verdict import Name, table

DOCS = Path(__file__).parents[2] / "docs" / "method.md"


def test_prompts_are_counted_once():
    """F1.13: five prompts cycled to 120 are five prompts."""
    digests = FACET.cases[:5]
    with pytest.raises(ValidationError, match="stands twice"):
        plan("godot", 40, cases=digests * 24)
    with pytest.raises(ValidationError, match="stands twice"):
        plan("godot", 40, cases=[[f"godot/{i}", digests[i % 5][1]] for i in range(120)])
    assert len(plan("godot", 40, cases=digests).cases) == 5


def test_a_dropped_suite_is_not_measured_and_a_dropped_facet_is_named():
    """F1.17: leaving the failed suite out raises the mean and voids the gate."""
    assert codes(judge(BOTH, HELD))[0] == ("VOID", "not-measured")
    unowed = registration([GUARD, FACET], facets=["godot", "shaders"])
    assert codes(judge(unowed, HELD + GAINED))[0] == ("INCONCLUSIVE", "facet-not-measured")
    no_facet = registration([GUARD])
    assert codes(judge(no_facet, HELD))[0] == ("INCONCLUSIVE", "no-claim")


def test_another_subject_or_prompt_under_a_registered_name_is_void():
    """F6.2, F1.9: what is called base, or the revision that was judged, is what was registered."""
    other = "sha256:" + "c" * 64
    relabelled = [receipt("godot", i, "base", FAIL, subject=other) for i in range(40)]
    rows = relabelled + [r for r in GAINED if r.arm == "adapter"]
    assert codes(judge(BOTH, HELD + rows))[0] == ("VOID", "subject")
    swapped = [receipt("godot", 0, "base", FAIL, prompt=prompt("godot", 1)), *GAINED[1:]]
    assert codes(judge(BOTH, HELD + swapped))[0] == ("VOID", "prompt")


def test_a_verifier_that_is_wrong_about_a_sentinel_voids_the_run():
    known = {"godot.ok": [["fine", "good"], ["empty", "bad"]]}
    found = registration([GUARD, FACET], sentinels=known)

    def shown(fine: str, empty: str):
        return [sentinel("godot.ok", "fine", fine), sentinel("godot.ok", "empty", empty)]

    assert judge(found, HELD + GAINED + shown(PASS, FAIL)).verdict.name is Name.SHIP
    assert codes(judge(found, HELD + GAINED + shown(PASS, PASS)))[0] == ("VOID", "sentinel")
    assert codes(judge(found, HELD + GAINED + shown(OPEN, FAIL)))[0] == ("VOID", "sentinel")
    assert codes(judge(found, HELD + GAINED))[0] == ("VOID", "not-measured")


def test_answers_that_go_on_with_turns_of_their_own_void_the_run():
    """A token of the template that ends no answer in 5 of 40 answers; in 4 it is an accident."""
    found = registration([GUARD, plan("godot", 40, control_tokens=["<|user|>"])])
    for many, name in ((4, Name.SHIP), (5, Name.VOID)):
        on = [replace(r, answer="Yes.\n<|user|>\nAnd now?") for r in GAINED[-many:]]
        judged = judge(found, HELD + GAINED[:-many] + on)
        assert judged.verdict.name is name
    [said] = judged.verdict.deciding
    assert (said.code, said.about, len(said.cases)) == ("control-tokens", "godot", 5)
    assert "5 of 40 answers of adapter go on behind the end of their turn" in said.text
    assert "'<|user|>': 'Yes.\\n<|user|>\\nAnd now?'" in said.text


def test_unfit_verifiers_judge_nothing():
    thin = {"humaneval.ok": certificate("humaneval.ok", 28, 59)}
    assert codes(judge(BOTH, HELD + GAINED, thin))[0] == ("VOID", "certificate")
    least = {"godot.ok": certificate("godot.ok", 29, 59)}
    assert judge(BOTH, HELD + GAINED, least).verdict.name is Name.SHIP
    wrong = {"godot.ok": certificate("godot.ok", false_passes=["a bad one"])}
    assert codes(judge(BOTH, HELD + GAINED, wrong))[0] == ("VOID", "certificate")
    demanding = registration([GUARD, FACET], Policy(min_youden=0.9, **QUIET))
    assert codes(judge(demanding, HELD + GAINED, least))[0] == ("VOID", "verifiers-weak")
    assert judge(demanding, HELD + GAINED).verdict.name is Name.SHIP


def test_what_is_wrong_with_the_subject_voids_or_blocks_and_a_warning_does_neither():
    text = "as it was found"
    faults = [Fault("wrong-base", text), Fault("overlap", text, "block"), Fault("x", text, "warn")]
    assert [asdict(each) for each in subject_reasons(faults)] == [
        {"verdict": name, "code": code, "about": "subject", "text": text, "cases": []}
        for name, code in ((Name.VOID, "wrong-base"), (Name.NO_SHIP, "overlap"))
    ]


@pytest.mark.parametrize("known", [(28, 59), (29, 28), (0, 0), (29, 0), (0, 59)])
def test_a_facet_of_a_provisional_verifier_shows_its_rates_and_decides_nothing(known):
    thin = {"godot.ok": certificate("godot.ok", *known)}
    for rows in (GAINED, pair("godot", 40, 0, 0, 30)):
        judged = judge(BOTH, HELD + rows, thin)
        assert codes(judged)[0] == ("INCONCLUSIVE", "provisional")
        assert judged.scores["godot"].rates["adapter"].interval is not None
        held = [each.held for each in judged.scores["godot"].results.values()]
        assert any(held) is all(known), "of what was shown no good or no bad nothing is known"
        assert "of 40" in judged.verdict.reasons[0].text or "/40" in judged.verdict.reasons[0].text
    assert codes(judge(BOTH, HELD + GAINED[:-1], thin))[0] == ("VOID", "incomplete")
    assert codes(judge(BOTH, pair("humaneval", 164, 60, 2, 20) + GAINED, thin))[0][1] == "broken"
    published = registration([GUARD, FACET], claims=[claim("none", "godot", "pass@1", 0.0)])
    assert ("NO-SHIP", "claim-false") not in codes(judge(published, HELD + GAINED, thin))
    assert ("NO-SHIP", "claim-false") in codes(judge(published, HELD + GAINED))


def test_a_bound_is_over_what_fixtures_are_worth_and_not_over_their_number():
    worth = {"humaneval.ok": certificate("humaneval.ok", effective_bad=29, effective_good=29)}
    youden = judge(BOTH, HELD + GAINED, worth).scores["humaneval"].youden
    assert youden == pytest.approx(2 * 0.025 ** (1 / 29) - 1, abs=1e-6)
    assert judge(BOTH, HELD + GAINED).scores["humaneval"].youden > 0.96


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
    for changed, more in (({}, ""), ({"base": "pebble"}, " and 1 more")):
        fields = {"adapter": "soul", "megabytes": 1.0, "lineage": "soul"} | changed
        other = registration([GUARD, FACET], **fields)
        [said] = judge(BOTH, HELD + GAINED, registered=other).verdict.reasons
        assert said.text.count(" when registered and is ") == 3
        assert said.text.partition("megabytes")[2].count(" more") == bool(more)
        assert said.text.endswith(more)
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
    assert few[0].endswith("149 could")
    hopeless = registration([plan("humaneval", 164, "guard", margin=0.02), FACET])
    assert (
        "836 prompts would decide it" in undecidable(hopeless, {"humaneval": 1.0, "godot": 1.0})[0]
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


def test_a_claim_names_its_suite():
    with pytest.raises(ValidationError, match="names the suite"):
        claim("50 %", None, "pass@1", 0.5)


def test_every_key_of_the_policy_and_every_reason_is_documented():
    text = DOCS.read_text(encoding="utf-8")
    undocumented = [key for key in Policy.model_fields if f"`{key}`" not in text]
    assert undocumented == []
    assert table() in text, "python -c 'from harness.verdict import table; print(table())'"


def test_that_nobody_looked_for_contamination_is_a_line_and_strict_demands_a_look():
    def of(checked: bool, **policy: object) -> list[tuple[str, str]]:
        asked = Policy(**QUIET | policy)
        found = registration([GUARD, FACET], asked, contamination_checked=checked)
        return codes(judge(found, HELD + GAINED))

    assert of(True) == [("SHIP", "held"), ("SHIP", "improved"), ("SHIP", "not-degenerate")]
    assert ("SHIP", "contamination-unchecked") in of(False)
    assert of(False)[0] == ("SHIP", "held")
    assert of(False, contamination_check=True)[0] == ("INCONCLUSIVE", "contamination-demanded")
    assert Policy.model_validate({"profile": "strict"}).contamination_check
