"""What an ``expect`` of the Unreal facet names: calls, writes, types, texts and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from tree_sitter import Node

from ._code import text
from ._unreal_flow import arguments, called, function_node, generics, last_name, target, written
from ._unreal_model import Project, declared

_NAMED = re.compile(
    r"(?:(?P<on>\w+)(?:\.|::|->))?(?P<name>\w+)(?:<(?P<of>[\w<>, *]+)>)?"
    r"(?P<what>\((?P<given>.*)\)|\+=|-=|=(?P<value>.*))?"
)
_KINDS = {"": "use", "(": "call", "=": "write", "+": "+=", "-": "-="}


class Pattern(NamedTuple):
    """One way to do what is asked for."""

    kind: str  # use, call, write, +=, -=, text, number
    name: str
    on: str = ""
    of: str = ""
    given: tuple[str, ...] = ()


@cache
def pattern(spelled: str) -> Pattern:
    """Read a pattern as the page of the facet describes it."""
    if spelled.startswith('"'):
        return Pattern("text", spelled.strip('"'))
    if re.fullmatch(r"-?[\d.]+f?", spelled):
        return Pattern("number", str(float(spelled.rstrip("f"))))
    found = _NAMED.fullmatch("".join(spelled.split()))
    if found is None:
        return Pattern("use", spelled)
    given = (found["given"] or found["value"] or "").split(",")
    kind = _KINDS[(found["what"] or "")[:1]]
    wanted = tuple(_plain(one) for one in given if one)
    return Pattern(kind, found["name"], found["on"] or "", found["of"] or "", wanted)


def matches(project: Project, node: Node, wanted: Pattern) -> bool:
    """Whether a node is what a pattern names."""
    if wanted.kind == "text":
        return node.type == "string_literal" and text(node).strip('"') == wanted.name
    if wanted.kind == "number":
        return node.type == "number_literal" and _signed(node) == wanted.name
    if wanted.kind == "use":
        if node.children or text(node) != wanted.name or _handed_on(node):
            return False
        return _parts(project, node, wanted)
    if wanted.kind == "call":
        if called(node) != wanted.name:
            return False
        given = {part for one in arguments(node) for part in (_plain(text(one)), _last(one))}
        fits = {*wanted.given} <= given and (not wanted.of or wanted.of in generics(node))
        return fits and (not wanted.on or _on(project, node, wanted.on))
    wrote = written(node)
    if wrote is None or last_name(wrote[0]) != wanted.name:
        return False
    if wanted.given and (wrote[1] is None or _plain(text(wrote[1])) != ",".join(wanted.given)):
        return False
    operator = text(node.child_by_field_name("operator"))
    if wanted.kind != "write" and operator[:1] != wanted.kind[0]:
        return False
    return not wanted.on or _on(project, wrote[0], wanted.on)


def _parts(project: Project, node: Node, wanted: Pattern) -> bool:
    holder = node.parent
    if wanted.of:
        given = holder.child_by_field_name("arguments") if holder else None
        inside = {text(one).strip() for one in given.named_children} if given else set()
        if wanted.of not in {one.removeprefix("class ") for one in inside}:
            return False
        holder = holder.parent if holder else None
    return not wanted.on or (holder is not None and _on(project, holder, wanted.on))


def _handed_on(node: Node) -> bool:
    """Whether a name is but a parameter, or what a function hands on to that of its base."""
    at = node.parent
    while at is not None and not at.type.endswith(("statement", "body", "definition")):
        if at.type == "parameter_declaration":
            return text(declared(at)) == text(node)
        if at.type == "call_expression":
            function = at.child_by_field_name("function")
            scope = function.child_by_field_name("scope") if function else None
            if text(scope) == "Super" and function and node.start_byte > function.end_byte:
                return called(at) in text(function_name(node))
        at = at.parent
    return False


def function_name(node: Node) -> Node | None:
    """The name of the function that a node stands in."""
    home = function_node(node)
    return declared(home) if home else None


def _on(project: Project, node: Node, wanted: str) -> bool:
    """Whether the target of a call or access is called ``wanted``, or declared as that type."""
    function = node.child_by_field_name("function") or node
    if function.type == "qualified_identifier":
        return wanted in text(function.child_by_field_name("scope")).split("<")
    aim = target(node)
    if aim is None or aim.type == "this":
        home = function_node(node)
        name = text(declared(home)).rpartition("::")[0] if home else ""
        return wanted in project.lineage(name)
    named = last_name(aim)
    kinds = {part for one in project.variables.get(named, ()) for part in re.findall(r"\w+", one)}
    return wanted in kinds | {named} | generics(aim)


def _plain(spelled: str) -> str:
    """An expression without blanks; a number without the marks of its type."""
    joined = "".join(spelled.split())
    try:
        return str(float(joined.rstrip("fFuUlL"))).removesuffix(".0")
    except ValueError:
        return joined.replace("TEXT(", "").rstrip(")") if joined.startswith("TEXT(") else joined


def _last(node: Node) -> str:
    return last_name(node)


def _signed(node: Node) -> str:
    digits = text(node).replace("'", "")
    try:
        value = (
            float(int(digits, 0)) if digits[:2].lower() == "0x" else float(digits.rstrip("fFuUlL"))
        )
    except ValueError:
        return ""
    minus = node.parent is not None and node.parent.type == "unary_expression"
    return str(-value if minus and text(node.parent).startswith("-") else value)


def found(project: Project, nodes: Iterable[Node], wanted: Iterable[str]) -> list[Node]:
    """The nodes that one of the patterns names."""
    patterns = [pattern(one) for one in wanted]
    return [n for n in nodes if any(matches(project, n, one) for one in patterns)]
