"""F2.1 to F2.6, planted in the pocket factory: its gamedev fused by mlx-lm's own code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from harness.content.workspace import shipped
from harness.digests import folder_digest
from harness.subjects.kinds import Plant

Spoil = Callable[[Path], object]  #: does to the fused folder what a fault does
TWIN = "fused"


def _pocket(name: str) -> Path:
    return shipped() / "examples" / "pocket" / name


def _save(folder: Path, base: Path, adapter: Path | None = None, bits: int | None = None) -> Path:
    """A model folder of ``base``, with an adapter fused into it and in so few bits, as ``mlx_lm
    fuse`` and ``mlx_lm convert`` write it."""
    from mlx.utils import tree_unflatten
    from mlx_lm.utils import load, quantize_model, save

    model, tokenizer, config = load(
        str(base), adapter_path=str(adapter) if adapter else None, return_config=True
    )
    if fused := [(name, one.fuse()) for name, one in model.named_modules() if hasattr(one, "fuse")]:
        model.update_modules(tree_unflatten(fused))
    with redirect_stdout(StringIO()):  # which is told how many bits that is
        model, config = quantize_model(model, config, 64, bits) if bits else (model, config)
    save(folder, str(base), model, tokenizer, config, donate_model=False)
    return folder


def _trained(folder: Path, name: str, base: Path) -> Path:
    """An adapter of the pocket, said to be trained on ``base``."""
    shutil.copytree(_pocket(f"adapters/{name}"), folder)
    path = folder / "adapter_config.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**said, "trained_on_base": folder_digest(base)}), encoding="utf-8")
    return folder


def _library(folder: Path, base: Path, **own: Any) -> None:
    """A workspace of one subject, in which the adapter ``soul`` was fused."""
    entry: dict[str, Any] = {
        "path": "fused",
        "base": "base",
        "kind": "fused",
        "status": "candidate",
    }
    entry |= {"facets": ["pocket-godot"], "suites": ["pocket/godot"]}
    entry["fused"] = {"adapter": "soul", **own}
    bases = {"base": {"path": str(base), "mode": "completion"}}
    data = {"bases": bases, "adapters": {"subject": entry}}
    (folder / "library.yaml").write_text(json.dumps(data), encoding="utf-8")


def _bits(folder: Path, planted: bool) -> None:
    """Fused into a base of 3 bits; the twin into one of 8."""
    bits = 3 if planted else 8
    base = _save(folder / "base", _pocket("base"), bits=bits)
    _save(folder / "fused", base, _trained(folder / "soul", "gamedev", base))
    _library(folder, base)


def _spoilt(spoil: Spoil) -> Callable[[Path, bool], None]:
    """Fused into the base as it is; what is planted is ``spoil``."""

    def build(folder: Path, planted: bool) -> None:
        base = _pocket("base")
        _save(folder / "fused", base, _trained(folder / "soul", "gamedev", base))
        if planted:
            spoil(folder / "fused")
        _library(folder, base)

    return build


def _thin(folder: Path, planted: bool, name: str = "legacy", on_base: bool = True) -> None:
    """With a thin adapter on it: planted, one trained on the base from before, or gamedev again."""
    base = _pocket("base")
    fused = _save(folder / "fused", base, _trained(folder / "soul", "gamedev", base))
    own = name if planted else "legacy"
    _trained(folder / "thin", own, base if planted and on_base else fused)
    _library(folder, base, thin="thin")


def _twice(folder: Path, planted: bool) -> None:
    _thin(folder, planted, "gamedev", on_base=False)


def _unchanged(fused: Path) -> None:
    shutil.copy(_pocket("base") / "model.safetensors", fused)


def _still_quantised(fused: Path) -> None:
    path = fused / "config.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    said["quantization"] = {"group_size": 64, "bits": 4}
    path.write_text(json.dumps(said), encoding="utf-8")


def _no_tokenizer(fused: Path) -> None:
    (fused / "tokenizer.json").unlink()


PLANTS = (
    Plant("F2.1", "fuse-lost", "fused into 3 bits, which round the update away", _bits),
    Plant(
        "F2.2",
        "fuse-nothing",
        "fuse was called, the weights are the base's",
        _spoilt(_unchanged),
        twin=TWIN,
    ),
    Plant(
        "F2.3", "wrong-base", "the thin adapter was trained on the unfused base", _thin, twin="thin"
    ),
    Plant("F2.4", "already-fused", "the adapter is fused and mounted as well", _twice, twin="thin"),
    Plant(
        "F2.5", "fused-incomplete", "a folder without tokenizer", _spoilt(_no_tokenizer), twin=TWIN
    ),
    Plant(
        "F2.6",
        "fused-config",
        "dequantised, config still quantised",
        _spoilt(_still_quantised),
        twin=TWIN,
    ),
)
