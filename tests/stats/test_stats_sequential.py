"""Sequential looks and multiple tests: many err no more often than one would."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stats_helpers import quick

from harness.stats import multiplicity, sequential


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


def test_holm_rejects_what_bh_1995_says() -> None:
    p = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262,
        0.5719, 0.6528, 0.759, 1,
    ]  # fmt: skip
    assert sum(value <= 0.05 for value in multiplicity.holm(p)) == 3


@quick
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_agrees_with_statsmodels(p_values: list[float]) -> None:
    from statsmodels.stats.multitest import multipletests

    expected = multipletests(p_values, method="holm")[1].tolist()
    assert multiplicity.holm(p_values) == pytest.approx(expected)
