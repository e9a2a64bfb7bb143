"""An answer in Unreal's C++, read block by block."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness import Answer, Case, Judgement, failed

from ._code import errors, parse, sources, text, walk
from ._unreal_model import File, Member, Project, Type, declared, flat
from ._unreal_source import masked
from ._words import words

GRAMMAR = "tree_sitter_cpp"
TYPES = {"class_specifier": "class", "struct_specifier": "struct", "enum_specifier": "enum"}
BESIDE = words("csharp ini text bash json diff console plaintext powershell xml")
BODIES = words(
    "GENERATED_BODY GENERATED_UCLASS_BODY GENERATED_USTRUCT_BODY GENERATED_UINTERFACE_BODY"
    " GENERATED_IINTERFACE_BODY"
)


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
    return flat(" ".join([*qualified, text(given)])) + marks


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
        made.members = list(_members(body, file, name, "private" if kind == "class" else "public"))
        inside = [m for m in file.macros if body.start_byte <= m.start < body.end_byte]
        made.generated = next((m.name for m in inside if m.name in BODIES), "")
        yield made


def project(case: Case, answer: Answer) -> Project | Judgement:
    """The files of an answer, or the judgement that there is no C++ worth reading."""
    codes = sources(answer, ("cpp", "c"), BESIDE)
    if isinstance(codes, Judgement):
        return codes
    files: list[File] = []
    for code in codes:
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
