"""Text that repeats itself: the signs of a long generation gone wrong.

All depend on length, so base and adapter are compared at equal token counts, and compression over
windows."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from harness.stats.values import Undefined, count

COMPRESSION_LIMIT = 2.4  # Whisper's, calibrated on about 1000 characters
WINDOW = 1000
PERIODS = 3  # of a loop that the end of the tokens cut off
ENDED = 6  # of one that the text itself ended: a refrain comes three times
LEAST = 120  # characters of a loop: a rule, a row of zeros or the bars of a table are shorter
STEADY = 0.8  # share of a number's steps that are alike where it only counts
DIGITS = 15  # of a number, that tell whether it counts
WORDED = 4  # words in a period of markup that counts: a times table has fewer
_SPACES, _NUMBER = re.compile(r"\s+"), re.compile(r"(\d+)(?:(?:st|nd|rd|th)\b)?")
_MARKUP = re.compile(r"[|=<>{}\[\];/\\*+]")
_WORD = re.compile(r"[^\W\d_]{2,}")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")


def zlib_ratio(text: str) -> float | Undefined:
    """Bytes of UTF-8 over bytes compressed by zlib at its default level; undefined for empty text.

    zlib builds differ a little. Source: Whisper's compression ratio."""
    data = text.encode("utf-8", "surrogatepass")
    return len(data) / len(zlib.compress(data)) if data else Undefined("no text")


def highest_zlib_ratio(text: str, window: int = WINDOW) -> float | Undefined:
    """The largest :func:`zlib_ratio` over windows of ``window`` characters that overlap by half.

    A whole long text compresses well although it is sound: 63 % of clean prose of 4000 characters
    exceeds 2.4. Undefined for empty text. Raises ``ValueError`` for a window below 2."""
    step = count("window", window, least=2) // 2
    starts = range(0, max(1, len(text) - window + step), step)
    ratios = [zlib_ratio(text[start : start + window]) for start in starts]
    return max(
        (ratio for ratio in ratios if not isinstance(ratio, Undefined)),
        default=Undefined("no text"),
    )


def repetition(tokens: Sequence[Hashable], n: int = 4) -> float | Undefined:
    """The share of n-grams that stood before: ``1 - distinct / all``; undefined for fewer than
    ``n`` tokens.

    Source: seq-rep-n, Welleck et al. 2019 (1908.04319); its complement is distinct-n, Li et al.
    2016."""
    seen = _grams(tokens, n)
    total = seen.total()
    return 1 - len(seen) / total if total else Undefined(f"fewer than {n} tokens")


def diversity(tokens: Sequence[Hashable]) -> float | Undefined:
    """The product of distinct-2, -3 and -4: 1 where nothing repeats; undefined for fewer than four
    tokens. Source: Su et al. 2022 (2202.06417)."""
    found = 1.0
    for n in (2, 3, 4):
        share = repetition(tokens, n)
        if isinstance(share, Undefined):
            return share
        found *= 1 - share
    return found


def entropy(tokens: Sequence[Hashable]) -> float | Undefined:
    """Bits of the n-grams, those of two weighted by 2/3 and those of three by 4/3, then halved;
    undefined for fewer than three tokens. Source: n-gram entropy of Zhang et al. 2018
    (1809.05972), as EasyEdit weighs it."""
    if len(tokens) < 3:
        return Undefined("fewer than 3 tokens")
    return (_bits(_grams(tokens, 2)) * 2 + _bits(_grams(tokens, 3)) * 4) / 6


class Loop(NamedTuple):
    """From ``start`` on, counted from 0, a text repeats every ``period`` to its end."""

    start: int
    period: int


def loop_onset(tokens: Sequence[Hashable], times: int = PERIODS, least: int = 1) -> Loop | None:
    """The first token from which the text is periodic to its end, for ``times`` periods and
    ``least`` tokens or more, with its smallest period; ``None`` where there is none.

    Linear in the tokens, whatever the period. Raises ``ValueError`` for times below 2 and least
    below 1."""
    times, least = count("times", times, least=2), count("least", least, least=1)
    runs = _runs(tokens)
    found = [
        Loop(len(tokens) - run, period)
        for period, run in enumerate(runs)
        if period and run >= max(times * period, least)
    ]
    return min(found, default=None)


def loop_period(tokens: Sequence[Hashable], longest: int = 200, times: int = 4) -> int | None:
    """The smallest period with which the text ends in a loop, at least ``times`` times; ``None``
    where it does not.

    Raises ``ValueError`` for periods or times below 1."""
    longest, times = count("longest", longest, least=1), count("times", times, least=2)
    runs = enumerate(_runs(tokens)[: longest + 1])
    return next((period for period, run in runs if period and run >= times * period), None)


class Looped(NamedTuple):
    """Where a text begins to repeat, as a share of its length, and how: word for word
    (``loop``), or but for numbers that count (``drift``). ``period`` is in characters."""

    at: float
    period: int
    kind: Literal["loop", "drift"]


def looped(text: str, *, ended: bool = False) -> Looped | None:
    """From where on a text repeats itself to its end, for at least 120 characters and three
    periods, six where it ``ended`` by itself; ``None`` where it does not.

    White space counts as one blank. A text that is periodic only where its numbers are left out is
    no loop but where every one of these moves by one and the same step, and then only in running
    words: tables, code and markup that count hold fewer than four words a period."""
    times, plain = ENDED if ended else PERIODS, _SPACES.sub(" ", text)
    shape = _NUMBER.sub("0", plain)
    for kind, read in (("loop", plain), ("drift", shape)):
        tail = read[-LEAST * 2 // 3 :]  # of a loop these stand once more before
        if len(read) < LEAST or read.find(tail) == len(read) - len(tail):
            continue
        found = loop_onset(read, times, LEAST)
        if found and kind == "loop":
            return Looped(found.start / len(read), found.period, "loop")
        if found and _counts(plain, shape, found):
            return Looped(found.start / len(read), found.period, "drift")
    return None


def _counts(plain: str, shape: str, found: Loop) -> bool:
    """Whether what is periodic in ``shape`` is a text of which only numbers move, each by its own
    step."""
    period = shape[found.start : found.start + found.period]
    if len(_WORD.findall(_TAG.sub(" ", period))) < (WORDED if _MARKUP.search(period) else 0):
        return False
    columns, before = period.count("0"), shape[: found.start].count("0")
    numbers = [int(digits[-DIGITS:]) for digits in _NUMBER.findall(plain)[before:]]
    if plain[-1].isdigit():
        numbers.pop()  # it may be cut
    for column in range(columns):
        row = numbers[column::columns]
        steps = Counter(b - a for a, b in pairwise(row))
        if not steps or steps.most_common(1)[0][1] < STEADY * steps.total():
            return False
    return columns > 0


def _grams(tokens: Sequence[Hashable], n: int) -> Counter[tuple[Hashable, ...]]:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def _bits(seen: Counter[tuple[Hashable, ...]]) -> float:
    total = seen.total()
    return -sum(n / total * math.log2(n / total) for n in seen.values())


def _runs(tokens: Sequence[Hashable]) -> list[int]:
    """By period the length of the longest end of ``tokens`` that has it: the Z function of them
    backwards, each value a period longer. Source: Gusfield 1997, ch. 1."""
    back, n = tokens[::-1], len(tokens)
    runs, left, right = [n] * n, 0, 0
    for at in range(1, n):
        same = min(runs[at - left] - (at - left), right - at) if at < right else 0
        while at + same < n and back[same] == back[at + same]:
            same += 1
        if at + same > right:
            left, right = at, at + same
        runs[at] = at + same
    return runs
