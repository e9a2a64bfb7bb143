"""What ``library.yaml`` says of a pool by its key ``pool``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.content import strict

BASE = "base"  #: the bare base, where it is named as one that answers
MEMBER = "member {}"  #: the role of an adapter, and its arm
ROUTE, PROBES = "route", "probes"  #: what is measured: who is to answer, of suites and of probes
Share = Annotated[float, Field(gt=0, le=1)]
Mechanism = Literal["arrow", "lorauter", "gmm", "softmax", "knn", "tag", "regex", "function"]
FITTED = ("lorauter", "gmm", "softmax", "knn")  #: of examples


class Encoder(strict.Model):
    """What turns a prompt into a vector: hashed words and letters of so many places (``width``), or
    the mean of the token embeddings of the model in the folder ``path``.

    ``digest`` pins it: of the folder, or the text ``hashed-ngrams WIDTH``."""

    path: str | None = None
    width: int = Field(default=512, ge=2)
    digest: str | None = None


class Router(strict.Model):
    """How the adapter of a request is found.

    ``rules`` are patterns, or words of a tag, and the adapter of each; ``state`` is a file of
    arrays, ``examples`` one of prompts with their adapter, from which it is fitted where there is
    no state. ``function`` (``module:name``, looked for in the pool's folder first) is what serves;
    with another ``kind`` beside it, it is held against that. ``reach`` is how much less like the
    examples than the least typical of them a prompt may be before it goes to the fallback."""

    kind: Mechanism
    encoder: Encoder = Encoder()
    rules: dict[str, str] = {}
    state: str | None = None
    examples: str | None = None
    function: str | None = Field(default=None, pattern=r"^[\w.]+:\w+$")
    temperature: float = Field(default=1.0, gt=0)
    neighbours: int = Field(default=5, ge=1)
    reach: float = 0.05

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Router:
        needs = {
            "function": ("`function`", self.function),
            **dict.fromkeys(("tag", "regex"), ("`rules`", self.rules)),
            **dict.fromkeys(FITTED, ("`state` or `examples`", self.state or self.examples)),
        }
        what, given = needs.get(self.kind, ("", True))
        if not given:
            raise ValueError(f"a router of kind {self.kind!r} needs {what}")
        return self


class Pool(strict.Model):
    """The ``adapters`` by name (each a name of the library or a folder), and the ``router``.

    What is like none of them goes to ``fallback``: the bare base, or one of them. The suites
    ``ood`` are of that sort (by default the guards), ``probes`` a file of prompts with who may
    answer each, and ``log`` what the router that serves wrote down. In distribution ``normalised``
    of the task oracle is to be reached, ``recall`` of what belongs to none is to go to the
    fallback, and ``stable`` of the choices are to stand when a prompt is put otherwise."""

    adapters: dict[str, str] = Field(min_length=1)
    router: Router
    fallback: str = BASE
    ood: list[str] | None = None
    probes: str | None = None
    log: str | None = None
    normalised: Share = 0.95
    recall: Share = 0.9
    stable: Share = 0.9

    @model_validator(mode="after")
    def _names_what_is_there(self) -> Pool:
        if BASE in self.adapters:
            raise ValueError(f"adapters: {BASE!r} is the bare base; name the adapter otherwise")
        said = {"fallback": self.fallback, **{f"router.rules.{k}": v for k, v in self.rules}}
        for key, name in said.items():
            if name not in (BASE, *self.adapters):
                known = strict.nearest(name, [BASE, *self.adapters])
                raise ValueError(f"{key}: found {name!r}; expected an adapter of the pool{known}")
        return self

    @property
    def rules(self) -> list[tuple[str, str]]:
        """Pattern and adapter of each rule, in order."""
        return list(self.router.rules.items())

    @property
    def names(self) -> list[str]:
        """Everything that may answer: the adapters, and the base last."""
        return [*self.adapters, BASE]
