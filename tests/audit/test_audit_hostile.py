"""Hostile code in the good's own place, for chat prompts, classes, programs and wrapped gates: who
runs it beside the judge is fooled and found."""

import json
import shutil
from pathlib import Path

import pytest
from auditing import audited, harness, write

from harness.audit.certificate import State
from harness.sandbox import open_sandbox

RUNNERS = Path(__file__).parent.parent / "data" / "runners.py"
#: by the name of the body that the good gets
FOOLED = {"exit-zero", "equal-to-everything", "forges-the-result", "prints-the-verdict"}


def fixtures(id, *, methods):
    name = "Adder" if methods else "plus_3"
    body = "    def total(self):\n        return self.x + 3\n"
    code = f"class {name}:\n    def __init__(self, x):\n        self.x = x\n\n{body}"
    code = code if methods else f"def {name}(x):\n    return x + 3\n"
    prompt = f"Please write {name}, which adds 3 to a number{', as a class' * methods}."
    case = {"prompt": prompt, "expect": {"function": name, "number": 3, "class": methods}}
    good = {"name": name, "case": case, "answer": f"Here:\n\n```python\n{code}```\n\nIt adds 3."}
    spoil = [{"name": "minus", "replace": "x + ", "by": "x - ", "why": "it subtracts"}]
    return {"verifier": id, "good": [good], "spoil": spoil}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runners")
    (folder / "verifiers").mkdir()
    shutil.copy(RUNNERS, folder / "verifiers")
    for name in ("late_is_right", "reads_the_code", "asks_the_sandbox"):
        found = fixtures(f"{name}.it", methods=name == "asks_the_sandbox")
        write(folder / "audits" / f"{name}.it" / "f.yaml", json.dumps(found))
    with open_sandbox("auto") as opened:
        sandbox = opened.name
    return audited(folder, sandbox=sandbox)


def test_a_program_that_runs_code_and_takes_a_time_out_for_a_pass_is_refused(run):
    found = run["late_is_right.it"]
    assert found.state is State.REFUSED
    assert "counts a time-out as a pass" in " ".join(found.faults)
    assert "hostile-code" in [question.name for question in found.questions]


@pytest.mark.parametrize("twin", ["asks_the_sandbox", "reads_the_code"])
def test_its_twin_is_not(run, twin):
    found = run[f"{twin}.it"]
    assert (found.false_passes, found.false_fails, found.faults) == ([], [], [])
    assert found.state is State.PROVISIONAL  # for want of fixtures


def test_a_wrapped_gate_is_shown_hostile_code_in_the_place_of_every_method(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(RUNNERS, tmp_path / "gates.py")
    write(tmp_path / "library.yaml", "")
    document = json.dumps(fixtures("wrapped.ends_well", methods=True))
    write(tmp_path / "audits" / "wrapped.ends_well" / "f.yaml", document)
    said = ("--wrap", "gates.py:ends_well", "--kind", "executed", "--json")
    code, text = harness("audit", *said)
    assert code == 1
    (found,) = json.loads(text)["certificates"]
    assert not found["false_fails"]
    assert {f"degenerate:{name}" for name in FOOLED} <= {*found["false_passes"]}
