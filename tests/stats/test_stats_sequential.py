"""Sequential looks and multiple tests: many err no more often than one would."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stats_helpers import quick

from harness.stats import intervals, multiplicity, paired, sequential
from harness.stats.paired import GuardState


def test_sprt_stops_where_the_example_stops() -> None:
    outcomes = [0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0, 0]
    found = sequential.sprt(
        sequential.bernoulli_log_ratios(outcomes, 0.1, 0.3), alpha=0.05, beta=0.1
    )
    assert (found.decision, found.at) == (sequential.SprtDecision.REJECT, 7)


def test_curtailment_is_certain() -> None:
    """It stops exactly when no completion of the run can be HELD."""
    n, margin = 40, 0.1
    for losses, gains, left in itertools.product(range(8), range(3), range(6)):
        held = [
            paired.guard_state(gains + more, losses, n, margin) == GuardState.HELD
            for more in range(left + 1)
        ]
        assert sequential.curtailed(gains, losses, n, margin, open_gains=left) == (not any(held))


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.8])
def test_anytime_interval_holds_at_every_n(rate: float) -> None:
    """The exact chance that the interval ever leaves out the rate in 60 items, by following all
    counts.
    """
    still, left = np.ones(1), 0.0
    for n in range(1, 61):
        still = np.append(still * (1 - rate), 0) + np.insert(still * rate, 0, 0)
        out = np.array(
            [rate not in sequential.anytime_interval(k, n, tuned_for=30) for k in range(n + 1)]
        )
        left, still = left + still[out].sum(), np.where(out, 0, still)
    assert left <= 0.05


@quick
@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_anytime_interval_is_wider_than_a_fixed_one(cell: tuple[int, int]) -> None:
    x, n = cell
    anytime, fixed = sequential.anytime_interval(x, n), intervals.clopper_pearson(x, n, 0.9)
    assert 0 <= anytime.low <= fixed.low
    assert fixed.high <= anytime.high <= 1


def test_eprocess_rarely_stops_an_adapter_at_the_margin() -> None:
    rng = np.random.default_rng(0)
    cells = ([-1, 0, 1], [0.125, 0.8, 0.075])
    stops = [
        sequential.stopped_at(sequential.eprocess(rng.choice(cells[0], 164, p=cells[1]), 0.05))
        for _ in range(200)
    ]
    assert sum(stop is not None for stop in stops) <= 20
    assert sequential.stopped_at(sequential.eprocess([-1] * 10, 0.05)) == 7


def test_looks_spend_alpha_once() -> None:
    assert sum(multiplicity.look_alpha(0.05, look) for look in range(1, 2000)) == pytest.approx(
        0.05, rel=1e-3
    )


def test_bh_1995_rejections() -> None:
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.324,
        0.4262,
        0.5719,
        0.6528,
        0.759,
        1,
    ]
    methods = (multiplicity.benjamini_hochberg, multiplicity.holm, multiplicity.bonferroni)
    assert [sum(value <= 0.05 for value in method(p)) for method in methods] == [4, 3, 3]


@quick
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_multiplicity_agrees_with_statsmodels(p_values: list[float]) -> None:
    from statsmodels.stats.multitest import multipletests

    for ours, method in (
        (multiplicity.holm, "holm"),
        (multiplicity.benjamini_hochberg, "fdr_bh"),
        (multiplicity.bonferroni, "bonferroni"),
    ):
        assert ours(p_values) == pytest.approx(multipletests(p_values, method=method)[1].tolist())
