"""Every statistic against worked cases, those of ``data/statistics.jsonl`` and those of the
literature."""

from collections.abc import Callable
from typing import Any

import pytest
from stats_helpers import CASES, agree, pair

from harness.stats import clusters, intervals, multiplicity, paired, passk, power, sequential
from harness.stats.audits import agreement, imperfect, ppi
from harness.stats.audits.imperfect import Audit, composite_youden_lower
from harness.stats.paired import GuardState
from harness.stats.subjects import continual, degeneration, equivalence, memorisation
from harness.stats.values import Estimate


def with_limits(estimate: Estimate, name: str) -> dict[str, float]:
    return {name: estimate.value, "lower": estimate.interval.low, "upper": estimate.interval.high}


def case_mcnemar(b: int, c: int) -> dict[str, float]:
    return {"exact": paired.mcnemar_exact(b, c), "midp": paired.mcnemar_midp(b, c)}


def case_guard(gains: int, losses: int, n: int, margin: float, alpha: float) -> dict[str, Any]:
    interval = paired.tango(gains, losses, n, 1 - 2 * alpha)
    state = paired.guard_state(gains, losses, n, margin, alpha)
    return {"state": state, "lower": interval.low, "upper": interval.high}


def case_tost(
    x: list[float], y: list[float], low: float, upp: float, usevar: str | None = None
) -> dict[str, float]:
    found = (
        equivalence.tost_independent(x, y, low, upp, usevar)
        if usevar
        else equivalence.tost_paired(x, y, low, upp)
    )
    return {
        "p_low": found.lower.p,
        "p_upp": found.upper.p,
        "t_low": found.lower.statistic,
        "t_upp": found.upper.statistic,
    }


def case_eprocess(d: list[int], margin: float, lambdas: list[float]) -> dict[str, float]:
    path = sequential.eprocess(d, margin, lambdas)
    return {"final": path[-1], "max": max(path), "first_ge_20": sequential.stopped_at(path, 0.05)}


def true_scale(
    gains: int, losses: int, n: int, margin: float, audit: Audit
) -> tuple[float, float, paired.NonInferiority]:
    """J's lower bound, the margin that it leaves on what is seen, and the test of that."""
    j = composite_youden_lower([audit])
    return j, margin * j, paired.tango_noninferiority(gains, losses, n, margin * j)


def case_true_scale(
    gains: int, losses: int, n: int, margin: float, **counted: int
) -> dict[str, float]:
    audit = Audit(*(counted[k] for k in ("false_pass", "bads", "false_fail", "goods")))
    j, _, test = true_scale(gains, losses, n, margin, audit)
    return {"J_lower": j, "z": test.z, "p_one_sided": test.p}


def case_ppi(
    n_lab: int, tp: int, fp: int, fn: int, tn: int, pos: int, lam: float, alpha: float, **rest: int
) -> Any:
    labels, guesses = [1] * tp + [0] * fp + [1] * fn + [0] * tn, [1] * (tp + fp) + [0] * (fn + tn)
    assert len(labels) == n_lab
    return with_limits(
        ppi.ppi_mean(labels, guesses, [1] * pos + [0] * (rest["N"] - pos), 1 - alpha, weight=lam),
        "est",
    )


def case_continual(**scores: Any) -> dict[str, Any]:
    found = continual.continual(scores["R"], scores.get("b"))
    return {
        "ACC": found.accuracy,
        "BWT": found.backward,
        "FWT": found.forward,
        "F": found.forgetting,
    }


DISPATCH: dict[str, Callable[..., Any]] = {
    "wilson": lambda x, n, conf: pair(intervals.wilson(x, n, conf)),
    "clopper_pearson": lambda x, n, conf: pair(intervals.clopper_pearson(x, n, conf)),
    "binom_upper": lambda x, n, conf: intervals.upper_bound(x, n, conf),
    "pass_at_k": passk.pass_at_k,
    "cluster_se": lambda y, correction=True, **rest: clusters.clustered_se(
        y, rest["clusters"], correction=correction
    ),
    "mcnemar": case_mcnemar,
    "tango_ci": lambda b, c, n, conf: pair(paired.tango(b, c, n, conf)),
    "tango_ni_power": power.noninferiority_power,
    "newcombe_paired": lambda a, b, c, d, conf: pair(paired.newcombe(a, b, c, d, conf)),
    "tost_independent": case_tost,
    "tost_paired": case_tost,
    "betting_eprocess": case_eprocess,
    "guard_state": case_guard,
    "true_scale_noninferiority": case_true_scale,
    "n_required": lambda max_rate, allowed, conf: intervals.items_needed(max_rate, allowed, conf),
    "cohens_kappa": agreement.cohens_kappa,
    "fleiss_kappa": agreement.fleiss_kappa,
    "krippendorff_alpha": lambda data, level: agreement.krippendorff_alpha(data, level),
    "ppi_mean_ci": case_ppi,
    "continual": case_continual,
    "seeds_t_ci": lambda values: with_limits(clusters.t_interval(values), "mean"),
    "zlib_ratio": lambda text, repeat=1: degeneration.zlib_ratio(text * repeat),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_reference_case(case: dict[str, Any]) -> None:
    agree(DISPATCH[case["function"]](**case["inputs"]), case["expected"], case["tolerance"])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (lambda: pair(intervals.wilson(15, 148)), [0.0624, 0.1605]),
        (lambda: pair(intervals.wilson(45, 50)), [0.786, 0.957]),
        (lambda: pair(intervals.wilson(19, 20)), [0.764, 0.991]),
        (lambda: pair(intervals.wilson(116, 164)), [0.634, 0.772]),
        (lambda: pair(intervals.wilson(0, 30)), [0, 0.1135]),
        (lambda: pair(intervals.clopper_pearson(13, 16)), [0.5435, 0.9595]),
        (lambda: intervals.lower_bound(59, 59), 0.950),
        (lambda: [paired.mcnemar_exact(6, 16), paired.mcnemar_midp(6, 16)], [0.052479, 0.034690]),
        (lambda: paired.mcnemar_exact(2, 9), 0.06543),
        (lambda: [paired.mcnemar_exact(4, 1), paired.mcnemar_exact(0, 6)], [0.375, 0.03125]),
        (lambda: [paired.mcnemar_exact(15, 5), paired.mcnemar_exact(30, 14)], [0.0414, 0.0226]),
        (lambda: pair(paired.tango(6, 16, 161)), [-0.1240, -0.0054]),
        (lambda: pair(paired.tango(0, 1, 44, 0.9)), [-0.096, 0.037]),
        (lambda: list(paired.tango_noninferiority(0, 1, 44, 0.1)), [1.7086, 0.0438]),
        (
            lambda: multiplicity.holm([0.001, 0.008, 0.039, 0.041, 0.06]),
            [0.005, 0.032, 0.117, 0.117, 0.117],
        ),
        (lambda: [passk.pass_at_k(10, 3, 5), passk.pass_at_k(200, 57, 10)], [0.916667, 0.96819]),
        (lambda: imperfect.certified_floor(130, 164, 0, 59), 0.7046),
        (
            lambda: [memorisation.exposure(loss, range(1, 17)) for loss in (0, 0.1, 20, 3.5)],
            [4, 4, -0.0875, 2],
        ),
        (lambda: memorisation.auc([0.35, 0.8], [0.1, 0.4]), 0.75),
        (lambda: [intervals.upper_bound(0, n) for n in (3, 20, 59)], [0.632, 0.139, 0.0495]),
        (
            lambda: [
                [degeneration.repetition(text), degeneration.entropy(text)]
                for text in ("abcd" * 5, range(20))
            ],
            [[0.7647, 1.9920], [0, 4.1959]],
        ),
        (lambda: 1 - degeneration.repetition("abcd" * 5, 2), 0.2105),
        (lambda: degeneration.repetition([*range(200), *"abcd" * 25]), 0.3131),
        (lambda: list(degeneration.loop_onset("abcd" * 5)), [0, 4]),
        (lambda: list(degeneration.loop_onset([*range(200), *"abcd" * 25])), [200, 4]),
    ],
)
def test_published_value(found: Callable[[], Any], expected: Any) -> None:
    agree(found(), expected, 6e-4)


def test_worked_gate() -> None:
    """Same answers, two certificates: the audit decides between INCONCLUSIVE and HELD."""
    agree(pair(intervals.wilson(130, 164)), [0.724, 0.848], 6e-4)
    agree(pair(intervals.wilson(129, 164)), [0.718, 0.842], 6e-4)
    agree(pair(paired.tango(5, 6, 164)), [-0.052, 0.038], 6e-4)
    agree(pair(paired.tango(5, 6, 164, 0.9)), [-0.043, 0.030], 6e-4)
    agree(pair(paired.newcombe(124, 5, 6, 29)), [-0.049, 0.037], 6e-4)
    assert paired.mcnemar_midp(5, 6) == pytest.approx(0.774, abs=6e-4)
    agree(list(paired.tango_noninferiority(5, 6, 164, 0.05)), [1.902, 0.0286], 6e-4)
    assert power.noninferiority_power(164, 0.05, 11 / 164) == pytest.approx(0.73, abs=6e-3)
    for (bads, goods), (j, margin, z, p, state, floor) in {
        (59, 29): (0.820, 0.0410, 1.566, 0.0587, GuardState.INCONCLUSIVE, 0.698),
        (299, 164): (0.966, 0.0483, 1.839, 0.0330, GuardState.HELD, 0.712),
    }.items():
        found, observed, test = true_scale(5, 6, 164, 0.05, Audit(0, bads, 0, goods))
        agree([found, observed, test.z, test.p], [j, margin, z, p], 6e-4)
        assert paired.guard_state(5, 6, 164, observed) == state
        assert imperfect.certified_floor(129, 164, 0, bads) == pytest.approx(floor, abs=6e-4)
