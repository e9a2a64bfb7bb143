"""Base and adapter on the same prompts, one answer each: gains, losses and the states of a
guard."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as sps
from stats_helpers import agree, counts, pair, quick

from harness.stats import exact, paired, repeated
from harness.stats.paired import GuardState
from harness.stats.subjects import equivalence


@pytest.mark.parametrize(
    ("gains", "losses", "state"),
    [
        (0, 0, "HELD"),
        (4, 6, "HELD"),
        (10, 10, "HELD"),
        (2, 20, "BROKEN"),
        (1, 9, "REGRESSED"),
        (3, 11, "REGRESSED"),
        (6, 8, "INCONCLUSIVE"),
    ],
)
def test_guard_states(gains: int, losses: int, state: str) -> None:
    assert paired.guard_state(gains, losses, 164, 0.05) == state
    assert (
        repeated.guard_state([1] * gains + [-1] * losses + [0] * (164 - gains - losses), 0.05)
        == state
    )


@pytest.mark.parametrize(
    ("margin", "nets"),
    [
        (0.05, {0: 0, 2: 2, 4: 2, 6: 2, 8: 2, 10: 2, 12: 0, 16: 0, 20: 0, 24: -2, 30: -2, 40: -4}),
        (0.10, {2: 2, 4: 4, 6: 6, 8: 8, 10: 10, 12: 8, 20: 8, 24: 6, 30: 6, 40: 4}),
    ],
)
def test_largest_net_loss_that_holds(margin: float, nets: dict[int, int]) -> None:
    for m, net in nets.items():
        held = [
            2 * loss - m
            for loss in range(m + 1)
            if paired.guard_state(m - loss, loss, 164, margin) == "HELD"
        ]
        assert max(held) == net


@pytest.mark.parametrize("m", range(12))
def test_mcnemar_is_the_enumeration(m: int) -> None:
    """Over all 2^m equally likely signs: as far or farther from even; mid-p takes the seen splits
    half."""
    nets = [abs(sum(signs)) for signs in itertools.product((1, -1), repeat=m)]
    for gains in range(m + 1):
        net = abs(2 * gains - m)
        exact = sum(other >= net for other in nets) / len(nets)
        assert paired.mcnemar_exact(gains, m - gains) == pytest.approx(exact)
        seen = sum(other == net for other in nets) / len(nets)
        assert paired.mcnemar_midp(gains, m - gains) == pytest.approx(exact - seen / 2)


@pytest.mark.parametrize(
    ("gains", "losses", "n"),
    [(0, 1, 44), (5, 6, 164), (0, 0, 20), (9, 3, 32), (3, 0, 3), (1, 7, 21)],
)
@pytest.mark.parametrize("delta", [-0.3, -0.05, 0.0, 0.2])
def test_tango_is_the_constrained_likelihood(gains: int, losses: int, n: int, delta: float) -> None:
    loss_rates = np.linspace(max(0, -delta), (1 - delta) / 2, 400_001)[1:-1]
    likelihood = (
        gains * np.log(loss_rates + delta)
        + losses * np.log(loss_rates)
        + (n - gains - losses) * np.log(np.maximum(1 - 2 * loss_rates - delta, 1e-300))
    )
    best = loss_rates[likelihood.argmax()]
    z = (gains - losses - n * delta) / math.sqrt(n * (2 * best + delta * (1 - delta)))
    assert paired.tango_z(gains, losses, n, delta) == pytest.approx(z, abs=2e-3)


@quick
@given(counts(200), st.floats(0.5, 0.98))
def test_paired_intervals(cells: tuple[int, int, int], confidence: float) -> None:
    gains, losses, n = cells
    both = (n - gains - losses) // 2
    neither = n - gains - losses - both
    delta = (gains - losses) / n
    for found, swapped, wider in (
        (
            paired.tango(gains, losses, n, confidence),
            paired.tango(losses, gains, n, confidence),
            paired.tango(gains, losses, n, confidence + 0.01),
        ),
        (
            paired.newcombe(both, gains, losses, neither, confidence),
            paired.newcombe(both, losses, gains, neither, confidence),
            paired.newcombe(both, gains, losses, neither, confidence + 0.01),
        ),
    ):
        assert -1 <= found.low <= delta + 1e-12
        assert delta - 1e-12 <= found.high <= 1
        agree(pair(swapped), [-found.high, -found.low], 1e-9)
        assert wider.low <= found.low + 1e-12
        assert found.high <= wider.high + 1e-12
    if gains + losses < n:
        assert (
            paired.tango(gains + 1, losses, n, confidence).low
            >= paired.tango(*cells, confidence).low - 1e-9
        )
        assert (
            paired.tango(gains, losses + 1, n, confidence).high
            <= paired.tango(*cells, confidence).high + 1e-9
        )


@quick
@given(counts(100), st.floats(0.01, 0.5), st.floats(0.01, 0.2))
def test_noninferiority_is_the_interval(
    cells: tuple[int, int, int], margin: float, alpha: float
) -> None:
    interval = paired.tango(*cells, 1 - 2 * alpha)
    if abs(interval.low + margin) > 1e-9:
        assert (paired.tango_noninferiority(*cells, margin).p < alpha) == (interval.low > -margin)
        assert (paired.guard_state(*cells, margin, alpha) == GuardState.HELD) == (
            interval.low > -margin
        )


@pytest.mark.parametrize(
    ("n", "margin", "alpha"), [(25, 0.1, 0.05), (30, 0.05, 0.025), (40, 0.02, 0.05)]
)
def test_exact_noninferiority_never_exceeds_alpha(n: int, margin: float, alpha: float) -> None:
    cells = [(g, loss) for g, loss in itertools.product(range(n + 1), repeat=2) if g + loss <= n]
    held = [
        (g, loss) for g, loss in cells if exact.noninferiority_exact(g, loss, n, margin) <= alpha
    ]
    rejected = np.array([[g, loss, n - g - loss] for g, loss in held])
    for psi in np.linspace(margin, 1, 41):
        gain, loss = (psi - margin) / 2, (psi + margin) / 2
        assert (
            len(held) == 0
            or sps.multinomial.pmf(rejected, n, [gain, loss, 1 - gain - loss]).sum() <= alpha + 1e-4
        )


def test_exact_noninferiority_is_close_to_tango() -> None:
    found = exact.noninferiority_exact(5, 6, 164, 0.05)
    assert found == pytest.approx(paired.tango_noninferiority(5, 6, 164, 0.05).p, abs=3e-3)
    assert (
        exact.noninferiority_exact(0, 10, 164, 0.1)
        > 0.05
        > paired.tango_noninferiority(0, 10, 164, 0.1).p
    )


series = st.lists(st.floats(-1, 1, width=16), min_size=2, max_size=9)


@quick
@given(series, series, st.floats(0.01, 0.5), st.sampled_from(["unequal", "pooled"]))
def test_equivalence_agrees_with_statsmodels(
    x: list[float], y: list[float], margin: float, variances: str
) -> None:
    from statsmodels.stats.weightstats import ttost_ind, ttost_paired

    shared = min(len(x), len(y))
    first, second = np.array(x[:shared]), np.array(y[:shared])
    pairs = equivalence.tost_paired(first, second, -margin, 2 * margin)
    alone = equivalence.tost_independent(x, y, -margin, 2 * margin, variances)
    for found, reference in (
        (pairs, lambda: ttost_paired(first, second, -margin, 2 * margin)),
        (alone, lambda: ttost_ind(np.array(x), np.array(y), -margin, 2 * margin, usevar=variances)),
    ):
        if found and max(abs(found.lower.statistic), abs(found.upper.statistic)) < 1e6:
            p, lower, upper = reference()
            assert found.p == pytest.approx(p, abs=1e-9)
            assert found.lower.statistic == pytest.approx(lower[0], rel=1e-6)
            assert found.upper.statistic == pytest.approx(upper[0], rel=1e-6)


def test_equivalence_needs_both_sides() -> None:
    x, y = [0.71, 0.69, 0.73, 0.70, 0.72], [0.70, 0.70, 0.72, 0.71, 0.71]
    found = equivalence.tost_paired(x, y, -0.02, 0.02)
    interval = sps.ttest_rel(x, y).confidence_interval(0.9)
    assert (found.p <= 0.05) == (interval.low > -0.02 and interval.high < 0.02)
    assert not equivalence.tost_paired(x, x, -0.02, 0.02)
    assert not equivalence.tost_independent([1, 1], [2, 2], -1, 1)
    for cells in ((4, 6, 164), (6, 8, 164), (10, 2, 164)):
        seen = paired.tango(*cells, 0.9)
        equal = seen.low > -0.05 and seen.high < 0.05
        assert equal == (equivalence.tost_binary(*cells, 0.05).p < 0.05)
