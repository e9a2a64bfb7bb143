"""What is judged: digests of the base and the adapter, and the preflight that finds a faulty adapter before it is scored.

mlx-lm loads without a word an adapter of another base with the same shapes, one with half of its tensors, one that is
all zeros, and one with NaN weights. Scoring such an adapter scores nothing, so each of these is a fault by name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.digests import file_digest, folder_digest, folder_files, text_digest
from harness.library import Entry

if TYPE_CHECKING:
    from harness.engines.mlx import MlxEngine

__all__ = ["Fault", "Preflight", "changed", "effect", "file_digest", "folder_digest", "folder_files", "preflight"]

PROBE_TOKENS = 32  # the last positions of a probe prompt at which base and adapter are compared


@dataclass(frozen=True)
class Fault:
    """One finding against the subject: a short code, a sentence, and what follows from it.

    ``void``: scoring it would say nothing. ``block``: it may not ship (NO-SHIP). ``warn``: shown on the scorecard.
    """

    code: str
    text: str
    severity: Literal["void", "block", "warn"] = "void"


@dataclass
class Preflight:
    """What the preflight measured; ``faults`` is empty for a subject that may be scored, ``notices`` only warn.

    ``effect`` is KL(base || base+adapter) in nats per token over the probe prompts, ``update`` the largest update as a
    share of the weight that it changes; ``None`` where it was not measured. ``left_out`` are the cases, by suite, that the
    training data shows; ``training`` is what :mod:`harness.training` found, as plain data.
    """

    base_digest: str
    adapter_digest: str
    trained_on_base: str | None
    tokenizer_digest: str | None = None
    template_digest: str | None = None
    faults: list[Fault] = field(default_factory=list)
    notices: list[Fault] = field(default_factory=list)
    tensors: int | None = None
    tensors_expected: int | None = None
    update: float | None = None
    effect: float | None = None
    left_out: dict[str, list[str]] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)

    def add(self, found: Iterator[Fault] | list[Fault]) -> None:
        """File each finding under ``faults`` or ``notices``."""
        for fault in found:
            (self.notices if fault.severity == "warn" else self.faults).append(fault)


def preflight(
    entry: Entry, engine: MlxEngine, probe: Sequence[list[int]], min_effect: float, memory: Path | None = None
) -> Preflight:
    """Check identity, tensors and effect of ``entry`` on the loaded base; leaves the bare base mounted.

    ``memory`` is a folder that remembers the digests of unchanged files; without it every byte is read.
    """
    from harness.engines.mlx import adapter_config
    from harness.tensors import examine

    config = adapter_config(entry.path)
    trained = config.get("trained_on_base") or entry.adapter.trained_on_base
    found = Preflight(folder_digest(entry.base_path, memory), folder_digest(entry.path), trained)
    found.tokenizer_digest = folder_file(entry.base_path, "tokenizer.json")
    found.template_digest = text_digest(engine.template) if engine.template else None
    found.add(_identity(entry, found))
    found.add(_drift(entry.path, entry.base_path, config, engine, found))
    if entry.adapter.train is not None and entry.adapter.train.config is not None:
        found.add(_recorded(config, entry.root / entry.adapter.train.config))
    tensors = examine(entry.path, config, engine)
    found.add(tensors.faults)
    found.tensors, found.tensors_expected, found.update = tensors.found, tensors.expected, tensors.update
    if tensors.usable:
        found.effect, weak = _probe(engine, entry.path, probe, min_effect)
        found.add(weak)
    engine.mount(None)
    return found


def changed(entry: Entry, found: Preflight, memory: Path | None = None) -> list[Fault]:
    """Faults if base or adapter are no longer the bytes that the preflight saw: what was scored would not be shipped."""
    now = {"base": folder_digest(entry.base_path, memory), "adapter": folder_digest(entry.path)}
    before = {"base": found.base_digest, "adapter": found.adapter_digest}
    return [
        Fault("changed-in-run", f"the {part} was {before[part]} when it was scored and is {digest} now")
        for part, digest in now.items()
        if digest != before[part]
    ]


def effect(engine: MlxEngine, adapter: Path, probe: Sequence[list[int]]) -> float:
    """KL(base || base+adapter) in nats, averaged over the last tokens of the probe prompts; NaN if either arm has one."""
    import mlx.core as mx

    engine.mount(None)
    bare = engine.log_probabilities(probe, PROBE_TOKENS)
    engine.mount(adapter)
    adapted = engine.log_probabilities(probe, PROBE_TOKENS)
    per_token = [(mx.exp(p) * (p - q)).sum(axis=-1) for p, q in zip(bare, adapted, strict=True)]
    mean = float(mx.concatenate(per_token).mean())
    return mean if math.isnan(mean) else max(0.0, mean)


def folder_file(folder: Path, name: str) -> str | None:
    """``sha256:...`` of one file of a folder, ``None`` when it is not there."""
    path = folder / name
    return f"sha256:{file_digest(path)}" if path.is_file() else None


def _identity(entry: Entry, found: Preflight) -> Iterator[Fault]:
    if entry.base.digest and entry.base.digest != found.base_digest:
        text = f"the bytes of base {entry.base_name!r} are {found.base_digest}; the library pins {entry.base.digest}"
        yield Fault("base-changed", text)
    if entry.adapter.digest and entry.adapter.digest != found.adapter_digest:
        text = (
            f"the bytes of adapter {entry.name!r} are {found.adapter_digest}; the library pins {entry.adapter.digest}"
        )
        yield Fault("adapter-changed", text)
    if found.trained_on_base is None:
        text = "neither the adapter's config nor the library says on which base it was trained (key trained_on_base)"
        yield Fault("base-not-recorded", text, "warn")
    elif found.trained_on_base != found.base_digest:
        text = (
            f"the adapter was trained on base {found.trained_on_base}; base {entry.base_name!r} is {found.base_digest}"
        )
        yield Fault("wrong-base", text)


def _drift(adapter: Path, base: Path, config: dict[str, Any], engine: MlxEngine, found: Preflight) -> Iterator[Fault]:
    """A tokenizer or chat template of training, recorded or shipped beside the tensors, that is not the base's."""
    for what, now in (("tokenizer", found.tokenizer_digest), ("template", found.template_digest)):
        recorded = config.get(f"trained_on_{what}")
        if recorded and recorded != now:
            yield Fault(f"{what}-drift", f"the adapter was trained with {what} {recorded}; the base's is {now}")
    own = folder_file(adapter, "tokenizer.json")
    if own and own != found.tokenizer_digest:
        text = f"{adapter / 'tokenizer.json'} is {own}; the base's is {found.tokenizer_digest}, and that one is used"
        yield Fault("tokenizer-drift", text)
    template = adapter / "chat_template.jinja"
    if template.is_file() and template.read_text(encoding="utf-8").strip() != engine.template.strip():
        yield Fault("template-drift", f"{template} is not the chat template of {base}, and that one is used")


def _recorded(config: dict[str, Any], path: Path) -> Iterator[Fault]:
    """The adapter's config against the config that it was trained with: scale 20 that became 2 has no other witness."""
    from harness.strict import read_yaml

    trained, _ = read_yaml(path)
    trained = trained if isinstance(trained, dict) else {}
    pairs = [(key, trained.get(key), config.get(key)) for key in ("fine_tune_type", "num_layers")]
    before, now = trained.get("lora_parameters") or {}, config.get("lora_parameters") or {}
    pairs += [(f"lora_parameters.{key}", before.get(key), now.get(key)) for key in ("rank", "scale", "keys")]
    for key, was, found in pairs:
        if was is not None and was != found:
            text = (
                f"{key} is {json.dumps(found)} in adapter_config.json; it was trained with {json.dumps(was)} ({path})"
            )
            yield Fault("recipe-mismatch", text)


def _probe(
    engine: MlxEngine, adapter: Path, probe: Sequence[list[int]], min_effect: float
) -> tuple[float | None, list[Fault]]:
    found = effect(engine, adapter, probe)
    if math.isnan(found):
        return None, [Fault("not-finite-output", "the base or the adapter answers the probe prompts with NaN")]
    if found < min_effect:
        text = f"KL(base || adapter) is {found:.2g} nats per token over {len(probe)} prompts, under {min_effect:.2g}"
        return found, [Fault("no-effect", f"the adapter changes nothing: {text}")]
    return found, []
