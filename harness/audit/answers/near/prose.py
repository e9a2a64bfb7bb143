"""Near misses of a text: more than was asked, several answers at once, an answer taken back, and
lists that are not quite the list."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from harness.audit.answers.near.forms import Bodies, Piece, described, one_off

_SENTENCE = re.compile(r"[^\n.!?]*(?:[.!?](?!\s|$)[^\n.!?]*)*[.!?]?")
_VERB = re.compile(r"\b(is|are|was|were|has|have|can|will|does|do|must|should)\b")
_COMMAS = re.compile(r"[^\n,;:.]+(?:(, ?|; ?)[^\n,;:.]+)(?:\1[^\n,;:.]+)*")
_BULLET = re.compile(r"^(?:[-*+]|\d+[.)]) ")


def _rivals(piece: Piece) -> Iterator[tuple[str, str]]:
    """The value that a text answers with, and another one: the last number, and every word
    wanted."""
    for number in piece.numbers[:1]:
        yield number, one_off(number)
    yield from piece.words.items()


def another_behind(piece: Piece) -> Bodies:
    """another answer stands behind the right one"""
    for value, other in _rivals(piece):
        yield piece.replaced(value, f"{value} or {other}", last=True)
        line = _swapped(piece, _line(piece.body, value), value, other)
        yield f"{piece.body.rstrip()}\n{line}"
        yield f"{piece.body.rstrip()} {line}"


def another_before(piece: Piece) -> Bodies:
    """another answer stands before the right one"""
    for value, other in _rivals(piece):
        yield piece.replaced(value, f"{other} or {value}", last=True)
        line = _swapped(piece, _line(piece.body, value), value, other)
        yield f"{line}\n{piece.body}"
        yield f"{line} {piece.body}"


def candidates_listed(piece: Piece) -> Bodies:
    """the right value is one of several"""
    for value, other in _rivals(piece):
        more = one_off(other) if other.isdigit() else "something else"
        yield piece.replaced(value, f"{other}, {value}, {more}", last=True)


def denied(piece: Piece) -> Bodies:
    """what is right is denied"""
    rivals = list(_rivals(piece))
    for value, other in rivals:
        yield piece.replaced(value, f"not {value}", last=True)
        yield piece.replaced(value, f"not {value} but {other}", last=True)
    for line in {_line(piece.body, value) for value, _ in rivals} or {piece.body}:
        if _VERB.search(line):
            yield piece.body.replace(line, _VERB.sub(r"\1 not", line, count=1))
        elif not rivals:
            yield f"It is not true that {line}"


def only_named(piece: Piece) -> Bodies:
    """the right values are named and nothing is said of them"""
    if len(piece.words) > 1 and len(piece.body.split()) > 2 * len(piece.words):
        yield " ".join(piece.words)


def text_before(piece: Piece) -> Bodies:
    """more stands before the answer"""
    if len(_parts(piece.body)) == 1:
        yield f"Some would say: {piece.body}"
        yield f"This is a longer story.\n{piece.body}"


def text_behind(piece: Piece) -> Bodies:
    """more stands behind the answer"""
    body = piece.body.rstrip()
    yield f"{body} It also won a prize in spring."
    yield f"{body}\nThis is a longer story."
    if len(_parts(body)) == 1 or piece.numbers:
        yield f"{body} and more"


def element_dropped(piece: Piece) -> Bodies:
    """an element of the list is left out"""
    for items, put in _lists(piece):
        yield put(items[1:])
        yield put(items[:-1])


def element_doubled(piece: Piece) -> Bodies:
    """an element of the list stands twice"""
    for items, put in _lists(piece):
        yield put([*items, items[0]])
        yield put([items[0], *items])


def element_added(piece: Piece) -> Bodies:
    """the list has one element more"""
    for items, put in _lists(piece):
        yield put([*items, _like(items)])
        yield put([_like(items), *items])


def element_replaced(piece: Piece) -> Bodies:
    """one element of the list is another"""
    for items, put in _lists(piece):
        yield put([*items[:-1], _like(items)])
        yield put([_like(items), *items[1:]])


def order_reversed(piece: Piece) -> Bodies:
    """the list is in the reverse order"""
    for items, put in _lists(piece):
        yield put(items[::-1])


OPERATORS = described(
    another_behind, another_before, candidates_listed, denied, only_named, text_before, text_behind,
)  # fmt: skip
LISTS = described(element_dropped, element_doubled, element_added, element_replaced, order_reversed)


def _parts(body: str) -> list[str]:
    return [match[0] for match in _SENTENCE.finditer(body) if match[0].strip()]


def _line(body: str, value: str) -> str:
    """The last sentence or line that holds a value."""
    found = [m[0].strip() for m in _SENTENCE.finditer(body) if value in m[0]]
    return found[-1] if found else value


def _swapped(piece: Piece, line: str, value: str, other: str) -> str:
    return Piece(piece.one, piece.form, line).replaced(value, other)


def _lists(piece: Piece) -> Iterator[tuple[list[str], Callable[[list[str]], str]]]:
    """The lists of a text with what puts other items in their place: its lines where they are
    items, and what stands between commas."""
    lines = piece.body.split("\n")
    rows = [n for n, line in enumerate(lines) if _BULLET.match(line)]
    if len(rows) < 2:
        rows = [n for n, line in enumerate(lines) if line.strip()]
        prose = len(rows) < 3 or any(lines[n].endswith((".", ":")) for n in rows)
        rows = [] if prose else rows[1:] if piece.form == "table" else rows
    if rows and rows == list(range(rows[0], rows[-1] + 1)):
        first, end = rows[0], rows[-1] + 1
        yield lines[first:end], lambda items: "\n".join([*lines[:first], *items, *lines[end:]])
    for match in _COMMAS.finditer(piece.body) if piece.form == "prose" else ():
        items = match[0].strip().split(match[1])
        if len(items) > 2 or sum(item in piece.wanted for item in items) > 1:
            yield items, partial(_joined, piece.body, match)


def _joined(body: str, match: re.Match[str], items: list[str]) -> str:
    blank = match[0][: len(match[0]) - len(match[0].lstrip())]
    return body[: match.start()] + blank + match[1].join(items) + body[match.end() :]


def _like(items: list[str]) -> str:
    """Another item that looks like these."""
    last = items[-1]
    if re.search(r"\d", last):
        return re.sub(r"\d+(?!.*\d)", lambda m: str(int(m[0]) + 1), last)
    return re.sub(r"\w+(?=\W*$)", "zebra", last)
