"""What two texts share, word by word: n-grams, and the longest run that both hold.

One inserted token hides an item from every 13-gram, so no single measure here clears one."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence

Tokens = Sequence[Hashable]


def normalised(text: str) -> list[str]:
    """Words in lower case without punctuation."""
    return re.findall(r"\w+", text.lower())


def ngrams(tokens: Tokens, n: int) -> Iterator[tuple[Hashable, ...]]:
    """Every run of ``n`` tokens, in order; none where there are fewer."""
    return (tuple(tokens[index : index + n]) for index in range(len(tokens) - n + 1))


def longest_match(item: Tokens, training: Tokens) -> int:
    """Length in tokens of the longest run that both hold: the best single sign of contamination
    (arXiv 2411.03923)."""
    low, high = 0, min(len(item), len(training))
    while low < high:  # a shared run of some length holds shared runs of every smaller one
        middle = (low + high + 1) // 2
        shared = not set(ngrams(item, middle)).isdisjoint(ngrams(training, middle))
        low, high = (middle, high) if shared else (low, middle - 1)
    return low
