"""The house stands as docs/architecture.md draws it: rooms that import downwards only."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import ROOT

HARNESS = ROOT / "harness"
MOST_LINES, MOST_MODULES = 300, 12

#: what each room may import of the house, itself aside; a room that is not named may import nothing
ALLOWED = {
    "errors": "",
    "verdict": "",
    "digests": "",
    "files": "errors",
    "languages": "",
    "network": "",
    "cluster": "errors",
    "stats": "",
    "content": "errors digests files",
    "judging": "errors digests files languages network cluster content sandbox",
    "sandbox": "errors",
    "datasets": "errors files content judging sandbox stats",
    "audit": "errors digests files languages content judging sandbox stats",
    "engines": "errors digests files network cluster content",
    "subjects": "errors verdict digests files languages content engines stats judging",
    "evidence": "errors verdict digests files content audit subjects stats",
    "deciding": "errors verdict digests content audit subjects evidence stats",
    "gate": "errors verdict digests files content judging sandbox audit engines subjects evidence"
    " deciding stats pages",
    "selfscore": "errors verdict digests files content judging sandbox datasets audit engines"
    " subjects evidence deciding gate",
    "pages": "errors verdict digests files content audit subjects evidence stats",
    "exchange": "errors digests files content datasets engines evidence",
    "doors": "errors verdict digests files languages content judging sandbox datasets audit engines"
    " subjects evidence deciding gate selfscore pages exchange",
    "__main__": "doors",
}


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted(HARNESS.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(name: str, *, types: bool = True) -> set[str]:
    """The modules of the house that a module imports anywhere, functions included."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    unseen = set() if types else {id(n) for n in _type_checking(tree)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in MODULES else node.module)
    return {one for one in found if one.partition(".")[0] == "harness"} - {name}


def _type_checking(tree: ast.Module) -> list[ast.AST]:
    blocks = [n for n in ast.walk(tree) if isinstance(n, ast.If)]
    named = [n for n in blocks if isinstance(n.test, ast.Name) and n.test.id == "TYPE_CHECKING"]
    return [inner for block in named for inner in ast.walk(block)]


def room(name: str) -> str:
    """``deciding`` of ``harness.deciding.judge``; empty for the package itself."""
    return name.split(".")[1] if "." in name else ""


def forbidden(name: str, imported: set[str]) -> set[str]:
    """The imports that the house does not allow."""
    own = room(name)
    allowed = {own, *ALLOWED.get(own, "").split()}
    return {one for one in imported if room(one) and room(one) not in allowed}


@pytest.mark.parametrize("name", [name for name in MODULES if room(name)])
def test_a_module_imports_only_from_rooms_below_its_own(name):
    assert not forbidden(name, imports(name))


def test_a_forbidden_arrow_is_seen():
    assert forbidden("harness.deciding.judge", {"harness.engines.mlx", "harness.stats.paired"}) == {
        "harness.engines.mlx"
    }
    assert forbidden("harness.stats.paired", {"harness.errors"})
    assert forbidden("harness.gate.session", {"harness.doors.console"})


def test_the_rooms_form_no_circle():
    TopologicalSorter({name: set(below.split()) for name, below in ALLOWED.items()}).prepare()


def test_no_two_modules_import_each_other_in_a_circle():
    packages = {name for name in MODULES if MODULES[name].name == "__init__.py"}
    TopologicalSorter(
        {name: imports(name, types=False) - packages for name in MODULES if name not in packages}
    ).prepare()


def test_what_runs_inside_of_a_sandbox_imports_nothing_but_itself():
    inside = [name for name in MODULES if name.startswith("harness.sandbox.inside.")]
    assert inside
    for name in inside:
        assert all(one.startswith("harness.sandbox.inside") for one in imports(name))


def test_what_decides_loads_neither_engine_nor_judge():
    reached, waiting = set(), ["harness.deciding.judge"]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        below = imports(name, types=False) - reached - {"harness"}  # the surface, for its version
        waiting += [one for one in below if one in MODULES]
    assert not {room(name) for name in reached} & {"engines", "judging", "gate", "doors", "pages"}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_short(name):
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_a_folder_holds_few_modules():
    folders = {path.parent for path in MODULES.values()} - {HARNESS}
    assert all(len(list(folder.glob("*.py"))) <= MOST_MODULES + 1 for folder in folders)


def test_the_picture_names_every_room():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {room(name) for name in MODULES} - {""}
    assert {one: text.count(f"\n| `{one}` |") for one in rooms} == dict.fromkeys(rooms, 1)
    order = [text.index(f"| `{one}") for one in ("errors", "content", "deciding", "gate", "doors")]
    assert all(first < second for first, second in pairwise(order))
