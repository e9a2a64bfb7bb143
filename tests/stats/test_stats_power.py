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


def test_the_prompts_that_are_needed() -> None:
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


@pytest.mark.parametrize("margin", [0.02, 0.03, 0.05, 0.10])
def test_size_at_the_margin(margin: float) -> None:
    """An adapter exactly at the margin is HELD about alpha of the time, whatever the
    discordance."""

    def size(discordance: float, alpha: float) -> float:
        return power.noninferiority_power(164, margin, discordance, -margin, alpha)

    discordances = [psi / 100 for psi in range(math.ceil(margin * 100), 31, 2)]
    assert max(size(psi, 0.05) for psi in discordances) < 0.0555
    assert max(size(psi, 0.025) for psi in (margin, 0.1, 0.2, 0.3)) < 0.0258
