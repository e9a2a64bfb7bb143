"""What the grammar of gdtoolkit takes and Godot 4 does not, by looking at one script alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest

import lark

from harness import Judgement, failed

from ._gdscript import Tree, functions, inner, kind, parameters, string, tokens, trees, walk, where
from ._words import words

SUBSTANCE = words(
    "signal_stmt func_def static_func_def class_var_stmt static_class_var_stmt const_stmt class_def"
)
HEADS = words("extends_stmt classname_stmt classname_extends_stmt")
BLOCKS = words(
    "func_def if_branch elif_branch else_branch while_stmt for_stmt for_stmt_typed match_branch"
)
LINES = ("_stmt", "_branch", "_def")  # what begins a line of its own
HEADERS = {"expr", "func_header", "pattern"}
RESERVED = words(
    "if elif else for while match when break continue pass return class class_name extends is in as"
    " self signal",
    "func static const enum var breakpoint preload await yield assert void and or not true false"
    " null super",
    "namespace trait",
) - {"match", "when", "self"}  # the last three are legal as a name somewhere
ANNOTATIONS = words(
    "tool icon static_unload rpc abstract warning_ignore warning_ignore_start"
    " warning_ignore_restore"
)
# Godot 3 calls that Godot 4 renamed or dropped
REMOVED = words(
    "yield deg2rad rad2deg rand_range stepify linear2db db2linear funcref parse_json to_json"
    " var2str str2var",
    "var2bytes bytes2var dectime range_lerp",
)
REMOVED_TYPES = words(
    "KinematicBody KinematicBody2D Spatial Reference File Directory Position2D Position3D"
    " PoolStringArray",
    "PoolIntArray PoolRealArray PoolVector2Array PoolVector3Array PoolColorArray PoolByteArray",
)


def faults(tree: Tree, code: str) -> Iterator[Judgement]:
    """Everything for which Godot 4 would not take the script, but for what it no longer has."""
    for check in (names, types, placed_annotations, blocks, duplicates, order, jumps):
        yield from check(tree)
    yield from indentation(tree, code)


def names(tree: Tree) -> Iterator[Judgement]:
    """The grammar takes reserved words where only a name can stand."""
    for node in walk(tree):
        if isinstance(node, lark.Tree) and node.data in (
            "signal_stmt", "func_header", "class_var_empty", "class_var_assigned",
            "class_var_typed", "class_var_inf",
            "class_var_typed_assgnd", "func_var_empty", "func_var_assigned", "func_var_typed",
            "func_var_inf",
            "func_var_typed_assgnd", "func_arg_typed", "func_arg_regular", "func_arg_inf",
            "signal_arg_typed",
            "signal_arg_regular", "class_def", "classname_stmt", "for_stmt", "const_assigned",
            "const_inf",
            "const_typed_assigned",
        ):  # fmt: skip
            for word in [child for child in node.children if isinstance(child, lark.Token)][:1]:
                if word in RESERVED:
                    yield failed("reserved-word", f"line {word.line}: {word} cannot be a name")


def types(tree: Tree) -> Iterator[Judgement]:
    """The built-in types in small letters are int, float, bool and void; string and double are
    other languages."""
    for node in walk(tree):
        if isinstance(node, lark.Token) and node.type == "TYPE_HINT":
            for word in re.findall(r"\w+", node):
                if word[0].islower() and word not in ("int", "float", "bool", "void"):
                    yield failed("unknown-type", f"line {node.line}: {word} is no type of GDScript")


def placed_annotations(tree: Tree) -> Iterator[Judgement]:
    """Annotations stand where Godot 4 takes them: on variables, above ``extends`` and the class,
    warnings anywhere."""
    below = False
    for node, following in zip_longest(tree.children, tree.children[1:]):
        if not isinstance(node, lark.Tree) or node.data != "annotation":
            below = below or kind(node) in SUBSTANCE | HEADS
            continue
        name, target = tokens(node)[0], kind(following) if following is not None else ""
        on_variable = name.startswith("export") or name == "onready"
        late = name in ("tool", "icon", "static_unload") and below
        if late or (
            on_variable and target not in ("class_var_stmt", "annotation") and "_" not in name
        ):
            yield failed("annotation", f"{where(node)}: @{name} cannot stand here")
        if not on_variable and name not in ANNOTATIONS:
            yield failed("annotation", f"{where(node)}: there is no @{name}")
    inside = (
        node for member in trees(tree) for node in walk(member) if member.data.endswith("func_def")
    )
    for node in inside:
        if kind(node) == "annotation" and not tokens(node)[0].startswith("warning_ignore"):
            yield failed(
                "annotation", f"{where(node)}: @{tokens(node)[0]} cannot stand in a function"
            )


def blocks(tree: Tree) -> Iterator[Judgement]:
    """The grammar takes a block without a statement; Godot does not."""
    for node in walk(tree):
        if isinstance(node, lark.Tree) and node.data in BLOCKS:
            body = [
                child
                for child in trees(node)
                if child.data not in HEADERS and child.data != "annotation"
            ]
            if not body:
                yield failed("empty-block", f"{where(node)}: a block without a statement")


def duplicates(tree: Tree) -> Iterator[Judgement]:
    """No two members of the script share a name, no two parameters of a function, and no two
    variables of a block.
    """
    members = [_member(node) for node in trees(tree, *SUBSTANCE)]
    for position, (name, member) in enumerate(members):
        if name in [earlier for earlier, _ in members[:position]]:
            yield failed("duplicate", f"{where(member)}: {name} is declared twice")
    for node in walk(tree):
        if isinstance(node, lark.Tree) and node.data in ("func_args", "signal_args"):
            given = [name for name, _ in parameters(node)]
            if len(given) != len(set(given)):
                yield failed("duplicate", f"{where(node)}: two parameters share a name")
        if isinstance(node, lark.Tree) and node.data in BLOCKS:
            local = [_member(one)[0] for one in trees(node, "func_var_stmt")]
            if len(local) != len(set(local)):
                yield failed("duplicate", f"{where(node)}: two variables of a block share a name")


def _member(node: Tree) -> tuple[str, Tree]:
    """The name that a member of the script declares, and its tree."""
    inside = node
    while inside.data not in ("signal_stmt", "class_def", "func_header") and not tokens(inside):
        inside = trees(inside)[0]
    return tokens(inside)[0], node


def order(tree: Tree) -> Iterator[Judgement]:
    """``extends`` and ``class_name`` stand before everything else, each at most once."""
    body = False
    for node in trees(tree):
        if node.data in HEADS:
            if body:
                yield failed(
                    "order",
                    f"{where(node)}: {node.data.removesuffix('_stmt')} below the class body",
                )
        elif node.data not in ("annotation", "docstr_stmt", "string"):
            body = True


def jumps(tree: Tree) -> Iterator[Judgement]:
    """``break`` and ``continue`` stand in loops; a ``void`` function returns nothing."""
    stack: list[tuple[Tree, bool, bool]] = [(tree, False, False)]
    while stack:
        node, loop, void = stack.pop()
        if node.data in ("break_stmt", "continue_stmt") and not loop:
            yield failed(
                "jump", f"{where(node)}: {node.data.removesuffix('_stmt')} outside of a loop"
            )
        if node.data == "return_stmt" and node.children and void:
            yield failed("jump", f"{where(node)}: a void function returns a value")
        loop = loop or node.data in ("while_stmt", "for_stmt", "for_stmt_typed")
        if node.data in ("func_def", "lambda"):
            header = node.children[0]
            loop, void = False, bool(tokens(header)) and tokens(header)[-1] == "void"
        stack.extend((child, loop, void) for child in reversed(trees(node)))


def godot3(tree: Tree) -> Iterator[Judgement]:
    """Calls and types that Godot 4 no longer has."""
    own = {name for name, _, _ in functions(tree)}
    for node in walk(tree):
        if isinstance(node, lark.Token):
            if node in REMOVED_TYPES and node.type in ("NAME", "TYPE_HINT"):
                yield failed("godot-3", f"line {node.line}: {node} is a Godot 3 class")
            continue
        if node.data not in ("standalone_call", "getattr_call"):
            continue
        called = tokens(node)[0] if node.data == "standalone_call" else tokens(node.children[0])[-1]
        arguments = [child for child in node.children[1:] if kind(child) != "trailing_comma"]
        if called in REMOVED - own and node.data == "standalone_call":
            yield failed("godot-3", f"{where(node)}: {called}() is gone in Godot 4")
        if called == "instance" and not arguments and called not in own:
            yield failed("godot-3", f"{where(node)}: instance() is instantiate() in Godot 4")
        method = len(arguments) >= 3 and string(arguments[2]) is not None
        target = len(arguments) >= 2 and str(inner(arguments[1])) == "self"
        if called in ("connect", "disconnect", "is_connected") and (method or target):
            yield failed("godot-3", f"{where(node)}: {called} takes a Callable in Godot 4")


def indentation(tree: Tree, code: str) -> Iterator[Judgement]:
    """One file is indented with tabs or with blanks; Godot refuses both in one file, the grammar
    does not."""
    lines = code.split("\n")
    first = ""
    starts = {
        node.meta.line
        for node in walk(tree)
        if isinstance(node, lark.Tree) and node.data.endswith(LINES)
    }
    for number in sorted(starts):
        text = lines[number - 1]
        space = text[: len(text) - len(text.lstrip(" \t"))]
        first = first or space[:1]
        if set(space) - {first}:
            yield failed(
                "mixed-indentation", f"line {number}: tabs and blanks both indent this script"
            )
