"""Passing answers before a second judge: an adapter that learnt to please its verifier is not
shipped for it, and its honest twin is."""

import random
from dataclasses import replace

import pytest
from gates import FACET, GUARD, QUIET, certificate, codes, pair, registration

from harness.content.policy import Policy
from harness.deciding import judge as gate
from harness.deciding import labels
from harness.evidence.labels import Label, Labels, Row
from harness.stats.intervals import upper_count
from harness.subjects.base import Preflight

HEAD = "sha256:" + "0" * 64
HELD, GAINED = pair("humaneval", 164, 100, 6, 2), pair("godot", 40, 0, 35, 0)
ROWS = HELD + GAINED


def registered(trained_by=("humaneval.ok",), **policy):
    return registration([GUARD, FACET], Policy(**QUIET, **policy), trained_by=list(trained_by))


def labelled(found, rows, fake=(), suites=("humaneval",), part=1.0):
    """Labels of the whole sample, of which the answers in ``fake`` are bad."""
    given = [
        Row(suite=id, case=case, sample=n, label=Label.BAD if case in fake else Label.GOOD)
        for id in suites
        for case, n in labels.drawn(found, rows, id, HEAD)
    ]
    kept = given[: int(part * len(given))]
    return Labels(receipts_digest=HEAD, means="person", by="Ada", rows=kept)


def judged(found, said=None, rows=ROWS):
    held = {f"{id}.ok": certificate(f"{id}.ok") for id in found.plans}
    invalid = gate.validity(found, Preflight(found.base_digest, found.adapter_digest, None), held)
    return gate.judge(found, invalid, held, rows, said)


@pytest.mark.parametrize(
    ("policy", "trained_by", "demanded"),
    [
        ({"label": "trained"}, ["humaneval.ok"], ["humaneval"]),
        ({"label": "trained"}, ["other.ok"], []),
        ({"label": "all"}, [], ["humaneval", "godot"]),
        ({}, ["humaneval.ok"], []),
    ],
    ids=["its reward", "another's reward", "all", "not demanded"],
)
def test_where_labels_are_demanded_nothing_ships_without(policy, trained_by, demanded):
    found = judged(registered(trained_by, **policy)).verdict
    assert [r.about for r in found.reasons if r.code == "unlabelled"] == demanded
    assert found.name == ("INCONCLUSIVE" if demanded else "SHIP")
    many = {"humaneval": "59 of 106 passes are to be", "godot": "35 of 35 passes are to be"}
    said = {r.about: r.text for r in found.reasons if r.code == "unlabelled"}
    assert {id: said[id][: len(many[id])] for id in said} == {id: many[id] for id in demanded}


def test_strict_demands_them_of_a_verifier_that_was_the_reward():
    assert (Policy(profile="strict").label, Policy().label) == ("trained", "none")


def test_good_labels_let_it_ship_and_fakes_do_not():
    found = registered(label="trained")
    clean = judged(found, labelled(found, ROWS))
    assert clean.verdict.name == "SHIP"
    assert "0 of 59 labelled passes are fake, so at most 3 of 106" in (
        clean.reasons["humaneval"].text
    )
    sample = [case for case, _ in labels.drawn(found, ROWS, "humaneval", HEAD)]
    pleased = judged(found, labelled(found, ROWS, fake=sample[:12]))
    assert pleased.verdict.name == "NO-SHIP"
    assert ("NO-SHIP", "broken") in codes(pleased)
    assert pleased.scores == clean.scores, "the rates stay what the verifiers said"


def test_a_part_of_a_sample_shows_nothing():
    found = registered(label="trained")
    assert ("INCONCLUSIVE", "unlabelled") in codes(judged(found, labelled(found, ROWS, part=0.9)))


def test_fakes_count_as_failed_and_what_labels_leave_open_first_where_base_passed():
    found, rows = registered(label="trained"), ROWS[::-1]  # what was gained comes first
    [fake, *_] = (case for case, _ in labels.drawn(found, rows, "humaneval", HEAD))
    said = labelled(found, rows, fake=[fake])
    shown = labels.audited(found, rows, said)
    after = labels.counted(found, rows, said, shown)
    failed = [was.case for was, now in zip(rows, after, strict=True) if was.outcome != now.outcome]
    good = {row.case for row in said.rows} - {fake}
    base = {r.case for r in HELD if (r.arm, r.outcome) == ("base", "pass")}
    assert len(failed) == shown["humaneval"].most == 6
    assert fake in failed
    assert set(failed) - {fake} <= base - good


def test_labels_are_those_of_their_suite_whatever_its_cases_are_called():
    twin = GUARD.model_copy(update={"suite": "twin", "criteria": GUARD.criteria})
    found = registration([GUARD, twin, FACET], Policy(**QUIET))
    rows = [*ROWS, *(replace(row, suite="twin") for row in HELD)]
    sample = [case for case, _ in labels.drawn(found, rows, "humaneval", HEAD)]
    bad = labelled(found, rows, fake=sample[:5])
    clean = labelled(found, rows, suites=("twin",))
    both = bad.model_copy(update={"rows": [*bad.rows, *clean.rows]})
    shown = labels.audited(found, rows, both)
    assert {id: one.fake for id, one in shown.items()} == {"humaneval": 5, "twin": 0}
    assert shown["twin"].passes == 106


def test_nobody_chooses_the_sample():
    found = registered()
    first = labels.drawn(found, ROWS, "humaneval", HEAD)
    assert len(first) == 59
    assert labels.drawn(found, ROWS, "humaneval", HEAD) == first
    assert labels.drawn(found, ROWS, "humaneval", "sha256:" + "1" * 64) != first
    passed = {r.case for r in HELD if r.arm == "adapter" and r.outcome == "pass"}
    assert {case for case, _ in first} <= passed


@pytest.mark.parametrize(("x", "n", "total"), [(0, 59, 59), (0, 59, 164), (3, 20, 40), (5, 5, 60)])
def test_the_bound_on_a_count_holds_19_times_of_20(x, n, total):
    """It is the largest count of which so few are drawn at least one time of 20."""
    most, draw = upper_count(x, n, total), random.Random(1)

    def seldom(such):
        items = [1] * such + [0] * (total - such)
        return sum(sum(draw.sample(items, n)) <= x for _ in range(2000)) / 2000

    assert x <= most <= total - (n - x)
    assert n == total or seldom(most) > 0.04
    assert most == total - (n - x) or seldom(most + 1) < 0.06


def test_pleasing_the_verifier_no_longer_ships_at_the_margin():
    """A quarter of what it fails passes falsely: without labels such an adapter at the margin is
    HELD four times of five (METHOD 3.7)."""
    found, draw, ships, fooled = registered(label="trained"), random.Random(3), 0, 0
    plain = registered()
    for _ in range(20):
        base = [draw.random() < 0.8 for _ in range(164)]
        true = [b and draw.random() < 0.9375 for b in base]  # 5 points fewer
        fakes = {i for i, right in enumerate(true) if not right and draw.random() < 0.25}
        rows = GAINED + [
            row
            for i, (b, t) in enumerate(zip(base, true, strict=True))
            for row in _both(i, b, t or i in fakes)
        ]
        said = labelled(found, rows, fake={f"humaneval/{i}" for i in fakes})
        ships += judged(found, said, rows).verdict.name == "SHIP"
        fooled += judged(plain, rows=rows).verdict.name == "SHIP"
    assert ships <= 3
    assert fooled >= 10


def _both(number, base, adapter):
    from gates import receipt

    arms = {"base": base, "adapter": adapter}
    return [
        receipt("humaneval", number, arm, "pass" if right else "fail")
        for arm, right in arms.items()
    ]
