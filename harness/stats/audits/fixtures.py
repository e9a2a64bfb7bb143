"""What known-good and known-bad fixtures prove about a verifier."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from scipy.special import bdtr

from harness.stats.intervals import upper_bound
from harness.stats.values import Undefined, count, fraction, part


def fixtures_needed(max_rate: float, allowed: int = 0, confidence: float = 0.95) -> int:
    """Fixtures needed so that ``allowed`` errors among them bound the error rate by ``max_rate``:
    59 for 5 %, none.

    The smallest n whose one-sided Clopper-Pearson bound is at most ``max_rate``. Raises
    ``ValueError`` on rates outside of (0, 1) or a negative count. Source: Wilks 1941; success-run
    theorem ``ln(1 - C) / ln(1 - rate)`` for none.
    """
    rate, allowed = fraction("max_rate", max_rate), count("allowed", allowed)
    alpha = 1 - fraction("confidence", confidence)
    enough = 1
    while bdtr(allowed, allowed + enough, rate) > alpha:
        enough *= 2
    short = enough // 2
    while enough - short > 1:
        middle = (short + enough) // 2
        short, enough = (
            (middle, enough) if bdtr(allowed, allowed + middle, rate) > alpha else (short, middle)
        )
    return allowed + enough


def rule_of_three(n: int, confidence: float = 0.95) -> float:
    """The upper bound that no error in ``n`` proves: ``1 - alpha^(1/n)``, near 3/n. Raises
    ``ValueError`` for n < 1.
    """
    return -math.expm1(math.log(1 - fraction("confidence", confidence)) / count("n", n, least=1))


@dataclass(frozen=True)
class ErrorBound:
    """``errors`` of ``n``, with the one-sided upper bound of the rate."""

    errors: int
    n: int
    upper: float


def error_bound(errors: int, n: int, confidence: float = 0.95) -> ErrorBound | Undefined:
    """The bound that ``errors`` of ``n`` fixtures give; undefined without fixtures. ``ValueError``
    on bad counts.
    """
    if count("n", n) == 0:
        return Undefined("no fixtures")
    errors, n = part("errors", errors, n)
    return ErrorBound(errors, n, upper_bound(errors, n, confidence))


def seed_error_bound(
    errors: Sequence[bool], seeds: Sequence[Hashable], confidence: float = 0.95
) -> ErrorBound | Undefined:
    """The bound at the level of seed tasks: a task counts as an error if any of its mutants does.

    Mutants of one answer fail together, so counting them alone overstates what they prove.
    ``seeds[i]`` is the task of fixture i. Undefined without fixtures. Raises ``ValueError`` where
    the two do not match.
    """
    if len(errors) != len(seeds):
        raise ValueError(
            f"{len(errors)} fixtures but {len(seeds)} seeds: expected one seed per fixture"
        )
    failed = {seed for error, seed in zip(errors, seeds, strict=True) if error}
    return error_bound(len(failed), len(set(seeds)), confidence)


@dataclass(frozen=True)
class CompositeBounds:
    """Bounds of a verifier that demands every criterion; ``false_fail_independent`` needs
    independent criteria.
    """

    false_pass: float
    false_fail: float
    false_fail_independent: float


def composite_bounds(false_pass: Iterable[float], false_fail: Iterable[float]) -> CompositeBounds:
    """Error bounds of "elite", the conjunction of criteria, from those of each criterion.

    A bad answer breaks some criterion and must be passed falsely by that one: the largest
    false-pass bound, each measured on answers that break only that criterion. A good answer is lost
    by any: the sum of false-fail bounds. Raises ``ValueError`` on no criteria, unequal numbers of
    them, or rates outside of 0..1.
    """
    passes = [fraction("false_pass", rate, closed=True) for rate in false_pass]
    fails = [fraction("false_fail", rate, closed=True) for rate in false_fail]
    if not passes or len(passes) != len(fails):
        raise ValueError(
            f"{len(passes)} false-pass and {len(fails)} false-fail rates: expected one of each per"
            " criterion"
        )
    return CompositeBounds(
        max(passes), min(1.0, math.fsum(fails)), 1 - math.prod(1 - rate for rate in fails)
    )
