"""Queries over tree-sitter trees, for verifiers that look for a shape of code and never for a text.

    root = tree(code, "tree_sitter_c_sharp")
    if isinstance(root, Judgement):
        return root                      # it does not parse, or is nested beyond reason
    found(root, "tree_sitter_c_sharp", '((identifier) @name (#eq? @name "velocity"))')["name"]

A predicate binds only inside of the parentheses of its pattern. Outside of them tree-sitter takes
it for a pattern of its own and every node matches without a word: such a query is refused here, and
so is one whose predicate names what its pattern does not capture."""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Collection
from functools import cache

from tree_sitter import Language, Node, Query, QueryCursor

from harness import Judgement, failed

from ._code import errors, parse

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|;[^\n]*|[()\[\]]|@[\w.-]+|#[\w-]+[?!]?')
Match = dict[str, list[Node]]


def tree(code: str, grammar: str, known: Collection[int] = ()) -> Node | Judgement:
    """The root of ``code`` in the package of a grammar; ``syntax``, with line and text of the first
    error, where it does not parse."""
    root = parse(code, grammar)
    if isinstance(root, Judgement):
        return root
    wrong = errors(root, known)
    return failed("syntax", "; ".join(wrong[:3])) if wrong else root


@cache
def language(grammar: str) -> Language:
    """The language of the package of a grammar."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # older ones hand over a bare pointer
        return Language(importlib.import_module(grammar).language())


def matches(node: Node, grammar: str, query: str) -> list[Match]:
    """Every match below and including ``node``, in order: the captured nodes by name.

    Raises ``ValueError`` for a query that is none, or whose predicate binds nothing."""
    return [captured for _, captured in QueryCursor(_query(grammar, query)).matches(node)]


def found(node: Node, grammar: str, query: str) -> Match:
    """The nodes of all matches together by the name of their capture, each once; a name without a
    match has an empty list."""
    compiled = _query(grammar, query)
    names = [compiled.capture_name(n) for n in range(compiled.capture_count)]
    kept: Match = {name: [] for name in names}
    for match in QueryCursor(compiled).matches(node):
        for name, nodes in match[1].items():
            kept[name] += [one for one in nodes if one not in kept[name]]
    return kept


@cache
def _query(grammar: str, text: str) -> Query:
    _bound(text)
    return Query(language(grammar), text)


def _bound(text: str) -> None:
    """Raise ``ValueError`` where a predicate stands outside of a pattern, or names no capture."""
    depth, captures, named = 0, set[str](), set[str]()
    opened, within = "", 0  #: the token before, and the depth of the predicate that is read
    for token in _TOKEN.findall(text):
        if token in "([":
            depth += 1
        elif token in ")]":
            within = 0 if within == depth else within
            depth -= 1
            if depth == 0:
                lost = named - captures
                if lost:
                    raise ValueError(
                        f"query {text!r}: {min(lost)} is captured by no node beside it"
                    )
                captures, named = set(), set()
        elif token.startswith("#"):
            if depth < 2 or opened != "(":
                raise ValueError(f"query {text!r}: {token} stands outside of a pattern")
            within = depth
        elif token.startswith("@"):
            (named if within else captures).add(token)
        opened = token
