"""The committed pocket factory: its data come from its script, its digests agree, and each adapter
gets its verdict."""

from __future__ import annotations

import importlib.util
import json
import os
import sys

import pytest
from click.testing import CliRunner
from commands import WIDTH, wide
from conftest import POCKET, ROOT

from harness.content import library, workspace
from harness.digests import folder_digest
from harness.doors.cli import main as cli


@pytest.fixture(scope="module")
def families():
    spec = importlib.util.spec_from_file_location("families", POCKET / "families.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["families"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("facet", ["godot", "shaders", "patchnotes", "java"])
def test_held_out_prompts_are_what_the_script_draws_and_the_gold_never_saw_them(families, facet):
    gold, held_out = families.split(facet, 400)
    rows = [
        json.loads(line)
        for line in (ROOT / "suites" / "pocket" / f"{facet}.jsonl").read_text().splitlines()
    ]
    assert [(row["prompt"], row["expect"]) for row in rows] == [
        (sample.prompt, sample.expect) for sample in held_out
    ]
    path = ROOT / "suites" / "pocket" / f"{facet}.dev.jsonl"
    dev = [json.loads(line)["prompt"] for line in path.read_text().splitlines()]
    assert dev == [sample.prompt for sample in families.dev(facet, held_out)]
    assert len(gold) == 400
    assert len(held_out) == 40
    assert not {s.prompt for s in gold} & {s.prompt for s in held_out}
    assert not {s.answer for s in gold} & {s.answer for s in held_out}


def test_digests_agree():
    listed = library.load(workspace.find(ROOT))
    base = folder_digest(POCKET / "base")
    assert listed.bases["pocket"].digest == base
    for name, one in listed.adapters.items():
        if one.kind != "adapter":
            continue
        config = json.loads((ROOT / one.path / "adapter_config.json").read_text())
        assert (config["trained_on_base"] == base) is (name != "wrong-base")
        assert "/" not in json.dumps(config)  # no path of the machine that trained it


def test_the_fixture_is_small_enough_to_commit():
    assert sum(path.stat().st_size for path in POCKET.rglob("*") if path.is_file()) < 7_000_000


@pytest.mark.parametrize(
    ("adapter", "exit_code", "said"),
    [
        ("gamedev", 0, "SHIP"),
        pytest.param("legacy", 0, "SHIP", marks=pytest.mark.slow),
        pytest.param("legacy-beside", 0, "SHIP", marks=pytest.mark.slow),
        pytest.param("both", 0, "it has what its parents had", marks=pytest.mark.slow),
        pytest.param("both-forgot", 1, "HumanEval is lost", marks=pytest.mark.slow),
        pytest.param("pool", 0, "of gamedev, the best by itself", marks=pytest.mark.slow),
        pytest.param("pool-collapsed", 1, "no prompt goes there", marks=pytest.mark.slow),
        pytest.param("pocket-served", 0, "was answered by another", marks=pytest.mark.slow),
        pytest.param("stream", 0, "every domain was learnt and kept", marks=pytest.mark.slow),
        pytest.param("stream-shared", 1, "different, worse than the", marks=pytest.mark.slow),
        pytest.param("stream-forgot", 1, "forgot: pocket/java", marks=pytest.mark.slow),
        pytest.param("tenants", 0, "they remember facts", marks=pytest.mark.slow),
        pytest.param("tenants-shared", 1, "asked for what t02 told", marks=pytest.mark.slow),
        pytest.param("handbook", 0, "24 facts that base did not know", marks=pytest.mark.slow),
        pytest.param("handbook-forgot", 1, "neighbouring answers stayed", marks=pytest.mark.slow),
        ("regressed", 1, "lost: HumanEval/"),
        ("dead", 3, "lora_b tensors are zero"),
        ("wrong-base", 3, "was trained on base sha256:"),
        ("truncated", 3, "tensors that its config promises are missing"),
    ],
)
def test_verdicts(tmp_path, adapter, exit_code, said):
    text = (ROOT / "library.yaml").read_text().replace(" examples/", f" {ROOT}/examples/")
    (tmp_path / "library.yaml").write_text(
        text
    )  # a workspace of its own: another look at the same prompts costs alpha
    arguments = [
        "gate",
        "--adapter",
        adapter,
        "--library",
        str(tmp_path),
        "--run-dir",
        str(tmp_path / "run"),
    ]
    result = CliRunner().invoke(cli.main, arguments, env={"COLUMNS": str(WIDTH)})
    told = " ".join(result.output.split())
    assert (result.exit_code, said in told) == (exit_code, True), result.output
    assert wide(result.output) == []
    assert (tmp_path / "run" / "scorecard.html").stat().st_size > 5_000
    seen = list((tmp_path / "looks").glob("*.json"))
    assert len(seen) == (exit_code < 3), "what is void was not asked"
    if seen:
        assert f"look 1 of {adapter} on this base (a new lineage; 1 lineage on" in told
        assert result.stdout.splitlines()[-1] == f"next: git add {os.path.relpath(seen[0])}"
    if adapter == "gamedev":
        rows = [
            json.loads(line)
            for line in (tmp_path / "run" / "receipts.jsonl").read_text().splitlines()
        ]
        parsed = {
            row["findings"][0]["rule"]
            for row in rows
            if (row["suite"], row["outcome"]) == ("pocket/godot", "pass")
        }
        assert parsed == {"last gdscript block"}
