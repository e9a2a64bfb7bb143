"""Faults of an adapter (section S1), made by arithmetic on the pocket's gamedev."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from harness.content.workspace import shipped
from harness.digests import folder_digest
from harness.subjects.kinds import Plant

Tensors = dict[str, Any]
Edit = Callable[[Tensors, dict[str, Any]], Tensors]  #: of the tensors and the config of an adapter
BASE, GAMEDEV = "examples/pocket/base", "examples/pocket/adapters/gamedev"
ANSWER = "<|im_start|>assistant\n"  #: what the pocket's template begins an answer with


def library(folder: Path, adapter: Path, base: Path | None = None, **more: Any) -> None:
    """A workspace whose ``subject`` is an adapter on the pocket's base, or on another."""
    entry: dict[str, Any] = {"path": str(adapter), "base": "pocket", "status": "candidate"}
    entry |= {"facets": ["pocket-godot"], "suites": ["pocket/godot"], **more}
    bases = {"pocket": {"path": str(base or shipped() / BASE), "mode": "completion"}}
    data = {"bases": bases, "adapters": {"subject": entry}}
    (folder / "library.yaml").write_text(json.dumps(data), encoding="utf-8")


def _edited(edit: Edit, folder: Path, planted: bool) -> None:
    import mlx.core as mx

    own = folder / "adapter"
    shutil.copytree(shipped() / GAMEDEV, own)
    if planted:
        weights, config = own / "adapters.safetensors", own / "adapter_config.json"
        loaded: Any = mx.load(str(weights))
        said = json.loads(config.read_text(encoding="utf-8"))
        tensors = {name: array + 0 for name, array in edit(dict(loaded), said).items()}
        mx.eval(tensors)
        mx.save_safetensors(str(weights), tensors)
        config.write_text(json.dumps(said), encoding="utf-8")
    library(folder, own)


def _other_base(tensors: Tensors, config: dict[str, Any]) -> Tensors:
    config["trained_on_base"] = "sha256:" + "0" * 64
    return tensors


def _narrow(tensors: Tensors, _: dict[str, Any]) -> Tensors:
    """Of a base with fewer units."""
    return {n: a[:, :-2] if n.endswith("lora_b") else a for n, a in tensors.items()}


def _prefixed(tensors: Tensors, _: dict[str, Any]) -> Tensors:
    return {f"language_model.{name}": array for name, array in tensors.items()}


def _zero(tensors: Tensors, _: dict[str, Any]) -> Tensors:
    return {n: a * 0 if n.endswith("lora_b") else a for n, a in tensors.items()}


def _scaled(tensors: Tensors, config: dict[str, Any]) -> Tensors:
    """Loaded at a tenth of what alpha and rank, which are recorded, give."""
    given = config["lora_parameters"]
    given["alpha"] = given["scale"] * given["rank"]
    given["scale"] /= 10
    return tensors


def _half(tensors: Tensors, _: dict[str, Any]) -> Tensors:
    return dict(sorted(tensors.items())[: len(tensors) // 2])


def _nan(tensors: Tensors, _: dict[str, Any]) -> Tensors:
    name = sorted(tensors)[0]
    return {**tensors, name: tensors[name] * float("nan")}


def _thinking(folder: Path, planted: bool) -> None:
    """A base whose template opens a thought, or opens and ends it."""
    base = folder / "base"
    shutil.copytree(shipped() / BASE, base)
    path = base / "tokenizer_config.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    thought = "<think>\n" if planted else "<think>\n\n</think>\n\n"
    said["chat_template"] = said["chat_template"].replace(ANSWER, ANSWER + thought)
    path.write_text(json.dumps(said), encoding="utf-8")
    own = folder / "adapter"
    shutil.copytree(shipped() / GAMEDEV, own)
    config = own / "adapter_config.json"
    trained = json.loads(config.read_text(encoding="utf-8"))
    trained["trained_on_base"] = folder_digest(base)
    config.write_text(json.dumps(trained), encoding="utf-8")
    library(folder, own, base)


def _plant(number: str, code: str, what: str, edit: Edit) -> Plant:
    return Plant(number, code, what, partial(_edited, edit), twin="gamedev")


PLANTS = (
    _plant("F1.1", "wrong-base", "trained on another base of the same shapes", _other_base),
    _plant("F1.2", "shape", "tensors of a base with fewer units", _narrow),
    _plant("F1.3", "tensors-unexpected", "names begin with language_model.", _prefixed),
    _plant("F1.4", "zero-adapter", "every lora_b is zero", _zero),
    _plant("F1.5", "scale-recorded", "loaded at a tenth of its scale", _scaled),
    _plant("F1.6", "tensors-missing", "half of its layers", _half),
    _plant("F1.7", "not-finite", "NaN in a tensor", _nan),
    Plant("F1.11", "open-think", "thinking left on: prompts end in an open thought", _thinking),
)
