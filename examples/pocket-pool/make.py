"""Make the router of the pocket pool: prompts of every facet, and the adapter of each.

    python examples/pocket-pool/make.py     # router/examples.jsonl, in seconds

Seeded. None of them is a held-out prompt, or nearly one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parent / "pocket"), str(HERE.parent / "pocket-stream")]

import families  # noqa: E402  (the folder of a script, not a package)

EACH = 30
#: by domain its adapter
POOL = {
    "godot": "gamedev", "shaders": "gamedev", "patchnotes": "gamedev", "java": "legacy",
    "changelog": "changelog",
}  # fmt: skip


def main() -> None:
    import importlib.util

    found = importlib.util.spec_from_file_location("stream", HERE.parent / "pocket-stream/make.py")
    assert found is not None
    assert found.loader is not None
    stream = importlib.util.module_from_spec(found)
    found.loader.exec_module(stream)
    lines = []
    for domain, adapter in POOL.items():
        _, held_out = stream.samples(domain)
        for sample in families.dev(domain, held_out, EACH):
            row = {"adapter": adapter, "task": domain, "prompt": sample.prompt}
            lines.append(json.dumps(row) + "\n")
    (HERE / "router" / "examples.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
