"""What a C# compiler would refuse and a grammar takes: names from nowhere, missing ``using``,
returns, later versions of the language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._unity_api import LINQ, NAMESPACE, NEWER
from ._unity_scope import Scope, inherited, product
from ._unity_script import BODIED, LAMBDAS, Script, Type, modifiers, name_of, parameters, where
from ._words import words

#: parents below which an identifier is a type, a label or a name of something else
ELSEWHERE = words(
    "type_argument_list generic_name qualified_name nullable_type array_type base_list pointer_type"
    " typeof_expression alias_qualified_name explicit_interface_specifier using_directive"
    " type_parameter_constraint type_parameter_constraints_clause attribute goto_statement"
    " labeled_statement namespace_declaration subpattern anonymous_object_creation_expression"
    " tuple_element type_parameter declaration_pattern implicit_parameter tuple_pattern"
    " parenthesized_variable_designation constant_pattern type_pattern default_expression"
    " sizeof_expression join_clause let_clause file_scoped_namespace_declaration attribute_argument"
    " join_into_clause var_pattern preproc_if preproc_elif or_pattern negated_pattern and_pattern"
    " function_pointer_type calling_convention extern_alias_directive query_continuation"
)
SMALL = words("quaternion half var dynamic nint nuint unmanaged notnull")
CONTEXTUAL = words(
    "math noise _ value field args base this nameof var dynamic global await unmanaged"
)


def newer(script: Script, known: int) -> Iterator[Judgement]:
    """What Unity's version of C# does not have yet."""
    for node in (one for root in script.roots for one in walk(root)):
        since, what = NEWER.get(node.type, (0, ""))
        kinds = {child.type for child in node.children}
        if node.type == "class_declaration" and "parameter_list" in kinds:
            since, what = 12, "a primary constructor"
        if node.type == "struct_declaration" and "parameter_list" in kinds:
            since, what = 12, "a primary constructor"
        if node.type == "record_declaration" and "struct" in kinds:
            since, what = 10, "a record struct"
        if node.type == "using_directive" and "global" in kinds:
            since, what = 10, "a global using"
        if node.type == "modifier" and text(node) in ("required", "file"):
            since, what = 11, f"the modifier {text(node)}"
        if since > known:
            yield failed("newer-csharp", where(node, f"{what} needs C# {since}, Unity has {known}"))


def undeclared(script: Script, scope: Scope) -> Iterator[Judgement]:
    """Names that nothing declares."""
    for one in script.types:
        outer = scope.outer(one)
        bases = [inherited(script, each) for each in outer]
        if any(names is None for names in bases) or one.kind == "enum" or _static_using(script):
            continue
        known = frozenset().union(*(names for names in bases if names is not None))
        known |= {n for each in outer for n in (*each.variables, *each.methods)}
        known |= set(script.by_name) | {n for each in outer for n in _constants(each)}
        for member in one.members:
            local = scope.locals(member)
            for node in walk(member):
                if node.type != "identifier" or text(node) in known | CONTEXTUAL:
                    continue
                if text(node) not in local and _used(node):
                    yield failed("undeclared", where(node, f"nothing declares {text(node)}"))


def odd_types(script: Script, scope: Scope) -> Iterator[Judgement]:
    """Types in small letters that neither C# nor Unity.Mathematics has, and those of the answer in
    other letters."""
    letters = {name.lower() for name in script.by_name}
    own = set(script.by_name) | {n for one in script.types for n in _constants(one)}
    own |= {v.name for one in script.types for m in one.members for v in scope.locals(m).values()}
    for node in (one for root in script.roots for one in walk(root)):
        for field in ("type", "returns"):
            kind = node.child_by_field_name(field)
            if kind is None or kind.type != "identifier" or node.type == "pointer_type":
                continue
            name = text(kind)
            small = name[0].islower() and name not in SMALL and not name[-1].isdigit()
            if name not in own and (small or name.lower() in letters):
                yield failed("undeclared", where(node, f"nothing declares the type {name}"))


def _constants(one: Type) -> Iterator[str]:
    """What a type declares beside methods and variables: delegates, type parameters, enums."""
    for node in one.nodes:
        for inner in walk(node):
            if inner.type in ("enum_member_declaration", "delegate_declaration", "type_parameter"):
                yield name_of(inner) or text(inner)


def _static_using(script: Script) -> bool:
    lines = [c for root in script.roots for c in root.children if c.type == "using_directive"]
    return any("static" in {child.type for child in one.children} for one in lines)


def _used(node: Node) -> bool:
    """Whether an identifier is used as a value or called, not declared or named."""
    above = node.parent
    if above is None:
        return False
    if product(above) or product(above.parent):
        return not text(node)[0].isupper()
    if above.type in ELSEWHERE:
        return False
    at = [above.field_name_for_child(i) for i, c in enumerate(above.children) if c == node]
    if at and at[0] in ("name", "type", "returns", "alias"):
        return False
    if above.type == "as_expression" and at[0] == "right":
        return False
    if above.type == "assignment_expression" and at[0] == "left":
        holder = above.parent
        if holder is not None and holder.type in ("initializer_expression", "with_initializer"):
            return False
    if (
        _in_nameof(node)
        or _in_foreach(node)
        or (above.type == "is_expression" and at[0] == "right")
    ):
        return False
    capital = text(node)[0].isupper()
    static = above.type == "member_access_expression" and at[0] == "expression"
    return not (capital and static)


def _in_foreach(node: Node) -> bool:
    """Whether a node is of ``Type<T> name`` in a foreach, which the grammar reads as less than."""
    at = node.parent
    while at is not None and at.type == "binary_expression":
        above = at.parent
        if above is not None and above.type == "foreach_statement":
            return above.child_by_field_name("left") == at
        at = above
    return False


def _in_nameof(node: Node) -> bool:
    call = node.parent.parent.parent if node.parent and node.parent.parent else None
    return (
        call is not None
        and call.type == "invocation_expression"
        and text(call.child_by_field_name("function")) == "nameof"
    )


def unimported(script: Script) -> Iterator[Judgement]:
    """Types that need a ``using`` which the file does not have."""
    for root in () if script.fragment else script.roots:
        lines = [c for c in walk(root) if c.type == "using_directive"]
        spaces = {"".join(text(c).split()).removeprefix("using").rstrip(";") for c in lines}
        aliases = {space.partition("=")[0] for space in spaces if "=" in space}
        around = {name_of(c) for c in walk(root) if c.type == "namespace_declaration"}
        spaces |= {s[:n] for s in around for n in range(len(s) + 1) if s[n : n + 1] in ("", ".")}
        for node in walk(root):
            if node.type != "identifier" or text(node) in script.by_name | {a: a for a in aliases}:
                continue
            needed = NAMESPACE.get(text(node), ())
            if text(node) in LINQ and _extension(node):
                needed = ["System.Linq"]
            if needed and not spaces.intersection(needed) and _type_name(node):
                yield failed(
                    "no-using", where(node, f"{text(node)} needs using {' or '.join(needed)}")
                )


def _extension(node: Node) -> bool:
    above = node.parent
    at = above.parent if above is not None else None
    if above is not None and above.type == "generic_name":
        above, at = at, at.parent if at is not None else None
    called = at is not None and at.type == "invocation_expression"
    if not called or above is None or above.type != "member_access_expression":
        return False
    target = above.child_by_field_name("expression")
    return target is not None and not text(target)[0].isupper()


def _type_name(node: Node) -> bool:
    """Whether an identifier can be a type that is written without its namespace."""
    above = node.parent
    if above is None or above.type == "qualified_name":
        return False
    fields = [above.field_name_for_child(i) for i, c in enumerate(above.children) if c == node]
    if above.type == "attribute":
        return True
    if text(node) in LINQ:
        return True
    if above.type in ("generic_name", "type_argument_list", "base_list", "nullable_type"):
        outer = above.parent if above.type == "generic_name" else None
        return outer is None or outer.type not in ("qualified_name", "member_access_expression")
    static = above.type == "member_access_expression" and fields == ["expression"]
    return static or "type" in fields or "returns" in fields


def twice(script: Script) -> Iterator[Judgement]:
    """Members of one type that share a name, or methods that share name and parameters."""
    for one in script.types:
        names: Counter[str] = Counter()
        for member in one.members:
            if member.type in ("field_declaration", "event_field_declaration"):
                inner = member.named_children[-1].named_children
                names.update(name_of(d) for d in inner if d.type == "variable_declarator")
            elif member.type in BODIED | {"delegate_declaration"} and name_of(member):
                given = [v.type for _, v in parameters(member.child_by_field_name("parameters"))]
                method = member.type == "method_declaration"
                generic = text(member.child_by_field_name("type_parameters"))
                names[
                    f"{name_of(member)}{generic}({','.join(given)})" if method else name_of(member)
                ] += 1
        for name, count in names.items():
            if count > 1 and not any(
                c.type.startswith("preproc") for n in one.nodes for c in walk(n)
            ):
                yield failed("two-members", f"{one.name} declares {name} {count} times")


def strange(script: Script) -> Iterator[Judgement]:
    """Letters that only look like those of a keyboard, and elements the grammar leaves open."""
    for node in (one for root in script.roots for one in walk(root)):
        if node.type == "identifier" and not text(node).isascii():
            yield failed("look-alike", where(node, f"{text(node)} is not written in ASCII"))
        if node.type == "integer_literal" and not text(node).isascii():
            yield failed("look-alike", where(node, f"{text(node)} is not written in ASCII"))
        derives = {"base_list"} & {c.type for c in node.children} or modifiers(node) & {"sealed"}
        if node.type == "class_declaration" and "static" in modifiers(node) and derives:
            yield failed("static", where(node, f"{name_of(node)} is static and derives"))
        if node.type == "break_statement" and not _in_loop(node):
            yield failed("jump", where(node, "break outside of a loop or a switch"))


def _in_loop(node: Node) -> bool:
    at = node.parent
    while at is not None and at.type not in LAMBDAS | BODIED:
        if at.type.endswith(
            ("for_statement", "while_statement", "do_statement", "foreach_statement")
        ):
            return True
        if at.type == "switch_section":
            return True
        at = at.parent
    return False
