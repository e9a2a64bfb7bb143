"""What an entry says of a server with several adapters by the key ``served``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, JsonValue, model_validator

from harness.content import strict
from harness.content.served import Fields, Server

BASE = "base"  # who answers to the fields of the bare base
JOINED = ("+", ",")  # how servers that stack adapters write two of them


class Step(strict.Model):
    """One thing that is done to the server: a command that is ``run`` in the folder of
    ``library.yaml``, or a ``body`` that is posted to the path ``post`` below its endpoint."""

    run: list[str] = []
    post: str | None = Field(default=None, pattern="^/")
    body: JsonValue = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Step:
        if bool(self.run) == bool(self.post):
            raise ValueError("expected either `run`, a command, or `post`, a path, with its `body`")
        return self


class Unload(strict.Model):
    """How ``adapter`` is unloaded by the steps ``do``, and loaded again by those of ``back``."""

    adapter: str
    do: list[Step] = Field(min_length=1)
    back: list[Step] = []


class Reload(Unload):
    """How, under its own name, ``adapter`` is given the weights of ``becomes``, and by ``back`` its
    own again."""

    becomes: str


class Spec(Server):
    """A running server: by name or folder the ``adapters`` it holds, each with the fields of the
    requests that it answers.

    ``start`` is the command that begins it; with it the harness kills it and begins it again as
    well. ``requests`` are sent, of ``tokens`` each, the share ``mixed`` of them to one adapter
    after the other or at once, the rest in runs of one. Asked are ``probes`` in ``mode``, by
    default fixed texts and the suites' dev prompts. So many adapters are ``resident`` at once. A
    request with fields of ``unknown`` is to be refused; so are those made of the names of two. A
    reply's ``header`` says the digest of what answered. A change of the adapter may take ``swap``
    seconds (p95); the upper bound of answers by another is ``bound``."""

    adapters: dict[str, Fields] = Field(min_length=1)
    start: list[str] = []
    probes: list[str] = []
    mode: Literal["chat", "completion"] = "completion"
    tokens: int = Field(default=4, ge=1, le=64)
    requests: int = Field(default=3000, ge=1)
    mixed: float = Field(default=0.9, gt=0, le=1)
    resident: int | None = Field(default=None, ge=1)
    unknown: list[Fields] = []
    reload: Reload | None = None
    unload: Unload | None = None
    header: str | None = None
    swap: float | None = Field(default=None, gt=0)
    bound: float = Field(default=0.001, gt=0, lt=1)

    @model_validator(mode="after")
    def _holds_together(self) -> Spec:
        seen: dict[str, Any] = {BASE: self.base}
        for name, fields in self.adapters.items():
            if name == BASE:
                raise ValueError(f"adapters: {BASE!r} is the bare base; name the adapter otherwise")
            if same := [other for other, said in seen.items() if said == fields]:
                raise ValueError(f"{same[0]!r} and {name!r} are asked with the same fields")
            seen[name] = fields
        steps = (("reload", self.reload), ("unload", self.unload))
        named = [(key, "adapter", step.adapter) for key, step in steps if step]
        named += [("reload", "becomes", self.reload.becomes)] if self.reload else []
        for key, at, name in named:
            if name not in self.adapters:
                near = strict.nearest(name, [*self.adapters])
                raise ValueError(f"{key}.{at}: found {name!r}; expected one of `adapters`{near}")
        if not unknowns(self):
            raise ValueError(
                "no field of text tells its adapters from base; name under `unknown` the fields of"
                " a request that is to be refused"
            )
        return self


def fields(own: Spec) -> dict[str, Fields]:
    """Who can be asked, base first, each with the fields of the request."""
    return {BASE: own.base, **own.adapters}


def unknowns(own: Spec) -> list[Fields]:
    """Requests for what the server does not hold: those that are listed, and of the first field of
    text that tells the adapters apart an id of nobody, and the ids of two in one."""
    first, *others = own.adapters.values()
    for key, said in first.items():
        if isinstance(said, str) and said != own.base.get(key):
            ids = [f"{said}-unknown"]
            if others and isinstance(second := others[0].get(key), str) and second != said:
                ids += [f"{said}{mark}{second}" for mark in JOINED]
            return [*own.unknown, *({**first, key: id} for id in ids)]
    return own.unknown
