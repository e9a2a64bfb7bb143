"""The arrays of a model: its own, those in fewer bits, those that an adapter fills, and a base that
is off by as much as rounding."""

from __future__ import annotations

from typing import Any

SHARE = 0.25  # of the numbers: two sums in another order differ about as much


def own(model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Every leaf module of the bare base by its path, and every array by its name."""
    import mlx.nn as nn
    from mlx.utils import tree_flatten

    modules = dict(tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module))
    return modules, dict(tree_flatten(model.parameters()))


def quantise(model: Any, bits: int, group: int = 32) -> None:
    """Quantise what can be, in place."""
    import mlx.nn as nn

    def fits(_: str, module: Any) -> bool:
        return hasattr(module, "to_quantized") and module.weight.shape[-1] % group == 0

    nn.quantize(model, group, bits, class_predicate=fits)


def filled(model: Any, config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that an adapter of this config fills, found as its trainer
    does: a full fine-tune saves the blocks that it trained. Leaves the layers of it mounted."""
    from mlx.utils import tree_flatten
    from mlx_lm.tuner.utils import linear_to_lora_layers

    kind, layers = config.get("fine_tune_type", "lora"), config["num_layers"]
    if kind == "full":
        model.freeze()
        for block in model.layers[-max(layers, 0) :]:
            block.unfreeze()
        found = tree_flatten(model.trainable_parameters())
        model.unfreeze()
        return {k: tuple(v.shape) for k, v in found}
    linear_to_lora_layers(model, layers, config["lora_parameters"], use_dora=kind == "dora")
    leaves = {"lora_a", "lora_b", "m"}
    found = tree_flatten(model.parameters())
    return {k: tuple(v.shape) for k, v in found if k.rsplit(".", 1)[-1] in leaves}


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
