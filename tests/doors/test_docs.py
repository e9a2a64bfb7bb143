"""What the documentation says of commands and options is made from them.

``HARNESS_MAKE_DOCS=1 pytest tests/doors/test_docs.py`` writes it again."""

from __future__ import annotations

import ast
import os
import re

import click
import pytest
from commands import COMMANDS, LEAVES, help_of
from conftest import ROOT

from harness import selfscore
from harness.content import strict, suite
from harness.doors.cli.common import COMMON
from harness.doors.options import OPTIONS
from harness.doors.pytest.plugin import GATE
from harness.judging.discovery import discover
from harness.subjects.faults import faults as known

MADE = re.compile(r"(<!-- made: ([a-z ]+) -->\n).*?(<!-- /made -->)", re.DOTALL)
CLI, README = ROOT / "docs" / "cli.md", ROOT / "README.md"
PREFLIGHT = ROOT / "docs" / "preflight.md"

#: pytest's own, as a gate uses them
PYTEST = {
    0: "SHIP; every audited verifier is VALID.",
    1: "NO-SHIP, INCONCLUSIVE or VOID; a verifier that is not VALID.",
    2: "Interrupted.",
    3: "Crashed.",
    4: "Could not run: a wrong option or file, a missing tool.",
    5: "No suite was collected (`pytest suites/` without `--adapter`).",
}


def exit_codes() -> str:
    rows = [(f"`{typed}`", each.codes) for typed, each in LEAVES.items()]
    rows += [("every command above", COMMON), ("`pytest suites/`, `pytest audits/`", PYTEST)]
    lines = ["| command | code | it says |", "|---|---|---|"]
    lines += [f"| {who} | {code} | {text} |" for who, codes in rows for code, text in codes.items()]
    return "\n".join(lines)


def pytest_options() -> str:
    lines = ["| option | short | what it is |", "|---|---|---|"]
    for name, (value, text) in OPTIONS.items():
        taken = value.replace("|", r"\|")
        lines.append(f"| `{GATE}{name} {taken}` | `--{name}` | {text} |")
    return "\n".join(lines)


def faults() -> str:
    lines = ["| finding | it is | it means | what to do |", "|---|---|---|---|"]
    rows = {code: (one["follows"], one["means"], one["remedy"]) for code, one in known().items()}
    lines += [f"| `{code}` | {' | '.join(row)} |" for code, row in rows.items()]
    return "\n".join(lines)


def fenced(text: str) -> str:
    return f"```text\n{text}\n```"


def all_help() -> str:
    parts = [
        f"### {typed}\n\n{fenced(help_of(typed, command))}" for typed, command in COMMANDS.items()
    ]
    return "\n\n".join(parts)


#: where the programs beside Python come from, on Linux and on macOS
PROGRAMS = {
    "g++": ("g++", "Xcode's"),
    "glslangValidator": ("glslang-tools", "brew glslang"),
    "spirv-cross": ("spirv-cross", "brew spirv-cross"),
}
BLIND = re.compile(r"^## [^\n]*cannot see[^\n]*\n+(?:- )?(.*?)(?:\n- |\n\n|\Z)", re.DOTALL | re.M)


def facets() -> str:
    """What each facet that is a folder demands, from its suite, its verifiers and its page."""
    verifiers = discover(ROOT / "verifiers").verifiers
    heads = ("facet", "criteria by level", "tools", "programs: Linux / macOS", "cannot see")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for path in sorted((ROOT / "suites").glob("*/*/*.yaml")):
        spec = strict.load(path, suite.SuiteFile)
        judges = [(one.id, verifiers[one.verifier]) for one in spec.criteria]
        seen = {
            one.level: [n for n, each in judges if each.level == one.level] for _, one in judges
        }
        levels = "; ".join(f"{level}: {', '.join(names)}" for level, names in seen.items())
        tools = sorted({tool for _, one in judges for tool in one.packages} - {"markdown-it-py"})
        named = sorted({name for _, one in judges for name in one.executables})
        programs = [PROGRAMS.get(name, (name, name)) for name in named]
        places = " / ".join(", ".join(one[n] for one in programs) or "none" for n in (0, 1))
        page = (path.parent / "README.md").read_text(encoding="utf-8")
        blind = BLIND.search(page)
        unseen = " ".join(blind[1].split()) if blind else "not said"
        link = f"[{spec.facet}]({path.parent.relative_to(ROOT)}/README.md)"
        row = (link, levels, ", ".join(tools) or "none", places, unseen.replace("|", "\\|"))
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def score() -> str:
    built = selfscore.plants()
    named = [selfscore.told(numbers) for numbers in selfscore.missing(built).values()]
    many = len({one.number for one in built})
    of = f"{many} of the" if named else "all"
    lacking = f" Nothing is built yet for {', '.join(named)}." if named else ""
    return (
        f"`harness selfscore --all` plants {of} {selfscore.PLANTED} faults of the method in the"
        " pocket factory, each beside its clean twin, and catches all of them"
        f" (`tests/test_selfscore.py`).{lacking}"
    )


BLOCKS = {
    "score": score(),
    "facets": facets(),
    "exit codes": exit_codes(),
    "pytest options": pytest_options(),
    "commands": fenced(help_of("harness", COMMANDS["harness"])),
    "help": all_help(),
    "faults": faults(),
}


@pytest.mark.parametrize("path", [README, CLI, PREFLIGHT], ids=lambda path: path.name)
def test_the_documentation_is_made_from_the_commands(path):
    text = path.read_text(encoding="utf-8")
    made = MADE.sub(lambda found: f"{found[1]}{BLOCKS[found[2]]}\n{found[3]}", text)
    if os.environ.get("HARNESS_MAKE_DOCS"):
        path.write_text(made, encoding="utf-8")
    elif made != text:
        pytest.fail(f"{path.name} is stale: HARNESS_MAKE_DOCS=1 pytest tests/doors/test_docs.py")


def test_every_block_is_used():
    text = "".join(path.read_text(encoding="utf-8") for path in (CLI, README, PREFLIGHT))
    assert {name for _, name, _ in MADE.findall(text)} == BLOCKS.keys()


def test_every_finding_is_explained():
    """Each code that a fault of the subject is given in the code, rules of training aside; of an
    engine out of sight the markers say ``code, sentence``."""
    said, house = set(), ROOT / "harness"
    for path in [*house.glob("subjects/**/*.py"), *house.glob("gate/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Fault":
                said |= set(_codes(node.args[0]))
    markers = (house / "engines" / "elsewhere" / "markers.py").read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(markers)):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            said |= set(_codes(node.value.elts[0]))
    assert said == known().keys()


def _codes(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):  # base-changed, adapter-changed; tokenizer-, template-drift
        kind = str(getattr(node.values[-1], "value", ""))
        parts = ("base", "adapter") if kind == "-changed" else ("tokenizer", "template")
        return [part + kind for part in parts]
    return []  # the id of a rule


def test_every_option_and_argument_is_documented():
    text = CLI.read_text(encoding="utf-8")
    for typed, command in COMMANDS.items():
        part = text.partition(f"### {typed}\n")[2].partition("\n### ")[0]
        for param in command.params:
            assert isinstance(param, click.Argument) or param.help, f"{typed} {param.name}"
            names = param.opts if isinstance(param, click.Option) else [param.name.upper()]
            assert all(name in part for name in names), f"{typed} {param.name}"
    assert all(f"`{GATE}{name} " in text for name in OPTIONS)


def test_the_readme_names_every_command():
    text = README.read_text(encoding="utf-8")
    assert [name for name in COMMANDS["harness"].commands if f"`harness {name}" not in text] == []
