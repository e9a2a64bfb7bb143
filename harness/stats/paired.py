"""Base against adapter on the same prompts, one answer each (K = 1).

``gains`` are prompts that only the adapter passes, ``losses`` those that only the base passes;
Delta = adapter - base = (gains - losses) / n. The sign is the adapter's everywhere: positive is
better. With several answers a prompt see
:mod:`harness.stats.repeated`."""

from __future__ import annotations

import enum
import math
from statistics import NormalDist
from typing import NamedTuple

from harness.stats import special
from harness.stats.intervals import wilson, z_two_sided
from harness.stats.values import Interval, count, fraction, root


class GuardState(enum.StrEnum):
    """What a guard says of the adapter; only ``HELD`` may ship."""

    HELD = "HELD"
    BROKEN = "BROKEN"
    REGRESSED = "REGRESSED"
    INCONCLUSIVE = "INCONCLUSIVE"


class NonInferiority(NamedTuple):
    """The score ``z`` against Delta = -margin and its one-sided ``p``: small says "not worse by the
    margin"."""

    z: float
    p: float


def mcnemar_exact(gains: int, losses: int) -> float:
    """Two-sided p-value of no difference: ``2 P(Bin(m, 1/2) <= min(gains, losses))``, at most 1.

    m is gains + losses. Raises ``ValueError`` on negative counts. Source: McNemar 1947; equals
    statsmodels ``mcnemar(exact=True)``."""
    low, m = min(count("gains", gains), count("losses", losses)), gains + losses
    return min(1.0, 2 * float(special.bdtr(low, m, 0.5)))


def mcnemar_midp(gains: int, losses: int) -> float:
    """Two-sided mid-p of no difference, the default test: exact less the chance of the seen split.

    With gains = losses it is ``1 - P / 2``. Raises ``ValueError`` on negative counts. Source:
    Fagerland, Lydersen & Laake 2013, BMC Med Res Methodol 13:91."""
    exact, m = mcnemar_exact(gains, losses), gains + losses
    seen = float(math.comb(m, gains) / 2**m)
    return 1 - seen / 2 if gains == losses else exact - seen


def tango_z(gains: int, losses: int, n: int, delta: float) -> float:
    """Tango's score statistic of the hypothesis Delta = ``delta``; it falls as ``delta`` rises.

    Raises ``ValueError`` on counts that do not fit ``n`` or ``delta`` outside of (-1, 1).
    Source: Tango 1998, Stat Med 17:891, with the closed form of the constrained maximum-likelihood
    loss rate."""
    gains, losses, n = _cells(gains, losses, n)
    if not -1 < delta < 1:
        raise ValueError(f"delta = {delta!r}: expected a number between -1 and 1")
    return _score(gains, losses, n, delta)


def tango(gains: int, losses: int, n: int, confidence: float = 0.95) -> Interval:
    """Tango's score interval of Delta, two-sided: the default interval of a difference on the same
    prompts.

    Raises ``ValueError`` on counts that do not fit ``n``. Without discordance it is ``+-z^2 / (n +
    z^2)``, not 0. Source: Tango 1998, Stat Med 17:891; a limit is 1 or -1 where every prompt is a
    gain or a loss."""
    gains, losses, n = _cells(gains, losses, n)
    z = z_two_sided(confidence)
    return Interval(_lower_limit(gains, losses, n, z), -_lower_limit(losses, gains, n, z))


def tango_noninferiority(gains: int, losses: int, n: int, margin: float) -> NonInferiority:
    """Test of "the adapter is worse than base by ``margin`` or more"; a small one-sided ``p`` says
    that it is not.

    ``p <= alpha`` exactly when the lower limit of the ``1 - 2 alpha`` :func:`tango` interval
    reaches above ``-margin``. Wald's form of this test has up to 12.8 % size at a nominal 5 % and
    is not offered. Raises ``ValueError`` on counts that do not fit ``n`` or a margin outside of (0,
    1). Source: Tango 1998."""
    z = tango_z(gains, losses, n, -fraction("margin", margin))
    return NonInferiority(z, NormalDist().cdf(-z))


def newcombe(
    both: int, gains: int, losses: int, neither: int, confidence: float = 0.95
) -> Interval:
    """Newcombe's hybrid score interval of Delta, method 10: the second opinion beside
    :func:`tango`.

    Squares and adds the distances to both Wilson intervals with the continuity-corrected
    correlation of the pairs. Raises ``ValueError`` on negative counts or an empty table. Source:
    Newcombe 1998, Stat Med 17:2635."""
    cells = {"both": both, "gains": gains, "losses": losses, "neither": neither}
    n = sum(count(name, value) for name, value in cells.items())
    passed_adapter, passed_base = both + gains, both + losses
    adapter, base = wilson(passed_adapter, n, confidence), wilson(passed_base, n, confidence)
    rate_adapter, rate_base = passed_adapter / n, passed_base / n
    product = passed_adapter * passed_base * (n - passed_adapter) * (n - passed_base)
    lead = both * neither - gains * losses
    phi = (max(lead - n / 2, 0.0) if lead > 0 else lead) / math.sqrt(product) if product else 0.0

    def half(first: float, second: float) -> float:
        return math.sqrt(max(0.0, first * first - 2 * phi * first * second + second * second))

    delta = rate_adapter - rate_base
    low = delta - half(rate_adapter - adapter.low, base.high - rate_base)
    high = delta + half(adapter.high - rate_adapter, rate_base - base.low)
    return Interval(max(-1.0, low), min(1.0, high))


def guard_state(gains: int, losses: int, n: int, margin: float, alpha: float = 0.05) -> GuardState:
    """The state of a guard from the ``1 - 2 alpha`` :func:`tango` interval; each claim has
    one-sided error ``alpha``.

    Raises ``ValueError`` on counts that do not fit ``n``, a margin outside of (0, 1), or alpha
    outside of (0, 1/2)."""
    return state_of(tango(gains, losses, n, two_sided(alpha)), margin)


def state_of(interval: Interval, margin: float) -> GuardState:
    """HELD above ``-margin``, BROKEN below it, REGRESSED when only below 0, else INCONCLUSIVE."""
    margin = fraction("margin", margin)
    if interval.low > -margin:
        return GuardState.HELD
    if interval.high < -margin:
        return GuardState.BROKEN
    return GuardState.REGRESSED if interval.high < 0 else GuardState.INCONCLUSIVE


def two_sided(alpha: float) -> float:
    """The confidence ``1 - 2 alpha`` of the interval whose two limits are one-sided tests at
    ``alpha``."""
    if fraction("alpha", alpha) >= 0.5:
        raise ValueError(f"alpha = {alpha!r}: expected less than 0.5")
    return 1 - 2 * alpha


def _cells(gains: int, losses: int, n: int) -> tuple[int, int, int]:
    gains, losses, n = count("gains", gains), count("losses", losses), count("n", n, least=1)
    if gains + losses > n:
        raise ValueError(f"gains + losses = {gains + losses} of n = {n}: expected no more than n")
    return gains, losses, n


def _score(gains: int, losses: int, n: int, delta: float) -> float:
    a = 2.0 * n
    b = (2 * n - gains + losses) * delta - gains - losses
    c = -losses * delta * (1 - delta)
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    # the loss rate under the hypothesis; the second form avoids cancellation where b > 0
    loss_rate = (root - b) / (2 * a) if b <= 0 else -2 * c / (root + b)
    variance = n * (2 * loss_rate + delta * (1 - delta))
    gap = gains - losses - n * delta
    if variance <= 0:  # the hypothesis allows the data only if there is no gap
        return 0.0 if gap == 0 else math.copysign(math.inf, gap)
    return gap / math.sqrt(variance)


def _lower_limit(gains: int, losses: int, n: int, z: float) -> float:
    if losses - gains == n:
        return -1.0
    nearly, most = -1 + 1e-12, (gains - losses) / n
    return root(lambda delta: _score(gains, losses, n, delta) - z, nearly, most, 1e-13)
