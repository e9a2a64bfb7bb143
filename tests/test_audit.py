"""The audit: every planted verifier is refused for what is wrong with it, and its clean twin is certified."""

import dataclasses
import json
import os
import random
import re
import shutil
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from harness import Answer, Case, Outcome, failed, passed, verifier
from harness.audit import certificate as certificates
from harness.audit import fixtures, mutants, variants
from harness.audit.auditor import certify
from harness.audit.certificate import Certificate, State
from harness.audit.lexing import meaning, snippet
from harness.audit.witness import Witness
from harness.cli import main
from harness.discovery import digest, discover
from harness.errors import VerifierError, WorkspaceError
from harness.judging import Judges

PLANTED = Path(__file__).parent / "data" / "planted.py"
SENTENCES = [
    (thing, colour)
    for thing in ["door", "lamp", "gate", "roof", "boat"]
    for colour in ["red", "green", "grey", "black", "white", "pink"]
]

# (planted verifier, what its certificate must name)
PLANTS = [
    ("accept_all", "passes known-bad"),
    ("reject_all", "does not pass known-good"),
    ("coin_flip", "it depends on chance"),
    ("returns_true", "not-a-judgement"),
    ("returns_none", "not-a-judgement"),
    ("returns_nan", "not-a-judgement"),
    ("returns_look_alike", "not-a-judgement"),
    ("raises", "ZeroDivisionError"),
    ("counts_failure_as_pass", "counts a failure of its own as a pass"),
    ("stub", "degenerate:empty"),
    ("violations_only", "degenerate:empty"),
    ("skip_is_pass", "passes known-bad"),
    ("python_not_on_path", "programs on PATH that it does not declare"),
    ("library_missing", "does-not-compile"),
    ("scores_exit_code", "degenerate:exit-at-once"),
    ("scores_a_list", "degenerate:forges-the-result"),
    ("asserts_beside_the_candidate", "degenerate:equal-to-everything"),
    ("strict_on_two", "adds-a-float"),
    ("substring_sorry", "variant:comment-holds-the-forbidden"),
    ("md5_in_a_comment", "variant:comment-names-the-forbidden"),
    ("verdict_by_startswith", "passes known-bad"),
    ("endless_regex", "does not end on"),
    ("keywords", "degenerate:keyword-stuffing"),
    ("nondeterministic", "it depends on chance"),
    ("order_dependent", "what it judged before"),
    ("reads_the_clock", "it depends on the date"),
    ("reads_the_time_zone", "it depends on the time zone"),
    ("reads_the_hash_seed", "it depends on the hash seed"),
    ("changes_its_input", "changed-its-input"),
]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def workspace(folder):
    """A workspace of the planted verifiers, all with the same thirty tasks."""
    shutil.copy(PLANTED, _made(folder / "verifiers") / "planted.py")
    sentences, functions = [], []
    for thing, colour in SENTENCES:
        case = {
            "prompt": f"Say that the {thing} is {colour}.",
            "expect": {"thing": thing, "colour": colour, "history": []},
        }
        sentences.append({"name": f"{thing}-{colour}", "case": case, "answer": f"The {thing} is {colour}."})
    for number in range(2, 32):
        case = {"prompt": f"def plus_{number}(x):\n", "expect": {"function": f"plus_{number}", "number": number}}
        answer = f"```python\ndef plus_{number}(x):\n    return x + {number}\n```"
        functions.append({"name": f"plus-{number}", "case": case, "answer": answer})
    write(folder / "audits/_tasks/sentences.yaml", json.dumps({"good": sentences}))
    write(folder / "audits/_tasks/functions.yaml", json.dumps({"good": functions}))
    for id, found in discover(folder / "verifiers").verifiers.items():
        write(
            folder / "audits" / id / "fixtures.yaml",
            json.dumps(_fixtures(id, found.settings["task"], sentences, functions)),
        )
    return folder


def _fixtures(id, task, sentences, functions):
    """Fixtures of one planted verifier; those that start a process for each answer are refused on few."""
    if task in ("sentence", "few"):
        spoil = [
            {"name": "not", "replace": " is ", "by": " is not ", "why": "it says the opposite"},
            {"name": "blue", "replace": "The ", "by": "The very blue ", "why": "it says more"},
        ]
        goods = {"include": ["../_tasks/sentences.yaml"]} if task == "sentence" else {"good": sentences[:3]}
        return {"verifier": id, "spoil": spoil, **goods}
    spoil = [
        {"name": "minus", "replace": " + ", "by": " - ", "why": "it subtracts"},
        {"name": "sorry", "replace": "return", "by": "sorry = md5(x)\n    return 0 *", "why": "it gives up"},
    ]
    if task == "run":
        answer = "```python\ndef plus_2(x):\n    return x + 2.0\n```"
        again = {"name": "adds-a-float", "case": functions[0]["case"], "answer": answer}
        return {"verifier": id, "good": functions[:2], "equivalent": [again], "spoil": spoil}
    return {"verifier": id, "include": ["../_tasks/functions.yaml"], "spoil": spoil}


def _made(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def audited(folder, *names):
    found = discover(folder / "verifiers")
    assert not found.broken
    chosen = [found.verifiers[name] for name in names] or list(found.verifiers.values())
    witness = Witness(folder / "verifiers", digest(folder / "verifiers"), None)
    return certify(chosen, folder / "audits", witness, None)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("PLANT_LAST_DAY", str(time.time() + 100 * 86_400))
        folder = workspace(tmp_path_factory.mktemp("planted"))
        twins = sys.modules["harness_verifiers.planted"].TWIN
        return audited(folder), dict(twins)


@pytest.mark.parametrize(("plant", "named"), PLANTS, ids=[plant for plant, _ in PLANTS])
def test_a_planted_verifier_is_refused_and_its_twin_certified(planted, plant, named):
    held, twins = planted
    found = held[f"{plant}.it"]
    everything = [found.sentence(), *found.false_passes, *found.false_fails, *found.flips]
    assert found.state is State.REFUSED
    assert any(named in text for text in everything), found.sentence()
    twin = held[f"{twins[plant]}.it"]
    assert twin.state is State.VALID, twin.sentence()


def test_every_planted_verifier_is_listed(planted):
    assert {plant for plant, _ in PLANTS} == set(planted[1])


# The contract.


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
    assert (found.summary, found.path.name, judged(Right).outcome) == ("It says so.", "test_audit.py", Outcome.PASS)
    for wrong in ({"id": "nodot"}, {"version": 0}, {"kind": "oracle"}, {"packages": "click"}):
        given = {"id": "a.b", "version": 1, "facet": "a"} | wrong
        with pytest.raises(VerifierError):
            verifier(given.pop("id"), **given)(Right)


# Discovery.


ONE = """\
from harness import passed, verifier
from harness_verifiers._help import WORD


@verifier("a.b", version=1, facet="a")
def b(case, answer):
    return passed(WORD)
"""


def test_an_edited_helper_is_read_again_even_within_the_same_second(tmp_path):
    write(tmp_path / "a.py", ONE)
    for word in ("one", "two"):
        write(tmp_path / "_help.py", f"WORD = {word!r}\n")
        os.utime(tmp_path / "_help.py", (1, 1))
        found = discover(tmp_path).verifiers["a.b"]
        assert found.judge(Case("x", ""), Answer("")).evidence == word
    assert not list(tmp_path.rglob("*.pyc"))


def test_a_broken_plugin_is_named_and_takes_no_other_down(tmp_path):
    write(tmp_path / "_help.py", "WORD = 'x'\n")
    write(tmp_path / "a.py", ONE)
    write(tmp_path / "broken.py", "import sys\n\n1 / 0\n")
    write(tmp_path / "leaves.py", "import sys\nsys.exit(3)\n")
    write(tmp_path / "torn.py", "def f(:\n")
    write(tmp_path / "twice.py", ONE)
    found = discover(tmp_path)
    assert list(found.verifiers) == ["a.b"]
    for text in (f"{tmp_path}/broken.py:3", f"{tmp_path}/leaves.py:2", f"{tmp_path}/torn.py:1", "already defined by"):
        assert any(text in line for line in found.broken), found.broken


def test_an_installed_package_may_bring_verifiers(tmp_path, monkeypatch):
    write(tmp_path / "acme_gates.py", ONE.replace("from harness_verifiers._help import WORD", "WORD = 'installed'"))
    write(tmp_path / "acme-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    write(
        tmp_path / "acme-1.dist-info/entry_points.txt",
        "[harness.verifiers]\nall = acme_gates\none = acme_gates:b\nno = acme_gates:c\n",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "verifiers").mkdir()
    found = discover(tmp_path / "verifiers")
    assert found.verifiers["a.b"].judge(Case("x", ""), Answer("")).evidence == "installed"
    assert [line for line in found.broken if "acme_gates:c" in line or "no attribute 'c'" in line]
    assert list(certificates.sources(found.verifiers["a.b"])) == [str(tmp_path / "acme_gates.py")]


# Staleness: a certificate holds for exactly the bytes that were audited.


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A workspace with one honest verifier."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    folder = workspace(tmp_path / "workspace")
    (folder / "library.yaml").write_text("bases: {}\nadapters: {}\ngate: {}\n")
    for path in (folder / "audits").iterdir():
        if path.name not in ("_tasks", "honest_sentence.it"):
            shutil.rmtree(path)
    source = (folder / "verifiers" / "planted.py").read_text()
    (folder / "verifiers" / "planted.py").unlink()
    head, tail = source.index("@verifier()\ndef honest_sentence"), source.index('@verifier(task="function")')
    (folder / "verifiers" / "honest.py").write_text(source[: source.index("def function_of")] + source[head:tail])
    return folder


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_an_audit_is_kept_and_any_byte_changed_makes_it_stale(small):
    first = audited(small)["honest_sentence.it"]
    assert first.state is State.VALID
    assert audited(small)["honest_sentence.it"] == first  # kept: the day and the seconds are the same
    edit(small / "verifiers" / "honest.py", '"""The sentence is', '"""The  sentence is')
    second = audited(small)["honest_sentence.it"]
    assert second.binding["source"] != first.binding["source"]
    edit(small / "audits" / "honest_sentence.it" / "fixtures.yaml", "it says more", "it says too much")
    third = audited(small)["honest_sentence.it"]
    assert third.binding["fixtures"] != second.binding["fixtures"]
    assert third.binding["source"] == second.binding["source"]


def test_a_verifier_edited_after_its_audit_is_audited_again_and_refused(small):
    assert audited(small)["honest_sentence.it"].state is State.VALID
    edit(small / "verifiers" / "honest.py", "text.strip() == wanted", "text.strip()[:8] == wanted[:8]")
    assert audited(small)["honest_sentence.it"].state is State.REFUSED


def test_judges_do_not_judge_with_a_verifier_that_changed_after_they_began(small):
    case = Case("x", "", {"thing": "door", "colour": "red"})
    with Judges(small / "verifiers", None, workers=1) as judges:
        edit(small / "verifiers" / "honest.py", "text.strip() == wanted", "True")
        found = judges.judge(["honest_sentence.it"], case, "anything").result()[0]
    assert (found.outcome, found.reason) == (Outcome.UNVERIFIED, "verifier-changed")
    with Judges(small / "verifiers", None, workers=1) as judges:
        assert judges.judge(["honest_sentence.it"], case, "anything").result()[0].outcome is Outcome.PASS


def test_a_stored_certificate_that_was_edited_or_is_old_is_not_used(small, tmp_path):
    held = audited(small)["honest_sentence.it"]
    path = next((tmp_path / "cache" / "certificates").iterdir())
    assert certificates.stored("honest_sentence.it", held.binding) == held
    for old, new in (
        ('"false_passes": []', '"false_passes": ["x"]'),
        (held.created, "2020-01-01"),
        ('"seal": "sha256', '"seal": "md5'),
    ):
        text = path.read_text()
        edit(path, old, new)
        assert certificates.stored("honest_sentence.it", held.binding) is None
        path.write_text(text)
    late = dataclasses.replace(held, created=(date.today() - timedelta(days=181)).isoformat())
    assert (late.state, late.earned, late.digest) == (State.EXPIRED, State.VALID, held.digest)
    certificates.store(late)
    assert certificates.stored("honest_sentence.it", held.binding) is None
    with pytest.raises(ValueError, match="its digest is"):
        Certificate.from_json(held.to_json() | {"bad": 10_000})
    assert Certificate.from_json(json.loads(json.dumps(held.to_json()))) == held


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"bad": 58}, "1 more bad proves <= 5% false passes"),
        ({"bad": 47}, "12 more bads prove <= 5% false passes"),
        ({"tasks": 28}, "1 more task with bads proves <= 10% of tasks passed falsely"),
        ({"good": 28}, "1 more good proves <= 10% false fails"),
        ({"variants": 58}, "1 more variant of goods proves <= 5% flips when a good is written another way"),
        ({"kind": "llm", "bad": 298}, "1 more bad proves <= 1% false passes"),
    ],
)
def test_too_few_fixtures_are_provisional_and_say_what_to_write(change, missing):
    enough = {"good": 29, "bad": 59, "tasks": 29, "variants": 59, "kind": "program"}
    base = Certificate("a.b", 1, degenerate=9, false_passes=[], false_fails=[], binding={}, **enough)
    assert base.state is State.VALID
    short = dataclasses.replace(base, **change)
    assert (short.state, short.missing) == (State.PROVISIONAL, [missing])
    assert dataclasses.replace(short, false_fails=["x"]).state is State.REFUSED


# Fixtures.


def test_fixtures_may_be_markdown_and_mistakes_name_file_and_key(tmp_path):
    folder = tmp_path / "a.b"
    write(folder / "f.yaml", "verifier: a.b\ncase: {prompt: Do it.}\n")
    write(folder / "good" / "done.md", "It is done.\n")
    write(
        folder / "bad" / "not-done.md",
        "---\nwhy: it is not\ncase: {prompt: Do that., expect: {n: 1}}\n---\nIt is not.\n",
    )
    found = {f.name: f for f in fixtures.load(tmp_path, "a.b")}
    assert (found["done"].good, found["done"].case.prompt, found["done"].answer) == (True, "Do it.", "It is done.\n")
    assert (found["not-done"].good, found["not-done"].why, found["not-done"].case.expect) == (
        False,
        "it is not",
        {"n": 1},
    )
    for name, text, named in (
        ("bad/x.md", "It is not.", "say why this answer is bad"),
        ("bad/x.md", "---\nwhy: no end", "no second '---' line"),
        ("bad/x.md", "---\nwhy: the same\n---\nIt is done.\n", "labelled the other way"),
        ("x.yaml", "verifier: a.c\n", "as the folder says"),
        ("x.yaml", "verifier: a.b\ngood: [{name: done, answer: x, case: {prompt: p}}]\n", "given twice"),
        ("x.yaml", "verifier: a.b\nspoil: [{name: s, replace: q, by: r, why: w}]\n", "makes no fixture"),
    ):
        write(folder / name, text)
        with pytest.raises(WorkspaceError, match=named):
            fixtures.load(tmp_path, "a.b")
        (folder / name).unlink()


def test_an_author_may_make_an_operator_deadly_or_waive_it_with_a_reason(small):
    path = small / "audits" / "honest_sentence.it" / "fixtures.yaml"
    edit(
        small / "verifiers" / "honest.py",
        "text.strip() == wanted",
        "text.split() == wanted.split() or text.count(wanted) > 9",
    )
    before = audited(small)["honest_sentence.it"]
    assert (before.state, {one.operator for one in before.survivors}) == (State.VALID, {"looped"})
    assert "+The" in before.survivors[0].diff
    data = json.loads(path.read_text())
    path.write_text(json.dumps(data | {"deadly": ["looped"]}))
    assert "degenerate:looped of" in " ".join(audited(small)["honest_sentence.it"].false_passes)
    path.write_text(json.dumps(data | {"waive": {"looped": "repeating itself is another criterion's"}}))
    found = audited(small)["honest_sentence.it"]
    assert found.state is State.VALID
    assert found.mutants["waived"] > 0
    path.write_text(json.dumps(data | {"deadly": ["loped"]}))
    with pytest.raises(WorkspaceError, match="did you mean 'looped'"):
        audited(small)


def test_the_parts_of_a_composite_criterion_have_a_bound_each(small):
    path = small / "audits" / "honest_sentence.it" / "fixtures.yaml"
    data = json.loads(path.read_text())
    for spoil, part in zip(data["spoil"], ("truth", "brevity"), strict=True):
        spoil["violates"] = part
    path.write_text(json.dumps(data))
    code, text = harness("audit", "--library", small, "honest_sentence.it")
    assert (code, "; truth: 0 of 30, at most 9.5%; brevity: 0 of 30, at most 9.5%" in text) == (0, True)
    edit(
        small / "verifiers" / "honest.py", "text.strip() == wanted", 'text.strip().replace("very blue ", "") == wanted'
    )
    assert audited(small)["honest_sentence.it"].parts == {"truth": [0, 30], "brevity": [30, 30]}


# What the harness makes.


@pytest.mark.parametrize(
    ("language", "one", "other", "same"),
    [
        ("python", "x = 1\n", "x  =  1  # one\n\n", True),
        ("python", "x = 1\n", "x = 2\n", False),
        ("python", "if x:\n    y()\nz()\n", "if x:\n    y()\n    z()\n", False),
        ("gdscript", "var x = 1 # a\n", "var x = 1\n", True),
        ("gdscript", "if x:\n\ty()\nz()\n", "if x:\n\ty()\n\tz()\n", False),
        ("glsl", "a = b; // c\n", "/* d */ a=b;\n", True),
        ("glsl", "a = b;\n", "a = -b;\n", False),
        ("java", 's = "a//b";\n', 's = "a";\n', False),
        ("", "a # b\n", "a\n", False),
    ],
)
def test_code_means_the_same_when_only_layout_and_comments_differ(language, one, other, same):
    assert (meaning(one, language) == meaning(other, language)) == same


def test_variants_of_python_keep_its_meaning_and_rename_only_what_is_local():
    code = 'import os\n\nLIMIT = 2.5  # m\n\n\ndef area(w, h):\n    part = w * h  # "m"\n    return min(part, LIMIT)\n'
    text = f"So:\n\n```python\n{code}```\n"
    one = mutants.good("area", Case("x", "Write `area`.", {"function": "area"}), text, (), completion=False)
    made = dict(variants.variants(one, ["md5", "sorry"]))
    assert {"tilde-fence", "crlf", "comment-names-the-forbidden", "comments-removed", "local-renamed"} <= set(made)
    for operator, variant in made.items():
        found = snippet(variant.replace("\r\n", "\n")).code
        changed = found.replace("part_again", "part").replace("2.50", "2.5")
        assert meaning(changed, "python") == meaning(code, "python"), operator
    assert "part_again = w * h" in made["local-renamed"]
    assert "LIMIT_again" not in made["local-renamed"]
    operators = [operator for operator, _ in mutants.mutate(one, random.Random(0))]
    assert {"code-emptied", "code-commented", "arithmetic-flipped", "wanted-renamed", "homoglyph", "wrong-tag"} <= set(
        operators
    )


# The command.


def harness(*arguments):
    found = CliRunner().invoke(main, [*map(str, arguments)])
    return found.exit_code, found.output


def test_the_command_prints_what_was_found_and_its_exit_code_follows_the_state(small):
    code, text = harness("audit", "--library", small, "honest_sentence.it")
    assert (code, "honest_sentence.it v1: VALID until" in text, "0 of 60 passed, at most 4.9%" in text) == (
        0,
        True,
        True,
    )
    assert harness("audit", "--library", small, "--check")[0] == 0
    edit(small / "verifiers" / "honest.py", '"""The sentence is', '"""The  sentence is')
    code, text = harness("audit", "--library", small, "--check")
    assert (code, "EXPIRED" in text, "no certificate for its present bytes" in text) == (3, True, True)
    write(small / "verifiers" / "broken.py", "1 / 0\n")
    code, text = harness("audit", "--library", small)
    assert (code, "honest_sentence.it  VALID" in text, "broken.py:1: cannot be loaded" in text) == (1, True, True)
    (small / "verifiers" / "broken.py").unlink()
    edit(small / "verifiers" / "honest.py", "text.strip() == wanted", "True")
    code, text = harness("audit", "--library", small)
    assert (code, "passes known-bad" in text) == (1, True)
    assert harness("audit", "--library", small, "honest_sentense.it")[0] == 4


def test_a_new_verifier_is_scaffolded_and_honestly_provisional(small):
    code, text = harness("audit", "--library", small, "--new", "fresh.one")
    assert (code, "fresh.one v1: PROVISIONAL" in text, "54 more bads prove <= 5% false passes" in text) == (
        2,
        True,
        True,
    )
    assert harness("audit", "--library", small, "--new", "fresh.one")[0] == 4
    assert harness("audit", "--library", small, "--new", "fresh.two")[0] == 2
    assert harness("audit", "--library", small, "--new", "../fresh.one")[0] == 4


def test_hidden_fixtures_certify_and_are_not_shown(small, tmp_path):
    hidden = tmp_path / "hidden"
    shutil.move(small / "audits", hidden)
    (small / "audits").mkdir()
    code, text = harness("audit", "--library", small, "--fixtures", hidden, "--json", tmp_path / "a.json")
    assert (code, "VALID" in text) == (0, True)
    edit(small / "verifiers" / "honest.py", "text.strip() == wanted", "text.strip()[:8] == wanted[:8]")
    code, text = harness("audit", "--library", small, "--fixtures", hidden, "--json", tmp_path / "a.json")
    assert (code, "passes known-bad 'hidden bad'" in text) == (1, True)
    for shown in (text, (tmp_path / "a.json").read_text()):
        assert "roof" not in shown
        assert "says the opposite" not in shown


def test_a_fixture_that_stands_in_the_training_gold_is_named(small, tmp_path):
    write(
        tmp_path / "gold" / "train.jsonl", json.dumps({"text": "user: Say it.\nassistant: The roof\nis green."}) + "\n"
    )
    code, text = harness("audit", "--library", small, "--gold", tmp_path / "gold")
    assert (code, "holds the good fixture 'roof-green' of honest_sentence.it" in text) == (1, True)
    write(tmp_path / "gold" / "train.jsonl", json.dumps({"text": "The roof is not there."}) + "\n")
    assert harness("audit", "--library", small, "--gold", tmp_path / "gold")[0] == 0


def test_pages_and_files_hold_what_was_found_and_nothing_a_model_wrote_acts_in_them(small, tmp_path):
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
        small / "audits" / "honest_sentence.it" / "more.yaml",
        json.dumps({"verifier": "honest_sentence.it", "bad": bad}),
    )
    files = {kind: tmp_path / f"audit.{kind}" for kind in ("html", "junit", "json")}
    code, _ = harness(
        "audit", "--library", small, *[part for kind, path in files.items() for part in (f"--{kind}", path)]
    )
    assert code == 1
    page = files["html"].read_text(encoding="utf-8")
    assert "<script" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;" in page
    assert "Confusion matrix" in page
    suite = ElementTree.parse(files["junit"]).getroot().find("testsuite[@name='honest_sentence.it']")
    assert [case.get("name") for case in suite if case.find("failure") is not None] == ["known bad", "certificate"]
    kept = json.loads(files["json"].read_text(encoding="utf-8"))["certificates"][0]
    assert Certificate.from_json(kept).false_passes == [hostile]


def test_watching_audits_again_on_every_save(small, monkeypatch):
    saves = iter([lambda: edit(small / "verifiers" / "honest.py", "text.strip() == wanted", "True")])

    def sleep(_seconds):
        next(saves, interrupt)()

    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.audit.command.time", SimpleNamespace(sleep=sleep))
    code, text = harness("audit", "--library", small, "--watch", "honest_sentence.it")
    assert (code, "VALID until" in text, "REFUSED" in text) == (1, True, True)


def test_pytest_audits_every_verifier_of_the_workspace(small, pytester):
    harness("audit", "--library", small, "--new", "fresh.one")
    found = pytester.runpytest_inprocess(str(small / "audits"))
    found.assert_outcomes(passed=1, failed=1)
    found.stdout.fnmatch_lines(["*fresh.one v1: PROVISIONAL*", "*more bads prove*"])
    pytester.runpytest_inprocess("--rootdir", str(small), str(small)).assert_outcomes()


def test_a_callable_that_is_no_verifier_is_audited_as_it_is(small, monkeypatch):
    """The gate that only looks for violations, and its twin that demands the sentence first."""
    monkeypatch.chdir(small)
    goods = [{"name": "red", "case": {"prompt": "Say that it is red."}, "answer": "It is red."}]
    spoil = [{"name": "blue", "replace": "red", "by": "blue", "why": "it is not blue"}]
    for name in ("violations", "demands", "counts"):
        fixtures = {"verifier": f"wrapped.{name}", "good": goods, "spoil": spoil}
        write(small / "audits" / f"wrapped.{name}" / "f.yaml", json.dumps(fixtures))
    body = """\
def violations(answer):
    return [word for word in answer.split() if word == "blue."]

def demands(answer):
    return answer.strip() == "It is red."

def counts(answer):
    return answer.count("red")
"""
    write(small / "old_gates.py", body)
    code, text = harness("audit", "--wrap", "old_gates:violations")
    assert (code, "REFUSED" in text, "degenerate:empty" in text) == (1, True, True)
    code, text = harness("audit", "--wrap", "old_gates:demands")
    assert (code, "PROVISIONAL" in text) == (2, True), text
    code, text = harness("audit", "--wrap", "old_gates:counts")
    assert (code, "returned int, expected a bool or a list of violations" in text) == (1, True)
    assert harness("audit", "--wrap", "old_gates:nothing")[0] == 4


def test_the_guide_works_as_it_is_written(tmp_path, monkeypatch):
    guide = (Path(__file__).parents[1] / "docs" / "verifiers.md").read_text(encoding="utf-8")
    assert harness("init", tmp_path / "factory")[0] == 0
    monkeypatch.chdir(tmp_path / "factory")
    code, text = harness("audit", "--new", "prose.greeting")
    assert (code, "54 more bads prove <= 5% false passes" in text) == (2, True)
    for name, body in re.findall(r"<!-- file: (\S+) -->\n```python\n(.*?)```", guide, re.DOTALL):
        write(Path(name), body)
    exec(compile(Path("write.py").read_text(), "write.py", "exec"), {})
    code, text = harness("audit", "prose.greeting")
    assert (
        code,
        "known good       0 of 30 refused, at most 9.5%" in text and "0 of 60 passed, at most 4.9%" in text,
    ) == (0, True)
    edit(Path("verifiers/prose.py"), "re.fullmatch", "re.match")
    code, text = harness("audit", "prose.greeting")
    assert (code, "No, that is wrong." in text, "87 of 120 killed (72.5%" in text) == (0, True, True)
    data = json.loads(Path("audits/prose.greeting/fixtures.yaml").read_text())
    data["deadly"] = ["contradicted", "doubled", "looped"]
    Path("audits/prose.greeting/fixtures.yaml").write_text(json.dumps(data))
    assert harness("audit", "prose.greeting")[0] == 1


def test_every_shipped_verifier_is_certified():
    """Among them the clean twin of the planted ones that judge inside of the candidate's process: humaneval.functional."""
    code, text = harness("audit", "--library", Path(__file__).parents[1])
    assert (code, text.count(" VALID ")) == (0, 13), text
