"""What training leaves behind: forgetting, memorised text, tests that were trained on, degenerate
answers.
"""

from pathlib import Path

import numpy as np
import pytest
from stats_helpers import agree

from harness.stats.subjects import contamination, continual, degeneration, memorisation


def test_continual_three_tasks() -> None:
    found = continual.continual(
        [[0.90, 0.20, 0.15], [0.80, 0.88, 0.25], [0.75, 0.85, 0.92]], [0.1] * 3
    )
    agree(
        [found.accuracy, found.backward, found.forward, found.forgetting],
        [0.84, -0.09, 0.125, 0.09],
        1e-12,
    )
    assert not continual.continual([[0.5]]).backward


def test_exposure_of_unremembered_canaries_is_uniform() -> None:
    ranked = [float(loss) for loss in range(1023)]
    bits = [memorisation.exposure(rank - 0.5, ranked, own=True) for rank in range(1024)]
    assert np.mean(bits) == pytest.approx(1.443, abs=0.01)
    assert memorisation.exposure_p(bits) == pytest.approx(0.5, abs=0.1)
    assert memorisation.exposure_p([10.0, 10.0, 10.0]) < 1e-6
    assert (
        memorisation.exposure_by_extrapolation(-5, np.random.default_rng(0).normal(size=500)) > 10
    )


def test_tpr_at_fpr() -> None:
    others = list(range(300))
    assert not memorisation.tpr_at_fpr([1.0], others, 0.001)
    assert memorisation.tpr_at_fpr([295.5, 297.5, 400, 3], others, 0.01) == 0.5
    assert (
        memorisation.lira(0.9, 2.0, 1.0, 0.0, 1.0) > 0 > memorisation.lira(0.1, 2.0, 1.0, 0.0, 1.0)
    )


def test_contamination_of_near_misses() -> None:
    words = contamination.normalised(
        "The quick, brown FOX jumps over the lazy dog; twice a day it does so, at noon."
    )
    assert contamination.ngram_overlap(words, words).token_fraction == 1
    broken = [*words[:8], "really", *words[8:]]
    assert not contamination.ngram_overlap(words, broken).any
    assert contamination.ngram_overlap(words, broken).longest == 9 - (words[8] == words[0])
    assert contamination.ngram_overlap(
        ["a", "b"], ["x", "a", "b"]
    ).any  # shorter than n: matched whole
    assert not contamination.ngram_overlap([], words)
    assert contamination.jaccard("abcdef", "abcdef", 3) == 1
    assert not contamination.jaccard("a", "b", 3)


def test_degeneration() -> None:
    sound = (Path(__file__).parents[2] / "harness" / "stats" / "values.py").read_text()[:600]
    assert degeneration.degeneration(sound) == []
    assert degeneration.gopher_flags("I am your father.\n\n" * 4)[:2] == [
        "duplicate lines",
        "duplicate paragraphs",
    ]
    assert "top 2-gram" in degeneration.gopher_flags("I am Frank, I am Frank, I am Frank")
    looped = degeneration.degeneration("begin " + "and so on " * 300, truncated=True)
    assert {"ends in a loop of 3 words", "truncated"} < set(looped)
    assert degeneration.loop_period(list("abcbcbcbc")) == 2
    assert degeneration.loop_period(list("abcbcbc")) is None
    assert degeneration.degeneration("") == []
    assert not degeneration.seq_rep_n(["a"], 4)
