"""Every look costs: what was seen is counted whatever it is called, and a ledger that forgets is
found."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gates import FACET, GAINED, GUARD, HELD, LOOK, QUIET, codes, judge, plan, registration

from harness.content.case import Case
from harness.content.policy import Looks, Policy
from harness.content.suite import Suite, SuiteFile, load
from harness.errors import RunError, WorkspaceError
from harness.evidence.ledger import Ledger, short
from harness.evidence.registration import Registration, prompt_digest
from harness.gate import planning
from harness.subjects.groups import groups

FIRST, SECOND, THIRD = (f"sha256:{letter * 64}" for letter in "123")
N = 40


def suite(id: str, prompts: list[str], role: str = "facet", draw: int | None = None) -> Suite:
    spec: dict[str, Any] = {
        "facet": id, "role": role, "mode": "chat", "prompts": "in memory", "max_tokens": 8,
        "criteria": [{"id": "ok", "verifier": f"{id}.ok"}],
    }  # fmt: skip
    cases = tuple(Case(f"{id}/{n}", prompt, {}) for n, prompt in enumerate(prompts))
    return Suite(id, Path(f"{id}.yaml"), SuiteFile(draw=draw, **spec), cases)


PROMPTS = [f"Write scene {n}" for n in range(N)]
GODOT, EVAL = suite("godot", PROMPTS), suite("eval", [f"def f{n}():" for n in range(N)], "guard")


def look(
    folder: Path,
    adapter: str,
    *suites: Suite,
    limit: int | None = None,
    registered: Registration | None = None,
    policy: dict[str, Any] | None = None,
    **changed: Any,
) -> Registration:
    """What a gate registers and records, as far as the ledger goes."""
    plans = [
        plan(each.id, 1, each.spec.role, digest=each.digest,
             cases=[[case.id, prompt_digest(case.prompt)] for case in each.cases],
             groups=groups(each.cases))
        for each in suites
    ]  # fmt: skip
    fields = {"lineage": "gamedev", "adapter_digest": adapter} | changed
    found = registration(plans, Policy(**QUIET | (policy or {})), **fields)
    ledger = Ledger(folder)
    now, drawn = planning.looked(found, {one.id: one for one in suites}, ledger, registered)
    if not now.ledger.faults:
        ledger.record(planning.look(now, drawn, limit))
    return now


def test_the_best_of_five_seen_in_part_is_the_fifth_look_and_a_repeated_gate_the_same_one(tmp_path):
    revisions = [f"sha256:{n:064}" for n in range(5)]
    parts = [look(tmp_path, each, GODOT, EVAL, limit=10) for each in revisions]
    assert [part.look for part in parts] == [1, 2, 3, 4, 5]
    assert {len(one["suites"]["eval"]["prompts"]) for one in files(tmp_path)} == {10}
    official = look(tmp_path, revisions[-1], GODOT, EVAL)
    assert (official.look, official.alpha) == (5, 0.05 / 30)
    assert official == parts[-1], "what was decided before is the same for the part and the whole"
    assert len(files(tmp_path)) == 6
    assert look(tmp_path, revisions[-1], GODOT, EVAL, limit=N) == official
    assert look(tmp_path, revisions[0], GODOT, EVAL).look == 1, "the first that was seen"
    assert len(files(tmp_path)) == 7, "its other prompts were seen only now"
    alone = look(tmp_path / "clean", revisions[-1], GODOT, EVAL, limit=N)
    assert (alone.look, alone.alpha) == (1, 0.05)
    assert {len(one["suites"]["eval"]["prompts"]) for one in files(tmp_path / "clean")} == {N}


def test_a_look_made_on_two_branches_is_the_first_of_them_and_a_repeated_one_is_not_written(
    tmp_path,
):
    one, other = tmp_path / "one", tmp_path / "other"
    assert look(one, FIRST, GODOT).look == 1
    look(other, SECOND, GODOT)
    assert look(other, FIRST, GODOT).look == 2
    shutil.copytree(other, one, dirs_exist_ok=True)
    assert look(one, FIRST, GODOT).look == 1
    first, again = Ledger(tmp_path / "a"), Ledger(tmp_path / "a")
    first.record(LOOK)
    again.record(LOOK)
    assert first.recorded is not None
    assert again.recorded is None, "nothing new is to be committed"


def test_a_prompt_is_named_as_committed_ledgers_name_it():
    """Twelve digits, whatever its case and spaces are: another length would forget every look."""
    assert short("Write scene 7") == short(" WRITE  scene 7\n") == "65e472f539b0"


def files(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


EVASIONS = {
    "the next revision": ([GODOT, EVAL], {}),
    "a prompt more": ([suite("godot", [*PROMPTS, "Another"])], {}),
    "all but one prompt new": ([suite("godot", [*map(str, range(N)), PROMPTS[0]])], {}),
    "a cut tail": ([suite("godot", PROMPTS[:30])], {}),
    "another name of the suite": ([suite("scenes", PROMPTS)], {}),
    "spaces and capitals": ([suite("godot", [f"{each.upper()} " for each in PROMPTS])], {}),
    "a facet made a guard": ([suite("godot", PROMPTS, "guard")], {}),
    "new prompts of a public guard": ([suite("eval", ["def g():", "def h():"], "guard")], {}),
    "other rules on the same answers": ([GODOT], {"adapter_digest": FIRST,
                                                 "policy": {"secondary_margin": 0.1}}),
    "the same bytes on a prompt more": ([suite("godot", [*PROMPTS, "Another"]), EVAL],
                                        {"adapter_digest": FIRST}),
    "the same bytes, and something else expected": (
        [replace(GODOT, cases=tuple(replace(c, expect={"now": 1}) for c in GODOT.cases)), EVAL],
        {"adapter_digest": FIRST},
    ),
    "the same bytes under another name": ([GODOT], {"adapter_digest": FIRST, "lineage": "other",
                                                   "policy": {"secondary_margin": 0.1}}),
}  # fmt: skip
FREE = {
    "a facet's prompts, all new": ([suite("godot", [f"Fresh {n}" for n in range(N)])], {}),
    "a suite that it was not asked": ([suite("java", ["Write a class"])], {}),
    "another base": ([GODOT, EVAL], {"base_digest": THIRD}),
    "another lineage": ([GODOT, EVAL], {"lineage": "soul"}),
    "the same again": ([GODOT, EVAL], {"adapter_digest": FIRST}),
}


@pytest.mark.parametrize(
    ("case", "number"), [*((one, 2) for one in EVASIONS), *((one, 1) for one in FREE)]
)
def test_what_counts_as_a_further_look(tmp_path, case, number):
    look(tmp_path, FIRST, GODOT, EVAL)
    suites, changed = (EVASIONS | FREE)[case]
    adapter = changed.get("adapter_digest", SECOND)
    rest = {key: value for key, value in changed.items() if key != "adapter_digest"}
    found = look(tmp_path, adapter, *suites, **rest)
    assert found.look == number
    said = {
        "another lineage": "look 1 of soul on this base (a new lineage; 2 lineages on this base):"
        " tested at 5 %",
        "the next revision": "look 2 of gamedev on this base (lineage known; 1 lineage on this"
        " base): tested at 0.833 % instead of 5 %",
    }
    assert found.look_text == said.get(case, found.look_text)


def test_branches_merge_and_what_was_taken_away_or_edited_is_named(tmp_path):
    main, branch = tmp_path / "main", tmp_path / "branch"
    look(main, FIRST, GODOT)
    shutil.copytree(main, branch)
    look(main, SECOND, GODOT)
    registered = look(branch, THIRD, GODOT)
    shutil.copytree(branch, main, dirs_exist_ok=True)
    merged = look(main, f"sha256:{'4' * 64}", GODOT, registered=registered)
    assert (merged.look, len(merged.ledger.last), merged.ledger.faults) == (4, 2, [])
    [first] = registered.ledger.last
    for damage, said in {
        "no such file": lambda path: path.unlink(),
        "edited: its content is": lambda path: path.write_text(
            path.read_text().replace("gamedev", "gamedoc")
        ),
        "not valid JSON": lambda path: path.write_text("{"),
    }.items():
        hurt = tmp_path / f"hurt by {damage}"
        shutil.copytree(main, hurt)
        said(hurt / f"{first}.json")
        [fault] = look(hurt, SECOND, GODOT).ledger.faults
        assert fault.startswith(f"{hurt / first}.json: {damage}")
        assert fault.endswith("put the ledger back as it was committed (docs/looks.md)")
    found = look(tmp_path / "gone", SECOND, GODOT, registered=registered)
    assert [text.partition(";")[0] for text in found.ledger.faults] == [
        f"{tmp_path / 'gone' / first}.json: no such file"
    ]


def test_a_ledger_that_forgets_makes_the_gate_void_and_one_that_grew_does_not():
    def verdict(*faults: str, **held: Any) -> tuple[str, str]:
        standing = BOTH.ledger.model_copy(update={"faults": list(faults)} | held)
        now = BOTH.model_copy(update={"ledger": standing, "look": 1 + len(held)})
        return codes(judge(now, HELD + GAINED, registered=BOTH))[0]

    assert verdict("looks/1.json: no such file") == ("VOID", "ledger")
    assert verdict(last=["1"])[0] != "VOID"


BOTH = registration([GUARD, FACET], lineage="gamedev")


def test_a_look_that_another_gate_made_meanwhile_is_not_overlooked(tmp_path):
    both = {"godot": GODOT}
    ledgers = [Ledger(tmp_path) for _ in range(3)]
    found = [
        registration([FACET], adapter_digest=adapter, lineage=lineage)
        for adapter, lineage in ((FIRST, "gamedev"), (SECOND, "gamedev"), (SECOND, "soul"))
    ]
    ready = [planning.looked(f, both, at, None)[0] for f, at in zip(found, ledgers, strict=True)]
    ledgers[0].record(planning.look(ready[0], both))
    with pytest.raises(RunError, match=r"another look of gamedev was recorded .*gate again"):
        ledgers[1].record(planning.look(ready[1], both))
    ledgers[2].record(planning.look(ready[2], both))
    assert len(files(tmp_path)) == 2


def test_each_look_draws_prompts_that_the_lineage_has_not_seen_until_none_are_left(tmp_path):
    pool = suite("godot", [f"Scene {n}" for n in range(100)], draw=30)

    def drawn(adapter: str, **changed: Any) -> tuple[set[str], Registration]:
        found = look(tmp_path, adapter, pool, **changed)
        return {id for id, _ in found.plans["godot"].cases}, found

    one, first = drawn(FIRST)
    again, same = drawn(FIRST)
    two, second = drawn(SECOND)
    pool = suite("godot", [*(case.prompt for case in pool.cases), "One more scene"], draw=30)
    three, third = drawn(FIRST)
    assert [len(each) for each in (one, two, three)] == [30, 30, 30]
    assert len(one | two | three) == 90
    assert (again, same) == (one, first), "a repeated gate asks the same prompts"
    assert [found.look for found in (first, second, third)] == [1, 2, 3], "a draw is a further look"
    other, _ = drawn(SECOND, lineage="soul")
    assert other & (one | two | three), "another lineage has seen nothing"
    _, fourth = drawn(THIRD)
    assert (third.ledger.spent, fourth.ledger.spent) == ([], ["godot"])
    spent = registration([GUARD, FACET], ledger=fourth.ledger)
    assert ("INCONCLUSIVE", "spent") in codes(judge(spent, HELD + GAINED))
    assert codes(judge(BOTH, HELD + GAINED))[0][0] == "SHIP"


def test_a_variant_of_a_prompt_that_was_seen_is_not_drawn(tmp_path):
    pool = suite("godot", [f"Scene {n}" for n in range(60)], draw=20)
    variants = replace(
        pool, cases=tuple(replace(c, group=f"{n // 10}") for n, c in enumerate(pool.cases))
    )
    for folder, one, spent in (("alone", pool, []), ("variants", variants, ["godot"])):
        for adapter in (FIRST, SECOND):
            found = look(tmp_path / folder, adapter, one)
        assert found.ledger.spent == spent


@pytest.mark.parametrize(
    ("policy", "levels", "total"),
    [
        ({}, [0.05, 0.05 / 6, 0.05 / 12], 0.075),
        ({"spend_first_look": True}, [0.05 / 2, 0.05 / 6, 0.05 / 12], 0.05),
        ({"looks": Looks(plan="equal", expected=5)}, [0.01, 0.01, 0.01], 0.05),
    ],
)
def test_alpha_is_spent_as_the_policy_registered_and_beyond_the_plan_prompts_are_spent(
    policy, levels, total
):
    found = registration([GUARD, FACET], Policy(**QUIET | policy))
    most = found.policy.looks.expected
    at = [found.model_copy(update={"look": number}) for number in range(1, most + 2)]
    assert [each.alpha for each in at[:3]] == pytest.approx(levels)
    assert sum(each.alpha for each in at[:most]) <= total + 1e-12
    said = [
        "spent" in [code for _, code in codes(judge(at[n], HELD + GAINED))]
        for n in (most - 1, most)
    ]
    assert said == [False, True]


def test_a_plan_that_is_changed_at_each_look_spends_no_more_than_one(tmp_path):
    def spent(folder: Path, plans: list[Looks]) -> list[bool]:
        looks = [
            look(folder, f"sha256:{n:064}", GODOT, policy={"looks": each})
            for n, each in enumerate(plans)
        ]
        return ["spent" in [code for _, code in codes(judge(
            BOTH.model_copy(update={"ledger": one.ledger, "look": one.look, "policy": one.policy}),
            HELD + GAINED))] for one in looks]  # fmt: skip

    changing = [Looks(plan="equal", expected=n) for n in (1, 2, 3)]
    assert spent(tmp_path / "a", changing) == [False, False, True], "1 + 1/2 + 1/3 of alpha"
    assert spent(tmp_path / "b", [changing[2]] * 3) == [False] * 3
    assert spent(tmp_path / "c", [Looks()] * 5) == [False] * 5


def test_a_pool_smaller_than_its_draw_is_refused(tmp_path):
    spec = GODOT.spec.model_dump(exclude_none=True) | {"prompts": "a.jsonl", "draw": 2}
    (tmp_path / "a.yaml").write_text(json.dumps(spec))
    (tmp_path / "a.jsonl").write_text('{"id": "a", "prompt": "b"}\n')
    with pytest.raises(
        WorkspaceError, match=r"a.yaml: key 'draw': found 2; expected at most the 1"
    ):
        load(tmp_path / "a.yaml", tmp_path)
    (tmp_path / "a.yaml").write_text(json.dumps(spec | {"draw": 1}))
    loaded = load(tmp_path / "a.yaml", tmp_path)
    assert loaded.digest == replace(loaded, pool=loaded.cases, cases=()).digest


LONG = "Write GDScript for Godot 4 that extends Area2D and emits a signal when a lamp is lit by {}"


@pytest.mark.parametrize(
    ("prompt", "refused"),
    [
        (LONG.format("the player"), True),
        (LONG.format("a coin"), True),
        (f"{LONG.format('the player').upper()}\n", True),
        ("Write scene  7", True),
        ("Describe the tavern at the harbour as its owner would to a tired sailor", False),
    ],
)
def test_a_dev_prompt_that_shows_a_held_out_one_is_refused(prompt, refused):
    held = suite("godot", [*PROMPTS, LONG.format("the player")])
    found = replace(held, dev=(Case("dev/0", "Something else", {}), Case("dev/1", prompt, {})))
    assert found.digest == held.digest, "dev prompts are in no registration"
    if refused:
        said = r"prompt 'dev/1' is a near duplicate of the held-out 'godot/(40|7)'.*write another"
        with pytest.raises(WorkspaceError, match=said):
            planning.keep_apart(found)
    else:
        planning.keep_apart(found)
