"""A certificate is bound to what ran: whichever way a verifier comes by its rule, a change of it
expires the certificate and is named, and a change of anything else expires nothing."""

import os
import sys

import pytest
from auditing import audited, edit, harness, write
from sums import source, sums

from harness import Case, Outcome
from harness.audit.auditor import certify
from harness.audit.bound.binding import today
from harness.audit.certificate import State
from harness.audit.workspace import audit_workspace
from harness.judging.discovery import digest, discover
from harness.judging.workers import Judges

RULE = "def rule(case):\n    return case.expect['value'] > 0\n"
FIRST = "if not {}: return failed('rule')"
WORDS = "data/words.json"
READS = f"from pathlib import Path\nWORDS = (Path(__file__).parents[1] / {WORDS!r}).read_text()"

#: way -> (what its file says, the files that it brings, the one that is changed)
WAYS = {
    "from_package": (
        {"top": "from . import _sibling", "acts": FIRST.format("_sibling.rule(case)")},
        {"verifiers/_sibling.py": RULE},
    ),
    "several_names": (
        {"top": "from . import _other, _several", "acts": FIRST.format("_several.rule(case)")},
        {"verifiers/_several.py": RULE, "verifiers/_other.py": ""},
    ),
    "of_a_helper": (
        {"top": "from ._helper import check", "acts": FIRST.format("check(case)")},
        {
            "verifiers/_deeper.py": RULE,
            "verifiers/_helper.py": "from ._deeper import rule\ncheck = lambda case: rule(case)\n",
        },
    ),
    "importlib_late": (
        {
            "imports": "importlib",
            "acts": FIRST.format("importlib.import_module('._late', __package__).rule(case)"),
        },
        {"verifiers/_late.py": RULE},
    ),
    "by_path": (
        {
            "imports": "sys; from pathlib import Path",
            "top": "sys.path.insert(0, str(Path(__file__).parents[1] / 'lib')); import pathrule",
            "acts": FIRST.format("pathrule.rule(case)"),
        },
        {"lib/pathrule.py": RULE},
    ),
    "executed_file": (
        {
            "imports": "runpy; from pathlib import Path",
            "acts": "run = runpy.run_path(Path(__file__).with_name('run.txt'))\n"
            + FIRST.format("run['rule'](case)"),
        },
        {"verifiers/run.txt": RULE},
    ),
    "data_file": (
        {"top": "from ._data import words", "acts": FIRST.format("'ok' in words()")},
        {
            WORDS: '["ok"]',
            "verifiers/_data.py": "import json\nfrom functools import cache\n"
            "from pathlib import Path\n@cache\ndef words():\n"
            "    return json.loads((Path(__file__).parents[1] / 'data/words.json').read_text())\n",
        },
    ),
    "data_file_too": (  # the helper has read it already, for the one before
        {"top": "from ._data import words", "acts": FIRST.format("'ok' in words()")},
        {WORDS: '["ok"]'},
    ),
    "data_at_once": ({"top": READS, "acts": FIRST.format("'ok' in WORDS")}, {WORDS: '["ok"]'}),
    "data_at_once_too": ({"top": READS, "acts": FIRST.format("'ok' in WORDS")}, {WORDS: '["ok"]'}),
    "editable": (
        {
            "imports": "acme_rules",
            "needs": "packages=['acme-rules']",
            "acts": FIRST.format("acme_rules.rule(case)"),
        },
        {"../src/acme_rules/__init__.py": RULE},
    ),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace with a verifier for each way, audited once, in an environment of its own."""
    outside = tmp_path_factory.mktemp("bound")
    site = outside / "lib" / "site-packages"
    info = site / "acme_rules-1.0.dist-info"
    write(info / "METADATA", "Name: acme-rules\nVersion: 1.0\n")
    url = f'{{"url": "file://{outside / "src"}", "dir_info": {{"editable": true}}}}'
    write(info / "direct_url.json", url)
    for name in ("firstly", "optional"):
        write(site / f"{name}-1.0.dist-info" / "METADATA", f"Name: {name}\nVersion: 1.0\n")
    maybe = "try:\n    import optional as more\nexcept ImportError:\n    more = None\n"
    write(site / "firstly" / "__init__.py", maybe)
    write(site / "optional" / "__init__.py", "")
    sources = {way: source(way, **said) for way, (said, _) in WAYS.items()}
    top = "import firstly"
    sources["of_a_package"] = source("of_a_package", "", needs="packages=['firstly']", top=top)
    read = FIRST.format("os.environ.get('SUMS_RULE') != 'strict'")
    sources["variable"] = source("variable", read, "os")
    listed = "next(Path(__file__).parents[1].joinpath('rules').glob('*.rule'))"
    sources["folder"] = source("folder", FIRST.format(listed), "os; from pathlib import Path")
    workspace = sums(outside / "workspace", sources)
    write(workspace / "rules" / "one.rule", "")
    for _, brought in WAYS.values():
        for name, text in brought.items():
            write(workspace / name, text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(outside / "cache"))
        patch.setattr(sys, "path", [*sys.path, str(outside / "src"), str(site)])
        held = audited(workspace)
        assert {one.state for one in held.values()} == {State.PROVISIONAL}, [
            one.sentence() for one in held.values()
        ]
        yield workspace
    for name in ("acme_rules", "firstly", "optional", "pathrule"):
        sys.modules.pop(name, None)


def expired(workspace):
    """What ``--check`` says of each verifier that has no certificate for what is there."""
    code, text = harness("audit", "--check", "--library", workspace)
    lines = [line for line in text.splitlines() if ": EXPIRED" in line]
    assert code == (3 if lines else 2), text
    return {line.partition(":")[0].removeprefix("sums."): line for line in lines}


@pytest.mark.parametrize("way", [*WAYS])
def test_a_changed_rule_expires_the_certificate_that_it_was_under_and_no_other(place, way):
    name = next(iter(WAYS[way][1]))
    path = place / name
    before = path.read_text()
    path.write_text("[]" if path.suffix == ".json" else "def rule(case):\n    return True\n")
    found = expired(place)
    path.write_text(before)
    assert set(found) == {other for other, (_, brought) in WAYS.items() if name in brought}
    assert f"{name.removeprefix('../')} changed since" in found[way]
    assert expired(place) == {}


def test_so_does_a_variable_that_its_code_reads(place, monkeypatch):
    monkeypatch.setenv("SUMS_OTHER", "strict")
    assert expired(place) == {}
    monkeypatch.setenv("SUMS_RULE", "lax")
    assert "environment SUMS_RULE changed since" in expired(place)["variable"]


def test_so_does_a_file_more_in_a_folder_that_it_lists(place):
    path = place / "rules" / "two.rule"
    path.write_text("")
    found = expired(place)
    path.unlink()
    assert set(found) == {"folder"}
    assert "rules/ changed since" in found["folder"]


def test_so_does_a_package_that_another_environment_lacks(place):
    site = place.parent / "lib" / "site-packages"
    (site / "optional").rename(site / "gone")
    (site / "optional-1.0.dist-info").rename(site / "gone.dist-info")
    found = expired(place)
    (site / "gone").rename(site / "optional")
    (site / "gone.dist-info").rename(site / "optional-1.0.dist-info")
    assert set(found) == {"of_a_package"}
    assert "optional changed since" in found["of_a_package"]


def test_a_gate_audits_again_what_is_expired_and_refuses_it(place):
    path = place / "verifiers" / "from_package.py"
    before = path.read_text()
    write(place / "verifiers" / "_moved.py", before[before.index("def right") : before.index("@")])
    moved = before.replace("def right", "from ._moved import right\ndef once")
    path.write_text(moved)
    assert audited(place, "sums.from_package")["sums.from_package"].state is State.PROVISIONAL
    write(place / "verifiers" / "_moved.py", "def right(case, answer):\n    return True\n")
    assert "verifiers/_moved.py changed since" in expired(place)["from_package"]
    found = discover(place / "verifiers").verifiers["sums.from_package"]
    with Judges(place / "verifiers", None, workers=1) as judges:
        held = certify([found], place / "audits", judges, None)[found.id]
    path.write_text(before)
    assert held.state is State.REFUSED
    assert "degenerate:empty" in held.false_passes
    assert digest(place / "verifiers") != judges.digest


def test_a_certificate_shows_no_value_of_a_variable_and_of_a_secret_no_digest(place, monkeypatch):
    monkeypatch.setenv("SUMS_RULE", "strict")
    bound = {"source": {}, "packages": {}, "environment": {"SUMS_RULE": "", "SUMS_KEY": ""}}
    for value in ("one", "two"):
        monkeypatch.setenv("SUMS_KEY", value)
        found = today(bound, place)["environment"]
        assert found["SUMS_KEY"] == "set"
        assert found["SUMS_RULE"].startswith("sha256:")
    monkeypatch.delenv("SUMS_KEY")
    assert today(bound, place)["environment"]["SUMS_KEY"] == "missing"


def test_what_judges_is_the_source_of_a_rule_and_no_cache_of_it(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    said = WAYS["by_path"][0]
    folder = sums(tmp_path, {"cached": source("cached", **said)}) / "verifiers"
    case, outcomes = Case("x", "", {"value": 3}), []
    for says in ("True ", "False"):
        write(tmp_path / "lib" / "pathrule.py", f"def rule(case):\n    return {says}\n")
        os.utime(tmp_path / "lib" / "pathrule.py", (1, 1))
        with Judges(folder, None, workers=1) as judges:
            outcomes += [one.outcome for one in judges.judge(["sums.cached"], case, "1+2").result()]
    assert outcomes == [Outcome.PASS, Outcome.FAIL]


def test_a_wrapped_name_is_bound_to_the_module_that_it_comes_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    write(tmp_path / "sums_gates.py", "from sums_rules import check\nWORDS = 1\n")
    write(
        tmp_path / "sums_rules.py",
        "from sums_words import WORD\ndef check(answer):\n    return answer.strip() == WORD\n",
    )
    write(tmp_path / "sums_words.py", "WORD = 'word'\n")
    fixtures = tmp_path / "audits" / "wrapped.check"
    write(fixtures / "good" / "word.md", "---\ncase: {prompt: Say the word.}\n---\nword")
    write(
        fixtures / "bad" / "other.md",
        "---\ncase: {prompt: Say the word.}\nwhy: another\n---\nother",
    )
    write(tmp_path / "library.yaml", "bases: {}\nadapters: {}\ngate: {}\n")
    asked = ("audit", "--wrap", "sums_gates:check")
    code, text = harness(*asked)
    assert code == 2, text
    assert harness(*asked, "--check")[0] == 2
    for name, old, new in (
        ("sums_words.py", "'word'", "'words'"),
        ("sums_rules.py", "answer.strip() == WORD", "True"),
        ("sums_gates.py", "WORDS = 1", "WORDS = 2"),
    ):
        edit(tmp_path / name, old, new)
        code, text = harness(*asked, "--check")
        assert (code, f"{name} changed since" in text) == (3, True), text
        edit(tmp_path / name, new, old)
    os.utime(tmp_path / "sums_words.py")
    assert harness(*asked, "--check")[0] == 2


def test_a_certificate_says_the_same_whoever_was_audited_beside_it(tmp_path, monkeypatch):
    """The parser that both use is loaded once in a process, by the first of them, and kept."""
    said = []
    for ids in (["glsl.uniforms"], ["glsl.parses", "glsl.uniforms"]):
        monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / str(len(ids))))
        [found] = [
            one for one in audit_workspace(None, ids).certificates if one.verifier == ids[-1]
        ]
        said.append(found)
    alone, beside = said
    assert {"tree_sitter_glsl", "mdurl"} <= {*alone.binding["packages"]}
    assert beside.binding == alone.binding
    assert beside.digest == alone.digest
