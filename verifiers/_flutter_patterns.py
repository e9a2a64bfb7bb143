"""What an ``expect`` of the Flutter facet names: calls, arguments, writes, texts and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tree_sitter import Node

from ._code import text, walk
from ._flutter_tree import Script
from ._flutter_uses import Use, plain, uses

_NAMED = re.compile(
    r"(?:(?P<on>\w+)\.)?(?P<name>\w+)(?P<of><[^()]+>)?(?P<what>\((?P<given>.*)\)|:|=(?P<value>.*))?"
)
_NUMBERS = ("decimal_integer_literal", "decimal_floating_point_literal", "hex_integer_literal")


def first(script: Script, nodes: Iterable[Node], patterns: Iterable[str]) -> Node | None:
    """The first node below ``nodes`` that one of the patterns names."""
    wanted = list(patterns)
    for node in nodes:
        found = [hit for one in wanted if (hit := _find(script, node, one))]
        if found:
            return min(found, key=lambda one: one.start_byte)
    return None


def _find(script: Script, node: Node, pattern: str) -> Node | None:
    if pattern.startswith('"'):
        inner = pattern.strip('"')
        return next(
            (n for n in walk(node) if n.type == "string_literal" and inner in text(n)), None
        )
    if re.fullmatch(r"-?(0x[0-9a-fA-F]+|[\d.]+)", pattern):
        value = number(pattern.lstrip("-")) * (-1 if pattern.startswith("-") else 1)
        return next((n for n in walk(node) if n.type in _NUMBERS and _signed(n) == value), None)
    parts = _NAMED.fullmatch(_tidy(pattern))
    if parts is None:
        return next((n for n in walk(node) if not n.children and text(n) == pattern), None)
    what = parts["what"] or ""
    if what == ":":
        return _label(node, parts["name"])
    if what.startswith("="):
        return _write(node, parts["name"], parts["value"] or "")
    named = [u for u in uses(node) if u.name == parts["name"] and _on(script, u, parts["on"])]
    if parts["of"]:
        return _generic(script, node, parts["name"], plain(parts["of"]))
    if what:
        given = [one for one in parts["given"].split(",") if one]
        return next((u.node for u in named if _called(script, u) and _given(u, given)), None)
    if parts["on"]:
        return next((u.node for u in named), None)
    return next((n for n in walk(node) if not n.children and text(n) == parts["name"]), None)


def _tidy(pattern: str) -> str:
    """A pattern without blanks, ``const``, ``?.`` and what is called before the last name."""
    bare = pattern.removeprefix("new ").removeprefix("const ").lstrip(".@")
    joined = "".join(bare.split()).replace("?.", ".").replace("!.", ".")
    before, called, last = joined.rpartition(").")
    return last if called and before.count("(") > before.count(")") else joined


def number(written: str) -> float:
    """The value of a number as it is written."""
    bare = written.replace("_", "")
    return float(int(bare, 16)) if bare.lower().startswith("0x") else float(bare)


def _signed(node: Node) -> float:
    before = node.prev_sibling
    negative = before is not None and before.type == "prefix_operator" and text(before) == "-"
    return number(text(node)) * (-1 if negative else 1)


def _label(node: Node, name: str) -> Node | None:
    return next((n for n in walk(node) if n.type == "label" and text(n).rstrip(": ") == name), None)


def _on(script: Script, use: Use, on: str | None) -> bool:
    return on in (None, use.on) or script.types.get(use.on, "").partition("<")[0] == on


def _called(script: Script, use: Use) -> bool:
    """A call, or a method that is handed over to be called."""
    own = any(use.name in c.methods for c in script.classes)
    handed = use.node.parent is not None and use.node.parent.type != "assignable_expression"
    return use.args is not None or (handed and own) or (handed and bool(use.on) and _last(use.node))


def _last(node: Node) -> bool:
    """Whether a name ends its chain."""
    at = node.parent
    while at is not None and at.type.endswith("selector"):
        after = at.next_named_sibling
        if after is not None and after.type == "selector":
            return False
        if at.parent is None or at.parent.type != "selector":
            return True
        at = at.parent
    return True


def _given(use: Use, given: list[str]) -> bool:
    has = use.arguments
    return all(
        one in has or any(one.endswith(":") and h.startswith(one) for h in has) for one in given
    )


def _generic(script: Script, node: Node, name: str, of: str) -> Node | None:
    for each in walk(node):
        if each.type in ("identifier", "type_identifier") and text(each) == name:
            place = (each.start_point.row, each.start_point.column)
            if script.generics.get(place) == of:
                return each
            after = each.next_named_sibling
            inside = list(walk(after))[:4] if after else []
            if any(n.type == "type_arguments" and plain(text(n)) == of for n in inside):
                return each
    return None


def _write(node: Node, name: str, value: str) -> Node | None:
    for each in walk(node):
        if each.type == "assignable_expression":
            names = [u.name for u in uses(each)]
            above = each.parent
            right = "".join(text(above).split()).rpartition("=")[2] if above else ""
            if names[-1:] == [name] and (not value or right == value):
                return each
        if each.type == "cascade_section" and "=" in [c.type for c in each.children]:
            written = text(each.named_children[0])
            if written == name:
                return each
    return None
