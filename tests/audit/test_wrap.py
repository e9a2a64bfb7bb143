"""``harness audit --wrap``: scorers of other makers, called as they want to be and audited as they
are; what does not fit is an error, never a verdict."""

import json
import sys
from pathlib import Path

import pytest
from auditing import harness, write

from harness import Answer, Case, Outcome
from harness.audit.foreign.wrapping import Wrap, wrapped
from harness.errors import VerifierError

DATA = Path(__file__).parents[1] / "data"
SCORERS = DATA / "scorers.py"
CASE = Case("c", "Say the word.", {"gold": "word", "tone": "dry"})


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    """A folder of its own to work in, and nothing left that was imported from there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    known = {*sys.modules}
    yield
    for name in {*sys.modules} - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


GATES = """\
def yes(answer): return True
def only(answer, gold): return answer.strip() == gold
"""
RULE = "def rule(answer, gold): return answer.strip() == gold\n"


def verdicts(name, **said):
    judge = wrapped(Wrap(name, **said), str(DATA))
    found = [judge.judge(CASE, Answer(text)) for text in ("word", "other")]
    assert all(one.outcome is not Outcome.UNVERIFIED for one in found), found
    return [one.outcome is Outcome.PASS for one in found]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *(
            (name, {})
            for name in (
                "bool_of_answer", "any_name", "of_case", "violations", "with_gold", "with_prompt",
                "by_key_of_expect", "optional", "several_references", "positional", "extras",
                "awaited", "pair", "valued", "Grader", "Grader.grade", "Grader.plain",
                "made('word', case=False)", "get_assert",
            )
        ),
        *(
            (name, {"threshold": 0.5})
            for name in ("rewards", "ratio", "fraction", "scored", "compute_score")
        ),
        ("chats", {"threshold": 0.5, "adapter": "trl-chat"}),
        ("strange", {"arguments": {"given": "answer", "wanted": "expect.gold"}}),
        ("partly", {"arguments": {"given": "answer", "wanted": "gold"}}),
        ("detailed", {"key": "detail.right"}),
    ],
)  # fmt: skip
def test_a_scorer_is_called_by_the_names_of_its_parameters(name, said):
    if name == "compute_score":
        said |= {"arguments": {"data_source": "prompt"}}
    assert verdicts(f"scorers:{name}", **said) == [True, False]
    assert verdicts(f"scorers.py:{name}", **said) == [True, False]


def test_a_score_that_is_no_number_is_no_verdict():
    found = wrapped(Wrap("scorers:nan", threshold=0.5), str(DATA)).judge(CASE, Answer("word"))
    assert (found.outcome, found.reason) == (Outcome.UNVERIFIED, "not-a-number")


@pytest.mark.parametrize(
    ("name", "said", "found"),
    [
        ("number", {}, "number is a int, which cannot be called"),
        ("nothing", {}, "has no attribute 'nothing'"),
        ("made(sum([1]))", {}, "malformed"),
        ("bool_of_answer", {"arguments": {"text": "answer"}}, "its parameters are answer"),
        (
            "bool_of_answer",
            {"arguments": {"answer": "reply"}},
            "expected answer= one of answer, pr",
        ),
        ("optional", {"arguments": {"answer": "gold"}}, "say --argument NAME=answer"),
    ],
)
def test_a_scorer_that_cannot_be_called_is_an_error(name, said, found):
    with pytest.raises(VerifierError, match="--wrap") as error:
        wrapped(Wrap(f"scorers:{name}", **said), str(DATA))
    assert found in str(error.value)


def workspace(place, scorer, case=None):
    """A workspace with a good and a bad of a wrapped scorer."""
    write(place / "library.yaml", "")
    case = case or {"prompt": CASE.prompt, "expect": dict(CASE.expect)}
    good = {"name": "right", "case": case, "answer": "word"}
    bad = {"name": "wrong", "case": case, "answer": "sword", "why": "it is another word"}
    fixtures = {"verifier": f"wrapped.{scorer}", "good": [good], "bad": [bad]}
    write(place / f"audits/wrapped.{scorer}/fixtures.yaml", json.dumps(fixtures))


@pytest.mark.parametrize(
    ("scorer", "options", "found"),
    [
        ("needs_source", (), "has no data_source; its expect has gold, tone"),
        ("says_nothing", (), "returned NoneType, expected a bool, a number, a dict or a list"),
        ("counts", (), "returned int, a number; say from which --threshold on it is a pass: 1"),
        ("detailed", (), "returned dict, with detail, length; say which with --key"),
        ("detailed", ("--key", "score"), "returned dict, which has no 'score'"),
        (
            "chats",
            ("--threshold", "1"),
            "Try --as plain|inspect|trl|trl-chat|verl|promptfoo|lm-eval",
        ),
    ],
)
def test_what_does_not_fit_is_an_error_and_no_refusal(tmp_path, scorer, options, found):
    workspace(tmp_path, scorer)
    code, text = harness("audit", "--wrap", f"{SCORERS}:{scorer}", *options)
    assert (code, found in text) == (4, True), text


def test_the_twin_that_is_asked_as_it_wants_to_be_is_audited(tmp_path):
    workspace(tmp_path, "detailed")
    options = ("--key", "detail.right", "--kind", "program", "--package", "pytest")
    code, text = harness("audit", "--wrap", f"{SCORERS}:detailed", *options)
    assert (code, "wrapped.detailed v1: PROVISIONAL" in text) == (2, True), text
    assert harness("audit", "--key", "x")[0] == 4


def test_absurd_answers_are_shown_without_fixtures(tmp_path):
    write(tmp_path / "library.yaml", "")
    write(tmp_path / "gate.py", GATES)
    code, text = harness("audit", "--wrap", "gate.py:yes")
    assert (code, "wrapped.yes v1: REFUSED" in text, "degenerate:empty" in text) == (1, True, True)
    code, text = harness("audit", "--wrap", "gate.py:only")
    assert (code, "wrapped.only v1: PROVISIONAL" in text) == (2, True), text


def test_a_certificate_is_bound_to_the_file_that_defines_the_scorer(tmp_path):
    write(tmp_path / "wrap_inner.py", RULE)
    write(tmp_path / "wrap_outer.py", "from wrap_inner import rule\n")
    workspace(tmp_path, "rule")
    name = "wrap_outer:rule"
    assert harness("audit", "--wrap", name)[0] == 2
    assert harness("audit", "--wrap", name, "--check")[0] == 2
    assert harness("audit", "--wrap", name, "--check", "--threshold", "1")[0] == 3
    write(tmp_path / "wrap_inner.py", RULE.replace("return", "return True or"))
    assert harness("audit", "--wrap", name, "--check")[0] == 3
    del sys.modules["wrap_inner"], sys.modules["wrap_outer"]
    assert harness("audit", "--wrap", name)[0] == 1
