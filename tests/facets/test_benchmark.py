"""benchmarks/facets.py counts what the suites' criteria make of labelled answers."""

from __future__ import annotations

import importlib.util
import json
import sys

import pytest
from conftest import ROOT

ROW = json.loads((ROOT / "suites/pocket/godot.jsonl").read_text().splitlines()[2])
GOOD = """```gdscript
extends Node2D

signal chest_opened(points: int)


func report(points: int) -> void:
\tchest_opened.emit(points)
```"""
ANSWERS = {
    "right": ("good", ROW["prompt"], GOOD),
    "never emitted": ("bad", ROW["prompt"], GOOD.replace(".emit(", ".connect(")),
    "taken for a bad one": ("bad", ROW["prompt"], GOOD),
    "of a prompt that nobody knows": ("good", "Make a game.", GOOD),
}


@pytest.fixture
def benchmark(monkeypatch):
    spec = importlib.util.spec_from_file_location("facets", ROOT / "benchmarks" / "facets.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "facets", module)
    spec.loader.exec_module(module)
    return module


def test_answers_are_judged_by_the_suites_and_counted_by_facet(
    benchmark, tmp_path, monkeypatch, capsys
):
    rows = [
        {"id": id, "facet": "pocket-godot", "prompt": prompt, "answer": answer, "label": label}
        for id, (label, prompt, answer) in ANSWERS.items()
    ]
    cases = tmp_path / "cases.jsonl"
    cases.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {**rows[0], "facet": "no"}]))
    monkeypatch.setattr(sys, "argv", ["facets.py", str(cases), "--json", "--misses"])
    monkeypatch.chdir(ROOT)
    benchmark.main()
    out, said = capsys.readouterr()
    assert json.loads(out) == {
        "pocket-godot": {
            "goods": 2, "goods_elite": 1, "bads": 2, "bads_refused": 1, "unverified": 1,
        },
        "no": {"goods": 1, "goods_elite": 0, "bads": 0, "bads_refused": 0, "unverified": 1},
    }  # fmt: skip
    assert "of a prompt that nobody knows: unverified: nothing says what is expected" in said
    assert "taken for a bad one (bad): passes" in said
