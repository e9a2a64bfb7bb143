"""Several claims at once: how p-values and alpha change.

A release needs *all* guards, so each is tested at the full alpha (an intersection-union test,
Berger 1982). Claims of the kind "facet j improved" are corrected by Holm; Benjamini-Hochberg is for
dashboards. Both agree with statsmodels ``multipletests``, whose import takes longer than a whole
gate's statistics.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.stats.values import count, fraction

MOST_LOOKS = 20  # then the held-out set is spent and must be renewed


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values in the given order; rejecting those ``<= alpha`` keeps the
    family-wise error at alpha.

    Raises ``ValueError`` on a value outside of 0..1. Source: Holm 1979, Scand J Stat 6:65.
    """
    order, adjusted, running = _ranked(p_values), [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Benjamini-Hochberg adjusted p-values in the given order; rejecting those ``<= q`` keeps false
    discoveries at q.

    Raises ``ValueError`` on a value outside of 0..1. Source: Benjamini & Hochberg 1995, JRSS B
    57:289.
    """
    order, adjusted, running = _ranked(p_values), [0.0] * len(p_values), 1.0
    for rank in range(len(order), 0, -1):
        index = order[rank - 1]
        running = min(running, p_values[index] * len(order) / rank)
        adjusted[index] = running
    return adjusted


def bonferroni(p_values: Sequence[float]) -> list[float]:
    """``min(1, m p)`` for each of m p-values; raises ``ValueError`` on a value outside of 0..1."""
    return [min(1.0, len(p_values) * p_values[index]) for index in sorted(_ranked(p_values))]


def look_alpha(alpha: float, look: int) -> float:
    """The alpha of the ``look``-th adapter (from 1) judged on one held-out set: ``alpha / (m (m +
    1))``.

    Over all looks these sum to ``alpha``. Raises ``ValueError`` on alpha outside of (0, 1) or a
    look below 1.
    """
    look = count("look", look, least=1)
    return fraction("alpha", alpha) / (look * (look + 1))


def _ranked(p_values: Sequence[float]) -> list[int]:
    for index, value in enumerate(p_values):
        fraction(f"p_values[{index}]", value, closed=True)
    return sorted(range(len(p_values)), key=lambda index: p_values[index])
