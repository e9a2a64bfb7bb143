"""What training leaves behind: forgetting, memorised text, tests that were trained on, degenerate
answers."""

from pathlib import Path

import numpy as np
import pytest
from stats_helpers import UNTRAINED, R, agree

from harness.stats.subjects import contamination, continual, degeneration, equivalence, memorisation


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


def test_each_number_of_a_stream_is_of_one_definition() -> None:
    found = continual.continual(R, UNTRAINED)
    named = {
        "accuracy": 0.73, "backward": -0.10, "backward_over_all": -0.08, "forward": -0.0075,
        "forgetting": 0.11, "forgetting_over_all": 0.088, "first_last": 0.10, "learnt": 0.81,
        "plasticity": 0.484,
    }  # fmt: skip
    agree([getattr(found, name) for name in named], list(named.values()), 1e-12)
    assert not continual.continual(R).plasticity


SEEDS = [
    ((0.031, -0.012, 0.044, 0.008, -0.021), 0.232, 0.463, "not established"),
    ((0.004, -0.003, 0.006, 0.001, -0.002), 0.0002, None, "equivalent"),
    ((0.006, 0.005, 0.007, 0.004, 0.006), 4.7e-6, 0.0004, "equivalent"),
    ((-0.060, -0.052, -0.071, -0.049, -0.066), 1.0, None, "different"),
    ((0.01,) * 5, 1.0, 1.0, "not established"),
]


@pytest.mark.parametrize(("differences", "p", "differs", "outcome"), SEEDS)
def test_only_an_equivalence_test_says_equivalent(differences, p, differs, outcome) -> None:
    found = equivalence.compared([0.7 + d for d in differences], [0.7] * 5, 0.02, 0.05)
    assert found.p == pytest.approx(p, rel=0.15, abs=1e-9)
    assert differs is None or found.p_difference == pytest.approx(differs, rel=0.15)
    assert found.outcome == outcome


@pytest.mark.parametrize(
    ("cells", "outcome"),
    [
        ((0, 0, 200), "equivalent"),
        ((0, 40, 200), "different"),
        ((3, 9, 200), "not established"),
        ((0, 0, 20), "not established"),
    ],
)
def test_the_same_of_prompts(cells, outcome) -> None:
    assert equivalence.compared_binary(*cells, 0.05, 0.05).outcome == outcome


def test_exposure_of_unremembered_canaries_is_uniform() -> None:
    ranked = [float(loss) for loss in range(1023)]
    bits = [memorisation.exposure(rank - 0.5, ranked, own=True) for rank in range(1024)]
    assert np.mean(bits) == pytest.approx(1.443, abs=0.01)
    assert memorisation.exposure_p(bits) == pytest.approx(0.5, abs=0.1)
    assert memorisation.exposure_p([10.0, 10.0, 10.0]) < 1e-6


def test_tpr_at_fpr() -> None:
    others = list(range(300))
    assert not memorisation.tpr_at_fpr([1.0], others, 0.001)
    assert memorisation.tpr_at_fpr([295.5, 297.5, 400, 3], others, 0.01) == 0.5


def test_the_longest_shared_run_survives_an_inserted_token() -> None:
    words = contamination.normalised(
        "The quick, brown FOX jumps over the lazy dog; twice a day it does so, at noon."
    )
    broken = [*words[:8], "really", *words[8:]]
    assert contamination.longest_match(words, words) == len(words)
    assert contamination.longest_match(words, broken) == 9
    assert set(contamination.ngrams(words, 13)).isdisjoint(contamination.ngrams(broken, 13))
    assert contamination.longest_match([], words) == 0


def test_a_loop_and_a_compressible_window_are_seen() -> None:
    sound = (Path(__file__).parents[2] / "harness" / "stats" / "values.py").read_text()[:600]
    looped = "begin " + "and so on " * 300
    assert degeneration.loop_period(looped.split()) == 3
    assert degeneration.loop_period(sound.split()) is None
    limit = degeneration.COMPRESSION_LIMIT
    assert degeneration.highest_zlib_ratio(looped) > limit > degeneration.highest_zlib_ratio(sound)
    assert degeneration.highest_zlib_ratio(sound + looped) > limit
    assert degeneration.loop_period(list("abcbcbcbc")) == 2
    assert degeneration.loop_period(list("abcbcbc")) is None
    assert not degeneration.highest_zlib_ratio("")
