"""What a published page may show of a run: digests in place of held-out texts, no secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.digests import text_digest
from harness.evidence.receipts import MEASURED, Receipt
from harness.evidence.releases import SECRETS
from harness.pages.html import cut

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Grams = NDArray[np.uint64]

TEXTS = ("prompt", "answer")  #: of a receipt
BATCH = 256  # texts that are read in one go
ODD = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio
LEAST = 20  #: letters and digits in a row by which a held-out text is known again in another
#: a letter; what the escapes of a repr or of JSON hold is none
ESCAPE = r"\\+(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[nrtfvab])?"
LETTER = re.compile(rf"{ESCAPE}|([^\W_])")
NO_LETTER = re.compile(rf"{ESCAPE}|[\W_]+")  #: what :data:`LETTER` passes over


class Hidden:
    """The held-out texts of ``rows``: prompts, answers and what verifiers quote of them; where only
    a few texts are ``asked`` about, as much as these may quote."""

    def __init__(self, rows: Iterable[Receipt], asked: Iterable[str] | None = None) -> None:
        texts: set[str] = set()
        for row in rows:
            texts.update((row.prompt, *_said(row), *(f.evidence for f in row.findings)))
        wanted = None if asked is None else _sorted([_grams("\n".join(map(_folded, asked)))])
        known, held = [], list(texts)
        for at in range(0, len(held), BATCH):
            grams = _grams("\n".join(map(_folded, held[at : at + BATCH])))
            known.append(grams if wanted is None else grams[_among(grams, wanted)])
        self._known = _sorted(known)
        self._told: dict[str, str] = {}

    def show(self, value: Any) -> Any:
        """:func:`harness.pages.html.cut`, without held-out texts and secrets."""
        return cut(self.text(value)) if type(value) is str else cut(value)

    def text(self, value: str) -> str:
        """``value`` without held-out texts and without secrets. A text is known by any
        :data:`LEAST` letters of it, however it is quoted: its case, white space and punctuation
        change nothing."""
        letters, places = _letters(value) if len(value) >= LEAST else ("", [])
        found = _among(_grams(letters), self._known)
        parts, kept, end = list[str](), 0, 0
        for at in found.nonzero()[0].tolist():
            if at >= end:
                parts += [value[kept : places[at]], "[held-out text]"]
            end = at + LEAST
            kept = places[end - 1] + 1
        return SECRETS.sub("[masked]", "".join([*parts, value[kept:]]))

    def data(self, value: Any) -> Any:
        """Plain data, every text in it as :meth:`text`."""
        if isinstance(value, str):
            if value not in self._told:
                self._told[value] = self.text(value)
            return self._told[value]
        if isinstance(value, list):
            return [self.data(each) for each in value]
        if isinstance(value, dict):
            return {self.data(key): self.data(each) for key, each in value.items()}
        return value

    def lines(self, rows: Iterable[Receipt]) -> Iterator[bytes]:
        """Receipts as lines, each text a digest."""
        for row in rows:
            shown = self.data(vars(row) | dict.fromkeys((*TEXTS, "findings"), ""))
            shown |= {key: _digest(getattr(row, key)) for key in TEXTS}
            shown["findings"] = [
                self.data(vars(one) | {"evidence": _digest(one.evidence), "spans": []})
                for one in row.findings
            ]
            yield json.dumps(shown).encode()


def _said(row: Receipt) -> Iterable[str]:
    """What was answered, or the texts among the numbers that were measured."""
    if row.arm == MEASURED:
        with suppress(ValueError):
            return list(_leaves(json.loads(row.answer)))
    return [row.answer]


def _leaves(value: Any) -> Iterator[str]:
    """The texts in the numbers of a measurement; what they are called by is nobody's answer."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _leaves(each)


def _digest(text: str) -> str:
    return f"{text_digest(text)} of {len(text)} characters" if text else ""


def _letters(text: str) -> tuple[str, list[int]]:
    """What :func:`_folded` leaves of ``text``, and where each letter stands in it."""
    found = [(c, one.start()) for one in LETTER.finditer(text) for c in (one[1] or "").casefold()]
    return "".join(c for c, _ in found), [at for _, at in found]


def _folded(text: str) -> str:
    """The letters and digits of ``text``, casefolded."""
    return NO_LETTER.sub("", text).casefold()


def _grams(letters: str) -> Grams:
    """Every :data:`LEAST` letters in a row, as numbers (a polynomial of them, modulo 2^64)."""
    import numpy as np

    codes = np.frombuffer(letters.encode("utf-32-le"), np.uint32).astype(np.uint64)
    found = np.zeros(max(len(codes) - LEAST + 1, 0), np.uint64)
    for at in range(LEAST):
        found = found * np.uint64(ODD) + codes[at : at + len(found)]
    return found


def _sorted(grams: Sequence[Grams]) -> Grams:
    """All of them, each once, before a last one that no search passes."""
    import numpy as np

    last = np.array([np.iinfo(np.uint64).max], np.uint64)
    found: Grams = np.sort(np.concatenate([*grams, last]))
    once: Grams = found[np.append(found[1:] != found[:-1], True)]
    return once


def _among(grams: Grams, known: Grams) -> NDArray[np.bool_]:
    """Which of ``grams`` are ``known``, which are sorted."""
    found: NDArray[np.bool_] = known[known.searchsorted(grams)] == grams
    return found
