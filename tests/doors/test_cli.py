"""The command line: whole help, documented exit codes that occur, completion, one way to name an
adapter."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml
from commands import COMMANDS, LEAVES, WIDTH, help_of, wide
from conftest import POCKET, ROOT, write_workspace
from exit_codes import CASES, run
from run_folders import author

from harness.doors.cli.common import COMMON
from harness.doors.cli.main import main
from harness.gate import together
from harness.verdict import Name, Verdict


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
        "unmeasured": gamedev | {"facets": ["pocket-godot", "prose"]},
    }
    (root / "library.yaml").write_text(yaml.safe_dump(listed))
    assert run("gate", "--adapter", "dead", "--library", root, "--run-dir", root / "run").exit_code
    return root


def test_a_run_whose_documents_differ_is_not_exported(tmp_path):
    edited, out = author(tmp_path / "place") / "run", tmp_path / "card.md"
    found = run("export", edited, "--to", "model-card", "--out", out)
    assert (found.exit_code, "what differs is not exported" in found.output) == (4, True)
    assert not out.exists()


def test_every_documented_exit_code_has_its_case():
    documented = {(typed, code) for typed, one in LEAVES.items() for code in one.codes}
    assert documented == CASES.keys()


@pytest.mark.parametrize(("typed", "code"), CASES)
def test_a_documented_exit_code_occurs_and_no_line_is_wider_than_a_terminal(
    typed, code, request, monkeypatch
):
    arguments = CASES[typed, code](request)
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    found = run(*typed.split()[1:], *arguments)
    assert found.exit_code == code, found.output
    assert wide(found.output) == []


def test_a_wide_line_is_seen_and_a_long_word_is_left_whole():
    path = f"scorecard: {'folder/' * 20}scorecard.html"
    assert wide(f"{path}\nnext: git add {path}\nshort") == []
    assert wide("of many words " * 9) == ["of many words " * 9]
    assert wide("words " * 12 + path)


#: what a command says as JSON where it ends with which code
SAYS = {
    "gate": ("verdict", 3), "preflight": ("faults", 3), "recheck": ("differences", 1),
    "release-check": ("against", 3), "library": ("adapters", 0), "compare": ("suites", 1),
    "report": ("differences", 1), "ship": ("record", 0), "sign": ("signature", 0),
    "audit": ("certificates", 3), "judge": ("outcome", 0), "rejudge": ("judgements", 1),
    "label": ("reasons", 3), "humaneval": ("outcomes", 2), "import": ("answers", 0),
    "export": ("wrote", 0), "facts": ("wrote", 0), "init": ("wrote", 0), "doctor": ("checks", 1),
    "sandbox check": ("checks", 0), "sandbox build": ("image", 0), "cache prune": ("deleted", 0),
    "cache export": ("out", 0), "cache import": ("new", 0), "selfscore": ("caught", 0),
}  # fmt: skip


@pytest.mark.parametrize("typed", LEAVES)
def test_what_a_command_says_is_json_where_a_program_reads_it(typed, request):
    words = typed.split()[1:]
    key, code = SAYS[" ".join(words)]
    found = run(*words, "--json", *CASES[typed, code](request))
    assert found.exit_code == code, found.output
    [line] = found.stdout.splitlines()
    assert key in json.loads(line)


def test_what_a_released_command_prints_is_no_part_of_the_json(request, capfd):
    words = CASES["harness ship", 0](request)
    json.loads(run("ship", "--json", *words[:-1], "print('uploaded')").stdout)
    said = capfd.readouterr()
    assert ("uploaded" in said.out, said.err) == (False, "uploaded\n")


ERRORS = {
    "an option": (["gate", "--json", "--no-such"], "No such option"),
    "a mistake": (["library", "--json", "--library", "/none"], "/none: no such library"),
    "of several": (["gate", "--json", "--adapter", "a", "--library", "/none"], "no such library"),
    "a person's": (["label", "--json", "run"], "--json asks nobody"),
}


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_is_json_where_a_program_reads_it(error):
    words, said = ERRORS[error]
    found = run(*words)
    told = json.loads(found.stdout)
    assert (found.exit_code, found.stderr, said in told["error"]) == (4, "", True), found.output
    assert told["exit_code"] == 4
    plain = run(*[word for word in words if word != "--json"])
    assert (plain.stdout, plain.exit_code) == ("", 4)


def test_json_behind_two_dashes_is_the_commands(tmp_path):
    found = run("ship", "gamedev", "--library", tmp_path, "--", "hf", "--json")
    assert (found.exit_code, found.stdout) == (4, "")
    assert "no such library" in found.stderr


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
