"""What every code verifier needs first: the code of an answer, and a syntax tree that is safe to
walk."""

from __future__ import annotations

import importlib
import unicodedata
import warnings
from collections.abc import Collection, Iterator
from functools import cache

from tree_sitter import Language, Node, Parser

from harness import Answer, Judgement, failed
from harness.judging import markdown
from harness.languages import named

MAX_CHARS = 20_000
MAX_DEPTH = 120


def source(answer: Answer, language: str) -> str | Judgement:
    """The code block of ``answer`` in ``language``, or the judgement that there is none worth
    reading."""
    if len(answer.text) > MAX_CHARS:
        return failed("too-long", f"{len(answer.text)} characters, at most {MAX_CHARS} are read")
    code = answer.code(language)
    if code is None or not code.strip():
        return failed("no-code", f"no complete {language} block with code in it")
    hidden = unseen(answer, code)
    if hidden is not None:
        return hidden
    return code


def sources(
    answer: Answer, languages: Collection[str], beside: Collection[str]
) -> list[str] | Judgement:
    """The code of an answer of several files: the blocks of one of ``languages``, else those that
    name none. The judgement that there is none worth reading, as where a block is cut off, or of a
    language that does not stand ``beside`` them."""
    if len(answer.text) > MAX_CHARS:
        return failed("too-long", f"{len(answer.text)} characters, at most {MAX_CHARS} are read")
    blocks = [one for one in markdown.blocks(markdown.spoken(answer.text)) if one.code.strip()]
    tags = {one: named(one.language).name if one.language else "" for one in blocks}
    foreign = [one.language for one in blocks if tags[one] not in {"", *languages, *beside}]
    if foreign or not all(one.closed for one in blocks):
        return failed("no-code", f"a block of {foreign[0]}" if foreign else "a block is cut off")
    tagged = [one.code for one in blocks if tags[one] in languages]
    codes = tagged or [one.code for one in blocks if not tags[one]]
    return next((hidden for code in codes if (hidden := unseen(answer, code))), codes)


def unseen(answer: Answer, code: str) -> Judgement | None:
    """The judgement that a character of ``code`` cannot be seen, if one cannot."""
    for number, line in enumerate(code.split("\n"), 1):
        hidden = [
            c
            for c in line
            if c != "\t" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn")
        ]
        if hidden or "\ufffd" in line:
            shown = ", ".join(f"U+{ord(c):04X}" for c in hidden) or "U+FFFD"
            place = answer.lines(code, number)
            return failed("invisible-character", f"line {number}: {shown}", place)
    return None


@cache
def _parser(grammar: str) -> Parser:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # older grammars hand over a bare pointer
        return Parser(Language(importlib.import_module(grammar).language()))


def parse(code: str, grammar: str) -> Node | Judgement:
    """The root of ``code`` in a tree-sitter ``grammar`` package; fails on nesting no person would
    write.

    The tree may still hold errors: see :func:`errors`."""
    root = _parser(grammar).parse(code.encode()).root_node
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            return failed("too-deep", f"line {line(level[0])}: nested more than {MAX_DEPTH} levels")
        level = [child for node in level for child in node.children]
    return root


def walk(node: Node) -> Iterator[Node]:
    """Every node below and including ``node``, in source order."""
    stack = [node]
    while stack:
        found = stack.pop()
        yield found
        stack.extend(reversed(found.children))


def errors(root: Node, known: Collection[int] = ()) -> list[str]:
    """The syntax errors of a tree, one sentence each; nodes with an id in ``known`` are gaps of the
    grammar."""
    return [
        f"line {line(node)}: "
        + (f"missing {node.type}" if node.is_missing else f"unexpected {text(node)[:40]!r}")
        for node in walk(root)
        if (node.is_missing or node.is_error) and node.id not in known
    ]


def text(node: Node | None) -> str:
    """The source text of ``node``; empty for ``None``."""
    return node.text.decode() if node is not None and node.text is not None else ""


def line(node: Node) -> int:
    """The line of the code block on which ``node`` starts, from 1."""
    return node.start_point.row + 1
