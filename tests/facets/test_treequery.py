"""Queries over trees say where, and a predicate that binds nothing is no query."""

from __future__ import annotations

import importlib
import sys

import pytest
from conftest import ROOT

from harness import Judgement
from harness.judging.discovery import discover

JAVA = "tree_sitter_java"
CODE = "class A { int f(int a) { return g(a); } int g(int b) { return f(b); } }"


@pytest.fixture(scope="module")
def trees():
    discover(ROOT / "verifiers")  # makes the helpers of the workspace importable
    yield importlib.import_module("harness_verifiers._treequery")
    for name in [one for one in sys.modules if one.startswith("harness_verifiers")]:
        del sys.modules[name]


def test_a_predicate_binds_within_its_pattern(trees):
    root = trees.tree(CODE, JAVA)
    query = '(method_invocation name: (identifier) @called (#eq? @called "g"))'
    found = trees.found(root, JAVA, query)["called"]
    assert [(one.text, one.start_point.row) for one in found] == [(b"g", 0)]
    every = trees.found(root, JAVA, "(method_invocation name: (identifier) @called)")
    assert [one.text for one in every["called"]] == [b"g", b"f"]
    assert len(trees.matches(root, JAVA, query)) == 1
    assert trees.found(root, JAVA, "(lambda_expression) @none") == {"none": []}


@pytest.mark.parametrize(
    "query",
    [
        '(method_invocation name: (identifier) @called) (#eq? @called "g")',
        '((identifier) @name) ((identifier) @other (#eq? @name "g"))',
        "(no_such_node) @a",
    ],
)
def test_a_query_that_would_match_everything_is_refused(trees, query):
    with pytest.raises(ValueError, match=r"outside of a pattern|captured by no node|no_such_node"):
        trees.found(trees.tree(CODE, JAVA), JAVA, query)


def test_errors_are_located(trees):
    wrong = trees.tree("class A {\n  int f( { }\n}", JAVA)
    assert isinstance(wrong, Judgement)
    assert (wrong.reason, "line 2" in wrong.evidence) == ("syntax", True)
