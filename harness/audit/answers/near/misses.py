"""Every near miss of a known good: the table of operators, by the form of what they spoil."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from harness.audit.answers.mutants import Good
from harness.audit.answers.near import code, data, lines, markup, prose, values
from harness.audit.answers.near.forms import Piece, Table, pieces, put, whole
from harness.content.case import Case

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
    is a question to the author."""

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
        for name, (_, make) in FORMS[piece.form].items():
            made = list(dict.fromkeys(piece.holding(body) for body in make(piece)))
            for text in made[:EACH]:
                if text not in seen and (piece.one.case.prompt, text.strip()) not in right:
                    seen.add(text)
                    yield _reasoned(piece, name, text)
        for name, text in blocks(piece):
            yield Miss(piece.one, name, text)


def _reasoned(piece: Piece, name: str, text: str) -> Miss:
    """A near miss with the reason why it is wrong: what the case expects stands nowhere in it, and
    something else does."""
    if name not in OTHER:
        return Miss(piece.one, name, text)
    gone = [value for value in piece.wanted if not whole(value).search(text)]
    if len(gone) != 1 or not whole(gone[0]).search(piece.body):
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


#: those that are made here and beside the table
BESIDE = {
    "block-behind-wrong": "a second block stands behind it, for another task",
    "block-before-wrong": "a block for another task stands before it",
    "forbidden-disguised": "what is forbidden is called by another name",
    "hostile-code": "the code ends the program or forges a result instead of doing the task",
}
_CODE = values.CODE | values.OPERATORS | lines.OPERATORS | data.GARBAGE
_DATA = values.NUMBERS | values.OPERATORS | data.LEAVES | data.OPERATORS | data.GARBAGE
_TEXT = values.NUMBERS | values.OPERATORS
FORMS: dict[str, Table] = {
    "prose": _TEXT | values.CITATIONS | prose.OPERATORS | prose.LISTS,
    "table": _TEXT | prose.LISTS | data.GARBAGE,
    "json": _DATA,
    "yaml": _DATA | lines.IMAGES,
    "sql": values.OPERATORS | markup.QUERIES | data.GARBAGE | lines.OPERATORS,
    "python": _CODE | code.RESULTS | code.PYTHON,
    "markup": _TEXT | markup.OPERATORS,
    "code": _CODE | lines.IMAGES,
}


@cache
def described() -> dict[str, str]:
    """What the answers of each operator have wrong with them."""
    return BESIDE | {name: text for table in FORMS.values() for name, (text, _) in table.items()}
