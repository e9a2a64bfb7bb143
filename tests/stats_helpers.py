"""What the tests of the statistics share: the reference cases, a comparison, and paired counts to
try."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from harness.stats.values import Interval

#: worked examples of each statistic
CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "statistics.jsonl").read_text().splitlines()
]

#: the score on five domains after each of as many stages, and before the first
R = [
    [0.80, 0.30, 0.25, 0.20, 0.35],
    [0.74, 0.78, 0.28, 0.22, 0.36],
    [0.84, 0.70, 0.85, 0.24, 0.37],
    [0.60, 0.66, 0.84, 0.72, 0.38],
    [0.64, 0.62, 0.79, 0.70, 0.90],
]
UNTRAINED = [0.40, 0.33, 0.30, 0.25, 0.35]

#: how many examples a property is tried on: always the same ones
quick = settings(max_examples=60, deadline=None, derandomize=True)


def pair(interval: Interval) -> list[float]:
    """An interval as a reference case writes it."""
    return [interval.low, interval.high]


def agree(found: Any, expected: Any, tolerance: float) -> None:
    """Find in ``found`` what is expected, each number within the tolerance."""
    if isinstance(expected, dict):
        for name, value in expected.items():
            agree(found[name], value, tolerance)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            agree(one, other, tolerance)
    elif isinstance(expected, str | bool):
        assert found == expected
    else:
        assert found == pytest.approx(expected, rel=0, abs=tolerance)


def counts(most: int = 40) -> st.SearchStrategy[tuple[int, int, int]]:
    """Any (gains, losses, n)."""
    triples = st.tuples(st.integers(0, most), st.integers(0, most), st.integers(0, most))
    return triples.map(lambda t: (t[0], t[1], max(1, sum(t))))
