"""The Dart of an answer as a model of its classes and members. Every block is a file of one
project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tree_sitter import Node

from harness import Answer, Case, Judgement, failed

from ._code import errors, sources, text, walk
from ._flutter_uses import Use, plain, settled, uses
from ._words import words

DECLARING = words(
    "class_definition mixin_declaration enum_declaration extension_declaration"
    " extension_type_declaration"
)
#: what may stand beside Dart in a Flutter project
BESIDE = words("yaml json jsonc text xml bash shell output diff csv")


@dataclass(eq=False)
class Member:
    """A member of a class, or a function: what it returns or is of, and its code."""

    name: str
    kind: str  # method, getter, setter, field, constructor
    type: str
    node: Node
    body: Node | None = None

    @property
    def parts(self) -> list[Node]:
        """Its nodes: the signature or declaration, and the body."""
        return [self.node, self.body] if self.body else [self.node]

    @cached_property
    def uses(self) -> list[Use]:
        """Every use of a name in its body, or in the value of a field."""
        return uses(self.body or self.node)

    @property
    def is_async(self) -> bool:
        """Whether its body is marked ``async``."""
        return self.body is not None and any(c.type == "async" for c in self.body.children)


@dataclass(eq=False)
class Class:
    """A class, mixin, enum or extension of the answer."""

    name: str
    node: Node

    @cached_property
    def kind(self) -> str:
        """``class``, ``mixin``, ``enum`` or ``extension``."""
        return self.node.type.partition("_")[0]

    @cached_property
    def heritage(self) -> dict[str, list[str]]:
        """What it ``extends``, mixes in (``with``) and ``implements``."""
        found: dict[str, list[str]] = {"extends": [], "with": [], "implements": []}
        for child in self.node.named_children:
            keys = {"superclass": "extends", "mixins": "with", "interfaces": "implements"}
            if child.type == "mixin_application_class":
                child = child.named_children[-1]
            if child.type in keys:
                found[keys[child.type]] += _types(child)
            for below in child.named_children:
                if child.type == "superclass" and below.type == "mixins":
                    found["with"] += _types(below)
        return found

    @property
    def bases(self) -> list[str]:
        """All of its heritage."""
        return [one for part in self.heritage.values() for one in part]

    @property
    def extends(self) -> str:
        """The class that it extends, without type arguments."""
        return next(iter(self.heritage["extends"]), "").partition("<")[0]

    @property
    def is_state(self) -> bool:
        """Whether it is the State of a widget."""
        return self.extends in ("State", "ConsumerState")

    @cached_property
    def uses(self) -> list[Use]:
        """Every use of a name in it."""
        return uses(self.node)

    @cached_property
    def members(self) -> list[Member]:
        """Its members in order."""
        body = next((c for c in self.node.children if c.type.endswith("_body")), None)
        found: list[Member] = []
        for child in body.named_children if body else ():
            if child.type == "function_body" and found:
                found[-1].body = child
            elif child.type in ("method_signature", "declaration"):
                found += _members(child)
        return found

    @cached_property
    def methods(self) -> dict[str, Member]:
        """What has code, by name."""
        return {m.name: m for m in self.members if m.kind != "field"}

    @cached_property
    def fields(self) -> dict[str, Member]:
        """Its fields by name."""
        return {m.name: m for m in self.members if m.kind == "field"}


class Script:
    """All files of an answer."""

    def __init__(
        self, roots: list[Node], version: tuple[int, ...], generics: dict[tuple[int, int], str]
    ) -> None:
        self.roots, self.version, self.generics = roots, version, generics
        nodes = [n for root in roots for n in walk(root) if n.type in DECLARING]
        self.classes = [Class(_name(n), n) for n in nodes]
        self.by_name = {one.name: one for one in self.classes}

    @cached_property
    def functions(self) -> list[Member]:
        """The functions outside of classes."""
        found: list[Member] = []
        for root in self.roots:
            before: Member | None = None
            for child in root.named_children:
                if child.type == "function_signature":
                    before = Member(_name(child), "method", _returns(child), child)
                    found.append(before)
                elif child.type == "function_body" and before:
                    before.body = child
        return found

    @cached_property
    def uses(self) -> list[Use]:
        """Every use of a name in any file."""
        return [one for root in self.roots for one in uses(root)]

    @cached_property
    def imports(self) -> list[str]:
        """What the files import."""
        nodes = [n for root in self.roots for n in walk(root) if n.type == "uri"]
        return [text(n).strip("'\"") for n in nodes]

    def family(self, name: str) -> list[Class]:
        """A class and, of a StatefulWidget, its State."""
        return [c for c in self.classes if c.name == name or f"State<{name}>" in c.bases
                or f"ConsumerState<{name}>" in c.bases]  # fmt: skip

    def lineage(self, one: Class) -> list[Class]:
        """A class and those of the answer that it derives from."""
        found = [one]
        for each in found:
            above = (self.by_name.get(base.partition("<")[0]) for base in each.bases)
            found += [a for a in above if a and a not in found]
        return found

    @cached_property
    def types(self) -> dict[str, str]:
        """The type of every variable whose declaration shows it, whatever its scope."""
        found: dict[str, str] = {}
        for root in self.roots:
            for node in walk(root):
                for name, given in _variables(node):
                    found.setdefault(name, given)
        return found


def _name(node: Node) -> str:
    given = node.child_by_field_name("name")
    return text(given or next((c for c in node.named_children if c.type == "identifier"), None))


def _types(node: Node) -> list[str]:
    """The types that a clause lists, each with its arguments."""
    found: list[str] = []
    for child in node.named_children:
        if child.type == "type_identifier":
            found.append(text(child))
        elif child.type == "type_arguments" and found:
            found[-1] += plain(text(child))
    return found


def _returns(signature: Node) -> str:
    name = signature.child_by_field_name("name")
    end = name.start_byte if name else signature.end_byte
    parts = [
        text(c) for c in signature.children if c.end_byte <= end and c.type not in ("get", "set")
    ]
    return plain("".join(parts))


def _members(node: Node) -> list[Member]:
    """The members that a signature or a declaration declares."""
    for child in node.named_children:
        if child.type in ("function_signature", "getter_signature", "setter_signature"):
            kind = {"function": "method"}.get(
                child.type.partition("_")[0], child.type.partition("_")[0]
            )
            return [Member(_name(child), kind, _returns(child), node)]
        if "constructor_signature" in child.type:
            names = [text(c) for c in child.named_children if c.type == "identifier"]
            return [Member(".".join(names), "constructor", names[0], node)]
        if child.type in ("initialized_identifier_list", "static_final_declaration_list"):
            skipped = words("final_builtin const_builtin inferred_type annotation")
            parts = [c for c in node.named_children if c.end_byte <= child.start_byte]
            given = plain("".join(text(c) for c in parts if c.type not in skipped))
            return [
                Member(text(one.named_children[0]), "field", given or made(one), one)
                for one in child.named_children
            ]
    return []


def made(node: Node) -> str:
    """The class whose constructor begins the value of a declaration; empty for none."""
    for one in uses(node):
        if one.args is not None and one.root[:1].isupper():
            return one.root
        if one.root[:1].isupper() or one.node.parent == node:
            continue
        return ""
    return ""


def _variables(node: Node) -> Iterator[tuple[str, str]]:
    if node.type == "initialized_variable_definition":
        kept = [c for c in node.named_children if c.type in ("type_identifier", "type_arguments")]
        given = plain("".join(text(c) for c in kept if c.end_byte <= _start(node)))
        yield _name(node), given or made(node)
    if node.type == "formal_parameter":
        kinds = [
            text(c) for c in node.named_children if c.type in ("type_identifier", "type_arguments")
        ]
        yield _name(node), "".join(kinds)
    if node.type in ("declaration", "method_signature"):
        yield from ((m.name, m.type) for m in _members(node) if m.kind == "field")


def _start(node: Node) -> int:
    name = node.child_by_field_name("name")
    return name.start_byte if name else node.start_byte


def script(case: Case, answer: Answer) -> Script | Judgement:
    """The files of an answer, or the judgement that there is no Dart worth reading."""
    codes = sources(answer, ("dart",), BESIDE)
    if isinstance(codes, Judgement):
        return codes
    roots: list[Node] = []
    generics: dict[tuple[int, int], str] = {}
    for code in codes:
        root = settled(code, generics)
        if isinstance(root, Judgement):
            return root
        if root.has_error:
            return failed("syntax", "; ".join(errors(root)[:3]))
        roots.append(root)
    version = tuple(map(int, str(case.expect.get("version", "3.32")).split(".")[:2]))
    found = Script(roots, version, generics)
    names = [c.name for c in found.classes if c.kind != "extension"]
    for name in names:
        if names.count(name) > 1:
            return failed("two-types", f"{name} is declared twice")
    if found.classes or found.functions:
        return found
    return failed("no-code", "no Dart block that declares anything")
