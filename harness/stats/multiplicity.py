"""Several claims at once: how p-values and alpha change.

A release needs *all* guards, so each is tested at the full alpha (an intersection-union test,
Berger 1982). Claims of the kind "facet j improved" are corrected by Holm, which agrees with
statsmodels ``multipletests``."""

from __future__ import annotations

from collections.abc import Sequence

from harness.stats.values import count, fraction


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values in the given order; those ``<= alpha`` are rejected.

    That keeps the family-wise error at alpha. Raises ``ValueError`` on a value outside of 0..1.
    Source: Holm 1979, Scand J Stat 6:65."""
    for index, value in enumerate(p_values):
        fraction(f"p_values[{index}]", value, closed=True)
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, running = [0.0] * len(order), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def look_alpha(alpha: float, look: int) -> float:
    """The alpha of the ``look``-th adapter (from 1) judged on one held-out set: ``alpha / (m (m +
    1))``.

    Over all looks these sum to ``alpha``. Raises ``ValueError`` on alpha outside of (0, 1) or a
    look below 1."""
    look = count("look", look, least=1)
    return fraction("alpha", alpha) / (look * (look + 1))
