"""The C# of an answer as a model of its types: every block is a file, as in a Unity project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from tree_sitter import Node

from harness import Answer, Case, Judgement, failed

from ._code import errors, line, parse, sources, text, walk
from ._words import words

GRAMMAR = "tree_sitter_c_sharp"
TYPES = words(
    "class_declaration struct_declaration interface_declaration enum_declaration record_declaration"
)
METHODS = words("method_declaration constructor_declaration local_function_statement")
BODIED = METHODS | words("property_declaration indexer_declaration operator_declaration")
LAMBDAS = words("lambda_expression anonymous_method_expression")
CONDITIONAL = words("preproc_if preproc_else preproc_elif")
#: what is a file of a Unity project beside C#: layout, styles, manifests, shaders
BESIDE = words("xml uxml html css uss json jsonc yaml text hlsl glsl shader output bash diff csv")
FRAGMENT = ("using UnityEngine; class Fragment : MonoBehaviour {", "}")


@dataclass(eq=False)
class Type:
    """A type of the answer, with the parts of a partial one together."""

    name: str
    nodes: list[Node]

    @property
    def kind(self) -> str:
        """``class``, ``struct``, ``interface``, ``enum`` or ``record``."""
        return self.nodes[0].type.partition("_")[0]

    @cached_property
    def bases(self) -> list[str]:
        """What it derives from and implements, without blanks and namespaces."""
        lists = [c for node in self.nodes for c in node.children if c.type == "base_list"]
        named = [one for base in lists for one in base.named_children]
        return [plain(text(one)) for one in named if one.type != "argument_list"]

    @cached_property
    def members(self) -> list[Node]:
        """The members of its body, nested types aside."""
        found: list[Node] = []
        waiting = [body for node in self.nodes if (body := node.child_by_field_name("body"))]
        for node in waiting:
            waiting += [c for c in node.named_children if c.type in CONDITIONAL]
            found += [c for c in node.named_children if c.type not in TYPES | CONDITIONAL]
        return [one for one in found if one.type != "comment"]

    @cached_property
    def methods(self) -> dict[str, list[Node]]:
        """Its methods by name."""
        found: dict[str, list[Node]] = {}
        for one in self.members:
            if one.type == "method_declaration":
                found.setdefault(name_of(one), []).append(one)
        return found

    @cached_property
    def variables(self) -> dict[str, Variable]:
        """Its fields, events, properties and the parameters of a record by name."""
        found: dict[str, Variable] = {}
        for one in self.members:
            if one.type in ("field_declaration", "event_field_declaration"):
                found.update(declared(one.named_children[-1], one))
            elif one.type in ("property_declaration", "event_declaration"):
                given = one.child_by_field_name("type")
                value = one.child_by_field_name("value")
                found[name_of(one)] = Variable(name_of(one), plain(text(given)), value, one)
        for node in self.nodes:
            for child in node.named_children:
                if child.type == "parameter_list":
                    found.update(parameters(child))
        return found


@dataclass(eq=False)
class Variable:
    """A field, property, event, parameter or local: its type as written (``var`` where it is left
    open), what it is given at first, and the node that declares it."""

    name: str
    type: str
    value: Node | None
    node: Node


@dataclass(eq=False)
class Script:
    """All files of an answer."""

    roots: list[Node]
    types: list[Type]
    version: tuple[int, ...]
    fragment: bool
    by_name: dict[str, Type] = field(init=False)

    def __post_init__(self) -> None:
        self.by_name = {one.name: one for one in self.types}

    def lineage(self, one: Type) -> list[Type]:
        """A type and those of the answer that it derives from."""
        found = [one]
        for base in found:
            above = (self.by_name.get(name.partition("<")[0]) for name in base.bases)
            found.extend(each for each in above if each and each not in found)
        return found

    def root_base(self, one: Type) -> str:
        """The first base that is not of this answer; empty for none."""
        for each in self.lineage(one):
            for base in each.bases:
                if self.by_name.get(base.partition("<")[0], each) is each:
                    return base
        return ""


def plain(written: str) -> str:
    """A type without blanks, namespaces and the mark of nullable."""
    joined = "".join(written.split()).rstrip("?")
    head, mark, rest = joined.partition("<")
    return head.rpartition(".")[2] + mark + rest


def name_of(node: Node) -> str:
    """The name that a declaration declares."""
    return text(node.child_by_field_name("name"))


def modifiers(node: Node) -> set[str]:
    """The modifiers of a declaration."""
    return {text(child) for child in node.children if child.type == "modifier"}


def attributes(node: Node) -> dict[str, str]:
    """The attributes of a declaration by name, with their arguments without blanks."""
    lists = [child for child in node.children if child.type == "attribute_list"]
    found = [one for each in lists for one in each.named_children if one.type == "attribute"]
    return {
        plain(name_of(one)).removesuffix("Attribute"): "".join(
            text(one)[len(name_of(one)) :].split()
        )
        for one in found
    }


def declared(node: Node, owner: Node) -> Iterator[tuple[str, Variable]]:
    """The variables of a ``variable_declaration``."""
    given = plain(text(node.child_by_field_name("type")))
    for one in node.named_children:
        if one.type == "variable_declarator":
            name = one.child_by_field_name("name")
            values = [c for c in one.named_children if c != name]
            value = values[-1] if values and values[-1].type != "tuple_pattern" else None
            if name is not None:
                yield text(name), Variable(text(name), given, value, owner)
            for part in walk(one) if name is None else ():
                if (
                    part.type == "identifier"
                    and part.parent
                    and part.parent.type == "tuple_pattern"
                ):
                    yield text(part), Variable(text(part), "", None, owner)


def parameters(node: Node | None) -> Iterator[tuple[str, Variable]]:
    """The parameters of a list."""
    for one in node.named_children if node else ():
        if one.type == "parameter":
            given = plain(text(one.child_by_field_name("type")))
            yield name_of(one), Variable(name_of(one), given, None, one)


def script(case: Case, answer: Answer) -> Script | Judgement:
    """The files of an answer, or the judgement that there is no C# worth reading."""
    codes = sources(answer, ("csharp",), BESIDE)
    if isinstance(codes, Judgement):
        return codes
    fragment = bool(case.expect.get("fragment"))
    roots = []
    for code in codes:
        root = parse(code, GRAMMAR)
        if not isinstance(root, Judgement) and fragment and not _types(root):
            root = parse(code.join(FRAGMENT), GRAMMAR)
        if isinstance(root, Judgement):
            return root
        if root.has_error:
            return failed("syntax", "; ".join(errors(root)[:3]))
        roots.append(root)
    types: dict[str, Type] = {}
    for node in (one for root in roots for one in _types(root)):
        known = types.setdefault(name_of(node), Type(name_of(node), []))
        known.nodes.append(node)
        if len(known.nodes) > 1 and "partial" not in modifiers(node):
            return failed("two-types", f"{name_of(node)} is declared twice")
    if not types:
        return failed("no-code", "no C# block that declares a type")
    version = tuple(map(int, str(case.expect.get("version", "6000.0")).split(".")[:2]))
    return Script(roots, list(types.values()), version, fragment)


def _types(root: Node) -> list[Node]:
    return [node for node in walk(root) if node.type in TYPES]


def where(node: Node, note: str) -> str:
    """A sentence about a place."""
    return f"line {line(node)}: {note}"
