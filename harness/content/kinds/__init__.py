"""The kinds of subject, found by the entry point ``harness.kinds``, and what an entry of
``library.yaml`` may say of each: one key of the kind's name, read by the kind's own model."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, create_model

from harness.content import strict
from harness.errors import WorkspaceError

GROUP, ADAPTER = "harness.kinds", "adapter"
M = TypeVar("M", bound=strict.Model)


@cache
def points() -> dict[str, EntryPoint]:
    """The entry point of every kind that is installed."""
    return {point.name: point for point in entry_points(group=GROUP)}


@cache
def find(name: str) -> Any:
    """The kind of that name (:class:`harness.subjects.kinds.Kind`); raises
    :class:`WorkspaceError`."""
    if name not in points():
        raise WorkspaceError(
            f"kind {name!r} is not installed{strict.nearest(name, list(points()))}"
        )
    return points()[name].load()()


def read(
    path: Path, model: type[M], entry: type[BaseModel], nothing: Any = None
) -> tuple[M, dict[tuple[str, ...], int]]:
    """The library in ``path``, whose entries may say what their kinds ask for, and the line of
    every key; an empty file is ``nothing``. Raises :class:`WorkspaceError`."""
    data, lines = strict.read_yaml(path)
    listed = data.get("adapters") if isinstance(data, dict) else None
    said = listed.items() if isinstance(listed, dict) else ()
    named = {name: one["kind"] for name, one in said if isinstance(one, dict) and "kind" in one}
    for name, kind in named.items():
        if kind not in points():
            key = ("adapters", str(name), "kind")
            text = f"{path}:{lines.get(key, 0)}: key '{'.'.join(key)}': found {kind!r}"
            known = strict.nearest(str(kind), list(points()))
            raise WorkspaceError(f"{text}; expected the kind of a subject{known}")
    specs = {kind: find(kind).spec for kind in sorted({*named.values()})}
    fields: dict[str, Any] = {k: (spec | None, None) for k, spec in specs.items() if spec}
    if fields:
        own = create_model(entry.__name__, __base__=entry, **fields)
        told = model.model_fields["adapters"]
        adapters: Any = (Annotated[dict[str, own], told], told.get_default())  # type: ignore[valid-type]
        model = create_model(model.__name__, __base__=model, adapters=adapters)
    return strict.check(nothing if data is None else data, model, path, lines), lines


def checked(entry: M, plain: type[BaseModel]) -> M:
    """The entry; raises ``ValueError`` for one that lacks the key of its kind, or says that of
    another."""
    kind = getattr(entry, "kind", ADAPTER)
    for name in type(entry).model_fields.keys() - plain.model_fields.keys():
        if (getattr(entry, name) is None) is (name == kind):
            raise ValueError(f"kind {kind!r}: the key `{name}` belongs to kind {name!r}")
    return entry
