"""A whole GDScript as its members and what its functions do, for the facet godot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import lark

from ._gdscript import Item, Tree, functions, inner, kind, parameters, string, tokens, trees, walk

ASSIGNED = ("class_var_typed_assgnd", "class_var_assigned", "class_var_inf")
PER_FRAME = ("_process", "_physics_process")
PHYSICS = "_physics_process"


@dataclass(frozen=True)
class Variable:
    """A variable of the script: ``kind`` is its written type, ``:=`` where it is inferred, empty
    without one."""

    name: str
    kind: str
    marks: tuple[str, ...]
    node: Tree


@dataclass(frozen=True)
class Function:
    """A function of the script; ``returns`` is its written type, empty without one."""

    name: str
    parameters: tuple[tuple[str, str], ...]
    returns: str
    static: bool
    node: Tree


@dataclass
class Script:
    """The members of one script; an inner class is not looked into, its functions are."""

    tree: Tree
    functions: dict[str, Function] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    signals: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    accessors: dict[str, Tree] = field(default_factory=dict)  #: what runs where one is set or read

    def __post_init__(self) -> None:
        for name, node, static in functions(self.tree):
            header = trees(node, "func_header")[0]
            hints = [one for one in header.children if kind(one) == "TYPE_HINT"]
            found = [pair for one in trees(header, "func_args") for pair in parameters(one)]
            given = tuple((name, _kind(hint)) for name, hint in found)
            self.functions[name] = Function(
                name, given, _plain(str(hints[0])) if hints else "", static, node
            )
        marks: list[str] = []
        for node in trees(self.tree):
            if node.data == "annotation":
                marks.append(tokens(node)[0])
            elif node.data in ("class_var_stmt", "static_class_var_stmt"):
                self._variable(node, tuple(marks))
                marks = []
            elif node.data == "property_body_def":  # of the variable before it
                self.accessors[[*self.variables][-1]] = node
            elif node.data == "signal_stmt":
                found = [pair for one in trees(node) for pair in parameters(one)]
                self.signals[tokens(node)[0]] = tuple((n, _kind(hint)) for n, hint in found)
            else:
                marks = []

    def _variable(self, node: Tree, marks: tuple[str, ...]) -> None:
        inside = node
        while not inside.data.startswith("class_var_") or inside.data == "class_var_stmt":
            inside = trees(inside)[0]
        written = tokens(inside)
        hint = (
            ":=" if inside.data.endswith("_inf") else written[1] if "typed" in inside.data else ""
        )
        self.variables[written[0]] = Variable(written[0], _plain(hint), marks, node)
        if any(kind(one).startswith("property_delegate_") for one in walk(node)):
            self.accessors[written[0]] = node

    @property
    def base(self) -> str:
        """What it extends, as written; ``RefCounted`` where it says nothing."""
        for node in trees(self.tree, "extends_stmt", "classname_extends_stmt"):
            said = tokens(node)
            return said[-1].strip("\"'")
        return "RefCounted"

    @property
    def class_name(self) -> str:
        """The name that the project knows it by, or none."""
        found = trees(self.tree, "classname_stmt", "classname_extends_stmt")
        return tokens(found[0])[0] if found else ""

    @property
    def constants(self) -> dict[str, Tree]:
        """Constants and enums by name, with the elements of enums."""
        named: dict[str, Tree] = {}
        for node in trees(self.tree, "const_stmt", "enum_stmt"):
            for one in walk(node):
                if isinstance(one, lark.Tree) and tokens(one):
                    named.setdefault(tokens(one)[0], node)
        return named

    @cached_property
    def reached(self) -> dict[str, frozenset[str]]:
        """By function or accessor its own name and those that it calls, hands on, sets or reads,
        and so on."""
        bodies = self.bodies
        named = {
            name: {str(one) for one in walk(node) if isinstance(one, lark.Token)} & set(bodies)
            for name, node in bodies.items()
        }
        found = {}
        for name in named:
            seen, waiting = {name}, [name]
            while waiting:
                fresh = named[waiting.pop()] - seen
                seen |= fresh
                waiting += fresh
            found[name] = frozenset(seen)
        return found

    @property
    def bodies(self) -> dict[str, Tree]:
        """What runs, by the name of its function or of the variable that it belongs to."""
        return {name: one.node for name, one in self.functions.items()} | self.accessors

    def places(self, within: str | None = None) -> list[Tree]:
        """The trees to look in: all of the script, or what runs where the function ``within`` does;
        ``_ready`` stands for what runs once, ``_init`` among it."""
        if within is None:
            return [self.tree]
        return [self.bodies[name] for name in sorted(self.reached.get(within, ()))]


def _kind(hint: str | None) -> str:
    return _plain(hint or "")


def _plain(hint: str) -> str:
    return "".join(hint.split())


@dataclass(frozen=True)
class Call:
    """A call: the names before it, its own last, and its arguments."""

    chain: tuple[str, ...]
    arguments: tuple[Item, ...]
    node: Tree

    @property
    def name(self) -> str:
        """What is called."""
        return self.chain[-1]


def calls(place: Item) -> Iterator[Call]:
    """Every call below ``place``, in source order."""
    for node in walk(place):
        if not isinstance(node, lark.Tree):
            continue
        given = tuple(one for one in node.children[1:] if kind(one) != "trailing_comma")
        if node.data == "standalone_call":
            yield Call((tokens(node)[0],), given, node)
        elif node.data == "getattr_call" and isinstance(node.children[0], lark.Tree):
            yield Call(chain(node.children[0]), given, node)


def chain(node: Item) -> tuple[str, ...]:
    """The names of ``a.b.c``; what is no name before them counts as ``()``, ``self`` as nothing."""
    if isinstance(node, lark.Token):
        return (str(node),) if node.type == "NAME" else ()
    if node.data != "getattr":
        return ("()",)
    names: list[str] = []
    for child in node.children:
        if isinstance(child, lark.Tree):
            names += chain(child)
        elif str(child) not in (".", "self"):
            names.append(str(child))
    return tuple(names)


@dataclass(frozen=True)
class Assignment:
    """``a.b += value``: the names on the left, the sign, the value."""

    chain: tuple[str, ...]
    sign: str
    value: Item
    node: Tree


def assignments(place: Item) -> Iterator[Assignment]:
    """Every assignment below ``place`` to a name or an attribute, in source order."""
    for node in walk(place):
        if isinstance(node, lark.Tree) and node.data == "assnmnt_expr" and len(node.children) == 3:
            target, sign, value = node.children
            if isinstance(target, lark.Tree) and target.data == "subscr_expr":
                target = target.children[0]
            yield Assignment(chain(target), str(sign), value, node)


def connections(place: Item) -> Iterator[tuple[str, Call]]:
    """The names of signals that are connected below ``place``: ``x.hit.connect(f)``,
    ``x.connect("hit", f)``."""
    for call in calls(place):
        if call.name != "connect" or not call.arguments:
            continue
        named = string(call.arguments[0])
        if named is not None:
            if len(call.arguments) > 1:
                yield named, call
        elif len(call.chain) > 1:
            yield call.chain[-2], call


def emissions(place: Item) -> Iterator[tuple[str, Call]]:
    """The names of signals that are emitted below ``place``."""
    for call in calls(place):
        if call.name == "emit" and len(call.chain) > 1:
            yield call.chain[-2], call
        elif call.name == "emit_signal" and call.arguments:
            yield string(call.arguments[0]) or "", call


def names(place: Item) -> set[str]:
    """Every word below ``place``, paths of nodes and keywords among them."""
    return {word for one in walk(place) if isinstance(one, lark.Token) for word in _words(str(one))}


def _words(text: str) -> list[str]:
    return [text] if text.isidentifier() else text.replace("/", " ").split()


def factors(value: Item) -> list[Item]:
    """The factors of a product, of each where a condition chooses; the value itself where it is
    none."""
    value = inner(value)
    if isinstance(value, lark.Tree) and value.data == "test_expr":
        chosen = value.children[0], value.children[-1]
        return [factor for one in chosen for factor in factors(one)]
    if isinstance(value, lark.Tree) and value.data in ("mdr_expr", "asless_mdr_expr"):
        parts = [one for one in value.children if str(one) not in ("*", "/", "%")]
        return [factor for part in parts for factor in factors(part)]
    return [value]
