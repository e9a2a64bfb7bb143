"""Every statistic against worked cases, those of ``data/statistics.jsonl`` and those of the
literature.
"""

from collections.abc import Callable
from typing import Any

import pytest
from stats_helpers import CASES, agree, pair

from harness.stats import clusters, intervals, multiplicity, paired, passk, power, sequential
from harness.stats.audits import agreement, fixtures, imperfect, ppi
from harness.stats.paired import GuardState
from harness.stats.subjects import contamination, continual, degeneration, equivalence, memorisation
from harness.stats.values import Estimate


def with_limits(estimate: Estimate, name: str) -> dict[str, float]:
    return {name: estimate.value, "lower": estimate.interval.low, "upper": estimate.interval.high}


def case_mcnemar(b: int, c: int) -> dict[str, float]:
    plain, corrected = (
        paired.mcnemar_asymptotic(b, c),
        paired.mcnemar_asymptotic(b, c, corrected=True),
    )
    return {
        "exact": paired.mcnemar_exact(b, c),
        "midp": paired.mcnemar_midp(b, c),
        "chi2": plain.statistic,
        "p": plain.p,
        "chi2_cc": corrected.statistic,
        "p_cc": corrected.p,
    }


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


def case_true_scale(
    gains: int, losses: int, n: int, margin: float, **audit: int
) -> dict[str, float]:
    found = imperfect.true_scale_noninferiority(
        gains, losses, n, margin,
        bads=audit["bads"], false_passes=audit["false_pass"], goods=audit["goods"],
        false_fails=audit["false_fail"],
    )  # fmt: skip
    return {"J_lower": found.j_lower, "z": found.test.z, "p_one_sided": found.test.p}


def case_rogan_gladen(x: int, n: int, se: float, sp: float, method: str) -> dict[str, float]:
    name = {"clopper": "clopper-pearson"}.get(method, method)
    found = imperfect.rogan_gladen_interval(x, n, se, sp, method=name)
    return {"est": found.raw, "lower": found.limits.low, "upper": found.limits.high}


def case_composite(false_pass: list[float], false_fail: list[float]) -> dict[str, float]:
    found = fixtures.composite_bounds(false_pass, false_fail)
    return {
        "false_pass_upper": found.false_pass,
        "false_fail_upper": found.false_fail,
        "false_fail_indep": found.false_fail_independent,
    }


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


def case_overlap(test_tokens: list[int], train_tokens: list[int], n: int) -> dict[str, Any]:
    found = contamination.ngram_overlap(test_tokens, train_tokens, n)
    return {"any": found.any, "token_fraction": found.token_fraction, "longest": found.longest}


DISPATCH: dict[str, Callable[..., Any]] = {
    "wilson": lambda x, n, conf: pair(intervals.wilson(x, n, conf)),
    "clopper_pearson": lambda x, n, conf: pair(intervals.clopper_pearson(x, n, conf)),
    "jeffreys": lambda x, n, conf: pair(intervals.jeffreys(x, n, conf)),
    "midp_ci": lambda x, n, conf: pair(intervals.mid_p(x, n, conf)),
    "binom_upper": lambda x, n, conf: intervals.upper_bound(x, n, conf),
    "pass_at_k": passk.pass_at_k,
    "cluster_se": lambda y, correction=True, **rest: clusters.clustered_se(
        y, rest["clusters"], correction=correction
    ),
    "n_for_mde": power.prompts_for_difference,
    "mcnemar": case_mcnemar,
    "mcnemar_exact_power": lambda p_b, p_c, n, alpha: power.mcnemar_power(
        n, p_b, p_c, alpha, "exact"
    ),
    "tango_ci": lambda b, c, n, conf: pair(paired.tango(b, c, n, conf)),
    "tango_ni_power": power.noninferiority_power,
    "newcombe_paired": lambda a, b, c, d, conf: pair(paired.newcombe(a, b, c, d, conf)),
    "tost_independent": case_tost,
    "tost_paired": case_tost,
    "bernoulli_confseq": lambda successes, n, alpha, t_opt: pair(
        sequential.anytime_interval(successes, n, alpha, tuned_for=t_opt)
    ),
    "normal_mixture_bound": lambda v, alpha, v_opt: sequential.normal_mixture_bound(
        v, alpha, tuned_for=v_opt
    ),
    "betting_eprocess": case_eprocess,
    "guard_state": case_guard,
    "true_scale_noninferiority": case_true_scale,
    "n_required": lambda max_rate, allowed, conf: fixtures.fixtures_needed(max_rate, allowed, conf),
    "cohens_kappa": agreement.cohens_kappa,
    "fleiss_kappa": agreement.fleiss_kappa,
    "krippendorff_alpha": lambda data, level: agreement.krippendorff_alpha(data, level),
    "composite_bounds": case_composite,
    "rogan_gladen_ci": case_rogan_gladen,
    "lang_reiczigel": lambda x, n, x_se, n_se, x_sp, n_sp: pair(
        imperfect.lang_reiczigel(x, n, (x_se, n_se), (x_sp, n_sp))
    ),
    "bayes_prevalence": lambda x, n, x_se, n_se, x_sp, n_sp: with_limits(
        imperfect.bayes_rate(x, n, (x_se, n_se), (x_sp, n_sp)), "mean"
    ),
    "ppi_mean_ci": case_ppi,
    "lsh_probability": contamination.lsh_probability,
    "ngram_overlap": case_overlap,
    "min_k_prob": lambda logprobs, k: contamination.min_k(logprobs, k),
    "continual": case_continual,
    "seeds_t_ci": lambda values: with_limits(clusters.t_interval(values), "mean"),
    "seq_rep_n": degeneration.seq_rep_n,
    "distinct_n": degeneration.distinct_n,
    "dup_line_fraction": degeneration.dup_line_fraction,
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
        (lambda: pair(intervals.jeffreys(13, 16)), [0.5792, 0.9442]),
        (lambda: intervals.lower_bound(59, 59), 0.950),
        (lambda: [paired.mcnemar_exact(6, 16), paired.mcnemar_midp(6, 16)], [0.052479, 0.034690]),
        (lambda: paired.mcnemar_asymptotic(6, 16).p, 0.033006),
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
        (lambda: imperfect.rogan_gladen(0.9, 0.95, 0.6), 0.9091),
        (lambda: pair(imperfect.lang_reiczigel(51, 2971, (32, 33), (20, 20))), [0, 0.053]),
        (lambda: imperfect.certified_floor(130, 164, 0, 59), 0.7046),
        (
            lambda: [contamination.lsh_probability(s, 20, 5) for s in (0.2, 0.5, 0.8)],
            [0.006, 0.470, 0.9996],
        ),
        (
            lambda: [memorisation.exposure(loss, range(1, 17)) for loss in (0, 0.1, 20, 3.5)],
            [4, 4, -0.0875, 2],
        ),
        (lambda: memorisation.auc([0.35, 0.8], [0.1, 0.4]), 0.75),
        (lambda: [fixtures.rule_of_three(n) for n in (3, 20, 59)], [0.632, 0.139, 0.0495]),
        (lambda: pair(sequential.anytime_interval(150, 164, tuned_for=164)), [0.835, 0.967]),
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
        found = imperfect.true_scale_noninferiority(
            5, 6, 164, 0.05, bads=bads, false_passes=0, goods=goods, false_fails=0
        )
        agree([found.j_lower, found.margin, found.test.z, found.test.p], [j, margin, z, p], 6e-4)
        assert paired.guard_state(5, 6, 164, found.margin) == state
        assert imperfect.certified_floor(129, 164, 0, bads) == pytest.approx(floor, abs=6e-4)
