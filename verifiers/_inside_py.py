"""The program that a sandbox loads to run scenarios on a Python answer. It runs in there, on the
standard library alone, and knows of no expected value: it only says what came of each step."""

from __future__ import annotations

import ast
import builtins
import collections
import dataclasses
import sys
import types
from typing import Any

OPERATORS = {
    "Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "In": "in",
    "NotIn": "not in",
}  # fmt: skip


def run(source: str, scenarios: list[Any], orders: list[list[int]], anew: bool) -> list[Any]:
    """What came of the steps of each scenario, for each order in which all of them are run.

    Each scenario gets the program loaded ``anew``, or all of them one."""
    own = dict(vars(builtins))  # before the program can put others in their place
    code = compile(source, "<answer>", "exec", dont_inherit=True)
    module = None if anew else _load(code)
    return [
        [[number, _scenario(module or _load(code), own, scenarios[number])] for number in order]
        for order in orders
    ]


def reference(code: str, names: list[str], rows: list[list[Any]]) -> list[Any]:
    """The value of an expression for each row of values: the answer is not in this process."""
    compiled = compile(code, "<want>", "eval")
    return [eval(compiled, dict(zip(names, row, strict=True))) for row in rows]


def _load(code: types.CodeType) -> types.ModuleType:
    module = types.ModuleType("answer")
    sys.modules["answer"] = module  # where dataclasses and typing look their names up
    exec(code, module.__dict__)
    return module


def _scenario(module: types.ModuleType, own: dict[str, Any], steps: list[Any]) -> list[Any]:
    space = {**vars(module), "__builtins__": own}
    said = []
    for code, names, rows in steps:
        try:
            said.append(_step(code, names, rows, space))
        except BaseException as error:
            kinds = [kind.__name__ for kind in type(error).__mro__]
            said.append(["raise", kinds, _text(error)])
    return said


def _step(code: str, names: list[str], rows: list[Any], space: dict[str, Any]) -> list[Any]:
    tree = ast.parse(code)
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
        exec(compile(tree, "<step>", "exec"), space)
        return ["value", None]
    if names:
        compiled = compile(code, "<step>", "eval")
        values = []
        for row in rows:
            space.update(zip(names, row, strict=True))
            values.append(_plain(eval(compiled, space), 0))
        return ["many", values]
    node = tree.body[0].value
    if isinstance(node, ast.Compare):
        operators = [OPERATORS.get(type(one).__name__) for one in node.ops]
        if None not in operators:
            sides = [_value(one, space) for one in (node.left, *node.comparators)]
            return ["compare", sides, operators]
    return ["value", _value(node, space)]


def _value(node: ast.expr, space: dict[str, Any]) -> Any:
    return _plain(eval(compile(ast.Expression(node), "<step>", "eval"), space), 0)


def _plain(value: Any, depth: int) -> Any:
    """Data classes and named tuples as mappings, deques as lists, also inside of containers."""
    if depth > 20:
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {one.name: _plain(getattr(value, one.name, None), depth + 1) for one in fields}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {
            "<fields>": [[one, _plain(getattr(value, one), depth + 1)] for one in value._fields]
        }
    if isinstance(value, (list, tuple, collections.deque)):
        return [_plain(one, depth + 1) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one, depth + 1) for key, one in value.items()}
    return value


def _text(error: BaseException) -> str:
    try:
        return str(error)[:200]
    except BaseException:
        return ""
