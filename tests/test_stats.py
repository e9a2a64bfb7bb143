"""The statistics against published values, brute force, the libraries they stand in for, and hostile input."""

import itertools
import json
import math
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as sps

from harness.stats import (
    agreement,
    clusters,
    contamination,
    continual,
    degeneration,
    equivalence,
    exact,
    fixtures,
    imperfect,
    intervals,
    memorisation,
    multiplicity,
    paired,
    passk,
    power,
    ppi,
    repeated,
    sequential,
)
from harness.stats.paired import GuardState
from harness.stats.values import Estimate, Interval, Undefined

CASES = [json.loads(line) for line in (Path(__file__).parent / "data" / "statistics.jsonl").read_text().splitlines()]
quick = settings(max_examples=60, deadline=None, derandomize=True)


# -- reference cases -----------------------------------------------------------------------------------------------


def pair(interval: Interval) -> list[float]:
    return [interval.low, interval.high]


def with_limits(estimate: Estimate, name: str) -> dict[str, float]:
    return {name: estimate.value, "lower": estimate.interval.low, "upper": estimate.interval.high}


def case_mcnemar(b: int, c: int) -> dict[str, float]:
    plain, corrected = paired.mcnemar_asymptotic(b, c), paired.mcnemar_asymptotic(b, c, corrected=True)
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


def case_tost(x: list[float], y: list[float], low: float, upp: float, usevar: str | None = None) -> dict[str, float]:
    found = equivalence.tost_independent(x, y, low, upp, usevar) if usevar else equivalence.tost_paired(x, y, low, upp)
    return {
        "p_low": found.lower.p,
        "p_upp": found.upper.p,
        "t_low": found.lower.statistic,
        "t_upp": found.upper.statistic,
    }


def case_eprocess(d: list[int], margin: float, lambdas: list[float]) -> dict[str, float]:
    path = sequential.eprocess(d, margin, lambdas)
    return {"final": path[-1], "max": max(path), "first_ge_20": sequential.stopped_at(path, 0.05)}


def case_true_scale(gains: int, losses: int, n: int, margin: float, **audit: int) -> dict[str, float]:
    found = imperfect.true_scale_noninferiority(
        gains, losses, n, margin,
        bads=audit["bads"], false_passes=audit["false_pass"], goods=audit["goods"], false_fails=audit["false_fail"],
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


def case_ppi(n_lab: int, tp: int, fp: int, fn: int, tn: int, pos: int, lam: float, alpha: float, **rest: int) -> Any:
    labels, guesses = [1] * tp + [0] * fp + [1] * fn + [0] * tn, [1] * (tp + fp) + [0] * (fn + tn)
    assert len(labels) == n_lab
    return with_limits(ppi.ppi_mean(labels, guesses, [1] * pos + [0] * (rest["N"] - pos), 1 - alpha, weight=lam), "est")


def case_continual(**scores: Any) -> dict[str, Any]:
    found = continual.continual(scores["R"], scores.get("b"))
    return {"ACC": found.accuracy, "BWT": found.backward, "FWT": found.forward, "F": found.forgetting}


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
    "cluster_se": lambda y, correction=True, **rest: clusters.clustered_se(y, rest["clusters"], correction=correction),
    "n_for_mde": power.prompts_for_difference,
    "mcnemar": case_mcnemar,
    "mcnemar_exact_power": lambda p_b, p_c, n, alpha: power.mcnemar_power(n, p_b, p_c, alpha, "exact"),
    "tango_ci": lambda b, c, n, conf: pair(paired.tango(b, c, n, conf)),
    "tango_ni_power": power.noninferiority_power,
    "newcombe_paired": lambda a, b, c, d, conf: pair(paired.newcombe(a, b, c, d, conf)),
    "tost_independent": case_tost,
    "tost_paired": case_tost,
    "bernoulli_confseq": lambda successes, n, alpha, t_opt: pair(
        sequential.anytime_interval(successes, n, alpha, tuned_for=t_opt)
    ),
    "normal_mixture_bound": lambda v, alpha, v_opt: sequential.normal_mixture_bound(v, alpha, tuned_for=v_opt),
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


def agree(found: Any, expected: Any, tolerance: float) -> None:
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


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_reference_case(case: dict[str, Any]) -> None:
    agree(DISPATCH[case["function"]](**case["inputs"]), case["expected"], case["tolerance"])


# -- published values that the cases leave out ---------------------------------------------------------------------


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
        (lambda: multiplicity.holm([0.001, 0.008, 0.039, 0.041, 0.06]), [0.005, 0.032, 0.117, 0.117, 0.117]),
        (lambda: [passk.pass_at_k(10, 3, 5), passk.pass_at_k(200, 57, 10)], [0.916667, 0.96819]),
        (lambda: imperfect.rogan_gladen(0.9, 0.95, 0.6), 0.9091),
        (lambda: pair(imperfect.lang_reiczigel(51, 2971, (32, 33), (20, 20))), [0, 0.053]),
        (lambda: imperfect.certified_floor(130, 164, 0, 59), 0.7046),
        (lambda: [contamination.lsh_probability(s, 20, 5) for s in (0.2, 0.5, 0.8)], [0.006, 0.470, 0.9996]),
        (lambda: [memorisation.exposure(loss, range(1, 17)) for loss in (0, 0.1, 20, 3.5)], [4, 4, -0.0875, 2]),
        (lambda: memorisation.auc([0.35, 0.8], [0.1, 0.4]), 0.75),
        (lambda: [fixtures.rule_of_three(n) for n in (3, 20, 59)], [0.632, 0.139, 0.0495]),
        (lambda: pair(sequential.anytime_interval(150, 164, tuned_for=164)), [0.835, 0.967]),
    ],
)
def test_published_value(found: Callable[[], Any], expected: Any) -> None:
    agree(found(), expected, 6e-4)


@pytest.mark.parametrize(
    ("n", "margin", "alpha", "powers"),
    [
        (164, 0.02, 0.05, [0.37, 0.27, 0.22, 0.20, 0.16, 0.14, 0.12]),
        (164, 0.05, 0.05, [0.97, 0.81, 0.67, 0.60, 0.49, 0.41, 0.32]),
        (164, 0.10, 0.05, [1.0, 1.0, 0.99, 0.98, 0.94, 0.88, 0.75]),
        (164, 0.05, 0.025, [0.90, 0.69, 0.55, 0.48, 0.36, 0.28, 0.21]),
        (542, 0.03, 0.05, [1.0, 0.91, 0.78, 0.70, 0.56, 0.46, 0.36]),
    ],
)
def test_power_table(n: int, margin: float, alpha: float, powers: list[float]) -> None:
    discordances = (0.02, 0.05, 0.08, 0.10, 0.15, 0.20, 0.30)
    agree([power.noninferiority_power(n, margin, psi, alpha=alpha) for psi in discordances], powers, 6e-3)


def test_what_is_missed_and_what_is_needed() -> None:
    agree([1 - power.mcnemar_power(164, psi / 2 - 0.025, psi / 2 + 0.025) for psi in (0.1, 0.2)], [0.47, 0.71], 6e-3)
    agree([power.detectable_drop(164, psi) for psi in (0.05, 0.10, 0.30)], [0.042, 0.060, 0.105], 1.1e-3)
    assert not power.detectable_drop(164, 0.02)
    assert power.noninferiority_prompts(0.05, 0.05) == 158
    assert power.noninferiority_prompts(0.03, 0.10) == 705


def test_fixtures_needed_reproduces_the_table() -> None:
    table = [[fixtures.fixtures_needed(rate, allowed) for allowed in range(5)] for rate in (0.1, 0.05, 0.02, 0.01)]
    assert table == [
        [29, 46, 61, 76, 89],
        [59, 93, 124, 153, 181],
        [149, 236, 313, 386, 456],
        [299, 473, 628, 773, 913],
    ]


@pytest.mark.parametrize(
    ("gains", "losses", "state"),
    [
        (0, 0, "HELD"),
        (4, 6, "HELD"),
        (10, 10, "HELD"),
        (2, 20, "BROKEN"),
        (1, 9, "REGRESSED"),
        (3, 11, "REGRESSED"),
        (6, 8, "INCONCLUSIVE"),
    ],
)
def test_guard_states(gains: int, losses: int, state: str) -> None:
    assert paired.guard_state(gains, losses, 164, 0.05) == state
    assert repeated.guard_state([1] * gains + [-1] * losses + [0] * (164 - gains - losses), 0.05) == state


@pytest.mark.parametrize(
    ("margin", "nets"),
    [
        (0.05, {0: 0, 2: 2, 4: 2, 6: 2, 8: 2, 10: 2, 12: 0, 16: 0, 20: 0, 24: -2, 30: -2, 40: -4}),
        (0.10, {2: 2, 4: 4, 6: 6, 8: 8, 10: 10, 12: 8, 20: 8, 24: 6, 30: 6, 40: 4}),
    ],
)
def test_largest_net_loss_that_holds(margin: float, nets: dict[int, int]) -> None:
    for m, net in nets.items():
        held = [2 * loss - m for loss in range(m + 1) if paired.guard_state(m - loss, loss, 164, margin) == "HELD"]
        assert max(held) == net


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


PSYCHIATRY = (
    [0, 1, 1, 1, 0, 3, 3, 3, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0],
    [4, 2, 3, 2, 1, 3, 0, 2, 2, 4, 2, 4, 3, 2, 1, 3, 1, 2, 0, 0, 0, 2, 1, 2, 2, 0, 0, 1, 1],
    [7, 6, 7, 6, 4, 6, 5, 8, 4, 7, 3, 6, 7, 6, 5, 4, 6, 5, 4, 3, 5, 4, 4, 2, 3, 2, 2, 3, 1],
)  # Petryshen 1989, as Durkalski et al. 2003 use it


def test_clustered_mcnemar() -> None:
    found = clusters.clustered_mcnemar(*PSYCHIATRY)
    agree([test.statistic for test in found], [7.542, 7.19, 8.43], 6e-3)
    assert paired.mcnemar_asymptotic(sum(PSYCHIATRY[0]), sum(PSYCHIATRY[1])).statistic == pytest.approx(
        11.845, abs=1e-3
    )
    assert not clusters.clustered_mcnemar([1, 0], [1, 0], [2, 2])


def test_bh_1995_rejections() -> None:
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.324,
        0.4262,
        0.5719,
        0.6528,
        0.759,
        1,
    ]
    methods = (multiplicity.benjamini_hochberg, multiplicity.holm, multiplicity.bonferroni)
    assert [sum(value <= 0.05 for value in method(p)) for method in methods] == [4, 3, 3]


def test_sprt_stops_where_the_example_stops() -> None:
    outcomes = [0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0, 0]
    found = sequential.sprt(sequential.bernoulli_log_ratios(outcomes, 0.1, 0.3), alpha=0.05, beta=0.1)
    assert (found.decision, found.at) == (sequential.SprtDecision.REJECT, 7)


def test_continual_three_tasks() -> None:
    found = continual.continual([[0.90, 0.20, 0.15], [0.80, 0.88, 0.25], [0.75, 0.85, 0.92]], [0.1] * 3)
    agree([found.accuracy, found.backward, found.forward, found.forgetting], [0.84, -0.09, 0.125, 0.09], 1e-12)
    assert not continual.continual([[0.5]]).backward


def test_exposure_of_unremembered_canaries_is_uniform() -> None:
    ranked = [float(loss) for loss in range(1023)]
    bits = [memorisation.exposure(rank - 0.5, ranked, own=True) for rank in range(1024)]
    assert np.mean(bits) == pytest.approx(1.443, abs=0.01)
    assert memorisation.exposure_p(bits) == pytest.approx(0.5, abs=0.1)
    assert memorisation.exposure_p([10.0, 10.0, 10.0]) < 1e-6
    assert memorisation.exposure_by_extrapolation(-5, np.random.default_rng(0).normal(size=500)) > 10


def test_tpr_at_fpr() -> None:
    others = list(range(300))
    assert not memorisation.tpr_at_fpr([1.0], others, 0.001)
    assert memorisation.tpr_at_fpr([295.5, 297.5, 400, 3], others, 0.01) == 0.5
    assert memorisation.lira(0.9, 2.0, 1.0, 0.0, 1.0) > 0 > memorisation.lira(0.1, 2.0, 1.0, 0.0, 1.0)


# -- brute force and the libraries ---------------------------------------------------------------------------------


def counts(most: int = 40) -> st.SearchStrategy[tuple[int, int, int]]:
    """(gains, losses, n)."""
    triples = st.tuples(st.integers(0, most), st.integers(0, most), st.integers(0, most))
    return triples.map(lambda t: (t[0], t[1], max(1, sum(t))))


@pytest.mark.parametrize("n", [1, 5, 10, 20, 37])
def test_clopper_pearson_covers(n: int) -> None:
    found = [intervals.clopper_pearson(x, n) for x in range(n + 1)]
    upper = [intervals.upper_bound(x, n) for x in range(n + 1)]
    for p in np.linspace(0.005, 0.995, 67):
        chance = sps.binom.pmf(range(n + 1), n, p)
        assert sum(c for c, interval in zip(chance, found, strict=True) if p in interval) >= 0.95 - 1e-12
        assert sum(c for c, bound in zip(chance, upper, strict=True) if p <= bound) >= 0.95 - 1e-12


@pytest.mark.parametrize(("x", "n"), [(0, 7), (3, 7), (7, 7), (15, 148), (150, 164)])
def test_intervals_agree_with_scipy(x: int, n: int) -> None:
    test = sps.binomtest(x, n)
    for ours, method in ((intervals.wilson, "wilson"), (intervals.clopper_pearson, "exact")):
        agree(pair(ours(x, n, 0.9)), list(test.proportion_ci(0.9, method)), 1e-9)
    one_sided = sps.binomtest(x, n, alternative="less").proportion_ci(0.95, "exact")
    assert intervals.upper_bound(x, n) == pytest.approx(one_sided.high)
    blaker, exact = intervals.blaker(x, n), intervals.clopper_pearson(x, n)
    assert exact.low <= blaker.low <= x / n <= blaker.high <= exact.high


@pytest.mark.parametrize("m", range(12))
def test_mcnemar_is_the_enumeration(m: int) -> None:
    """Over all 2^m equally likely signs: as far or farther from even; mid-p takes the seen splits half."""
    nets = [abs(sum(signs)) for signs in itertools.product((1, -1), repeat=m)]
    for gains in range(m + 1):
        net = abs(2 * gains - m)
        exact = sum(other >= net for other in nets) / len(nets)
        assert paired.mcnemar_exact(gains, m - gains) == pytest.approx(exact)
        seen = sum(other == net for other in nets) / len(nets)
        assert paired.mcnemar_midp(gains, m - gains) == pytest.approx(exact - seen / 2)


@pytest.mark.parametrize(
    ("gains", "losses", "n"), [(0, 1, 44), (5, 6, 164), (0, 0, 20), (9, 3, 32), (3, 0, 3), (1, 7, 21)]
)
@pytest.mark.parametrize("delta", [-0.3, -0.05, 0.0, 0.2])
def test_tango_is_the_constrained_likelihood(gains: int, losses: int, n: int, delta: float) -> None:
    loss_rates = np.linspace(max(0, -delta), (1 - delta) / 2, 400_001)[1:-1]
    likelihood = (
        gains * np.log(loss_rates + delta)
        + losses * np.log(loss_rates)
        + (n - gains - losses) * np.log(np.maximum(1 - 2 * loss_rates - delta, 1e-300))
    )
    best = loss_rates[likelihood.argmax()]
    z = (gains - losses - n * delta) / math.sqrt(n * (2 * best + delta * (1 - delta)))
    assert paired.tango_z(gains, losses, n, delta) == pytest.approx(z, abs=2e-3)


@pytest.mark.parametrize("true_delta", [0.0, -0.1])
def test_noninferiority_power_is_the_enumeration(true_delta: float) -> None:
    n, margin, psi = 30, 0.1, 0.2
    total = 0.0
    for gains, losses in itertools.product(range(n + 1), repeat=2):
        if gains + losses <= n and paired.guard_state(gains, losses, n, margin) == GuardState.HELD:
            cells = [gains, losses, n - gains - losses]
            total += sps.multinomial.pmf(cells, n, [(psi + true_delta) / 2, (psi - true_delta) / 2, 1 - psi])
    assert power.noninferiority_power(n, margin, psi, true_delta) == pytest.approx(total)


def test_mcnemar_power_is_the_enumeration() -> None:
    n, gain, loss = 25, 0.3, 0.1
    total = 0.0
    for gains, losses in itertools.product(range(n + 1), repeat=2):
        if gains + losses <= n and paired.mcnemar_midp(gains, losses) <= 0.05:
            total += sps.multinomial.pmf([gains, losses, n - gains - losses], n, [gain, loss, 1 - gain - loss])
    assert power.mcnemar_power(n, gain, loss) == pytest.approx(total)


@pytest.mark.parametrize("margin", [0.02, 0.03, 0.05, 0.10])
def test_size_at_the_margin(margin: float) -> None:
    """An adapter exactly at the margin is HELD about alpha of the time, whatever the discordance."""
    sizes = [power.noninferiority_size(164, margin, psi / 100) for psi in range(math.ceil(margin * 100), 31, 2)]
    assert max(sizes) < 0.0555
    assert max(power.noninferiority_size(164, margin, psi, 0.025) for psi in (margin, 0.1, 0.2, 0.3)) < 0.0258


@pytest.mark.parametrize(("n", "margin", "alpha"), [(25, 0.1, 0.05), (30, 0.05, 0.025), (40, 0.02, 0.05)])
def test_exact_noninferiority_never_exceeds_alpha(n: int, margin: float, alpha: float) -> None:
    cells = [(g, loss) for g, loss in itertools.product(range(n + 1), repeat=2) if g + loss <= n]
    held = [(g, loss) for g, loss in cells if exact.noninferiority_exact(g, loss, n, margin) <= alpha]
    rejected = np.array([[g, loss, n - g - loss] for g, loss in held])
    for psi in np.linspace(margin, 1, 41):
        gain, loss = (psi - margin) / 2, (psi + margin) / 2
        assert len(held) == 0 or sps.multinomial.pmf(rejected, n, [gain, loss, 1 - gain - loss]).sum() <= alpha + 1e-4


def test_exact_noninferiority_is_close_to_tango() -> None:
    found = exact.noninferiority_exact(5, 6, 164, 0.05)
    assert found == pytest.approx(paired.tango_noninferiority(5, 6, 164, 0.05).p, abs=3e-3)
    assert exact.noninferiority_exact(0, 10, 164, 0.1) > 0.05 > paired.tango_noninferiority(0, 10, 164, 0.1).p


@pytest.mark.parametrize(("n", "margin"), [(40, 0.03), (164, 0.02), (164, 0.05), (164, 0.10)])
def test_repeated_guard_keeps_its_size_where_the_t_test_does_not(n: int, margin: float) -> None:
    """Prompts that always pass under base, of which the adapter loses a share for good: K answers add nothing."""
    chance = sps.binom.pmf(range(n + 1), n, margin)
    differences = [[-1.0] * lost + [0.0] * (n - lost) for lost in range(n + 1)]
    score = sum(c for c, d in zip(chance, differences, strict=True) if repeated.guard_state(d, margin) == "HELD")
    tests = [repeated.t_noninferiority(d, margin) for d in differences]
    student = sum(c for c, test in zip(chance, tests, strict=True) if not test or test.p <= 0.05)
    assert score <= 0.056
    assert student > 0.08


@quick
@given(counts(), st.floats(-0.9, 0.9))
def test_repeated_score_is_tango_at_one_answer(cells: tuple[int, int, int], delta: float) -> None:
    gains, losses, n = cells
    differences = [1.0] * gains + [-1.0] * losses + [0.0] * (n - gains - losses)
    assert repeated.score_z(differences, delta) == pytest.approx(paired.tango_z(*cells, delta), rel=1e-5, abs=1e-5)
    agree(pair(repeated.score_interval(differences)), pair(paired.tango(*cells)), 1e-6)


tenths = st.lists(st.integers(-10, 10).map(lambda tenth: tenth / 10), min_size=1, max_size=60)


@quick
@given(tenths, st.floats(-0.95, 0.9), st.floats(0.001, 0.05))
def test_repeated_score(differences: list[float], delta: float, step: float) -> None:
    mean = math.fsum(differences) / len(differences)
    narrow, wide = repeated.score_interval(differences, 0.8), repeated.score_interval(differences, 0.95)
    assert wide.low <= narrow.low <= mean + 1e-9
    assert mean - 1e-9 <= narrow.high <= wide.high
    mirrored = repeated.score_interval([-d for d in differences], 0.8)
    agree(pair(mirrored), [-narrow.high, -narrow.low], 1e-8)
    assert repeated.score_z(differences, delta) >= repeated.score_z(differences, delta + step) - 1e-7
    # the interval and the tests give one state
    interval = repeated.score_interval(differences, 0.9)
    if min(abs(interval.low + 0.05), abs(interval.high + 0.05), abs(interval.high)) > 1e-6:
        assert repeated.guard_state(differences, 0.05) == paired.state_of(interval, 0.05)


def test_repeated_measures_agree_with_scipy() -> None:
    rng = random.Random(1)
    adapter = [[rng.random() < 0.7 for _ in range(4)] for _ in range(40)]
    base = [[rng.random() < 0.6 for _ in range(4)] for _ in range(40)]
    d = repeated.prompt_differences(adapter, base)
    reference = sps.ttest_1samp(d, 0)
    agree(pair(repeated.paired_t(d).interval), list(reference.confidence_interval(0.95)), 1e-9)
    shifted = sps.ttest_1samp(d, -0.05, alternative="greater")
    assert repeated.t_noninferiority(d, 0.05).p == pytest.approx(shifted.pvalue)
    assert repeated.sign_flip(d, resamples=999) == pytest.approx(reference.pvalue, abs=0.05)
    agree(pair(repeated.bootstrap_interval(d, resamples=999)), list(reference.confidence_interval(0.95)), 0.02)
    assert repeated.sign_flip([0.1, 0.2, 0.3]) == 0.25
    assert repeated.sign_flip([0.0] * 5) == 1
    for undefined in (
        repeated.paired_t,
        repeated.bootstrap_interval,
        lambda same: repeated.t_noninferiority(same, 0.1),
    ):
        assert isinstance(undefined([0.0] * 164), Undefined)
    assert repeated.guard_state([0.0] * 164, 0.05) == GuardState.HELD


def test_clustered_standard_errors_agree_with_statsmodels() -> None:
    from statsmodels.regression.linear_model import OLS

    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(6), [1, 2, 3, 4, 8, 12])
    other = rng.integers(0, 5, len(groups))
    y = (rng.random(len(groups)) < 0.3 + groups / 15).astype(float)
    model = OLS(y, np.ones_like(y))

    def reference(kind: str, by: Any) -> float:
        return float(model.fit(cov_type=kind, cov_kwds={"groups": by}, use_t=True).bse[0])

    assert clusters.clustered_se(y, groups) == pytest.approx(reference("cluster", groups))
    assert clusters.jackknife_se(y, groups) == pytest.approx(reference("cluster-crv3", groups))
    both = clusters.two_way_clustered_se(y, groups, other)
    assert both == pytest.approx(reference("cluster", np.column_stack([groups, other])))


def test_clustered_rate() -> None:
    even = clusters.clustered_rate([1, 0] * 10 + [1, 1] * 10, [i // 2 for i in range(40)])
    means = clusters.t_interval([0.5] * 10 + [1.0] * 10)
    agree(pair(even.interval), pair(means.interval), 1e-12)  # equal K: the t interval on prompt means
    assert clusters.clustered_rate([1] * 40, [i // 2 for i in range(40)]).interval == intervals.clopper_pearson(20, 20)
    assert not clusters.clustered_rate([1, 0] * 5, [i // 2 for i in range(10)])
    assert not clusters.clustered_rate([1, 0] * 10, [i // 2 for i in range(20)])
    assert not clusters.clustered_se([1, 0], ["a", "a"])


@quick
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_multiplicity_agrees_with_statsmodels(p_values: list[float]) -> None:
    from statsmodels.stats.multitest import multipletests

    for ours, method in (
        (multiplicity.holm, "holm"),
        (multiplicity.benjamini_hochberg, "fdr_bh"),
        (multiplicity.bonferroni, "bonferroni"),
    ):
        assert ours(p_values) == pytest.approx(multipletests(p_values, method=method)[1].tolist())


def test_looks_spend_alpha_once() -> None:
    assert sum(multiplicity.look_alpha(0.05, look) for look in range(1, 2000)) == pytest.approx(0.05, rel=1e-3)


def test_equivalence() -> None:
    x, y = [0.71, 0.69, 0.73, 0.70, 0.72], [0.70, 0.70, 0.72, 0.71, 0.71]
    found = equivalence.tost_paired(x, y, -0.02, 0.02)
    interval = repeated.paired_t([a - b for a, b in zip(x, y, strict=True)], 0.9).interval
    assert (found.p <= 0.05) == (interval.low > -0.02 and interval.high < 0.02)
    assert not equivalence.tost_paired(x, x, -0.02, 0.02)
    assert not equivalence.tost_independent([1, 1], [2, 2], -1, 1)
    assert equivalence.tost_independent(x, y, -0.02, 0.02, "pooled").p == pytest.approx(
        max(
            sps.ttest_ind(np.add(x, 0.02), y, alternative="greater").pvalue,
            sps.ttest_ind(np.subtract(x, 0.02), y, alternative="less").pvalue,
        )
    )
    for cells in ((4, 6, 164), (6, 8, 164), (10, 2, 164)):
        equal, _ = equivalence.equivalent_binary(*cells, 0.05)
        assert equal == (equivalence.tost_binary(*cells, 0.05).p < 0.05)


def test_agreement_agrees_with_statsmodels() -> None:
    from statsmodels.stats import inter_rater

    table = [[10, 2, 1], [3, 8, 0], [1, 1, 5]]
    assert agreement.cohens_kappa(table) == pytest.approx(inter_rater.cohens_kappa(table).kappa)
    assert agreement.class_agreement([[8, 2], [0, 0]]) == [pytest.approx(16 / 18), 0.0]
    ratings = [[3, 1], [4, 0], [2, 2]]
    assert agreement.fleiss_kappa(ratings) == pytest.approx(inter_rater.fleiss_kappa(np.array(ratings)))
    assert not agreement.cohens_kappa([[5, 0], [0, 0]])
    assert not agreement.fleiss_kappa([[3, 0], [3, 0]])


def test_krippendorff() -> None:
    case = next(case for case in CASES if case["function"] == "krippendorff_alpha")["inputs"]["data"]
    assert agreement.krippendorff_alpha(case, "nominal") == pytest.approx(0.691, abs=6e-4)
    words = [[None if value is None else f"class {value}" for value in row] for row in case]
    assert agreement.krippendorff_alpha(words) == agreement.krippendorff_alpha(case)
    perfect = [[1, 2, 3], [1, 2, 3]]
    assert [agreement.krippendorff_alpha(perfect, level) for level in ("nominal", "ordinal", "interval", "ratio")] == [
        1
    ] * 4
    assert not agreement.krippendorff_alpha([[1, None], [None, 2]])
    assert not agreement.krippendorff_alpha([[1, 1], [1, 1]])


@pytest.mark.parametrize(("n", "c", "k"), [(5, 2, 3), (6, 0, 2), (6, 6, 6), (7, 3, 1)])
def test_pass_at_k_is_the_enumeration(n: int, c: int, k: int) -> None:
    draws = list(itertools.combinations([True] * c + [False] * (n - c), k))
    assert passk.pass_at_k(n, c, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_mean_pass_at_k() -> None:
    found = passk.mean_pass_at_k([(10, 3), (10, 10), (10, 0), (10, 7)], 1)
    assert found.value == pytest.approx(0.5)
    assert passk.mean_pass_at_k([(2, 2)] * 20, 1).interval == intervals.clopper_pearson(20, 20)
    assert not passk.mean_pass_at_k([(2, 1)], 1)


def test_curtailment_is_certain() -> None:
    """It stops exactly when no completion of the run can be HELD."""
    n, margin = 40, 0.1
    for losses, gains, left in itertools.product(range(8), range(3), range(6)):
        held = [paired.guard_state(gains + more, losses, n, margin) == GuardState.HELD for more in range(left + 1)]
        assert sequential.curtailed(gains, losses, n, margin, open_gains=left) == (not any(held))


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.8])
def test_anytime_interval_holds_at_every_n(rate: float) -> None:
    """The exact chance that the interval ever leaves out the rate in 60 items, by following all counts."""
    still, left = np.ones(1), 0.0
    for n in range(1, 61):
        still = np.append(still * (1 - rate), 0) + np.insert(still * rate, 0, 0)
        out = np.array([rate not in sequential.anytime_interval(k, n, tuned_for=30) for k in range(n + 1)])
        left, still = left + still[out].sum(), np.where(out, 0, still)
    assert left <= 0.05


def test_eprocess_rarely_stops_an_adapter_at_the_margin() -> None:
    rng = np.random.default_rng(0)
    cells = ([-1, 0, 1], [0.125, 0.8, 0.075])
    stops = [
        sequential.stopped_at(sequential.eprocess(rng.choice(cells[0], 164, p=cells[1]), 0.05)) for _ in range(200)
    ]
    assert sum(stop is not None for stop in stops) <= 20
    assert sequential.stopped_at(sequential.eprocess([-1] * 10, 0.05)) == 7


def test_ppi_with_its_own_weight_is_narrowest() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random(80) < 0.6).astype(float)
    guesses = np.where(rng.random(80) < 0.85, labels, 1 - labels)
    other = (rng.random(800) < 0.6).astype(float)
    best = ppi.ppi_mean(labels, guesses, other).se
    assert (
        best <= min(ppi.ppi_mean(labels, guesses, other, weight=weight).se for weight in (0, 0.25, 0.5, 0.75, 1)) + 1e-3
    )


def test_seed_level_bound_counts_tasks() -> None:
    bound = fixtures.seed_error_bound([False, True, True, False], ["a", "b", "b", "c"])
    assert (bound.errors, bound.n) == (1, 3)
    assert bound.upper > fixtures.error_bound(1, 4).upper
    assert not fixtures.error_bound(0, 0)


def test_correction_out_of_range_is_undefined() -> None:
    assert isinstance(imperfect.rogan_gladen_interval(6, 151, 0.964, 0.927).estimate, Undefined)
    assert imperfect.rogan_gladen_interval(20, 120, 0.9, 0.99).estimate.value == pytest.approx(0.17603, abs=1e-5)
    assert imperfect.rogan_gladen_se(20, 120, (45, 50), (99, 100)) == pytest.approx(0.0411, abs=2e-3)
    assert not imperfect.rogan_gladen(0.5, 0.4, 0.5)
    assert not imperfect.lang_reiczigel(5, 10, (1, 10), (1, 10))
    assert not imperfect.observed_margin(0.05, 0.5)
    assert not imperfect.true_scale_noninferiority(0, 0, 164, 0.05, bads=3, false_passes=0, goods=3, false_fails=0)


def test_contamination_of_near_misses() -> None:
    words = contamination.normalised("The quick, brown FOX jumps over the lazy dog; twice a day it does so, at noon.")
    assert contamination.ngram_overlap(words, words).token_fraction == 1
    broken = [*words[:8], "really", *words[8:]]
    assert not contamination.ngram_overlap(words, broken).any
    assert contamination.ngram_overlap(words, broken).longest == 9 - (words[8] == words[0])
    assert contamination.ngram_overlap(["a", "b"], ["x", "a", "b"]).any  # shorter than n: matched whole
    assert not contamination.ngram_overlap([], words)
    assert contamination.jaccard("abcdef", "abcdef", 3) == 1
    assert not contamination.jaccard("a", "b", 3)


def test_degeneration() -> None:
    sound = (Path(__file__).parent.parent / "harness" / "stats" / "values.py").read_text()[:600]
    assert degeneration.degeneration(sound) == []
    assert degeneration.gopher_flags("I am your father.\n\n" * 4)[:2] == ["duplicate lines", "duplicate paragraphs"]
    assert "top 2-gram" in degeneration.gopher_flags("I am Frank, I am Frank, I am Frank")
    looped = degeneration.degeneration("begin " + "and so on " * 300, truncated=True)
    assert {"ends in a loop of 3 words", "truncated"} < set(looped)
    assert degeneration.loop_period(list("abcbcbcbc")) == 2
    assert degeneration.loop_period(list("abcbcbc")) is None
    assert degeneration.degeneration("") == []
    assert not degeneration.seq_rep_n(["a"], 4)


# -- properties ----------------------------------------------------------------------------------------------------

RATE_INTERVALS = [intervals.wilson, intervals.clopper_pearson, intervals.jeffreys, intervals.mid_p]


@pytest.mark.parametrize("method", RATE_INTERVALS)
@quick
@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.98))
def test_rate_intervals(method: Callable[..., Interval], cell: tuple[int, int], confidence: float) -> None:
    x, n = cell
    found = method(x, n, confidence)
    assert 0 <= found.low <= x / n <= found.high <= 1
    wider = method(x, n, confidence + 0.01)
    assert wider.low <= found.low
    assert found.high <= wider.high
    agree(pair(method(n - x, n, confidence)), [1 - found.high, 1 - found.low], 1e-9)
    if x < n:
        more = method(x + 1, n, confidence)
        assert found.low <= more.low
        assert found.high <= more.high


@quick
@given(counts(200), st.floats(0.5, 0.98))
def test_paired_intervals(cells: tuple[int, int, int], confidence: float) -> None:
    gains, losses, n = cells
    both = (n - gains - losses) // 2
    neither = n - gains - losses - both
    delta = (gains - losses) / n
    for found, swapped, wider in (
        (
            paired.tango(gains, losses, n, confidence),
            paired.tango(losses, gains, n, confidence),
            paired.tango(gains, losses, n, confidence + 0.01),
        ),
        (
            paired.newcombe(both, gains, losses, neither, confidence),
            paired.newcombe(both, losses, gains, neither, confidence),
            paired.newcombe(both, gains, losses, neither, confidence + 0.01),
        ),
    ):
        assert -1 <= found.low <= delta + 1e-12
        assert delta - 1e-12 <= found.high <= 1
        agree(pair(swapped), [-found.high, -found.low], 1e-9)
        assert wider.low <= found.low + 1e-12
        assert found.high <= wider.high + 1e-12
    if gains + losses < n:
        assert paired.tango(gains + 1, losses, n, confidence).low >= paired.tango(*cells, confidence).low - 1e-9
        assert paired.tango(gains, losses + 1, n, confidence).high <= paired.tango(*cells, confidence).high + 1e-9


@quick
@given(counts(100), st.floats(0.01, 0.5), st.floats(0.01, 0.2))
def test_noninferiority_is_the_interval(cells: tuple[int, int, int], margin: float, alpha: float) -> None:
    interval = paired.tango(*cells, 1 - 2 * alpha)
    if abs(interval.low + margin) > 1e-9:
        assert (paired.tango_noninferiority(*cells, margin).p < alpha) == (interval.low > -margin)
        assert (paired.guard_state(*cells, margin, alpha) == GuardState.HELD) == (interval.low > -margin)


@quick
@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_anytime_interval_is_wider_than_a_fixed_one(cell: tuple[int, int]) -> None:
    x, n = cell
    anytime, fixed = sequential.anytime_interval(x, n), intervals.clopper_pearson(x, n, 0.9)
    assert 0 <= anytime.low <= fixed.low
    assert fixed.high <= anytime.high <= 1


@quick
@given(counts(60), st.integers(1, 400), st.integers(1, 400))
def test_floor_and_margin_never_exceed_what_was_seen(cells: tuple[int, int, int], bads: int, goods: int) -> None:
    gains, _, n = cells
    assert imperfect.certified_floor(gains, n, 0, bads) <= intervals.lower_bound(gains, n, 0.975)
    margin = imperfect.observed_margin(0.05, imperfect.youden_lower(0, bads, 0, goods))
    assert isinstance(margin, Undefined) or 0 < margin < 0.05


# -- hostile input -------------------------------------------------------------------------------------------------

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
        lambda: repeated.prompt_differences([[1]], [[1], [0]]),
        lambda: repeated.prompt_differences([[]], [[1]]),
        lambda: repeated.prompt_differences([[2]], [[1]]),
        lambda: clusters.clustered_se([1, 0], [1]),
        lambda: clusters.clustered_se([], []),
        lambda: clusters.clustered_rate([2] * 20, range(20)),
        lambda: clusters.t_interval([1, math.inf]),
        lambda: clusters.clustered_mcnemar([1, 2], [0, 0], [1, 1]),
        lambda: equivalence.tost_paired([1, 2], [1], -1, 1),
        lambda: equivalence.tost_paired([1, 2], [1, 3], 1, -1),
        lambda: multiplicity.holm([0.1, 1.1]),
        lambda: multiplicity.benjamini_hochberg([NAN]),
        lambda: multiplicity.look_alpha(0.05, 0),
        lambda: sequential.eprocess([2], 0.05),
        lambda: sequential.eprocess([0], 0.05, [1.0]),
        lambda: sequential.curtailed(1, 1, 3, 0.05, open_gains=2),
        lambda: sequential.anytime_interval(3, 2),
        lambda: sequential.sprt([0.1], 0.6, 0.5),
        lambda: sequential.bernoulli_log_ratios([2], 0.1, 0.2),
        lambda: imperfect.rogan_gladen(1.2, 0.9, 0.9),
        lambda: imperfect.rogan_gladen_interval(1, 10, 0.9, 0.9, method="wald"),
        lambda: imperfect.lang_reiczigel(11, 10, (1, 2), (1, 2)),
        lambda: imperfect.observed_margin(0.05, 1.1),
        lambda: imperfect.certified_floor(1, 10, 0, 0),
        lambda: fixtures.fixtures_needed(0),
        lambda: fixtures.composite_bounds([], []),
        lambda: fixtures.seed_error_bound([True], []),
        lambda: agreement.cohens_kappa([[1, 2]]),
        lambda: agreement.fleiss_kappa([[1, 2], [1, 1]]),
        lambda: agreement.krippendorff_alpha([[1, 2], [1]]),
        lambda: agreement.krippendorff_alpha([["a"], ["b"]], "interval"),
        lambda: passk.pass_at_k(3, 1, 4),
        lambda: passk.pass_at_k(3, 4, 1),
        lambda: passk.mean_pass_at_k([], 1),
        lambda: power.noninferiority_power(164, 0.05, 0.02, -0.05),
        lambda: power.noninferiority_power(0, 0.05, 0.1),
        lambda: power.mcnemar_power(10, 0.6, 0.6),
        lambda: power.prompts_for_difference(0.03, -1.0),
        lambda: ppi.ppi_mean([1, 0], [1], [1, 0]),
        lambda: continual.continual([[1, 2]]),
        lambda: contamination.lsh_probability(1.1, 1, 1),
        lambda: contamination.min_k([]),
        lambda: memorisation.exposure(NAN, [1.0]),
        lambda: memorisation.exposure_p([-0.1]),
        lambda: degeneration.seq_rep_n(["a"] * 9, 0),
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
    code = "import sys, harness.stats; sys.exit(any(name in sys.modules for name in ('numpy', 'scipy', 'statsmodels')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
