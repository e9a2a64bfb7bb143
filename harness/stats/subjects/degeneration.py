"""Text that repeats itself: the signs of a long generation gone wrong.

All depend on length, so base and adapter are compared at equal token counts, and compression over
windows.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Hashable, Sequence

from harness.stats.values import Undefined, count, real

COMPRESSION_LIMIT = 2.4  # Whisper's, calibrated on about 1000 characters
WINDOW = 1000
TOP_NGRAM_LIMITS = {2: 0.20, 3: 0.18, 4: 0.16}
REPEATED_NGRAM_LIMITS = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}


def seq_rep_n(tokens: Sequence[Hashable], n: int = 4) -> float | Undefined:
    """Share of n-grams that are repeats, ``1 - unique / all``; undefined for fewer than n tokens.

    Raises ``ValueError`` for n < 1. Source: Welleck et al. 2019, arXiv 1908.04319.
    """
    grams = [tuple(tokens[i : i + count("n", n, least=1)]) for i in range(len(tokens) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else Undefined(f"fewer than {n} tokens")


def distinct_n(tokens: Sequence[Hashable], n: int = 2) -> float | Undefined:
    """Share of n-grams that are distinct, ``1 - seq_rep_n``; undefined and raises likewise. Source:
    Li et al. 2016.
    """
    repeated = seq_rep_n(tokens, n)
    return repeated if isinstance(repeated, Undefined) else 1 - repeated


def zlib_ratio(text: str) -> float | Undefined:
    """Bytes of UTF-8 over bytes compressed by zlib at its default level; undefined for empty text.

    zlib builds differ a little. Source: Whisper's compression ratio.
    """
    data = text.encode("utf-8", "surrogatepass")
    return len(data) / len(zlib.compress(data)) if data else Undefined("no text")


def highest_zlib_ratio(text: str, window: int = WINDOW) -> float | Undefined:
    """The largest :func:`zlib_ratio` over windows of ``window`` characters that overlap by half.

    A whole long text compresses well although it is sound: 63 % of clean prose of 4000 characters
    exceeds 2.4. Undefined for empty text. Raises ``ValueError`` for a window below 2.
    """
    step = count("window", window, least=2) // 2
    starts = range(0, max(1, len(text) - window + step), step)
    ratios = [zlib_ratio(text[start : start + window]) for start in starts]
    return max(
        (ratio for ratio in ratios if not isinstance(ratio, Undefined)),
        default=Undefined("no text"),
    )


def dup_line_fraction(text: str) -> float:
    """Share of lines that were seen before; line breaks in a row are one, and a last empty line
    counts as one.
    """
    lines = re.split("\n+", text)
    return 1 - len(set(lines)) / len(lines)


def dup_line_char_fraction(text: str) -> float:
    """Share of characters in lines that were seen before."""
    return _repeated_chars(re.split("\n+", text)) / len(text) if text else 0.0


def dup_paragraph_fraction(text: str) -> float:
    """Share of paragraphs (separated by empty lines) that were seen before."""
    paragraphs = re.split("\n{2,}", text.strip())
    return 1 - len(set(paragraphs)) / len(paragraphs)


def dup_paragraph_char_fraction(text: str) -> float:
    """Share of characters in paragraphs that were seen before."""
    return _repeated_chars(re.split("\n{2,}", text.strip())) / len(text) if text else 0.0


def top_ngram_fraction(text: str, n: int) -> float:
    """Share of characters in the most frequent n-gram of words; 0 where none comes twice.
    ``ValueError`` for n < 1.
    """
    grams = Counter(_word_ngrams(text, n))
    most = max(grams.values(), default=0)
    return (
        max(len(" ".join(gram)) * many for gram, many in grams.items() if many == most) / len(text)
        if most > 1
        else 0.0
    )


def repeated_ngram_fraction(text: str, n: int) -> float:
    """Share of characters in n-grams of words that were seen before, none counted twice.
    ``ValueError`` for n < 1.
    """
    seen: set[tuple[str, ...]] = set()
    grams, repeated, index = _word_ngrams(text, n), 0, 0
    while index < len(grams):
        if grams[index] in seen:
            repeated += len("".join(grams[index]))
            index += n
        else:
            seen.add(grams[index])
            index += 1
    return repeated / len(text) if text else 0.0


def gopher_flags(text: str) -> list[str]:
    """Names of the repetition rules that ``text`` breaks. Source: Rae et al. 2021, arXiv
    2112.11446, table A1.
    """
    rules = {
        "duplicate lines": (dup_line_fraction(text), 0.30),
        "duplicate paragraphs": (dup_paragraph_fraction(text), 0.30),
        "characters in duplicate lines": (dup_line_char_fraction(text), 0.20),
        "characters in duplicate paragraphs": (dup_paragraph_char_fraction(text), 0.20),
    }
    rules |= {
        f"top {n}-gram": (top_ngram_fraction(text, n), limit)
        for n, limit in TOP_NGRAM_LIMITS.items()
    }
    rules |= {
        f"repeated {n}-grams": (repeated_ngram_fraction(text, n), limit)
        for n, limit in REPEATED_NGRAM_LIMITS.items()
    }
    return [name for name, (share, limit) in rules.items() if share > limit]


def loop_period(tokens: Sequence[Hashable], longest: int = 200, times: int = 4) -> int | None:
    """The smallest period with which the text ends in a loop, at least ``times`` times; ``None``
    where it does not.

    Raises ``ValueError`` for periods or times below 1.
    """
    longest, times = count("longest", longest, least=1), count("times", times, least=2)
    for period in range(1, min(longest, len(tokens) // times) + 1):
        tail = tokens[len(tokens) - period * times :]
        if all(tail[i] == tail[i - period] for i in range(period, len(tail))):
            return period
    return None


def degeneration(
    text: str, *, truncated: bool = False, limit: float = COMPRESSION_LIMIT
) -> list[str]:
    """Every sign of degeneration in an answer, empty for a sound one; ``truncated`` says that it
    ran out of tokens.

    ``limit`` is the compression limit: 2.4, or the 99th percentile of base's answers where that is
    higher.
    """
    flags = gopher_flags(text)
    ratio = highest_zlib_ratio(text)
    if not isinstance(ratio, Undefined) and ratio > real("limit", limit):
        flags.append(f"compresses {ratio:.1f} times")
    if period := loop_period(text.split()):
        flags.append(f"ends in a loop of {period} words")
    return [*flags, "truncated"] if truncated else flags


def _repeated_chars(parts: Sequence[str]) -> int:
    return sum(map(len, parts)) - sum(map(len, set(parts)))


def _word_ngrams(text: str, n: int) -> list[tuple[str, ...]]:
    words = re.findall(r"\w+|[^\w\s]", text)
    return [tuple(words[i : i + count("n", n, least=1)]) for i in range(len(words) - n + 1)]
