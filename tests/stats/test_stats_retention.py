"""How much of a parent's gain a merge keeps, and with which bounds."""

import random

import pytest

from harness.stats.subjects.retention import retention
from harness.stats.values import Undefined

NONE, PARENT = [0.0] * 40, [1.0] * 38 + [0.0] * 2


def passes(many: int, of: int = 40) -> list[float]:
    return [1.0] * many + [0.0] * (of - many)


@pytest.mark.parametrize(
    ("kept", "value", "low", "high"),
    [(38, 1.0, 0.929, 1.0), (35, 35 / 38, 0.818, 0.992), (20, 20 / 38, 0.396, 0.653)],
)
def test_bounds_of_what_is_kept(kept, value, low, high):
    found = retention(NONE, PARENT, passes(kept))
    assert found.value == pytest.approx(value)
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high), abs=2e-3)


def test_nothing_kept_is_denied_and_no_gain_leaves_nothing_to_keep():
    assert retention(NONE, PARENT, NONE).interval.high < 0.1
    assert isinstance(retention(NONE, NONE, PARENT), Undefined)
    with pytest.raises(ValueError, match="expected as many"):
        retention(NONE, PARENT, PARENT[1:])


def test_the_lower_bound_is_above_the_truth_in_one_of_twenty():
    """A merge that keeps .8 of the gain from .2 to .9, prompt by prompt at random."""
    draw, above = random.Random(3), 0
    for _ in range(200):
        base, parent, merge = [], [], []
        for _ in range(60):
            knew, learnt = draw.random() < 0.2, draw.random() < 0.875
            base.append(float(knew))
            parent.append(float(knew or learnt))
            merge.append(float(knew or (learnt and draw.random() < 0.8)))
        above += retention(base, parent, merge).interval.low > 0.8
    assert above <= 16  # of 10 expected
