"""``harness audit`` and the audit under pytest: what they print, write and return, and the guide to
them."""

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
import yaml
from auditing import edit, harness, write
from chat_servers import completion, said, serving

from harness.audit import scaffold
from harness.audit.certificate import Certificate
from harness.judging.discovery import discover


def test_the_command_prints_what_was_found_and_its_exit_code_follows_the_state(honest):
    code, text = harness("audit", "--library", honest, "honest_sentence.it")
    assert (
        code,
        "honest_sentence.it v1: VALID until" in text,
        "0 of 60 passed; worth 3, with those made 4" in text,
    ) == (0, True, True)
    assert harness("audit", "--library", honest, "--check")[0] == 0
    edit(honest / "verifiers" / "honest.py", '"""The sentence is', '"""The  sentence is')
    code, text = harness("audit", "--library", honest, "--check")
    assert (
        code,
        "EXPIRED" in text,
        "no certificate for its present bytes; verifiers/honest.py changed since" in text,
    ) == (3, True, True)
    write(honest / "verifiers" / "broken.py", "1 / 0\n")
    code, text = harness("audit", "--library", honest)
    assert (code, "honest_sentence.it  VALID" in text, "broken.py:1: cannot be loaded" in text) == (
        1,
        True,
        True,
    )
    (honest / "verifiers" / "broken.py").unlink()
    edit(honest / "verifiers" / "honest.py", "text.strip() == wanted", "True")
    code, text = harness("audit", "--library", honest)
    assert (code, "passes known-bad" in text) == (1, True)
    assert harness("audit", "--library", honest, "honest_sentense.it")[0] == 4


def test_a_new_verifier_is_scaffolded_and_honestly_provisional(honest):
    code, text = harness("audit", "--library", honest, "--new", "fresh.one")
    assert (
        code,
        "fresh.one v1: PROVISIONAL" in text,
        "more effective bads prove <= 10% false passes" in text,
    ) == (2, True, True)
    assert harness("audit", "--library", honest, "--new", "fresh.one")[0] == 4
    assert harness("audit", "--library", honest, "--new", "fresh.two")[0] == 2
    assert harness("audit", "--library", honest, "--new", "../fresh.one")[0] == 4


#: what makes the verifier of a template careless; code and judges are planted elsewhere
CARELESS = {
    "text": ("re.fullmatch", "re.match"),
    "json": ('["label"] != case.expect["label"]', '["label"] is None'),
    "code": None,
    "command": None,
    "judge": None,
}


#: a sandbox in which a command ran is thrown away, so that audit opens some hundred
TEMPLATES = [
    pytest.param(name, marks=[pytest.mark.slow] if name == "command" else []) for name in CARELESS
]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_new_verifier_of_each_template_is_honest_and_a_careless_edit_is_found(honest, template):
    known = yaml.safe_load((scaffold.TEMPLATES / f"{template}.yaml").read_text())
    right = {" ".join(one["answer"].split()) for one in known["good"]}

    def model(asked):
        return completion(said(" ".join(asked.data["answer"].split()) in right))

    new = ("audit", "--library", honest, "--new", "fresh.one", "--template", template)
    with serving(model) as chat:
        code, text = harness(*new)
        if template == "judge":
            assert "next: name model and endpoint in the first; `harness audit fresh.one`" in text
            edit(honest / "verifiers" / "fresh.py", "http://127.0.0.1:8000/v1", chat.endpoint)
            code, text = harness("audit", "--library", honest, "fresh.one")
        assert (code, "fresh.one v1: PROVISIONAL" in text) == (2, True), text
        assert "bads prove" in text
        assert "next: answer" not in text, text
    if CARELESS[template]:
        edit(honest / "verifiers" / "fresh.py", *CARELESS[template])
        code, text = harness("audit", "--library", honest, "fresh.one")
        assert "REFUSED" in text or "next: answer" in text, text


def test_hidden_fixtures_certify_and_are_not_shown(honest, tmp_path):
    hidden = tmp_path / "hidden"
    shutil.move(honest / "audits", hidden)
    (honest / "audits").mkdir()
    fixtures = hidden / "honest_sentence.it" / "fixtures.yaml"
    fixtures.write_text(json.dumps(json.loads(fixtures.read_text()) | {"deadly": ["around"]}))
    code, text = harness("audit", "--library", honest, "--fixtures", hidden)
    assert (code, "VALID" in text) == (0, True)
    edit(
        honest / "verifiers" / "honest.py",
        "text.strip() == wanted",
        "text.strip()[:8] == wanted[:8]",
    )
    code, text = harness("audit", "--library", honest, "--fixtures", hidden)
    told = harness("audit", "--library", honest, "--fixtures", hidden, "--json")[1]
    assert (code, "passes known-bad 'hidden bad'" in text) == (1, True)
    assert json.loads(told)["certificates"]
    for shown in (text, told):
        assert not re.search(r"\broof", shown)
        assert "says the opposite" not in shown


def test_a_fixture_that_stands_in_the_training_gold_is_named(honest, tmp_path):
    write(
        tmp_path / "gold" / "train.jsonl",
        json.dumps({"text": "user: Say it.\nassistant: The roof\nis green."}) + "\n",
    )
    code, text = harness("audit", "--library", honest, "--gold", tmp_path / "gold")
    assert (code, "holds the good fixture 'roof-green' of honest_sentence.it" in text) == (1, True)
    write(tmp_path / "gold" / "train.jsonl", json.dumps({"text": "The roof is not there."}) + "\n")
    assert harness("audit", "--library", honest, "--gold", tmp_path / "gold")[0] == 0


def test_pages_and_files_hold_what_was_found_and_nothing_a_model_wrote_acts_in_them(
    honest, tmp_path
):
    hostile = "<script>alert(1)</script>\u202e]]>\0"
    bad = [
        {
            "name": hostile,
            "answer": "The door is red.\n",
            "why": hostile,
            "case": {"prompt": "x", "expect": {"thing": "door", "colour": "red"}},
        }
    ]
    write(
        honest / "audits" / "honest_sentence.it" / "more.yaml",
        json.dumps({"verifier": "honest_sentence.it", "bad": bad}),
    )
    files = {kind: tmp_path / f"audit.{kind}" for kind in ("html", "junit")}
    named = [part for kind, path in files.items() for part in (f"--{kind}", path)]
    code, told = harness("audit", "--library", honest, "--json", *named)
    assert code == 1
    page = files["html"].read_text(encoding="utf-8")
    assert "<script" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;" in page
    assert "Confusion matrix" in page
    suite = (
        ElementTree.parse(files["junit"]).getroot().find("testsuite[@name='honest_sentence.it']")
    )
    assert [case.get("name") for case in suite if case.find("failure") is not None] == [
        "known bad",
        "certificate",
    ]
    kept = json.loads(told)["certificates"][0]
    assert Certificate.from_json(kept).false_passes == [hostile]


def test_watching_audits_again_on_every_save(honest, monkeypatch):
    saves = iter(
        [lambda: edit(honest / "verifiers" / "honest.py", "text.strip() == wanted", "True")]
    )

    def sleep(_seconds):
        next(saves, interrupt)()

    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.doors.cli.audit.time", SimpleNamespace(sleep=sleep))
    code, text = harness("audit", "--library", honest, "--watch", "honest_sentence.it")
    assert (code, "VALID until" in text, "REFUSED" in text) == (1, True, True)


def test_pytest_audits_every_verifier_of_the_workspace(honest, pytester):
    """Also one whose fixtures are Markdown, one without any, fixtures without a verifier, and a
    file that cannot be loaded."""
    harness("audit", "--library", honest, "--new", "fresh.one")
    shutil.copy(honest / "verifiers/fresh.py", honest / "verifiers/bare.py")
    edit(honest / "verifiers/bare.py", "fresh.one", "bare.one")
    fixtures = honest / "audits" / "fresh.one"
    (fixtures / "fixtures.yaml").unlink()
    write(fixtures / "bad" / "nothing.md", "---\nwhy: no code\ncase: {prompt: Say it.}\n---\nNo.\n")
    write(honest / "audits" / "gone.one" / "f.yaml", "verifier: gone.one\n")
    write(honest / "verifiers" / "broken.py", "1 / 0\n")
    found = pytester.runpytest_inprocess(str(honest / "audits"))
    found.assert_outcomes(passed=1, failed=4)
    found.stdout.fnmatch_lines_random(
        ["*fresh.one v1: PROVISIONAL*", "*bare.one v1: PROVISIONAL*", "*no verifier 'gone.one'*",
         "*broken.py:1: cannot be loaded*", "*more effective bads prove*"]
    )  # fmt: skip
    one = pytester.runpytest_inprocess(str(honest / "audits" / "honest_sentence.it"))
    one.assert_outcomes(passed=1)
    pytester.runpytest_inprocess("--rootdir", str(honest), str(honest)).assert_outcomes()


def test_a_callable_that_is_no_verifier_is_audited_as_it_is(honest, monkeypatch):
    """The gate that only looks for violations, and its twin that demands the sentence first."""
    monkeypatch.chdir(honest)
    goods = [{"name": "red", "case": {"prompt": "Say that it is red."}, "answer": "It is red."}]
    spoil = [{"name": "blue", "replace": "red", "by": "blue", "why": "it is not blue"}]
    for name in ("violations", "demands", "counts"):
        fixtures = {"verifier": f"wrapped.{name}", "good": goods, "spoil": spoil}
        write(honest / "audits" / f"wrapped.{name}" / "f.yaml", json.dumps(fixtures))
    body = """\
def violations(answer):
    return [word for word in answer.split() if word == "blue."]

def demands(answer):
    return answer.strip() == "It is red."

def counts(answer):
    return answer.count("red")
"""
    write(honest / "old_gates.py", body)
    code, text = harness("audit", "--wrap", "old_gates:violations")
    assert (code, "REFUSED" in text, "degenerate:empty" in text) == (1, True, True)
    code, text = harness("audit", "--wrap", "old_gates:demands")
    assert (code, "PROVISIONAL" in text) == (2, True), text
    code, text = harness("audit", "--wrap", "old_gates:counts")
    assert (code, "returned int, a number; say from which --threshold on" in text) == (4, True)
    assert harness("audit", "--wrap", "old_gates:nothing")[0] == 4


def test_the_guide_works_as_it_is_written(tmp_path, monkeypatch):
    guide = (Path(__file__).parents[2] / "docs" / "verifiers.md").read_text(encoding="utf-8")
    assert harness("init", tmp_path / "factory")[0] == 0
    monkeypatch.chdir(tmp_path / "factory")
    code, text = harness("audit", "--new", "prose.greeting")
    assert (code, "26 more effective bads prove <= 10% false passes" in text) == (2, True)
    for name, body in re.findall(r"<!-- file: (\S+) -->\n```python\n(.*?)```", guide, re.DOTALL):
        write(Path(name), body)
    exec(compile(Path("write.py").read_text(), "write.py", "exec"), {})
    code, text = harness("audit", "prose.greeting")
    assert (
        code,
        "known good       0 of 30 refused; worth 30, at most 9.5%" in text
        and "0 of 60 passed; worth 3, with those made 44 of 24 kinds, at most 6.6%" in text,
    ) == (0, True)
    edit(Path("verifiers/prose.py"), "re.fullmatch", "re.match")
    code, text = harness("audit", "prose.greeting")
    assert (code, "next: answer 'around'" in text) == (2, True)
    code, text = harness("audit", "prose.greeting", "--answer", "around=deadly")
    assert (code, "degenerate:" in text) == (1, True)
    edit(Path("verifiers/prose.py"), "re.match", "re.fullmatch")
    assert harness("audit", "prose.greeting")[0] == 0


FAMILY = ("flutter", "godot", "netcode", "patterns", "shaders", "unity", "unreal")  # of gamedev


def shipped(*families: str) -> list[str]:
    """The shipped verifiers, but those of the gamedev family, or those of ``families``."""
    found = sorted(discover(Path(__file__).parents[2] / "verifiers").verifiers)
    return [id for id in found if id.split(".")[0] in (families or {*map(_of, found)} - {*FAMILY})]


def _of(id: str) -> str:
    return id.split(".")[0]


def test_every_shipped_verifier_is_certified():
    """Among them the clean twin of the planted ones that judge inside of the candidate's process:
    humaneval.functional."""
    names = shipped()
    code, text = harness("audit", "--library", Path(__file__).parents[2], *names)
    assert (code, text.count(" VALID "), len(names)) == (0, 14, 14), text


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILY)
def test_every_verifier_of_a_facet_is_certified(family):
    names = shipped(family)
    code, text = harness("audit", "--library", Path(__file__).parents[2], *names)
    assert (code, text.count(" VALID "), bool(names)) == (0, len(names), True), text
