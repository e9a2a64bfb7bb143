"""What a GDScript function sees: names with their types, values that can never change, and
emissions of a signal."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import lark

from ._gdscript import (
    Item,
    Tree,
    inner,
    kind,
    parameters,
    self_member,
    string,
    tokens,
    trees,
    walk,
    written,
)

UNKNOWN = object()
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge,
}  # fmt: skip
# What an argument of one type may be passed as without loss
WIDENS = {
    ("int", "float"),
    ("StringName", "String"),
    ("Vector2i", "Vector2"),
    ("String", "StringName"),
}
CALLS = {
    "int": "int", "float": "float", "bool": "bool", "String": "String", "str": "String",
    "Vector2": "Vector2",
    "randi": "int", "randi_range": "int", "randf": "float", "randf_range": "float", "absi": "int",
    "absf": "float",
    "maxi": "int", "mini": "int", "clampi": "int", "maxf": "float", "minf": "float",
    "clampf": "float", "roundi": "int",
}  # fmt: skip


@dataclass
class Reading:
    """What a function sees: its parameters, locals, the members of the script, and the signal it is
    to emit."""

    tree: Tree
    function: Tree
    signal: str
    wanted: Sequence[tuple[str, str]]
    own: dict[str, str] = field(init=False)
    names: dict[str, str] = field(init=False)
    values: dict[str, Any] = field(init=False)
    local: set[str] = field(init=False)

    def __post_init__(self) -> None:
        header = trees(self.function, "func_header")[0]
        self.own = {n: k or "" for args in trees(header, "func_args") for n, k in parameters(args)}
        self.values, self.names, self.local = {}, {}, set()
        for argument in (
            one for args in trees(header, "func_args") for one in trees(args, "func_arg_inf")
        ):
            self.own[tokens(argument)[0]] = self.type_of(trees(argument)[0])
        members = trees(self.tree, "class_var_stmt", "static_class_var_stmt", "const_stmt")
        inside = [node for node in walk(self.function) if isinstance(node, lark.Tree)]
        written_to = {
            written(node.children[0]).split()[-1] for node in inside if node.data == "assnmnt_expr"
        }
        for node in members:
            self._declare(trees(node)[0], fixed=node.data == "const_stmt")
        for node in inside:
            if node.data in ("func_var_stmt", "const_stmt"):
                name = self._declare(trees(node)[0], fixed=False)
                self.local.add(name)
                self._declare(trees(node)[0], fixed=name not in written_to)
            elif node.data in ("for_stmt", "for_stmt_typed"):
                words = tokens(node)
                self.local.add(words[0])
                self.names[words[0]] = words[1] if len(words) > 1 else ""
                self.values.pop(words[0], None)
        self.names |= self.own
        for name in self.own:
            self.values.pop(name, None)

    def _declare(self, node: Tree, fixed: bool) -> str:
        """Note the type of a declared variable, and its value if it can never change."""
        words = tokens(node)
        start = trees(node, "expr")
        typed = len(words) > 1
        self.names[words[0]] = (
            "".join(words[1].split()) if typed else self.type_of(start[0]) if start else ""
        )
        value = self.fold(start[0]) if fixed and start else UNKNOWN
        self.values.pop(words[0], None)
        if value is not UNKNOWN:
            self.values[words[0]] = value
        return words[0]

    def fold(self, node: Item) -> Any:
        """The value of a constant expression, else ``UNKNOWN``."""
        node = inner(node)
        if isinstance(node, lark.Token):
            return self._literal(node)
        if (text := string(node)) is not None:
            return text
        parts = node.children
        if node.data == "asless_actual_not_test":
            value = self.fold(parts[-1])
            return value if value is UNKNOWN else not value
        if node.data in ("or_test", "asless_or_test", "and_test", "asless_and_test"):
            values = [self.fold(one) for one in parts[::2]]
            decides = "or" in node.data
            if any(value is not UNKNOWN and bool(value) == decides for value in values):
                return decides
            return UNKNOWN if UNKNOWN in values else not decides
        if (
            node.data in ("comparison", "asless_comparison")
            and len(parts) == 3
            and str(parts[1]) in COMPARE
        ):
            return self._compared(parts[0], str(parts[1]), parts[2])
        if node.data in ("array", "dict") and not parts:
            return ()
        if (
            node.data == "standalone_call"
            and str(parts[0]) == "range"
            and [self.fold(one) for one in parts[1:]] == [0]
        ):
            return ()
        if node.data.endswith("neg_expr") and len(parts) == 2:
            value = self.fold(parts[1])
            return -value if isinstance(value, (int, float)) else UNKNOWN
        return UNKNOWN

    def _literal(self, token: lark.Token) -> Any:
        if token.type == "NUMBER":
            plain = str(token).replace("_", "")
            return float(plain) if set(plain) & set(".eE") else int(plain)
        return {"true": True, "false": False, "null": None}.get(
            str(token), self.values.get(str(token), UNKNOWN)
        )

    def _compared(self, left: Item, sign: str, right: Item) -> Any:
        a, b = self.fold(left), self.fold(right)
        if a is UNKNOWN or b is UNKNOWN:
            same = all(isinstance(inner(x), lark.Token) for x in (left, right)) and inner(
                left
            ) == inner(right)
            return sign in ("==", "<=", ">=") if same else UNKNOWN
        try:
            return COMPARE[sign](a, b)
        except TypeError:
            return UNKNOWN

    def type_of(self, node: Item) -> str:
        """The type of an expression where a reader sees it at once, else ``""``."""
        node = inner(node)
        if isinstance(node, lark.Token):
            value = self._literal(node)
            return (
                self.names.get(str(node), "")
                if value is UNKNOWN or str(node) in self.names
                else _named(value)
            )
        if node.data == "actual_type_cast":
            return str(node.children[-1])
        if node.data in ("string", "string_name"):
            return "String"
        if node.data == "standalone_call":
            return CALLS.get(str(node.children[0]), "")
        if (
            "comparison" in node.data
            or "not_test" in node.data
            or node.data.endswith(("and_test", "or_test"))
        ):
            return "bool"
        if node.data.removeprefix("asless_") in (
            "arith_expr",
            "mdr_expr",
            "actual_neg_expr",
            "pow_expr",
        ):
            found = {
                self.type_of(one)
                for one in node.children
                if str(one) not in ("+", "-", "*", "/", "%", "**")
            }
            return found.pop() if len(found) == 1 else "float" if found == {"int", "float"} else ""
        member = self_member(node)
        return "" if member is None else self.names.get(str(member), "")

    def emission(self, call: Item) -> list[Item] | None:
        """The arguments if ``call`` emits the signal, else ``None``."""
        if not isinstance(call, lark.Tree) or self.signal in self.names:
            return None
        arguments = [one for one in call.children[1:] if kind(one) != "trailing_comma"]
        called = tokens(call)[:1] if call.data == "standalone_call" else []
        if call.data == "getattr_call" and not trees(call.children[0]):
            called = tokens(call.children[0])[::2]
        called = called[1:] if called[:1] == ["self"] else called
        if called == [self.signal, "emit"]:
            return arguments
        if called == ["emit_signal"] and arguments and string(arguments[0]) == self.signal:
            return arguments[1:]
        return None


def members(tree: Tree) -> set[str]:
    """The names of the variables and constants of the script."""
    return {
        tokens(trees(node)[0])[0]
        for node in trees(tree, "class_var_stmt", "static_class_var_stmt", "const_stmt")
    }


def _named(value: object) -> str:
    return {bool: "bool", int: "int", float: "float", str: "String"}.get(type(value), "")
