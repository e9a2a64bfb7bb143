"""What a number of prompts can show of a gain, by enumeration, for one answer a prompt.

``discordance`` is P(base and adapter differ on a prompt), as in :mod:`harness.stats.power`."""

from __future__ import annotations

import math
from typing import Any

from harness.stats.intervals import z_quantile
from harness.stats.paired import tango_z
from harness.stats.values import count, fraction, real


def gain_power(
    n: int, discordance: float, true_delta: float, alpha: float = 0.05, min_gain: float = 0.0
) -> float:
    """P(a gain of more than ``min_gain`` is shown): the exact one-sided McNemar test at ``alpha``
    on ``n`` prompts, or with a ``min_gain`` Tango's.

    Raises ``ValueError`` unless ``n >= 1``, rates lie in (0, 1) and ``|true_delta| <=
    discordance``. Source of the test: METHOD 2.1."""
    import numpy as np
    from scipy.special import bdtr, gammaln, xlog1py, xlogy

    n, alpha = count("n", n, least=1), fraction("alpha", alpha)
    if abs(real("true_delta", true_delta)) > fraction("discordance", discordance, closed=True):
        raise ValueError(
            f"a difference of {true_delta:g} needs a discordance of at least that,"
            f" not {discordance:g}"
        )
    reach = 9 * math.sqrt(n * discordance * (1 - discordance)) + 40  # beyond it nothing is likely
    m = np.arange(max(0, math.floor(n * discordance - reach)), n + 1)
    m = m[m <= n * discordance + reach]
    ways = gammaln(n + 1) - gammaln(m + 1) - gammaln(n - m + 1)
    chance = np.exp(ways + xlogy(m, discordance) + xlog1py(n - m, -discordance))
    most = _exact(m, alpha) if min_gain == 0 else _score(m, n, alpha, min_gain)
    losing = (discordance - true_delta) / (2 * discordance) if discordance else 0.5
    shown = np.where(most >= 0, bdtr(np.maximum(most, 0), m, losing), 0.0)
    return min(1.0, float((chance * shown).sum()))


def gain_prompts(
    discordance: float,
    true_delta: float,
    power: float = 0.8,
    alpha: float = 0.05,
    min_gain: float = 0.0,
    most: int = 5000,
) -> int | None:
    """The fewest prompts with which a gain of more than ``min_gain`` is shown with probability
    ``power``; ``None`` where it takes more than ``most``.

    Looked for from below McNemar's normal approximation upward. The exact power is a saw: it may
    dip again at some larger number. Raises ``ValueError`` on what :func:`gain_power` refuses, and
    where there is no such gain."""
    target, gain = fraction("power", power), true_delta - min_gain
    if gain <= 0:
        raise ValueError(f"a gain of {true_delta:g} is not more than {min_gain:g}: nothing to show")
    spread = math.sqrt(max(discordance - true_delta**2, 0.0))
    far = z_quantile(1 - alpha) * math.sqrt(discordance) + z_quantile(target) * spread
    rough = (far / gain) ** 2
    n = max(1, math.floor((0.95 if rough > 500 else 0.7) * rough))
    while n <= most and gain_power(n, discordance, true_delta, alpha, min_gain) < target:
        n += 1
    return n if n <= most else None


def _exact(m: Any, alpha: float) -> Any:
    """The most losses among ``m`` discordant prompts that show a gain, -1 where none does."""
    import numpy as np
    from scipy.special import bdtr, bdtrik

    near = np.nan_to_num(np.floor(bdtrik(alpha, m, 0.5)), nan=-1.0)
    tried = np.clip(near + np.array([[-1], [0], [1]]), -1, m)
    shows = np.where(tried >= 0, bdtr(np.maximum(tried, 0), m, 0.5) <= alpha, True)
    return np.where(shows, tried, -1).max(axis=0)


def _score(m: Any, n: int, alpha: float, min_gain: float) -> Any:
    import numpy as np

    z, found, losses = z_quantile(1 - alpha), [], int(m[0])
    for discordant in m.tolist():
        losses = min(losses + 1, discordant)
        while losses >= 0 and tango_z(discordant - losses, losses, n, min_gain) < z:
            losses -= 1
        found.append(losses)
    return np.array(found)
