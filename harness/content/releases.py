"""Releases of one adapter: what each takes over from those that it includes, and which is the last
one before it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from harness.content import kinds

if TYPE_CHECKING:
    from harness.content.library import Adapter

Adapters = Mapping[str, "Adapter"]
OUT = ("shipped", "superseded")  # the statuses of what was released


def included(adapters: Adapters) -> dict[str, Adapter]:
    """The adapters, each with the facets and the suites of those that it includes."""
    found: dict[str, Adapter] = {}
    for name in TopologicalSorter({n: one.includes for n, one in adapters.items()}).static_order():
        one = adapters[name]
        taken = [found[other] for other in one.includes]
        facets = [*one.facets, *(facet for other in taken for facet in other.facets)]
        suites = [*one.suites, *(suite for other in taken for suite in other.suites)]
        owed = {"facets": list(dict.fromkeys(facets)), "suites": list(dict.fromkeys(suites))}
        found[name] = one.model_copy(update=owed)
    return {name: found[name] for name in adapters}


def previous(adapters: Adapters, name: str) -> str | None:
    """The name of the last release before ``name``: the one that it names, else the highest of
    those shipped in its lineage on its base, below its own ``release`` where it has one."""
    mine = adapters[name]
    if mine.engine is not None or not kinds.find(mine.kind).mounts:
        return None  # a server answers for one adapter, and what is none is held against no other
    if mine.previous is not None:
        return mine.previous
    before = [other for other in _shipped(adapters, name) if _below(adapters[other], mine)]
    return max(before, key=lambda other: _order(adapters[other].release or ""), default=None)


def faults(adapters: Adapters) -> Iterator[tuple[str, str, str, str]]:
    """What names no release: ``(adapter, key, found, expected)``."""
    for name, one in adapters.items():
        on_base = [n for n, other in adapters.items() if other.base == one.base and n != name]
        out = [n for n in on_base if adapters[n].status in OUT]
        for other in one.includes:
            if other not in adapters:
                yield name, "includes", other, "the name of another adapter"
        if one.previous is not None and one.previous not in out:
            known = ", ".join(out) or "none"
            what = f"an adapter on base {one.base!r} that was shipped; known: {known}"
            yield name, "previous", one.previous, what
        elif one.previous is not None and one.engine is not None:
            what = "none beside `engine`: the server answers for this adapter alone"
            yield name, "previous", one.previous, what
    try:
        TopologicalSorter({name: one.includes for name, one in adapters.items()}).prepare()
    except CycleError as error:
        circle = error.args[1]
        yield circle[0], "includes", circle[1], f"no circle: {' includes '.join(circle[::-1])}"
    for name, one in adapters.items():
        shipped = _shipped(adapters, name) if one.previous is None else []
        unordered = [other for other in shipped if adapters[other].release is None]
        if one.release is None and one.status not in OUT and len(shipped) > 1 and unordered:
            what = f"which of {', '.join(shipped)} came last: `release:` of each, or `previous:`"
            yield name, "previous", "nothing", what


def _shipped(adapters: Adapters, name: str) -> list[str]:
    mine = adapters[name]
    lineage = mine.lineage or name
    return [
        other
        for other, one in adapters.items()
        if other != name
        and one.status == "shipped"
        and (one.lineage or other, one.base, one.kind) == (lineage, mine.base, mine.kind)
    ]


def _below(one: Adapter, mine: Adapter) -> bool:
    """Whether a release came before another; one that says no ``release`` comes after all that
    were shipped, unless it was itself."""
    if mine.release is None:
        return mine.status not in OUT
    return one.release is None or _order(one.release) < _order(mine.release)


def _order(release: str) -> list[tuple[int, str]]:
    """``1.10`` after ``1.9``, ``2026-01-02`` after ``2026-01-01``."""
    parts = re.findall(r"\d+|[^\d.\s_-]+", release)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
