"""Every use of a name in Dart code, with the chain that it stands in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from harness import Judgement

from ._code import line, parse, text, walk
from ._words import words

GRAMMAR = "tree_sitter_dart"
#: parents below which an identifier is declared
NAMING = words(
    "initialized_identifier static_final_declaration identifier_list constructor_param"
    " super_formal_parameter catch_parameters variable_pattern constructor_signature"
    " constant_constructor_signature factory_constructor_signature type_parameter"
    " enum_constant import_specification formal_parameter typed_identifier"
)
NAMED = words(
    "initialized_variable_definition function_signature getter_signature setter_signature"
    " for_loop_parts class_definition mixin_declaration enum_declaration extension_declaration"
    " extension_type_declaration"
)
#: what is no start of a chain: the parts of one, names of arguments, directives
PARTS = words(
    "dot_shorthand selector cascade_section cascade_selector unconditional_assignable_selector"
    " conditional_assignable_selector label annotation type_arguments uri"
    " library_import import_specification"
)
CREATING = words("const_object_expression new_expression constructor_invocation")
ACCESS = words("unconditional_assignable_selector conditional_assignable_selector")


@dataclass(eq=False)
class Use:
    """A name that is used: ``root`` begins its chain, ``on`` is the name before it, ``args`` is
    what it is called with, if it is."""

    name: str
    node: Node
    root: str
    on: str
    args: Node | None = None

    @property
    def arguments(self) -> list[str]:
        """Its arguments as they are written, without blanks."""
        return [
            "".join(text(one).split()) for one in (self.args.named_children if self.args else ())
        ]


def uses(node: Node) -> list[Use]:
    """Every use of a name below ``node``, in source order."""
    found: list[Use] = []
    for each in walk(node):
        if not each.named_child_count or each.type in PARTS:
            continue
        if each.type == "qualified":
            names = [text(c) for c in each.named_children]
            found.append(
                Use(names[-1], each.named_children[-1], names[0], names[-2] if names[1:] else "")
            )
        elif each.type in CREATING:
            names = [
                text(c) for c in each.named_children if c.type in ("type_identifier", "identifier")
            ]
            at = next((c for c in each.named_children if c.type == "type_identifier"), each)
            args = next((c for c in each.named_children if c.type == "arguments"), None)
            if names:
                on = names[-2] if len(names) > 1 else ""
                found.append(Use(names[-1], at, names[0], on, args))
        else:
            found += _chains(each)
    return sorted(found, key=lambda one: one.node.start_byte)


def declares(node: Node) -> bool:
    """Whether an identifier is the name of a declaration, not a use."""
    above = node.parent
    if above is None:
        return False
    if above.type == "constant_pattern":
        if above.named_child_count > 1:
            return False
        return above.parent is not None and above.parent.type.endswith("_pattern")
    if above.type in ("initialized_identifier", "static_final_declaration", "enum_constant"):
        return above.named_children[0] == node
    if above.type in NAMED:
        return above.child_by_field_name("name") == node or above.type.startswith("mixin")
    return above.type in NAMING or above.type in ("object_pattern", "declaration")


def _chains(node: Node) -> Iterator[Use]:
    """The uses whose chains are children of ``node``."""
    before: Use | None = None
    head: Use | None = None
    for child in node.named_children:
        inner = child.named_children[0] if child.named_children else None
        kind = inner.type if child.type == "selector" and inner else child.type
        at = inner if child.type == "selector" and inner else child
        if kind in ACCESS or kind == "cascade_selector":
            name = next((c for c in at.named_children if c.type == "identifier"), None)
            if name is None:
                continue
            base = head if kind == "cascade_selector" else before
            before = Use(text(name), name, base.root if base else "", base.name if base else "")
            yield before
        elif child.type == "cascade_section":
            yield from _cascade(child, head or before)
        elif kind == "argument_part":
            args = next((c for c in at.named_children if c.type == "arguments"), None)
            if before:
                before.args = args
        elif node.type == "constant_pattern" and before:
            before = Use(text(child), child, before.root, before.name)
            yield before
        elif child.type in ("identifier", "this", "super", "identifier_dollar_escaped"):
            before = head = Use(text(child), child, text(child), "")
            if child.type.startswith("identifier") and not declares(child):
                yield before
        elif child.type != "selector":
            before = head = Use("", child, "", "")


def _cascade(section: Node, head: Use | None) -> Iterator[Use]:
    before = head
    for child in section.named_children:
        inner = child.named_children[0] if child.named_children else None
        at = inner if child.type == "selector" and inner else child
        if at.type == "argument_part" and before and before is not head:
            before.args = next((c for c in at.named_children if c.type == "arguments"), None)
        elif at.type == "cascade_selector" or at.type in ACCESS:
            name = next((c for c in at.named_children if c.type == "identifier"), None)
            if name is not None:
                before = Use(
                    text(name), name, head.root if head else "", before.name if before else ""
                )
                yield before


def plain(written: str) -> str:
    """A type without blanks and the mark of nullable."""
    return "".join(written.split()).rstrip("?")


def where(node: Node, note: str) -> str:
    """A sentence about a place."""
    return f"line {line(node)}: {note}"


#: what stands behind ``Name<T>`` where it is a call
_CALLED = ("parenthesized_expression", "record_literal", "dot_shorthand")


def settled(code: str, generics: dict[tuple[int, int], str]) -> Node | Judgement:
    """The root of a file in which ``Name<T>(x)`` is a call. The grammar reads two comparisons
    there: the type argument is noted in ``generics`` by the place of its name, and blanked."""
    data = bytearray(code.encode())
    for _ in range(8):
        root = parse(data.decode(), GRAMMAR)
        if isinstance(root, Judgement):
            return root
        spots = [s for n in walk(root) if n.type == "relational_expression" and (s := _spot(n))]
        if not spots:
            break
        for name, begin, end in spots:
            point = (name.start_point.row, name.start_point.column)
            generics[point] = plain(data[begin:end].decode())
            data[begin:end] = b" " * (end - begin)
    return root


def _spot(node: Node) -> tuple[Node, int, int] | None:
    """The name and the place of the type argument of a call that was read as comparisons."""
    parts = [c for c in node.children if c.type != "comment"]
    kinds = [c.type for c in parts]
    if kinds[1:2] != ["relational_operator"] or kinds[2:3] not in ([k] for k in _CALLED):
        return None
    inner, more, given = parts[:3]
    less = next((c for c in inner.children if c.type == "relational_operator"), None)
    if inner.type != "relational_expression" or less is None or text(less) + text(more) != "<>":
        return None
    name = next((c for c in reversed(list(walk(inner))) if c.end_byte == less.start_byte), None)
    if name is None or more.end_byte != given.start_byte:
        return None
    return name, less.start_byte, more.end_byte
