"""Every near miss of a known good: the table of operators, by the form of what they spoil."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache

from harness.audit.answers.mutants import Good
from harness.audit.answers.near import code, data, markup, prose, values
from harness.audit.answers.near.forms import Piece, pieces

Operator = Callable[[Piece], Iterator[str]]
EACH = 6  # near misses that one operator makes of one good, at most


def near(goods: Sequence[Good]) -> Iterator[tuple[Good, str, str]]:
    """``(good, operator, text)`` of every near miss that differs from every good of its case."""
    right = {(one.case.prompt, one.text.strip()) for one in goods}
    for piece in pieces(goods):
        seen: set[str] = set()
        for name, make in _of_form(piece.form).items():
            made = list(dict.fromkeys(piece.holding(body) for body in make(piece)))
            for text in made[:EACH]:
                if text not in seen and (piece.one.case.prompt, text.strip()) not in right:
                    seen.add(text)
                    yield piece.one, name, text
        for name, text in blocks(piece):
            yield piece.one, name, text


def blocks(piece: Piece) -> Iterator[tuple[str, str]]:
    """The block of another task behind the right one."""
    if piece.fenced:
        for _, text in piece.one.others[:2]:
            yield "block-behind-wrong", f"{piece.one.text.rstrip()}\n\n{text}"


@cache
def described() -> dict[str, str]:
    """What each operator makes, as the clause 'the answer is right, but ...'."""
    found: dict[str, str] = {
        "block-behind-wrong": "a second block stands behind it, for another task",
    }
    for table in (values.NUMBERS, values.DATES, data.LEAVES, markup.SQL, code.RESULTS):
        found |= {name: text for name, (text, _) in table.items()}
    for row in _rows().values():
        found |= {_name(make): (make.__doc__ or "").strip() for make in row}
    return found


def _name(make: Operator) -> str:
    return make.__name__.replace("_", "-")


def _rows() -> dict[str, list[Operator]]:
    """The operators that are functions with a name, by what they spoil."""
    return {
        "values": values.OPERATORS, "prose": prose.OPERATORS, "lists": prose.LISTS,
        "data": data.OPERATORS, "garbage": data.GARBAGE, "python": code.PYTHON, "lines": code.LINES,
        "images": code.IMAGES, "markup": markup.OPERATORS, "sql": markup.QUERIES,
    }  # fmt: skip


_BY_FORM = {
    "prose": "values prose lists",
    "table": "values lists garbage",
    "json": "values data garbage",
    "yaml": "values data garbage images",
    "sql": "values sql garbage lines",
    "python": "values python lines garbage",
    "markup": "values markup",
    "code": "values lines garbage images",
}


@cache
def _of_form(form: str) -> dict[str, Operator]:
    rows = _rows()
    numbers = values.NUMBERS
    if form in ("python", "code"):
        numbers = {name: numbers[name] for name in values.CODE_NUMBERS}
    tables = [values.DATES] if form == "sql" else [numbers, values.DATES]
    tables += {
        "json": [{n: (t, data.made(leaf)) for n, (t, leaf) in data.LEAVES.items()}],
        "yaml": [{n: (t, data.made(leaf)) for n, (t, leaf) in data.LEAVES.items()}],
        "sql": [markup.SQL],
        "python": [code.RESULTS],
    }.get(form, [])
    found = {name: make for table in tables for name, (_, make) in table.items()}
    for row in _BY_FORM[form].split():
        found |= {_name(make): make for make in rows[row]}
    return found
