"""The types, functions and delegates of an answer in Unreal's C++."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from tree_sitter import Node

from harness import Answer, Case, Judgement, failed
from harness.judging import markdown
from harness.languages import named

from ._code import MAX_CHARS, errors, line, parse, text, walk
from ._unreal_source import Macro, masked
from ._words import words

GRAMMAR = "tree_sitter_cpp"
TYPES = {"class_specifier": "class", "struct_specifier": "struct", "enum_specifier": "enum"}
BESIDE = words("csharp ini text bash json diff console plaintext powershell xml")
BODIES = words(
    "GENERATED_BODY GENERATED_UCLASS_BODY GENERATED_USTRUCT_BODY GENERATED_UINTERFACE_BODY"
    " GENERATED_IINTERFACE_BODY"
)
_COUNTS = "None One Two Three Four Five Six Seven Eight Nine".split()


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
            if "DELEGATE" in macro.name or macro.name.startswith("DECLARE_EVENT"):
                skip = 1 if "RetVal" in macro.name or "EVENT" in macro.name else 0
                rest = list(macro.arguments[skip:])
                step = 2 if "DYNAMIC" in macro.name else 1
                if rest:
                    found[rest[0]] = (macro.name, [_flat(one) for one in rest[1::step]])
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
                        found.setdefault(text(declared(one)), set()).add(_flat(text(given)))
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


def _flat(written: str) -> str:
    return " ".join(written.replace("class ", "").replace("struct ", "").split())


def plain(written: str) -> str:
    """A type without ``const`` and blanks; pointers as ``T*``, also those of TObjectPtr."""
    parts = [one for one in _flat(written).replace("&", " & ").split() if one != "const"]
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


def function_of(node: Node) -> Node | None:
    """The function declarator of a declaration, if it declares one."""
    at = node.child_by_field_name("declarator")
    while at is not None and at.type != "function_declarator":
        inner = at.child_by_field_name("declarator")
        if inner is None and at.type == "reference_declarator" and at.named_children:
            inner = at.named_children[0]
        at = inner
    return at


def _type_text(node: Node, at: Node) -> str:
    """The type of a declaration with its marks of pointers."""
    given = node.child_by_field_name("type")
    qualified = [text(c) for c in node.children if c.type == "type_qualifier"]
    marks, part = "", node.child_by_field_name("declarator")
    while part is not None and part.id != at.id:
        marks += {"pointer_declarator": "*", "reference_declarator": "&"}.get(part.type, "")
        inner = part.child_by_field_name("declarator")
        part = inner or (part.named_children[0] if part.type == "reference_declarator" else None)
    return _flat(" ".join([*qualified, text(given)])) + marks


def _member(node: Node, file: File, access: str, at: Node | None, owner: str) -> Member | None:
    function = function_of(node)
    where = function or at
    if where is None:
        return None
    name, kind = declared(where), "function" if function else "property"
    parameters = []
    listed = function.child_by_field_name("parameters") if function else None
    for one in listed.named_children if listed else ():
        if one.type.endswith("parameter_declaration"):
            inner = one.child_by_field_name("declarator")
            end = declared(inner) if inner else one
            parameters.append((_type_text(one, end), text(end) if inner else ""))
    spelled = text(name)
    if "::" in spelled:
        owner, _, spelled = spelled.rpartition("::")
        owner = owner.rpartition("::")[2]
    macro = file.at.get(node.start_byte)
    given = _type_text(node, function or name)
    return Member(spelled, kind, given, parameters, macro, access, node, owner)


def _members(body: Node, file: File, owner: str, default: str) -> Iterator[Member]:
    access, waiting = default, list(body.named_children)
    while waiting:
        node = waiting.pop(0)
        if node.type == "access_specifier":
            access = text(node)
        elif node.type.startswith("preproc_if"):
            waiting = list(node.named_children) + waiting
        elif node.type in ("field_declaration", "declaration", "function_definition"):
            if function_of(node):
                found = [_member(node, file, access, None, owner)]
            else:
                names = node.children_by_field_name("declarator")
                found = [_member(node, file, access, one, owner) for one in names]
            yield from (one for one in found if one)


def _read(file: File) -> Iterator[Type]:
    for node in walk(file.root):
        body, name = node.child_by_field_name("body"), text(node.child_by_field_name("name"))
        if node.type not in TYPES or body is None:
            continue
        kind = TYPES[node.type]
        bases = [c for n in node.children if n.type == "base_class_clause" for c in n.children]
        taken = [text(c) for c in bases if "identifier" in c.type or c.type == "template_type"]
        made = Type(name, kind, node, file.at.get(node.start_byte), file, taken)
        made.members = list(
            _members(body, file, name, "private" if kind == "class" else "public")
        )
        inside = [m for m in file.macros if body.start_byte <= m.start < body.end_byte]
        made.generated = next((m.name for m in inside if m.name in BODIES), "")
        yield made


def project(case: Case, answer: Answer) -> Project | Judgement:
    """The files of an answer, or the judgement that there is no C++ worth reading."""
    if len(answer.text) > MAX_CHARS:
        return failed("too-long", f"{len(answer.text)} characters, at most {MAX_CHARS} are read")
    blocks = [one for one in markdown.blocks(markdown.spoken(answer.text)) if one.code.strip()]
    tags = {one: named(one.language).name if one.language else "" for one in blocks}
    foreign = [one.language for one in blocks if tags[one] not in BESIDE | {"", "cpp", "c"}]
    if foreign or not all(one.closed for one in blocks):
        return failed("no-code", f"a block of {foreign[0]}" if foreign else "a block is cut off")
    tagged = [one.code for one in blocks if tags[one] in ("cpp", "c")]
    files: list[File] = []
    for code in tagged or [one.code for one in blocks if not tags[one]]:
        hidden = [c for c in code if ord(c) < 32 and c not in "\t\n" or c in "\u200b\u202e\ufeff"]
        if hidden:
            return failed("invisible-character", f"U+{ord(hidden[0]):04X}")
        code = "\n".join(one.rstrip() for one in code.split("\n"))  # blanks irk the grammar
        plain_code, macros = masked(code.encode())
        root = parse(plain_code.decode(errors="replace"), GRAMMAR)
        if isinstance(root, Judgement):
            return root
        if root.has_error:
            return failed("syntax", "; ".join(errors(root)[:3]))
        files.append(File(root, macros))
    types = [one for file in files for one in _read(file)]
    if len({one.name for one in types}) < len(types):
        return failed("two-types", "a type is declared twice")
    functions = [m for one in types for m in one.members if m.body is not None]
    for file in files:
        for node in walk(file.root):
            outside = node.type == "function_definition" and "::" in text(
                declared(function_of(node) or node)
            )
            if outside and (made := _member(node, file, "", None, "")):
                functions.append(made)
    if not types and not functions:
        return failed("no-code", "no C++ block that declares a type or defines a method")
    version = tuple(map(int, str(case.expect.get("version", "5.4")).split(".")[:2]))
    return Project(files, types, functions, version)


def where(node: Node, note: str) -> str:
    """A sentence about a place."""
    return f"line {line(node)}: {note}"
