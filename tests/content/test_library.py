"""library.yaml and suites are read strictly: each fault is one message with file, line, key, found
and expected."""

from __future__ import annotations

import re

import pytest
import yaml
from conftest import ROOT, write_workspace

from harness.content import library, suite, workspace
from harness.content.policy import WEAKER, WORDS, Policy
from harness.errors import WorkspaceError
from harness.gate.prepare import Options, look_up
from harness.subjects import kinds


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
        shown = {each.spec.facet for each in owed if each.spec.role == "facet"}
        assert shown | {*kinds.of(entry).measures} == {*entry.adapter.facets}
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


OWED = "expected a suite that an adapter owes"


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ("margins: {mini/jav: 0.1}", f"key 'gate.margins': found 'mini/jav'; {OWED}; did you mean"),
        ("margins: {godot: 0.1}", f"key 'gate.margins': found 'godot'; {OWED};"),
        ("margins: {mini/java: 1.5}", "key 'gate.margins.mini/java': found float 1.5; expected"),
        ("secondary: [godo]", "key 'gate.secondary': found 'godo'; expected a facet that"),
        ("shown_only: [mini/godot]", "key 'gate.shown_only': found 'mini/godot'; expected a guard"),
        ("sentinel: 5", "unknown key 'gate.sentinel'; did you mean 'sentinels'?"),
        ("slices: {mini/jav: {a: 0.1}}", f"key 'gate.slices': found 'mini/jav'; {OWED}; did you"),
        ("slices: {mini/java: {a: 0.1}}", "key 'gate.slices.mini/java': found 'a'; expected a tag"),
    ],
)
def test_a_key_of_the_policy_that_names_nothing_is_an_error(place, gate, message):
    text = place.library.read_text()
    place.library.write_text(f"gate:\n  {gate}\n{text}")
    with pytest.raises(WorkspaceError, match=re.escape(f"library.yaml:2: {message}")):
        look_up(Options("gamedev", library=str(place.root)))
    place.library.write_text(
        f"gate: {{margins: {{mini/java: 0.1}}, secondary: [pocket-godot]}}\n{text}"
    )
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
        ({"profile": "strict", "label": "none"}, 'custom (strict, but label "none")'),
    ],
)
def test_a_policy_that_undercuts_its_profile_says_so(keys, said):
    assert Policy.model_validate(keys).described == said


def test_every_key_of_the_policy_is_known_as_one_that_may_undercut_or_may_not():
    neither = {"profile", "secondary", "samples", "temperature", "seed", "early_stop", "gains"}
    neither |= {"slices"}  # each is a guard more
    neither |= {"looks"}  # each of its plans keeps all looks together within what it promises
    known = {*WEAKER, *WORDS, "margins", "shown_only"}
    assert {*Policy.model_fields} == known | neither


def releases(place, **more):
    """The library with these adapters beside those that it has, each on the same base."""
    data = yaml.safe_load(place.library.read_text())
    one = data["adapters"]["gamedev"]
    data["adapters"] |= {name: {**one, **keys} for name, keys in more.items()}
    place.library.write_text(yaml.safe_dump(data))
    return library.load(place)


def last(place, name, **more):
    entry = library.resolve(place, releases(place, **more), name).previous
    return entry and entry.name


SOULS = {
    "soul9": {"lineage": "soul", "release": "9", "status": "shipped"},
    "soul10": {"lineage": "soul", "release": "10", "status": "shipped"},
    "soul11": {"lineage": "soul", "release": "11"},
    "other": {"lineage": "soul", "release": "10.5", "status": "candidate"},
}


def test_the_last_release_is_the_highest_that_was_shipped_before(place):
    assert last(place, "soul11", **SOULS) == "soul10"
    assert last(place, "soul10", **SOULS) == "soul9"
    assert last(place, "soul9", **SOULS) is None
    assert last(place, "gamedev", **SOULS) is None  # of another lineage
    named = {**SOULS["soul11"], "previous": "soul9"}
    assert last(place, "soul11", **SOULS | {"soul11": named}) == "soul9"


def test_an_adapter_owes_what_those_that_it_includes_owe(place):
    own = {"facets": ["prose"], "suites": ["humaneval"], "includes": "gamedev"}
    found = releases(place, soul=own, both={"facets": [], "suites": [], "includes": ["soul"]})
    assert found.adapters["soul"].facets == ["prose", "pocket-godot"]
    assert found.adapters["both"].suites == ["humaneval", "mini"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"a": {"previous": "gamedev"}}, "adapters.a.previous': found 'gamedev'; expected an"),
        ({"a": {"includes": ["b"]}}, "adapters.a.includes': found 'b'; expected the name of"),
        ({"a": {"includes": "b"}, "b": {"includes": "a"}}, "expected no circle: "),
        ({"a": {"facets": []}}, "at least one of `facets`, or `includes`"),
        (
            {"a": {"lineage": "s"}, "b": {"lineage": "s", "status": "shipped"},
             "c": {"lineage": "s", "status": "shipped"}},
            "adapters.a.previous': found 'nothing'; expected which of b, c came last",
        ),
    ],
)  # fmt: skip
def test_what_names_no_release_is_an_error_with_its_line(place, more, said):
    with pytest.raises(WorkspaceError, match=r"library\.yaml:\d+: ") as error:
        releases(place, **more)
    assert said in str(error.value)
