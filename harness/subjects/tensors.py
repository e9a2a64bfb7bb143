"""The tensors of an adapter against what its config promises on this base: names, shapes, numbers,
and their size."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import EngineError
from harness.subjects.base import Fault
from harness.subjects.changes import Change, changes

if TYPE_CHECKING:
    from harness.engines.base import WhiteBox

LARGE_UPDATE = 1.0  # of the weight; training leaves hundredths
LEAST_COMPARED, FUSED_SHARE = 4, 0.8  # matrices, and how many of them must hold the update
LEAST_UPDATE, MOST_UPDATE = (
    1e-5,
    10.0,
)  # size of the largest update, as a share of the weight that it changes


@dataclass
class Tensors:
    """What was found in ``adapters.safetensors``.

    ``update`` is the largest ``||dW|| / ||W||`` of its changes (:mod:`harness.subjects.changes`);
    ``None`` where none can be compared with its weight. ``usable`` is whether the adapter may be
    mounted to be probed."""

    found: int = 0
    expected: int = 0
    update: float | None = None
    faults: list[Fault] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether mlx-lm would load it and its numbers are numbers."""
        return not {"refused", "tensors-unexpected", "shape", "dtype", "not-finite"} & {
            f.code for f in self.faults
        }


def examine(adapter: Path, config: dict[str, Any], engine: WhiteBox) -> Tensors:
    """Check the tensors of ``adapter``; leaves the bare base mounted."""
    import mlx.core as mx

    seen = Tensors()
    seen.faults += _config_faults(config, engine)
    try:
        expected = engine.layout(config)
        loaded: Any = mx.load(str(adapter / "adapters.safetensors"))
        tensors: dict[str, Any] = dict(loaded)
    except (EngineError, RuntimeError, ValueError) as error:
        seen.faults.append(Fault("refused", f"{adapter}: {error}"))
        return seen
    seen.found, seen.expected = len(tensors), len(expected)
    seen.faults += _coverage(tensors, expected)
    seen.faults += _numbers(tensors)
    if seen.usable:
        updates = list(changes(tensors, config, engine))
        seen.faults += _zeros(tensors, updates)
        largest = max(updates, key=lambda one: one.size, default=None)
        seen.update = largest.size if largest else None
        if largest and not any(f.code == "zero-adapter" for f in seen.faults):
            seen.faults += _size(largest, config)
            seen.faults += _fused(updates)
    return seen


def _fused(updates: list[Change]) -> Iterator[Fault]:
    """A base that holds the update already: its weights are then W + dW, and <W + dW, dW> /
    ||dW||^2 is near 1 in every matrix; else it scatters around 0."""
    compared = [one.held for one in updates if one.held is not None]
    near = [held for held in compared if 0.8 < held < 1.2]
    if len(compared) >= LEAST_COMPARED and len(near) >= FUSED_SHARE * len(compared):
        text = (
            f"the base holds its update already in {len(near)} of {len(compared)} matrices: the"
            " adapter was fused into this base; mount it on the base it was trained on"
        )
        yield Fault("already-fused", text)


def _config_faults(config: dict[str, Any], engine: WhiteBox) -> Iterator[Fault]:
    layers = config.get("num_layers")
    if isinstance(layers, int) and layers > engine.layers:
        yield Fault("layers", f"its config adapts {layers} layers; the base has {engine.layers}")
    scale = (config.get("lora_parameters") or {}).get("scale")
    if isinstance(scale, int | float) and not (math.isfinite(scale) and scale > 0):
        yield Fault("scale", f"its config has scale {scale}; expected a finite number above 0")


def _coverage(tensors: dict[str, Any], expected: dict[str, tuple[int, ...]]) -> Iterator[Fault]:
    missing = sorted(set(expected) - set(tensors))
    if missing:
        text = (
            f"{len(missing)} of the {len(expected)} tensors that its config promises are missing,"
            f" first {missing[0]}"
        )
        yield Fault("tensors-missing", text + _layers(missing, set(tensors)))
    unexpected = sorted(set(tensors) - set(expected))
    if unexpected:
        text = (
            f"{len(unexpected)} tensors fit nothing that its config adapts on this base, first"
            f" {unexpected[0]}"
        )
        yield Fault("tensors-unexpected", text)
    wrong = [
        name
        for name in sorted(set(tensors) & set(expected))
        if tuple(tensors[name].shape) != expected[name]
    ]
    if wrong:
        name = wrong[0]
        text = (
            f"{len(wrong)} tensors do not fit this base, first {name}: found"
            f" {tuple(tensors[name].shape)}"
        )
        yield Fault("shape", f"{text}, expected {expected[name]}")


def _layers(missing: list[str], present: set[str]) -> str:
    """`` (layers 0, 1 are not in the file)`` when whole layers are missing."""

    def layer(name: str) -> int | None:
        parts = name.split(".")
        numbers = [part for before, part in itertools.pairwise(parts) if before == "layers"]
        return int(numbers[0]) if numbers and numbers[0].isdigit() else None

    gone = sorted(
        {n for name in missing if (n := layer(name)) is not None}
        - {layer(name) for name in present}
    )
    return f" (layers {', '.join(map(str, gone))} are not in the file)" if gone else ""


def _numbers(tensors: dict[str, Any]) -> Iterator[Fault]:
    import mlx.core as mx

    odd = sorted(
        name for name, value in tensors.items() if not mx.issubdtype(value.dtype, mx.floating)
    )
    if odd:
        kind = str(tensors[odd[0]].dtype).removeprefix("mlx.core.")
        yield Fault("dtype", f"{len(odd)} tensors are not floating point, first {odd[0]}: {kind}")
    broken = sorted(name for name, value in tensors.items() if not mx.isfinite(value).all().item())
    if broken:
        yield Fault("not-finite", f"{len(broken)} tensors hold NaN or infinity, first {broken[0]}")


def _zeros(tensors: dict[str, Any], updates: list[Change]) -> Iterator[Fault]:
    ups = sorted(name for name in tensors if name.endswith("lora_b"))
    zero = [name for name in ups if not bool((tensors[name] != 0).any().item())]
    moved = any(one.size for one in updates)
    if updates and not ups and not moved:
        text = f"all {len(updates)} weights are the base's own: nothing was trained"
        yield Fault("zero-adapter", text)
    elif zero and len(zero) == len(ups) and not moved:
        yield Fault("zero-adapter", f"all {len(ups)} lora_b tensors are zero")
    elif zero:
        text = (
            f"{len(zero)} of {len(ups)} lora_b tensors are zero, first {zero[0]}: these layers were"
            " not trained"
        )
        yield Fault("zero-tensors", text, "warn")


def _size(largest: Change, config: dict[str, Any]) -> Iterator[Fault]:
    scale = (config.get("lora_parameters") or {}).get("scale")
    at = "" if scale is None else f"at scale {scale} "
    told = f"{at}its largest update is {largest.size:.2g} of the weight it changes ({largest.name})"
    if not LEAST_UPDATE <= largest.size <= MOST_UPDATE:
        small = largest.size < LEAST_UPDATE
        limit = f"smaller than {LEAST_UPDATE:g}" if small else f"larger than {MOST_UPDATE:g}"
        yield Fault("update-size", f"{told}, {limit}")
    elif largest.size >= LARGE_UPDATE:
        asked = "is alpha taken for the scale, which is alpha / rank?"
        yield Fault("update-large", f"{told}: {asked if at else 'was it trained from it?'}", "warn")
    if at:
        yield from _scale(config)


def _scale(config: dict[str, Any]) -> Iterator[Fault]:
    """A scale that is not what the recorded alpha and rank give: raw alpha, or alpha / rank where
    rsLoRA trained at alpha / sqrt(rank)."""
    given = config.get("lora_parameters") or {}
    said = {**config, **given}
    rank, scale = int(given["rank"]), float(given["scale"])
    alpha = said.get("lora_alpha", said.get("alpha"))
    if not isinstance(alpha, int | float) or alpha <= 0:
        return
    expected = alpha / (math.sqrt(rank) if said.get("use_rslora") else rank)
    if not math.isclose(scale, expected, rel_tol=0.01):
        kind = "sqrt(rank), as rsLoRA" if said.get("use_rslora") else "rank"
        text = f"its scale is {scale:g}; alpha {alpha:g} / {kind} is {expected:g}"
        yield Fault(
            "scale-recorded", f"{text}: it acts {scale / expected:.2g} times as much", "warn"
        )
