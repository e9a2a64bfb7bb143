"""What an audit asks of an author, and what it may not do: take a survivor for another verifier's,
plant the answer, read the docstring, give the label away."""

import dataclasses
import json
import random

import pytest
import yaml
from auditing import audited, write

from harness import Case
from harness.audit import answering, tally
from harness.audit.answers import mutants, operators
from harness.audit.answers.near import hostile
from harness.audit.answers.near.forms import pieces
from harness.audit.answers.near.misses import near
from harness.audit.answers.probes import Probe, probes
from harness.audit.auditor import Audit
from harness.content import fixtures
from harness.content.fixtures import Fixture, Known
from harness.errors import WorkspaceError
from harness.judging.bench import Told
from harness.judging.verifier import Kind, failed, passed, verifier


def good(answer, expect, prompt="Do it."):
    return Fixture("good", "good", Case("case", prompt, expect), answer)


def made(*goods):
    """Operator -> the near misses of goods."""
    found = {}
    for one in near(mutants.read(goods, completion=False)):
        found.setdefault(one.operator, []).append(one.text)
    return found


@pytest.mark.parametrize(
    ("answer", "expect", "operator", "text"),
    [
        ("Total: 77", {}, "sign-flipped", "Total: -77"),
        ("Total: 77", {}, "decimal-before", "Total: 3.77"),
        ("Total: 77", {}, "thousands-before", "Total: 1,077"),
        ("Total: 77", {}, "digit-behind", "Total: 779"),
        ("Total: 77", {}, "not-a-number", "Total: NaN"),
        ("Answer: B", {"choice": "B"}, "another-value", "Answer: A"),
        ("Answer: B", {"choice": "B"}, "word-for-letter", "Answer: Because it is so"),
        ("In Oslo.", {"city": "Oslo"}, "denied", "In not Oslo."),
        ("2024-03-01", {}, "date-compact", "20240301"),
        ("One [1]. Two [2].", {}, "citations-swapped", "One [2]. Two [1]."),
        ('{"age": 20}', {}, "number-as-text", '{"age": "20"}'),
        ('{"age": 20}', {}, "key-twice", '{"age": 21, "age": 20}'),
        ("- a\n- b\n- c", {}, "order-reversed", "- c\n- b\n- a"),
    ],
)
def test_a_near_miss_is_one_thing_away_from_the_good(answer, expect, operator, text):
    assert text in made(good(answer, expect))[operator]


def test_operators_of_code_leave_markup_and_data_alone():
    for tag, code in (("html", '<p class="a-b">1 < 2</p>\n'), ("yaml", "a: 1\nb: - 2\n")):
        (one,) = mutants.read([good(f"```{tag}\n{code}```", {})], completion=False)
        names = {name for name, _ in mutants.mutate(one, random.Random(0))}
        assert not names & {*mutants.FLIPS, "off-by-one"}


def test_another_expected_value_is_wrong_with_a_reason_and_a_case_that_it_would_be_right_for():
    goods = [
        dataclasses.replace(good(f"In {city}.", {"city": city}, f"Where? {city}"), name=city)
        for city in ("Oslo", "Rome")
    ]
    read = mutants.read(goods, completion=False)
    found = [one for one in near(read) if one.operator == "another-value"]
    assert [one.other.expect["city"] for one in found] == ["Rome", "Oslo"]
    assert all(repr(one.one.case.expect["city"]) in one.why for one in found)


@pytest.mark.parametrize("prompt", ["Write add(x).", "def add(x):\n"])
def test_hostile_code_stands_in_the_place_of_the_good_in_chat_too(prompt):
    answer = "Here:\n\n```python\nimport math\n\n\ndef add(x):\n    return x + 2\n```"
    (piece,) = pieces(mutants.read([good(answer, {"function": "add"}, prompt)], completion=True))
    found = {**hostile.hostile(piece), **hostile.endless(piece)}
    assert {"exit-at-once", "equal-to-everything", "forges-the-result"} <= set(found)
    assert {"endless-loop", "endless-output", "slow-but-right"} <= set(found)
    for name, text in found.items():
        assert text.startswith("Here:\n\n```python\nimport math\n\n\ndef add(x):\n"), name
        assert ("return x + 2" in text) == (name == "slow-but-right"), name


def test_what_is_expected_is_planted_only_where_naming_it_is_no_answer():
    def planted(one):
        @verifier("a.b", version=1, facet="a")
        def judge(_case, _answer):
            """Whatever."""
            return passed()

        made = probes(judge, Known([one]))
        return next(p.answer for p in made if p.operator == "keyword-stuffing")

    assert "Oslo" not in planted(good("It is Oslo.", {"answer": "Oslo"}))
    code = good("```python\ndef f():\n    return 1\n```", {"function": "f"})
    assert "f Do it." in planted(code)


def test_a_docstring_changes_nothing_that_is_asked():
    def declared(text):
        def judge(_case, _answer):
            return passed()

        judge.__doc__ = text
        return verifier("a.b", version=1, facet="a")(judge)

    known = Known([good("It is Oslo.", {"answer": "Oslo"})])
    one, other = (probes(declared(text), known) for text in ("Says Oslo.", "Refuses."))
    assert [p.answer for p in one] == [p.answer for p in other]


def test_the_label_cannot_be_read_from_the_case(tmp_path):
    write(
        tmp_path / "a.b" / "fixtures.yaml",
        "verifier: a.b\ncase: {prompt: Do it.}\ngood: [{name: done, answer: x}]\n"
        "bad: [{name: spoilt, answer: y, why: wrong}]\n",
    )
    one, other = fixtures.load(tmp_path, "a.b")
    assert one.good != other.good
    assert one.case.id == other.case.id
    assert not {"done", "spoilt"} & set(one.case.id.split("-"))


def test_an_operator_that_is_waived_is_not_deadly_with_its_family():
    known = Known([], {"around"}, {"looped": "it may be said again"})
    assert operators.deadly(known, "doubled")
    assert not operators.deadly(known, "looped")
    assert operators.waived(known, "looped")


def test_an_absurd_answer_may_be_waived_with_a_reason_and_an_empty_one_may_not():
    assert {"refusal", "forged-verdict", "true", "prompt-echo", "endless-loop"} <= operators.names()
    assert not {"empty", "whitespace"} & operators.names()

    @verifier("a.b", version=1, facet="a", kind=Kind.PROGRAM)
    def judge(_case, _answer):
        return passed()

    fixture = good("I cannot.", {})
    waived = probes(judge, Known([fixture], waive={"refusal": "it is the right answer here"}))
    assert "refusal" not in {p.operator for p in waived}
    assert "empty" in {p.operator for p in waived}


@pytest.mark.parametrize(
    "text",
    [
        "verifier: a.b  # mine\ngood: []\n",
        '{\n "verifier": "a.b",\n "good": []\n}',
        "verifier: a.b\ndeadly:\n  - cut  # why\nwaive:\n  shuffled: any order\ngood: []\n",
        "verifier: a.b\ndeadly: [cut]\nwaive: {}\n",
        "verifier: a.b\ndeadly:\nwaive:\n",
    ],
)
def test_answers_are_added_and_the_rest_of_the_file_stays(tmp_path, text):
    path = tmp_path / "a.b" / "fixtures.yaml"
    write(path, text)
    answering.write(tmp_path, "a.b", {"looped": "deadly", "around": "waive: it's free: #1"})
    before, after = yaml.safe_load(text), yaml.safe_load(path.read_text())
    assert after["waive"] == {**(before.get("waive") or {}), "around": "it's free: #1"}
    assert sorted(after["deadly"]) == sorted([*(before.get("deadly") or []), "looped"])
    for kept in ("# mine", "# why"):
        assert (kept in text) == (kept in path.read_text())


@pytest.mark.parametrize("text", ["looped", "looped=wave", "looped=waive:", "looped=waive:  "])
def test_an_answer_without_a_reason_is_none(text):
    with pytest.raises(WorkspaceError, match="OPERATOR=deadly"):
        answering.parse([text])


SIBLINGS = """\
from harness import failed, passed, verifier


@verifier("pair.names", version=1, facet="pair")
def names(case, answer):
    return passed() if case.expect["city"] in answer.text.split() else failed("no")


@verifier("pair.other", version=1, facet="pair")
def other(case, answer):
    return passed() if {RULE} else failed("no")
"""


@pytest.mark.parametrize(("rule", "takes"), [("False", False), ("len(answer.text) < 9", True)])
def test_a_sibling_takes_a_survivor_only_if_it_passes_the_good(tmp_path, rule, takes):
    write(tmp_path / "verifiers" / "pair.py", SIBLINGS.replace("{RULE}", rule))
    goods = [
        {"name": city, "answer": f"{city} ok", "case": {"prompt": city, "expect": {"city": city}}}
        for city in ("Oslo", "Rome", "Bern")
    ]
    document = {"verifier": "pair.names", "good": goods}
    write(tmp_path / "audits" / "pair.names" / "fixtures.yaml", json.dumps(document))
    found = audited(tmp_path, "pair.names")["pair.names"]
    assert (found.mutants.get("other-criterion", 0) > 0) == takes
    assert ("looped" in found.operators) != takes


def test_the_worst_operators_are_asked_about_until_the_least_score_is_reached():
    @verifier("a.b", version=1, facet="a")
    def judge(_case, _answer):
        return passed()

    fixture = good("It is Oslo.", {})
    rows = [("cut", 9), ("wrong-tag", 6), ("other-task", 3)]  # of ten each that fail
    made, told = [], []
    for operator, killed in rows:
        for number in range(10):
            name = f"mutant:{operator} {number}"
            made.append(Probe(name, "mutant", operator, fixture.case, name, False, "good"))
            told.append(Told(failed("no") if number < killed else passed(), 0.0))
    found = tally.certificate(Audit(judge, Known([fixture]), {}, made, told))
    # one of three dies of the first; 15 of 20 of the others, which is less than 80 %
    assert [one.name for one in found.questions] == ["other-task", "wrong-tag"]
