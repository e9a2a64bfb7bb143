"""The last release as it enters the gate of the next one: whole, and the bytes that were
released."""

from __future__ import annotations

from collections.abc import Iterator

from harness.content.library import Entry
from harness.digests import folder_digest
from harness.engines.base import Answering, WhiteBox, read_config
from harness.subjects.base import Fault, Preflight
from harness.subjects.entering.folders import CONFIG
from harness.subjects.identity import recorded_base


def examined(entry: Entry, engine: Answering, found: Preflight) -> Iterator[Fault]:
    """Write the digest of the last release down in what the preflight ``found``, and say what makes
    it no baseline: beside half of an adapter anything is as good."""
    from harness.subjects.tensors import examine

    last = entry.previous
    if last is None:
        return
    found.previous_digest = digest = folder_digest(last.read)
    if last.adapter.digest not in (None, digest):
        text = f"the bytes of {last.name!r} are {digest}; the library pins {last.adapter.digest}"
        yield Fault("previous-unfit", text)
    elif (base := recorded_base(last, read_config(last.mount / CONFIG), None)) not in (
        None,
        found.base_digest,
    ):
        text = f"{last.name!r} was trained on base {base}, and this one is {found.base_digest}"
        yield Fault("previous-unfit", text)
    elif isinstance(engine, WhiteBox):
        for fault in examine(last.mount, read_config(last.mount / CONFIG), engine).faults:
            if fault.severity == "void":
                text = fault.text.replace(str(last.mount), str(last.path))
                yield Fault("previous-unfit", f"{last.name}: {fault.code}: {text}")
        engine.mount(None)
