"""What every facet that is a folder keeps to: its prompts, its page, its criteria."""

from __future__ import annotations

import json
import re
from itertools import combinations

import pytest
from conftest import ROOT

from harness.content import suite
from harness.judging.discovery import discover

SUITES = ROOT / "suites"
FACETS = {
    suite.suite_id(path, SUITES): path
    for path in sorted(SUITES.glob("*/*/*.yaml"))
    if path.stem == path.parent.name
}
ALIKE = 0.5  #: of the character 5-grams of two prompts, in one group or not


def grams(text: str) -> frozenset[str]:
    plain = " ".join(re.findall(r"\w+", text.lower()))
    return frozenset(plain[n : n + 5] for n in range(len(plain) - 4))


def near_duplicates(prompts: dict[str, str]) -> list[tuple[str, str]]:
    kept = {name: grams(text) for name, text in prompts.items()}
    return [
        (a, b)
        for a, b in combinations(kept, 2)
        if len(kept[a] & kept[b]) >= ALIKE * len(kept[a] | kept[b])
    ]


@pytest.mark.parametrize("id", FACETS)
def test_a_facet_is_whole(id):
    """Reading it checks every ``expect`` against its schema."""
    path = FACETS[id]
    read = suite.load(path, SUITES)
    assert read.id == id
    assert (read.spec.facet, read.spec.role) == (path.stem, "facet")
    assert len(read.cases) >= 40
    assert read.dev
    assert all(case.expect for case in (*read.cases, *read.dev))
    assert 5 <= len([line for line in (read.spec.canon or "").splitlines() if line.strip()]) <= 15
    assert 3 <= len(read.spec.criteria) <= 6
    page = (path.parent / "README.md").read_text(encoding="utf-8")
    keys = json.loads((path.parent / "expect.schema.json").read_text(encoding="utf-8"))
    assert [key for key in keys["properties"] if f"`{key}" not in page] == []
    assert [one.id for one in read.spec.criteria if one.id not in page] == []


@pytest.mark.parametrize("id", FACETS)
def test_no_two_prompts_of_a_facet_are_near_duplicates(id):
    read = suite.load(FACETS[id], SUITES)
    assert near_duplicates({c.id: c.prompt for c in (*read.cases, *read.dev)}) == []


def test_a_near_duplicate_is_seen_and_another_task_is_not():
    prompts = {
        "one": "Write a Godot 4 script for a door that opens when the player enters its area.",
        "two": "Write a Godot 4 script for a gate that opens when the player enters its area!",
        "other": "A health bar follows its enemy; hide it at full health. GDScript, please.",
    }
    assert near_duplicates(prompts) == [("one", "two")]


def test_every_criterion_of_a_facet_has_a_verifier_of_that_facet():
    verifiers = discover(ROOT / "verifiers").verifiers
    for id, path in FACETS.items():
        spec = suite.load(path, SUITES).spec
        assert {verifiers[one.verifier].facet for one in spec.criteria} == {spec.facet}, id
