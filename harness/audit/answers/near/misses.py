"""Every near miss of a known good: the table of operators, by the form of what they spoil."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from harness.audit.answers.mutants import Good
from harness.audit.answers.near import code, data, lines, markup, prose, values
from harness.audit.answers.near.forms import Piece, pieces, put, whole
from harness.content.case import Case

Operator = Callable[[Piece], Iterator[str]]
RESULTS, NUMBERS, LEAVES = code.RESULTS, values.NUMBERS, data.LEAVES
EACH = 6  # near misses that one operator makes of one good, at most
OTHER = (
    "another-value",
    "number-one-off",
)  # what they put in stands for itself, not for another spelling


@dataclass(frozen=True)
class Miss:
    """One answer that is nearly ``one``. With ``why`` it is wrong by construction for a verifier
    that fails the good itself in the ``other`` case, for which this answer would be right; else it
    is a question to the author.
    """

    one: Good
    operator: str
    text: str
    why: str = ""
    other: Case | None = None


def near(goods: Sequence[Good]) -> Iterator[Miss]:
    """Every near miss that differs from every good of its case."""
    right = {(one.case.prompt, one.text.strip()) for one in goods}
    for piece in pieces(goods):
        seen: set[str] = set()
        for name, make in _of_form(piece.form).items():
            made = list(dict.fromkeys(piece.holding(body) for body in make(piece)))
            for text in made[:EACH]:
                if text not in seen and (piece.one.case.prompt, text.strip()) not in right:
                    seen.add(text)
                    yield _reasoned(piece, name, text)
        for name, text in blocks(piece):
            yield Miss(piece.one, name, text)


def _reasoned(piece: Piece, name: str, text: str) -> Miss:
    """A near miss with the reason why it is wrong: what the case expects stands nowhere in it, and
    something else does.
    """
    gone = [value for value in piece.wanted if not whole(value).search(text)]
    if name not in OTHER or len(gone) != 1 or not whole(gone[0]).search(piece.body):
        return Miss(piece.one, name, text)
    wanted, found = gone[0], piece.wanted[gone[0]]
    case = piece.one.case
    other = Case(case.id, case.prompt, put(case.expect, wanted, found))
    why = f"the case expects {wanted!r}, and {found!r} stands in every place of it"
    return Miss(piece.one, name, text, why, other)


def blocks(piece: Piece) -> Iterator[tuple[str, str]]:
    """The block of another task beside the right one."""
    if piece.fenced:
        for text in piece.one.others[:2]:
            yield "block-behind-wrong", f"{piece.one.text.rstrip()}\n\n{text}"
            yield "block-before-wrong", f"{text.rstrip()}\n\n{piece.one.text}"


@cache
def described() -> dict[str, str]:
    """What each operator makes, as the clause 'the answer is right, but ...'."""
    found: dict[str, str] = {
        "block-behind-wrong": "a second block stands behind it, for another task",
        "block-before-wrong": "a block for another task stands before it",
        "forbidden-disguised": "what is forbidden is called by another name",
        "hostile-code": "the code ends the program or forges a result instead of doing the task",
    }
    tables: list[Mapping[str, tuple[str, object]]] = [
        values.NUMBERS, values.DATES, data.LEAVES, markup.SQL, code.RESULTS
    ]  # fmt: skip
    for table in tables:
        found |= {name: text for name, (text, _) in table.items()}
    for row in _rows().values():
        found |= {_name(make): (make.__doc__ or "").strip() for make in row}
    return found


def _name(make: Operator) -> str:
    return make.__name__.replace("_", "-")


def _rows() -> dict[str, list[Operator]]:
    """The operators that are functions with a name, by what they spoil."""
    rows: dict[str, Sequence[Operator]] = {
        "values": values.OPERATORS, "prose": prose.OPERATORS, "lists": prose.LISTS,
        "data": data.OPERATORS, "garbage": data.GARBAGE, "python": code.PYTHON, "lines": lines.OPERATORS,
        "images": lines.IMAGES, "markup": markup.OPERATORS, "sql": markup.QUERIES,
    }  # fmt: skip
    return {name: list(row) for name, row in rows.items()}


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
    """The operators that spoil answers of one form, by name."""
    numbers = values.NUMBERS
    if form in ("python", "code"):
        numbers = {name: numbers[name] for name in values.CODE_NUMBERS}
    tables: list[Mapping[str, tuple[str, Operator]]] = [values.DATES]
    if form != "sql":
        tables.append(numbers)
    if form in ("json", "yaml"):
        tables.append({name: (text, data.made(leaf)) for name, (text, leaf) in data.LEAVES.items()})
    if form in ("sql", "python"):
        tables.append(markup.SQL if form == "sql" else code.RESULTS)
    found = {name: make for table in tables for name, (_, make) in table.items()}
    for row in _BY_FORM[form].split():
        found |= {_name(make): make for make in _rows()[row]}
    return found
