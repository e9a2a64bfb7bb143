"""What the grammar of tree-sitter-java takes and a compiler does not, by looking at one file
alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tree_sitter import Node

from harness import Judgement, failed

from ._code import line, text, walk
from ._java import TYPES, declared, imports, members, modifiers
from ._words import words

MODIFIERS = words(
    "public protected private static abstract final transient volatile synchronized native default"
)
ACCESS = words("public protected private")
NOT_ON_TOP = words("private protected static transient volatile synchronized native default")
NOT_ON = {
    "field_declaration": words("abstract synchronized native default"),
    "method_declaration": words("transient volatile default"),
    "constructor_declaration": words(
        "static abstract final transient volatile synchronized native default"
    ),
    "local_variable_declaration": MODIFIERS - {"final"},
    "formal_parameter": MODIFIERS - {"final"},
    "class_declaration": words("transient volatile synchronized native default"),
}
STATEMENTS = words(
    "assignment_expression update_expression method_invocation object_creation_expression"
    " switch_expression"
)
SINGLE = words("Entity Id GeneratedValue Table Column Override Version")
KEYWORDS = {"true", "false", "null", "_"} | words(
    "abstract assert boolean break byte case catch char class const continue default do double else"
    " enum extends",
    "final finally float for goto if implements import instanceof int interface long native new"
    " package private",
    "protected public return short static strictfp super switch synchronized this throw throws"
    " transient try void",
    "volatile while",
)


def faults(root: Node) -> Iterator[Judgement]:
    """Everything wrong with the file that its grammar let through."""
    for check in (_layout, _names, _imports, _statements, _modifiers, _members, _bodies):
        yield from check(root)


def _layout(root: Node) -> Iterator[Judgement]:
    """Package, imports and types come in this order, and nothing else stands beside them."""
    order = {"package_declaration": 0, "import_declaration": 1, **dict.fromkeys(TYPES, 2)}
    last = -1
    for node in root.named_children:
        if "comment" in node.type:
            continue
        rank = order.get(node.type, -1)
        if rank < last or rank == -1 or (rank == 0 and last == 0):
            yield failed(
                "layout", f"line {line(node)}: {node.type.replace('_', ' ')} cannot stand here"
            )
        last = rank


def _names(root: Node) -> Iterator[Judgement]:
    """No keyword stands where a name belongs."""
    for node in walk(root):
        if node.type in ("identifier", "type_identifier") and text(node) in KEYWORDS:
            yield failed("keyword-as-name", f"line {line(node)}: {text(node)} cannot be a name")


def _imports(root: Node) -> Iterator[Judgement]:
    """No simple name is imported from two packages."""
    seen: dict[str, str] = {}
    for name, static, node in imports(root):
        simple = name.rpartition(".")[2]
        if not static and simple != "*" and seen.setdefault(simple, name) != name:
            yield failed(
                "two-imports", f"line {line(node)}: {simple} is imported from two packages"
            )


def _statements(root: Node) -> Iterator[Judgement]:
    """An expression is a statement only if it assigns, counts, calls or creates."""
    for node in walk(root):
        rule = (
            node.parent is not None and node.parent.type == "switch_rule"
        )  # there it may be a value
        if (
            node.type == "expression_statement"
            and not rule
            and node.named_children[0].type not in STATEMENTS
        ):
            yield failed("not-a-statement", f"line {line(node)}: {text(node)[:60]!r}")


def _modifiers(root: Node) -> Iterator[Judgement]:
    """No modifier twice, at most one access modifier."""
    for node in walk(root):
        if node.type == "modifiers":
            given = Counter(child.type for child in node.children if child.type in MODIFIERS)
            if max(given.values(), default=0) > 1 or len(ACCESS & set(given)) > 1:
                yield failed("modifiers", f"line {line(node)}: {' '.join(given.elements())}")
            owner = node.parent
            top = owner is not None and owner.parent is not None and owner.parent.type == "program"
            wrong = set(given) & (
                NOT_ON_TOP if top else NOT_ON.get(owner.type if owner else "", frozenset())
            )
            if wrong:
                yield failed("modifiers", f"line {line(node)}: {min(wrong)} is not allowed here")
            used = [
                text(child.child_by_field_name("name"))
                for child in node.children
                if "annotation" in child.type
            ]
            for name in SINGLE:
                if used.count(name) > 1:
                    yield failed("annotation-twice", f"line {line(node)}: @{name} twice")


def _members(root: Node) -> Iterator[Judgement]:
    """No class declares a field, or a method with the same parameter types, twice."""
    for owner in walk(root):
        if owner.type != "class_declaration":
            continue
        seen: set[tuple[str, ...]] = set()
        for node in members(
            owner, "field_declaration", "method_declaration", "constructor_declaration"
        ):
            for key in _keys(node):
                if key in seen:
                    yield failed("duplicate", f"line {line(node)}: {key[1]} is declared twice")
                seen.add(key)


def _keys(node: Node) -> list[tuple[str, ...]]:
    if node.type == "field_declaration":
        return [("field", name) for _, name in declared(node)]
    parameters = node.child_by_field_name("parameters")
    kinds = (
        [text(one.child_by_field_name("type")) for one in parameters.named_children]
        if parameters
        else []
    )
    return [("method", text(node.child_by_field_name("name")), *kinds)]


def _bodies(root: Node) -> Iterator[Judgement]:
    """Methods of a class have bodies unless abstract or native; constructors bear the name of their
    class."""
    for owner in walk(root):
        if owner.type != "class_declaration":
            continue
        name = text(owner.child_by_field_name("name"))
        for node in members(owner, "method_declaration"):
            bodiless = bool(modifiers(node) & {"abstract", "native"})
            if (node.child_by_field_name("body") is None) != bodiless:
                yield failed(
                    "method-body", f"line {line(node)}: a body is missing, or must not be there"
                )
        for node in members(owner, "constructor_declaration"):
            if text(node.child_by_field_name("name")) != name:
                yield failed(
                    "no-return-type",
                    f"line {line(node)}: a method without a return type in class {name}",
                )
