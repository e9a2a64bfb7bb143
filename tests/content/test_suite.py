"""Suites whose prompts come from a file or from a benchmark that an installed package brings."""

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
