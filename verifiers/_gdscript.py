"""GDScript as a tree: parsing with gdtoolkit's grammar, and small questions that several criteria
ask of the tree."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import TypeAlias

import lark

from harness import Answer, Judgement, failed

from ._code import MAX_DEPTH, source

Tree: TypeAlias = "lark.Tree[lark.Token]"
Item: TypeAlias = "Tree | lark.Token"

WORDS = ("NAME", "TYPE_HINT", "NUMBER")
_LOCK = threading.Lock()  # lark keeps the indentation state of a parse on the shared parser


@cache
def _parser() -> lark.Lark:
    # gdtoolkit's own parser object writes pickles into the home folder; the same grammar without
    # that
    import gdtoolkit.parser
    from gdtoolkit.parser.gdscript_indenter import GDScriptIndenter

    grammar = Path(gdtoolkit.parser.__file__).with_name("gdscript.lark")
    return lark.Lark.open(
        str(grammar),
        parser="lalr",
        postlex=GDScriptIndenter(),
        propagate_positions=True,
        maybe_placeholders=False,
        regex=True,
    )


@lru_cache(800)
def _tree(code: str) -> Tree:
    """The tree of a script, which every criterion of the facet asks for; nothing changes it."""
    with _LOCK:
        return _parser().parse(code + "\n")


def script(answer: Answer) -> tuple[Tree, str] | Judgement:
    """The tree and the text of the GDScript block, or the judgement that there is none that
    parses."""
    code = source(answer, "gdscript")
    if isinstance(code, Judgement):
        return code
    try:
        tree = _tree(code)
    except lark.exceptions.UnexpectedInput as error:
        number = getattr(error, "line", None)
        if not isinstance(number, int) or not 0 < number <= len(
            code.split("\n")
        ):  # the end came too early
            return failed("syntax", "the code ends in the middle of a statement")
        shown = code.split("\n")[number - 1].strip()[:80]
        return failed("syntax", f"line {number}: {shown!r}", answer.lines(code, number))
    except (
        lark.exceptions.LarkError,
        AssertionError,
    ) as error:  # a dedent to no known level, an unclosed bracket
        return failed("syntax", str(error).partition("\n")[0][:160])
    for node in walk(tree):
        # the lexer splits 'signalhit' into a keyword and a name
        start = (node.start_pos or 0) if isinstance(node, lark.Token) and node.type in WORDS else 0
        if start and (code[start - 1].isalnum() or code[start - 1] == "_"):
            place = answer.lines(code, int(where(node).split()[-1]))
            return failed("syntax", f"{where(node)}: no blank before {str(node)[:40]!r}", place)
    level: list[Item] = [tree]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            return failed("too-deep", f"nested more than {MAX_DEPTH} levels")
        level = [child for node in level if isinstance(node, lark.Tree) for child in node.children]
    return tree, code


def kind(node: Item) -> str:
    """The grammar rule of a tree or the type of a token."""
    return str(node.data) if isinstance(node, lark.Tree) else node.type


def trees(node: Item, *kinds: str) -> list[Tree]:
    """The direct children of ``node`` that are trees (of these kinds)."""
    children = node.children if isinstance(node, lark.Tree) else []
    return [
        child
        for child in children
        if isinstance(child, lark.Tree) and (not kinds or child.data in kinds)
    ]


def tokens(node: Item) -> list[str]:
    """The direct children of ``node`` that are tokens, as text."""
    children = node.children if isinstance(node, lark.Tree) else []
    return [str(child) for child in children if isinstance(child, lark.Token)]


def walk(node: Item) -> Iterator[Item]:
    """Every tree and token below and including ``node``, in source order."""
    stack = [node]
    while stack:
        found = stack.pop()
        yield found
        if isinstance(found, lark.Tree):
            stack.extend(reversed(found.children))


def where(node: Item) -> str:
    """``line 7`` for the place where ``node`` starts."""
    number = getattr(node.meta, "line", 0) if isinstance(node, lark.Tree) else node.line
    return f"line {number}"


def written(node: Item) -> str:
    """The tokens of ``node`` joined by blanks; punctuation that the tree drops is missing."""
    return " ".join(str(found) for found in walk(node) if isinstance(found, lark.Token))


def inner(node: Item) -> Item:
    """``node`` without the wrappers ``expr`` and ``(...)``."""
    while (
        isinstance(node, lark.Tree)
        and node.data in ("expr", "par_expr")
        and len(node.children) == 1
    ):
        node = node.children[0]
    return node


def self_member(node: Item) -> lark.Token | None:
    """The name in ``self.name``; ``None`` for anything else."""
    if isinstance(node, lark.Tree) and node.data == "getattr" and tokens(node)[:2] == ["self", "."]:
        name = node.children[-1]
        return name if isinstance(name, lark.Token) and len(node.children) == 3 else None
    return None


def string(node: Item) -> str | None:
    """The text of a plain string literal or ``&"name"``; ``None`` for anything else."""
    node = inner(node)
    if isinstance(node, lark.Tree) and node.data == "string_name":
        node = node.children[0]
    if not isinstance(node, lark.Tree) or node.data != "string":
        return None
    quoted = str(node.children[0])
    width = 3 if quoted[:3] in ('"""', "'''") else 1
    return None if "\\" in quoted else quoted[width:-width]


def signals(tree: Tree) -> list[Tree]:
    """The signals the script itself declares (not those of an inner class)."""
    return trees(tree, "signal_stmt")


def parameters(node: Item) -> list[tuple[str, str | None]]:
    """``(name, type)`` of the parameters in a ``signal_args`` or ``func_args`` tree; the type is
    ``None`` if absent."""
    found: list[tuple[str, str | None]] = []
    for argument in trees(node):
        words = tokens(argument)
        if argument.data in ("signal_arg_typed", "func_arg_typed"):
            found.append((words[0], "".join(words[1].split())))
        elif argument.data == "func_arg_inf":
            found.append((words[0], ":="))
        elif argument.data != "trailing_comma":
            found.append(((words or [written(argument)])[0], None))
    return found


def functions(tree: Tree) -> Iterator[tuple[str, Tree, bool]]:
    """``(name, func_def, static)`` of every function of the script itself."""
    for node in trees(tree, "func_def", "static_func_def"):
        static = node.data == "static_func_def"
        definition = trees(node, "func_def")[0] if static else node
        yield tokens(trees(definition, "func_header")[0])[0], definition, static
