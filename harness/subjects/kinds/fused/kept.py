"""How much of an adapter's update the weights of a fused model hold, matrix by matrix.

``<W' - W, D> / ||D||^2`` of the fused weight W', the base's W and the update D: 1 where all of it
is there, 0 where rounding to the base's grid took it away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.engines.base import read_config
from harness.subjects.entering.folders import CONFIG, MLX
from harness.subjects.kinds.fused.checkpoint import Checkpoint


class Update:
    """What the adapter in a folder does to each matrix of its base."""

    def __init__(self, folder: Path) -> None:
        self.path, self.config = folder / MLX, read_config(folder / CONFIG)
        self.full = self.config.get("fine_tune_type") == "full"

    def modules(self) -> list[str]:
        """The matrices that it changes, sorted."""
        leaf = ".weight" if self.full else ".lora_a"
        return sorted(n.removesuffix(leaf) for n in _load(self.path) if n.endswith(leaf))

    def of(self, module: str, weight: Any, expert: int | None = None) -> Any:
        """The update of one matrix with this ``weight``, of one ``expert`` of a stack."""
        import mlx.core as mx

        tensors = _load(self.path)
        if self.full:
            return tensors[f"{module}.weight"].astype(mx.float32) - weight
        a, b = (tensors[f"{module}.lora_{leaf}"].astype(mx.float32) for leaf in "ab")
        if expert is not None:  # mlx-lm stores the factors of experts the other way round
            a, b = a[expert].T, b[expert].T
        change = (float(self.config["lora_parameters"]["scale"]) * (a @ b)).T
        if change.shape != weight.shape:  # an embedding's is the other way round
            change = change.T
        if (m := tensors.get(f"{module}.m")) is None:
            return change
        moved = weight + change  # DoRA: every row as long as its magnitude says
        return moved * (m.astype(mx.float32) / mx.linalg.norm(moved, axis=1))[:, None] - weight


def _load(path: Path) -> dict[str, Any]:
    import mlx.core as mx

    loaded: Any = mx.load(str(path))
    return dict(loaded)


def kept(base: Checkpoint, fused: Checkpoint, update: Update, module: str) -> dict[str, Any]:
    """Of one matrix: ``kept``, the share of the update that is there; ``drift``, what else differs
    as a share of it; and ``same``, whether the fused weight is the base's."""
    import mlx.core as mx

    shape = fused.shape(module) or []
    inner = squared = off = moved = 0.0
    for expert in range(shape[0]) if len(shape) == 3 else (None,):
        before = base.weight(module, expert)
        change, step = update.of(module, before, expert), fused.weight(module, expert) - before
        rest = step - change
        inner += float((step * change).sum())
        squared += float((change * change).sum())
        off += float((rest * rest).sum())
        moved += float(mx.abs(step).max())
    mx.clear_cache()
    if not squared:
        return {"kept": None, "drift": None, "same": not moved}
    drift = (off / squared) ** 0.5
    return {"kept": inner / squared, "drift": drift, "same": not moved}


def lacking(base: Checkpoint, fused: Checkpoint, update: Update) -> Iterator[str]:
    """The matrices that the adapter changes and one of the checkpoints does not hold."""
    for module in update.modules():
        if base.shape(module) is None or fused.shape(module) is None:
            yield module
