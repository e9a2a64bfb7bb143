"""What a published page may show of a run: digests in place of held-out texts, no secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from harness.digests import text_digest
from harness.evidence.receipts import Receipt
from harness.evidence.releases import SECRETS
from harness.pages.html import cut

TEXTS = ("prompt", "answer")  #: of a receipt
LEAST = 20  #: letters and digits in a row by which a held-out text is known again in another
#: a letter; what the escapes of a repr or of JSON hold is none
LETTER = re.compile(r"\\+[nrtfvab]?|([^\W_])")

NO_LETTER = re.compile(r"\\+[nrtfvab]?|[\W_]+")  #: what :data:`LETTER` passes over


class Hidden:
    """The held-out texts of ``rows``: prompts, answers and what verifiers quote of them."""

    def __init__(self, rows: Iterable[Receipt]) -> None:
        import numpy as np

        texts: set[str] = set()
        for row in rows:
            texts.update((row.prompt, row.answer, *(f.evidence for f in row.findings)))
        grams = (gram for text in texts for gram in _grams(_letters(text)[0]))
        last = np.iinfo(np.int64).max  # at or behind every gram, so that a search ends before it
        self._known = np.append(np.unique(np.fromiter(grams, np.int64)), last)

    def show(self, value: Any) -> Any:
        """:func:`harness.pages.html.cut`, without held-out texts and secrets."""
        return cut(self.text(value)) if type(value) is str else cut(value)

    def text(self, value: str) -> str:
        """``value`` without held-out texts and without secrets. A text is known by any
        :data:`LEAST` letters of it, however it is quoted: its case, white space and punctuation
        change nothing."""
        import numpy as np

        letters, places = _letters(value) if len(value) >= LEAST else ("", [])
        grams = np.fromiter(_grams(letters), np.int64)
        found = self._known[np.searchsorted(self._known, grams)] == grams
        parts, kept, end = list[str](), 0, 0
        for at in np.flatnonzero(found).tolist():
            if at >= end:
                parts += [value[kept : places[at]], "[held-out text]"]
            end = at + LEAST
            kept = places[end - 1] + 1
        return SECRETS.sub("[masked]", "".join([*parts, value[kept:]]))

    def data(self, value: Any) -> Any:
        """Plain data, every text in it as :meth:`text`."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.data(each) for each in value]
        if isinstance(value, dict):
            return {self.data(key): self.data(each) for key, each in value.items()}
        return value

    def lines(self, rows: Iterable[Receipt]) -> Iterator[bytes]:
        """Receipts as lines, each text a digest."""
        for row in rows:
            shown = {key: self.data(each) for key, each in asdict(row).items() if key not in TEXTS}
            shown |= {key: _digest(getattr(row, key)) for key in TEXTS}
            for finding, own in zip(shown["findings"], row.findings, strict=True):
                finding |= {"evidence": _digest(own.evidence), "spans": []}
            yield json.dumps(shown).encode()


def quoted(rows: Iterable[Receipt], texts: Iterable[str]) -> list[Receipt]:
    """The rows that one of a few ``texts`` may quote, so that :class:`Hidden` of them is enough.

    Who shares :data:`LEAST` letters with a text holds one of its aligned pieces of half as many."""
    own, half = [_letters(text)[0] for text in texts], LEAST // 2
    pieces = {text[at : at + half] for text in own for at in range(0, len(text) - half + 1, half)}
    found = []
    for row in rows:
        held = "\n".join((row.prompt, row.answer, *(f.evidence for f in row.findings)))
        letters = NO_LETTER.sub("", held).casefold()
        if any(piece in letters for piece in pieces):
            found.append(row)
    return found


def _digest(text: str) -> str:
    return f"{text_digest(text)} of {len(text)} characters" if text else ""


def _letters(text: str) -> tuple[str, list[int]]:
    """The letters and digits of ``text``, casefolded, and where each stands in it."""
    found = [(c, one.start()) for one in LETTER.finditer(text) for c in (one[1] or "").casefold()]
    return "".join(c for c, _ in found), [at for _, at in found]


def _grams(letters: str) -> Iterator[int]:
    """Every :data:`LEAST` letters in a row, as numbers."""
    return (hash(letters[at : at + LEAST]) for at in range(len(letters) - LEAST + 1))
