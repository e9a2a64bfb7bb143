"""What a number of prompts can decide, before it is asked: exact enumeration for one answer a
prompt.

``discordance`` is P(base and adapter differ on a prompt); with a true difference Delta a prompt is
a gain with probability (discordance + Delta) / 2 and a loss with (discordance - Delta) / 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from scipy.special import bdtr, gammaln, xlog1py, xlogy

from harness.stats.intervals import z_quantile
from harness.stats.paired import mcnemar_exact, mcnemar_midp, tango_z
from harness.stats.values import Undefined, count, fraction, real


def noninferiority_power(
    n: int, margin: float, discordance: float, true_delta: float = 0.0, alpha: float = 0.05
) -> float:
    """P(a guard ends HELD): Tango's test at one-sided ``alpha`` on ``n`` prompts, by enumeration.

    Raises ``ValueError`` unless ``n >= 1``, rates lie in (0, 1) and ``|true_delta| <=
    discordance``.
    """
    n, margin, z = (
        count("n", n, least=1),
        fraction("margin", margin),
        z_quantile(1 - fraction("alpha", alpha)),
    )
    return _rejection(
        n,
        discordance,
        true_delta,
        lambda m: _most(m, lambda loss: tango_z(m - loss, loss, n, -margin) >= z),
    )


def noninferiority_size(n: int, margin: float, discordance: float, alpha: float = 0.05) -> float:
    """P(a guard ends HELD although the adapter is worse by ``margin``); raises as
    :func:`noninferiority_power`.
    """
    return noninferiority_power(n, margin, discordance, -margin, alpha)


def noninferiority_prompts(
    margin: float, discordance: float, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Prompts with which an unchanged adapter (Delta = 0) ends HELD with probability ``power``, K =
    1.

    The first n that reaches it from the normal approximation ``(z_alpha + z_beta)^2 discordance /
    margin^2`` upward; the exact power dips again at some larger n. Raises ``ValueError`` on rates
    outside of (0, 1).
    """
    target, ratio = (
        fraction("power", power),
        fraction("discordance", discordance) / fraction("margin", margin) ** 2,
    )
    rough = (z_quantile(1 - fraction("alpha", alpha)) + z_quantile(target)) ** 2 * ratio
    n = max(1, math.floor(0.95 * rough))
    while noninferiority_power(n, margin, discordance, alpha=alpha) < target:
        n += 1
    return n


def mcnemar_power(
    n: int,
    p_gain: float,
    p_loss: float,
    alpha: float = 0.05,
    test: Literal["exact", "mid-p"] = "mid-p",
) -> float:
    """Power of the two-sided McNemar test on ``n`` prompts, by enumeration.

    Raises ``ValueError`` on rates outside of 0..1 that sum to more than 1, or another ``test``.
    """
    tests = {"exact": mcnemar_exact, "mid-p": mcnemar_midp}
    if test not in tests:
        raise ValueError(f"test = {test!r}: expected 'exact' or 'mid-p'")
    gain, loss = fraction("p_gain", p_gain, closed=True), fraction("p_loss", p_loss, closed=True)
    n, alpha, p_value = count("n", n, least=1), fraction("alpha", alpha), tests[test]

    def fewest(m: int) -> int:
        """The largest smaller half of a split of ``m`` that is significant, or -1."""
        return _most(m // 2, lambda low: p_value(m - low, low) <= alpha)

    better = _rejection(n, gain + loss, gain - loss, fewest)
    return better + _rejection(n, gain + loss, loss - gain, fewest)


def regression_power(n: int, drop: float, discordance: float, alpha: float = 0.05) -> float:
    """P(a true ``drop`` is found) by the one-sided mid-p McNemar test; raises as
    :func:`noninferiority_power`.
    """
    n, alpha = count("n", n, least=1), fraction("alpha", alpha)

    def fewest_gains(m: int) -> int:
        def significant(gain: int) -> bool:
            return (
                float(bdtr(gain, m, 0.5) + (bdtr(gain - 1, m, 0.5) if gain else 0.0)) / 2 <= alpha
            )

        return _most(m, significant)

    return _rejection(n, discordance, drop, fewest_gains)


def detectable_drop(
    n: int, discordance: float, power: float = 0.8, alpha: float = 0.05
) -> float | Undefined:
    """The smallest true drop that :func:`regression_power` finds with probability ``power``.

    Undefined where even a drop as large as the discordance is missed too often. Raises
    ``ValueError`` as that function.
    """
    target, low, high = fraction("power", power), 0.0, fraction("discordance", discordance)
    if regression_power(n, high, discordance, alpha) < target:
        return Undefined(
            f"with {n} prompts and discordance {discordance:g} no drop is found {target:.0%} of the"
            " time"
        )
    while high - low > 1e-5:
        middle = (low + high) / 2
        low, high = (
            (low, middle)
            if regression_power(n, middle, discordance, alpha) >= target
            else (middle, high)
        )
    return high


def prompts_for_difference(
    delta: float,
    omega2: float,
    sigma2_a: float = 0.0,
    sigma2_b: float = 0.0,
    k_a: int = 1,
    k_b: int = 1,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float:
    """Prompts that find a difference ``delta`` in a two-sided paired test, K > 1 allowed (not
    rounded).

    ``(z_{1-alpha/2} + z_power)^2 (omega2 + sigma2_a / k_a + sigma2_b / k_b) / delta^2``; omega2 is
    the variance of the per-prompt mean difference, sigma2 that of answers within a prompt. Raises
    ``ValueError`` on negative variances, K < 1, or rates outside of (0, 1). Source: Miller 2024,
    arXiv 2411.00640, section 5.
    """
    if min(real("omega2", omega2), real("sigma2_a", sigma2_a), real("sigma2_b", sigma2_b)) < 0:
        raise ValueError("omega2, sigma2_a, sigma2_b: expected no negative variance")
    z = z_quantile(1 - fraction("alpha", alpha) / 2) + z_quantile(power)
    spread = omega2 + sigma2_a / count("k_a", k_a, least=1) + sigma2_b / count("k_b", k_b, least=1)
    return z * z * spread / fraction("delta", delta) ** 2


def _most(top: int, accepts: Callable[[int], bool]) -> int:
    """The largest value from 0 to ``top`` that is accepted, -1 if none; what accepts a value
    accepts all below it.
    """
    low, high = -1, top + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if accepts(middle) else (low, middle)
    return low


def _rejection(n: int, discordance: float, lead: float, most: Callable[[int], int]) -> float:
    """P(the weaker side of m discordant prompts counts ``most(m)`` or less), summed over m.

    The weaker side's share of the discordant prompts is ``(discordance - lead) / (2 discordance)``.
    """
    if abs(real("true difference", lead)) > fraction("discordance", discordance, closed=True):
        raise ValueError(
            f"a difference of {lead:g} needs a discordance of at least that, not {discordance:g}"
        )
    share = (discordance - lead) / (2 * discordance) if discordance else 0.5
    total = 0.0
    for m in range(n + 1):
        probability = _binomial(m, n, discordance)
        if probability > 1e-15 and (limit := most(m)) >= 0:
            total += probability * float(bdtr(limit, m, share))
    return min(1.0, total)


def _binomial(k: int, n: int, p: float) -> float:
    """P(X = k) for X ~ Bin(n, p)."""
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return math.exp(float(ways + xlogy(k, p) + xlog1py(n - k, -p)))
