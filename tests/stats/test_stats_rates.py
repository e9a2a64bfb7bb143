"""A rate of passes: its intervals and pass@k against brute force, scipy and what an interval must
be."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as sps
from stats_helpers import agree, pair, quick

from harness.stats import intervals, passk
from harness.stats.values import Interval


@pytest.mark.parametrize("n", [1, 5, 10, 20, 37])
def test_clopper_pearson_covers(n: int) -> None:
    found = [intervals.clopper_pearson(x, n) for x in range(n + 1)]
    upper = [intervals.upper_bound(x, n) for x in range(n + 1)]
    for p in np.linspace(0.005, 0.995, 67):
        chance = sps.binom.pmf(range(n + 1), n, p)
        assert (
            sum(c for c, interval in zip(chance, found, strict=True) if p in interval)
            >= 0.95 - 1e-12
        )
        assert sum(c for c, bound in zip(chance, upper, strict=True) if p <= bound) >= 0.95 - 1e-12


@pytest.mark.parametrize(("x", "n"), [(0, 7), (3, 7), (7, 7), (15, 148), (150, 164)])
def test_intervals_agree_with_scipy(x: int, n: int) -> None:
    test = sps.binomtest(x, n)
    for ours, method in ((intervals.wilson, "wilson"), (intervals.clopper_pearson, "exact")):
        agree(pair(ours(x, n, 0.9)), list(test.proportion_ci(0.9, method)), 1e-9)
    one_sided = sps.binomtest(x, n, alternative="less").proportion_ci(0.95, "exact")
    assert intervals.upper_bound(x, n) == pytest.approx(one_sided.high)


@pytest.mark.parametrize("method", [intervals.wilson, intervals.clopper_pearson])
@quick
@given(
    st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.floats(0.5, 0.98),
)
def test_rate_intervals(
    method: Callable[..., Interval], cell: tuple[int, int], confidence: float
) -> None:
    x, n = cell
    found = method(x, n, confidence)
    assert 0 <= found.low <= x / n <= found.high <= 1
    wider = method(x, n, confidence + 0.01)
    assert wider.low <= found.low
    assert found.high <= wider.high
    agree(pair(method(n - x, n, confidence)), [1 - found.high, 1 - found.low], 1e-9)
    if x < n:
        more = method(x + 1, n, confidence)
        assert found.low <= more.low
        assert found.high <= more.high


@pytest.mark.parametrize(("n", "c", "k"), [(5, 2, 3), (6, 0, 2), (6, 6, 6), (7, 3, 1)])
def test_pass_at_k_is_the_enumeration(n: int, c: int, k: int) -> None:
    draws = list(itertools.combinations([True] * c + [False] * (n - c), k))
    assert passk.pass_at_k(n, c, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_mean_pass_at_k() -> None:
    found = passk.mean_pass_at_k([(10, 3), (10, 10), (10, 0), (10, 7)], 1)
    assert found.value == pytest.approx(0.5)
    assert passk.mean_pass_at_k([(2, 2)] * 20, 1).interval == intervals.clopper_pearson(20, 20)
    assert not passk.mean_pass_at_k([(2, 1)], 1)
