"""What training leaves behind: forgetting, memorised text, tests that were trained on, degenerate
answers."""

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
