"""What a gate settles of its engine before the first answer: the policy's numerics, and rows of its
own prompts' lengths."""

from __future__ import annotations

import pytest
import yaml
from conftest import POCKET, write_workspace

from harness.engines.decoding import sizing
from harness.engines.mlx import MlxEngine
from harness.gate.prepare import Options, as_asked, look_up, preflight


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ({}, {"numerics": "fast", "way": "together", "batch": 16}),
        ({"numerics": "exact"}, {"numerics": "exact", "way": "steady", "rows": 8}),
    ],
    ids=["fast", "exact"],
)
def test_a_gate_answers_with_the_numerics_of_its_policy(tmp_path, monkeypatch, gate, said):
    root, asked, real = write_workspace(tmp_path), [], sizing.rows
    path = root / "library.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"gate": gate}))
    monkeypatch.setattr(sizing, "rows", lambda *args: asked.append(args[1]) or real(*args))
    engine, wanted = MlxEngine(POCKET / "base"), look_up(Options("gamedev", library=str(root)))
    wanted = as_asked(wanted, engine)
    assert preflight(wanted, engine).faults == []
    assert engine.identity.items() >= said.items()
    longest = max(
        len(engine.encode(case.prompt, "chat")) + each.form.max_tokens
        for each in wanted.suites.values()
        for case in each.cases
    )
    if not gate:  # else memory decides nothing
        assert longest <= asked[-1] < engine.context, "its own lengths, also behind the canon"
