"""How a suite of mode ``auto`` asks: in chat a base that chats, raw one that does not, and either
as the library says; the documents of the run name it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from spoken_gate import GUARD, LIBRARY, Gate, card

from harness.content import suite
from harness.errors import WorkspaceError
from harness.evidence.folder import RunFolder
from harness.gate.prepare import as_asked, look_up

AUTO = GUARD.replace("mode: completion", "mode: auto") + (
    'stop: ["x"]\nchat: {prompt: "\\n{prompt}\\n ", max_tokens: 90}\n'
)


@pytest.mark.parametrize(
    ("said", "template", "mode"),
    [
        ("", "{{ messages }}", "chat"),
        ("", "", "completion"),
        (", mode: completion", "{{ messages }}", "completion"),
        (", mode: chat", "", "chat"),
    ],
)
def test_the_library_says_how_a_base_is_asked_or_else_its_template(
    root: Path, said: str, template: str, mode: str
):
    (root / "suites" / "general.yaml").write_text(AUTO)
    (root / "library.yaml").write_text(LIBRARY.replace("path: base", f"path: base{said}"))
    found = as_asked(look_up(Gate(root).options), SimpleNamespace(template=template))
    form = found.suites["general"].form
    assert form.mode == mode
    assert form.text(" 1+2\n") == {"chat": "\n1+2\n ", "completion": " 1+2\n"}[mode]
    assert (form.max_tokens, form.stop) == {"chat": (90, []), "completion": (8, ["x"])}[mode]
    assert found.suites["sums"].form.mode == "chat", "what is no question stays as it is"


@pytest.mark.usefixtures("no_answers")
def test_a_run_names_the_protocol_and_keeps_the_bare_prompt(root: Path):
    (root / "suites" / "general.yaml").write_text(AUTO)
    gate = Gate(root, run_dir=str(root / "run"))
    gate.speaker.template = "{{ messages }}"
    asked: list[str] = []
    reads = gate.speaker.reads
    gate.speaker.reads = lambda ask: asked.append(ask.prompt) or reads(ask)
    gate.run()
    rows = [row for row in RunFolder(root / "run").receipts if row.suite == "general"]
    assert {row.prompt for row in rows} == {f"{i}+120" for i in range(120)}
    assert "\n0+120\n " in asked
    plan = RunFolder(root / "run").registration.plans["general"]
    text = r"greedy, chat as '\n{prompt}\n ', at most 90 tokens, stop []"
    assert (plan.mode, plan.sampler) == ("chat", text)
    [score] = [s for s in card(root / "run")["suites"] if s["suite"] == "general"]
    assert score["samplers"]["adapter"] == [text]
    assert "chat as &#39;" in (root / "run" / "scorecard.html").read_text()


@pytest.mark.parametrize(
    "text",
    [
        AUTO.replace("mode: auto", "mode: completion"),
        AUTO.split("chat:")[0],
        AUTO.replace("{prompt}\\n", "\\n"),
        AUTO + "canon: Add.\n",
    ],
)
def test_a_protocol_that_is_half_said_is_refused(root: Path, text: str):
    path = root / "suites" / "general.yaml"
    path.write_text(AUTO)
    digest = suite.load(path, root).digest
    path.write_text(AUTO.replace("90", "91"))
    assert suite.load(path, root).digest != digest, "the protocol is a part of the suite"
    path.write_text(text)
    with pytest.raises(WorkspaceError, match=r"general\.yaml.*key '(chat|chat\.prompt|canon)'"):
        suite.load(path, root)
