"""Which paths of a GDScript function emit a signal, and with what: a small abstract interpreter.

Conditions made of literals, constants and locals that are set once are folded; any other condition
may go either way."""

from __future__ import annotations

from collections.abc import Sequence

import lark

from harness import Judgement, failed, unverified

from ._gdreading import UNKNOWN, WIDENS, Reading, members
from ._gdscript import (
    Item,
    Tree,
    functions,
    inner,
    self_member,
    tokens,
    trees,
    walk,
    where,
    written,
)

CALLS = ("standalone_call", "getattr_call", "await_expr")
LOOPS = ("while_stmt", "for_stmt", "for_stmt_typed")


class Flow:
    """Every path through the function: how often it emits (0, 1, or 2 for more) and how it ends."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.emissions: list[Tree] = []
        self.arguments: list[list[Item]] = []
        self.overwritten: dict[str, Tree] = {}
        self.opaque: list[Tree] = []  # conditions that ask something outside of the script
        body = [node for node in trees(reading.function) if node.data != "func_header"]
        self.counts = {count for count, _ in self._block(body)}

    def fault(self) -> Judgement | None:
        """Why the function does not emit the signal as asked, or ``None``."""
        reading = self.reading
        if reading.signal in reading.names:
            return failed("shadowed", f"a variable hides the signal {reading.signal}")
        disturbed = self._disturbed()
        if disturbed is not None:
            return disturbed
        if not self.emissions:
            if any(reading.emission(node) is not None for node in walk(reading.function)):
                return failed(
                    "never-reached", f"{where(reading.function)}: no path that can run emits it"
                )
            if any(
                reading.emission(n) is not None
                for _, f, _ in functions(reading.tree)
                for n in walk(f)
            ):
                return failed(
                    "other-function",
                    f"{where(reading.function)}: another function emits {reading.signal}",
                )
            return failed(
                "not-emitted", f"{where(reading.function)}: no call emits {reading.signal}"
            )
        if 0 in self.counts and self.opaque:
            return unverified(
                "conditional", f"{where(self.opaque[0])}: whether it emits depends on a call"
            )
        if 2 in self.counts:
            return failed(
                "emitted-twice", f"{where(self.emissions[-1])}: one call can emit it more than once"
            )
        for call, arguments in zip(self.emissions, self.arguments, strict=True):
            if len(arguments) != len(reading.wanted):
                return failed(
                    "argument-count",
                    f"{where(call)}: {len(arguments)} arguments, {reading.signal} has"
                    f" {len(reading.wanted)} parameters",
                )
            for position, argument in enumerate(arguments):
                wrong = self._argument_fault(position, argument)
                if wrong is not None:
                    return wrong
            wrong = self._order_fault(call, arguments)
            if wrong is not None:
                return wrong
        return None

    def _disturbed(self) -> Judgement | None:
        """Why the text of the function cannot be trusted to run as it reads."""
        reading = self.reading
        twice = reading.local & set(reading.own)
        if twice:
            return failed(
                "redeclared",
                f"{where(reading.function)}: {min(twice)} is a parameter and a variable",
            )
        for node in walk(reading.function):
            if not isinstance(node, lark.Tree):
                continue
            called = tokens(node)[:1] if node.data == "standalone_call" else []
            if node.data == "getattr_call":
                called = tokens(node.children[0])[-1:]
            if called == ["set_block_signals"]:
                return failed("blocked", f"{where(node)}: signals are blocked")
            if called == [tokens(trees(reading.function, "func_header")[0])[0]]:
                return unverified("recursive", f"{where(node)}: the function calls itself")
            if node.data == "assnmnt_expr" and written(node.children[0]).split()[-1:] == [
                reading.signal
            ]:
                return failed("assigned", f"{where(node)}: assigns to the signal")
            if node.data == "await_expr":
                return unverified("awaits", f"{where(node)}: what it waits for may never come")
        return None

    def _argument_fault(self, position: int, argument: Item) -> Judgement | None:
        reading = self.reading
        name, kind = reading.wanted[position]
        node = inner(argument)
        member = self_member(node)
        if member is not None:
            node = member
            if str(node) in reading.own and str(node) not in members(reading.tree):
                return failed(
                    "undefined-name", f"{where(node)}: self.{node} is not a member of the script"
                )
        text = str(node) if isinstance(node, lark.Token) and node.type == "NAME" else ""
        plain = text not in ("", "true", "false", "null", "self", "PI", "TAU", "INF", "NAN")
        if plain and text != name and text in [other for other, _ in reading.wanted]:
            return failed("swapped", f"{where(node)}: {text} stands where {name} belongs")
        if name in reading.own and text != name:
            if name in written(node).split():
                return unverified(
                    "computed-argument",
                    f"{where(node)}: passes an expression of {name}, not {name}",
                )
            return failed(
                "ignores-parameter", f"{where(node)}: the parameter {name} is not passed on"
            )
        if plain and text not in reading.names:
            return failed("undefined-name", f"{where(node)}: {text} is not declared in the script")
        if text in reading.own and text in self.overwritten:
            return failed(
                "overwritten",
                f"{where(self.overwritten[text])}: {text} is changed before it is emitted",
            )
        given = reading.type_of(node)
        if given in ("", ":="):
            return unverified(
                "unknown-type", f"{where(node)}: cannot tell the type of the argument for {name}"
            )
        if given != kind and (text in reading.own or (given, kind) not in WIDENS):
            return failed("argument-type", f"{where(node)}: a {given} for {name}: {kind}")
        return None

    def _order_fault(self, call: Tree, arguments: list[Item]) -> Judgement | None:
        """Parameters under names of their own must come in the order of the function."""
        names = [str(inner(one)) for one in arguments]
        own = [name for name in self.reading.own if name in names]
        used = [name for name in names if name in self.reading.own]
        renamed = [
            name for name in used if name not in [wanted for wanted, _ in self.reading.wanted]
        ]
        if len(used) != len(set(used)) or (renamed and used != own):
            return failed(
                "swapped",
                f"{where(call)}: passes {', '.join(used)}, the function has {', '.join(own)}",
            )
        return None

    def _block(self, statements: Sequence[Tree]) -> set[tuple[int, str]]:
        live, ended = {0}, set()
        for statement in statements:
            if not live:
                break
            ways = [
                (min(before + more, 2), end)
                for more, end in self._statement(statement)
                for before in live
            ]
            live = {count for count, end in ways if end == "next"}
            ended |= {way for way in ways if way[1] != "next"}
        return ended | {(count, "next") for count in live}

    def _statement(self, node: Tree) -> set[tuple[int, str]]:
        if node.data == "return_stmt":
            return {(0, "return")}
        if node.data in ("break_stmt", "continue_stmt"):
            return {(0, node.data.removesuffix("_stmt"))}
        if node.data == "if_stmt":
            return self._if(node)
        if node.data in LOOPS:
            return self._loop(node)
        if node.data == "match_stmt":
            return self._match(node)
        if node.data == "expr_stmt":
            return self._expression(inner(node.children[0]))
        return {(0, "next")}

    def _expression(self, node: Item) -> set[tuple[int, str]]:
        if isinstance(node, lark.Tree) and node.data == "assnmnt_expr":
            self.overwritten.setdefault(written(node.children[0]), node)
        if (
            isinstance(node, lark.Tree)
            and node.data == "standalone_call"
            and tokens(node)[:1] == ["assert"]
        ):
            holds = self.reading.fold(node.children[1])
            return {(0, "next")} if holds is UNKNOWN or holds else {(0, "return")}
        arguments = self.reading.emission(node)
        if arguments is None or not isinstance(node, lark.Tree):
            return {(0, "next")}
        self.emissions.append(node)
        self.arguments.append(arguments)
        return {(1, "next")}

    def _if(self, node: Tree) -> set[tuple[int, str]]:
        ends: set[tuple[int, str]] = set()
        for branch in trees(node):
            condition = trees(branch, "expr")[:1] if branch.data != "else_branch" else []
            truth = self.reading.fold(condition[0]) if condition else True
            if truth is UNKNOWN and any(
                isinstance(one, lark.Tree) and one.data in CALLS for one in walk(condition[0])
            ):
                self.opaque.append(branch)
            if truth is UNKNOWN or truth:
                ends |= self._block(_body(branch))
            if truth is not UNKNOWN and truth:
                return ends
        return ends | {(0, "next")}

    def _match(self, node: Tree) -> set[tuple[int, str]]:
        value = self.reading.fold(node.children[0])
        ends: set[tuple[int, str]] = {(0, "next")}
        for branch in trees(node, "match_branch", "guarded_match_branch"):
            pattern = inner(trees(branch, "pattern")[0].children[0])
            wildcard = isinstance(pattern, lark.Tree) and pattern.data == "wildcard_pattern"
            known = value if wildcard else self.reading.fold(pattern)
            if UNKNOWN in (value, known) or value == known:
                ends |= self._block(_body(branch))
        return ends

    def _loop(self, node: Tree) -> set[tuple[int, str]]:
        over = self.reading.fold(trees(node, "expr")[0])
        if over is not UNKNOWN and not over:
            return {(0, "next")}
        inside = self._block(_body(node))
        most = 2 if any(count and end in ("next", "continue") for count, end in inside) else 0
        ends = {(count, "return") for count, end in inside if end == "return"}
        ends |= {(count, "next") for count, end in inside if end == "break"}
        if node.data != "while_stmt" or over is UNKNOWN:
            ends.add((0, "next"))
        return ends | ({(most, "next")} if most else set())


def _body(node: Tree) -> list[Tree]:
    skip = 1 if node.data not in ("else_branch",) else 0
    if node.data == "guarded_match_branch":
        skip = 2
    return [child for child in trees(node)[skip:] if child.data != "annotation"]
