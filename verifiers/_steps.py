"""Hidden tests as data: scenarios of steps, and whether what came back is what was expected.

A scenario is a list of steps. A step is a line of code that is just run, or ``do``, an expression
in the language of the answer, with what its value must be. Expected values stay on this side: what
runs beside the answer are the lines alone."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from harness.sandbox.inside.codec import Opaque

TOLERANCE = 1e-9  #: relative and absolute, where floats are compared and a step says nothing
MOST_COMBINATIONS = 20_000
FIELDS = "<fields>"  #: the one key of a named tuple, which is a list and a mapping
#: functions of Python that only look at what they are given
LOOKS = ("len", "list", "tuple", "set", "dict", "sorted", "sum", "min", "max", "any", "all")
DEMANDS = ("is", "not", "one_of", "between", "raises", "want")
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: same(a, b, TOLERANCE),
    "!=": lambda a, b: not same(a, b, TOLERANCE),
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "in": lambda a, b: any(same(a, one, TOLERANCE) for one in b),
    "not in": lambda a, b: not any(same(a, one, TOLERANCE) for one in b),
}


@dataclass(frozen=True)
class Step:
    """One line of a scenario: ``code`` and, where its value is looked at, the ``demand``."""

    code: str
    demand: Mapping[str, Any]

    @property
    def names(self) -> list[str]:
        """The names that the code is run for, as often as their values have combinations."""
        return list(self.demand.get("for", {}))

    @property
    def rows(self) -> list[list[Any]]:
        """The values of ``names``, a row for each time that the code is run. Raises
        ``ValueError``."""
        rows = [list(row) for row in product(*map(spread, self.demand.get("for", {}).values()))]
        if len(rows) > MOST_COMBINATIONS:
            raise ValueError(
                f"{self.code!r}: for: {len(rows)} combinations, expected at most"
                f" {MOST_COMBINATIONS}"
            )
        return rows


@dataclass(frozen=True)
class Scenario:
    """Steps that run one after the other on the same objects."""

    name: str
    steps: tuple[Step, ...]


def scenarios(expect: Mapping[str, Any]) -> list[Scenario]:
    """What ``expect.scenarios`` declares. Raises ``ValueError`` for what can show nothing."""
    found = []
    for number, one in enumerate(expect["scenarios"], 1):
        steps = [_step(given) for given in one["steps"]]
        if not any(step.demand for step in steps):
            raise ValueError(f"scenario {number}: no step says what its value must be")
        found.append(Scenario(one.get("name", f"scenario {number}"), tuple(steps)))
    return found


def _step(given: Any) -> Step:
    if isinstance(given, str):
        return Step(given, {})
    demand = {key: value for key, value in given.items() if key != "do"}
    if not any(key in demand for key in DEMANDS):
        raise ValueError(f"step {given['do']!r}: expected one of {', '.join(DEMANDS)}")
    return Step(given["do"], demand)


def spread(given: Any) -> Sequence[Any]:
    """The values of one name of ``for``: a list as it is, or ``from``, ``to`` and ``step``, both
    ends included. Raises ``ValueError``."""
    if not isinstance(given, Mapping):
        return list(given)
    first, last, step = given["from"], given["to"], given.get("step", 1)
    if step <= 0:
        raise ValueError(f"for: a step of {step}, expected one above 0")
    count = math.floor((last - first) / step + TOLERANCE) + 1
    return [first + n * step for n in range(min(count, MOST_COMBINATIONS + 1))]


def fault(step: Step, reply: Sequence[Any], wanted: Sequence[Any] = ()) -> str:
    """What is wrong with the reply to one step; empty where nothing is.

    A reply is ``["value", value]``, ``["compare", values, operators]``, ``["raise", names, text]``
    or ``["many", values]``, for which ``wanted`` are the right ones."""
    kind = reply[0]
    if kind == "lost":
        return f"{step.code}: {reply[1]}"
    if kind == "raise":
        return _raised(step, reply[1], reply[2])
    if not step.demand:
        return ""
    if "raises" in step.demand:
        return f"{step.code}: raised nothing, expected {_either(step.demand['raises'])}"
    if kind == "many":
        return _first_other(step, reply[1], wanted)
    value = _compared(reply[1], reply[2]) if kind == "compare" else reply[1]
    return _other(step, value, *wanted)


def _raised(step: Step, names: Sequence[str], text: str) -> str:
    wanted = step.demand.get("raises")
    if wanted is None:
        return f"{step.code}: raised {names[0] if names else 'something'}: {text}"[:400]
    listed = [wanted] if isinstance(wanted, str) else wanted
    if "any" in listed or set(listed) & set(names):
        return ""
    return f"{step.code}: raised {names[0]}, expected {_either(wanted)}"


def _either(wanted: Any) -> str:
    return wanted if isinstance(wanted, str) else " or ".join(wanted)


def _first_other(step: Step, values: Sequence[Any], wanted: Sequence[Any]) -> str:
    if len(values) != len(step.rows):
        return f"{step.code}: {len(values)} results, expected {len(step.rows)}"
    for number, (row, value) in enumerate(zip(step.rows, values, strict=True)):
        wrong = _other(step, value, *wanted[number : number + 1])
        if wrong:
            named = ", ".join(f"{name}={one!r}" for name, one in zip(step.names, row, strict=True))
            return f"for {named}: {wrong}"[:400]
    return ""


def _other(step: Step, value: Any, *right: Any) -> str:
    """What is wrong with one value; ``right`` is what ``want`` gave for it."""
    demand, within = step.demand, step.demand.get("within", TOLERANCE)
    wanted = [*right, *(demand[key] for key in ("is",) if key in demand)]
    wrong = [one for one in wanted if not same(value, one, within)]
    if wrong:
        return f"{step.code}: found {value!r}, expected {wrong[0]!r}"[:400]
    if "not" in demand and same(value, demand["not"], within):
        return f"{step.code}: found {value!r}, expected another value"[:400]
    if "one_of" in demand and not any(same(value, one, within) for one in demand["one_of"]):
        return f"{step.code}: found {value!r}, expected one of {demand['one_of']!r}"[:400]
    low, high = demand.get("between", (value, value))
    if "between" in demand and not (_number(value) and low - within <= value <= high + within):
        return f"{step.code}: found {value!r}, expected {low} to {high}"[:400]
    return ""


def _compared(values: Sequence[Any], operators: Sequence[str]) -> Any:
    """A comparison made here: both sides came back, so that no operator of the answer decides."""
    try:
        pairs = zip(values, values[1:], operators, strict=False)
        return all(OPERATORS[operator](left, right) for left, right, operator in pairs)
    except (TypeError, LookupError) as error:
        return f"{type(error).__name__}: {error}"


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def same(found: Any, wanted: Any, within: float) -> bool:
    """Whether plain data is what JSON says: any sequence is a list, keys are text, a set has no
    order, floats are equal within ``within``, and a number is no truth but 0 and 1."""
    if isinstance(found, (float, int)) and isinstance(wanted, (float, int)):
        if isinstance(found, int) and isinstance(wanted, int):
            return found == wanted
        return math.isclose(found, wanted, rel_tol=min(within, TOLERANCE), abs_tol=within)
    if isinstance(found, dict) and found.keys() == {FIELDS}:
        pairs = dict(found[FIELDS])
        found = pairs if isinstance(wanted, dict) else list(pairs.values())
    if isinstance(found, Opaque):
        try:
            found = list(found)
        except TypeError:
            return False
    if isinstance(found, (list, tuple)) and isinstance(wanted, (list, tuple)):
        both = zip(found, wanted, strict=False)
        return len(found) == len(wanted) and all(same(a, b, within) for a, b in both)
    if isinstance(found, (set, frozenset)) and isinstance(wanted, (list, set, frozenset)):
        left = [one for one in wanted if not any(same(a, one, within) for a in found)]
        return len(found) == len(wanted) and not left
    if isinstance(found, dict) and isinstance(wanted, dict):
        keyed = {_key(key): value for key, value in found.items()}
        named = {_key(key): value for key, value in wanted.items()}
        return keyed.keys() == named.keys() and all(
            same(value, named[key], within) for key, value in keyed.items()
        )
    if isinstance(found, (bytes, bytearray)) and isinstance(wanted, str):
        return found.hex() == wanted
    return type(found) is type(wanted) and bool(found == wanted)


def _key(key: Any) -> str:
    """A key as JSON could have it: ``1`` is ``"1"``, ``(0, 2)`` is ``"0,2"``."""
    if isinstance(key, tuple):
        return ",".join(map(str, key))
    return key if isinstance(key, str) else str(key)


def python_fault(code: str) -> str:
    """Why a line of a scenario is no Python; empty where it is."""
    try:
        ast.parse(code)
    except SyntaxError as error:
        return f"{code!r}: {error.msg}"
    return ""


def kept(expect: Mapping[str, Any]) -> dict[str, Any]:
    """``expect`` with a step more for each list, mapping or set that a scenario writes down and
    hands in by name: at the end it must be as it was. What a demand looks at itself is a log or a
    result, and may change."""
    asked = []
    for one in expect["scenarios"]:
        lines = [given if isinstance(given, str) else given["do"] for given in one["steps"]]
        held = _held([ast.parse(line) for line in lines if not python_fault(line)])
        demands = [given["do"] for given in one["steps"] if not isinstance(given, str)]
        watched = {name for code in demands if not python_fault(code) for name in _watched(code)}
        looks = [{"do": name, "is": value} for name, value in held.items() if name not in watched]
        asked.append({**one, "steps": [*one["steps"], *looks]})
    return {**expect, "scenarios": asked}


def _held(lines: Sequence[ast.Module]) -> dict[str, Any]:
    """The names that are bound to a literal of a list, mapping or set and changed by no line."""
    found: dict[str, Any] = {}
    for line in lines:
        for node in ast.walk(line):
            match node:
                case (
                    ast.Name(name, ast.Store() | ast.Del())
                    | ast.Attribute(ast.Name(name))
                    | ast.Subscript(ast.Name(name), ctx=ast.Store() | ast.Del())
                    | ast.NamedExpr(ast.Name(name))
                ):
                    found.pop(name, None)
        match line.body:
            case [ast.Assign([ast.Name(name)], ast.List() | ast.Dict() | ast.Set() as value)]:
                try:
                    found[name] = ast.literal_eval(value)
                except ValueError:
                    continue
    return found


def _watched(code: str) -> set[str]:
    """The names that an expression looks at, and does not merely hand to a function."""
    found, waiting = set(), list[ast.AST]([ast.parse(code)])
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Name(name):
                found.add(name)
            case ast.Call(ast.Name(name)) if name not in LOOKS:
                continue
            case ast.Call(ast.Attribute() as function):
                waiting.append(function)
                continue
        waiting += ast.iter_child_nodes(node)
    return found
