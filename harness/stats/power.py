"""What a number of prompts can decide, before it is asked: exact enumeration for one answer a
prompt.

``discordance`` is P(base and adapter differ on a prompt); with a true difference Delta a prompt is
a gain with probability (discordance + Delta) / 2 and a loss with (discordance - Delta) / 2."""

from __future__ import annotations

import math

from harness.stats import special
from harness.stats.intervals import z_quantile
from harness.stats.paired import tango_z
from harness.stats.values import count, fraction, real


def noninferiority_power(
    n: int, margin: float, discordance: float, true_delta: float = 0.0, alpha: float = 0.05
) -> float:
    """P(a guard ends HELD): Tango's test at one-sided ``alpha`` on ``n`` prompts, by enumeration.

    Raises ``ValueError`` unless ``n >= 1``, rates lie in (0, 1) and ``|true_delta| <=
    discordance``."""
    n, margin = count("n", n, least=1), fraction("margin", margin)
    z = z_quantile(1 - fraction("alpha", alpha))
    if abs(real("true_delta", true_delta)) > fraction("discordance", discordance, closed=True):
        raise ValueError(
            f"a difference of {true_delta:g} needs a discordance of at least that,"
            f" not {discordance:g}"
        )
    losing = (discordance - true_delta) / (2 * discordance) if discordance else 0.5
    total = 0.0
    for m in range(n + 1):
        probability = _binomial(m, n, discordance)
        if probability > 1e-15 and (most := _most_losses(m, n, margin, z)) >= 0:
            total += probability * float(special.bdtr(most, m, losing))
    return min(1.0, total)


def noninferiority_prompts(
    margin: float, discordance: float, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Prompts with which an unchanged adapter (Delta = 0) ends HELD with probability ``power``, K =
    1.

    The first n that reaches it from the normal approximation ``(z_alpha + z_beta)^2 discordance /
    margin^2`` upward; the exact power dips again at some larger n. Raises ``ValueError`` on rates
    outside of (0, 1)."""
    target = fraction("power", power)
    ratio = fraction("discordance", discordance) / fraction("margin", margin) ** 2
    rough = (z_quantile(1 - fraction("alpha", alpha)) + z_quantile(target)) ** 2 * ratio
    n = max(1, math.floor(0.95 * rough))
    while noninferiority_power(n, margin, discordance, alpha=alpha) < target:
        n += 1
    return n


def _most_losses(m: int, n: int, margin: float, z: float) -> int:
    """The most losses among ``m`` discordant prompts that are HELD, -1 if none; fewer are too."""
    low, high = -1, m + 1
    while high - low > 1:
        middle = (low + high) // 2
        held = tango_z(m - middle, middle, n, -margin) >= z
        low, high = (middle, high) if held else (low, middle)
    return low


def _binomial(k: int, n: int, p: float) -> float:
    """P(X = k) for X ~ Bin(n, p)."""
    ways = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return math.exp(float(ways + special.xlogy(k, p) + special.xlog1py(n - k, -p)))
