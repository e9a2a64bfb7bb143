"""Near misses of data: JSON and YAML with one value, key, element or mark that is not right."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from harness.audit.answers.near.forms import Bodies, Operator, Piece, described

Leaf = Callable[[Any], Any]
SAME = object()  # nothing to change here


def _written(piece: Piece, data: Any) -> str:
    """Data as the good writes it."""
    if piece.form == "yaml":
        return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    indent = 2 if "\n" in piece.body.strip() else None
    return json.dumps(data, ensure_ascii=False, indent=indent) + ("\n" if piece.fenced else "")


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in data with each of its keys or indices."""
    if isinstance(data, (dict, list)):
        for key in list(data) if isinstance(data, dict) else range(len(data)):
            yield data, key
            yield from _places(data[key])


def _edited(piece: Piece, edit: Callable[[Any, Any], bool]) -> Bodies:
    """The body once for each place that ``edit`` changes; it is given a copy of the container and
    the key."""
    for number, _ in enumerate(_places(piece.data)):
        fresh = copy.deepcopy(piece.data)
        container, key = list(_places(fresh))[number]
        named = not isinstance(key, str) or key in piece.keys
        if named and edit(container, key):
            yield _written(piece, fresh)


def _leaves(change: Leaf) -> Operator:
    def edit(container: Any, key: Any) -> bool:
        new = change(container[key])
        if new is SAME:
            return False
        container[key] = new
        return True

    return lambda piece: _edited(piece, edit)


def _number(value: Any) -> bool:
    return type(value) in (int, float)


def _as_bool(value: Any) -> Any:
    return bool(value) if _number(value) and value in (0, 1) else SAME


def _digits(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else SAME


def _emptied(value: Any) -> Any:
    return type(value)() if isinstance(value, (str, list, dict)) and value else SAME


_LEAVES: dict[str, tuple[str, Leaf]] = {
    "number-as-text": ("a number is text", lambda v: str(v) if _number(v) else SAME),
    "text-as-number": ("text of digits is a number", _digits),
    "truth-as-text": ("a truth value is text",
                      lambda v: str(v).lower() if type(v) is bool else SAME),
    "truth-as-number": ("a truth value is a number", lambda v: int(v) if type(v) is bool else SAME),
    "number-as-truth": ("a number is a truth value", _as_bool),
    "integer-with-decimals": ("an integer has decimals",
                              lambda v: v + 0.5 if type(v) is int else SAME),
    "number-changed": ("a number is another", lambda v: v + 1 if _number(v) else SAME),
    "number-negative": ("a number is negative", lambda v: -v if _number(v) and v > 0 else SAME),
    "number-not-a-number": ("NaN stands where a number was",
                            lambda v: float("nan") if _number(v) else SAME),
    "value-null": ("a value is null", lambda v: SAME if v is None else None),
    "value-emptied": ("a value is empty", _emptied),
    "value-in-list": ("a value stands in a list",
                      lambda v: SAME if isinstance(v, (list, dict)) else [v]),
    "list-as-value": ("a list of one is its element",
                      lambda v: v[0] if isinstance(v, list) and len(v) == 1 else SAME),
    "text-padded": ("blanks stand around a text",
                    lambda v: f" {v} " if isinstance(v, str) and v else SAME),
    "text-continued": ("a text goes on",
                       lambda v: f"{v} too" if isinstance(v, str) and v else SAME),
    "list-reversed": ("a list is in the reverse order",
                      lambda v: v[::-1] if isinstance(v, list) and v[::-1] != v else SAME),
    "list-element-dropped": ("an element of a list is left out",
                             lambda v: v[1:] if isinstance(v, list) and v else SAME),
    "list-element-doubled": ("an element of a list stands twice",
                             lambda v: [*v, v[0]] if isinstance(v, list) and v else SAME),
    "list-element-added": ("a list has one element more",
                           lambda v: [*v, _like(v[-1])] if isinstance(v, list) and v else SAME),
}  # fmt: skip


LEAVES = {name: (text, _leaves(leaf)) for name, (text, leaf) in _LEAVES.items()}


def key_dropped(piece: Piece) -> Bodies:
    """a key is left out"""

    def edit(container: Any, key: Any) -> bool:
        return isinstance(container, dict) and (container.pop(key), True)[1]

    return _edited(piece, edit)


def key_added(piece: Piece) -> Bodies:
    """there is one key more"""

    def edit(container: Any, key: Any) -> bool:
        first = isinstance(container, dict) and key == next(iter(container))
        if first and (piece.form == "json" or key in piece.data):
            container["note"] = "extra"
        return first

    return _edited(piece, edit)


def key_in_capitals(piece: Piece) -> Bodies:
    """a key has a capital letter"""

    def edit(container: Any, key: Any) -> bool:
        if not isinstance(container, dict) or not isinstance(key, str) or key.title() == key:
            return False
        items = [(k.title() if k == key else k, v) for k, v in container.items()]
        container.clear()
        container.update(items)
        return True

    return _edited(piece, edit)


def values_swapped(piece: Piece) -> Bodies:
    """the values of two keys are swapped"""

    def edit(container: Any, key: Any) -> bool:
        if not isinstance(container, dict):
            return False
        for other in list(container)[list(container).index(key) + 1 :]:
            mine, its = container[key], container[other]
            if type(mine) is type(its) and mine != its:
                container[key], container[other] = its, mine
                return True
        return False

    return _edited(piece, edit)


def level_added(piece: Piece) -> Bodies:
    """the data stands one level deeper"""
    yield _written(piece, {"data": piece.data})
    yield _written(piece, [piece.data])


def everything_emptied(piece: Piece) -> Bodies:
    """the container is empty"""
    yield _written(piece, type(piece.data)())


def _doubled(piece: Piece, *, right_first: bool) -> Bodies:
    if not isinstance(piece.data, dict):
        return
    for key, value in piece.data.items():
        if key not in piece.keys:
            continue
        wrong = _like(value)
        first, second = (value, wrong) if right_first else (wrong, value)
        lines = [_written(piece, {key: first}), _written(piece, piece.data | {key: second})]
        if piece.form == "yaml":
            yield lines[0] + lines[1]
        else:
            yield f"{{{lines[0].strip()[1:-1].strip()}, {lines[1].strip()[1:]}"


def key_twice(piece: Piece) -> Bodies:
    """a key stands twice, with two values"""
    for right_first in (False, True):
        yield from _doubled(piece, right_first=right_first)


def two_documents(piece: Piece) -> Bodies:
    """a second document stands behind the first"""
    other = _written(piece, _like(piece.data))
    mark = "---\n" if piece.form == "yaml" else ""
    yield f"{piece.body.rstrip()}\n{mark}{other}"


def single_quotes(piece: Piece) -> Bodies:
    """single quotes stand where JSON has double ones"""
    if piece.form == "json" and '"' in piece.body and "'" not in piece.body:
        yield piece.body.replace('"', "'")


def trailing_comma(piece: Piece) -> Bodies:
    """a comma stands behind the last element"""
    if piece.form == "json":
        yield re.sub(r"\s*([}\]])(\s*)$", r",\1\2", piece.body)


def comment_inside(piece: Piece) -> Bodies:
    """a comment stands in JSON, which has none"""
    if piece.form == "json":
        yield re.sub(r"^(\s*[{\[])", r"\1 // as asked\n", piece.body)


def constant_inside(piece: Piece) -> Bodies:
    """NaN stands in one key more"""
    if piece.form == "json" and isinstance(piece.data, dict):
        yield _written(piece, piece.data | {"share": float("nan")})


def garbage_behind(piece: Piece) -> Bodies:
    """garbage stands behind the end"""
    yield f"{piece.body.rstrip()}\n]}})\n"
    if piece.form != "yaml":
        yield f"{piece.body.rstrip()} and so on\n"


def garbage_before(piece: Piece) -> Bodies:
    """garbage stands before the beginning"""
    yield f")]}}\n{piece.body}"
    if piece.form != "yaml":
        yield f"answer {piece.body}"


OPERATORS = described(
    key_dropped, key_added, key_in_capitals, values_swapped, level_added, everything_emptied,
    key_twice, two_documents, single_quotes, trailing_comma, comment_inside, constant_inside,
)  # fmt: skip
GARBAGE = described(garbage_behind, garbage_before)


def _like(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, dict):
        return {key: _like(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_like(inner) for inner in value]
    return f"{value}z" if isinstance(value, str) else "other"
