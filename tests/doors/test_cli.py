"""The command line: whole help, documented exit codes that occur, completion, one way to name an
adapter."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest
import yaml
from auditing import edit, write
from click.testing import CliRunner
from commands import COMMANDS, LEAVES, help_of
from conftest import POCKET, ROOT, write_workspace
from gates import QUIET, pair, plan, registration
from run_folders import author, finish
from run_folders import workspace as judged_workspace

from harness.content.policy import Policy
from harness.datasets import samples
from harness.datasets.humaneval import problems
from harness.doors.cli.common import COMMON
from harness.doors.cli.main import main
from harness.gate import together
from harness.gate.finished import labelling
from harness.sandbox import selfcheck
from harness.sandbox.backends import docker
from harness.verdict import Name, Verdict


def run(*arguments: object) -> click.testing.Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize("typed", COMMANDS)
def test_no_help_is_cut_at_80_columns(typed):
    command = COMMANDS[typed]
    text = help_of(typed, command)
    assert max(map(len, text.splitlines())) <= 80
    below = text.split("\n\n", 1)[1].splitlines()  # the usage ends in click's own ARGS...
    assert not [line for line in below if line.rstrip().endswith(("...", "…"))]
    words = " ".join(text.split())
    said = [param.help for param in command.params if isinstance(param, click.Option)]
    said += [command.help, *getattr(command, "codes", {}).values()]
    if isinstance(command, click.Group):
        said += [one.help.split("\n\n")[0] for one in command.commands.values()]
    assert [part for part in said if " ".join(part.split()) not in words] == []


def test_a_narrow_terminal_is_told_whole_sentences_too():
    assert "from its receipts." in " ".join(help_of("harness", main, width=50).split())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace whose adapters come to each verdict."""
    root = write_workspace(tmp_path_factory.mktemp("place"), ["gamedev", "legacy", "dead"])
    listed = yaml.safe_load((root / "library.yaml").read_text())
    gamedev = listed["adapters"]["gamedev"]
    claim = {"text": "9 MB", "metric": "megabytes", "value": 9, "tolerance": 0.1}
    shutil.copytree(POCKET / "adapters" / "dead", root / "odd")
    (root / "odd" / "adapter_config.json").write_text("[]")
    listed["adapters"] |= {
        "odd": gamedev | {"path": "odd"},
        "boasted": gamedev | {"claims": [claim]},
        "unmeasured": gamedev | {"facets": ["godot", "prose"]},
    }
    (root / "library.yaml").write_text(yaml.safe_dump(listed))
    assert run("gate", "--adapter", "dead", "--library", root, "--run-dir", root / "run").exit_code
    return root


def gate(adapter):
    def arguments(request):
        place = request.getfixturevalue("place")
        return ["--adapter", adapter, "--library", place, "--run-dir", place / "runs" / adapter]

    return arguments


def preflight(adapter, leaked=False):
    def arguments(request):
        place = request.getfixturevalue("place")
        rows = (place / "suites" / "mini" / "godot.jsonl").read_text().splitlines()
        row = {"prompt": json.loads(rows[0])["prompt"], "completion": "No."}
        write(place / "train.jsonl", json.dumps(row) + "\n")
        data = ["--train-data", place / "train.jsonl"] if leaked else []
        return ["--adapter", adapter, "--library", place, *data]

    return arguments


def released(adapter):
    def arguments(request):
        place = request.getfixturevalue("place")
        asked = ["--adapter", adapter, "--library", place]
        folder = place / "runs" / adapter
        if not folder.exists():  # the gate's own case made it
            run("gate", *asked, "--run-dir", folder)
        return [folder, *asked]

    return arguments


def labelled(adapter, most=None):
    def arguments(request):
        made, *options = released(adapter)(request)
        folder = request.getfixturevalue("tmp_path")
        run = shutil.copytree(made, folder / "run")
        asked = labelling.sample(run)
        rows = [
            {"suite": row.suite, "case": row.case, "sample": row.sample, "label": "good"}
            for row in asked.rows[:most]
        ]
        saved = {"receipts_digest": asked.head, "rows": rows}
        (folder / "labels.json").write_text(json.dumps(saved))
        return [run, "--read", folder / "labels.json", *options[2:]]

    return arguments


def reported(*, edited):
    def arguments(request):
        run = shutil.copytree(
            request.getfixturevalue("place") / "run", request.getfixturevalue("tmp_path") / "run"
        )
        if edited:
            path = run / "scorecard.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | {"look": 7}))
        return [run]

    return arguments


def audited(*options, broken=False):
    def arguments(request):
        honest = request.getfixturevalue("honest")
        if broken:
            write(honest / "verifiers" / "broken.py", "1 / 0\n")
        return ["--library", honest, *options]

    return arguments


def judged(outcome):
    def arguments(request):
        folder = request.getfixturevalue("tmp_path")
        row = {"task_id": "HumanEval/2", "completion": problems()["HumanEval/2"].canonical_solution}
        write(folder / "samples.jsonl", json.dumps(row) + "\n")
        if outcome == "unverified":
            path = folder / "results.jsonl"
            found = samples.Score(path, 1, 1, (), {}, {outcome: 1}, {}, 0.1, 0, "")
            patch = request.getfixturevalue("monkeypatch")
            patch.setattr(samples, "score", lambda *_, **__: found)
        return [folder / "samples.jsonl", "-q"]

    return arguments


def tried(answer, *case):
    def arguments(request):
        place = author(request.getfixturevalue("tmp_path") / "place")
        write(place / "answer", answer)
        return ["demo.ok", place / "answer", "--library", place, *case]

    return arguments


def rejudged(old, new):
    def arguments(request):
        place = author(request.getfixturevalue("tmp_path") / "place")
        edit(place / "verifiers" / "demo.py", old, new)
        return [place / "run", "--library", place]

    return arguments


def checked(available):
    def arguments(request):
        found = selfcheck.Check("landlock", available, "", "", (), ())
        patch = request.getfixturevalue("monkeypatch")
        patch.setattr(selfcheck, "full_check", lambda name: replace(found, backend=name))
        return []

    return arguments


def built(request):
    request.getfixturevalue("monkeypatch").setattr(docker, "build_image", lambda _: "harness:1")
    return []


def shipped(gained, lost, command):
    def arguments(request):
        place = judged_workspace(request.getfixturevalue("tmp_path") / "place", gained, lost)
        asked = ["--run", place / "run", "--library", place, "--", sys.executable, "-c", command]
        return ["gamedev", *asked]

    return arguments


def void(request):
    place = request.getfixturevalue("place")
    return ["dead", "--run", place / "run", "--library", place, "--", "true"]


def paired(lost, n=164):
    def arguments(request):
        folder = request.getfixturevalue("tmp_path")
        found = registration([plan("humaneval", n, "guard")], Policy(**QUIET))
        return [
            finish(folder / "a", found, pair("humaneval", n, 10 + lost, 0, 0)),
            finish(folder / "b", found, pair("humaneval", n, 10, 0, lost)),
        ]

    return arguments


def kept(*options):
    def arguments(request):
        folder = request.getfixturevalue("tmp_path")
        request.getfixturevalue("monkeypatch").setenv("HARNESS_CACHE", str(folder / "cache"))
        write(folder / "answers.jsonl", "")
        return [*options] or [folder / "answers.jsonl"]

    return arguments


def library(old="", new=""):
    def arguments(request):
        place = write_workspace(request.getfixturevalue("tmp_path") / "place", ["gamedev"])
        edit(place / "library.yaml", old, new)
        return ["--library", place]

    return arguments


def taken(request):
    return [*judged("pass")(request)[:1], "--arm", "base"]


def given(request):
    run, _ = paired(0)(request)
    return [run, "--to", "model-card", "--out", run / "card.md"]


def test_a_run_whose_documents_differ_is_not_exported(tmp_path):
    edited, out = author(tmp_path / "place") / "run", tmp_path / "card.md"
    found = run("export", edited, "--to", "model-card", "--out", out)
    assert (found.exit_code, "what differs is not exported" in found.output) == (4, True)
    assert not out.exists()


#: what makes each exit code of each command
CASES = {
    ("harness gate", 0): gate("gamedev"),
    ("harness gate", 1): gate("boasted"),
    ("harness gate", 2): gate("unmeasured"),
    ("harness gate", 3): gate("dead"),
    ("harness preflight", 0): preflight("gamedev"),
    ("harness preflight", 1): preflight("gamedev", leaked=True),
    ("harness preflight", 3): preflight("dead"),
    ("harness recheck", 0): reported(edited=False),
    ("harness recheck", 1): reported(edited=True),
    ("harness release-check", 0): released("gamedev"),
    ("harness release-check", 1): released("boasted"),
    ("harness release-check", 2): released("unmeasured"),
    ("harness release-check", 3): released("dead"),
    ("harness label", 0): labelled("gamedev"),
    ("harness label", 1): labelled("boasted"),
    ("harness label", 2): labelled("gamedev", 1),
    ("harness label", 3): labelled("dead"),
    ("harness report", 0): reported(edited=False),
    ("harness report", 1): reported(edited=True),
    ("harness audit", 0): audited("honest_sentence.it"),
    ("harness audit", 1): audited("--check", broken=True),
    ("harness audit", 2): audited("--new", "fresh.one"),
    ("harness audit", 3): audited("--check"),
    ("harness judge", 0): tried("four", "--case", "four"),
    ("harness judge", 1): tried("five", "--case", "four"),
    ("harness judge", 2): tried("four", "--prompt", "x"),
    ("harness rejudge", 0): rejudged("demo", "demo"),
    ("harness rejudge", 1): rejudged("==", "!="),
    ("harness rejudge", 2): rejudged("demo.ok", "demo.other"),
    ("harness humaneval", 0): judged("pass"),
    ("harness humaneval", 2): judged("unverified"),
    ("harness import", 0): taken,
    ("harness export", 0): given,
    ("harness library", 0): lambda request: ["--library", ROOT],
    ("harness library", 1): library("status: candidate", "status: shipped"),
    ("harness doctor", 0): library(),
    ("harness doctor", 1): library("- mini", "- maxi"),
    ("harness ship", 0): shipped(0, 2, "pass"),
    ("harness ship", 1): shipped(0, 2, "1 / 0"),
    ("harness ship", 2): shipped(2, 5, "pass"),
    ("harness ship", 3): void,
    ("harness compare", 0): paired(0),
    ("harness compare", 1): paired(30),
    ("harness compare", 2): paired(0, n=40),
    ("harness cache prune", 0): kept("--keep", "1"),
    ("harness cache export", 0): kept(),
    ("harness cache import", 0): kept(),
    ("harness init", 0): lambda request: [request.getfixturevalue("tmp_path") / "own"],
    ("harness sandbox check", 0): checked(True),
    ("harness sandbox check", 1): checked(False),
    ("harness sandbox build", 0): built,
}


def test_every_documented_exit_code_has_its_case():
    documented = {(typed, code) for typed, one in LEAVES.items() for code in one.codes}
    assert documented == CASES.keys()


@pytest.mark.parametrize(("typed", "code"), CASES)
def test_a_documented_exit_code_occurs(typed, code, request):
    found = run(*typed.split()[1:], *CASES[typed, code](request))
    assert found.exit_code == code, found.output


SAYS = {"gate": ("verdict", 3), "preflight": ("faults", 3), "recheck": ("differences", 1),
        "release-check": ("against", 3), "library": ("adapters", 0),
        "compare": ("suites", 1)}  # fmt: skip


@pytest.mark.parametrize("word", SAYS)
def test_what_a_command_says_is_json_where_a_program_reads_it(word, request):
    key, code = SAYS[word]
    found = run(word, *CASES[f"harness {word}", code](request), "--json")
    assert found.exit_code == code, found.output
    [line] = found.stdout.splitlines()
    assert json.loads(line)[key]
    json_too = [typed for typed, one in LEAVES.items() if "as_json" in [p.name for p in one.params]]
    assert sorted(json_too) == sorted(f"harness {word}" for word in SAYS)


def test_several_adapters_end_in_a_table_of_all(place):
    names = {"gamedev": "SHIP", "dead": "VOID", "odd": "could not run"}
    named = [word for name in names for word in ("--adapter", name)]
    found = run("gate", *named, "--library", place, "--run-dir", place / "several")
    assert found.exit_code == 4, found.output
    rows = [re.split(r"\s{2,}", line) for line in found.stdout.splitlines()[-3:]]
    assert [(row[0], row[1]) for row in rows] == list(names.items())
    assert (Path(rows[0][2]), len(rows[2])) == (place / "several" / "gamedev", 2)
    assert (place / "several" / "gamedev" / "scorecard.html").is_file()
    assert "harness: odd: " in found.stderr
    assert "gamedev (1 of 3): mini/godot adapter 20/20" in found.stderr


@pytest.mark.parametrize(
    ("words", "code"), [("SHIP SHIP", 0), ("INCONCLUSIVE SHIP", 2), ("NO-SHIP INCONCLUSIVE", 1),
                        ("VOID NO-SHIP", 3), ("none VOID", 4)]
)  # fmt: skip
def test_of_several_adapters_the_worst_decides(monkeypatch, words, code):
    names = [None if word == "none" else Verdict(Name(word), []) for word in words.split()]
    ended = [
        together.Ended(f"a{n}", verdict, Path("run") if verdict else None)
        for n, verdict in enumerate(names)
    ]
    for order in (ended, ended[::-1]):
        monkeypatch.setattr(together, "run_gates", lambda *_, order=order, **__: iter(order))
        assert run("gate", "-q", "--adapter", "a0", "--adapter", "a1").exit_code == code


@pytest.mark.parametrize("typed", LEAVES)
def test_what_every_command_returns_besides(typed, monkeypatch):
    words = typed.split()[1:]
    assert run(*words, "--no-such-option").exit_code == 4

    def raises(error):
        def callback(**_):
            raise error

        monkeypatch.setattr(LEAVES[typed], "callback", callback)
        monkeypatch.setattr(LEAVES[typed], "params", [])
        return run(*words)

    crashed = raises(ZeroDivisionError("by chance"))
    assert (crashed.exit_code, "ZeroDivisionError: by chance" in crashed.output) == (4, True)
    assert raises(KeyboardInterrupt).exit_code == 130
    assert set(COMMON) == {4, 130}


def test_help_and_version_are_no_failures():
    assert {run(*words).exit_code for words in (["--help"], ["--version"], ["gate", "-h"])} == {0}


def test_the_module_is_the_command(tmp_path):
    command = [sys.executable, "-m", "harness", "library", "--library", str(tmp_path / "none")]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, "no such library" in found.stderr) == (4, True)
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("typed", ["harness gate", "harness preflight", "harness release-check"])
def test_every_command_names_an_adapter_the_same_way(typed):
    named = [param for param in LEAVES[typed].params if "--adapter" in param.opts]
    assert [param.metavar.startswith("NAME") for param in named] == [True]
    assert not [
        p for p in LEAVES[typed].params if isinstance(p, click.Argument) and p.name != "run"
    ]


def test_the_adapter_to_release_is_a_name_of_the_library_or_a_folder(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(POCKET / "adapters" / "gamedev", "dead")
    check = ("release-check", place / "run", "--library", place, "--adapter")
    shutil.copytree(POCKET / "adapters" / "dead", "elsewhere")
    differs = {
        named: "its bytes are" in run(*check, named).output
        for named in ("dead", "./dead", POCKET / "adapters" / "dead", "elsewhere")
    }  # the library's dead is not the folder of that name
    assert [named for named, other in differs.items() if other] == ["./dead"]
    found = run(*check, "deed")
    assert found.exit_code == 4
    assert "--adapter deed: neither an adapter of" in found.output
    assert "did you mean 'dead'" in found.output


def complete(line: str, cwd: Path) -> list[str]:
    """What bash offers at the end of ``line``, by the completion script that the docs name."""
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    script = re.search(r'eval "\$\((_HARNESS_COMPLETE=bash_source harness)\)"', text)
    words = " ".join(f"'{word}'" for word in line.split(" "))
    steps = [
        f'eval "$({script[1]})"',
        f"COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))",
        "_harness_completion harness",
        'printf "%s\\n" "${COMPREPLY[@]}"',
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = subprocess.run(
        ["bash", "-c", "complete() { :; }\n" + "\n".join(steps)],
        capture_output=True,
        text=True,
        check=True,
        cwd=cwd,
        env={**os.environ, "PATH": path},
    )
    return found.stdout.split()


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_completes_commands_options_and_adapters(place, tmp_path):
    assert complete("harness re", tmp_path) == ["recheck", "rejudge", "release-check", "report"]
    assert "--adapter" in complete("harness gate --ad", tmp_path)
    assert complete("harness gate --adapter g", place) == ["gamedev"]
    (tmp_path / "library.yaml").write_text("bases: [")
    assert complete("harness gate --adapter g", tmp_path) == []
