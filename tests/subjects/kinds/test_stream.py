"""A stream of training stages: its planted faults with their twins, its reference values, and the
pocket's own, gated."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import yaml
from conftest import POCKET, PROMPTS, ROOT, alone
from safetensors.numpy import save_file
from stats_helpers import UNTRAINED, R

from harness.errors import WorkspaceError
from harness.gate.finished.recheck import recheck
from harness.gate.prepare import Options
from harness.gate.session import check_subject, run_gate
from harness.stats.subjects.continual import continual
from harness.subjects.kinds import find
from harness.subjects.kinds.stream import matrix, plants, pools, registered, replay
from harness.subjects.kinds.stream.spec import Stream

STREAM = find("stream")


def decided(evidence):
    numbers, reasons = STREAM.reasons(evidence)
    json.dumps(numbers, allow_nan=False)
    return numbers, {(reason.verdict.value, reason.code): reason.text for reason in reasons}


def codes(evidence):
    return [code for _, code in decided(evidence)[1]]


@pytest.mark.parametrize("plant", plants.ROWS, ids=lambda row: f"{row.number} {row.what}")
def test_a_planted_fault_is_named_and_its_twin_is_not(tmp_path, plant):
    for planted in (True, False):
        (tmp_path / str(planted)).mkdir()
    faulty, clean = (plant.build(tmp_path / str(planted), planted) for planted in (True, False))
    assert plant.code in codes(faulty)
    left = {code for verdict, code in decided(clean)[1] if verdict in ("VOID", "NO-SHIP")}
    assert not left


def test_reference_values_of_a_matrix_and_what_its_numbers_are_by_another_definition():
    found = continual(R, UNTRAINED)
    right = {"accuracy": 0.73, "backward": -0.10, "forward": -0.0075, "plasticity": 0.484}
    assert not list(matrix.unlike(found, right, 0.0005))
    [averaged] = matrix.unlike(found, {"backward": -0.08}, 0.0005)
    assert averaged.endswith("-0.08 is backward_over_all")
    [turned] = matrix.unlike(found, {"backward": 0.0998}, 0.0001)
    assert "sign turned" in turned


def test_reference_values_of_learning_rates(tmp_path):
    near = ["2.19", "2.40", "2.63", "2.89", "3.16", "3.47", "3.80", "4.16", "4.56"]
    assert [f"{1e4 * rate:.2f}" for rate in registered.logged((2e-4, 5e-4), 9)] == near
    plants.swept(tmp_path, 2e-4)
    found = registered.plateau(tmp_path / "registered.yaml", tmp_path / "results.jsonl")
    assert found["decades"] == pytest.approx(1.602, abs=5e-4)
    assert (found["cliff"], found["ends"], found["outside"]) == (5e-4, [], [])
    assert [f"{1e4 * rate:.2f}" for rate in found["next"]] == near


@pytest.mark.parametrize("each", [1, 2])
@pytest.mark.parametrize(("says", "right"), [("signum", 1), ("adam", 2)])
def test_an_optimizer_is_known_by_its_checkpoint(tmp_path, says, right, each):
    import numpy as np
    from safetensors.numpy import save_file

    state = {f"layer.{n}.{k}": np.zeros(4, "f4") for n in range(3) for k in ("m", "v")[:each]}
    save_file(state, tmp_path / "state.safetensors")
    entry = plants.published(tmp_path) | {"optimizer": {"says": says, "state": "state.safetensors"}}
    found = plants.evidence(tmp_path, entry)
    assert found.measured["optimizer"]["state"]["bytes"] == 48 * each
    assert ("stream-claim" in codes(found)) is (each != right)


def test_a_published_matrix_refuses_and_never_ships(tmp_path):
    numbers, said = decided(plants.evidence(tmp_path, plants.published(tmp_path)))
    assert {verdict for verdict, _ in said} == {"INCONCLUSIVE"}
    assert numbers["backward"] == pytest.approx(-0.025)
    lost = [row[:] for row in plants.R]
    lost[4][0] = 0.41
    assert "stream-forgot" in codes(plants.evidence(tmp_path, plants.published(tmp_path, lost)))
    frozen = [plants.BASE] * 5
    numbers, said = decided(plants.evidence(tmp_path, plants.published(tmp_path, frozen)))
    assert ("NO-SHIP", "stream-not-learnt") in said
    assert numbers["forgetting"].startswith("void")


def test_a_hole_is_named_and_csv_reads_as_json_does(tmp_path):
    rows = [
        ["", *plants.DOMAINS],
        ["base", *plants.BASE],
        *([n, *r] for n, r in enumerate(plants.R)),
    ]
    table = tmp_path / "matrix.csv"
    table.write_text("\n".join(",".join(map(str, row)) for row in rows))
    plants.published(tmp_path)
    assert matrix.read(table) == matrix.read(tmp_path / "matrix.json")
    table.write_text(table.read_text().replace("0.77,0.85,", "0.77,,"))
    _, said = decided(plants.evidence(tmp_path, {"matrix": "matrix.csv"}))
    assert "1 cells are missing: code after code" in said["VOID", "stream-lacking"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("m.csv", "a,b\n", "m.csv: found no matrix"),
        ("m.csv", ",a,b\n1,0.5,x\n", "m.csv:2: found 'x'; expected a number"),
        ("m.json", '{"order": ["a", "b"], "scores": [[1]]}', "row 1 has 1 cells; expected 2"),
        ("m.json", '{"order": ["a", "a"], "scores": [[1, 1]]}', "expected each domain once"),
        ("m.json", '{"scores": [[1]]}', "key 'order' is missing"),
        ("m.json", "{", "not valid JSON"),
    ],
)
def test_what_is_no_matrix_is_one_sentence(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(WorkspaceError, match=r"^[^\n]*$") as error:
        plants.evidence(tmp_path, {"matrix": name})
    assert said in str(error.value)


def test_a_log_that_lacks_steps_proves_nothing_and_a_hidden_record_is_known_by_its_words(tmp_path):
    order, path = ["a", "b"], tmp_path / "log.jsonl"
    text = "the patient was given forty milligrams"
    whole = [{"stage": s, "step": n, "records": [f"{s}.{n}"]} for s in (1, 2) for n in range(4)]
    plants.lines(path, whole)
    assert replay.log(path, order, {})["lacking"] == {"1": 0, "2": 0}
    plants.lines(path, whole[:5] + whole[6:])
    assert replay.log(path, order, {})["lacking"] == {"1": 0, "2": 1}
    whole[1]["records"], whole[6]["records"] = [text], [f"  {text.upper()}!"]
    plants.lines(path, whole)
    assert replay.log(path, order, {})["replayed"] == 1
    whole[1]["records"], whole[6]["records"] = ["x"], ["y"]
    whole[6]["domains"] = ["a"]
    plants.lines(path, whole)
    assert replay.log(path, order, {})["shown"] == ["stage 2, step 2: a record of a"]


def test_prompts_of_a_stream_lost_to_eviction_are_forgetting(tmp_path):
    said = plants.stages(tmp_path, lambda domain, _: plants.SLOTS[domain])
    _, clean = decided(plants.evidence(tmp_path, said, plants.answers()))
    assert {("SHIP", "stream-kept"), ("SHIP", "stream-equivalent")} <= clean.keys()
    _, lost = decided(plants.evidence(tmp_path, said, plants.answers(lost=40)))
    assert "medical (40 of 60 prompts lost)" in lost["NO-SHIP", "stream-forgot"]
    _, behind = decided(plants.evidence(tmp_path, said, plants.answers(oracle=8)))
    assert "different, worse than the true oracle" in behind["NO-SHIP", "stream-different"]


def test_a_lost_guard_leaves_cells_out_and_the_stream_says_nothing_of_them(tmp_path):
    found = plants.answers()
    for arms in found.values():
        arms |= {"adapter": {}, "oracle": {}, "matched": {}}
    said = plants.stages(tmp_path, lambda domain, _: plants.SLOTS[domain])
    numbers, reasons = decided(plants.evidence(tmp_path, said, found))
    assert (reasons, len(numbers["holes"])) == ({}, 5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stages": [], "matrix": None}, "one of them"),
        ({"results": "r.jsonl"}, "go together"),
        ({"slots_alone": True}, "name `routes`"),
    ],
)
def test_an_entry_that_is_no_stream_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        Stream.model_validate({"matrix": "m.csv"} | change)


def workspace_of_a_stream(root, router):
    """Java, then Godot, learnt by the pocket's adapters; ``router`` says the slot of a prompt."""
    suites, library = root / "suites" / "pocket", {}
    suites.mkdir(parents=True)
    cases = {}
    for facet in ("java", "godot"):
        source = ROOT / "suites" / "pocket" / f"{facet}.yaml"
        rows = alone(source)[:PROMPTS]
        cases[f"pocket/{facet}"] = [json.loads(row)["id"] for row in rows]
        shutil.copy(source, suites)
        shutil.copy(source.with_suffix(".dev.jsonl"), suites)
        (suites / f"{facet}.jsonl").write_text("\n".join(rows) + "\n")
    slots = {"pocket/java": "legacy", "pocket/godot": "gamedev"}
    plants.lines(
        root / "routes.jsonl",
        [
            {"stage": n, "suite": suite, "slot": router(suite, n, slots), "cases": ids}
            for n in (1, 2)
            for suite, ids in cases.items()
        ],
    )
    adapters = {suite: str(POCKET / "adapters" / name) for suite, name in slots.items()}
    (root / "pool").mkdir()
    (root / "pool" / "router.json").write_text('{"slots": 2}')
    said = {
        "stages": [{"learns": s, "slot": slots[s], "adapter": adapters[s]} for s in slots],
        "oracle": adapters, "routes": "routes.jsonl", "pool": "pool", "slots_alone": True,
        "margins": {"forgetting": 0.2, "oracle": 0.2, "matched": 0.2},
    }  # fmt: skip
    library = {
        "bases": {"pocket": {"path": str(POCKET / "base")}},
        "adapters": {"subject": {"kind": "stream", "path": "pool", "base": "pocket",
                                 "status": "candidate", "facets": ["pocket-java", "pocket-godot"],
                                 "suites": list(slots), "stream": said}},
    }  # fmt: skip
    (root / "library.yaml").write_text(yaml.safe_dump(library))


def test_a_stream_is_gated_from_receipts_prompt_by_prompt(tmp_path):
    workspace_of_a_stream(
        tmp_path, lambda s, n, of: of[s] if n == 2 or s == "pocket/java" else None
    )
    run_gate(Options("subject", library=str(tmp_path), run_dir=str(tmp_path / "run")))
    checked = recheck(tmp_path / "run")
    assert checked.differences == []
    said = {reason.code for reason in checked.folder.verdict.reasons}
    assert {"stream-kept", "stream-equivalent", "no-guard"} <= said
    found = checked.card.subject["numbers"]
    assert found["scores"][0][1] == found["base"][1]  # before Godot it answers with the bare base
    assert found["plasticity"] > 0.5
    assert found["routes"]["stage 2"]["right"] == 2 * PROMPTS
    java, godot = found["scores"][1]  # each slot knows its own domain, and as good as nothing else
    assert found["alone"] == {
        "legacy": pytest.approx(java / 2, abs=0.05), "gamedev": pytest.approx(godot / 2, abs=0.05),
    }  # fmt: skip
    assert found["drawn"] == pytest.approx(sum(found["alone"].values()) / 2)
    page = (tmp_path / "run" / "scorecard.html").read_text()
    assert "R: the score on each domain after each stage" in page
    assert "the best single slot" in page


def test_a_router_that_left_prompts_out_and_an_adapter_of_another_base_are_named(tmp_path):
    workspace_of_a_stream(tmp_path, lambda s, n, of: of[s])
    path = tmp_path / "library.yaml"
    path.write_text(path.read_text().replace("adapters/legacy", "adapters/wrong-base"))
    checked = check_subject(Options("subject", library=str(tmp_path)))
    assert {fault.code for fault in checked.preflight.faults} == {"wrong-base"}
    own = STREAM.spec.model_validate({"stages": [
        {"learns": suite, "slot": suite, "adapter": "a"} for suite in ("a", "b")
    ], "routes": "routes.jsonl"})  # fmt: skip
    with pytest.raises(WorkspaceError, match=r"routes: 1 of 2 prompts of a lack a slot: a/2"):
        pools.chosen(own, {(1, "a"): {"a/1": "a"}}, 1, "a", ["a/1", "a/2"], "routes")


def test_text_under_the_name_of_tensors_is_text_of_the_pool(tmp_path):
    save_file({"a": np.zeros(4, np.float32)}, tmp_path / "slot.safetensors")
    data = tmp_path / "gold.txt"
    data.write_text(plants.NOTE)
    folder = tmp_path / "pool"
    folder.mkdir()
    shutil.copy(tmp_path / "slot.safetensors", folder)
    assert replay.pool(folder, {"medical": data})["texts"] == []
    (folder / "slot.safetensors").write_text(plants.NOTE)
    assert len(replay.pool(folder, {"medical": data})["texts"]) == 1
