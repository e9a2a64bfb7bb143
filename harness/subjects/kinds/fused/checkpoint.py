"""A model folder read tensor by tensor: what stands in which file, and one weight at a time, so
that a checkpoint of any size passes in the memory of its largest matrix."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from harness import files
from harness.engines.base import read_config
from harness.errors import EngineError


class Checkpoint:
    """The tensors of ``model*.safetensors`` in a folder, and how its config says they are stored;
    raises :class:`EngineError` for what is none."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.config = folder, read_config(folder / "config.json")

    @cached_property
    def tensors(self) -> dict[str, tuple[Path, list[int]]]:
        """File and shape of every tensor, from the heads of the files."""
        found: dict[str, tuple[Path, list[int]]] = {}
        for path in sorted(self.folder.glob("model*.safetensors")):
            head = files.read_tensor_head(path, EngineError)
            rows = {name: row for name, row in head.items() if name != "__metadata__"}
            found |= {name: (path, list(row.get("shape", ()))) for name, row in rows.items()}
        return found

    @property
    def quantised(self) -> bool:
        """Whether the config says that weights are stored in few bits."""
        return bool(self.config.get("quantization") or self.config.get("quantization_config"))

    def shape(self, module: str) -> list[int] | None:
        """That of the weight of a module as it is stored; ``None`` where it has none."""
        row = self.tensors.get(f"{module}.weight")
        return row[1] if row else None

    def weight(self, module: str, expert: int | None = None) -> Any:
        """The weight of a module in float32, dequantised; of one ``expert`` of a stack of them."""
        import mlx.core as mx

        def part(leaf: str) -> Any:
            name = f"{module}.{leaf}"
            if name not in self.tensors:
                return None
            loaded: Any = mx.load(
                str(self.tensors[name][0])
            )  # lazily: what is not used stays there
            return loaded[name] if expert is None else loaded[name][expert]

        weight, scales = part("weight"), part("scales")
        if scales is None:
            return weight.astype(mx.float32)
        said = self.config.get("quantization") or self.config.get("quantization_config") or {}
        own: dict[str, Any] = said[module] if isinstance(said.get(module), dict) else said
        form = {key: own[key] for key in ("group_size", "bits", "mode") if key in own}
        return mx.dequantize(weight, scales, part("biases"), **form).astype(mx.float32)
