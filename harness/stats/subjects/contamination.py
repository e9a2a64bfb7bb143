"""Overlap between held-out items and training data: shared n-grams, near duplicates, and token
likelihoods.

One inserted token hides an item from every 13-gram, so no single measure here clears one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from harness.stats.values import Undefined, count, fraction, reals

Tokens = Sequence[Hashable]


@dataclass(frozen=True)
class Overlap:
    """Whether an n-gram is shared, the share of the item's tokens inside shared ones, and the
    longest shared run.
    """

    any: bool
    token_fraction: float
    longest: int


def normalised(text: str) -> list[str]:
    """Words in lower case without punctuation, the tokens of :func:`ngram_overlap` for prose."""
    return re.findall(r"\w+", text.lower())


def ngram_overlap(item: Tokens, training: Tokens, n: int = 13) -> Overlap | Undefined:
    """How much of ``item`` occurs in ``training``, by shared n-grams of tokens.

    An item shorter than ``n`` is matched as a whole. Undefined for an empty item. Raises
    ``ValueError`` for n < 1. Source: Brown et al. 2020, arXiv 2005.14165, appendix C.
    """
    width = min(count("n", n, least=1), len(item))
    if not item:
        return Undefined("the item has no tokens")
    known = set(_ngrams(training, width))
    covered = {
        index + offset
        for index, gram in enumerate(_ngrams(item, width))
        if gram in known
        for offset in range(width)
    }
    return Overlap(bool(covered), len(covered) / len(item), longest_match(item, training))


def longest_match(item: Tokens, training: Tokens) -> int:
    """Length in tokens of the longest run that both hold: the best single sign of contamination
    (arXiv 2411.03923).
    """
    low, high = 0, min(len(item), len(training))
    while low < high:  # a shared run of some length holds shared runs of every smaller one
        middle = (low + high + 1) // 2
        shared = not set(_ngrams(item, middle)).isdisjoint(_ngrams(training, middle))
        low, high = (middle, high) if shared else (low, middle - 1)
    return low


def jaccard(first: Tokens, second: Tokens, width: int = 5) -> float | Undefined:
    """Similarity of two texts by their shingles of ``width`` tokens: shared over all; undefined
    where both have none.

    Raises ``ValueError`` for width < 1. Source: Broder 1997.
    """
    width = count("width", width, least=1)
    a, b = set(_ngrams(first, width)), set(_ngrams(second, width))
    return len(a & b) / len(a | b) if a or b else Undefined(f"both are shorter than {width} tokens")


def lsh_probability(similarity: float, bands: int, rows: int) -> float:
    """P(two texts of this Jaccard similarity become a candidate pair): ``1 - (1 - s^rows)^bands``.

    Raises ``ValueError`` on a similarity outside of 0..1 or counts below 1.
    Source: Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, 3.4.2.
    """
    agree = fraction("similarity", similarity, closed=True) ** count("rows", rows, least=1)
    return 1 - (1 - agree) ** count("bands", bands, least=1)


def min_k(log_probabilities: Sequence[float], share: float = 0.2) -> float:
    """Mean of the lowest ``share`` of token log-probabilities, at least one: Min-K% (advisory,
    never a gate).

    Raises ``ValueError`` on no or non-finite values, or a share outside of (0, 1). Source: Shi et
    al. 2024, 2310.16789.
    """
    values = sorted(reals("log_probabilities", log_probabilities, least=1))
    many = max(1, int(fraction("share", share) * len(values)))
    return math.fsum(values[:many]) / many


def _ngrams(tokens: Tokens, n: int) -> list[tuple[Hashable, ...]]:
    return [tuple(tokens[index : index + n]) for index in range(len(tokens) - n + 1)]
