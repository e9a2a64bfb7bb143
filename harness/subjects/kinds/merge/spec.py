"""What an entry of ``library.yaml`` says of a merge by its key ``merge``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from harness.content import strict

Tool = Literal["peft", "mergekit", "own"]
Method = Literal["linear", "ties", "dare_linear", "dare_ties", "svd"]
On = Literal["delta", "factors"]


@dataclass(frozen=True)
class Recipe:
    """How a merge was made: ``weights`` in the order of the parents, 0 of one that was left out.

    ``density`` is the share of entries that pruning keeps, ``sign`` whether the total or the
    frequency elects a sign; ``normalize`` is mergekit's, by default what the method has;
    ``rescale`` is whether DARE made up for what it dropped; ``scale`` says whether each parent's
    own alpha / rank was used, that of the first for all, or each its own twice."""

    tool: Tool
    method: Method
    on: On
    weights: tuple[float, ...]
    density: float = 1.0
    sign: Literal["total", "frequency"] = "total"
    normalize: bool | None = None
    rescale: bool = True
    scale: Literal["own", "first", "twice"] = "own"

    @property
    def random(self) -> bool:
        """Whether entries are dropped by chance."""
        return self.method.startswith("dare") and self.density < 1

    @property
    def elects(self) -> bool:
        """Whether parents that disagree with the elected sign are left out, entry by entry."""
        return self.method.endswith("ties")

    @property
    def normalized(self) -> bool:
        """Whether mergekit divides by the weights."""
        if self.normalize is not None:
            return self.normalize
        return self.method in ("linear", "ties")

    def __str__(self) -> str:
        return f"{self.method} on {self.on} as {self.tool if self.tool != 'own' else 'published'}"


class Merge(strict.Model):
    """How adapters were merged: its ``parents``, by their names in the library or their folders,
    each with the weight it was given, in the order in which the tool was given them.

    ``tool`` says whose sense of the method is meant, ``own`` that of its paper; ``on`` whether
    updates were merged or both factors each for itself. ``density`` is the share that pruning
    keeps, ``majority_sign`` PEFT's, ``normalize`` mergekit's. ``seeds`` are folders of the same
    merge by other seeds, which a method that drops by chance has to show."""

    parents: dict[str, float] = Field(min_length=2)
    method: Method
    tool: Tool = "own"
    on: On = "delta"
    density: float | None = Field(default=None, gt=0, le=1)
    majority_sign: Literal["total", "frequency"] = "total"
    normalize: bool | None = None
    seeds: list[str] = []

    @model_validator(mode="after")
    def _fits(self) -> Merge:
        if (self.density is None) is not (self.method in ("linear", "svd")):
            needs = "needs" if self.density is None else "has no"
            raise ValueError(f"method {self.method!r}: it {needs} `density`")
        if self.method == "svd" and self.on == "factors":
            raise ValueError("method 'svd': it merges the updates; leave `on` out")
        if not all(self.parents.values()):
            raise ValueError("parents: a weight is 0, so that parent is none; leave it out")
        return self

    @property
    def recipe(self) -> Recipe:
        """The same as what is computed again."""
        weights, density = tuple(self.parents.values()), self.density or 1.0
        told = (self.tool, self.method, self.on, weights, density)
        return Recipe(*told, self.majority_sign, self.normalize)
