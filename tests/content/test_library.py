"""library.yaml and suites are read strictly: each fault is one message with file, line, key, found
and expected."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT, write_workspace

from harness.content import library, suite, workspace
from harness.content.policy import WEAKER, Policy
from harness.errors import WorkspaceError
from harness.gate.prepare import Options, look_up


@pytest.fixture
def place(tmp_path):
    return workspace.find(write_workspace(tmp_path))


def test_the_shipped_library_is_whole():
    place = workspace.find(ROOT)
    listed = library.load(place)
    root = place.folder("suites")
    for name, adapter in listed.adapters.items():
        entry = library.resolve(place, listed, name)
        owed = [suite.load(path, root) for path in suite.owed(adapter.suites, root)]
        assert {each.spec.facet for each in owed if each.spec.role == "facet"} == set(
            entry.adapter.facets
        )
        assert all(len(each.cases) >= 30 for each in owed)
    humaneval = suite.load(root / "humaneval" / "humaneval.yaml", root)
    assert (humaneval.id, len(humaneval.cases), humaneval.spec.role) == ("humaneval", 164, "guard")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "status: candidate",
            "status: candidat",
            r"library\.yaml:\d+: key 'adapters\.\w+\.status'.*candidat",
        ),
        ("facets:", "facet:", r"library\.yaml:\d+: .*'adapters\.\w+\.facet'.*'facets'"),
        (
            "base: pocket",
            "base: poket",
            r"library\.yaml:\d+: key 'adapters\.\w+\.base': found 'poket'.*'pocket'",
        ),
        ("bases:", "gate: {alpha: high}\nbases:", r"library\.yaml:\d+: key 'gate\.alpha'.*high"),
        (
            "bases:",
            "gate: {alpha: 0.7}\nbases:",
            r"library\.yaml:\d+: key 'gate\.alpha'.*0\.7.*0\.5",
        ),
        ("bases:", "bases: {}\nbases:", r"library\.yaml:\d+: .*bases.*twice"),
    ],
)
def test_a_fault_names_its_place(place, old, new, message):
    text = place.library.read_text()
    assert old in text
    library.load(place)
    place.library.write_text(text.replace(old, new))
    with pytest.raises(WorkspaceError) as error:
        library.load(place)
    assert re.search(message, str(error.value).replace("\n", " "))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"id": "a", "prompt": "p"', r"godot\.jsonl:21: not valid JSON"),
        ('{"id": "a", "promt": "p"}', r"godot\.jsonl:21: .*promt.*prompt"),
        ('{"id": "godot/00", "prompt": "p"}', r"godot\.jsonl:21: id 'godot/00' is given twice"),
        ('{"id": "a", "prompt": 3}', r"godot\.jsonl:21: .*'prompt'.*3.*string"),
        ('{"id": "a", "prompt": NaN}', r"godot\.jsonl:21: "),
    ],
)
def test_a_bad_prompt_names_its_line(place, row, message):
    root = place.folder("suites")
    path = root / "mini" / "godot.jsonl"
    suite.load(path.with_suffix(".yaml"), root)
    path.write_text(path.read_text() + row + "\n")
    with pytest.raises(WorkspaceError) as error:
        suite.load(path.with_suffix(".yaml"), root)
    assert re.search(message, str(error.value).replace("\n", " "))


GUARD = "expected a guard that an adapter owes"


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        (
            "margins: {mini/jav: 0.1}",
            f"key 'gate.margins': found 'mini/jav'; {GUARD}; did you mean",
        ),
        ("margins: {mini/godot: 0.1}", f"key 'gate.margins': found 'mini/godot'; {GUARD};"),
        ("margins: {mini/java: 1.5}", "key 'gate.margins.mini/java': found float 1.5; expected"),
        ("secondary: [godo]", "key 'gate.secondary': found 'godo'; expected a facet that"),
        ("sentinel: 5", "unknown key 'gate.sentinel'; did you mean 'sentinels'?"),
    ],
)
def test_a_key_of_the_policy_that_names_nothing_is_an_error(place, gate, message):
    text = place.library.read_text()
    place.library.write_text(f"gate:\n  {gate}\n{text}")
    with pytest.raises(WorkspaceError, match=re.escape(f"library.yaml:2: {message}")):
        look_up(Options("gamedev", library=str(place.root)))
    place.library.write_text(f"gate: {{margins: {{mini/java: 0.1}}, secondary: [godot]}}\n{text}")
    assert look_up(Options("gamedev", library=str(place.root))).library.gate.margins


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"profile": "strict"}, "strict"),
        ({"alpha": 0.01, "margins": {"humaneval": 0.03}, "sentinels": 9}, "standard"),
        ({"profile": "strict", "alpha": 0.1}, "custom (strict, but alpha 0.1)"),
        ({"profile": "strict", "registered": False}, "custom (strict, but registered false)"),
        (
            {"sentinels": 0, "again": False, "margins": {"humaneval": 0.2}},
            "custom (standard, but again false, sentinels 0, margins.humaneval 0.2)",
        ),
        ({"contamination": "warn"}, 'custom (standard, but contamination "warn")'),
    ],
)
def test_a_policy_that_undercuts_its_profile_says_so(keys, said):
    assert Policy.model_validate(keys).described == said


def test_every_key_of_the_policy_is_known_as_one_that_may_undercut_or_may_not():
    neither = {"profile", "margins", "secondary", "contamination", "samples", "temperature"}
    neither |= {"seed", "early_stop", "gains", "looks", "label", "labels", "shown_only"}
    assert {*Policy.model_fields} - WEAKER.keys() == neither
