"""A base as mlx-lm loaded it: its parts, its types, its quantised form, what an adapter fills."""

from __future__ import annotations

from typing import Any


def quantise(model: Any, bits: int, group: int = 32) -> None:
    """Quantise what can be, in place."""
    import mlx.nn as nn

    def fits(_: str, module: Any) -> bool:
        return hasattr(module, "to_quantized") and module.weight.shape[-1] % group == 0

    nn.quantize(model, group, bits, class_predicate=fits)


def own(model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Every leaf module of the bare base by its path, and every array by its name."""
    import mlx.nn as nn
    from mlx.utils import tree_flatten

    modules = dict(tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module))
    return modules, dict(tree_flatten(model.parameters()))


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


def identity(model: Any) -> dict[str, Any]:
    """Libraries, device and types that decide what a model answers."""
    from importlib.metadata import version

    import mlx.core as mx
    from mlx.utils import tree_flatten

    dtypes = sorted(
        {str(v.dtype).removeprefix("mlx.core.") for _, v in tree_flatten(model.parameters())}
    )
    libraries = {name: version(name) for name in ("mlx", "mlx-lm", "transformers", "tokenizers")}
    return {"engine": "mlx", "device": mx.default_device().type.name, "dtypes": dtypes, **libraries}
