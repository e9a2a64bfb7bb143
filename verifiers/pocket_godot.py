"""GDScript for Godot 4, judged on the tree of gdtoolkit's grammar; the engine itself is not run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest

import lark

from harness import Answer, Case, Judgement, failed, passed, verifier

from ._gdflow import Flow
from ._gdreading import Reading
from ._gdscript import (
    Tree,
    functions,
    inner,
    kind,
    parameters,
    script,
    signals,
    string,
    tokens,
    trees,
    walk,
    where,
    written,
)
from ._words import words

PACKAGES = ["gdtoolkit", "lark", "tree-sitter", "markdown-it-py"]
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


@verifier("pocket_godot.parses", version=3, facet="pocket-godot", packages=PACKAGES, level="parsed")
def parses(_case: Case, answer: Answer) -> Judgement:
    """The answer holds a GDScript class that Godot 4's grammar accepts, without Godot 3
    leftovers."""
    read = script(answer)
    if isinstance(read, Judgement):
        return read
    tree, code = read
    for check in (_names, _types, _annotations, _blocks, _duplicates, _order, _jumps, _godot3):
        for problem in check(tree):
            return problem
    for problem in _indentation(tree, code):
        return problem
    found = sum(child.data in SUBSTANCE for child in trees(tree))
    if not found:
        return failed("nothing-declared", "the script declares no signal, function or variable")
    return passed(f"{found} declarations on {len(code.splitlines())} lines")


@verifier(
    "pocket_godot.extends", version=1, facet="pocket-godot", packages=PACKAGES, level="parsed"
)
def extends(case: Case, answer: Answer) -> Judgement:
    """The script extends the class the case asks for."""
    read = script(answer)
    if isinstance(read, Judgement):
        return read
    tree, _ = read
    for problem in _order(tree):
        return problem
    found = trees(tree, "extends_stmt", "classname_extends_stmt")
    if len(found) != 1:
        return failed(
            "no-extends" if not found else "two-extends",
            f"{len(found)} extends statements, expected one",
        )
    words = written(found[0]).removeprefix("class_name").split()
    bases = words[words.index("extends") + 1 :] if "extends" in words else words
    if bases != [case.expect["extends"]]:
        return failed(
            "wrong-base",
            f"{where(found[0])}: extends {'.'.join(bases)}, expected {case.expect['extends']}",
        )
    return passed(f"{where(found[0])}: extends {bases[0]}")


@verifier(
    "pocket_godot.signal_typed", version=1, facet="pocket-godot", packages=PACKAGES, level="parsed"
)
def signal_typed(case: Case, answer: Answer) -> Judgement:
    """The script declares exactly the signal asked for, every parameter with the name and the type
    asked for."""
    read = script(answer)
    if isinstance(read, Judgement):
        return read
    declared = signals(read[0])
    wanted = [(one["name"], one["type"]) for one in case.expect["parameters"]]
    names = [tokens(node)[0] for node in declared]
    if names != [case.expect["signal"]]:
        return failed(
            "wrong-signal",
            f"declares {names or 'no signal'}, expected only {case.expect['signal']}",
        )
    found = [one for arguments in trees(declared[0]) for one in parameters(arguments)]
    if found != wanted:
        reason = "untyped" if any(kind is None for _, kind in found) else "wrong-parameters"
        return failed(
            reason, f"{where(declared[0])}: ({_shown(found)}), expected ({_shown(wanted)})"
        )
    return passed(f"{where(declared[0])}: {names[0]}({_shown(found)})")


@verifier(
    "pocket_godot.signal_emitted",
    version=1,
    facet="pocket-godot",
    packages=PACKAGES,
    level="parsed",
)
def signal_emitted(case: Case, answer: Answer) -> Judgement:
    """The function asked for emits the signal, on a path that can run, with its parameters in their
    order."""
    read = script(answer)
    if isinstance(read, Judgement):
        return read
    tree, _ = read
    name, signal = case.expect["function"], case.expect["signal"]
    declared = [node for node in signals(tree) if tokens(node)[0] == signal]
    if len(declared) != 1:
        return failed(
            "no-signal", f"{len(declared)} declarations of the signal {signal}, expected one"
        )
    found = [(node, static) for other, node, static in functions(tree) if other == name]
    if len(found) != 1:
        return failed("no-function", f"{len(found)} functions {name}, expected one")
    function, static = found[0]
    wrong = _header_fault(function, static)
    if wrong is not None:
        return wrong
    wanted = [(one["name"], one["type"]) for one in case.expect["parameters"]]
    flow = Flow(Reading(tree, function, signal, wanted))
    return flow.fault() or passed(
        f"{where(flow.emissions[0])}: {name}() emits {signal}({_shown(wanted)})"
    )


def _shown(found: list[tuple[str, str | None]] | list[tuple[str, str]]) -> str:
    return ", ".join(f"{name}: {kind}" if kind else name for name, kind in found)


def _header_fault(function: Tree, static: bool) -> Judgement | None:
    header = trees(function, "func_header")[0]
    if static:
        return failed("static", f"{where(function)}: a static function has no signal to emit")
    for argument in trees(header, "func_args"):
        for name, given in parameters(argument):
            if given is None:
                return failed("untyped", f"{where(header)}: the parameter {name} has no type")
    returns = [
        str(child)
        for child in header.children
        if isinstance(child, lark.Token) and child.type == "TYPE_HINT"
    ]
    if returns not in ([], ["void"]):
        return failed("returns", f"{where(header)}: returns {returns[0]}, expected void")
    return None


def _names(tree: Tree) -> Iterator[Judgement]:
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


def _types(tree: Tree) -> Iterator[Judgement]:
    """The built-in types in small letters are int, float, bool and void; string and double are
    other languages."""
    for node in walk(tree):
        if isinstance(node, lark.Token) and node.type == "TYPE_HINT":
            for word in re.findall(r"\w+", node):
                if word[0].islower() and word not in ("int", "float", "bool", "void"):
                    yield failed("unknown-type", f"line {node.line}: {word} is no type of GDScript")


def _annotations(tree: Tree) -> Iterator[Judgement]:
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


def _blocks(tree: Tree) -> Iterator[Judgement]:
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


def _duplicates(tree: Tree) -> Iterator[Judgement]:
    """No two members of the script share a name, no two parameters of a function, and no two
    variables of a block.
    """
    names = [_member(node) for node in trees(tree, *SUBSTANCE)]
    for position, (name, member) in enumerate(names):
        if name in [earlier for earlier, _ in names[:position]]:
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


def _order(tree: Tree) -> Iterator[Judgement]:
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


def _jumps(tree: Tree) -> Iterator[Judgement]:
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


def _godot3(tree: Tree) -> Iterator[Judgement]:
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


def _indentation(tree: Tree, code: str) -> Iterator[Judgement]:
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
