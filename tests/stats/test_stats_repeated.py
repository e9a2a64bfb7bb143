"""Answers that belong together: several to one prompt, and clusters of prompts."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as sps
from stats_helpers import agree, counts, pair, quick

from harness.stats import clusters, intervals, paired, repeated


@pytest.mark.parametrize(("n", "margin"), [(40, 0.03), (164, 0.02), (164, 0.05), (164, 0.10)])
def test_repeated_guard_keeps_its_size_where_the_t_test_does_not(n: int, margin: float) -> None:
    """Prompts that always pass under base, of which the adapter loses a share for good: K answers
    add nothing."""
    chance = sps.binom.pmf(range(n + 1), n, margin)
    differences = [[-1.0] * lost + [0.0] * (n - lost) for lost in range(n + 1)]
    score = sum(
        c
        for c, d in zip(chance, differences, strict=True)
        if repeated.guard_state(d, margin) == "HELD"
    )
    student = sum(
        c
        for c, d in zip(chance, differences, strict=True)
        if len(set(d)) == 1 or sps.ttest_1samp(d, -margin, alternative="greater").pvalue <= 0.05
    )
    assert score <= 0.056
    assert student > 0.08


def test_no_difference_at_all_is_held() -> None:
    assert repeated.guard_state([0.0] * 164, 0.05) == "HELD"


@quick
@given(counts(), st.floats(-0.9, 0.9))
def test_repeated_score_is_tango_at_one_answer(cells: tuple[int, int, int], delta: float) -> None:
    gains, losses, n = cells
    differences = [1.0] * gains + [-1.0] * losses + [0.0] * (n - gains - losses)
    assert repeated.score_z(differences, delta) == pytest.approx(
        paired.tango_z(*cells, delta), rel=1e-5, abs=1e-5
    )
    agree(pair(repeated.score_interval(differences)), pair(paired.tango(*cells)), 1e-6)


tenths = st.lists(st.integers(-10, 10).map(lambda tenth: tenth / 10), min_size=1, max_size=60)


@quick
@given(tenths, st.floats(-0.95, 0.9), st.floats(0.001, 0.05))
def test_repeated_score(differences: list[float], delta: float, step: float) -> None:
    mean = math.fsum(differences) / len(differences)
    narrow, wide = (
        repeated.score_interval(differences, 0.8),
        repeated.score_interval(differences, 0.95),
    )
    assert wide.low <= narrow.low <= mean + 1e-9
    assert mean - 1e-9 <= narrow.high <= wide.high
    mirrored = repeated.score_interval([-d for d in differences], 0.8)
    agree(pair(mirrored), [-narrow.high, -narrow.low], 1e-8)
    assert (
        repeated.score_z(differences, delta) >= repeated.score_z(differences, delta + step) - 1e-7
    )
    # the interval and the tests give one state
    interval = repeated.score_interval(differences, 0.9)
    if min(abs(interval.low + 0.05), abs(interval.high + 0.05), abs(interval.high)) > 1e-6:
        assert repeated.guard_state(differences, 0.05) == paired.state_of(interval, 0.05)


PSYCHIATRY = (
    [0, 1, 1, 1, 0, 3, 3, 3, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0],
    [4, 2, 3, 2, 1, 3, 0, 2, 2, 4, 2, 4, 3, 2, 1, 3, 1, 2, 0, 0, 0, 2, 1, 2, 2, 0, 0, 1, 1],
    [7, 6, 7, 6, 4, 6, 5, 8, 4, 7, 3, 6, 7, 6, 5, 4, 6, 5, 4, 3, 5, 4, 4, 2, 3, 2, 2, 3, 1],
)  # Petryshen 1989, as Durkalski et al. 2003 use it


def test_clustered_mcnemar() -> None:
    found = clusters.clustered_mcnemar(*PSYCHIATRY)
    agree([test.statistic for test in found], [7.542, 7.19, 8.43], 6e-3)
    assert not clusters.clustered_mcnemar([1, 0], [1, 0], [2, 2])


def test_clustered_standard_errors_agree_with_statsmodels() -> None:
    from statsmodels.regression.linear_model import OLS

    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(6), [1, 2, 3, 4, 8, 12])
    y = (rng.random(len(groups)) < 0.3 + groups / 15).astype(float)
    model = OLS(y, np.ones_like(y))

    def reference(kind: str, by: Any) -> float:
        return float(model.fit(cov_type=kind, cov_kwds={"groups": by}, use_t=True).bse[0])

    assert clusters.clustered_se(y, groups) == pytest.approx(reference("cluster", groups))
    assert clusters.jackknife_se(y, groups) == pytest.approx(reference("cluster-crv3", groups))


def test_clustered_rate() -> None:
    even = clusters.clustered_rate([1, 0] * 10 + [1, 1] * 10, [i // 2 for i in range(40)])
    means = clusters.t_interval([0.5] * 10 + [1.0] * 10)
    agree(
        pair(even.interval), pair(means.interval), 1e-12
    )  # equal K: the t interval on prompt means
    assert clusters.clustered_rate(
        [1] * 40, [i // 2 for i in range(40)]
    ).interval == intervals.clopper_pearson(20, 20)
    assert not clusters.clustered_rate([1, 0] * 5, [i // 2 for i in range(10)])
    assert not clusters.clustered_rate([1, 0] * 10, [i // 2 for i in range(20)])
    assert not clusters.clustered_se([1, 0], ["a", "a"])
