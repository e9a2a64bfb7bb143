"""What holds on the whole may be lost on a slice: one that the policy names is a guard."""

from __future__ import annotations

import pytest
from gates import GAINED, QUIET, codes, judge, pair, plan, receipts, registration

from harness.content.policy import Policy
from harness.deciding.instrument.feasible import undecidable
from harness.evidence.registration import Registration
from harness.verdict import Name

N, TAGGED = 164, 80  # prompts, and those of the slice
SURE = {"humaneval": 1.0, "godot": 1.0}


def sliced(slices: dict[str, float], tagged: int = TAGGED, **policy: object) -> Registration:
    """A gate whose guard has its first prompts tagged ``strings``, the others ``numbers``."""
    tags = {f"humaneval/{n}": ["strings" if n < tagged else "numbers"] for n in range(N)}
    plans = [plan("humaneval", N, "guard", margin=0.1, tags=tags), plan("godot", 40)]
    return registration(plans, Policy(**QUIET | policy, slices={"humaneval": slices}))


def answers(lost: int, gained: int) -> list:
    """An adapter that lost the first prompts of the slice and gained as many elsewhere."""
    base = ["pass"] * 40 + ["fail"] * (N - 40)
    adapter = ["fail"] * lost + ["pass"] * (40 - lost) + ["fail"] * (N - 40)
    adapter[TAGGED : TAGGED + gained] = ["pass"] * gained
    return receipts("humaneval", base=base, adapter=adapter) + GAINED


def test_a_slice_that_is_lost_stops_what_the_whole_would_let_pass():
    lost = answers(8, 8)
    assert judge(sliced({}), lost).verdict.name is Name.SHIP
    judged = judge(sliced({"strings": 0.1}), lost)
    assert judged.verdict.name is Name.NO_SHIP
    [said] = judged.verdict.deciding
    assert (said.code, said.about, len(said.cases)) == ("slice-lost", "humaneval", 8)
    assert said.text.startswith("HumanEval, slice 'strings' lost: 10.0 points lower than base")
    assert "humaneval/7" in said.text


def test_a_slice_that_is_held_ships():
    judged = judge(sliced({"strings": 0.1, "numbers": 0.1}), answers(0, 0))
    assert judged.verdict.name is Name.SHIP
    assert codes(judged).count(("SHIP", "slice-held")) == 2
    held = judged.scores["humaneval"].slices
    assert {tag: one.rates["base"].passes for tag, one in held.items()} == {
        "numbers": 0,
        "strings": 40,
    }


@pytest.mark.parametrize(("slices", "code"), [(1, "slice-lost"), (2, "slice-undecided")])
def test_a_loss_is_claimed_by_holm_among_all_named_slices(slices, code):
    named = dict(list({"strings": 0.1, "numbers": 0.2}.items())[:slices])
    judged = judge(sliced(named), answers(5, 0))  # p = 1/32, which two slices make 1/16
    assert code in {each.code for each in judged.verdict.reasons}


def test_a_slice_of_too_few_prompts_is_undecided_and_a_plan_of_it_refused():
    few = sliced({"strings": 0.1}, tagged=12)
    assert ("INCONCLUSIVE", "slice-undecided") in codes(judge(few, answers(0, 0)))
    [said] = undecidable(few, SURE)
    assert "the 12 prompts of slice 'strings'" in said
    assert undecidable(sliced({"strings": 0.1}), SURE) == []


def test_every_tag_is_shown_and_only_named_ones_decide():
    found = judge(sliced({}), pair("humaneval", N, 30, 10, 0) + GAINED).scores["humaneval"]
    shown = {each["tag"]: each for each in found.to_json()["slices"]}
    assert shown["strings"]["rates"]["adapter"]["passes"] == 40
    assert shown["strings"]["result"]["held"] is None
