"""The types, functions and delegates of an answer in Unreal's C++."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from tree_sitter import Node

from ._code import line, text, walk
from ._unreal_source import Macro


@dataclass(eq=False)
class Member:
    """A function or variable: type (what a function returns), parameters as type and name."""

    name: str
    kind: str
    type: str
    parameters: list[tuple[str, str]]
    macro: Macro | None
    access: str
    node: Node
    owner: str = ""

    @property
    def specifiers(self) -> dict[str, str]:
        """Those of its macro."""
        return self.macro.specifiers if self.macro else {}

    @property
    def body(self) -> Node | None:
        """Its body, where it stands here."""
        return self.node.child_by_field_name("body")

    @property
    def body_inside(self) -> bool:
        """Whether it is defined where its class is declared."""
        return bool(self.access)

    @property
    def words(self) -> set[str]:
        """``static``, ``virtual``, ``const``, ``override`` and the like."""
        return {text(n) for n in walk(self.node) if n.end_byte <= self.head_end and not n.children}

    @property
    def head_end(self) -> int:
        """Where its declaration ends and its body or its value begins."""
        body = self.body
        return body.start_byte if body else self.node.end_byte


@dataclass(eq=False)
class Type:
    """A type with its macro, the base classes and the members."""

    name: str
    kind: str
    node: Node
    macro: Macro | None
    file: File
    bases: list[str]
    members: list[Member] = field(default_factory=list)
    generated: str = ""

    def own(self, name: str) -> Member | None:
        """Its member of that name."""
        return next((one for one in self.members if one.name == name), None)


@dataclass(eq=False)
class File:
    """A header or a source: a block of the answer."""

    root: Node
    macros: list[Macro]

    @cached_property
    def at(self) -> dict[int, Macro]:
        """The macros that decorate something, by where that begins."""
        plain = (m for m in self.macros if m.name[0] == "U" and "_" not in m.name)
        return {one.target: one for one in plain}

    @cached_property
    def includes(self) -> list[tuple[str, int]]:
        """What it includes, and where."""
        nodes = [n for n in walk(self.root) if n.type == "preproc_include"]
        return [(text(n.child_by_field_name("path")).strip('"<>'), n.start_byte) for n in nodes]


@dataclass(eq=False)
class Project:
    """Everything that an answer declares and defines."""

    files: list[File]
    types: list[Type]
    functions: list[Member]
    version: tuple[int, ...]

    @cached_property
    def by_name(self) -> dict[str, Type]:
        """The types by name."""
        return {one.name: one for one in self.types}

    @cached_property
    def delegates(self) -> dict[str, tuple[str, list[str]]]:
        """The delegates declared: the name of the macro and the types that it hands over."""
        found: dict[str, tuple[str, list[str]]] = {}
        for macro in (m for file in self.files for m in file.macros):
            if "SPARSE" in macro.name:
                continue
            if "DELEGATE" in macro.name or macro.name.startswith("DECLARE_EVENT"):
                skip = 1 if "RetVal" in macro.name or "EVENT" in macro.name else 0
                rest = list(macro.arguments[skip:])
                step = 2 if "DYNAMIC" in macro.name else 1
                if rest:
                    found[rest[0]] = (macro.name, [flat(one) for one in rest[1::step]])
        return found

    @cached_property
    def variables(self) -> dict[str, set[str]]:
        """What every variable, field and parameter of a name is declared as."""
        found: dict[str, set[str]] = {}
        for file in self.files:
            for node in walk(file.root):
                given = node.child_by_field_name("type")
                if given is not None and not node.type.endswith("specifier"):
                    for one in node.children_by_field_name("declarator"):
                        found.setdefault(text(declared(one)), set()).add(flat(text(given)))
        return found

    def lineage(self, name: str) -> list[str]:
        """A type and its first bases, up to one that is not of the answer."""
        found = [name]
        while found[-1] in self.by_name and self.by_name[found[-1]].bases:
            above = self.by_name[found[-1]].bases[0]
            if above in found:
                break
            found.append(above)
        return found

    def defined(self, owner: str, name: str) -> Member | None:
        """The definition of a function of a type, inside or outside of it."""
        return next((f for f in self.functions if f.owner == owner and f.name == name), None)

    def member(self, owner: str, name: str) -> Member | None:
        """A member of a type or of its bases."""
        kinds = [self.by_name[one] for one in self.lineage(owner) if one in self.by_name]
        return next((m for one in kinds if (m := one.own(name))), None)


def flat(written: str) -> str:
    """A type with single blanks, without ``class`` and ``struct`` before names."""
    return " ".join(written.replace("class ", "").replace("struct ", "").split())


def plain(written: str) -> str:
    """A type without ``const`` and blanks; pointers as ``T*``, also those of TObjectPtr."""
    parts = [one for one in flat(written).replace("&", " & ").split() if one != "const"]
    joined = "".join(parts).removesuffix("&")
    while "TObjectPtr<" in joined:
        head, _, rest = joined.partition("TObjectPtr<")
        inner, _, tail = rest.partition(">")
        joined = f"{head}{inner}*{tail}"
    return joined


def declared(node: Node) -> Node:
    """The name in a declarator."""
    while True:
        inner = node.child_by_field_name("declarator")
        if inner is None and node.type in ("reference_declarator", "parenthesized_declarator"):
            inner = node.named_children[0] if node.named_children else None
        if inner is None:
            return node
        node = inner


def where(node: Node, note: str) -> str:
    """A sentence about a place."""
    return f"line {line(node)}: {note}"
