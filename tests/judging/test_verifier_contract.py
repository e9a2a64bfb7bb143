"""The contract of a verifier: what counts as its judgement, what it must not do, what it
declares."""

import dataclasses
import sys
from pathlib import Path

import pytest

from harness import Answer, Case, Outcome, failed, passed, verifier
from harness.errors import VerifierError


def judged(function, **needs):
    return verifier("a.b", version=1, facet="a", **needs)(function).judge(
        Case("x", "Do it.", {"list": [1]}), Answer("text")
    )


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (True, "not-a-judgement"),
        (1, "not-a-judgement"),
        ("pass", "not-a-judgement"),
        (None, "not-a-judgement"),
        (float("nan"), "not-a-judgement"),
        (Outcome.PASS, "not-a-judgement"),
        (dataclasses.replace(passed(), outcome="pass"), "not-a-judgement"),
        (dataclasses.replace(passed(), evidence=b"yes"), "not-a-judgement"),
        (dataclasses.replace(passed(), spans=[(0, 1)]), "not-a-judgement"),
        (dataclasses.replace(passed(), spans=((0, True),)), "not-a-judgement"),
        (type("Loud", (), {"__repr__": lambda self: 1 / 0})(), "not-a-judgement"),
    ],
)
def test_only_a_literal_judgement_counts(returned, reason):
    found = judged(lambda case, answer: returned)
    assert (found.outcome, found.reason) == (Outcome.UNVERIFIED, reason)
    assert judged(lambda case, answer: passed("yes")).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda case, answer: 1 / 0, "raised"),
        (lambda case, answer: sys.exit(0), "raised"),
        (lambda case, answer: case.expect.update(list=[]), "raised"),
        (lambda case, answer: case.expect["list"].append(2), "changed-its-input"),
        (lambda case, answer: object.__setattr__(case, "prompt", "other"), "changed-its-input"),
        (lambda case, answer: object.__setattr__(answer, "text", "other"), "changed-its-input"),
    ],
)
def test_what_a_verifier_does_wrong_is_unverified(act, reason):
    found = judged(lambda case, answer: (act(case, answer), passed())[1])
    assert (found.outcome, found.reason) == (Outcome.UNVERIFIED, reason)


def test_a_verifier_sees_neither_group_nor_tags_and_judges_a_prompt_that_has_them():
    one = verifier("a.b", version=1, facet="a")(lambda case, _answer: passed(repr(case)))
    plain = Case("x", "Do it.", {"list": [1]})
    marked = dataclasses.replace(plain, group="variants", tags=("hard",))
    said = [one.judge(case, Answer("text")) for case in (plain, marked)]
    assert said[0] == said[1]
    assert said[1].outcome is Outcome.PASS


def test_spans_say_where_evidence_stands_and_decide_nothing():
    found = judged(lambda case, answer: failed("word", "text", [(1, 3), (3, 3), (2, 5), (-1, 2)]))
    assert (found.outcome, found.spans) == (Outcome.FAIL, ((1, 3),)), "what lies outside is left"
    answer = Answer("So:\n```gdscript\nvar a\n\n    var b \n```\nvar b")
    (start, end) = answer.lines(answer.code("gdscript"), 2, 3, 9)[0]
    assert (answer.text[start:end], start) == ("var b", answer.text.index("var b"))
    assert answer.lines("var c", 1) == answer.lines("", 1) == ()


@pytest.mark.parametrize("fence", ["```gdscript", "~~~"])
def test_evidence_stands_in_the_block_and_not_where_its_words_are_said_again(fence):
    twice = f"{fence}\nvar b\n{fence[:3]}\n"
    answer = Answer(f"A draft:\n{twice}Better:\n{twice}I wrote\nvar b\n")
    [(start, end)] = answer.lines(answer.code("gdscript"), 1)
    assert (start, end) == (answer.text.index("var b", 30), start + len("var b"))
    bare = Answer("I wrote\nvar b\n and so on\nvar b\n")
    assert bare.lines("var b\n", 1) == ((25, 30),), "what is no block is found where it stands"


def test_a_missing_tool_is_unverified_and_a_present_one_has_a_version():
    def function(_case, _answer):
        return passed()

    for needs in ({"packages": ["nobody-has-this"]}, {"executables": ["nobody-has-this"]}):
        assert judged(function, **needs).reason == "tool-missing"
    found = verifier("a.b", version=1, facet="a", packages=["click"], executables=["env"])(function)
    assert found.tools()["click"][0].isdigit()
    assert "(" in found.tools()["env"]


def test_a_class_may_be_a_verifier_and_a_wrong_declaration_is_refused():
    class Right:
        """It says so."""

        def __call__(self, _case, answer):
            return passed() if answer.text == "text" else failed("other")

    found = verifier("a.b", version=1, facet="a")(Right)
    assert (found.summary, found.path.name, judged(Right).outcome) == (
        "It says so.",
        Path(__file__).name,
        Outcome.PASS,
    )
    assert [
        verifier("a.b", version=1, facet="a", **given)(Right).level
        for given in ({}, {"sandbox": True}, {"sandbox": True, "level": "compiled"})
    ] == ["read", "executed", "compiled"]
    wrongs = ({"id": "nodot"}, {"version": 0}, {"kind": "oracle"}, {"level": "seen"})
    for wrong in (*wrongs, {"packages": "click"}):
        given = {"id": "a.b", "version": 1, "facet": "a"} | wrong
        with pytest.raises(VerifierError):
            verifier(given.pop("id"), **given)(Right)
