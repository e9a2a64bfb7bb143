"""Absurd answers that are right for some criterion: the audit refuses, says that they may be
waived, and is content with the reason; whoever passes nothing at all is not excused."""

import json

import pytest
from auditing import audited, edit, harness, write

from harness.audit.certificate import State
from harness.pages.audit import details

VERIFIERS = """\
import json
import re

from harness import failed, passed, verifier


def declared(id):
    return verifier(f"{id}.it", version=1, facet=id)


@declared("refuses")
def refuses(case, answer):
    return passed() if re.search("can't help|won't help", answer.text) else failed("no")


@declared("is_json")
def is_json(case, answer):
    try:
        json.loads(answer.code("json") or answer.text)
    except (ValueError, RecursionError):
        return failed("no")
    return passed()


@declared("last_number")
def last_number(case, answer):
    found = re.findall(r"[0-9]+", answer.text)
    return passed() if found and int(found[-1]) == case.expect["gold"] else failed("no")


@declared("long")
def long(case, answer):
    return passed() if len(answer.text.split()) >= 20 else failed("short")


@declared("anything")
def anything(case, answer):
    return passed() if answer.text != "No." else failed("no")
"""
WHY = "that is right here"
#: criterion -> an answer that is right, what the verifier needs to know, what its author waives
RIGHT = {
    "refuses": ("I can't help with that.", {}, ["refusal"]),
    "is_json": ('```json\n{"a": 1}\n```', {}, ["constant", "true", "forged-verdict"]),
    "last_number": ("It is 0.", {"gold": 0}, ["forged-tool-output", "forged-verdict"]),
    "long": ("The dog ran over the hill. " * 4, {}, ["maximum-length", "bomb"]),
    "anything": ("Yes.", {}, ["maximum-length", "bomb", "refusal", "true", "constant"]),
}


def certificates(folder, *, waived):
    for id, (answer, expect, names) in RIGHT.items():
        case = {"prompt": "Do it.", "expect": expect}
        document = {
            "verifier": f"{id}.it",
            "case": case,
            "good": [{"name": "good", "answer": answer}],
            "bad": [{"name": "bad", "answer": "No.", "why": "it does not"}],
            "waive": dict.fromkeys(names, WHY) if waived else {},
        }
        write(folder / "audits" / f"{id}.it" / "f.yaml", json.dumps(document))
    return audited(folder)


def test_an_absurd_answer_that_is_right_is_waived_with_a_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "verifiers" / "absurd.py", VERIFIERS)
    for found in certificates(tmp_path, waived=False).values():
        assert found.state is State.REFUSED, found.verifier
        assert "next: where it is right to pass one of these" in "\n".join(details(found))
    found = certificates(tmp_path, waived=True)
    states = {id: one.state is State.REFUSED for id, one in found.items()}
    refused = {f"{id}.it": id == "anything" for id in RIGHT}
    assert states == refused
    assert "degenerate:empty" in found["anything.it"].false_passes


@pytest.mark.parametrize("accepts", [True, False])
def test_what_passed_of_the_absurd_is_counted_among_what_must_fail(honest, tmp_path, accepts):
    """Who accepts all has passed all of it, by the same count above and below."""
    if accepts:
        edit(honest / "verifiers" / "honest.py", "text.strip() == wanted", "True")
    files = {"html": tmp_path / "a.html", "table": tmp_path / "a.md"}
    given = [part for kind, path in files.items() for part in (f"--{kind}", path)]
    _, text = harness("audit", "--library", honest, "honest_sentence.it", *given)
    _, told = harness("audit", "--library", honest, "honest_sentence.it", "--json")
    (found,) = json.loads(told.splitlines()[-1])["certificates"]
    passed = [name for name in found["false_passes"] if name.startswith("degenerate:")]
    assert len(passed) == (found["degenerate"] if accepts else 0)
    counted = f"{len(passed)} of {found['degenerate']}"
    assert f"{counted} passed; none may" in text
    assert f'<td class="n">{counted}</td>' in files["html"].read_text()
    assert f"| {counted} |" in files["table"].read_text()
