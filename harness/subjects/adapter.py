"""What is judged: digests of the base and the adapter, and the preflight that finds a faulty
adapter before it is scored.

mlx-lm loads without a word an adapter of another base with the same shapes, one with half of its
tensors, one that is all zeros, and one with NaN weights. Scoring such an adapter scores nothing, so
each of these is a fault by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.content.library import Entry
from harness.digests import folder_digest, text_digest
from harness.engines.base import Answering, WhiteBox, read_config
from harness.subjects import kinds, tokens
from harness.subjects.base import Fault, Preflight
from harness.subjects.effect import probe as probed
from harness.subjects.entering import peft, release
from harness.subjects.entering.folders import CONFIG, config_faults
from harness.subjects.identity import identity, pinned, recorded_base

CONVERTED = (
    "it is an adapter of PEFT; what was judged is its conversion to mlx-lm (converter"
    f" {peft.VERSION}), and what may be released are the files of PEFT"
)


def preflight(
    entry: Entry,
    engine: Answering,
    probe: Sequence[list[int]],
    min_effect: float,
    memory: Path | None = None,
) -> Preflight:
    """Check identity, tensors and effect of ``entry`` on the loaded base; leaves the bare base
    mounted. What an engine that is no :class:`WhiteBox` cannot show is not measured, nor is what is
    no adapter looked at here.

    ``memory`` is a folder that remembers the digests of unchanged files; without it every byte is
    read."""
    from harness.subjects.tensors import examine

    if not kinds.of(entry).mounts:
        found = digested(entry, memory)
        found.add(pinned(entry, found, memory))
        return found
    config = read_config(entry.mount / CONFIG)
    found = digested(entry, memory)
    found.trained_on_base = recorded_base(entry, config, memory)
    base_config = read_config(entry.base_path / "config.json")
    found.add(identity(entry, config, found, base_config, memory))
    found.add(release.examined(entry, engine, found))
    found.add(tokens.drift(entry.read, entry.base_path, config))
    if entry.converted:
        found.add([Fault("converted", CONVERTED, "warn")])
    if entry.adapter.train is not None and entry.adapter.train.config is not None:
        found.add(_recorded(config, entry.root / entry.adapter.train.config))
    if not isinstance(engine, WhiteBox):
        return found
    wrong = config_faults(config, entry.path / CONFIG)
    if wrong:
        found.add(wrong)
        return found
    tensors = examine(entry.mount, config, engine)
    found.add(_as_named(tensors.faults, entry))
    found.tensors, found.tensors_expected = tensors.found, tensors.expected
    found.update = tensors.update
    readable = [row for row in probe if max(row, default=0) < engine.vocabulary]
    if tensors.usable and readable:
        found.effect, weak = probed(engine, entry.mount, readable, min_effect)
        found.add(weak)
    engine.mount(None)
    return found


def digested(entry: Entry, memory: Path | None = None) -> Preflight:
    """The digests of base, subject and parts; that of the copy of an adapter is not remembered."""
    kind = kinds.of(entry)
    digest = folder_digest(entry.read, None if kind.mounts else memory)
    found = Preflight(folder_digest(entry.base_path, memory), digest, None)
    found.tokenizer_digest = tokens.tokenizer_digest(entry.base_path)
    template = tokens.template(entry.base_path)
    found.template_digest = text_digest(template) if template else None
    found.parts = {role: folder_digest(path, memory) for role, path in kind.parts(entry).items()}
    return found


def _as_named(faults: Sequence[Fault], entry: Entry) -> list[Fault]:
    """Sentences about the folder that was named, where its copy was read."""
    mounted, named = str(entry.mount), str(entry.path)
    return [replace(fault, text=fault.text.replace(mounted, named)) for fault in faults]


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
