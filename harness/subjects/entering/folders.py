"""What people point ``--adapter`` at; what is no adapter is answered with what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from harness.errors import WorkspaceError
from harness.subjects.base import Fault

MLX, PEFT = "adapters.safetensors", "adapter_model.safetensors"
CONFIG = "adapter_config.json"
_POINTER = b"version https://git-lfs"
_NUMBERED = re.compile(r"\d+_adapters\.safetensors")


def recognised(path: Path) -> Literal["mlx", "peft"]:
    """Whether a folder is an adapter of mlx-lm or of PEFT.

    Raises :class:`WorkspaceError` that says what it is instead, and what to do."""
    what = next(_refusals(path), None)
    if what is not None:
        raise WorkspaceError(f"{path}: {what}")
    return "mlx" if (path / MLX).is_file() else "peft"


def _refusals(path: Path) -> Iterator[str]:
    if path.is_symlink() and not path.exists():
        yield f"is a link to {path.readlink()}, which is not there; download it again"
    if not path.exists():
        yield "no such folder; give a name of library.yaml, a folder, or ORG/NAME@COMMIT of the Hub"
    if path.is_file():
        yield _no_folder(path)
    if not path.is_dir():
        yield "is neither a file nor a folder"
    there = {each.name for each in path.iterdir()}
    weights = [name for name in (MLX, PEFT) if name in there]
    yield from _unreadable([path / name for name in (*weights, CONFIG) if name in there])
    if not weights:
        yield _no_adapter(path, there)
    if CONFIG not in there:
        yield (
            f"lacks {CONFIG}, without which nothing says on which layers and at which scale"
            f" {weights[0]} works; copy it from the folder of the training"
        )


def _unreadable(files: list[Path]) -> Iterator[str]:
    for file in files:
        if not file.exists():
            yield f"{file.name} is a link to {file.readlink()}, which is not there; get it again"
        elif not file.is_file():
            yield f"{file.name} is no file"
        else:
            with file.open("rb") as opened:
                if opened.read(len(_POINTER)) == _POINTER:
                    yield f"{file.name} is a pointer of git-lfs; fetch the file with `git lfs pull`"


def _no_folder(path: Path) -> str:
    if path.suffix == ".gguf":
        return _GGUF
    if path.suffix in (".safetensors", ".json", ".npz", ".bin"):
        return f"is one file of an adapter; give its folder, {path.parent}"
    return f"is a file; an adapter is a folder with {CONFIG} and {MLX}"


_GGUF = (
    "GGUF is llama.cpp's format, which cannot be turned back; give the adapter's folder from"
    " before the conversion, or serve the file and judge the server"
)


def _no_adapter(path: Path, there: set[str]) -> str:
    """What a folder without the tensors of an adapter is."""
    numbered = sorted(name for name in there if _NUMBERED.fullmatch(name))
    if numbered:
        return (
            f"has checkpoints and no {MLX}; copy the one to be judged:"
            f" cp {path / numbered[-1]} {path / MLX}"
        )
    if "adapters.npz" in there:
        return (
            "has adapters.npz of an old mlx-lm; write it again: python -c 'import mlx.core as mx;"
            f' mx.save_safetensors("{path / MLX}", dict(mx.load("{path / "adapters.npz"}")))\''
        )
    if "adapter_model.bin" in there:
        return (
            "has adapter_model.bin, a pickle, which runs code when it is opened; save it again with"
            " PEFT: model.save_pretrained(folder, safe_serialization=True)"
        )
    if "config.json" in there and any(path.glob("model*.safetensors")):
        return (
            "is a whole model (a base, or one into which an adapter was fused), not an adapter;"
            " give the adapter's folder here and a model's with --base"
        )
    if any(name.endswith(".gguf") for name in there):
        return _GGUF
    below = sorted(each.parent for name in (MLX, PEFT) for each in path.glob(f"*/{name}"))
    if below:
        return f"holds the folders of adapters; give one, for example {below[-1]}"
    found = ", ".join(sorted(there)[:5]) or "nothing"
    return f"is no adapter: found {found}; expected {CONFIG} and {MLX} (mlx-lm) or {PEFT} (PEFT)"


# The config of an adapter of mlx-lm, field by field.


def config_faults(config: dict[str, Any], path: Path) -> list[Fault]:
    """What mlx-lm could not load, or would load as something else, with the remedy."""
    return [Fault("config", f"{path}: {text}") for text in _config(config)]


def _config(config: dict[str, Any]) -> Iterator[str]:
    kind = config.get("fine_tune_type", "lora")
    if kind not in ("lora", "dora", "full"):
        yield _wrong("fine_tune_type", kind, "lora, dora or full, which mlx-lm can mount")
    if "num_layers" not in config and "lora_layers" in config:
        yield "key 'lora_layers' is that of an older mlx-lm; call it num_layers"
    elif not _whole(config.get("num_layers")):
        yield _wrong("num_layers", config.get("num_layers"), "a whole number, -1 for all layers")
    if kind == "full":
        return
    given = config.get("lora_parameters")
    if not isinstance(given, dict):
        yield _wrong("lora_parameters", given, "an object with rank, scale and dropout")
        return
    if not _whole(given.get("rank")) or given["rank"] < 1:
        yield _wrong("lora_parameters.rank", given.get("rank"), "a whole number above 0")
    if "scale" not in given and "alpha" in given:
        yield "key 'lora_parameters.alpha': mlx-lm reads scale, which is alpha / rank; record it"
    elif not _number(given.get("scale")):
        yield _wrong("lora_parameters.scale", given.get("scale"), "a number")
    if "dropout" not in given:
        yield "key 'lora_parameters.dropout' is missing; write 0.0, which a gate does not use"
    elif not _number(given["dropout"]) or not 0 <= given["dropout"] < 1:
        yield _wrong("lora_parameters.dropout", given["dropout"], "a number from 0 to below 1")
    keys = given.get("keys")
    if keys is not None and not (isinstance(keys, list) and all(isinstance(k, str) for k in keys)):
        yield _wrong("lora_parameters.keys", keys, "a list of names of modules")


def _whole(value: Any) -> bool:
    return type(value) is int


def _number(value: Any) -> bool:
    return type(value) in (int, float)


def _wrong(key: str, found: Any, expected: str) -> str:
    shown = "nothing" if found is None else json.dumps(found)[:60]
    return f"key {key!r}: found {shown}; expected {expected}"
