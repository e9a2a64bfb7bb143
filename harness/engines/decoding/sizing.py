"""How many rows are answered together: what the memory of the device holds, and where more rows
stop being faster."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.engines import blas

#: rows; on a CPU 1M parameters gain nothing beyond 8 to 32. 135M answered 64 tasks of basics on
#: two cores with 16 rows at 32 tokens a second, with 32 at 37; who joins or leaves copies the rest
MOST, MOST_CPU, MOST_CPU_LARGE = 256, 16, 32
STEADY, STEADY_CPU = 64, 8  # rows of one shape: with 8 an OpenBLAS sums every row alike
SHARE = 0.8  # of the free memory; the rest is for activations
COPIES = 2  # of keys and values: when a row joins or leaves, all are copied


def rows(model: Any, tokens: int, vocabulary: int) -> int:
    """The power of two of rows, of ``tokens`` prompt and answer together, that fit beside the
    weights that are loaded."""
    import mlx.core as mx

    on_cpu = MOST_CPU_LARGE if _parameters(model) >= blas.LARGE else MOST_CPU
    most = on_cpu if mx.default_device() == mx.cpu else MOST
    return 1 << (min(fit(model, tokens, vocabulary), most).bit_length() - 1)


def fit(model: Any, tokens: int, vocabulary: int) -> int:
    """How many rows of so many tokens fit beside the weights, one at least."""
    return max(1, int(SHARE * free() / max(row(model, tokens, vocabulary), 1)))


def cores(model: Any) -> int:
    """How many cores of a CPU a step of the model is worth; one on another device."""
    import mlx.core as mx

    return blas.cores(_parameters(model)) if mx.default_device() == mx.cpu else 1


def _parameters(model: Any) -> int:
    from mlx.utils import tree_flatten

    return sum(array.size for _, array in tree_flatten(model.parameters()))


def row(model: Any, tokens: int, vocabulary: int) -> int:
    """Bytes of a row of so many tokens: keys and values, a state, logits."""
    each, once = _footprint(model)
    return once + 3 * 4 * vocabulary + COPIES * each * tokens


def steady() -> int:
    """The row count of a batch of constant shape on this device."""
    import mlx.core as mx

    return STEADY_CPU if mx.default_device() == mx.cpu else STEADY


def _footprint(model: Any) -> tuple[int, int]:
    """Bytes that a row holds: for each token, and once; from the caches that the model makes, so
    that latent attention and recurrent layers count as what they are."""
    import mlx.core as mx
    from mlx_lm.models.cache import make_prompt_cache

    caches = make_prompt_cache(model)
    mx.eval(model(mx.array([[0]]), cache=caches))
    each = once = 0
    for cache in _leaves(caches):
        keys = getattr(cache, "keys", None)
        if keys is None:
            once += int(cache.nbytes)
        else:
            each += int(cache.nbytes) // int(keys.shape[-2])
    return each, once


def _leaves(caches: Any) -> Iterator[Any]:
    for cache in caches:
        inner = getattr(cache, "caches", None)
        if inner is None:
            yield cache
        else:
            yield from _leaves(inner)


def free() -> int:
    """Bytes of the device that are free: of a Mac what Metal recommends to use of the memory that
    it shares with the CPU."""
    import mlx.core as mx

    if mx.default_device() == mx.cpu:
        return _of_system()
    info, used = mx.device_info(), mx.get_active_memory()
    if "free_memory" in info:
        return int(info["free_memory"]) + int(mx.get_cache_memory())
    for name in ("max_recommended_working_set_size", "total_memory", "memory_size"):
        if name in info:
            return max(int(info[name]) - used, 0)
    return _of_system()


def _of_system() -> int:
    meminfo = Path("/proc/meminfo")
    if meminfo.exists() and (kilobytes := re.search(r"MemAvailable:\s+(\d+)", meminfo.read_text())):
        return int(kilobytes[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
