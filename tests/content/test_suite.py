"""Suites whose prompts come from a file or from a benchmark that an installed package brings."""

import json

import pytest
import yaml
from auditing import write
from conftest import ROOT

from harness import Case
from harness.content import suite
from harness.errors import WorkspaceError

BENCHMARKS = """\
from harness import Case


def riddles():
    return [Case("one", "What has keys?", {"says": "piano"}), Case("two", "What has hands?")]


def torn():
    raise OSError("the download is torn")


def rows():
    return [{"id": "one"}]
"""
POINTS = "[harness.datasets]\nriddles = acme_benchmarks:riddles\n" + "".join(
    f"{name} = acme_benchmarks:{name}\n" for name in ("torn", "rows", "absent")
)


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load a suite with these prompts, where a package with benchmarks is installed."""
    write(tmp_path / "site" / "acme_benchmarks.py", BENCHMARKS)
    folder = tmp_path / "site" / "acme-1.dist-info"
    write(folder / "METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    write(folder / "entry_points.txt", POINTS)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    path = tmp_path / "suites" / "riddles.yaml"
    spec = {"facet": "r", "role": "facet", "mode": "chat", "max_tokens": 9}
    criteria = [{"id": "a", "verifier": "r.a"}]

    def load(prompts):
        write(path, yaml.safe_dump(spec | {"criteria": criteria, "prompts": prompts}))
        return suite.load(path, path.parent)

    return load


def test_an_installed_package_may_bring_the_prompts_of_a_suite(load):
    assert load("package:riddles").cases == (
        Case("one", "What has keys?", {"says": "piano"}),
        Case("two", "What has hands?"),
    )


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("riddle", "no such benchmark.*known: absent, basics, human-eval, riddles, rows, torn"),
        ("absent", "acme_benchmarks:absent: .*has no attribute"),
        ("torn", "acme_benchmarks:torn: the download is torn"),
        ("rows", "acme_benchmarks:rows returned no list of harness.Case"),
    ],
)
def test_a_benchmark_that_is_not_there_or_broken_is_named_with_what_is_known(load, name, named):
    with pytest.raises(WorkspaceError, match=f"riddles.yaml: key 'prompts': package:{name}: .*"):
        load(f"package:{name}")
    with pytest.raises(WorkspaceError, match=named):
        load(f"package:{name}")


def test_humaneval_comes_as_any_benchmark_does():
    found = suite.load(ROOT / "suites/humaneval/humaneval.yaml", ROOT / "suites")
    assert (len(found.cases), found.cases[9].id) == (164, "HumanEval/9")
    assert dict(found.cases[9].expect) == {"task_id": "HumanEval/9"}


SCHEMA = {
    "type": "object", "additionalProperties": False, "required": ["extends"],
    "properties": {
        "extends": {"type": "string", "description": "the class that the script extends"},
        "calls": {"type": "array", "items": {"type": "object", "required": ["is"]}},
    },
}  # fmt: skip
FAULTS = {
    "a wrong type": (
        {"extends": 3},
        "key 'expect.extends': found int 3; expected by expect.schema",
    ),
    "what it is for": ({"extends": 3}, "(the class that the script extends)"),
    "an unknown key": ({"extends": "Node", "extend": "Node"}, "'extend' was unexpected"),
    "a missing key": ({}, "'extends' is a required property"),
    "a place below": ({"extends": "Node", "calls": [{}]}, "key 'expect.calls.0': found dict {}"),
}


def write_facet(root, expect, schema, dev=None):
    folder = root / "suites" / "games" / "quests"
    spec = {"facet": "quests", "role": "facet", "mode": "chat", "max_tokens": 9,
            "prompts": "prompts.jsonl", "dev": "dev.jsonl",
            "criteria": [{"id": "a", "verifier": "q.a"}]}  # fmt: skip
    write(folder / "quests.yaml", yaml.safe_dump(spec))
    good = json.dumps({"id": "one", "prompt": "p", "expect": {"extends": "Node"}})
    write(
        folder / "prompts.jsonl",
        f"{good}\n{json.dumps({'id': 'two', 'prompt': 'q', 'expect': expect})}\n",
    )
    write(
        folder / "dev.jsonl", json.dumps({"id": "d", "prompt": "d", "expect": dev or expect}) + "\n"
    )
    write(folder / "expect.schema.json", schema if isinstance(schema, str) else json.dumps(schema))
    return folder


def test_a_facet_is_a_folder_and_its_schema_holds_for_every_prompt(tmp_path):
    folder = write_facet(tmp_path, {"extends": "Area2D", "calls": [{"is": 1}]}, SCHEMA)
    found = suite.load(folder / "quests.yaml", tmp_path / "suites")
    assert (found.id, len(found.cases), len(found.dev)) == ("games/quests", 2, 1)
    assert suite.owed(["games"], tmp_path / "suites") == [folder / "quests.yaml"]
    write_facet(tmp_path, {"extends": "Area2D"}, SCHEMA, dev={"extend": "a"})
    with pytest.raises(WorkspaceError, match=r"dev\.jsonl:1: key 'expect'"):
        suite.load(folder / "quests.yaml", tmp_path / "suites")


@pytest.mark.parametrize("kind", FAULTS)
def test_expect_that_its_schema_refuses_names_file_line_and_key(tmp_path, kind):
    expect, said = FAULTS[kind]
    folder = write_facet(tmp_path, expect, SCHEMA, dev={"extends": "Node"})
    with pytest.raises(WorkspaceError) as refused:
        suite.load(folder / "quests.yaml", tmp_path / "suites")
    assert said in str(refused.value)
    assert str(refused.value).startswith(f"{folder / 'prompts.jsonl'}:2: ")


@pytest.mark.parametrize("schema", ["{", '{"type": "objct"}'])
def test_a_schema_that_is_none_is_named(tmp_path, schema):
    folder = write_facet(tmp_path, {"extends": "Node"}, schema)
    with pytest.raises(WorkspaceError, match=r"expect\.schema\.json: n"):
        suite.load(folder / "quests.yaml", tmp_path / "suites")
