"""Continual learning: what a stream of training stages did to every domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from harness.stats.values import Undefined, reals


@dataclass(frozen=True)
class Continual:
    """Final accuracy, backward and forward transfer, and forgetting, in the unit of the scores."""

    accuracy: float
    backward: float | Undefined
    forward: float | Undefined
    forgetting: float | Undefined


def continual(scores: Sequence[Sequence[float]], base: Sequence[float] | None = None) -> Continual:
    """Metrics of ``scores[i][j]``, the score on domain j after training stage i, for as many stages
    as domains.

    ``ACC = mean_j R[T,j]``, ``BWT = mean_{j<T} R[T,j] - R[j,j]``, ``FWT = mean_{j>=2} R[j-1,j] -
    b_j`` with ``base`` the scores before any training, ``F = mean_{j<T} max_{j<=i<T} R[i,j] -
    R[T,j]``. All but accuracy are undefined for one stage, and FWT without ``base``. Raises
    ``ValueError`` on a table that is not square. Source: Lopez-Paz & Ranzato 2017, arXiv
    1706.08840; Chaudhry et al. 2018, arXiv 1801.10112."""
    rows = [reals(f"scores[{i}]", row) for i, row in enumerate(scores)]
    stages = len(rows)
    if not rows or any(len(row) != stages for row in rows):
        raise ValueError(
            "scores: expected one row per stage and one column per domain, as many of each"
        )
    last, accuracy = rows[-1], fmean(rows[-1])
    if stages == 1:
        single = Undefined("one stage: nothing came before or after")
        return Continual(accuracy, single, single, single)
    backward = fmean(last[j] - rows[j][j] for j in range(stages - 1))
    forgetting = fmean(
        max(rows[i][j] for i in range(j, stages - 1)) - last[j] for j in range(stages - 1)
    )
    if base is None:
        return Continual(accuracy, backward, Undefined("the base was not scored"), forgetting)
    before = reals("base", base)
    if len(before) != stages:
        raise ValueError(f"base has {len(before)} scores: expected one per domain, {stages}")
    forward = fmean(rows[j - 1][j] - before[j] for j in range(1, stages))
    return Continual(accuracy, backward, forward, forgetting)
