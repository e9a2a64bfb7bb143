"""What is worse than the last release does not ship, however much better than base it is."""

from __future__ import annotations

import pytest
from gates import QUIET, codes, flips, judge, outcomes, plan, receipts, registration

from harness.content.policy import Policy
from harness.deciding.instrument.feasible import undecidable
from harness.evidence.registration import Registration
from harness.subjects.arms import PREVIOUS, arms, contrasts
from harness.verdict import Name

LAST = "sha256:" + "c" * 64
N = {"humaneval": 164, "godot": 80}


def against_last(status: str = "candidate", **policy: object) -> Registration:
    """A gate of a guard and a facet with a last release."""
    plans = []
    for id, n in N.items():
        made = plan(id, n, "guard" if id == "humaneval" else "facet")
        base, adapter = made.arms[0].weights, made.arms[1].mount
        asked = arms(base, adapter, guard=made.role == "guard", previous=LAST)
        kind = "guard" if made.role == "guard" else "primary"
        update = {"arms": asked, "contrasts": contrasts(asked, kind, 0.05)}
        plans.append(made.model_copy(update=update))
    return registration(plans, Policy(**QUIET, **policy), previous="soul2", status=status)


def rows(suite: str, both: int, gained: int, lost: int, base: int) -> list:
    """Receipts of the adapter against the last release, with ``base`` passes of base."""
    previous, adapter = flips(N[suite], both, gained, lost)
    found = receipts(suite, base=outcomes(base, N[suite]), adapter=adapter)
    return found + [
        row.__class__(**{**row.__dict__, "subject": LAST})
        for row in receipts(suite, **{PREVIOUS: previous})
    ]


SAME = rows("humaneval", 60, 0, 0, 60)


@pytest.mark.parametrize(
    ("moved", "policy", "name", "code"),
    [
        ((0, 0), {}, Name.SHIP, "previous-held"),
        ((2, 4), {}, Name.SHIP, "previous-open"),
        ((2, 4), {"previous_held": True}, Name.INCONCLUSIVE, "previous-undecided"),
        ((0, 9), {}, Name.NO_SHIP, "worse-than-previous"),
    ],
)
def test_a_facet_is_held_against_the_last_release_beside_base(moved, policy, name, code):
    gained, lost = moved
    judged = judge(against_last(**policy), SAME + rows("godot", 50 - lost, gained, lost, 5))
    found = {(one.about, one.code): one for one in judged.verdict.reasons}
    assert ("godot", "improved") in found
    assert ("humaneval", "previous-held") in found
    assert (judged.verdict.name, ("godot", code) in found) == (name, True), codes(judged)
    said = found["godot", code]
    assert "the last release (soul2)" in said.text
    assert len(said.cases) == lost
    assert f"adapter {50 - lost + gained}/80" in said.text
    assert "previous 50/80" in said.text


def test_a_guard_may_be_lost_against_the_last_release_alone():
    lost = rows("humaneval", 60, 0, 20, 60)
    judged = judge(against_last(), lost + rows("godot", 50, 0, 0, 5))
    assert codes(judged)[0] == ("NO-SHIP", "worse-than-previous")
    assert "humaneval/60" in judged.verdict.reasons[0].text


def test_an_unfinished_last_release_leaves_the_suite_unread():
    some = [row for row in rows("godot", 50, 0, 0, 5) if row.arm != PREVIOUS or row.case[-1] != "7"]
    judged = judge(against_last(), SAME + some)
    assert ("VOID", "incomplete") in codes(judged)
    assert ("SHIP", "previous-held") in codes(judged)  # of the guard, which is whole
    assert [one.about for one in judged.verdict.reasons if "previous" in one.code] == ["humaneval"]


def test_a_fixture_never_ships_and_keeps_its_own_verdict_otherwise():
    clean = SAME + rows("godot", 50, 0, 0, 5)
    judged = judge(against_last("fixture"), clean)
    assert codes(judged)[0] == ("NO-SHIP", "fixture")
    assert judge(against_last(), clean).verdict.name is Name.SHIP
    lost = rows("humaneval", 20, 0, 40, 60) + rows("godot", 50, 0, 0, 5)
    assert ("NO-SHIP", "fixture") not in codes(judge(against_last("fixture"), lost))


def test_a_plan_that_must_hold_both_needs_the_power_for_both():
    sure = {"humaneval": 1.0, "godot": 1.0}
    assert undecidable(against_last(min_power=0.75), sure) == []
    assert undecidable(against_last(min_power=0.75, previous_held=True), sure)
