"""Tokenizer and chat template by what they mean: the words of training must be the words of the
gate. A tokenizer that was saved again is the same one; its own end token is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.digests import canonical_digest, file_digest, text_digest
from harness.engines.base import read_config
from harness.errors import EngineError
from harness.subjects.base import Fault

ENDS = ("bos_token", "eos_token", "pad_token")


def tokenizer_digest(folder: Path) -> str | None:
    """``sha256:...`` of what ``tokenizer.json`` means: as the library writes it, without the
    settings of truncation and padding; of its bytes where it is none that can be read; ``None``
    where there is none."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return None
    from tokenizers import Tokenizer

    try:
        read = Tokenizer.from_file(str(path))
    except Exception:  # the library raises a bare Exception; what loads the model says why
        return f"sha256:{file_digest(path)}"
    read.no_truncation()
    read.no_padding()
    meaning = json.loads(read.to_str())
    return canonical_digest(meaning)


def template(folder: Path) -> str | None:
    """The chat template of a folder, from wherever it is stored; ``None`` where there is none."""
    file, old = folder / "chat_template.jinja", folder / "chat_template.json"
    if file.is_file():
        return file.read_text(encoding="utf-8", errors="replace")
    said = read_config(old).get("chat_template") if old.is_file() else None
    said = said or _settings(folder).get("chat_template")
    if isinstance(said, list):  # several by name
        named = {row.get("name"): row.get("template") for row in said if isinstance(row, dict)}
        said = named.get("default")
    return said if isinstance(said, str) else None


def ends(folder: Path) -> dict[str, str]:
    """The tokens that begin, end and pad, as far as the folder names them."""
    settings = _settings(folder)
    found = {}
    for key in ENDS:
        one = settings.get(key)
        text = one.get("content") if isinstance(one, dict) else one
        if isinstance(text, str):
            found[key] = text
    return found


def drift(adapter: Path, base: Path, config: dict[str, Any]) -> Iterator[Fault]:
    """A tokenizer, a template or an end token of training, recorded in the adapter's config or
    stored beside its tensors, that is not the base's."""
    try:
        yield from _drift(adapter, base, config)
    except EngineError as error:
        yield Fault("tokenizer-drift", str(error))


def _drift(adapter: Path, base: Path, config: dict[str, Any]) -> Iterator[Fault]:
    here, now = tokenizer_digest(base), template(base)
    current = {"tokenizer": here, "template": text_digest(now) if now else None}
    for what, digest in current.items():
        recorded = config.get(f"trained_on_{what}")
        if recorded and recorded != digest:
            text = f"the adapter was trained with {what} {recorded}; the base's is {digest}"
            yield Fault(f"{what}-drift", text)
    own = tokenizer_digest(adapter)
    if own and own != here:
        text = f"{adapter / 'tokenizer.json'} is {own}; the base's is {here}, and that one is used"
        yield Fault("tokenizer-drift", text)
    said = template(adapter)
    if said is not None and said.strip() != (now or "").strip():
        text = f"{adapter} has a chat template that is not that of {base}, and that one is used"
        yield Fault("template-drift", text)
    before, after = ends(adapter), ends(base)
    for key in sorted(before.keys() & after.keys()):
        if before[key] != after[key]:
            text = f"{adapter}: {key} is {before[key]!r}; the base's {after[key]!r} is used"
            yield Fault("tokenizer-drift", text)


def _settings(folder: Path) -> dict[str, Any]:
    """``tokenizer_config.json`` and what an older one keeps beside it."""
    found: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            found |= {k: v for k, v in read_config(folder / name).items() if v is not None}
    return found
