"""What is judged: digests of the base and the adapter, and the preflight that finds a faulty
adapter before it is scored.

mlx-lm loads without a word an adapter of another base with the same shapes, one with half of its
tensors, one that is all zeros, and one with NaN weights. Scoring such an adapter scores nothing, so
each of these is a fault by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.content.library import Entry
from harness.digests import file_digest, folder_digest, text_digest
from harness.engines.base import Answering, WhiteBox, read_config
from harness.subjects.base import Fault, Preflight
from harness.subjects.effect import probe as probed


def preflight(
    entry: Entry,
    engine: Answering,
    probe: Sequence[list[int]],
    min_effect: float,
    memory: Path | None = None,
) -> Preflight:
    """Check identity, tensors and effect of ``entry`` on the loaded base; leaves the bare base
    mounted. What an engine that is no :class:`WhiteBox` cannot show is not measured.

    ``memory`` is a folder that remembers the digests of unchanged files; without it every byte is
    read."""
    from harness.subjects.tensors import examine

    config = read_config(entry.path / "adapter_config.json")
    trained = config.get("trained_on_base") or entry.adapter.trained_on_base
    found = Preflight(folder_digest(entry.base_path, memory), folder_digest(entry.path), trained)
    found.tokenizer_digest = folder_file(entry.base_path, "tokenizer.json")
    found.add(_identity(entry, found))
    if entry.adapter.train is not None and entry.adapter.train.config is not None:
        found.add(_recorded(config, entry.root / entry.adapter.train.config))
    if not isinstance(engine, WhiteBox):
        return found
    found.template_digest = text_digest(engine.template) if engine.template else None
    found.add(_drift(entry.path, entry.base_path, config, engine, found))
    tensors = examine(entry.path, config, engine)
    found.add(tensors.faults)
    found.tensors, found.tensors_expected = tensors.found, tensors.expected
    found.update = tensors.update
    if tensors.usable:
        found.effect, weak = probed(engine, entry.path, probe, min_effect)
        found.add(weak)
    engine.mount(None)
    return found


def changed(entry: Entry, found: Preflight, memory: Path | None = None) -> list[Fault]:
    """Faults if base or adapter are no longer the bytes that the preflight saw: what was scored
    would not be shipped."""
    now = {"base": folder_digest(entry.base_path, memory), "adapter": folder_digest(entry.path)}
    before = {"base": found.base_digest, "adapter": found.adapter_digest}
    return [
        Fault(
            "changed-in-run",
            f"the {part} was {before[part]} when it was scored and is {digest} now",
        )
        for part, digest in now.items()
        if digest != before[part]
    ]


def folder_file(folder: Path, name: str) -> str | None:
    """``sha256:...`` of one file of a folder, ``None`` when it is not there."""
    path = folder / name
    return f"sha256:{file_digest(path)}" if path.is_file() else None


def _identity(entry: Entry, found: Preflight) -> Iterator[Fault]:
    if entry.base.digest and entry.base.digest != found.base_digest:
        text = (
            f"the bytes of base {entry.base_name!r} are {found.base_digest}; the library pins"
            f" {entry.base.digest}"
        )
        yield Fault("base-changed", text)
    if entry.adapter.digest and entry.adapter.digest != found.adapter_digest:
        text = (
            f"the bytes of adapter {entry.name!r} are {found.adapter_digest}; the library pins"
            f" {entry.adapter.digest}"
        )
        yield Fault("adapter-changed", text)
    if found.trained_on_base is None:
        text = (
            "neither the adapter's config nor the library says on which base it was trained (key"
            " trained_on_base)"
        )
        yield Fault("base-not-recorded", text, "warn")
    elif found.trained_on_base != found.base_digest:
        text = (
            f"the adapter was trained on base {found.trained_on_base}; base {entry.base_name!r} is"
            f" {found.base_digest}"
        )
        yield Fault("wrong-base", text)


def _drift(
    adapter: Path, base: Path, config: dict[str, Any], engine: WhiteBox, found: Preflight
) -> Iterator[Fault]:
    """A tokenizer or chat template of training, recorded or shipped beside the tensors, that is not
    the base's."""
    for what, now in (("tokenizer", found.tokenizer_digest), ("template", found.template_digest)):
        recorded = config.get(f"trained_on_{what}")
        if recorded and recorded != now:
            yield Fault(
                f"{what}-drift",
                f"the adapter was trained with {what} {recorded}; the base's is {now}",
            )
    own = folder_file(adapter, "tokenizer.json")
    if own and own != found.tokenizer_digest:
        text = (
            f"{adapter / 'tokenizer.json'} is {own}; the base's is {found.tokenizer_digest}, and"
            " that one is used"
        )
        yield Fault("tokenizer-drift", text)
    template = adapter / "chat_template.jinja"
    if (
        template.is_file()
        and template.read_text(encoding="utf-8").strip() != engine.template.strip()
    ):
        yield Fault(
            "template-drift", f"{template} is not the chat template of {base}, and that one is used"
        )


def _recorded(config: dict[str, Any], path: Path) -> Iterator[Fault]:
    """The adapter's config against the config that it was trained with: scale 20 that became 2 has
    no other witness."""
    from harness.content.strict import read_yaml

    trained, _ = read_yaml(path)
    trained = trained if isinstance(trained, dict) else {}
    pairs = [(key, trained.get(key), config.get(key)) for key in ("fine_tune_type", "num_layers")]
    before, now = trained.get("lora_parameters") or {}, config.get("lora_parameters") or {}
    pairs += [
        (f"lora_parameters.{key}", before.get(key), now.get(key))
        for key in ("rank", "scale", "keys")
    ]
    for key, was, found in pairs:
        if was is not None and was != found:
            text = (
                f"{key} is {json.dumps(found)} in adapter_config.json; it was trained with"
                f" {json.dumps(was)} ({path})"
            )
            yield Fault("recipe-mismatch", text)
