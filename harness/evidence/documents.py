"""The documents of a run: one typed shape each, one reader, one writer, one number for their form.

A document is a JSON object, ``format`` beside its content. What cannot be read - torn, emptied,
wrongly typed, not UTF-8, of another format - is one sentence that names file and field. A shape is
a strict model or a dataclass; a dataclass is read as strictly, and stays the only list of its
fields."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Field, TypeAdapter, create_model

from harness import files
from harness.content import strict
from harness.content.policy import Policy
from harness.errors import Refuse, RunError, SystemRefused, WorkspaceError
from harness.verdict import Name, Reason

FORMAT = 2
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
_hints: Callable[[Any], dict[str, Any]] = cache(get_type_hints)


class Named(strict.Model):
    """A base by the name in the library and the digest of its bytes."""

    name: str
    digest: str


class Released(Named):
    """An adapter, with its status in the library."""

    status: str


class Settings(strict.Model):
    """``settings.json``: what makes two runs the same run; ``secret`` is the digest of it."""

    adapter: Released
    base: Named
    suites: dict[str, str]
    certificates: dict[str, str]
    training: dict[str, str | None]
    policy: Policy
    registration: str
    engine: dict[str, Any]
    decoding: str
    sandbox: str | None
    sandbox_description: str
    limit: int | None
    secret: str
    harness: str


class Secret(strict.Model):
    """``secret.json``: what seeded the judge's draws, in hex."""

    secret: str = Field(pattern="^([0-9a-f]{2})+$")


class Churned(strict.Model):
    """What base measured twice on one suite differs in: of ``prompts`` as many ``flipped``, with
    other ``texts``, and two answers to one prompt with the chance ``discordance``.

    ``state`` is that of the margin; ``power`` how often an unchanged adapter would be HELD in this
    noise, ``None`` where nothing depends on it."""

    prompts: int
    flipped: int
    texts: int
    discordance: float
    state: str
    power: float | None = None

    @property
    def told(self) -> str:
        """What differs, in words."""
        return (
            f"between two orders {self.texts} of {self.prompts} texts and {self.flipped} outcomes"
            " differ"
        )


class Churn(strict.Model):
    """``churn.json``: base against itself by suite, written before anything mounted was asked."""

    suites: dict[str, Churned]


class Scorecard(strict.Model):
    """``scorecard.json``: every number, how many answers came from the cache, and when the run was
    ``finished`` (UTC)."""

    suites: list[dict[str, Any]]
    not_measured: dict[str, dict[str, Any] | None]
    degeneration: dict[str, Any] | None
    with_flagged: list[dict[str, Any]]
    labelled: list[dict[str, Any]]
    subject: dict[str, Any]
    look: int
    alpha: float
    receipts: int
    receipts_digest: str
    answers: dict[str, dict[str, int]]
    finished: str

    @property
    def of_the_end(self) -> dict[str, Any]:
        """What receipts do not say."""
        return self.model_dump(include={"answers", "finished"})


@dataclass(frozen=True)
class Decision:
    """``verdict.json``: the verdict, its reasons, and what it was made from."""

    verdict: Name
    exit_code: int
    reasons: list[Reason]
    adapter: str
    base: str
    registration: str
    receipts_digest: str


class Derived(strict.Model):
    """What a certificate states beside its counts, and what follows from them."""

    state: Literal["VALID", "REFUSED", "PROVISIONAL", "EXPIRED"]
    expires: str
    false_pass_upper95: float | None
    task_upper95: float | None
    false_fail_upper95: float | None
    flip_upper95: float | None
    mutation_score: float | None
    mutation_lower95: float | None
    missing: list[str]
    digest: str


class Chain(strict.Model):
    """What a line of the receipts or the ledger states of itself and of all before it."""

    chain: str


def damaged(text: str) -> RunError:
    """The error of a document of a run, with what to do."""
    return RunError(f"{text}; put the file back as it was written, or gate again into a new folder")


def read(path: Path, shape: type[T], refuse: Refuse = damaged) -> T:
    """The document in ``path``."""
    return parse(load(path, refuse), shape, path, refuse=refuse)


def load(path: Path, refuse: Refuse = damaged) -> dict[str, Any]:
    """The content of the document in ``path``, its fields not looked at."""
    return content(files.read_json(path, refuse), str(path), refuse)


def content(data: Any, where: str, refuse: Refuse = damaged) -> dict[str, Any]:
    """What stands beside ``format`` in a document."""
    found = dict(an_object(data, where, refuse))
    stated = found.pop("format", "nothing")
    if type(stated) is not int or stated != FORMAT:
        raise refuse(
            f"{where}: key 'format': found {stated!r:.40}; expected {FORMAT}: another version of"
            " the harness wrote this, or it was edited"
        )
    return found


def an_object(data: Any, where: str, refuse: Refuse = damaged) -> dict[str, Any]:
    """``data``, refused where it is another value of JSON."""
    if isinstance(data, dict):
        return data
    raise refuse(f"{where}: found {type(data).__name__} {data!r:.40}; expected an object")


def parse(
    data: dict[str, Any], shape: type[T], path: Path, line: int = 0, refuse: Refuse = damaged
) -> T:
    """``data`` from ``path`` (at ``line``, where it has lines) as a model or a dataclass; fields
    that have a default are demanded too."""
    model = _model(shape)
    names = [field.alias or name for name, field in model.model_fields.items()]
    missing = [name for name in names if name not in data]
    if missing:
        where = f"{path}:{line}" if line else path
        raise refuse(f"{where}: key {missing[0]!r} is missing; expected: {', '.join(names)}")
    try:
        checked = strict.check(data, model, path, line=line)
    except WorkspaceError as error:
        raise refuse(str(error).split("\n")[0]) from None
    return cast("T", _build(shape).validate_python(data) if is_dataclass(shape) else checked)


def taken(
    data: dict[str, Any], shape: type[M], path: Path, line: int = 0, refuse: Refuse = damaged
) -> M:
    """The fields of ``shape``, out of ``data``."""
    return parse(_take(data, shape), shape, path, line, refuse)


def write(
    path: Path,
    data: dict[str, Any],
    *shapes: type[Any],
    refuse: Refuse = SystemRefused,
    sort: bool = True,
) -> Path:
    """Write a document with the fields of ``shapes``; other data is a fault of the harness, and
    raises ``ValidationError`` or ``TypeError``."""
    left = json.loads(json.dumps(data))
    for shape in shapes:
        model = _model(shape)
        model.model_validate(_take(left, model))
    if left:
        raise TypeError(f"{path.name}: no field for {', '.join(left)}")
    return files.write_json(path, {"format": FORMAT, **data}, refuse, sort=sort)


def _take(data: dict[str, Any], shape: type[BaseModel]) -> dict[str, Any]:
    return {name: data.pop(name) for name in shape.model_fields if name in data}


def _strict(shape: Any) -> Any:
    """The strict model of a dataclass, of those in it too; any other type as it is."""
    if is_dataclass(shape):
        rows: dict[str, Any] = {name: (_strict(of), ...) for name, of in _hints(shape).items()}
        return create_model("Shape", __base__=strict.Model, **rows)
    if get_origin(shape) is list:
        return list[_strict(get_args(shape)[0])]  # type: ignore[misc]
    if isinstance(shape, type) and issubclass(shape, Enum):
        return Annotated[shape, Field(strict=False)]  # JSON holds its value
    return shape


_model: Callable[[Any], type[strict.Model]] = cache(_strict)

_build: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)
