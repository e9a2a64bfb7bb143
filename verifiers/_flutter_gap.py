"""The context and setState after an await: a walk through the code of each function."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from harness import Judgement, failed

from ._code import text, walk
from ._flutter_reach import CLOSURES
from ._flutter_tree import Class, Member, Script
from ._flutter_uses import where
from ._words import words

_EXITS = words(
    "return_statement break_statement continue_statement rethrow_expression throw_expression"
)
_LATER = words("then whenComplete catchError delayed microtask onError")


class Gap:
    """One walk through the code of a function, that knows whether the widget may be gone."""

    def __init__(self, one: Class | None, params: set[str]) -> None:
        self.one, self.params = one, params
        self.faults: list[tuple[Node, str]] = []
        self.seen: set[str] = set()

    def run(self, node: Node, gone: bool) -> bool:
        """Walk through ``node``; whether the widget may be gone behind it."""
        kind = node.type
        if kind in CLOSURES:
            return gone
        if kind == "if_statement":
            return self._if(node, gone)
        if kind == "await_expression":
            for child in node.children:
                gone = self.run(child, gone)
            return True
        if kind in ("for_statement", "while_statement", "do_statement"):
            after = self._all(node, gone) or any(c.type == "await" for c in node.children)
            return self._all(node, True) if after and not gone else after
        if kind in ("logical_and_expression", "conditional_expression"):
            return self._and(node, gone)
        if kind == "try_statement":
            return self._try(node, gone)
        if kind in ("switch_statement", "switch_expression"):
            body = node.child_by_field_name("body")
            before = gone
            ends = [self.run(c, before) for c in (body.children if body else node.children)]
            return any(ends)
        if kind in ("identifier", "identifier_dollar_escaped"):
            self._use(node, gone)
            return gone
        return self._all(node, gone)

    def _all(self, node: Node, gone: bool) -> bool:
        for child in node.children:
            gone = self.run(child, gone)
        return gone

    def _if(self, node: Node, gone: bool) -> bool:
        branches = [
            c for n in ("consequence", "alternative") for c in node.children_by_field_name(n)
        ]
        condition = [c for c in node.named_children if c not in branches]
        for child in condition:
            gone = self.run(child, gone)
        asked = "".join("".join(text(c).split()) for c in condition)
        there = any(_is_mounted(c, positive=True) for c in condition)
        absent = any(_is_mounted(c, positive=False) for c in condition)
        states = []
        for number, branch in enumerate(branches):
            start = gone and not (there if number == 0 else absent)
            end = self.run(branch, start)
            if not exits(branch):
                states.append(end)
        if len(branches) < 2:
            states.append(gone and not absent)
        return any(states) if asked else gone

    def _and(self, node: Node, gone: bool) -> bool:
        for child in node.named_children:
            gone = self.run(child, gone)
            if _is_mounted(child, positive=True) or text(child) == "mounted":
                gone = False
        return gone or "await" in [c.type for c in walk(node)]

    def _try(self, node: Node, gone: bool) -> bool:
        body = node.child_by_field_name("body")
        awaits = body is not None and any(c.type == "await_expression" for c in walk(body))
        after = self.run(body, gone) if body else gone
        ends = [] if body is not None and exits(body) else [after]
        for child in node.named_children:
            if child.type == "block" and child != body:
                end = self.run(child, gone or awaits)
                ends += [] if exits(child) else [end]
            elif child.type == "finally_clause":
                end = self.run(child, gone or awaits)
                ends = [end]
        return any(ends)

    def _use(self, node: Node, gone: bool) -> None:
        name = text(node)
        if not gone or (node.parent and node.parent.type == "label"):
            return
        if (
            node.parent is not None
            and "selector" in node.parent.type
            and node.parent.type != "selector"
        ):
            return
        after = node.next_named_sibling
        if name in self.params and "mounted" not in text(after)[:9]:
            self.faults.append((node, f"{name} is used after an await without a look at mounted"))
        if (
            self.one is not None
            and self.one.is_state
            and name == "setState"
            and "setState" not in self.params
        ):
            self.faults.append((node, "setState after an await without a look at mounted"))
        helper = self.one.methods.get(name) if self.one else None
        if (
            helper
            and helper.body
            and text(after).startswith("(")
            and name not in self.seen
            and not helper.is_async
        ):
            self.seen.add(name)
            self.run(helper.body, True)


def _is_mounted(node: Node, *, positive: bool) -> bool:
    """Whether a condition can only hold while mounted, or (not ``positive``) holds once it is
    gone."""
    if node.type == "parenthesized_expression":
        return any(_is_mounted(c, positive=positive) for c in node.named_children)
    joined = "logical_and_expression" if positive else "logical_or_expression"
    if node.type == joined:
        parts = "".join(text(node).split()).split("&&" if positive else "||")
        return bool(_told(parts, positive))
    if positive and node.type in ("identifier", "selector"):
        return text(node) in ("mounted", ".mounted")
    return (
        not positive
        and "".join(text(node).split()).startswith("!")
        and text(node).endswith("mounted")
    )


def _told(parts: list[str], positive: bool) -> set[str]:
    """The parts of a condition that are a look at mounted."""
    found = {p.strip("()") for p in parts if p.strip("(!)").split(".")[-1] == "mounted"}
    return {p for p in found if p.startswith("!") is not positive}


def exits(node: Node) -> bool:
    """Whether code never goes on behind ``node``."""
    if node.type in _EXITS:
        return True
    if node.type in ("block", "expression_statement"):
        return bool(node.named_children) and exits(node.named_children[-1])
    return False


def gap_faults(script: Script) -> Iterator[Judgement]:
    """The context and setState behind an await, without a look at mounted between them."""
    for one, member in [(c, m) for c in script.classes for m in c.members] + [
        (None, m) for m in script.functions
    ]:
        bodies = [
            (n, _contexts(n, member))
            for n in walk(member.body or member.node)
            if n.type in CLOSURES
        ]
        if member.body is not None:
            bodies.append((member.body, _contexts(member.node, member)))
        for body, contexts in bodies:
            gap = Gap(one, contexts | ({"context"} if one is None or one.is_state else set()))
            for child in _code(body):
                gap.run(child, runs_later(body))
            for node, note in gap.faults:
                yield failed("after-await", where(node, note))


def _code(body: Node) -> list[Node]:
    inner = body.child_by_field_name("body") if body.type in CLOSURES else body
    if body.type == "local_function_declaration":
        inner = next((n for n in walk(body) if n.type == "function_body"), None)
    return inner.children if inner else []


def _contexts(node: Node, member: Member) -> set[str]:
    """The names of contexts that are seen from a function."""
    found = {"context"}
    for part in (node, member.node):
        for each in walk(part):
            if each.type == "formal_parameter" and "BuildContext" in text(each):
                found.add(text(each).split()[-1])
            if (
                part is node
                and each.type == "formal_parameter"
                and text(each) in ("setState", "setDialogState")
            ):
                found.add("setState")
    return found - {"setState"} if "setState" not in found else found


def runs_later(closure: Node) -> bool:
    """Whether a closure runs when a future ends."""
    call = closure.parent
    while call is not None and call.type not in (
        "selector",
        "argument_part",
        "expression_statement",
    ):
        call = call.parent
    if closure.type not in CLOSURES or call is None:
        return False
    if call.type == "argument_part" and call.parent is not None:
        call = call.parent
    before = call.prev_named_sibling if call.type in ("selector", "argument_part") else None
    return before is not None and text(before).lstrip("?.") in _LATER
