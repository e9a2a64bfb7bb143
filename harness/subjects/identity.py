"""Which base an adapter belongs to: by digest where it was recorded, else by the name that its
training wrote down."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import files
from harness.content.library import HELD_BACK, Entry
from harness.digests import differing, folder_digest, read_by_loaders, stamps
from harness.engines.base import read_config
from harness.errors import WorkspaceError, boundary
from harness.subjects import kinds
from harness.subjects.base import Fault, Preflight
from harness.subjects.entering import peft
from harness.subjects.entering.folders import CONFIG

COPY = "a gate reads a copy of the adapter; TMPDIR names another place for it"
#: how the name of a model says in which numbers it is stored
_STORED = re.compile(
    r"[-_.](?:\d+[-_]?bits?|bf16|fp16|f16|fp32|bnb|unsloth|mlx|awq|gptq|gguf|mxfp4|int\d|fp8|q\d\w*)"
    r"(?=$|[-_.])",
    re.IGNORECASE,
)


def named_base(config: dict[str, Any]) -> str | None:
    """The base that an ``adapter_config.json`` names: mlx-lm's ``model`` or PEFT's."""
    for key in ("model", "base_model_name_or_path"):
        if isinstance(config.get(key), str) and config[key].strip():
            return str(config[key]).strip()
    return None


def recorded_base(entry: Entry, config: dict[str, Any], memory: Path | None) -> str | None:
    """The digest of the base that the adapter was trained on: recorded in its config or the
    library, else of the folder that its config names, where that is one here."""
    recorded = config.get("trained_on_base") or entry.adapter.trained_on_base
    if isinstance(recorded, str):
        return recorded
    named = named_base(config)
    folder = Path(named).expanduser() if named else None
    if folder is None or not (folder / "config.json").is_file():
        return None
    return folder_digest(folder, memory)


def identity(
    entry: Entry,
    config: dict[str, Any],
    found: Preflight,
    base: dict[str, Any],
    memory: Path | None,
) -> Iterator[Fault]:
    """What is :func:`pinned`, and whether the adapter was trained on this base; ``base`` is the
    base's ``config.json``."""
    yield from pinned(entry, found, memory)
    if found.trained_on_base is None:
        yield from _by_name(entry, config, found, base)
    elif found.trained_on_base != found.base_digest:
        text = (
            f"the adapter was trained on base {found.trained_on_base}; base {entry.base_name!r} is"
            f" {found.base_digest}{_files(found.trained_on_base, found.base_digest, memory)}"
        )
        yield Fault("wrong-base", text)


def pinned(entry: Entry, found: Preflight, memory: Path | None) -> Iterator[Fault]:
    """Whether the library lets the subject ship, and whether base and subject are the bytes that it
    pins."""
    if entry.adapter.status in HELD_BACK:
        text = f"its status in the library is {entry.adapter.status}: it is not to be released"
        yield Fault("status", text, "block")
    pinned = {
        "base": (entry.base_name, entry.base.digest, found.base_digest),
        "adapter": (entry.name, entry.adapter.digest, found.adapter_digest),
    }
    for part, (name, pin, digest) in pinned.items():
        if pin and pin != digest:
            text = f"the bytes of {part} {name!r} are {digest}; the library pins {pin}"
            yield Fault(f"{part}-changed", text + _files(pin, digest, memory))


def _files(one: str, other: str, memory: Path | None) -> str:
    names = differing(one, other, memory)
    return f"; they differ in {', '.join(names[:5])}" if names else ""


def _by_name(
    entry: Entry, config: dict[str, Any], found: Preflight, base: dict[str, Any]
) -> Iterator[Fault]:
    """What the names say where no digest does."""
    named, here = named_base(config), _names(entry, base)
    record = f"record trained_on_base: {found.base_digest} in its adapter_config.json"
    if named is None or not here:
        text = f"neither its config nor the library says on which base it was trained; {record}"
        yield Fault("base-not-recorded", text, "warn")
        return
    own = _last(named)
    if own in here:
        text = f"only the name {named!r} says on which base it was trained; {record}"
        yield Fault("base-not-recorded", text, "warn")
    elif _bare(own) in {_bare(name) for name in here}:
        text = (
            f"it was trained on {named!r}, stored in other numbers than base {entry.base_name!r}"
            f" ({_numbers(base)}); its gain on one does not hold on the other"
        )
        yield Fault("other-precision", text, "warn")
    else:
        text = (
            f"its adapter_config.json says that it was trained on {named!r}; base"
            f" {entry.base_name!r} is {' or '.join(sorted(here))}. Give that base (--base), or if"
            f" both are the same, {record}"
        )
        yield Fault("other-base", text)


def _names(entry: Entry, base: dict[str, Any]) -> set[str]:
    """What the base is called: by its own config, its folder, the Hub's cache and the library."""
    path = entry.base_path.resolve()
    hub = [part.removeprefix("models--") for part in path.parts if part.startswith("models--")]
    said = [str(base.get("_name_or_path") or ""), path.name, entry.base_name]
    return {_last(name) for name in [*said, *(one.replace("--", "/") for one in hub)]} - {""}


def _last(name: str) -> str:
    return re.split(r"[/\\]", name.rstrip("/\\"))[-1].casefold()


def _bare(name: str) -> str:
    while (shorter := _STORED.sub("", name)) != name:
        name = shorter
    return name


def _numbers(base: dict[str, Any]) -> str:
    quantised = base.get("quantization") or base.get("quantization_config")
    bits = quantised.get("bits") if isinstance(quantised, dict) else None
    return f"{bits}-bit" if bits else str(base.get("torch_dtype") or base.get("dtype") or "unknown")


def taken(entry: Entry, folder: Path) -> Entry:
    """The entry with its adapter copied into ``folder``, which is this process's own: that copy is
    digested, looked at and mounted, whatever becomes of the adapter meanwhile. What is no adapter
    is read where it is."""
    if not kinds.of(entry).mounts:
        return entry
    read_config(entry.path / CONFIG)  # what is wrong with it is said of the folder that was named
    held = files.make_folder(folder / "adapter")
    for path in read_by_loaders(entry.path):
        copy = held / path.relative_to(entry.path)
        files.make_folder(copy.parent)
        with boundary(WorkspaceError, path, f"cannot be copied to {copy.parent}", COPY):
            shutil.copyfile(path, copy)
        at = path.stat()
        os.utime(copy, ns=(at.st_atime_ns, at.st_mtime_ns))  # the log of a training is held to it
    form = entry.converted and peft.converted(held, entry.base_path, folder)
    last = entry.previous and taken(entry.previous, folder / "previous")
    return replace(entry, held=held, converted=form, previous=last)


def changed(
    entry: Entry, found: Preflight, parts: Mapping[str, Path], memory: Path | None = None
) -> list[Fault]:
    """Faults if base, adapter or ``parts`` are no longer the bytes that the preflight saw: what was
    scored would not be shipped."""
    now = {"base": folder_digest(entry.base_path, memory), "adapter": folder_digest(entry.path)}
    now |= {role: folder_digest(path, memory) for role, path in parts.items()}
    before = found.digests
    return [
        Fault(
            "changed-in-run",
            f"the {part} was {before[part]} when it was scored and is {digest} now"
            + _files(before[part], digest, memory),
        )
        for part, digest in now.items()
        if digest != before[part]
    ]


def moved(began: Mapping[str, str]) -> Iterator[Fault]:
    """A fault if files of these stamps were written or replaced since, even if they were put back:
    what was read in between need not be what was digested."""
    now = stamps(map(Path, began))
    if names := [name for name in began if now[name] != began[name]]:
        text = "written, replaced or renamed while the gate ran, if only for a moment"
        yield Fault("changed-in-run", f"{text}: {', '.join(names[:5])}")
