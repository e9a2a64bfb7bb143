"""Hand-written YAML and JSONL, read strictly: every fault is one message with file, line, key,
found and expected."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from harness import files
from harness.errors import WorkspaceError

_Safe: Any = getattr(  # libyaml where PyYAML was built with it: ten times faster
    yaml, "CSafeLoader", yaml.SafeLoader
)
_DATE = "tag:yaml.org,2002:timestamp"
_PLAIN = {
    first: [row for row in rows if row[0] != _DATE]
    for first, rows in _Safe.yaml_implicit_resolvers.items()
}
#: a date is the text that was written, as it is in the JSON of a suite
_Loader: Any = type("_Loader", (_Safe,), {"yaml_implicit_resolvers": _PLAIN})


class Model(BaseModel):
    """Base of every schema: no unknown keys, no silent conversions, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


M = TypeVar("M", bound=Model)


def read_yaml(path: Path) -> tuple[Any, dict[tuple[str, ...], int]]:
    """The document in ``path`` and the line (from 1) of every key in it, by its path of keys."""
    return parse_yaml(files.read_text(path), path)


def parse_yaml(text: str, path: Path) -> tuple[Any, dict[tuple[str, ...], int]]:
    """The same of ``text`` that comes from ``path``."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        lines: dict[tuple[str, ...], int] = {}
        if node:
            _lines(node, path, (), lines)
        return loader.construct_document(node) if node else None, lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f":{mark.line + 1}" if mark else ""
        raise WorkspaceError(
            f"{path}{where}: not valid YAML: {error.problem or error.context}"
        ) from None
    except yaml.YAMLError as error:
        raise WorkspaceError(f"{path}: not valid YAML: {error}") from None


def load(path: Path, model: type[M]) -> M:
    """Read ``path`` as YAML into ``model``; raises :class:`WorkspaceError` naming every fault, each
    on a line."""
    data, lines = read_yaml(path)
    return check(data, model, path, lines)


def check(
    data: Any,
    model: type[M],
    path: Path,
    lines: dict[tuple[str, ...], int] | None = None,
    line: int = 0,
) -> M:
    """Validate plain ``data`` from ``path`` (at ``line``, for JSONL rows) into ``model``."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = [
            _sentence(e, model, path, lines or {}, line) for e in error.errors(include_url=False)
        ]
        raise WorkspaceError("\n".join(faults)) from None


def read_jsonl(path: Path) -> Iterator[tuple[int, Any]]:
    """``(line number, value)`` of every non-blank line; a torn or invalid line is a
    :class:`WorkspaceError`."""
    return files.json_lines(files.read_bytes(path), path)


def nearest(found: str, known: Sequence[str]) -> str:
    """A ``; did you mean ...`` clause, or what is known when nothing is near."""
    close = difflib.get_close_matches(found, known, n=1)
    return (
        f"; did you mean {close[0]!r}?"
        if close
        else f"; known: {', '.join(sorted(known)) or 'none'}"
    )


def _lines(
    node: yaml.Node, path: Path, at: tuple[str, ...], lines: dict[tuple[str, ...], int]
) -> None:
    """Note in ``lines`` where each key begins; what is below a list, by its number."""
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in seen:
                raise WorkspaceError(
                    f"{path}:{line}: key {name!r} is given twice, first on line {seen[name]}"
                )
            seen[name] = line
            lines[*at, name] = line
            _lines(value, path, (*at, name), lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _lines(value, path, (*at, str(index)), lines)


def _sentence(
    fault: Any, model: type[BaseModel], path: Path, lines: dict[tuple[str, ...], int], line: int
) -> str:
    keys = tuple(str(part) for part in fault["loc"])
    where = next((lines[keys[:n]] for n in range(len(keys), -1, -1) if keys[:n] in lines), line)
    place = f"{path}:{where}" if where else str(path)
    key, known = ".".join(keys), _fields(model, keys[:-1])
    if fault["type"] == "extra_forbidden":
        return f"{place}: unknown key {key!r}{nearest(keys[-1], known)}"
    if fault["type"] == "missing":
        return f"{place}: key {key!r} is missing; expected: {', '.join(known)}"
    found = fault["input"]
    return (
        f"{place}: key {key!r}: found {type(found).__name__} {found!r:.80}; expected:"
        f" {fault['msg']}"
    )


def _fields(model: type[BaseModel], keys: tuple[str, ...]) -> list[str]:
    """The field names of the model reached from ``model`` along ``keys``."""
    for key in keys:
        field = model.model_fields.get(key)
        if field is not None:  # an index or a free key stays in the model its container holds
            inner = _models(field.annotation)
            if inner:
                model = inner[0]
    return list(model.model_fields)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in typing.get_args(annotation) for found in _models(part)]
