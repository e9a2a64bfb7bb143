"""Careless verifiers with honest fixtures, padded so that no number excuses one: each is refused by
a named answer or asked the question that names its fault, and its twin is VALID once its author
has answered."""

import json
import shutil
from pathlib import Path

import carelessness
import pytest
from auditing import audited, harness, write

from harness.audit.certificate import State
from harness.content.fixtures import MADE
from harness.sandbox import open_sandbox

CARELESS = Path(__file__).parent.parent / "data" / "careless.py"
DIGITS = "digits of another script are the same number"
TEXT = "only the last line counts"
#: criterion -> (what names the fault, what an honest author waives for the twin too)
EXPECTED = {
    "capital": ("word-continued", {}),
    "greeting": ("around", {}),
    "final_choice": ("candidates-listed", {"another-before": TEXT}),
    "pays": ("wanted-swapped", {}),
    "spelling": ("letter-case", {}),
    "sourced": ("citations-swapped", {}),
    "contact": ("mark-replaced", {}),
    "distance": ("unit-swapped", {"full-width-digits": DIGITS}),
    "mean": ("not-a-number", {"look-alike": DIGITS}),
    "product": ("number-nearby", {"full-width-digits": DIGITS, "another-before": TEXT}),
    "last_number": (
        "sign-flipped",
        {"stance": TEXT, "around": TEXT, "denied": TEXT, "exponent-behind": "it is no number then"},
    ),
    "due": ("date-compact", {}),
    "ordered": ("order-turned", {}),
    "stations": ("element-dropped", {}),
    "counts": ("number-as-truth", {"key-twice": "the last one counts"}),
    "record": ("number-as-text", {}),
    "unique_names": ("key-twice", {}),
    "label": ("garbage-behind", {"key-twice": "the last one counts"}),
    "pinned": (
        "image-latest",
        dict.fromkeys(("values-swapped", "key-dropped", "key-in-capitals"), "only images count"),
    ),
    "person": ("element-nested", {}),
    "picture": (
        "element-commented",
        dict.fromkeys(("element-nested", "element-twice"), "an image may stand anywhere"),
    ),
    "evaluates": (
        "forbidden-disguised",
        dict.fromkeys(("behaviour", "hostile-code"), "the code is read, not run"),
    ),
    "first_block": ("block-behind-wrong", {}),
    "shown": ("example-only", {}),
    "overtime": ("endless-loop", {}),
    "rotated": ("argument-changed", {}),
}


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    folder = tmp_path_factory.mktemp("careless")
    (folder / "verifiers").mkdir()
    shutil.copy(CARELESS, folder / "verifiers")
    for criterion, (_, waive) in EXPECTED.items():
        for id in (f"careless_{criterion}.it", f"sound_{criterion}.it"):
            document = carelessness.document(criterion, id, waive)
            write(folder / "audits" / id / "fixtures.yaml", json.dumps(document, indent=1))
    with open_sandbox("auto") as opened:
        name = opened.name
    return audited(folder, sandbox=name)


@pytest.mark.parametrize("criterion", EXPECTED)
def test_a_careless_verifier_is_not_valid_and_its_fault_is_named(certified, criterion):
    found, named = certified[f"careless_{criterion}.it"], EXPECTED[criterion][0]
    asked = {name for one in found.questions for name in (one.name, *one.operators)}
    passed = {name.removeprefix(MADE) for name in found.false_passes}
    assert found.state in (State.REFUSED, State.PROVISIONAL)
    assert not found.false_fails
    assert named in asked | passed, found.sentence()


@pytest.mark.parametrize("criterion", EXPECTED)
def test_its_twin_is_valid_after_honest_answers(certified, criterion):
    found = certified[f"sound_{criterion}.it"]
    assert found.state is State.VALID, found.sentence()


def test_answers_are_written_into_the_fixtures_and_nothing_else_changes(tmp_path):
    write(tmp_path / "library.yaml", "")
    (tmp_path / "verifiers").mkdir()
    shutil.copy(CARELESS, tmp_path / "verifiers")
    id = "careless_spelling.it"
    path = tmp_path / "audits" / id / "fixtures.yaml"
    before = json.dumps(carelessness.document("spelling", id, {}), indent=1)
    write(path, before)
    code, text = harness("audit", "--library", tmp_path, id)
    assert (code, "next: answer 'letter-case'" in text) == (2, True)
    code, text = harness("audit", "--library", tmp_path, id, "--answer", "letter-cse=deadly")
    assert (code, "no verifier asks about letter-cse" in text) == (4, True)
    assert path.read_text() == before
    code, text = harness("audit", "--library", tmp_path, id, "--answer", "letter-case=deadly")
    assert (code, "degenerate:letter-case of" in text) == (1, True)
    assert json.loads(path.read_text()) == json.loads(before) | {"deadly": ["letter-case"]}
