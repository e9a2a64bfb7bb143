"""Exponentials on an x86 CPU by ``powf`` of the C library.

mlx computes ``exp`` there as a polynomial, each of whose steps is a call of ``fmaf``: 21 ns a
number on a Zen 1, where ``mx.power``, which calls ``powf``, takes 11. The gates of an MLP and the
logarithm of all probabilities are a sixth of a step of 16 rows of SmolLM2, most of it exponentials.
They differ by rounding at most, as e in float32 is off by 3e-8 of itself."""

from __future__ import annotations

import math
import platform
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

MODELS = "mlx_lm.models."
X86 = ("x86_64", "amd64")


def gated() -> list[Any]:
    """The loaded modules of mlx-lm whose models gate an MLP by its ``swiglu``; none where ``exp``
    is no slower than anything else."""
    import mlx.core as mx
    from mlx_lm.models.activations import swiglu

    if mx.default_device() != mx.cpu or platform.machine().lower() not in X86:
        return []
    loaded = [module for name, module in [*sys.modules.items()] if name.startswith(MODELS)]
    return [module for module in loaded if getattr(module, "swiglu", None) is swiglu]


@contextmanager
def by_powers(modules: Iterable[Any]) -> Iterator[None]:
    """While open, the ``swiglu`` of these modules (of :func:`gated`) and, where there are any,
    ``mx.logsumexp`` take powers of e, for float32; other types are left to mlx."""
    import mlx.core as mx
    from mlx_lm.models.activations import swiglu

    modules, logsumexp = [*modules], mx.logsumexp

    def gate(by: Any, x: Any) -> Any:
        if by.dtype != mx.float32:
            return swiglu(by, x)
        return by / (mx.power(math.e, -by) + 1) * x

    def summed(a: Any, axis: Any = None, keepdims: bool = False, **more: Any) -> Any:
        if a.dtype != mx.float32 or axis != -1 or not keepdims or more:
            return logsumexp(a, axis=axis, keepdims=keepdims, **more)
        top = a.max(axis=-1, keepdims=True)
        return mx.log(mx.power(math.e, a - top).sum(axis=-1, keepdims=True)) + top

    for module in modules:
        module.swiglu = gate
    if modules:
        mx.logsumexp = summed
    try:
        yield
    finally:
        mx.logsumexp = logsumexp
        for module in modules:
            module.swiglu = swiglu
