"""What an ``expect`` of the Unity facet names: calls, writes, creations, texts and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from tree_sitter import Node

from ._code import text
from ._unity_flow import assigned, called
from ._unity_scope import Scope, generics, last_name, target_and_name
from ._unity_script import plain

_NAMED = re.compile(
    r"(?:(?P<on>[\w<>\[\],]+)\.)?(?P<name>\w+)(?:<(?P<of>[\w<>\[\], ]+)>)?"
    r"(?P<what>\((?P<given>.*)\)|\+=|-=|=(?P<value>.*))?"
)


class Pattern(NamedTuple):
    """One way to do what is asked for."""

    kind: str  # use, call, write, subscribe, unsubscribe, new, text, number
    name: str
    on: str = ""
    of: str = ""
    given: tuple[str, ...] = ()


_KINDS = {"": "use", "(": "call", "=": "write", "+": "subscribe", "-": "unsubscribe"}


@cache
def pattern(written: str) -> Pattern:
    """Read a pattern as the page of the facet describes it."""
    if written.startswith('"'):
        return Pattern("text", written.strip('"'))
    if re.fullmatch(r"-?[\d.]+f?", written):
        return Pattern("number", str(float(written.rstrip("f"))))
    if written.startswith("new "):
        return Pattern("new", plain(written.removeprefix("new ")))
    found = _NAMED.fullmatch("".join(written.split()))
    if found is None:
        return Pattern("use", written)
    given = (found["given"] or found["value"] or "").split(",")
    return Pattern(
        _KINDS[(found["what"] or "")[:1]],
        found["name"],
        found["on"] or "",
        plain(found["of"] or ""),
        tuple(one for one in given if one),
    )


def matches(scope: Scope, node: Node, wanted: Pattern) -> bool:
    """Whether a node is what a pattern names."""
    if wanted.kind == "text":
        return node.type in ("string_literal", "verbatim_string_literal") and (
            text(node).strip('@"') == wanted.name
        )
    if wanted.kind == "number":
        return node.type in ("integer_literal", "real_literal") and _signed(node) == wanted.name
    if wanted.kind == "new":
        return _creates(scope, node, wanted.name)
    if wanted.kind == "use":
        if node.named_children or text(node) != wanted.name:
            return False
        holder = node.parent
        if holder is not None and holder.type == "generic_name":
            node, holder = holder, holder.parent
        of = not wanted.of or wanted.of in generics(node)
        return of and (not wanted.on or _on(scope, holder, wanted.on))
    if wanted.kind == "call":
        _, name, given = called(node)
        function = node.child_by_field_name("function") if name else None
        fits = name == wanted.name and (not wanted.of or wanted.of in generics(function))
        fits = fits and {*wanted.given} <= {_flat(one) for one in given}
        return fits and (not wanted.on or _on(scope, function, wanted.on))
    left, operator, right = assigned(node)
    if left is None or last_name(left) != wanted.name:
        return False
    if wanted.given and (right is None or _flat(right) != ",".join(wanted.given)):
        return False
    if wanted.on and not _on(scope, left, wanted.on):
        return False
    return wanted.kind == "write" or operator == {"subscribe": "+="}.get(wanted.kind, "-=")


def _flat(node: Node) -> str:
    """An expression without blanks; a number without its suffix."""
    return _number(node).removesuffix(".0") or "".join(text(node).split())


def _signed(node: Node) -> str:
    minus = node.parent is not None and text(node.parent).startswith("-")
    prefix = node.parent is not None and node.parent.type == "prefix_unary_expression"
    return ("-" if minus and prefix else "") + _number(node)


def _number(node: Node) -> str:
    digits = text(node).replace("_", "").rstrip("fFdDmMlLuU")
    try:
        return str(float(int(digits, 0) if digits[:2].lower() in ("0x", "0b") else float(digits)))
    except ValueError:
        return ""


def _on(scope: Scope, access: Node | None, wanted: str) -> bool:
    """Whether the target of a member access is called ``wanted`` or is of that type."""
    if access is None or access.type not in (
        "member_access_expression", "conditional_access_expression",
    ):  # fmt: skip
        return False
    target, _ = target_and_name(access)
    if target is None:
        own = scope.owner(access)
        return own is not None and wanted in {t.name for t in scope.script.lineage(own)}
    given = scope.type_of(target)
    if given in scope.script.by_name:
        lineage = scope.script.lineage(scope.script.by_name[given])
        if wanted in {one.name for one in lineage} | {b for one in lineage for b in one.bases}:
            return True
    return wanted in (last_name(target), given, given.partition("<")[0])


def _creates(scope: Scope, node: Node, wanted: str) -> bool:
    if node.type == "object_creation_expression":
        given = plain(text(node.child_by_field_name("type")))
        return wanted in (given, given.partition("<")[0])
    if node.type == "array_creation_expression":
        return plain(text(node.child_by_field_name("type"))).startswith(f"{wanted}[")
    if node.type == "implicit_object_creation_expression":
        given = _target(scope, node)
        return wanted in (given, given.partition("<")[0])
    return False


def _target(scope: Scope, node: Node) -> str:
    """The type that ``new()`` is a target of."""
    at = node.parent
    while at is not None and at.type in ("parenthesized_expression", "variable_declarator"):
        at = at.parent
    if at is None:
        return ""
    if at.type == "variable_declaration" or at.type == "property_declaration":
        return plain(text(at.child_by_field_name("type")))
    left, _, _ = assigned(at)
    return scope.type_of(left)


def first(scope: Scope, nodes: Iterable[Node], wanted: Iterable[str]) -> Node | None:
    """The first node that one of the patterns names."""
    patterns = [pattern(one) for one in wanted]
    return next((n for n in nodes if any(matches(scope, n, p) for p in patterns)), None)
