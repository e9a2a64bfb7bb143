"""Continual learning: what a stream of training stages did to every domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from harness.stats.values import Undefined, reals


@dataclass(frozen=True)
class Continual:
    """What a table of scores says, in their unit; each number by one named definition.

    ``accuracy``, ``backward`` and ``forward`` are ACC, BWT and FWT of Lopez-Paz & Ranzato;
    ``backward_over_all`` is BWT's sum over all T domains, as TRACE prints it. ``forgetting`` is
    Chaudhry's, best so far minus last; ``forgetting_over_all`` counts the last domain too, of which
    nothing can be forgotten; ``first_last`` is Avalanche's, first minus last. ``learnt`` is the
    mean right after learning, ``plasticity`` how much that is over base, ``gains`` by domain."""

    accuracy: float
    backward: float | Undefined
    forward: float | Undefined
    forgetting: float | Undefined
    backward_over_all: float | Undefined
    forgetting_over_all: float | Undefined
    first_last: float | Undefined
    learnt: float
    plasticity: float | Undefined
    gains: list[float]


def continual(scores: Sequence[Sequence[float]], base: Sequence[float] | None = None) -> Continual:
    """Metrics of ``scores[i][j]``, the score on domain j after training stage i, for as many stages
    as domains.

    ``ACC = mean_j R[T,j]``, ``BWT = mean_{j<T} R[T,j] - R[j,j]``, ``FWT = mean_{j>=2} R[j-1,j] -
    b_j`` with ``base`` the scores before any training, ``F = mean_{j<T} max_{j<=i<T} R[i,j] -
    R[T,j]``. All but accuracy and what was learnt are undefined for one stage; FWT and plasticity
    without ``base``. Raises ``ValueError`` on a table that is not square. Source: Lopez-Paz &
    Ranzato 2017, arXiv 1706.08840; Chaudhry et al. 2018, arXiv 1801.10112; Wang et al. 2023, arXiv
    2310.06762."""
    rows = [reals(f"scores[{i}]", row) for i, row in enumerate(scores)]
    stages = len(rows)
    if not rows or any(len(row) != stages for row in rows):
        raise ValueError(
            "scores: expected one row per stage and one column per domain, as many of each"
        )
    before = None if base is None else reals("base", base)
    if before is not None and len(before) != stages:
        raise ValueError(f"base has {len(before)} scores: expected one per domain, {stages}")
    last, own = rows[-1], [rows[j][j] for j in range(stages)]
    unknown, single = Undefined("the base was not scored"), Undefined("one stage: nothing is after")
    gains = [] if before is None else [a - b for a, b in zip(own, before, strict=True)]
    plasticity = unknown if before is None else fmean(gains)
    accuracy, learnt = fmean(last), fmean(own)
    if stages == 1:
        none = (single, single, single, single, single, single)
        return Continual(accuracy, *none, learnt, plasticity, gains)
    changes = [last[j] - own[j] for j in range(stages - 1)]
    drops = [max(row[j] for row in rows[j:-1]) - last[j] for j in range(stages - 1)]
    ahead = range(1, stages)
    forward = unknown if before is None else fmean(rows[j - 1][j] - before[j] for j in ahead)
    return Continual(
        accuracy=accuracy,
        backward=fmean(changes),
        forward=forward,
        forgetting=fmean(drops),
        backward_over_all=sum(changes) / stages,
        forgetting_over_all=sum(max(drop, 0.0) for drop in drops) / stages,
        first_last=fmean(own[j] - last[j] for j in range(stages - 1)),
        learnt=learnt,
        plasticity=plasticity,
        gains=gains,
    )
