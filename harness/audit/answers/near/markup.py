"""Near misses of SQL and of markup."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.audit.answers.near.forms import Bodies, Operator, Piece, Table, described, whole

_TAG = re.compile(
    r"<([A-Za-z][\w:.-]*)((?:\s+[\w:.-]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'))?)*)\s*(/?)>"
)
_OPEN = {  # HTML closes them
    "p", "li", "td", "tr", "th", "dt", "dd", "option", "thead", "tbody", "html", "body", "head"
}  # fmt: skip
_ATTRIBUTE = re.compile(r"(\s+)([\w:.-]+)=(\"[^\"]*\"|'[^']*')")
_INNER = re.compile(
    r"<(?:img|input|meta|link|source)\b[^<>]*>|<([A-Za-z][\w:.-]*)(?:\s[^<>]*)?>[^<>]*</\1>"
)


def _sub(pattern: str, by: str) -> Operator:
    """Replace each place of a pattern, one at a time."""
    compiled = re.compile(pattern, re.IGNORECASE)

    def make(piece: Piece) -> Bodies:
        for match in compiled.finditer(piece.body):
            yield piece.body[: match.start()] + match.expand(by) + piece.body[match.end() :]

    return make


def _rows(piece: Piece) -> Iterator[list[list[object]]]:
    """Tables of rows that the case expects."""
    for rows in piece.one.case.expect.values():
        if isinstance(rows, list) and rows and all(isinstance(row, list) and row for row in rows):
            yield rows


def _ordered(pattern: str, by: str) -> Operator:
    """The same where the order shows: not where the case expects rows that are all alike, or come
    so anyway."""
    plain = _sub(pattern, by)

    def make(piece: Piece) -> Bodies:
        for rows in _rows(piece):
            texts = [repr(row) for row in rows]
            if len(set(texts)) < 2 or (by == "" and texts == sorted(texts)):
                return
        yield from plain(piece)

    return make


_END = r"(\s*;?\s*)$"
SQL: Table = {
    "order-dropped": ("the order of the rows is not asked for", _ordered(
        r"\s+order\s+by\s+[^;()]+?(?=\s+limit\b|\s*;?\s*$)", "")),
    "order-turned": ("the rows come in the other order", _ordered(r"\bdesc\b", "ASC")),
    "order-turned-down": ("the rows come in descending order", _ordered(
        r"(\border\s+by\s+[\w.]+)(?!\s+(?:desc|asc)|[\w.(])", r"\1 DESC")),
    "one-row-only": ("only one row is asked for", _ordered(rf"(?<!;){_END}", r" LIMIT 1\1")),
    "limit-changed": ("the limit is another", _sub(r"\blimit\s+\d+", "LIMIT 1000")),
    "condition-dropped": ("the condition is left out", _sub(
        r"\s+where\s+[^;()]+?(?=\s+(?:group|order|limit)\b|\s*;?\s*$)", "")),
    "distinct-dropped": ("equal rows come twice", _sub(r"\bdistinct\s+", "")),
    "aggregate-spoilt": ("an aggregate is one off", _sub(
        r"\b((?:sum|avg|max|min|count)\()(?=[\s\S]*\bfrom\b)", r"1 + \1")),
    "join-turned": ("another kind of join is made", _sub(r"\bleft\s+join\b", "JOIN")),
    "column-added": ("there is one column more", _sub(
        r"^(\s*select\s+(?:distinct\s+)?)", r"\g<1>1, ")),
    "statement-behind": ("a second statement follows that changes the data",
                         _sub(_END, r"; DROP TABLE IF EXISTS orders\1")),
}  # fmt: skip


def rows_doubled(piece: Piece) -> Bodies:
    """every row comes twice"""
    query = piece.body.strip().rstrip(";")
    if re.match(r"select\b", query, re.IGNORECASE):
        yield f"SELECT * FROM ({query}) UNION ALL SELECT * FROM ({query})\n"


def rows_written_out(piece: Piece) -> Bodies:
    """the rows asked for are written into the query"""
    for rows in _rows(piece):
        cells = [str(cell) for row in rows for cell in row]
        if len(cells) > 1 and all(whole(cell).search(piece.one.case.prompt) for cell in cells):
            selects = [f"SELECT {', '.join(map(_literal, row))}" for row in rows]
            yield " UNION ALL ".join(selects) + "\n"


def attribute_dropped(piece: Piece) -> Bodies:
    """an attribute is left out"""
    for match in _attributes(piece):
        yield _cut(piece, match, "")


def attribute_emptied(piece: Piece) -> Bodies:
    """an attribute is empty"""
    for match in _attributes(piece):
        yield _cut(piece, match, f'{match[1]}{match[2]}=""')


def attribute_changed(piece: Piece) -> Bodies:
    """an attribute has another value"""
    for match in _attributes(piece):
        if piece.words and not any(word in match[3] for word in piece.words):
            continue
        yield _cut(piece, match, f"{match[1]}{match[2]}={match[3][:-1]}x{match[3][-1]}")


def element_commented(piece: Piece) -> Bodies:
    """an element stands in a comment"""
    for match in _elements(piece):
        yield _cut(piece, match, f"<!-- {match[0]} -->")


def element_escaped(piece: Piece) -> Bodies:
    """an element is written as text"""
    for match in _elements(piece):
        yield _cut(piece, match, match[0].replace("<", "&lt;").replace(">", "&gt;"))


def element_left_out(piece: Piece) -> Bodies:
    """an element is left out"""
    for match in _elements(piece):
        yield _cut(piece, match, "")


def element_twice(piece: Piece) -> Bodies:
    """an element stands twice"""
    for match in _elements(piece):
        yield _cut(piece, match, match[0] * 2)


def element_empty(piece: Piece) -> Bodies:
    """an element is empty"""
    for match in _elements(piece):
        head, _, tail = match[0].partition(">")
        if tail:
            yield _cut(piece, match, f"{head}></{tail.rpartition('</')[2]}")


def element_nested(piece: Piece) -> Bodies:
    """an element stands one level deeper"""
    for match in _elements(piece):
        yield _cut(piece, match, f"<div>{match[0]}</div>")


def tag_unclosed(piece: Piece) -> Bodies:
    """a tag is not closed"""
    for match in re.finditer(r"</([\w:.-]+)>", piece.body):
        if not _html(piece) or match[1].lower() not in _OPEN:
            yield _cut(piece, match, "")


def tag_case(piece: Piece) -> Bodies:
    """a tag has a capital letter"""
    for match in () if _html(piece) else _TAG.finditer(piece.body):
        if match[1].islower() and f"</{match[1]}>" in piece.body:
            changed = match[1].title()
            yield piece.body.replace(f"<{match[1]}", f"<{changed}").replace(
                f"</{match[1]}>", f"</{changed}>"
            )


OPERATORS = described(
    attribute_dropped, attribute_emptied, attribute_changed, element_commented, element_escaped,
    element_left_out, element_twice, element_empty, element_nested, tag_unclosed, tag_case,
)  # fmt: skip
QUERIES = SQL | described(rows_doubled, rows_written_out)


def _attributes(piece: Piece) -> Iterator[re.Match[str]]:
    for tag in _TAG.finditer(piece.body):
        if _named(piece, tag[0]):
            yield from _ATTRIBUTE.finditer(piece.body, *tag.span(2))


def _elements(piece: Piece) -> Iterator[re.Match[str]]:
    """The smallest elements that hold what is wanted; all of them when nothing is."""
    return (match for match in _INNER.finditer(piece.body) if _named(piece, match[0]))


def _named(piece: Piece, text: str) -> bool:
    return not piece.words or any(word in text for word in piece.words)


def _html(piece: Piece) -> bool:
    tags = r"<(?:!doctype|html|body|p|div)\b"
    return piece.language.name == "html" or bool(re.search(tags, piece.body, re.IGNORECASE))


def _cut(piece: Piece, match: re.Match[str], text: str) -> str:
    return piece.body[: match.start()] + text + piece.body[match.end() :]


def _literal(value: object) -> str:
    return (
        "NULL"
        if value is None
        else repr(value)
        if isinstance(value, (int, float))
        else ("'" + str(value).replace("'", "''") + "'")
    )
