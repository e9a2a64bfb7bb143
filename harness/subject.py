"""What is judged: digests of the base and the adapter, and the preflight that finds a faulty adapter before it is scored.

mlx-lm loads without a word an adapter of another base with the same shapes, one with half of its tensors, one that is
all zeros, and one with NaN weights. Scoring such an adapter scores nothing, so each of these is a fault by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import EngineError
from harness.library import Entry

if TYPE_CHECKING:
    from harness.engines.mlx import MlxEngine

CHUNK = 1 << 20


def file_digest(path: Path) -> str:
    """SHA-256 of one file as hex, streamed."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def folder_digest(folder: Path) -> str:
    """``sha256:...`` over the relative name and bytes of every file in ``folder``; dot files and Markdown are left out."""
    digest = hashlib.sha256()
    for name, content in folder_files(folder).items():
        digest.update(f"{name}\0{content}\n".encode())
    return "sha256:" + digest.hexdigest()


def folder_files(folder: Path) -> dict[str, str]:
    """SHA-256 in hex by relative name of every file in ``folder``, sorted; dot files and Markdown are left out."""
    files = [p for p in folder.rglob("*") if p.is_file() and p.suffix != ".md"]
    names = sorted((p.relative_to(folder).as_posix(), p) for p in files)
    return {name: file_digest(p) for name, p in names if not any(part.startswith(".") for part in name.split("/"))}


@dataclass(frozen=True)
class Fault:
    """One reason why the subject cannot be scored: a short code and a sentence."""

    code: str
    text: str


@dataclass
class Preflight:
    """What the preflight measured; ``faults`` is empty for a subject that may be scored.

    ``effect`` is KL(base || base+adapter) in nats per token over the probe prompts, ``None`` when it was not measured.
    """

    base_digest: str
    adapter_digest: str
    trained_on_base: str | None
    faults: list[Fault] = field(default_factory=list)
    tensors: int | None = None
    tensors_expected: int | None = None
    effect: float | None = None


def preflight(entry: Entry, engine: MlxEngine, probe: Sequence[list[int]], min_effect: float) -> Preflight:
    """Check identity, tensors and effect of ``entry`` on the loaded base; leaves the bare base mounted."""
    from harness.engines.mlx import adapter_config

    config = adapter_config(entry.path)
    trained = config.get("trained_on_base") or entry.adapter.trained_on_base
    found = Preflight(folder_digest(entry.base_path), folder_digest(entry.path), trained)
    if entry.base.digest and entry.base.digest != found.base_digest:
        text = f"the bytes of base {entry.base_name!r} are {found.base_digest}; the library pins {entry.base.digest}"
        found.faults.append(Fault("base-changed", text))
    if trained and trained != found.base_digest:
        text = f"the adapter was trained on base {trained}; base {entry.base_name!r} is {found.base_digest}"
        found.faults.append(Fault("wrong-base", text))
    found.faults += _tensor_faults(entry.path, engine, found)
    if not any(fault.code in ("refused", "not-finite") for fault in found.faults):
        found.effect = effect(engine, entry.path, probe)
        if not found.effect >= min_effect:
            text = f"KL(base || adapter) is {found.effect:.2g} nats per token over {len(probe)} prompts, under {min_effect:.2g}"
            found.faults.append(Fault("no-effect", f"the adapter changes nothing: {text}"))
    engine.mount(None)
    return found


def effect(engine: MlxEngine, adapter: Path, probe: Sequence[list[int]]) -> float:
    """KL(base || base+adapter) in nats, averaged over every token of the probe prompts."""
    import mlx.core as mx

    engine.mount(None)
    bare = engine.log_probabilities(probe)
    engine.mount(adapter)
    adapted = engine.log_probabilities(probe)
    per_token = [(mx.exp(p) * (p - q)).sum(axis=-1) for p, q in zip(bare, adapted, strict=True)]
    return max(0.0, float(mx.concatenate(per_token).mean()))


def _tensor_faults(adapter: Path, engine: MlxEngine, found: Preflight) -> list[Fault]:
    import mlx.core as mx

    try:
        engine.mount(adapter)
        tensors: Any = mx.load(str(adapter / "adapters.safetensors"))
    except (EngineError, RuntimeError, ValueError) as error:
        return [Fault("refused", str(error))]
    expected = engine.adapter_parameters()
    found.tensors, found.tensors_expected = len(tensors), len(expected)
    faults = []
    missing = sorted(set(expected) - set(tensors))
    if missing:
        text = f"{len(missing)} of the {len(expected)} tensors that its config promises are missing, first {missing[0]}"
        faults.append(Fault("tensors-missing", text))
    broken = sorted(name for name, value in tensors.items() if not mx.isfinite(value).all().item())
    if broken:
        faults.append(Fault("not-finite", f"{len(broken)} tensors hold NaN or infinity, first {broken[0]}"))
    ups = [value for name, value in tensors.items() if name.endswith("lora_b")]
    if ups and not any(bool((value != 0).any().item()) for value in ups):
        faults.append(Fault("zero-adapter", f"all {len(ups)} lora_b tensors are zero"))
    return faults
