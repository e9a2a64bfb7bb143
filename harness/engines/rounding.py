"""What rounding moves: a base of which a part of the numbers is off by one unit in the last
place."""

from __future__ import annotations

from typing import Any

SHARE = 0.25  # of the numbers: two sums in another order differ about as much


def shaken(weights: dict[str, Any]) -> dict[str, Any]:
    """The vectors among ``weights`` with every fourth number one unit in the last place up or down;
    the same ones each time.

    Vectors are the weights of norms, by which every activation of every layer is multiplied, and
    biases: so little memory stands for the rounding of all activations. ``python
    benchmarks/architectures.py --rounding BASE`` holds what it moves against another type."""
    import mlx.core as mx

    key, moved = mx.random.key(0), {}
    for name, array in weights.items():
        if array.ndim != 1 or not mx.issubdtype(array.dtype, mx.floating):
            continue
        key, now = mx.random.split(key)
        drawn = mx.random.uniform(shape=array.shape, key=now)
        step = (drawn < SHARE / 2).astype(mx.int32) - (drawn > 1 - SHARE / 2).astype(mx.int32)
        bits = {2: mx.uint16, 4: mx.uint32}[array.itemsize]
        up = array.view(bits) + mx.where(array != 0, step, 0).astype(bits)  # of zero, none is below
        moved[name] = up.view(array.dtype)
    return moved
