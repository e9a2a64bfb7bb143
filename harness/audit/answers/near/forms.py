"""What form a known good has, and what of it the case asks for: all that a near miss needs."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import yaml

from harness.audit.answers.mutants import Good
from harness.languages import Language

NUMBER = re.compile(r"(?<![\w.,+-])[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?![\w%]|[.,]\d)")
_FENCES = {
    "json": "json", "yaml": "yaml", "sql": "sql", "python": "python", "html": "markup",
    "xml": "markup", "svg": "markup", "csv": "table", "tsv": "table", "": "", "text": "",
    "markdown": "",
}  # fmt: skip
_SQL = re.compile(
    r"\s*(?:with\s+\w+\s+as\b|(?:select|insert|update|delete|create)\s)", re.IGNORECASE
)
_STATEMENTS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Piece:
    """A known good with its ``form`` and the ``body`` that is to be spoiled: its last block, or the
    whole text. ``others`` are the values that other cases have in the same place."""

    one: Good
    form: str
    body: str
    data: Any = None
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def holding(self, body: str) -> str:
        """The answer with another body."""
        return self.one.holding(body)

    @property
    def language(self) -> Language:
        """The language of the body, as its fence names it."""
        return self.one.code.language if self.one.code else Language("")

    @property
    def fenced(self) -> bool:
        """Whether the body stands in a fence."""
        return bool(self.one.code and self.one.code.fenced)

    @cached_property
    def wanted(self) -> dict[str, str]:
        """What the case asks for and the body holds as whole words, with a plausible other value of
        each; the longest first."""
        found: dict[str, str] = {}
        for path, value in sorted(paths(self.one.case.expect), key=lambda one: -len(one[1])):
            if value and value not in found and whole(value).search(self.body):
                found[value] = self._other(path, value)
        return found

    @cached_property
    def numbers(self) -> list[str]:
        """The numbers to spoil: the last one of prose, and those that the case asks for and the
        prompt does not give."""
        there = [match[0] for match in NUMBER.finditer(self.body)]
        prose = self.form == "prose"
        asked = [text for text in there if text in self.wanted]
        if prose:
            asked = [text for text in asked if not whole(text).search(self.one.case.prompt)]
        return list(dict.fromkeys([*(there[-1:] if prose else []), *asked]))

    @cached_property
    def words(self) -> dict[str, str]:
        """The wanted values that are no numbers."""
        return {word: other for word, other in self.wanted.items() if not NUMBER.fullmatch(word)}

    @cached_property
    def keys(self) -> set[str]:
        """The keys of data that the case or the prompt names; all of them when it names none."""
        there = set(_keys(self.data))
        asked = set(_keys(self.one.case.expect)) | {word for _, word in paths(self.one.case.expect)}
        named = {key for key in there if key in asked or whole(key).search(self.one.case.prompt)}
        return named or there

    def replaced(self, old: str, new: str, *, last: bool = False) -> str:
        """The body with ``new`` wherever ``old`` stands as a whole, or only in the last place."""
        places = [m.span() for m in whole(old).finditer(self.body)]
        body = self.body
        for start, end in reversed(places[-1:] if last else places):
            body = body[:start] + new + body[end:]
        return body

    def _other(self, path: str, value: str) -> str:
        opposite = {"yes": "no", "no": "yes", "true": "false", "false": "true"}.get(value.lower())
        rivals = [text for text in self.others.get(path, ()) if text != value]
        if NUMBER.fullmatch(value):
            return one_off(value)
        if opposite:
            return opposite.title() if value.istitle() else opposite
        if rivals:
            return rivals[sum(map(ord, value)) % len(rivals)]
        if len(value) == 1:
            return "B" if value == "A" else "A"
        return value[:-1] + ("z" if value[-1] != "z" else "y")


Bodies = Iterator[str]  #: other bodies for a piece, each wrong in the same way
Operator = Callable[[Piece], Bodies]
Table = dict[str, tuple[str, Operator]]  #: operators by name, with what their answers have wrong


def described(*operators: Operator) -> Table:
    """Functions by their names, each with its docstring."""
    return {
        make.__name__.replace("_", "-"): ((make.__doc__ or "").strip(), make) for make in operators
    }


def pieces(goods: Sequence[Good]) -> list[Piece]:
    """Every good with its form."""
    others: dict[str, list[str]] = {}
    for one in goods:
        for path, value in paths(one.case.expect):
            if value not in others.setdefault(path, []):
                others[path].append(value)
    unread = re.compile(r"^(?:```|~~~)", re.MULTILINE)
    return [_piece(one, others) for one in goods if one.code or not unread.search(one.text)]


def paths(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Every string and number in plain data with the keys that lead to it; lists count as one
    place."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from paths(inner, f"{at}.{key}")
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from paths(inner, f"{at}[]")
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield at, str(value)


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (key for key in value if isinstance(key, str))
        for inner in value.values():
            yield from _keys(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _keys(inner)


@lru_cache(maxsize=4096)
def whole(text: str) -> re.Pattern[str]:
    """``text`` where it is not a part of a longer word or number."""
    if NUMBER.fullmatch(text):
        return re.compile(rf"(?<![\w.,+-]){re.escape(text)}(?![\w%]|[.,]\d)")
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")


def put(value: Any, old: str, new: str) -> Any:
    """Plain data with another value wherever ``old`` stands."""
    if isinstance(value, Mapping):
        return {key: put(inner, old, new) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [put(inner, old, new) for inner in value]
    if isinstance(value, bool) or str(value) != old:
        return value
    return new if isinstance(value, str) else type(value)(float(new))


def one_off(number: str) -> str:
    """The next number, with as many decimals."""
    decimals = len(number.partition(".")[2])
    value = float(number.replace(",", ""))
    found = f"{value + 10**-decimals:.{decimals}f}"
    return f"{float(found):,.{decimals}f}" if "," in number else found


def _piece(one: Good, others: Mapping[str, Sequence[str]]) -> Piece:
    body = one.body
    form = _FENCES.get(one.code.language.name, "code") if one.code else ""
    data = _parsed(body, form)
    if form == "" or (form in ("json", "yaml") and data is None):
        form = "json" if data is not None else _guessed(body)
    return Piece(one, form, body, data, others)


def _parsed(body: str, form: str) -> Any:
    """A mapping or a list; ``None`` for anything else."""
    try:
        found = yaml.safe_load(body) if form == "yaml" else json.loads(body)
    except (ValueError, RecursionError, yaml.YAMLError):
        return None
    return (
        found
        if isinstance(found, (dict, list)) and found and form in ("", "json", "yaml")
        else None
    )


def _guessed(body: str) -> str:
    text = body.strip()
    if text.startswith("<") and text.endswith(">"):
        return "markup"
    if _SQL.match(text):
        return "sql"
    try:
        if any(isinstance(node, _STATEMENTS) for node in ast.parse(body).body):
            return "python"
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    lines = text.splitlines()
    marks = {line.count(",") for line in lines}
    return "table" if len(lines) > 1 and len(marks) == 1 and marks != {0} else "prose"
