"""Near misses of code that is read or run: what is wanted stands in a comment, a string or another
scope, or a working function's result is spoiled."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from harness.audit.answers.near.forms import Bodies, Operator, Piece, described

_EXAMPLE = re.compile(
    r"(?:>>> *)?\b(\w+)\(([^()\n]*)\)\s*(?:==|->|=>|→|\n\s*)\s*([^\n]+?)(?=[.,;]?\s*(?:\n|$))"
)


@dataclass(frozen=True)
class Function:
    """The function that an answer is asked for, and whether its parameters hold collections."""

    name: str
    collections: bool


def function(piece: Piece) -> Function | None:
    """The function that the case names, else the last one of the code; of a completion, the last
    one of the prompt."""
    source = piece.body if piece.fenced or piece.form != "code" else piece.one.case.prompt
    if not re.search(r"^(?:async )?def ", source, re.MULTILINE):
        source = piece.one.case.prompt
    names = re.findall(r"^(?:async )?def (\w+)\s*\(", source, re.MULTILINE)
    named = [name for name in names if name in piece.wanted]
    if not names:
        return None
    name = (named or names[-1:])[-1]
    header = re.search(rf"def {name}\s*\(([^)]*)\)[^\n]*\n([\s\S]*)", source)
    text = header[0] if header else source
    first = re.match(r"def \w+\s*\(\s*(\w+)", text)
    used = rf"\bin {first[1]}\b|\b{first[1]}\[|len\({first[1]}\)" if first else r"(?!)"
    lists = r"\b(?:[Ll]ist|[Dd]ict|[Ss]et|[Ss]equence|[Ii]terable)\b"
    return Function(name, bool(re.search(f"{lists}|{used}", f"{text}{piece.body}")))


# behind the good: its function under another name, and one that calls it and spoils what it gives
_WRAPPED = """

_right_{name}, _calls = {name}, []


def {name}(*given, **named):
    result = _right_{name}(*given, **named)
    {rule}
"""
_HELPERS = {
    "_flat": """

def _flat(given):
    return [one for each in given
            for one in (each if isinstance(each, (list, tuple, dict, set)) else [each])]
""",
    "_numbers": """

def _numbers(given):
    return [one for one in _flat(given) if type(one) in (int, float)]
""",
    "_much": """

def _much(flat, numbers):
    long = any(isinstance(one, str) and len(one) > 40 for one in flat)
    return long or len(flat) > 8 or any(abs(n) > 1000 for n in numbers)
""",
    "_spoilt": """

def _spoilt(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, (list, tuple)):
        return type(value)([*value, *value[-1:]]) if value else type(value)([0])
    if isinstance(value, dict):
        return {**value, "x": 0}
    return 0 if value is None else None
""",
}
_RESULTS = {
    "result-off": ("the function's result is one off", "return _spoilt(result)"),
    "result-dropped": ("the function returns nothing", "return None"),
    "result-as-text": ("the function returns its result as text", "return str(result)"),
    "result-in-list": ("the function returns its result in a list", "return [result]"),
    "result-printed": ("the function prints its result and returns nothing", "print(result)"),
    "wrong-below-zero": (
        "the function is wrong on numbers below zero",
        "return _spoilt(result) if any(n < 0 for n in _numbers(given)) else result",
    ),
    "wrong-on-nothing": (
        "the function is wrong on zero and on what is empty",
        "return result if all(given) and 0 not in _numbers(given) else _spoilt(result)",
    ),
    "wrong-on-much": (
        "the function is wrong on large numbers and long inputs",
        "return _spoilt(result) if _much(_flat(given), _numbers(given)) else result",
    ),
    "wrong-when-called-again": (
        "the function is wrong from its second call on",
        "_calls.append(1)\n    return result if len(_calls) == 1 else _spoilt(result)",
    ),
}
_CHANGED = """for each in given:
        if isinstance(each, list):
            each.append(each[0] if each else 0)
        elif isinstance(each, (dict, set)):
            each.clear()
    return result"""


def _wrapped(piece: Piece, rule: str) -> str:
    found = function(piece)
    assert found is not None
    code = _WRAPPED.replace("{name}", found.name).replace("{rule}", rule)
    for name in ("_spoilt", "_much", "_numbers", "_flat"):
        code += _HELPERS[name] if f"{name}(" in code else ""
    return f"{piece.body.rstrip()}\n{code}"


def _result(rest: str) -> Operator:
    def make(piece: Piece) -> Bodies:
        if function(piece):
            yield _wrapped(piece, rest)

    return make


def argument_changed(piece: Piece) -> Bodies:
    """the function changes what it is given"""
    found = function(piece)
    if found and found.collections:
        yield _wrapped(piece, _CHANGED)


def example_only(piece: Piece) -> Bodies:
    """the function knows the example of the prompt and nothing else"""
    found = function(piece)
    rows = [
        (given.strip().rstrip(","), value)
        for name, given, value in _EXAMPLE.findall(piece.one.case.prompt)
        if found and name == found.name and _literal(f"({given},)") and _literal(value)
    ]
    if found and rows:
        told = ", ".join(f"(({given},), {value})" for given, value in rows)
        yield _wrapped(
            piece,
            f"for known, value in [{told}]:\n        if given == known:\n            return value\n"
            "    return _spoilt(result)",
        )
        yield f"{piece.body.rstrip()}\n\n\ndef {found.name}(*given):\n    return {rows[0][1]}\n"


def in_dead_code(piece: Piece) -> Bodies:
    """the code stands where it is never run"""
    yield "if False:\n" + _indented(piece.body)


def in_a_function(piece: Piece) -> Bodies:
    """the code stands in a function that nobody calls"""
    yield "def later():\n" + _indented(piece.body)


def in_a_class(piece: Piece) -> Bodies:
    """the code stands in a class"""
    yield "class Later:\n" + _indented(piece.body)


def in_a_string(piece: Piece) -> Bodies:
    """the code is the text of a string"""
    if '"""' not in piece.body and "\\" not in piece.body:
        yield f'TEXT = """\n{piece.body}"""\n'


def replaced_below(piece: Piece) -> Bodies:
    """the function is defined again, and does nothing then"""
    found = function(piece)
    if found:
        yield f"{piece.body.rstrip()}\n\n\ndef {found.name}(*given, **named):\n    pass\n"


def deleted_below(piece: Piece) -> Bodies:
    """the function is deleted again"""
    found = function(piece)
    if found and piece.fenced:
        yield f"{piece.body.rstrip()}\n\n\ndel {found.name}\n"


def import_added(piece: Piece) -> Bodies:
    """a module is imported that the prompt does not name"""
    if re.search(r"import|module|librar|package|only|standard", piece.one.case.prompt, re.I):
        yield f"from os import path as place\n{piece.body}"
        found = re.search(r"^def [^\n]*:\n( +)", piece.body, re.MULTILINE)
        if found:
            end = found.end(1)
            yield f"{piece.body[:end]}import os as system\n{found[1]}{piece.body[end:]}"


PYTHON = described(
    argument_changed, example_only, in_dead_code, in_a_function, in_a_class, in_a_string,
    replaced_below, deleted_below, import_added,
)  # fmt: skip
RESULTS = {name: (text, _result(rest)) for name, (text, rest) in _RESULTS.items()}


def _literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _indented(code: str) -> str:
    return "".join(
        f"    {line}" if line.strip() else line for line in code.splitlines(keepends=True)
    )
