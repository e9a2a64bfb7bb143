"""How large an adapter's change of each matrix is, without the product of its factors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.engines.base import WhiteBox


@dataclass(frozen=True)
class Change:
    """What an adapter does to one matrix ``name``: ``size`` is ``||dW|| / ||W||`` (Frobenius
    norms), and ``held`` is ``<W, dW> / ||dW||^2``, how many times the base holds the update
    already; ``None`` where that says nothing."""

    name: str
    size: float
    held: float | None = None


def changes(tensors: dict[str, Any], config: dict[str, Any], engine: WhiteBox) -> Iterator[Change]:
    """The change of each matrix that can be compared with its weight, of each expert for itself."""
    if config.get("fine_tune_type") == "full":
        yield from _replaced(tensors, engine)
        return
    scale = float((config.get("lora_parameters") or {}).get("scale", 1.0))
    for module in sorted({name.rpartition(".")[0] for name in tensors}):
        a, b, m = (_wide(tensors.get(f"{module}.{leaf}")) for leaf in ("lora_a", "lora_b", "m"))
        weight = _wide(engine.weight(module))
        if a is None or b is None or weight is None:
            continue
        if weight.ndim == 3:  # experts; mlx-lm stores their factors the other way round
            for n in range(weight.shape[0]):
                yield _low_rank(f"{module}, expert {n}", a[n].T, b[n].T, weight[n], scale)
        elif weight.ndim == 2:
            yield _low_rank(module, a, b, weight, scale)
        if m is not None:
            yield _magnitude(module, m, weight)


def _low_rank(name: str, a: Any, b: Any, weight: Any, scale: float) -> Change:
    """Of ``scale a b``, shapes (in, rank) and (rank, out), which changes a weight (out, in)."""
    import mlx.core as mx

    squared = max(0.0, float(((a.T @ a) * (b @ b.T)).sum())) * scale * scale
    if weight.shape != (b.shape[1], a.shape[0]):  # an embedding's is the other way round
        weight = weight.T
    inner = float(((weight.T @ b.T) * a).sum()) * scale
    size = math.sqrt(squared) / (float(mx.linalg.norm(weight)) or 1.0)
    return Change(name, size, inner / squared if squared else None)


def _magnitude(module: str, m: Any, weight: Any) -> Change:
    """Of DoRA's magnitudes, which begin as the norms of the weight's rows."""
    import mlx.core as mx

    before = mx.linalg.norm(weight, axis=1)
    size = float(mx.linalg.norm(m - before)) / (float(mx.linalg.norm(before)) or 1.0)
    return Change(f"{module}.m", size)


def _replaced(tensors: dict[str, Any], engine: WhiteBox) -> Iterator[Change]:
    """Of the weights of a full fine-tune, which stand in the place of the base's."""
    import mlx.core as mx

    for name, tensor in sorted(tensors.items()):
        module, _, leaf = name.rpartition(".")
        weight = _wide(engine.weight(module)) if leaf == "weight" else None
        if weight is not None and weight.shape == tensor.shape:
            off = float(mx.linalg.norm((_wide(tensor) - weight).flatten()))
            yield Change(name, off / (float(mx.linalg.norm(weight.flatten())) or 1.0))


def _wide(array: Any) -> Any:
    import mlx.core as mx

    return None if array is None else array.astype(mx.float32)
