"""Judges that err: what fixtures prove of them, what that leaves of a rate, and how far judges
agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stats_helpers import CASES, counts, quick

from harness.stats import intervals
from harness.stats.audits import agreement, imperfect, ppi
from harness.stats.audits.imperfect import Audit


def test_fixtures_needed_reproduces_the_table() -> None:
    table = [
        [intervals.items_needed(rate, allowed) for allowed in range(5)]
        for rate in (0.1, 0.05, 0.02, 0.01)
    ]
    assert table == [
        [29, 46, 61, 76, 89],
        [59, 93, 124, 153, 181],
        [149, 236, 313, 386, 456],
        [299, 473, 628, 773, 913],
    ]


def test_one_criterion_has_the_plain_bound_of_j() -> None:
    plain = 1 - intervals.upper_bound(0, 59, 0.975) - intervals.upper_bound(0, 29, 0.975)
    one = Audit(0, 59, 0, 29)
    assert imperfect.composite_youden_lower([one]) == pytest.approx(plain)
    failed = 1 - intervals.upper_bound(0, 59, 0.975) - intervals.upper_bound(1, 29, 0.975)
    assert imperfect.composite_youden_lower([Audit(0, 59, 1, 29)]) == pytest.approx(failed)
    assert imperfect.composite_youden_lower([one, one]) < plain


@quick
@given(counts(60), st.integers(1, 400))
def test_the_floor_never_exceeds_what_was_seen(cells: tuple[int, int, int], bads: int) -> None:
    passes, _, n = cells
    floor = imperfect.certified_floor(passes, n, 0, bads)
    assert floor <= intervals.lower_bound(passes, n, 0.975)


def test_ppi_with_its_own_weight_is_narrowest() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random(80) < 0.6).astype(float)
    guesses = np.where(rng.random(80) < 0.85, labels, 1 - labels)
    other = (rng.random(800) < 0.6).astype(float)
    best = ppi.ppi_mean(labels, guesses, other).se
    assert (
        best
        <= min(
            ppi.ppi_mean(labels, guesses, other, weight=weight).se
            for weight in (0, 0.25, 0.5, 0.75, 1)
        )
        + 1e-3
    )


def test_agreement_agrees_with_statsmodels() -> None:
    from statsmodels.stats import inter_rater

    table = [[10, 2, 1], [3, 8, 0], [1, 1, 5]]
    assert agreement.cohens_kappa(table) == pytest.approx(inter_rater.cohens_kappa(table).kappa)
    assert agreement.class_agreement([[8, 2], [0, 0]]) == [pytest.approx(16 / 18), 0.0]
    ratings = [[3, 1], [4, 0], [2, 2]]
    assert agreement.fleiss_kappa(ratings) == pytest.approx(
        inter_rater.fleiss_kappa(np.array(ratings))
    )
    assert not agreement.cohens_kappa([[5, 0], [0, 0]])
    assert not agreement.fleiss_kappa([[3, 0], [3, 0]])


def test_krippendorff() -> None:
    case = next(case for case in CASES if case["function"] == "krippendorff_alpha")["inputs"][
        "data"
    ]
    assert agreement.krippendorff_alpha(case, "nominal") == pytest.approx(0.691, abs=6e-4)
    words = [[None if value is None else f"class {value}" for value in row] for row in case]
    assert agreement.krippendorff_alpha(words) == agreement.krippendorff_alpha(case)
    perfect = [[1, 2, 3], [1, 2, 3]]
    assert [
        agreement.krippendorff_alpha(perfect, level)
        for level in ("nominal", "ordinal", "interval", "ratio")
    ] == [1] * 4
    assert not agreement.krippendorff_alpha([[1, None], [None, 2]])
    assert not agreement.krippendorff_alpha([[1, 1], [1, 1]])
