"""Random numbers of a seed's own: what is drawn by it is the same whatever is drawn beside it.

A token is drawn by one number, uniform in [0, 1), which the cumulated probabilities are held
against (inverse transform sampling). mlx-lm's samplers share a global state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def keys(seeds: Sequence[int]) -> Any:
    """The state of each seed before its first number: an array (seeds, 2)."""
    import mlx.core as mx

    return mx.stack([mx.random.key(seed) for seed in seeds])


def number(states: Any) -> tuple[Any, Any]:
    """The next number of each state, an array (states,), and the states behind it."""
    import mlx.core as mx

    split = mx.vmap(lambda state: mx.random.split(state))(states)
    return mx.vmap(lambda state: mx.random.uniform(key=state))(split[:, 1]), split[:, 0]


def token(cumulated: Any, numbers: Any) -> Any:
    """The token of each number (draws,) among the :func:`cumulated` probabilities (draws,
    vocabulary)."""
    import mlx.core as mx

    last = cumulated.shape[-1] - 1
    below = cumulated <= (numbers * cumulated[:, -1])[:, None]
    return mx.minimum(mx.sum(below, axis=-1), last)


def cumulated(logits: Any, temperature: float) -> Any:
    """Probabilities of the tokens up to each, in the order of their ids: an array (rows,
    vocabulary)."""
    import mlx.core as mx

    return mx.cumsum(mx.softmax(logits / temperature, axis=-1), axis=-1)
