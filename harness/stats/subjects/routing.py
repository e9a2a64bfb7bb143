"""Routers: what their choices score beside those of others, how they spread their load, and whether
their probabilities are true.

A table ``utility[i][j]`` has what adapter j scores on request (or task) i, ``shares[i][j]`` which
part of i a router sends to j."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats.audits.agreement import cohens_kappa
from harness.stats.values import Undefined, reals

Table = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Standing:
    """What a router scores (``routed``) between the mean over adapters (``random``), one adapter
    for everything (``single``, of index ``best``), and the best one for each row (``oracle``).

    ``normalised`` is routed / oracle, ``recovered`` the performance gap recovered, ``(routed -
    single) / (oracle - single)``, ``regret`` oracle - routed."""

    routed: float
    oracle: float
    single: float
    random: float
    best: int
    normalised: float | Undefined
    recovered: float | Undefined
    regret: float


def standing(utility: Table, shares: Table, weights: Sequence[float] | None = None) -> Standing:
    """Where a router stands; rows count by ``weights``, by default alike.

    Raises ``ValueError`` on tables of other shapes. Source: RouterBench, arXiv 2403.12031; PGR of
    RouteLLM, arXiv 2406.18665, with the best single adapter in the place of the weak model."""
    known, sent = np.asarray(utility, float), np.asarray(shares, float)
    if known.ndim != 2 or known.shape != sent.shape or not known.size:
        raise ValueError(f"utility {known.shape}, shares {sent.shape}: expected one table each")
    of = np.ones(len(known)) if weights is None else np.asarray(reals("weights", weights))
    of = of / of.sum()
    whole = sent.sum(axis=1, keepdims=True)
    routed = float(of @ (known * sent / np.where(whole > 0, whole, 1)).sum(axis=1))
    columns = of @ known
    best, oracle = int(columns.argmax()), float(of @ known.max(axis=1))
    single, gap = float(columns[best]), oracle - float(columns[best])
    nothing = Undefined("one adapter is the best of every task: there is no gap to recover")
    return Standing(
        routed=routed,
        oracle=oracle,
        single=single,
        random=float(columns.mean()),
        best=best,
        normalised=routed / oracle if oracle else Undefined("no adapter passes anything"),
        recovered=(routed - single) / gap if gap > 1e-12 else nothing,
        regret=oracle - routed,
    )


@dataclass(frozen=True)
class Load:
    """How requests spread: ``entropy`` in nats and as a share of ``ln K``, ``effective`` adapters
    exp(H), the largest share, the squared coefficient of variation, and the indices of those that
    get nothing."""

    entropy: float
    evenness: float
    effective: float
    most: float
    variation: float
    dead: list[int]


def load(counts: Sequence[int]) -> Load | Undefined:
    """The load of K adapters by the requests that each got; undefined without a request.

    ``variation`` is the population's variance over the squared mean, as the auxiliary loss of
    Shazeer et al. 2017 (arXiv 1701.06538) has it."""
    many = np.asarray(reals("counts", counts, 1))
    if not many.sum():
        return Undefined("nothing was routed")
    shares = many / many.sum()
    used = shares[shares > 0]
    entropy = float(-(used * np.log(used)).sum())
    return Load(
        entropy=entropy,
        evenness=entropy / math.log(len(many)) if len(many) > 1 else 1.0,
        effective=math.exp(entropy),
        most=float(shares.max()),
        variation=float(many.var() / many.mean() ** 2),
        dead=np.flatnonzero(many == 0).tolist(),
    )


@dataclass(frozen=True)
class Agreement:
    """A router against the right adapter: the share that it meets, Cohen's kappa, and the mutual
    information over the mean of both entropies."""

    accuracy: float
    kappa: float | Undefined
    nmi: float | Undefined


def agreement(confusion: Sequence[Sequence[int]]) -> Agreement | Undefined:
    """Of ``confusion[i][j]`` requests whose right adapter is i and that went to j; undefined
    without a request. Source of NMI: Strehl & Ghosh 2002, by the arithmetic mean, as scikit-learn
    has it."""
    table = np.asarray(confusion, float)
    if not table.sum():
        return Undefined("nothing was routed")
    joint = table / table.sum()
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    product = np.outer(rows, columns)
    seen = joint > 0
    mutual = float((joint[seen] * np.log(joint[seen] / product[seen])).sum())
    entropies = [float(-(p[p > 0] * np.log(p[p > 0])).sum()) for p in (rows, columns)]
    mean = sum(entropies) / 2
    nmi = mutual / mean if mean > 1e-12 else Undefined("one adapter is right and takes everything")
    return Agreement(float(np.trace(joint)), cohens_kappa(confusion), nmi)


def calibration(probabilities: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """Expected calibration error: over equal bins of probability the share-weighted distance of
    mean probability and share right. Raises ``ValueError`` on series that do not pair up. Source:
    Naeini et al. 2015; Guo et al. 2017, arXiv 1706.04599."""
    said, met = np.asarray(reals("probabilities", probabilities, 1)), np.asarray(right, float)
    if said.shape != met.shape:
        raise ValueError(f"{len(said)} probabilities of {len(met)} choices: expected as many")
    place = np.minimum((said * bins).astype(int), bins - 1)
    gaps = [abs(float((said - met)[place == at].sum())) for at in range(bins)]
    return sum(gaps) / len(said)
