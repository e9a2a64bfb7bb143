"""What an author asks between two audits: one answer judged, and a run's stored answers once more,
of which nothing is changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from auditing import edit, harness, write
from run_folders import author

from harness.digests import folder_files


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return author(tmp_path / "place")


def rejudged(place: Path, *words: str) -> tuple[int, str]:
    before = folder_files(place / "run")
    found = harness("rejudge", place / "run", "--library", place, "-q", *words)
    assert folder_files(place / "run") == before
    return found


def test_the_stored_answers_are_judged_as_they_were(place: Path):
    code, text = rejudged(place)
    assert (code, text) == (0, f"{place / 'run'}: 0 of 7 judgements differ; the run is as it was\n")


def test_a_changed_verifier_flips_what_it_judges_otherwise_and_is_named(place: Path):
    edit(place / "verifiers/demo.py", "if answer.text ==", 'if "two" != answer.text ==')
    code, text = rejudged(place)
    assert code == 1
    assert "demo.ok: version 1 as in the run, but" in text
    assert "#6 demo demo/1 (adapter): demo.ok\n  was  pass (ok)" in text
    assert "  is   fail (other)  two\n" in text
    assert "1 of 7 judgements differ (1 pass -> fail); the run is as it was" in text
    assert rejudged(place, "5")[0] == 0
    assert rejudged(place, "#6", "--verifier", "demo.ok")[0] == 1
    edit(place / "verifiers/demo.py", "version=1", "version=2")
    assert "demo.ok: version 1 judged the run, and this is version 2" in rejudged(place)[1]


def test_what_cannot_be_judged_again_is_said(place: Path):
    edit(place / "suites/demo.jsonl", "prompt 2 of demo", "another prompt")
    code, text = rejudged(place)
    assert (code, "suite demo is not as the run registered it" in text) == (2, True)
    assert "not judged again: demo: prompts that are no longer there as they were asked: 2" in text
    assert "0 of 5 judgements differ, 2 not judged again" in text
    write(place / "verifiers/demo.py", "1 / 0\n")
    code, text = rejudged(place)
    assert (code, "demo.py:1: cannot be loaded" in text) == (2, True)
    assert "not judged again: demo.ok is no longer among the verifiers: 7" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["9"], "no line 9; it has 8"),
        (["--verifier", "demo.okay"], "nothing was judged by 'demo.okay'; did you mean 'demo.ok'?"),
        (["x"], "'x' is no line of receipts.jsonl"),
    ],
)
def test_what_is_not_in_the_run_is_an_error(place: Path, words: list[str], said: str):
    code, text = rejudged(place, *words)
    assert (code, said in text) == (4, True), text


def test_a_folder_that_is_no_run_is_an_error(place: Path):
    code, text = harness("rejudge", place, "--library", place)
    assert (code, "not a run folder: it has no receipts.jsonl" in text) == (4, True)


@pytest.mark.parametrize(
    ("case", "answer", "code", "said"),
    [
        (["--case", "four"], "four", 0, "demo.ok v1: pass (ok)"),
        (["--case", "demo/1"], "two", 0, "demo.ok v1: pass (ok)"),
        (["--case", "demo/1"], "three", 1, "demo.ok v1: fail (other)"),
        (["--case", "demo:demo/2"], "three", 0, '{"word": "three"}'),
        (["--prompt", "Say it.", "--expect", "{word: 2024-03-01}"], "2024-03-01", 0, "Say it."),
        (["--prompt", "Say it."], "x", 2, "demo.ok v1: unverified (raised)"),
        (["--case", "fore"], "x", 4, "did you mean 'four'?"),
        (["--case", "four", "--prompt", "x"], "x", 4, "name what is answered"),
        ([], "x", 4, "name what is answered"),
        (["--expect", "[a]"], "x", 4, "--expect: key 'expect': found list ['a']"),
    ],
)
def test_one_answer_is_judged(place: Path, case: list[str], answer: str, code: int, said: str):
    write(place / "answer", answer)
    found, text = harness("judge", "demo.ok", place / "answer", "--library", place, *case)
    assert (found, said in text) == (code, True), text
    assert ("no certificate was asked for" in text) == (code < 4)


def test_a_name_of_several_cases_is_no_choice(place: Path):
    other = {"name": "demo/1", "case": {"prompt": "Say.", "expect": {"word": "w"}}, "answer": "w"}
    more = {"verifier": "demo.ok", "good": [other]}
    write(place / "audits/demo.ok/more.yaml", json.dumps(more))
    write(place / "answer", "w")
    ask = ("judge", "demo.ok", place / "answer", "--library", place, "--case")
    code, text = harness(*ask, "demo/1")
    assert (code, "name one: audits:demo/1, demo:demo/1" in text) == (4, True)
    assert harness(*ask, "audits:demo/1")[0] == 0
