"""What is wrong with a merge before a number is computed: its parents, and how many seeds it
shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.content.library import Entry
from harness.engines.base import read_config
from harness.errors import EngineError
from harness.subjects.base import Bench, Fault, Preflight
from harness.subjects.entering.folders import CONFIG
from harness.subjects.kinds.merge.numbers import read
from harness.subjects.kinds.merge.reasons import SEEDS
from harness.subjects.kinds.merge.spec import Merge

Shapes = Mapping[str, tuple[int, int, int]]


def examined(bench: Bench, found: Preflight) -> Iterator[Fault]:
    """Every fault of its parents and seeds."""
    own: Merge = bench.own
    shapes: dict[str, Shapes] = {}
    for role in ("adapter", *(f"parent-{name}" for name in own.parents)):
        name = role.removeprefix("parent-")
        try:
            shapes[name] = {
                module: _shape(get()) for module, get in read(bench.folders[role]).items()
            }
        except EngineError as error:
            yield Fault("merge-form", f"{name}: {error}")
        if role != "adapter":
            yield from _base(name, bench.entry, bench.folders[role], found.base_digest)
    if len(shapes) == len(own.parents) + 1:
        yield from _fit(own, shapes)
    if own.recipe.random:
        yield from _few(own, bench)


def _shape(factors: Any) -> tuple[int, int, int]:
    inside, rank = factors.a.shape
    return inside, rank, factors.b.shape[1]


def _base(name: str, entry: Entry, folder: Path, base: str) -> Iterator[Fault]:
    listed = entry.listed.get(name)
    told = read_config(folder / CONFIG).get("trained_on_base")
    trained = told or (listed.trained_on_base if listed else None)
    if trained not in (None, base):
        text = f"parent {name} was trained on base {trained}; the merge is judged on {base}"
        yield Fault("parent-base", text)
    elif trained is None and listed and listed.base != entry.adapter.base:
        text = f"parent {name} is of base {listed.base!r}; the merge of {entry.adapter.base!r}"
        yield Fault("parent-base", text)


def _fit(own: Merge, shapes: Mapping[str, Shapes]) -> Iterator[Fault]:
    merge = shapes["adapter"]
    for name in own.parents:
        parent = shapes[name]
        lost = sorted(parent.keys() - merge.keys())
        if lost:
            text = f"{len(lost)} of {len(parent)} matrices of parent {name} are not in the merge"
            yield Fault("parent-skipped", f"{text}, first {lost[0]}")
        odd = [m for m in parent.keys() & merge.keys() if parent[m][::2] != merge[m][::2]]
        if odd:
            first = min(odd)
            text = f"{len(odd)} matrices of parent {name} are of another size, first {first}: found"
            sizes = f"{parent[first][::2]}, expected {merge[first][::2]}"
            yield Fault("parent-skipped", f"{text} {sizes}; tools leave such a parent out")
    ranks = {name: {rank for _, rank, _ in shapes[name].values()} for name in own.parents}
    if own.on == "factors" and len(set.union(*ranks.values())) > 1:
        said = ", ".join(f"{name} {min(rank)}" for name, rank in ranks.items())
        text = f"it is a merge of factors of different ranks ({said}), which do not add up"
        yield Fault("merge-ranks", text, "block")


def _few(own: Merge, bench: Bench) -> Iterator[Fault]:
    """A method that drops by chance shows several seeds, each another file."""
    digests = [bench.digests["adapter"]]
    digests += [bench.digests[f"seed-{number}"] for number in range(2, len(own.seeds) + 2)]
    if len(set(digests)) < SEEDS:
        text = (
            f"{own.method} drops by chance, and {len(set(digests))} of its seeds are shown;"
            f" expected {SEEDS}, each another folder under `seeds`"
        )
        yield Fault("merge-seeds-few", text, "block")
