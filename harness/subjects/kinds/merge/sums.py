"""The plain sum of adapters, exact: factors side by side, of rank the sum of their ranks."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.digests import folder_digest, text_digest
from harness.engines.base import read_config
from harness.files import make_folder
from harness.subjects.entering.folders import CONFIG, MLX


def summed(parents: Sequence[Path], weights: Sequence[float], cache: Path) -> Path:
    """The folder of an adapter whose update is that of each parent times its weight, added up; made
    once, in the cache."""
    digests = [folder_digest(parent, cache) for parent in parents]
    said = json.dumps([digests, [float(weight) for weight in weights]])
    place = cache / "merged" / text_digest(said).removeprefix("sha256:")[:24]
    if not (place / CONFIG).is_file():
        with tempfile.TemporaryDirectory(dir=make_folder(place.parent)) as made:
            write(parents, weights, Path(made))
            shutil.copytree(made, place, dirs_exist_ok=True)
    return place


def write(parents: Sequence[Path], weights: Sequence[float], out: Path) -> None:
    """Write that adapter into ``out``."""
    import mlx.core as mx

    configs = [read_config(parent / CONFIG) for parent in parents]
    sides: dict[str, list[Any]] = {}
    for parent, config, weight in zip(parents, configs, weights, strict=True):
        by = weight * config["lora_parameters"]["scale"]
        loaded: Any = mx.load(str(parent / MLX))
        for name, tensor in loaded.items():
            wide = tensor.astype(mx.float32)
            sides.setdefault(name, []).append(wide * by if name.endswith("lora_b") else wide)
    parameters = [config["lora_parameters"] for config in configs]
    rank = sum(one["rank"] for one in parameters)
    keys = {key for one in parameters for key in one.get("keys") or ()}
    layers = [config["num_layers"] for config in configs]
    told = {"rank": rank, "scale": 1.0, "dropout": 0.0} | ({"keys": sorted(keys)} if keys else {})
    made = {
        "fine_tune_type": "lora",
        "num_layers": -1 if min(layers) < 0 else max(layers),
        "lora_parameters": told,
    }
    bases = {config.get("trained_on_base") for config in configs} - {None}
    if len(bases) == 1:
        made["trained_on_base"] = bases.pop()
    tensors = {name: _beside(name, each, rank) for name, each in sides.items()}
    mx.save_safetensors(str(out / MLX), tensors)
    (out / CONFIG).write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")


def _beside(name: str, parts: Sequence[Any], rank: int) -> Any:
    """One factor of all, filled up to the rank; experts', which have three axes, turned round."""
    import mlx.core as mx

    first, of_experts = name.endswith("lora_a"), parts[0].ndim == 3
    axis = (1 if first else 2) if of_experts else (1 if first else 0)
    joined = mx.concatenate(list(parts), axis=axis)
    more = [(0, rank - joined.shape[axis] if axis == at else 0) for at in range(joined.ndim)]
    return mx.contiguous(mx.pad(joined, more))
