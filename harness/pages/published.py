"""What a published page may show of a run: digests in place of held-out texts, no secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from harness.digests import text_digest
from harness.evidence.receipts import Receipt
from harness.evidence.releases import SECRETS
from harness.pages.html import cut

TEXTS = ("prompt", "answer")  #: of a receipt
LEAST = 24  #: characters of a held-out text by which it is known again in another


class Hidden:
    """The held-out texts of ``rows``: prompts, answers and what verifiers quote of them."""

    def __init__(self, rows: Iterable[Receipt]) -> None:
        self._begins: dict[str, set[str]] = {}
        for row in rows:
            for text in (row.prompt, row.answer, *(f.evidence for f in row.findings)):
                if len(text) >= LEAST:
                    self._begins.setdefault(text[:LEAST], set()).add(text)

    def show(self, value: Any) -> Any:
        """:func:`harness.pages.html.cut`, without held-out texts and secrets."""
        return cut(self.text(value)) if type(value) is str else cut(value)

    def text(self, value: str) -> str:
        """``value`` without held-out texts, also begun ones, and without secrets."""
        parts, at, kept = [], 0, 0
        while at + LEAST <= len(value):
            held = self._begins.get(value[at : at + LEAST])
            if held is None:
                at += 1
                continue
            parts += [value[kept:at], "[held-out text]"]
            at = kept = at + max(_common(value[at:], text) for text in held)
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
                finding["evidence"] = _digest(own.evidence)
            yield json.dumps(shown).encode()


def _digest(text: str) -> str:
    return f"{text_digest(text)} of {len(text)} characters" if text else ""


def _common(value: str, text: str) -> int:
    """How many characters of ``value`` are those of ``text``."""
    least = min(len(value), len(text))
    return next((n for n in range(least) if value[n] != text[n]), least)
