"""A LoRA folder of PEFT as one of mlx-lm, where that can be said exactly; refused by name where it
cannot.

PEFT keeps ``A`` as (rank, in) and ``B`` as (out, rank) and scales by alpha / rank, or by alpha /
sqrt(rank) for rsLoRA (Kalajdzievski 2023); mlx-lm keeps both transposed and one rank and one scale
for all. Smaller ranks are filled up with zeros, other scales go into ``B`` in float32, layers that
PEFT left out are zero: all of it leaves the update what it was."""

from __future__ import annotations

import json
import math
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.content.workspace import cache_folder
from harness.digests import folder_digest
from harness.engines.base import read_config
from harness.engines.blas import preload
from harness.errors import EngineError, WorkspaceError
from harness.files import make_folder
from harness.subjects.entering.folders import CONFIG, MLX, PEFT, recognised

VERSION = 1  # of the conversion; part of what is judged
#: keys of its config that say nothing about what an adapter computes, or are read here
_READ = frozenset((
    "peft_type", "task_type", "base_model_name_or_path", "revision", "inference_mode", "r",
    "auto_mapping", "peft_version", "lora_alpha", "lora_dropout", "target_modules",
    "exclude_modules", "use_rslora", "use_dora", "rank_pattern", "alpha_pattern",
    "layers_to_transform", "layers_pattern", "bias", "init_lora_weights",
    "qalora_group_size", "ensure_weight_tying", "megatron_core", "runtime_config", "eva_config",
    "trained_on_base", "trained_on_tokenizer", "trained_on_template",
))  # fmt: skip
_MOVED = ("pissa", "olora", "corda", "loftq", "lora_ga")  # their base is not the base
_NAME = re.compile(
    r"(?:base_model\.model\.)?(?P<module>.+)\.lora_(?P<part>A|B|magnitude_vector)(?:\.default)?"
    r"(?:\.weight)?"
)
_LAYER = re.compile(r"(.*\.)?layers\.(?P<number>\d+)\.(?P<key>.+)")


@dataclass
class Module:
    """One adapted matrix: ``a`` (in, rank), ``b`` (rank, out), ``m`` (out) of DoRA, and its
    scale."""

    a: Any
    b: Any
    m: Any
    scale: float


def converted(folder: Path, base: Path, cache: Path) -> Path:
    """The same adapter in the form of mlx-lm, in a folder of the cache named by its digest.

    Raises :class:`WorkspaceError` for what mlx-lm cannot express, :class:`EngineError` for files
    that cannot be read."""
    layers = _layers(read_config(base / "config.json"))
    name = f"{folder_digest(folder).removeprefix('sha256:')[:24]}-{layers}-{VERSION}"
    place = cache / "converted" / name
    if not place.is_dir():
        config, tensors = convert(folder, layers)
        import mlx.core as mx

        with tempfile.TemporaryDirectory(dir=make_folder(place.parent)) as made:
            mx.save_safetensors(str(Path(made) / MLX), tensors)
            (Path(made) / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
            shutil.copytree(made, place, dirs_exist_ok=True)
    return place


def mountable(folder: Path, base: Path) -> Path:
    """A folder that a kind names beside as an engine mounts it; one that is not there as it is.
    Raises as :func:`converted`."""
    if not folder.exists() or recognised(folder) == "mlx":
        return folder
    return converted(folder, base, cache_folder())


def convert(folder: Path, layers: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Config and tensors of mlx-lm for an adapter of PEFT on a base of so many ``layers``; raises
    as :func:`converted` does."""
    preload()  # it comes before the engine, which would load it too late
    import mlx.core as mx

    config = read_config(folder / CONFIG)
    for refusal in _refusals(config):
        raise WorkspaceError(f"{folder / CONFIG}: {refusal}")
    try:
        loaded: Any = mx.load(str(folder / PEFT))
    except (RuntimeError, ValueError) as error:
        raise EngineError(f"{folder / PEFT}: cannot be read: {error}") from None
    found = _modules(dict(loaded), config, folder / PEFT)
    dora = bool(config.get("use_dora"))
    keys = sorted({at["key"] if (at := _LAYER.fullmatch(name)) else name for name in found})
    numbers = sorted({int(at["number"]) for name in found if (at := _LAYER.fullmatch(name))})
    last = numbers == list(range(layers - len(numbers), layers))
    whole = not _gaps(found, numbers)
    if not (last and whole):
        if dora:
            raise WorkspaceError(
                f"{folder / CONFIG}: DoRA on a part of the layers or modules; mlx-lm mounts it on"
                " the last layers only, all of them alike"
            )
        _fill(found, range(layers))
    rank = max(one.a.shape[1] for one in found.values())
    scale = _scale(config, "", int(config["r"]))
    tensors = dict(_tensors(found, rank, scale))
    parameters = {"rank": rank, "scale": scale, "dropout": 0.0, "keys": keys}
    carried = ("trained_on_base", "trained_on_tokenizer", "trained_on_template")
    made = {
        "fine_tune_type": "dora" if dora else "lora",
        "num_layers": len(numbers) if last and whole and numbers else -1,
        "lora_parameters": parameters,
        "model": config.get("base_model_name_or_path"),
        "converted_from": {"peft": folder_digest(folder), "converter": VERSION},
    }
    return made | {key: config[key] for key in carried if key in config}, tensors


def _refusals(config: Mapping[str, Any]) -> Iterator[str]:
    """What of an ``adapter_config.json`` cannot be expressed."""
    kind = config.get("peft_type")
    if kind != "LORA":
        yield f"key 'peft_type': found {kind!r}; mlx-lm mounts LORA"
    if config.get("bias", "none") != "none":
        yield f"key 'bias': found {config['bias']!r}; mlx-lm mounts no biases; train with 'none'"
    first = config.get("init_lora_weights")
    if isinstance(first, str) and first.lower().startswith(_MOVED):
        yield (
            f"key 'init_lora_weights': found {first!r}, which changes the weights of the base too;"
            " save it again as plain LoRA (PEFT: path_initial_model_for_weight_conversion)"
        )
    for key, value in config.items():
        if key not in _READ and value not in (None, False, {}, [], 0, ""):
            text = json.dumps(value, default=str)[:60]
            yield f"key {key!r}: found {text}; mlx-lm cannot express it, so merge or train without"
    alphas = config.get("alpha_pattern") or {}
    if not isinstance(alphas, dict):
        yield f"key 'alpha_pattern': found {type(alphas).__name__}; expected an object"
        return
    numbers = {"r": config.get("r"), "lora_alpha": config.get("lora_alpha"), **alphas}
    for key, value in numbers.items():
        if type(value) not in ((int,) if key == "r" else (int, float)) or not value:
            yield f"key {key!r}: found {value!r}; expected a number that is not 0"
        try:
            re.compile(key)
        except re.error as error:
            yield f"key 'alpha_pattern': {key!r} is no regular expression: {error}"


def _modules(
    tensors: Mapping[str, Any], config: Mapping[str, Any], path: Path
) -> dict[str, Module]:
    """Every adapted matrix by the name of its module."""
    parts: dict[str, dict[str, Any]] = {}
    for name, value in tensors.items():
        found = _NAME.fullmatch(name)
        if found is None:
            raise WorkspaceError(
                f"{path}: holds {name}, which is no LoRA factor of a linear layer (modules_to_save,"
                " embeddings, trained tokens); mlx-lm cannot mount it as PEFT does"
            )
        parts.setdefault(found["module"], {})[found["part"]] = value
    modules = {}
    for name, one in parts.items():
        if not {"A", "B"} <= one.keys() or one["A"].ndim != 2 or one["B"].ndim != 2:
            raise WorkspaceError(f"{path}: {name} has not both factors as matrices; save it again")
        if one["A"].shape[0] != one["B"].shape[1]:
            shapes = f"{tuple(one['A'].shape)} and {tuple(one['B'].shape)}"
            raise WorkspaceError(f"{path}: the factors of {name} do not fit together: {shapes}")
        scale = _scale(config, name, one["A"].shape[0])
        modules[name] = Module(one["A"].T, one["B"].T, one.get("magnitude_vector"), scale)
    if not modules:
        raise WorkspaceError(f"{path}: holds no tensors; the training saved nothing")
    return modules


def _scale(config: Mapping[str, Any], module: str, rank: int) -> float:
    """alpha / rank, or alpha / sqrt(rank), with the alpha of this module's pattern."""
    patterns = config.get("alpha_pattern") or {}
    matching = [p for p in patterns if re.fullmatch(rf"(.*\.)?({p})", module)] if module else []
    alpha = float(patterns[matching[0]] if matching else config["lora_alpha"])
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _gaps(found: Mapping[str, Module], numbers: list[int]) -> bool:
    """Whether some module is adapted in some of the layers only."""
    keys: dict[str, set[int]] = {}
    for name in found:
        if at := _LAYER.fullmatch(name):
            keys.setdefault(at["key"], set()).add(int(at["number"]))
    return any(there != set(numbers) for there in keys.values())


def _fill(found: dict[str, Module], layers: range) -> None:
    """Zeros for every module that another layer has and a layer lacks."""
    import mlx.core as mx

    for name, like in list(found.items()):
        at = _LAYER.fullmatch(name)
        for number in layers if at else ():
            assert at is not None
            beside = f"{at[1] or ''}layers.{number}.{at['key']}"
            if beside not in found:
                zero = mx.zeros_like(like.b)
                found[beside] = Module(like.a, zero, None, like.scale)


def _tensors(found: Mapping[str, Module], rank: int, scale: float) -> Iterator[tuple[str, Any]]:
    import mlx.core as mx

    for name, one in found.items():
        a, b, more = one.a, one.b, rank - one.a.shape[1]
        if not math.isclose(one.scale, scale, rel_tol=1e-12):
            b = b.astype(mx.float32) * (one.scale / scale)
        yield f"{name}.lora_a", mx.contiguous(mx.pad(a, [(0, 0), (0, more)]))
        yield f"{name}.lora_b", mx.contiguous(mx.pad(b, [(0, more), (0, 0)]))
        if one.m is not None:
            yield f"{name}.m", one.m.reshape(-1)


def _layers(config: Mapping[str, Any]) -> int:
    inner = config.get("text_config")
    places = [config, inner if isinstance(inner, dict) else {}]
    for place in places:
        for key in ("num_hidden_layers", "n_layers", "n_layer", "num_layers"):
            if type(place.get(key)) is int:
                return int(place[key])
    raise EngineError("the base's config.json does not say how many layers it has")
