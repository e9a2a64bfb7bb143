"""What the instrument can show at all: each planted fault stands beside its clean twin."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import yaml
from gates import (
    BOTH,
    FACET,
    FAIL,
    GAINED,
    GUARD,
    HELD,
    PASS,
    QUIET,
    certificate,
    codes,
    flips,
    judge,
    pair,
    plan,
    receipt,
    receipts,
    registration,
)

from harness.content import suite
from harness.content.policy import Policy
from harness.deciding import contrasts
from harness.deciding.instrument import churn
from harness.deciding.instrument.feasible import discordance, power, powers, remedy, undecidable
from harness.deciding.scorecard import youden
from harness.errors import WorkspaceError
from harness.evidence.receipts import Finding, Receipt
from harness.evidence.registration import Subject
from harness.stats.paired import GuardState
from harness.verdict import Name

NO_BLOCK = Finding("ok", "godot.ok", FAIL, "no-code", "", "no gdscript block to take")


def first(found, rows) -> tuple[str, str]:
    return codes(judge(found, rows))[0]


def with_answers(rows: list[Receipt], arm: str, many: int, **changed) -> list[Receipt]:
    """The same with the first ``many`` answers of an arm changed."""
    chosen = {r.key for r in [row for row in rows if row.arm == arm][:many]}
    return [replace(row, **changed) if row.key in chosen else row for row in rows]


def test_a_gate_without_a_guard_ships_nothing():
    """Left out, a guard that lost 30 of 120 is not missed by anything else."""
    assert first(registration([FACET]), GAINED) == ("INCONCLUSIVE", "no-guard")
    assert judge(BOTH, HELD + GAINED).verdict.name is Name.SHIP


@pytest.mark.parametrize(
    ("passes", "n", "margin", "code"),
    [
        (0, 164, 0.05, "guard-at-floor"),
        (12, 164, 0.05, "guard-at-floor"),
        (13, 164, 0.05, "held"),
        (60, 164, 0.99, "guard-at-floor"),  # a margin that allows to lose all
    ],
)
def test_a_guard_at_its_floor_shows_no_loss(passes, n, margin, code):
    found = registration([plan("humaneval", n, "guard", margin=margin), FACET])
    judged = judge(found, pair("humaneval", n, passes, 0, 0) + GAINED)
    assert judged.reasons["humaneval"].code == code
    assert (judged.verdict.name is Name.SHIP) is (code == "held")
    lost = judge(found, pair("humaneval", n, 0, 0, passes) + GAINED)
    assert ("NO-SHIP", "broken") in codes(lost) or code != "held", "from here a loss is seen"


def test_several_answers_a_prompt_have_a_floor_too():
    found = registration([GUARD, FACET], Policy(samples=3, **QUIET))
    facet = [replace(row, sample=k) for row in GAINED for k in range(3)]
    for passes, code in ((5, "guard-at-floor"), (40, "held")):
        guard = pair("humaneval", 164, passes, 0, 0)
        rows = [replace(row, sample=k) for row in guard for k in range(3)]
        assert judge(found, rows + facet).reasons["humaneval"].code == code


def test_a_guard_that_is_shown_only_decides_nothing_and_is_no_guard():
    policy = Policy(shown_only=["humaneval"], **QUIET)
    rows = pair("humaneval", 164, 0, 0, 4) + GAINED
    found = registration([GUARD, FACET], policy)
    assert codes(judge(found, rows))[0] == ("INCONCLUSIVE", "no-guard")
    beside = registration([GUARD, plan("mbpp", 164, "guard"), FACET], policy)
    held = rows + pair("mbpp", 164, 60, 0, 0)
    assert judge(beside, held).verdict.name is Name.SHIP
    assert codes(judge(beside, rows + pair("mbpp", 164, 60, 0, 30)))[0] == ("NO-SHIP", "broken")
    early = registration(
        [GUARD, plan("mbpp", 164, "guard"), FACET],
        Policy(shown_only=["humaneval"], again=False, sentinels=0),
    )
    worse = pair("humaneval", 164, 60, 0, 100) + pair("mbpp", 164, 60, 0, 0) + GAINED
    assert judge(early, worse).reasons["humaneval"].code == "shown-only"


def test_a_margin_that_allows_to_lose_a_fifth_is_refused_when_it_is_read(tmp_path):
    spec = {"facet": "f", "role": "guard", "mode": "chat", "prompts": "p.jsonl", "max_tokens": 8,
            "criteria": [{"id": "ok", "verifier": "a.b"}]}  # fmt: skip
    (tmp_path / "p.jsonl").write_text('{"id": "one", "prompt": "One?"}\n')
    path = tmp_path / "guard.yaml"
    path.write_text(yaml.safe_dump({**spec, "margin": 0.2}))
    assert suite.load(path, tmp_path).spec.margin == 0.2
    path.write_text(yaml.safe_dump({**spec, "margin": 0.99}))
    with pytest.raises(
        WorkspaceError, match=r"'margin': found float 0\.99; expected: .*equal to 0"
    ):
        suite.load(path, tmp_path)
    for wide in ({"margins": {"humaneval": 0.21}}, {"secondary_margin": 0.5}):
        with pytest.raises(ValueError, match=r"less than or equal to 0\.2"):
            Policy(**wide)
    assert Policy(margins={"humaneval": 0.2}, secondary_margin=0.2)


def test_right_answers_of_base_that_were_cut_are_no_gain():
    """A merely shorter adapter goes from 0/40 to 40/40; with room it gains nothing."""
    cut = with_answers(pair("godot", 40, 0, 40, 0), "base", 40, finish="length", answer="Well, as")
    judged = judge(BOTH, HELD + cut)
    assert codes(judged)[0] == ("VOID", "cut")
    [said] = judged.verdict.deciding
    assert (said.about, len(said.cases)) == ("godot", 40)
    assert "40 of 40 answers of base ran out of tokens" in said.text
    room = pair("godot", 40, 40, 0, 0)
    assert codes(judge(BOTH, HELD + room))[0] == ("INCONCLUSIVE", "no-gain")


@pytest.mark.parametrize("arm", ["base", "adapter"])
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"finish": "length", "answer": "It is, as was said,"}, "cut"),
        ({"answer": " \n"}, "empty"),
        ({"answer": "I think a signal does it.", "findings": [NO_BLOCK]}, "empty"),
    ],
)
def test_a_tenth_of_the_answers_may_be_none(arm, changed, code):
    assert (f"{code}", "godot") in said(with_answers(GAINED, arm, 5, **changed))
    assert (f"{code}", "godot") not in said(with_answers(GAINED, arm, 4, **changed))


def said(rows: list[Receipt]) -> list[tuple[str, str]]:
    return [(r.code, r.about) for r in judge(BOTH, HELD + rows).verdict.reasons]


def test_a_bad_answer_is_an_answer():
    """A loop, a wrong block, a completion that ends at once: nothing was cut."""
    loop = with_answers(GAINED, "base", 40, finish="length", answer="and so " * 40)
    drone = with_answers(GAINED, "base", 40, finish="length", answer="la" * 400)
    other = replace(NO_BLOCK, rule="no gdscript block to take")
    python = with_answers(GAINED, "base", 40, answer="```python\nx = 1\n```", findings=[other])
    found = [NO_BLOCK, replace(NO_BLOCK, rule="calls what is not there")]
    part = with_answers(GAINED, "base", 40, answer="extends Node", findings=found)
    for rows in (loop, drone, python, part):
        assert not {"cut", "empty"} & {code for code, _ in said(rows)}
    raw = registration([plan("humaneval", 164, "guard", mode="completion"), FACET])
    silent = with_answers(HELD[::-1], "adapter", 40, answer="")
    assert judge(raw, silent + GAINED).verdict.name is Name.SHIP, "they failed on both arms"
    none = replace(NO_BLOCK, verifier="humaneval.ok", rule="nothing defines add")
    torn = with_answers(HELD[::-1], "base", 90, answer="    retrun a +", findings=[none])
    assert judge(raw, torn + GAINED).verdict.name is Name.SHIP, "code that defines nothing"
    mute = with_answers(HELD[::-1], "base", 40, answer="")
    assert codes(judge(raw, mute + GAINED))[0] == ("VOID", "empty"), "base lost them to nobody"


NOISE = registration([plan("humaneval", 164, "guard", again=True), FACET])


FUSED = Subject(kind="fused", own={"adapter": "soul"}, owes={"kept": ["layers.0"]})
CERTIFIED = {f"{id}.ok": certificate(f"{id}.ok") for id in NOISE.plans}


def seen_margin(found) -> float:
    """What the verifiers leave of the guard's margin."""
    plan = found.plans["humaneval"]
    return plan.margin * youden(plan, CERTIFIED)


def base_twice(both: int, gained: int, lost: int) -> list[Receipt]:
    base, again = flips(164, both, gained, lost)
    return receipts("humaneval", base=base, again=again, adapter=base) + GAINED


@pytest.mark.parametrize(
    ("gained", "lost", "found"),
    [
        (0, 0, ("SHIP", "held")),
        (1, 9, ("INCONCLUSIVE", "noise")),  # REGRESSED once in twenty, and no fault
        (20, 20, ("INCONCLUSIVE", "noise")),
        (0, 20, ("VOID", "base-against-base")),
        (20, 0, ("VOID", "base-against-base")),  # better than itself is a fault too
    ],
)
def test_base_that_differs_from_itself_by_chance_is_noise_and_otherwise_a_fault(
    gained, lost, found
):
    judged = judge(NOISE, base_twice(60, gained, lost))
    assert (judged.verdict.name, judged.reasons["humaneval"].code) == found
    assert judged.reasons["godot"].code == "improved", "it was asked, whatever base's noise is"
    seen = churn.measure(NOISE, CERTIFIED, base_twice(60, gained, lost)).suites["humaneval"]
    assert (seen.flipped, seen.discordance) == (gained + lost, round((gained + lost) / 164, 6))
    assert seen.power == round(
        power(164, 1, seen_margin(NOISE), max(0.05, seen.discordance), 0.05), 4
    )
    asked = [row for row in base_twice(60, gained, lost) if row.arm != "adapter"]
    before = judge(NOISE, asked)
    if found[0] == "SHIP":
        assert codes(before)[0] == ("VOID", "not-measured")
    else:
        assert codes(before)[0] == found, "known before the adapter is asked"
        assert before.reasons.keys() == {"humaneval", "godot"}
        part = [row for row in asked if row.case != "humaneval/0" or row.arm == "base"]
        assert churn.halts(NOISE, CERTIFIED, part) == {}, "before all of base's answers are there"
    owing = NOISE.model_copy(update={"subject": FUSED})
    assert codes(judge(owing, asked))[0] == codes(before)[0], "nothing else was to be measured yet"
    assert ("VOID", "not-measured") in codes(judge(owing, base_twice(60, gained, lost)))


def test_a_sound_base_is_hardly_ever_void_with_several_answers_a_prompt():
    """At K = 4 an unchanged adapter was VOID in every second gate."""
    random, found = np.random.default_rng(3), Counter()
    policy = Policy(samples=4, **QUIET)
    registered = registration([plan("humaneval", 100, "guard", again=True), FACET], policy)
    held = {f"{id}.ok": certificate(f"{id}.ok") for id in registered.plans}
    for _ in range(60):
        difficulty = random.beta(1.2, 0.6, size=100)
        rows = [
            receipt("humaneval", i, arm, PASS if random.random() < p else FAIL, sample=k)
            for arm in ("base", "again")
            for i, p in enumerate(difficulty)
            for k in range(4)
        ]
        found[churn.differences(registered, held, rows)["humaneval"].state] += 1
    assert found["REGRESSED"] == 0
    assert found["INCONCLUSIVE"] > 15, "too few prompts for this noise"


def test_answers_that_move_with_their_batch_make_an_unchanged_adapter_neither_void_nor_no_ship():
    """Greedy answers of which 15 % come out otherwise in another order (``numerics: fast``)."""
    random, found = np.random.default_rng(1), Counter()
    for _ in range(8):
        able = random.random(164) < 0.6
        said = {
            arm: [PASS if one else FAIL for one in able ^ (random.random(164) < 0.08)]
            for arm in ("base", "again", "adapter")
        }
        rows = receipts("humaneval", **said)
        found[judge(NOISE, rows + GAINED).verdict.name] += 1
    worse = [replace(r, outcome=FAIL) if r.arm == "adapter" else r for r in rows]
    assert judge(NOISE, worse + GAINED).verdict.name != Name.SHIP
    assert found.keys() <= {Name.SHIP, Name.INCONCLUSIVE}, found
    two = [replace(r, answer="b") for r in receipts("humaneval", again=[PASS] * 164)]
    rows = receipts("humaneval", base=[PASS] * 164) + two[:40] + receipts("humaneval", again=[])
    rows += receipts("humaneval", again=[PASS] * 164)[40:]
    noise = churn.measure(NOISE, CERTIFIED, rows).suites["humaneval"]
    assert (noise.flipped, noise.texts) == (0, 40), "texts are counted beside outcomes"


@pytest.mark.parametrize(
    ("n", "samples", "margin", "discordance", "again"),
    [
        (20, 1, 0.16, 0.05, None),  # where the exact test decides: Tango alone says .72
        (164, 1, 0.05, 0.1, None),
        (164, 1, 0.1, 0.3, 0.05),
        (164, 10, 0.03, 0.286, 0.05),
        (100, 2, 0.1, 0.2, 0.05),
        (164, 4, 0.05, 0.45, 0.05),
    ],
)
def test_power_is_how_often_simulated_gates_hold(n, samples, margin, discordance, again):
    """By the code that decides; for several answers it may promise less, never more."""
    random, held, gates = np.random.default_rng(1), 0, 250
    mean = 2 / 3 if discordance < 0.4 else 0.5
    size = discordance / (2 * mean * (1 - mean) - discordance)
    for _ in range(gates):
        if again is None:  # greedy: base is what it is, and the adapter flips
            base = random.random(n) < 0.5
            arms = [base, base ^ (random.random(n) < discordance)]
        else:
            rate = random.beta(mean * size, (1 - mean) * size, size=n)
            arms = [random.binomial(samples, rate) for _ in range(3)]
        base, *others = (outcomes(arm.astype(int).tolist(), samples) for arm in arms)
        found = [contrasts.hold(arm, base, [[c] for c in base], margin, 1, 0.05) for arm in others]
        held += all(one.state is GuardState.HELD for one in found)
    promised = power(n, samples, margin, discordance, 0.05, again)
    error = 3 * (promised * (1 - promised) / gates) ** 0.5
    assert promised <= held / gates + error
    assert promised >= held / gates - error - (0.06 if samples > 1 else 0)


def outcomes(passes, samples):
    """By case the outcomes of its samples, of which so many pass."""
    return {f"{i}": ["pass"] * k + ["fail"] * (samples - k) for i, k in enumerate(passes)}


def test_a_plan_is_as_strong_as_all_that_has_to_hold():
    """Two guards of .7 each are .5 together; what is shown only asks for nothing."""
    guards = [plan(id, 164, "guard", margin=0.05) for id in ("humaneval", "mbpp", "apps")]
    policy = {"discordance": 0.08, **QUIET}
    youdens = dict.fromkeys(("humaneval", "mbpp", "apps", "godot"), 1.0)
    one, three = registration(guards[:1], Policy(**policy)), registration(guards, Policy(**policy))
    assert undecidable(one, youdens) == []
    refused = undecidable(three, youdens)
    assert [line.partition(":")[0] for line in refused] == ["humaneval", "mbpp", "apps"]
    assert all("prompts would decide it 80 % of the time" in line for line in refused)
    shown = Policy(shown_only=["mbpp", "apps"], **policy)
    assert undecidable(registration(guards, shown), youdens) == []
    second = registration([guards[0], FACET], Policy(secondary=["godot"], **policy))
    assert [line.partition(":")[0] for line in undecidable(second, youdens)] == ["godot"]


def test_drawn_answers_have_the_discordance_that_base_showed_and_are_read_twice_before():
    """Once base was read against itself that needs no power; greedy answers of another model have
    the planned discordance still."""
    youdens = {"humaneval": 1.0, "godot": 1.0}
    drawn = registration([NOISE.plans["humaneval"], FACET], Policy(samples=4, temperature=0.6))
    planned = drawn.policy.discordance
    asked = (164, 4, 0.05)
    assert powers(drawn, youdens)["humaneval"] == power(*asked, planned, 0.05, 0.05)
    seen = powers(drawn, youdens, {"humaneval": 0.1})["humaneval"]
    assert seen == power(*asked, 0.1, 0.05) > power(*asked, planned, 0.05)
    greedy = powers(NOISE, youdens, {"humaneval": 0.01})["humaneval"]
    assert greedy == power(164, 1, 0.05, 0.05, 0.05) == powers(NOISE, youdens)["humaneval"]


def test_what_is_recommended_decides():
    """20 prompts at 5 points never decide, however little flips."""
    text = remedy(20, 0.05, 0.0, BOTH)
    assert "fresh" not in text
    flipped = judge(BOTH, pair("humaneval", 164, 124, 5, 6) + GAINED).scores["humaneval"].headline
    assert discordance(flipped.comparison, 1) == 11 / 164, "counted, or from the interval's width"
    assert discordance(flipped.comparison, 4) == pytest.approx(4 * 11 / 164, rel=0.3)
    many = int(text.split()[0])
    assert power(20, 1, 0.05, 0.05, 0.05) < 0.1
    assert 0.8 <= power(many, 1, 0.05, 0.05, 0.05) < 0.85
    assert remedy(many, 0.05, 0.05, BOTH).startswith(f"{many} fresh prompts would decide it")
    drawn = registration([GUARD, FACET], Policy(samples=4, temperature=0.6))
    some = re.match(r"(\d+) prompts, or (\d+) answers a prompt,", remedy(164, 0.04, 0.3, drawn))
    prompts, answers = map(int, some.groups())
    assert power(prompts, 4, 0.04, 0.3, 0.05, 0.05) >= 0.8 > power(164, 4, 0.04, 0.3, 0.05, 0.05)
    assert power(164, answers, 0.04, 0.3, 0.05, 0.05) >= 0.8
