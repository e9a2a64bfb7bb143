"""One held-out prompt, as people wrote it, and what its ``expect`` may hold: ``expect.schema.json``
beside the suite, a JSON Schema (draft 2020-12). A facet is so documented and checked where its
prompts are written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import files
from harness.errors import WorkspaceError

NAME = "expect.schema.json"


@dataclass(frozen=True)
class Case:
    """One held-out prompt: its id, its text and ``expect``, what the criteria need to know about
    it.

    Prompts of one ``group`` are variants of one task and count as one; a tag names a slice of the
    suite."""

    id: str
    prompt: str
    expect: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None
    tags: tuple[str, ...] = ()


def demands(suite: Path) -> Callable[[Mapping[str, Any], str], None]:
    """What raises :class:`WorkspaceError` with every fault of an ``expect`` that is given with its
    place; one that takes all where no schema lies beside the ``suite``.

    Raises it for a schema that is none, too."""
    path = suite.parent / NAME
    if not path.is_file():
        return lambda _expect, _where: None
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        schema = json.loads(files.read_text(path))
        Draft202012Validator.check_schema(schema)
    except ValueError as error:
        raise WorkspaceError(f"{path}: not valid JSON: {error}") from None
    except SchemaError as error:
        raise WorkspaceError(f"{path}: no JSON Schema: {error.message}") from None
    validator = Draft202012Validator(schema)

    def check(expect: Mapping[str, Any], where: str) -> None:
        faults = sorted(validator.iter_errors(dict(expect)), key=lambda one: [*map(str, one.path)])
        if faults:
            raise WorkspaceError("\n".join(_sentence(one, where, path) for one in faults))

    return check


def _sentence(fault: Any, where: str, schema: Path) -> str:
    key = ".".join(["expect", *map(str, fault.absolute_path)])
    said = fault.schema.get("description") if isinstance(fault.schema, dict) else None
    wanted = f" ({said})" if said else ""
    found = fault.instance
    return (
        f"{where}: key {key!r}: found {type(found).__name__} {found!r:.80}; expected by"
        f" {schema.name}: {fault.message:.300}{wanted}"
    )
