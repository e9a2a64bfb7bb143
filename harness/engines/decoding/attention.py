"""Attention of one token a row, as each step of an answer asks for it, in another order of work
than mlx's own.

On a CPU mlx multiplies every head by itself, on one core: beside 500 keys a row that is most of a
step. Heads that share their keys are multiplied together here, and the rows parted among the cores,
which changes a result by rounding at most (``benchmarks/numerics.py --steps``). What asks for more
than this, such as attention sinks, is left to mlx."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, reduce
from typing import Any

KEYS = 256  # keys that are summed in one go, under what any BLAS takes in one block (OpenBLAS: 320)
PART = 4  # rows that are worth a core
#: of queries (rows, shared, heads, width) that are scaled, keys and values (rows, shared, keys,
#: width) and a mask: what each head reads
Summed = Callable[[Any, Any, Any, Any], Any]


def in_groups(cores: int) -> AbstractContextManager[None]:
    """While open, a CPU multiplies heads that share keys together, the rows parted among so many
    of its ``cores``; other devices have a kernel of their own."""
    import mlx.core as mx

    return _instead(_whole, cores) if mx.default_device() == mx.cpu else nullcontext()


def in_blocks(cores: int) -> AbstractContextManager[None]:
    """While open, keys are summed in blocks counted from the end, so that the padding before a row
    adds nothing but zeros; the rows parted as by :func:`in_groups`."""
    return _instead(_by_blocks, cores)


@contextmanager
def _instead(summed: Summed, cores: int) -> Iterator[None]:
    import mlx.core as mx

    real = mx.fast.scaled_dot_product_attention

    def attended(q: Any, k: Any, v: Any, *, scale: float, mask: Any = None, **more: Any) -> Any:
        rows, heads, tokens, width = q.shape
        shared, end = k.shape[1], k.shape[2]
        known = isinstance(mask, mx.array)
        if tokens > 1 or not known or any(value is not None for value in more.values()):
            return real(q, k, v, scale=scale, mask=mask, **more)
        mask = mask.reshape((1,) * (4 - mask.ndim) + mask.shape)
        if mask.shape[1] == heads:
            mask = mask.reshape(-1, shared, heads // shared, end)
        q = (q * scale).reshape(rows, shared, heads // shared, width)
        return _parted(summed, cores, q, k, v, mask).reshape(rows, heads, 1, -1)

    mx.fast.scaled_dot_product_attention = attended
    try:
        yield
    finally:
        mx.fast.scaled_dot_product_attention = real


def _parted(summed: Summed, cores: int, q: Any, k: Any, v: Any, mask: Any) -> Any:
    """The rows in as many parts as there are cores, each part in a stream of its own."""
    import mlx.core as mx

    rows, many = len(q), min(cores, len(q) // PART)
    if many < 2:
        return summed(q, k, v, mask)
    found = []
    for part in range(many):
        at = slice(rows * part // many, rows * (part + 1) // many)
        with mx.stream(_stream(part)):
            own = mask[at] if len(mask) == rows else mask
            found.append(summed(q[at], k[at], v[at], own))
    return mx.concatenate(found)


@cache
def _stream(_part: int) -> Any:
    import mlx.core as mx

    return mx.new_thread_local_stream(mx.cpu)


def _whole(q: Any, k: Any, v: Any, mask: Any) -> Any:
    """The keys come first, as a BLAS packs what comes first in less time."""
    import mlx.core as mx

    scores = _masked((k @ q.swapaxes(-1, -2)).swapaxes(-1, -2), mask)
    return mx.softmax(scores, axis=-1, precise=True) @ v


def _by_blocks(q: Any, k: Any, v: Any, mask: Any) -> Any:
    import mlx.core as mx

    parts = [_block((k, v, mask), at) for at in range(k.shape[2], 0, -KEYS)]
    scored = [(_masked(q @ keys.swapaxes(-1, -2), seen), own) for keys, own, seen in parts]
    top = reduce(mx.maximum, [scores.max(-1, keepdims=True) for scores, _ in scored])
    total = out = mx.array(0, mx.float32)
    for scores, own in scored:
        weights = mx.exp((scores - top).astype(mx.float32))
        total = total + weights.sum(-1, keepdims=True)
        out = out + weights.astype(own.dtype) @ own
    return (out / total).astype(q.dtype)


def _block(arrays: tuple[Any, Any, Any], end: int) -> tuple[Any, Any, Any]:
    """The ``KEYS`` keys, values and mask that end at ``end``; what lies before the first key is
    masked out, since how long a sum is decides on a GPU how it is cut."""
    import mlx.core as mx

    keys, values, mask = arrays
    start, pad = max(0, end - KEYS), max(0, KEYS - end)
    keys, values, mask = keys[..., start:end, :], values[..., start:end, :], mask[..., start:end]
    if pad:
        none: Any = False if mask.dtype == mx.bool_ else mx.finfo(mask.dtype).min
        before = [(0, 0)] * (keys.ndim - 2) + [(pad, 0), (0, 0)]
        keys, values = mx.pad(keys, before), mx.pad(values, before)
        mask = mx.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(pad, 0)], constant_values=none)
    return keys, values, mask


def _masked(scores: Any, mask: Any) -> Any:
    import mlx.core as mx

    if mask.dtype == mx.bool_:
        return mx.where(mask, scores, mx.finfo(scores.dtype).min)
    return scores + mask
