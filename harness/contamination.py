"""Whether held-out prompts stand in the adapter's own training data.

What the base was trained on cannot be known, and it is the same in both arms. What the adapter was trained on is listed
under ``gold`` in the library: each held-out prompt is looked for in it, whole and by runs of 13 words. One inserted word
hides a prompt from every such run, so a clean result clears nothing; a hit is a hit. Source: METHOD 5.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import WorkspaceError
from harness.stats.contamination import normalised
from harness.suite import Suite

RUN = 13  # words
MOST = 0.10  # share of a suite's prompts that may share a run of words with the training data


def files(gold: Iterable[str], root: Path) -> list[Path]:
    """The files that ``gold`` names, folders opened; raises :class:`WorkspaceError` for one that is not there."""
    found: list[Path] = []
    for name in gold:
        path = root / name
        if not path.exists():
            raise WorkspaceError(f"{path}: no such training data; correct or remove it under 'gold' in the library")
        found += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return found


def overlaps(found: Suite, gold: Iterable[Path]) -> dict[str, list[str]]:
    """Ids of the suite's prompts by how they stand in the training data: ``verbatim``, or ``shared`` runs of words."""
    words = {case.id: tuple(normalised(case.prompt)) for case in found.cases}
    runs: dict[tuple[str, ...], list[str]] = {}
    for id, text in words.items():
        width = min(RUN, len(text))
        for start in range(len(text) - width + 1 if text else 0):
            runs.setdefault(text[start : start + width], []).append(id)
    widths = {len(run) for run in runs}
    verbatim: set[str] = set()
    shared: set[str] = set()
    for record in (record for path in gold for record in _records(path)):
        said = tuple(normalised(record))
        for width in widths:
            for start in range(len(said) - width + 1):
                for id in runs.get(said[start : start + width], ()):
                    shared.add(id)
                    if id not in verbatim and _holds(said, words[id]):
                        verbatim.add(id)
    order = [case.id for case in found.cases]
    return {
        "verbatim": [id for id in order if id in verbatim],
        "shared": [id for id in order if id in shared - verbatim],
    }


def _holds(said: tuple[str, ...], words: tuple[str, ...]) -> bool:
    return f" {' '.join(words)} " in f" {' '.join(said)} "


def _records(path: Path) -> Iterator[str]:
    """The texts of one file: every record of JSONL by its strings, any other file as a whole."""
    text = path.read_bytes().decode("utf-8", "replace")
    if path.suffix != ".jsonl":
        yield text
        return
    for line in text.split("\n"):
        try:
            yield "\n".join(_strings(json.loads(line))) if line.strip() else ""
        except ValueError:
            yield line


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)
