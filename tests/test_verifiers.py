"""The verifiers of the four pocket facets: fixtures, gold answers, mutants of gold, and hostile
text."""

import importlib.util
import itertools
import json
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import Answer, Case, Outcome
from harness.content import fixtures
from harness.judging.discovery import discover

ROOT = Path(__file__).parents[1]
FACETS = ("godot", "shaders", "patchnotes", "java")
VERIFIERS = {
    id: one
    for id, one in discover(ROOT / "verifiers").verifiers.items()
    if one.facet.startswith("pocket-")
}
#: the family of prompts that each verifier judges
FAMILY = {id: one.facet.removeprefix("pocket-") for id, one in VERIFIERS.items()}

_spec = importlib.util.spec_from_file_location(
    "pocket_families", ROOT / "examples" / "pocket" / "families.py"
)
families = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = families  # dataclasses look their module up
_spec.loader.exec_module(families)

# (facet, what to replace in a gold answer, by what, the verifier that must refuse it)
MUTANTS = [
    ("godot", "-> void:", "-> void", "pocket_godot.parses"),
    ("godot", "\nfunc ", "\nonready var a = 1\nfunc ", "pocket_godot.parses"),
    ("godot", "extends ", "extends X", "pocket_godot.extends"),
    ("godot", "extends ", "# extends ", "pocket_godot.extends"),
    ("godot", "signal ", "signal a", "pocket_godot.signal_typed"),
    ("godot", ": int", ": float", "pocket_godot.signal_typed"),
    ("godot", ": String", "", "pocket_godot.signal_typed"),
    ("godot", ".emit(", ".emit(1, ", "pocket_godot.signal_emitted"),
    ("godot", "\t", "\treturn\n\t", "pocket_godot.signal_emitted"),
    ("godot", "\t", "\tif false: ", "pocket_godot.signal_emitted"),
    ("godot", ".emit(", ".connect(", "pocket_godot.signal_emitted"),
    ("godot", "func ", "func a", "pocket_godot.signal_emitted"),
    ("shaders", "300 es", "310 es", "glsl.parses"),
    ("shaders", "precision mediump float;", "", "glsl.parses"),
    ("shaders", "out vec4", "varying vec4", "glsl.parses"),
    ("shaders", ", 1.0)", ")", "glsl.parses"),
    ("shaders", "uniform vec3 ", "uniform vec3 a", "glsl.uniforms"),
    ("shaders", "uniform float ", "uniform vec3 ", "glsl.uniforms"),
    ("shaders", "fragColor = ", "fragColor = 0.0 * ", "glsl.uniforms"),
    ("shaders", " * ", " + ", "glsl.color"),
    ("shaders", " + ", " - ", "glsl.color"),
    ("shaders", " - ", " + ", "glsl.color"),
    ("shaders", "mix(", "max(", "glsl.color"),
    ("shaders", "1.0)", "0.9)", "glsl.color"),
    ("shaders", "vec4(", "1.01 * vec4(", "glsl.color"),
    ("patchnotes", " fixes ", " never fixes ", "patchnotes.facts"),
    ("patchnotes", " fixes ", " 1.0 fixes ", "patchnotes.facts"),
    ("patchnotes", "bug, so", "bug, unlike", "patchnotes.facts"),
    ("patchnotes", "bug", "bugs", "patchnotes.facts"),
    ("patchnotes", ", so ", ". So ", "patchnotes.plain"),
    ("patchnotes", " fixes ", " **fixes** ", "patchnotes.plain"),
    ("patchnotes", ", so", " for a truly immersive journey, so", "patchnotes.plain"),
    ("java", "public class", "class", "java.parses"),
    ("java", ";\n    }\n", "\n    }\n", "java.parses"),
    ("java", "jakarta", "javax", "java.entity"),
    ("java", "    @GeneratedValue\n", "", "java.entity"),
    ("java", "import jakarta.persistence.Id;\n", "", "java.entity"),
    ("java", "public class ", "public class A", "java.entity"),
    ("java", "    private ", "    public ", "java.field"),
    ("java", "return ", "return null == ", "java.field"),
    ("java", "() {", "(int a) {", "java.field"),
    ("java", " get", " fetch", "java.field"),
]
HOSTILE = [
    "\0",
    "\ud800",
    "\u202e",
    "((",
    "}",
    "\t ",
    "\r",
    "```",
    "\u2028",
    "/*",
    "\uff11",
    "\u0430",
    "@",
    "\\u0041",
]
BOMBS = [
    "(",
    "[",
    "{",
    ")",
    "- ",
    "!",
    "not ",
    "a.",
    "if x:\n\t",
    "/*",
    '"',
    "a+",
    "a?b:",
    "@A(",
    "> ",
    "1",
    "f(f(",
    "\t",
    "- x\n",
]


def judge(id, sample, answer):
    return VERIFIERS[id].judge(Case("x", sample.prompt, sample.expect), Answer(answer))


def test_every_facet_has_its_verifiers():
    assert not discover(ROOT / "verifiers").broken
    assert Counter(FAMILY.values()) == {"godot": 4, "shaders": 3, "patchnotes": 2, "java": 3}


@pytest.mark.parametrize("id", VERIFIERS)
def test_fixtures_are_of_no_suite_and_are_judged_as_labelled(id):
    known = fixtures.load(ROOT / "audits", id)
    assert sum(f.good for f in known) >= 29
    assert sum(not f.good for f in known) >= 59
    held_out = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "suites" / "pocket").glob("*.jsonl")
        if not path.name.endswith(".dev.jsonl")  # nothing is decided by those
    )
    for fixture in known:
        found = VERIFIERS[id].judge(fixture.case, Answer(fixture.answer))
        assert found.reason not in ("raised", "not-a-judgement"), (
            f"{fixture.name}: {found.evidence}"
        )
        assert (found.outcome is Outcome.PASS) == fixture.good, (
            f"{fixture.name}: {found.reason} {found.evidence}"
        )
        assert json.dumps(fixture.case.prompt, ensure_ascii=False) not in held_out, fixture.name


@pytest.mark.parametrize("facet", FACETS)
@pytest.mark.parametrize("seed", range(3))
def test_gold_passes_every_criterion_and_the_gold_of_the_next_prompt_does_not(facet, seed):
    criteria = [id for id, family in FAMILY.items() if family == facet]
    for sample, other in itertools.pairwise(families.draw(facet, 60, seed)):
        for id in criteria:
            found = judge(id, sample, sample.answer)
            assert found.outcome is Outcome.PASS, f"{id}: {found} {sample.answer}"
        assert any(judge(id, other, sample.answer).outcome is not Outcome.PASS for id in criteria)


@pytest.mark.parametrize(
    ("facet", "old", "new", "id"), MUTANTS, ids=[f"{m[3]}:{m[1]!r}->{m[2]!r}" for m in MUTANTS]
)
def test_mutants_of_gold_fail(facet, old, new, id):
    mutated = [sample for sample in families.draw(facet, 60, 7) if old in sample.answer]
    assert mutated
    for sample in mutated:
        assert judge(id, sample, sample.answer.replace(old, new)).outcome is not Outcome.PASS, (
            sample.answer
        )


def test_swapped_parameters_fail():
    for sample in families.draw("godot", 80, 3):
        if len(sample.expect["parameters"]) == 2:
            a, b = (one["name"] for one in sample.expect["parameters"])
            swapped = sample.answer.replace(f"emit({a}, {b})", f"emit({b}, {a})")
            assert judge("pocket_godot.signal_emitted", sample, swapped).reason == "swapped"
    for sample in families.draw("shaders", 80, 3):
        if "mix(" in sample.expect["color"]:
            a, b = (one["name"] for one in sample.expect["uniforms"][:2])
            swapped = sample.answer.replace(f"mix({a}, {b}", f"mix({b}, {a}")
            assert judge("glsl.color", sample, swapped).reason == "wrong-colour"


@pytest.mark.parametrize("id", VERIFIERS)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_damaged_gold_is_judged_and_never_raises(id, data):
    sample = families.draw(FAMILY[id], 8, 1)[data.draw(st.integers(0, 7))]
    text = sample.answer
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 12)))
    put = data.draw(st.text(max_size=6) | st.sampled_from(HOSTILE))
    found = judge(id, sample, text[:start] + put + text[end:])
    assert found.reason not in ("raised", "not-a-judgement"), found.evidence


@pytest.mark.parametrize("id", VERIFIERS)
@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_end_quickly(id, bomb):
    sample = families.draw(FAMILY[id], 1, 1)[0]
    text = bomb * (19_000 // len(bomb))
    fence = sample.answer.partition("\n")[0] if sample.answer.startswith("```") else "```"
    head, mark, tail = sample.answer.rpartition(")")
    start = time.perf_counter()
    for answer in (text * 20, text, f"{fence}\n{text}\n```"):
        assert judge(id, sample, answer).outcome is not Outcome.PASS
    for answer in (f"{head}{text}{mark}{tail}", sample.answer.replace("\n", f" {text}\n", 3)):
        assert judge(id, sample, answer[:20_000]).reason != "raised"
    assert time.perf_counter() - start < 30
