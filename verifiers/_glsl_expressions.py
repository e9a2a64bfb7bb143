"""Checking GLSL expressions: each node of the tree becomes a typed closure, or an error that names
its line."""

from __future__ import annotations

import re
from collections.abc import Callable

from tree_sitter import Node

from ._code import line, text
from ._glsl_run import Expression, Function, State, Variable, execute, part, read, store
from ._glsl_types import (
    BEYOND,
    BUILTINS,
    SWIZZLES,
    TYPES,
    GlslError,
    UnsupportedError,
    Value,
    binary,
    builtin,
    constructor,
    vector,
)

_FLOAT = re.compile(
    r"-?(?:(?:\d{1,40}\.\d{0,40}|\.\d{1,40})(?:[eE][+-]?\d{1,3})?|\d{1,40}[eE][+-]?\d{1,3})[fF]?"
)
_INT = re.compile(r"(-?(?:0[xX][0-9a-fA-F]{1,8}|\d{1,10}))([uU]?)")


def children(node: Node) -> list[Node]:
    """Named children without comments."""
    return [child for child in node.named_children if child.type != "comment"]


class Expressions:
    """What a shader knows while its expressions are checked: the scopes of variables and the
    functions so far."""

    def __init__(self) -> None:
        self.functions: dict[tuple[str, tuple[str, ...]], Function] = {}
        self.scopes: list[dict[str, Variable]] = [{}]

    def expression(self, node: Node, void: bool = False) -> Expression:
        method = EXPRESSIONS.get(node.type)
        if method is None:
            raise UnsupportedError(f"line {line(node)}: {node.type.replace('_', ' ')}")
        try:
            found = method(self, node)
        except GlslError as error:
            raise GlslError(
                str(error) if str(error).startswith("line ") else f"line {line(node)}: {error}"
            ) from None
        if found.kind == "void" and not void:
            raise GlslError(f"line {line(node)}: {text(node)[:60]!r} has no value")
        return found

    def _inside(self, node: Node) -> Expression:
        found = self.expression(children(node)[0])
        return Expression(found.kind, found.run, found.constant)

    def _number(self, node: Node) -> Expression:
        written = text(node)
        if _FLOAT.fullmatch(written):
            number = (float(written.rstrip("fF")),)
            return Expression("float", lambda _: number, True)
        integer = _INT.fullmatch(written)
        if integer is None:
            raise GlslError(f"{written[:40]!r} is no number of GLSL ES 3.00")
        digits = integer[1]
        octal = (
            len(digits.lstrip("-")) > 1
            and digits.lstrip("-")[0] == "0"
            and digits.lstrip("-")[1] not in "xX"
        )
        try:
            whole = (int(digits, 8 if octal else 0),)
        except ValueError:
            raise GlslError(f"{written!r} is no octal number") from None
        return Expression("uint" if integer[2] else "int", lambda _: whole, True)

    def _boolean(self, node: Node) -> Expression:
        truth = (node.type == "true",)
        return Expression("bool", lambda _: truth, True)

    def _find(self, name: str) -> Variable:
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        if name.startswith("gl_"):
            raise UnsupportedError(f"{name}")
        raise GlslError(f"{name!r} is not declared")

    def _identifier(self, node: Node) -> Expression:
        variable = self._find(text(node))
        return read(variable, tuple(range(TYPES[variable.kind][1])))

    def _field(self, node: Node) -> Expression:
        argument, name = (
            node.child_by_field_name("argument"),
            text(node.child_by_field_name("field")),
        )
        if argument is None or any(child.type == "->" for child in node.children):
            raise GlslError("'->' is not part of the language")
        whole = self.expression(argument)
        base, size = TYPES[whole.kind]
        letters = next((one for one in SWIZZLES if set(name) <= set(one)), None)
        if (
            size == 1
            or letters is None
            or not 1 <= len(name) <= 4
            or any(letters.index(c) >= size for c in name)
        ):
            raise GlslError(f"no .{name[:20]} of {whole.kind}")
        return part(whole, [letters.index(c) for c in name], vector(base, len(name)))

    def _subscript(self, node: Node) -> Expression:
        argument, index = [*children(node), node, node][:2]
        whole, number = self.expression(argument), text(index)
        base, size = TYPES[whole.kind]
        if not re.fullmatch(r"\d", number):
            raise UnsupportedError(f"the index {number[:40]}")
        if size == 1 or int(number) >= size:
            raise GlslError(f"no component {number} of {whole.kind}")
        return part(whole, [int(number)], base)

    def _operand(self, node: Node) -> Expression:
        """An operand; an assignment is none unless it stands in brackets."""
        if node.type in ("assignment_expression", "comma_expression"):
            raise GlslError(f"{text(node)[:40]!r} is no operand")
        return self.expression(node)

    def _unary(self, node: Node) -> Expression:
        sign, argument = (
            text(node.child_by_field_name("operator")),
            node.child_by_field_name("argument"),
        )
        assert argument is not None
        value = self._operand(argument)
        base, _ = TYPES[value.kind]
        if sign == "!" and value.kind == "bool":
            return Expression("bool", lambda state: (not value.run(state)[0],), value.constant)
        if sign == "+" and base != "bool":
            return Expression(value.kind, value.run, value.constant)
        if sign != "-" or base == "bool":
            raise GlslError(f"no operator {sign} {value.kind}")
        kind, minus = binary("-", base, value.kind)
        zero = (0.0,) if base == "float" else (0,)
        return Expression(kind, lambda state: minus(zero, value.run(state)), value.constant)

    def _binary(self, node: Node) -> Expression:
        sign = text(node.child_by_field_name("operator"))
        left, right = (self._operand(child) for child in children(node))
        kind, function = binary(sign, left.kind, right.kind)
        constant = left.constant and right.constant
        return Expression(kind, lambda state: function(left.run(state), right.run(state)), constant)

    def _conditional(self, node: Node) -> Expression:
        parts = [self.expression(child) for child in children(node)]
        if len(parts) != 3 or parts[0].kind != "bool" or parts[1].kind != parts[2].kind:
            raise GlslError(f"no {' ? : '.join(part.kind for part in parts)}")
        test, then, other = parts
        constant = all(part.constant for part in parts)
        return Expression(
            then.kind, lambda state: (then if test.run(state)[0] else other).run(state), constant
        )

    def _comma(self, node: Node) -> Expression:
        first, second = (self.expression(child, void=True) for child in children(node))
        return Expression(second.kind, lambda state: (first.run(state), second.run(state))[1])

    def _assignment(self, node: Node) -> Expression:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        assert left is not None
        assert right is not None
        target, value = self.expression(left), self.expression(right)
        sign = text(node.child_by_field_name("operator"))
        if sign != "=":
            kind, function = binary(sign[:-1], target.kind, value.kind)
            old, new = target.run, value.run
            value = Expression(kind, lambda state: function(old(state), new(state)))
        if value.kind != target.kind:
            raise GlslError(f"a {value.kind} for {target.kind} {text(left)[:40]}")
        return store(target, value.run, text(left))

    def _update(self, node: Node) -> Expression:
        argument, sign = (
            node.child_by_field_name("argument"),
            text(node.child_by_field_name("operator")),
        )
        assert argument is not None
        target = self.expression(argument)
        base, _ = TYPES[target.kind]
        if base == "bool":
            raise GlslError(f"no {sign} of {target.kind}")
        _, function = binary(sign[0], target.kind, base)
        one = (1.0,) if base == "float" else (1,)
        stored = store(target, lambda state: function(target.run(state), one), text(argument))
        if node.children[0].type == sign:
            return stored

        def after(state: State) -> Value:
            old = target.run(state)
            stored.run(state)
            return old

        return Expression(target.kind, after)

    def _call(self, node: Node) -> Expression:
        called, listed = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if (
            called is None
            or called.type not in ("identifier", "primitive_type", "type_identifier")
            or listed is None
        ):
            raise UnsupportedError(f"the call {text(node)[:60]!r}")
        name = text(called)
        if name in BEYOND:
            raise UnsupportedError(f"{name}()")
        arguments = [self.expression(child) for child in children(listed)]
        kinds = tuple(one.kind for one in arguments)
        if any(name in scope for scope in self.scopes):
            raise GlslError(f"{name} is a variable, not a function")
        if (name, kinds) in self.functions:
            return self._user_call(self.functions[name, kinds], arguments)
        if name in TYPES:
            kind, function = name, constructor(name, kinds)
        elif name in BUILTINS:
            kind, function = builtin(name, kinds)
        else:
            raise GlslError(f"no function {name[:40]}({', '.join(kinds)})")
        constant = all(one.constant for one in arguments)
        return Expression(
            kind, lambda state: function(*(one.run(state) for one in arguments)), constant
        )

    @staticmethod
    def _user_call(function: Function, arguments: list[Expression]) -> Expression:
        def run(state: State) -> Value:
            state.step()
            values = [one.run(state) for one in arguments]
            for variable, value in zip(function.parameters, values, strict=True):
                state.memory[variable.number] = value
            done = execute(function.body, state)
            if done is None and function.kind != "void":
                raise GlslError(f"{function.name} ends without returning a value")
            if done is not None and done.how == "discard":
                raise GlslError("the fragment is discarded")
            return done.value if done is not None else ()

        return Expression(function.kind, run)


EXPRESSIONS: dict[str, Callable[[Expressions, Node], Expression]] = {
    "parenthesized_expression": Expressions._inside,
    "number_literal": Expressions._number,
    "true": Expressions._boolean,
    "false": Expressions._boolean,
    "identifier": Expressions._identifier,
    "field_expression": Expressions._field,
    "subscript_expression": Expressions._subscript,
    "unary_expression": Expressions._unary,
    "binary_expression": Expressions._binary,
    "conditional_expression": Expressions._conditional,
    "comma_expression": Expressions._comma,
    "assignment_expression": Expressions._assignment,
    "update_expression": Expressions._update,
    "call_expression": Expressions._call,
}
