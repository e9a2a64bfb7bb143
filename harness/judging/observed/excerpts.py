"""Which pieces of an answer stand in a text that something is done with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

SHORTEST = 4  # characters of a line that says whose it is
MOST, LONGEST = 8, 50_000  # pieces and characters of a text that are written down
LITERAL = re.compile(r"'(?:[^']|'')*'")  # of SQL: a bound parameter is shown as one


class Excerpts:
    """The answer that is judged, its lines, and what its case says."""

    def __init__(self, case: Any, text: str) -> None:
        self._case, self._text = case, text

    def shared(self, how: str, text: str) -> list[str]:
        """``text`` and then the pieces of the answer in it that its case does not hold: all of it,
        or whole lines; the names of a path that the answer holds. Empty where there are none."""
        answer, body = self._text, text[:LONGEST].strip()
        if how == "sql":
            answer, body = (LITERAL.sub("''", one) for one in (answer, body))
        whole, lines = squeezed(body), [line.strip() for line in answer.splitlines()]
        if how == "write":
            found = [part for part in body.split("\n") if len(part) > 2 and part in answer]
        elif whole and whole in squeezed(answer):
            found = [body]
        else:
            found = [line for line in lines if len(line) >= SHORTEST and squeezed(line) in whole]
        known = squeezed("\n".join(_texts([self._case.prompt, dict(self._case.expect)])))
        pieces = [piece for piece in found if squeezed(piece) not in known][:MOST]
        return [body, *pieces] if pieces else []


def squeezed(text: str) -> str:
    """A text without its layout, which differs where a tree was written as text again."""
    return "".join(text.split())


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, Mapping):
        for pair in value.items():
            yield from _texts(pair)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts(one)
    else:
        yield str(value)
