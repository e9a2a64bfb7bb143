"""What the instrument can show at all: each planted fault stands beside its clean twin."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from gates import (
    BOTH,
    FACET,
    FAIL,
    GAINED,
    GUARD,
    HELD,
    QUIET,
    codes,
    judge,
    pair,
    plan,
    registration,
)

from harness.content import suite
from harness.content.policy import Policy
from harness.errors import WorkspaceError
from harness.evidence.receipts import Finding, Receipt
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
    other = replace(NO_BLOCK, rule="no gdscript block to take")
    python = with_answers(GAINED, "base", 40, answer="```python\nx = 1\n```", findings=[other])
    for rows in (loop, python):
        assert not {"cut", "empty"} & {code for code, _ in said(rows)}
    raw = registration([plan("humaneval", 164, "guard", mode="completion"), FACET])
    silent = with_answers(HELD[::-1], "adapter", 40, answer="")
    assert judge(raw, silent + GAINED).verdict.name is Name.SHIP, "they failed on both arms"
    mute = with_answers(HELD[::-1], "base", 40, answer="")
    assert codes(judge(raw, mute + GAINED))[0] == ("VOID", "empty"), "base lost them to nobody"
