"""Names that nothing declares, imports that are missing, and what null safety refuses."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._flutter_api import ALSO, BASES, IMPORTS, KNOWN, MATERIAL, WIDGET_BASES, WIDGETS
from ._flutter_tree import Class, Script
from ._flutter_uses import declares, plain, where
from ._words import words

_IDENTIFIERS = words("identifier type_identifier identifier_dollar_escaped")
_WIDGET = words(
    "key createState toString hashCode runtimeType createElement toStringShort toDiagnosticsNode"
)


def undeclared(script: Script) -> Iterator[Judgement]:
    """Private names that no file declares; where all that is imported and inherited is known, other
    names too."""
    nodes = [n for root in script.roots for n in walk(root) if n.type in _IDENTIFIERS]
    known = {text(n) for n in nodes if declares(n)} | {c.name for c in script.classes}
    known |= {m.name.rpartition(".")[2] for c in script.classes for m in c.members}
    known |= {text(n) for n in nodes if n.parent and n.parent.type in ("label", "type_alias")}
    for node in nodes:
        name = text(node)
        if name.startswith("_") and name.strip("_") and name not in known:
            yield failed("undeclared", where(node, f"{name} is declared nowhere"))
        lower = node.type == "type_identifier" and name[:1].islower()
        if lower and name not in known | KNOWN:
            yield failed("undeclared", where(node, f"{name} is no type"))
    closed = all(
        one.startswith("dart:") or one.startswith("package:flutter/") for one in script.imports
    )
    bases = {base.partition("<")[0] for c in script.classes for base in c.bases}
    extended = any(c.kind == "extension" for c in script.classes)
    if not closed or extended or bases - BASES - set(script.by_name):
        return
    for use in script.uses:
        begins = use.name == use.root and not use.on and use.name[:1].islower()
        if begins and use.name not in known | KNOWN:
            yield failed("undeclared", where(use.node, f"{use.name} is declared nowhere"))


def unknown_members(script: Script) -> Iterator[Judgement]:
    """``widget.name`` and arguments of the answer's own constructors that do not exist."""
    for one in script.classes:
        widget = script.by_name.get(_of_state(one))
        if widget and not [b for b in widget.bases if b.partition("<")[0] not in BASES]:
            names = {m.name for m in widget.members} | _WIDGET
            for use in one.uses:
                if use.on == "widget" and use.root == "widget" and use.name not in names:
                    yield failed("undeclared", where(use.node, f"{widget.name} has no {use.name}"))
            yield from _bare(script, one, widget)
    for use in script.uses:
        made = script.by_name.get(use.name)
        if made and use.args is not None and made.kind == "class" and use.on == "":
            yield from _arguments(made, use.args)


def _bare(script: Script, state: Class, widget: Class) -> Iterator[Judgement]:
    """Fields of the widget that its State names as if they were its own: no other class and no
    parameter of the answer has that name."""
    nodes = [n for root in script.roots for n in walk(root) if n.type in _IDENTIFIERS]
    own = {n.id for n in walk(widget.node)}
    declared = {text(n) for n in nodes if declares(n) and n.id not in own}
    for use in state.uses:
        begins = use.name == use.root and not use.on
        if begins and use.name in set(widget.fields) - declared:
            yield failed("undeclared", where(use.node, f"{use.name} is widget.{use.name} here"))


def _of_state(one: Class) -> str:
    base = next(iter(one.heritage["extends"]), "")
    return base.partition("<")[2].rstrip(">") if one.is_state else ""


def _arguments(made: Class, args: Node) -> Iterator[Judgement]:
    """The arguments of a call against the constructor of a class."""
    constructor = made.methods.get(made.name)
    parameters = (
        [n for n in walk(constructor.node) if n.type == "formal_parameter"] if constructor else []
    )
    named = {_parameter(n): n for n in parameters if _optional(n) == "{"}
    placed = [n for n in parameters if _optional(n) == ""]
    given = [
        text(n.named_children[0]).rstrip(": ")
        for n in args.named_children
        if n.type == "named_argument"
    ]
    count = sum(n.type == "argument" for n in args.named_children)
    for name in given:
        if name not in named:
            yield failed("argument", where(args, f"{made.name} has no parameter {name}"))
    for name, node in named.items():
        if _required(node) and name not in given:
            yield failed("argument", where(args, f"{made.name} needs {name}"))
    most = len(placed) + sum(_optional(n) == "[" for n in parameters)
    if not len(placed) <= count <= most:
        yield failed(
            "argument", where(args, f"{made.name} takes {len(placed)} places, not {count}")
        )


def _parameter(node: Node) -> str:
    names = [text(n) for n in walk(node) if n.type == "identifier"]
    return names[-1] if names else ""


def _optional(node: Node) -> str:
    above = node.parent
    return (
        text(above)[:1] if above is not None and above.type == "optional_formal_parameters" else ""
    )


def _required(node: Node) -> bool:
    before = node.prev_sibling
    return any(n.type == "required" for n in walk(node)) or (
        before is not None and text(before) == "required"
    )


def imports(script: Script) -> Iterator[Judgement]:
    """What needs an import has it."""
    have = set(script.imports)
    own = set(script.by_name)
    names = {text(n): n for root in script.roots for n in walk(root) if n.type in _IDENTIFIERS}
    bases = {base.partition("<")[0]: c.node for c in script.classes for base in c.bases}
    used = [bases[b] for b in bases if b in WIDGET_BASES and b not in own]
    others = [
        one for one in have if one.startswith("package:") and not one.startswith("package:flutter/")
    ]
    if used and not have & set(WIDGETS) and not others:
        yield failed("import", where(used[0], f"no import of {WIDGETS[0]}"))
    if have & set(WIDGETS) and WIDGETS[0] not in have and not others:
        for name in sorted(names.keys() & MATERIAL - own):
            yield failed("import", where(names[name], f"{name} needs {WIDGETS[0]}"))
    for wanted, all_names in IMPORTS.items():
        brought = {wanted, *ALSO.get(wanted, ())}
        for name in sorted(names.keys() & all_names - own):
            if not have & brought and not others and not declares(names[name]):
                yield failed("import", where(names[name], f"{name} needs {wanted}"))


def null_safety(script: Script) -> Iterator[Judgement]:
    """Parameters and fields that may be null although their type may not."""
    for root in script.roots:
        for node in walk(root):
            if node.type == "formal_parameter" and _optional(node):
                after = node.next_sibling
                default = after is not None and text(after) in ("=", ":")
                typed = any(c.type in ("type_identifier", "function_type") for c in node.children)
                if "dynamic" in text(node):
                    continue
                if typed and not _nullable(node) and not default and not _required(node):
                    yield failed(
                        "null-safety", where(node, f"{text(node)} is null where it is left out")
                    )
    for one in script.classes:
        if one.kind == "class":
            yield from _fields(one)


def _nullable(node: Node) -> bool:
    """Whether a declaration's type says that it may be null."""
    kept = [node, *(c for c in node.children if c.type in ("function_type", "record_type"))]
    return any(c.type == "nullable_type" for each in kept for c in each.children)


def _fields(one: Class) -> Iterator[Judgement]:
    """Fields without a value that no constructor gives one; parameters that give null to them."""
    constructors = [m for m in one.members if m.kind == "constructor"]
    given = [
        n
        for m in constructors
        for n in walk(m.node)
        if n.type in ("constructor_param", "field_initializer")
    ]
    set_ = {text(next(c for c in n.named_children if c.type == "identifier")) for n in given}
    for name, field in one.fields.items():
        above = field.node.parent.parent if field.node.parent else None
        words_ = {c.type for c in above.children} if above is not None else set()
        nullable = above is None or _nullable(above) or field.type in ("", "dynamic")
        free = words_ & {"late", "static", "external", "abstract", "inferred_type"}
        if len(field.node.named_children) == 1 and not nullable and not free and name not in set_:
            yield failed("null-safety", where(field.node, f"{name} is never given a value"))
        for node in given:
            holder = node.parent if node.type == "constructor_param" else None
            if holder is None or name != _parameter(holder) or nullable or not _optional(holder):
                continue
            after = holder.next_sibling
            default = after is not None and text(after) in ("=", ":")
            if not default and not _required(holder) and plain(field.type) not in ("", "dynamic"):
                yield failed("null-safety", where(node, f"{name} is null where it is left out"))
