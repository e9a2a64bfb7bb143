"""Prediction-powered inference: a verifier's outcomes on all items, people's labels on a random
few.

Only for labels drawn at random from the evaluated answers; fixtures belong to
:mod:`harness.stats.audits.imperfect`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, pvariance

from harness.stats.intervals import z_two_sided
from harness.stats.values import Estimate, Interval, real, reals

LEAST_LABELS = 50  # fewer make the normal interval too short


def ppi_mean(
    labels: Sequence[float],
    predictions: Sequence[float],
    unlabelled: Sequence[float],
    confidence: float = 0.95,
    *,
    weight: float | None = None,
) -> Estimate:
    """A mean from ``labels`` with ``predictions`` for the same items and predictions for
    ``unlabelled`` items.

    ``w mean(unlabelled) + mean(labels - w predictions)`` with ``SE^2 = w^2 Var(unlabelled) / N +
    Var(labels - w predictions) / n``; without ``weight`` the one that makes it narrowest, from 0 to
    1. The caller checks that there are :data:`LEAST_LABELS`. Raises ``ValueError`` on fewer than
    two values or labels that do not match predictions. Source: Angelopoulos et al. 2023, Science
    382:669; PPI++, arXiv 2311.01453."""
    y, seen, other = (
        reals("labels", labels, 2),
        reals("predictions", predictions, 2),
        reals("unlabelled", unlabelled, 2),
    )
    if len(y) != len(seen):
        raise ValueError(
            f"{len(y)} labels but {len(seen)} predictions: expected one prediction per label"
        )
    w = _best_weight(y, seen, other) if weight is None else real("weight", weight)
    rest = [label - w * guess for label, guess in zip(y, seen, strict=True)]
    value = w * fmean(other) + fmean(rest)
    se = math.sqrt(w * w * pvariance(other) / len(other) + pvariance(rest) / len(rest))
    half = z_two_sided(confidence) * se
    return Estimate(value, Interval(value - half, value + half), se)


def _best_weight(y: list[float], seen: list[float], other: list[float]) -> float:
    """PPI++'s power tuning: ``Cov(labels, predictions) / ((1 + n / N) Var(all predictions))``, from
    0 to 1."""
    n, every = len(y), seen + other
    mean_y, mean_seen, mean = fmean(y), fmean(seen), fmean(every)
    covariance = math.fsum((a - mean_y) * (b - mean_seen) for a, b in zip(y, seen, strict=True)) / n
    variance = math.fsum((guess - mean) ** 2 for guess in every) / (len(every) - 1)
    return min(1.0, max(0.0, covariance / ((1 + n / len(other)) * variance))) if variance else 0.0
