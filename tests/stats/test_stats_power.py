"""What a suite can show: power, size at the margin, and the prompts that are needed."""

import itertools
import math

import pytest
from scipy import stats as sps
from stats_helpers import agree

from harness.stats import paired, power
from harness.stats.paired import GuardState


@pytest.mark.parametrize(
    ("n", "margin", "alpha", "powers"),
    [
        (164, 0.02, 0.05, [0.37, 0.27, 0.22, 0.20, 0.16, 0.14, 0.12]),
        (164, 0.05, 0.05, [0.97, 0.81, 0.67, 0.60, 0.49, 0.41, 0.32]),
        (164, 0.10, 0.05, [1.0, 1.0, 0.99, 0.98, 0.94, 0.88, 0.75]),
        (164, 0.05, 0.025, [0.90, 0.69, 0.55, 0.48, 0.36, 0.28, 0.21]),
        (542, 0.03, 0.05, [1.0, 0.91, 0.78, 0.70, 0.56, 0.46, 0.36]),
    ],
)
def test_power_table(n: int, margin: float, alpha: float, powers: list[float]) -> None:
    discordances = (0.02, 0.05, 0.08, 0.10, 0.15, 0.20, 0.30)
    agree(
        [power.noninferiority_power(n, margin, psi, alpha=alpha) for psi in discordances],
        powers,
        6e-3,
    )


def test_what_is_missed_and_what_is_needed() -> None:
    agree(
        [1 - power.mcnemar_power(164, psi / 2 - 0.025, psi / 2 + 0.025) for psi in (0.1, 0.2)],
        [0.47, 0.71],
        6e-3,
    )
    agree(
        [power.detectable_drop(164, psi) for psi in (0.05, 0.10, 0.30)],
        [0.042, 0.060, 0.105],
        1.1e-3,
    )
    assert not power.detectable_drop(164, 0.02)
    assert power.noninferiority_prompts(0.05, 0.05) == 158
    assert power.noninferiority_prompts(0.03, 0.10) == 705


@pytest.mark.parametrize("true_delta", [0.0, -0.1])
def test_noninferiority_power_is_the_enumeration(true_delta: float) -> None:
    n, margin, psi = 30, 0.1, 0.2
    total = 0.0
    for gains, losses in itertools.product(range(n + 1), repeat=2):
        if gains + losses <= n and paired.guard_state(gains, losses, n, margin) == GuardState.HELD:
            cells = [gains, losses, n - gains - losses]
            total += sps.multinomial.pmf(
                cells, n, [(psi + true_delta) / 2, (psi - true_delta) / 2, 1 - psi]
            )
    assert power.noninferiority_power(n, margin, psi, true_delta) == pytest.approx(total)


def test_mcnemar_power_is_the_enumeration() -> None:
    n, gain, loss = 25, 0.3, 0.1
    total = 0.0
    for gains, losses in itertools.product(range(n + 1), repeat=2):
        if gains + losses <= n and paired.mcnemar_midp(gains, losses) <= 0.05:
            total += sps.multinomial.pmf(
                [gains, losses, n - gains - losses], n, [gain, loss, 1 - gain - loss]
            )
    assert power.mcnemar_power(n, gain, loss) == pytest.approx(total)


@pytest.mark.parametrize("margin", [0.02, 0.03, 0.05, 0.10])
def test_size_at_the_margin(margin: float) -> None:
    """An adapter exactly at the margin is HELD about alpha of the time, whatever the
    discordance.
    """
    sizes = [
        power.noninferiority_size(164, margin, psi / 100)
        for psi in range(math.ceil(margin * 100), 31, 2)
    ]
    assert max(sizes) < 0.0555
    assert (
        max(power.noninferiority_size(164, margin, psi, 0.025) for psi in (margin, 0.1, 0.2, 0.3))
        < 0.0258
    )
