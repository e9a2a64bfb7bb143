"""Text that repeats itself: the signs of a long generation gone wrong.

All depend on length, so base and adapter are compared at equal token counts, and compression over
windows."""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Sequence

from harness.stats.values import Undefined, count

COMPRESSION_LIMIT = 2.4  # Whisper's, calibrated on about 1000 characters
WINDOW = 1000


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


def loop_period(tokens: Sequence[Hashable], longest: int = 200, times: int = 4) -> int | None:
    """The smallest period with which the text ends in a loop, at least ``times`` times; ``None``
    where it does not.

    Raises ``ValueError`` for periods or times below 1."""
    longest, times = count("longest", longest, least=1), count("times", times, least=2)
    for period in range(1, min(longest, len(tokens) // times) + 1):
        tail = tokens[len(tokens) - period * times :]
        if all(tail[i] == tail[i - period] for i in range(period, len(tail))):
            return period
    return None
