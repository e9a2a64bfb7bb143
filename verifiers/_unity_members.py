"""What a compiler knows of the members of an answer's own types, of structs and of literals."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._unity_api import OBJECTS, POOLS
from ._unity_flow import assigned, called
from ._unity_scope import Scope, arguments_of, inherited, last_name, target_and_name
from ._unity_script import LAMBDAS, Script, Type, attributes, modifiers, name_of, plain, where
from ._words import words

#: properties that give a copy, whose parts cannot be assigned
COPIES = words(
    "position localPosition eulerAngles localEulerAngles rotation localRotation localScale velocity"
    " linearVelocity angularVelocity anchoredPosition sizeDelta color"
)
FLOATS = words("Vector2 Vector3 Vector4 Color Quaternion Rect WaitForSeconds")
VISIBLE = words("public internal protected")
OPEN = words("interface_declaration enum_declaration")


def copied(script: Script, scope: Scope) -> Iterator[Judgement]:
    """A part of a copy that is assigned, as in ``transform.position.y = 0f``."""
    for node in (one for root in script.roots for one in walk(root)):
        left, operator, _ = assigned(node)
        holder, part = target_and_name(left) if operator else (None, "")
        if holder is None or part not in ("x", "y", "z", "w", "r", "g", "b", "a"):
            continue
        owner, name = target_and_name(holder)
        if owner is not None and name in COPIES and scope.type_of(owner) not in script.by_name:
            yield failed("copy", where(node, f"{name} is a copy, its {part} cannot be assigned"))


def doubles(script: Script) -> Iterator[Judgement]:
    """A number without f where a float is wanted."""
    for node in (one for root in script.roots for one in walk(root)):
        values = []
        if node.type == "variable_declaration" and text(node.named_children[0]) == "float":
            values = [d.named_children[-1] for d in node.named_children[1:] if d.named_children]
        if node.type == "object_creation_expression" and (
            plain(text(node.child_by_field_name("type"))) in FLOATS
        ):
            values = [a.named_children[-1] for a in arguments_of(node) if a.named_children]
        for value in values:
            inner = value.named_children[0] if value.type == "prefix_unary_expression" else value
            if inner.type == "real_literal" and text(inner)[-1] not in "fF":
                yield failed("double", where(value, f"{text(value)} is a double, not a float"))


def members(script: Script, scope: Scope) -> Iterator[Judgement]:
    """Members of the answer's types that are not there, not visible, or called with too much or too
    little."""
    extended = {
        name for t in script.types if "static" in modifiers(t.nodes[0]) for name in t.methods
    }
    for node in (one for root in script.roots for one in walk(root)):
        if node.type in ("member_access_expression", "conditional_access_expression"):
            target, name = target_and_name(node)
            own = _type(script, scope, target)
            if own is None or name in extended or not name:
                continue
            holders = [t for one in script.lineage(own) for t in (one, *_around(scope, one))]
            from_base = [inherited(script, one) for one in script.lineage(own)]
            job = own.kind == "struct" and bool(own.bases)  # its interface may extend it
            if job or any(names is None for names in from_base):
                continue
            found = [m for one in script.lineage(own) for m in _members(one).get(name, ())]
            known = any(name in names for names in from_base if names is not None)
            if not found and not known and name not in {t.name for t in script.types}:
                yield failed("undeclared", where(node, f"{own.name} has no {name}"))
            here = scope.owner(node)
            inside = here is not None and any(one in holders for one in scope.outer(here))
            hidden = [m for m in found if m.parent and not _visible(m)]
            if found and len(hidden) == len(found) and not inside:
                yield failed("hidden", where(node, f"{own.name}.{name} is private"))
        target, name, _ = called(node)
        if name and not _fits(script, scope, node, target, name):
            yield failed("arguments", where(node, f"{name} takes other arguments"))


def _type(script: Script, scope: Scope, target: Node | None) -> Type | None:
    """The type of the answer that a target is of, or names."""
    if target is None:
        return None
    given = scope.type_of(target)
    static = target.type == "identifier" and scope.find(target, text(target)) is None
    return script.by_name.get(given or (text(target) if static else ""))


def _around(scope: Scope, one: Type) -> list[Type]:
    above = scope.owner(one.nodes[0])
    return [above, *_around(scope, above)] if above is not None else []


def _members(one: Type) -> dict[str, list[Node]]:
    """The members of a type by name: methods, variables, values of an enum, delegates."""
    found: dict[str, list[Node]] = {name: list(nodes) for name, nodes in one.methods.items()}
    for name, variable in one.variables.items():
        found.setdefault(name, []).append(variable.node)
    for node in one.members:
        name = text(node.child_by_field_name("name"))
        if node.type in ("enum_member_declaration", "delegate_declaration"):
            found.setdefault(name, []).append(node)
    return found


def _visible(member: Node) -> bool:
    holder = member.parent.parent if member.parent is not None else None
    open = holder is None or holder.type in OPEN or member.type in (
        "parameter", "enum_member_declaration",
    )  # fmt: skip
    explicit = any(c.type == "explicit_interface_specifier" for c in member.children)
    return open or explicit or bool(modifiers(member) & VISIBLE)


def _fits(script: Script, scope: Scope, node: Node, target: Node | None, name: str) -> bool:
    """Whether a call of a method of the answer has as many arguments as one of that name takes."""
    own = _type(script, scope, target) if target is not None else scope.owner(node)
    if own is None or (target is None and scope.find(node, name) is not None):
        return True
    types = script.lineage(own) if target is not None else scope.outer(own)
    methods = [m for one in types for m in one.methods.get(name, ())]
    from_base = [inherited(script, one) for one in types]
    if not methods or any(names is None or name in names for names in from_base):
        return True
    count = len(arguments_of(node))
    return any(_takes(method, count) for method in methods)


def _takes(method: Node, count: int) -> bool:
    given = method.child_by_field_name("parameters")
    every = [p for p in given.named_children if p.type == "parameter"] if given else []
    if given is None or any(text(c) == "params" for p in (given, *every) for c in p.children):
        return True
    extension = int(bool(every) and any(text(c) == "this" for c in every[0].children))
    optional = [p for p in every if any(c.type == "=" for c in p.children)]
    return len(every) - len(optional) - extension <= count <= len(every)


def unassigned(script: Script) -> Iterator[Judgement]:
    """Private references that are read, and that nobody ever sets."""
    nodes = [n for root in script.roots for n in walk(root)]
    written = {last_name(assigned(n)[0]) for n in nodes if assigned(n)[1]}
    handed = [
        n for n in nodes if n.type == "argument" and {"out", "ref"} & {c.type for c in n.children}
    ]
    written |= {last_name(n.named_children[-1]) for n in handed}
    for one in script.types:
        read = [text(n) for m in one.members for n in walk(m) if n.type == "identifier"]
        for name, variable in one.variables.items():
            kind = variable.type.partition("<")[0]
            own = script.by_name.get(kind)
            object = kind in OBJECTS | POOLS or (own is not None and own.kind == "class")
            shown = modifiers(variable.node) & VISIBLE or attributes(variable.node)
            field = variable.node.type == "field_declaration" and variable.value is None
            if field and object and not shown and name not in written and read.count(name) > 1:
                yield failed("unassigned", where(variable.node, f"nothing ever sets {name}"))


LOOPS = ("while_statement", "for_statement", "do_statement", "foreach_statement")


def returns(script: Script) -> Iterator[Judgement]:
    """Methods that return nothing where they should, or something where they should not."""
    for one in script.types:
        for method in (m for found in one.methods.values() for m in found):
            body = method.child_by_field_name("body")
            if body is None or body.type != "block":
                continue
            own = list(_own(body))
            given = plain(text(method.child_by_field_name("returns")))
            if "await_expression" in {n.type for n in own} and "async" not in modifiers(method):
                yield failed("return", where(method, f"{name_of(method)} awaits and is not async"))
            if any(node.type == "yield_statement" for node in own):
                if not given.startswith(("IEnumer", "IAsyncEnumer")):
                    yield failed("return", where(method, f"a method that yields is no {given}"))
                continue
            nothing = given == "void" or (
                "async" in modifiers(method) and given in ("Task", "ValueTask", "Awaitable")
            )
            valued = [n for n in own if n.type == "return_statement"]
            if (
                given == "IEnumerator"
                and not any(n.named_children for n in valued)
                and not any(n.type == "throw_statement" for n in own)
            ):
                yield failed("no-yield", where(method, f"{name_of(method)} yields nothing"))
            for node in valued:
                if bool(node.named_children) == nothing:
                    yield failed("return", where(node, f"{name_of(method)} returns {given}"))
            if not nothing and _falls(body):
                yield failed("return", where(method, f"{name_of(method)} may end without {given}"))


def _falls(node: Node) -> bool:
    """Whether what runs may come out at the end of a statement."""
    parts = [n for n in node.named_children if n.type != "comment"]
    match node.type:
        case "return_statement" | "throw_statement" | "continue_statement" | "goto_statement":
            return False
        case "break_statement":
            return False  # of its loop or switch, which looks for it
        case "block":
            return all(_falls(n) for n in parts)
        case "if_statement":
            ways = [node.child_by_field_name(name) for name in ("consequence", "alternative")]
            return any(way is None or _falls(way) for way in ways)
        case "while_statement" | "for_statement" | "do_statement":
            asked = node.child_by_field_name("condition")
            endless = text(asked) == "true" or (node.type == "for_statement" and asked is None)
            return not endless or _breaks(node)
        case "switch_statement":
            sections = [n for n in walk(node) if n.type == "switch_section"]
            default = any(n.type == "default" for one in sections for n in one.children)
            return not default or _breaks(node)
        case "try_statement":
            last = [n for one in parts if one.type == "finally_clause" for n in one.named_children]
            blocks = [n for one in parts if one.type == "catch_clause" for n in one.named_children]
            ways = [n for n in (*parts[:1], *blocks) if n.type == "block"]
            return all(_falls(one) for one in last) and any(_falls(one) for one in ways)
        case "using_statement" | "lock_statement" | "fixed_statement" | "checked_statement":
            return _falls(parts[-1])
        case "unsafe_statement":
            return _falls(parts[-1])
    return True


def _breaks(node: Node) -> bool:
    """Whether a loop or a switch is left by a break of its own."""
    waiting = list(node.children)
    while waiting:
        inner = waiting.pop()
        if inner.type == "break_statement":
            return True
        nested = inner.type in (*LOOPS, "switch_statement", *LAMBDAS, "local_function_statement")
        waiting.extend([] if nested else inner.children)
    return False


def _own(body: Node) -> Iterator[Node]:
    """The nodes of a body that are not in a function inside of it."""
    waiting = [body]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(
            c for c in node.children if c.type not in LAMBDAS | {"local_function_statement"}
        )
