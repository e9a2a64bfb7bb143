"""What the statistics refuse, what they leave undefined, and what importing them costs."""

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.stats import (
    clusters,
    intervals,
    multiplicity,
    paired,
    passk,
    power,
    repeated,
    sequential,
)
from harness.stats.audits import agreement, imperfect, ppi
from harness.stats.subjects import continual, equivalence, memorisation

NAN = math.nan


@pytest.mark.parametrize(
    "call",
    [
        lambda: intervals.wilson(-1, 10),
        lambda: intervals.wilson(11, 10),
        lambda: intervals.wilson(0, 0),
        lambda: intervals.wilson(1.5, 10),
        lambda: intervals.wilson("1", 10),
        lambda: intervals.wilson(1, 10, 1.0),
        lambda: intervals.clopper_pearson(1, 10, NAN),
        lambda: intervals.upper_bound(None, 10),
        lambda: intervals.lower_bound(3, 2),
        lambda: paired.mcnemar_exact(-1, 3),
        lambda: paired.mcnemar_midp(1, -3),
        lambda: paired.tango(5, 6, 10),
        lambda: paired.tango(0, 0, 0),
        lambda: paired.tango_z(1, 1, 10, -1.0),
        lambda: paired.tango_noninferiority(1, 1, 10, 0.0),
        lambda: paired.tango_noninferiority(1, 1, 10, -0.05),
        lambda: paired.newcombe(0, 0, 0, 0),
        lambda: paired.guard_state(1, 1, 10, NAN),
        lambda: paired.guard_state(1, 1, 10, 0.05, 0.5),
        lambda: repeated.score_z([], 0.0),
        lambda: repeated.score_z([1.5], 0.0),
        lambda: repeated.score_z([NAN], 0.0),
        lambda: repeated.guard_state([0.1], 0.05, 0.7),
        lambda: clusters.clustered_se([1, 0], [1]),
        lambda: clusters.clustered_se([], []),
        lambda: clusters.clustered_rate([2] * 20, range(20)),
        lambda: clusters.t_interval([1, math.inf]),
        lambda: clusters.clustered_mcnemar([1, 2], [0, 0], [1, 1]),
        lambda: equivalence.tost_paired([1, 2], [1], -1, 1),
        lambda: equivalence.tost_paired([1, 2], [1, 3], 1, -1),
        lambda: equivalence.tost_independent([1, 2], [1, 3], -1, 1, "welch"),
        lambda: multiplicity.holm([0.1, 1.1]),
        lambda: multiplicity.holm([NAN]),
        lambda: multiplicity.look_alpha(0.05, 0),
        lambda: sequential.eprocess([2], 0.05),
        lambda: sequential.eprocess([0], 0.05, [1.0]),
        lambda: imperfect.certified_floor(1, 10, 0, 0),
        lambda: intervals.items_needed(0),
        lambda: agreement.cohens_kappa([[1, 2]]),
        lambda: agreement.fleiss_kappa([[1, 2], [1, 1]]),
        lambda: agreement.krippendorff_alpha([[1, 2], [1]]),
        lambda: agreement.krippendorff_alpha([["a"], ["b"]], "interval"),
        lambda: passk.pass_at_k(3, 1, 4),
        lambda: passk.pass_at_k(3, 4, 1),
        lambda: passk.mean_pass_at_k([], 1),
        lambda: power.noninferiority_power(164, 0.05, 0.02, -0.05),
        lambda: power.noninferiority_power(0, 0.05, 0.1),
        lambda: ppi.ppi_mean([1, 0], [1], [1, 0]),
        lambda: continual.continual([[1, 2]]),
        lambda: memorisation.exposure(NAN, [1.0]),
        lambda: memorisation.exposure_p([-0.1]),
    ],
)
def test_what_cannot_be_data_is_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=r"expected|needs|but|in \d+ items"):
        call()


def test_numpy_counts_are_counts() -> None:
    assert intervals.wilson(np.int64(3), np.int64(9)) == intervals.wilson(3, 9)
    assert paired.tango(np.int64(3), np.int32(1), np.int64(9)) == paired.tango(3, 1, 9)


def test_undefined_is_false_and_says_why() -> None:
    found = clusters.t_interval([0.5])
    assert not found
    assert "one value" in found.reason


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = "sys.exit(not {'numpy', 'scipy'}.isdisjoint(sys.modules))"
    code = f"import sys, harness.stats; {heavy}"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
