"""Two runs on the same prompts are a pair; on others they are none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from gates import QUIET, pair, plan, prompt, registration
from run_folders import change, finish

from harness.content.policy import Policy
from harness.doors.cli.main import main
from harness.errors import RunError
from harness.evidence.registration import Plan, prompt_digest
from harness.gate.finished.compare import NOTHING, compare

N = {"humaneval": 164, "godot": 40}


def plans(**changed: object) -> list[Plan]:
    return [plan("humaneval", 164, "guard"), plan("godot", 40, **changed)]


def run(folder: Path, kept: int, lost: int, found: list[Plan] | None = None) -> Path:
    """A run of an adapter that lost so many of base's passes and kept so many of the facet."""
    rows = [*pair("humaneval", 164, 60 - lost, 0, lost), *pair("godot", 40, 0, kept, 0)]
    return finish(folder, registration(found or plans(), Policy(**QUIET)), rows)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("compare")
    kept = {"one": (35, 0), "worse": (35, 30), "other": (20, 1)}
    return {name: run(root / name, *counts) for name, counts in kept.items()}


def printed(capsys: pytest.CaptureFixture[str], *asked: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["compare", *asked])
    return int(ended.value.code), capsys.readouterr().out


def test_what_one_run_lost_of_the_other_is_paired_and_named(runs, capsys):
    code, out = printed(capsys, str(runs["one"]), str(runs["worse"]))
    assert code == 1
    line = next(line for line in out.splitlines() if line.startswith("humaneval"))
    assert "60/164 36.6%" in line
    assert "30/164 18.3%" in line
    assert "BROKEN" in line
    assert line.endswith(" and 22 more")
    assert compare(runs["one"], runs["worse"]).sentence == "B is worse than A on humaneval"
    code, out = printed(capsys, str(runs["one"]), str(runs["worse"]), "--json")
    data = json.loads(out)
    results = {each["suite"]: each["result"] for each in data["suites"]}
    assert len(results["humaneval"]["lost"]) == 30
    assert results["godot"]["delta"] == 0.0
    assert data["runs"]["b"]["verdict"] == "NO-SHIP"


def test_a_run_is_as_good_as_itself_where_its_prompts_can_show_it(runs, tmp_path: Path):
    same = compare(runs["one"], runs["one"])
    assert same.sentence.endswith("worse than A by its margin on godot")
    found = {each.suite: each.found.state for each in same.pairs}
    assert found == {"humaneval": "HELD", "godot": "INCONCLUSIVE"}  # 40 prompts hold no 5 points
    [lost] = [
        p.found.comparison.lost
        for p in compare(runs["one"], runs["other"]).pairs
        if p.suite == "godot"
    ]
    assert len(lost) == 15
    wide = [plan("humaneval", 164, "guard", margin=0.2)]
    rows = pair("humaneval", 164, 60, 0, 0)
    more = finish(tmp_path / "more", registration(wide, Policy(**QUIET)), rows)
    said = compare(runs["one"], more)
    assert said.notes == ["only in a: godot"]
    assert said.pairs[0].found.contrast.margin == 0.2


def test_from_evidence_that_is_not_valid_nothing_follows(tmp_path: Path):
    found = plans(control_tokens=["<|u|>"])
    rows = [*pair("humaneval", 164, 60, 0, 0), *pair("godot", 40, 0, 35, 0)]
    rows = [replace(r, answer="<|u|>") if r.suite == "godot" else r for r in rows]
    void = finish(tmp_path / "void", registration(found, Policy(**QUIET)), rows)
    held = [plan("humaneval", 164, "guard")]
    sound = finish(tmp_path / "sound", registration(held, Policy(**QUIET)), rows[:328])
    assert (compare(sound, sound).exit_code, compare(sound, void).exit_code) == (0, 2)
    assert compare(sound, void).sentence == NOTHING


def test_prompts_that_differ_are_no_pair_and_are_named(runs, tmp_path: Path):
    cases = [[f"godot/{n}", prompt_digest(prompt("godot", n))] for n in range(40)]
    cases[3][1] = prompt_digest("an easier prompt")
    other = run(tmp_path / "easier", 35, 0, plans(cases=cases))
    with pytest.raises(RunError, match=r"godot: prompts that differ, .*: godot/3$"):
        compare(runs["one"], other)
    drawn = run(tmp_path / "drawn", 35, 0, plans(sampler="temperature 0.6, seed 0"))
    with pytest.raises(RunError, match="godot: decoded otherwise"):
        compare(runs["one"], drawn)


def test_an_edited_run_is_no_pair(runs, tmp_path: Path):
    edited = run(tmp_path / "edited", 35, 0)
    change(edited / "verdict.json", lambda d: d.update(adapter="other"))
    with pytest.raises(RunError, match=r"verdict.json: adapter: .*; no pair is made of that"):
        compare(runs["one"], edited)
