"""GDScript for Godot 4, judged on the tree of gdtoolkit's grammar; the engine itself is not run."""

from __future__ import annotations

import lark

from harness import Answer, Case, Judgement, failed, passed, verifier

from ._gdflow import Flow
from ._gdreading import Reading
from ._gdrules import SUBSTANCE, faults, godot3, order
from ._gdscript import Tree, functions, parameters, script, signals, tokens, trees, where, written

PACKAGES = ["gdtoolkit", "lark", "tree-sitter", "markdown-it-py"]


@verifier("pocket_godot.parses", version=3, facet="pocket-godot", packages=PACKAGES, level="parsed")
def parses(_case: Case, answer: Answer) -> Judgement:
    """The answer holds a GDScript class that Godot 4's grammar accepts, without Godot 3
    leftovers."""
    read = script(answer)
    if isinstance(read, Judgement):
        return read
    tree, code = read
    for problem in faults(tree, code):
        return problem
    for problem in godot3(tree):
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
    for problem in order(tree):
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
