"""Which code runs when: what a message of Unity reaches, and what holds on the way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from tree_sitter import Node

from ._code import text, walk
from ._unity_api import EDGES
from ._unity_scope import Scope, arguments_of, member_of, target_and_name
from ._unity_script import LAMBDAS, Type, modifiers, name_of

LOOPS = ("for_statement", "foreach_statement", "while_statement", "do_statement")


@dataclass(eq=False)
class Reached:
    """A method that is reached, and the calls on the way to it, the last one first."""

    owner: Type
    method: Node
    calls: tuple[Node, ...] = ()


class Flow:
    """Calls between the methods of a script."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.script = scope.script

    def entries(self, names: Collection[str], types: Iterable[Type] = ()) -> list[Reached]:
        """The methods and properties of these names; of ``types`` alone where there are some."""
        return [
            Reached(one, node)
            for one in types or self.script.types
            for node in one.members
            if node.type in ("method_declaration", "property_declaration")
            and name_of(node) in names
        ]

    def reach(self, start: Iterable[Reached], *, far: bool, later: bool) -> list[Reached]:
        """Everything that runs where ``start`` runs. ``far`` follows calls to other types of the
        answer, ``later`` also what is only handed over: handlers, lambdas, factories."""
        found = list(start)
        seen = {one.method.id for one in found}
        for one in found:
            for call, owner, method in self._called(one, far=far, later=later):
                if method.id not in seen:
                    seen.add(method.id)
                    found.append(Reached(owner, method, (call, *one.calls)))
        return found

    def _called(self, one: Reached, *, far: bool, later: bool) -> Iterator[tuple[Node, Type, Node]]:
        for node in body(one.method, later=later):
            target, name = None, ""
            if node.type == "invocation_expression":
                target, name = target_and_name(node.child_by_field_name("function"))
            elif node.type == "identifier" and _value(node) and not _taken_off(node):
                name = text(node) if later or _property(node, one.owner) else ""
            if not name:
                continue
            if target is None:
                holders = self.scope.outer(one.owner)
                holders = [*self._derived(one.owner), *holders] if far else holders
            elif far:
                given = self.scope.type_of(target)
                own = self.script.by_name.get(given)
                loose = later and not given
                holders = self.script.lineage(own) if own else self.script.types if loose else []
                static = self.script.by_name.get(text(target))
                holders = [static] if static else holders
            else:
                holders = []
            for holder in holders:
                for method in holder.methods.get(name, ()):
                    yield node, holder, method
                variable = holder.variables.get(name)
                if variable is not None and variable.node.type == "property_declaration":
                    yield node, holder, variable.node

    def _derived(self, one: Type) -> list[Type]:
        """The types of the answer that derive from this one: what it calls may be overridden."""
        return [t for t in self.script.types if t is not one and one in self.script.lineage(t)]

    def nodes(self, start: Iterable[Reached], *, far: bool, later: bool) -> list[Node]:
        """All nodes that run where ``start`` runs."""
        reached = self.reach(start, far=far, later=later)
        return [node for one in reached for node in body(one.method, later=later)]


def _value(node: Node) -> bool:
    """Whether an identifier stands alone as a value: a method that is handed over, a property."""
    above = node.parent
    if above is None:
        return False
    if above.type == "invocation_expression":
        return False
    fields = [above.field_name_for_child(i) for i, c in enumerate(above.children) if c == node]
    return not fields or fields[0] not in ("name", "type", "returns")


def _taken_off(node: Node) -> bool:
    above = node.parent
    return above is not None and assigned(above)[1] == "-="


def _property(node: Node, owner: Type) -> bool:
    found = owner.variables.get(text(node))
    return found is not None and found.node.type == "property_declaration"


def body(method: Node, *, later: bool) -> Iterator[Node]:
    """The nodes of a method; without ``later`` none of a lambda that is only handed over."""
    waiting = [method]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(
            child
            for child in reversed(node.children)
            if later or child.type not in LAMBDAS or _at_once(child)
        )


def _at_once(node: Node) -> bool:
    """Whether a lambda is an argument of a call that is no registration, as those of LINQ are."""
    above = node.parent
    call = above.parent.parent if above and above.type == "argument" and above.parent else None
    if call is None or call.type != "invocation_expression":
        return False
    name = target_and_name(call.child_by_field_name("function"))[1]
    return not name.startswith(("Add", "Register", "Subscribe", "On", "Set", "Schedule", "Then"))


def conditions(node: Node, top: Node) -> Iterator[Node]:
    """What has to hold for ``node`` to run within ``top``: the conditions around it, and of every
    statement before it on the way that leaves."""
    at = node
    while at != top and at.parent is not None:
        above = at.parent
        if above.type in ("if_statement", "conditional_expression", "while_statement"):
            condition = above.child_by_field_name("condition")
            if condition is not None and condition != at:
                yield condition
        if above.type == "binary_expression" and text(above.child_by_field_name("operator")) in (
            "&&", "||",
        ):  # fmt: skip
            left = above.child_by_field_name("left")
            if left is not None and left != at:
                yield left
        if above.type in ("block", "switch_section"):
            for before in above.named_children:
                if before.start_byte >= at.start_byte:
                    break
                if before.type == "if_statement" and leaves(before):
                    condition = before.child_by_field_name("condition")
                    if condition is not None:
                        yield condition
        at = above


def leaves(statement: Node) -> bool:
    """Whether what an ``if`` guards ends in a return, a throw, a break or a continue."""
    inner = statement.child_by_field_name("consequence")
    if inner is not None and inner.type == "block":
        inner = inner.named_children[-1] if inner.named_children else None
    if inner is None:
        return False
    return inner.type in (
        "return_statement", "throw_statement", "break_statement", "continue_statement",
        "yield_statement",
    )  # fmt: skip


def on_the_way(one: Reached, node: Node) -> Iterator[Node]:
    """All conditions that hold where ``node`` runs in a method that was reached."""
    yield from conditions(node, one.method)
    for call in one.calls:
        top = member_of(call)
        if top is not None:
            yield from conditions(call, top)


def names_in(node: Node) -> set[str]:
    """All identifiers of an expression."""
    return {text(one) for one in walk(node) if one.type == "identifier"}


def edge(condition: Node) -> bool:
    """Whether a condition asks for the moment of a press or a release."""
    return bool(names_in(condition) & EDGES)


def called(node: Node) -> tuple[Node | None, str, list[Node]]:
    """Target, name and arguments of a call; no name for what is none."""
    if node.type != "invocation_expression":
        return None, "", []
    target, name = target_and_name(node.child_by_field_name("function"))
    given = [one.children[-1] for one in arguments_of(node)]
    return target, name, given


def assigned(node: Node) -> tuple[Node | None, str, Node | None]:
    """Left side, operator and right side of an assignment; no operator for what is none."""
    if node.type in ("postfix_unary_expression", "prefix_unary_expression"):
        signs = [text(c) for c in node.children if not c.is_named]
        if signs and signs[0] in ("++", "--"):
            return node.named_children[0], signs[0], None
    if node.type != "assignment_expression":
        return None, "", None
    operator = text(node.child_by_field_name("operator"))
    return node.child_by_field_name("left"), operator, node.child_by_field_name("right")


def iterators(one: Type) -> set[str]:
    """The coroutines of a type by name."""
    return {
        name
        for name, found in one.methods.items()
        for method in found
        if text(method.child_by_field_name("returns")).rpartition(".")[2] == "IEnumerator"
        and not modifiers(method) & {"abstract"}
    }
