"""What ``library.yaml`` says of a stream by its key ``stream``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from harness.content import strict

Margin = Annotated[float, Field(gt=0, lt=1)]
#: the numbers that somebody may have published of a matrix, each by one definition
Metric = Literal[
    "accuracy", "backward", "forward", "forgetting", "first_last", "learnt", "plasticity"
]


class Stage(strict.Model):
    """One stage of the training: the suite that it ``learns``, and the ``adapter`` that lies in
    ``slot`` behind it, in the place of what lay there before."""

    learns: str
    slot: str
    adapter: str


class Margins(strict.Model):
    """What may be lost, and how far from a baseline still is the same: registered with the run."""

    forgetting: Margin = 0.05
    oracle: Margin = 0.05
    matched: Margin = 0.05


class Optimizer(strict.Model):
    """What is said of the optimizer, and the checkpoint of its state."""

    says: Literal["sgd", "signum", "lion", "adam", "adamw"]
    state: str


class Stream(strict.Model):
    """A stream of training stages: measured where it names its ``stages``, else read from a
    published ``matrix``.

    ``slots`` is how many adapters its pool may hold, ``routes`` the router's record of which slot
    answers which prompt (without it the task is told); with ``slots_alone`` every slot answers
    every suite that was learnt too, which shows what the router is worth. ``oracle`` has the
    adapter of each domain that learnt nothing else. ``log`` is that of the batches, ``pool`` the
    folder that is kept between stages, ``data`` the texts of a domain.
    ``registered`` says which cells ``results`` has to hold. ``numbers`` and ``says`` are what was
    published: numbers by their definition, and sentences."""

    stages: list[Stage] = []
    slots: Annotated[int, Field(ge=1)] | None = None
    routes: str | None = None
    slots_alone: bool = False
    oracle: dict[str, str] = {}
    matrix: str | None = None
    log: str | None = None
    pool: str | None = None
    data: dict[str, str] = {}
    registered: str | None = None
    results: str | None = None
    optimizer: Optimizer | None = None
    margins: Margins = Margins()
    numbers: dict[Metric, float] = {}
    tolerance: Annotated[float, Field(ge=0)] = 0.005
    says: list[str] = []

    @property
    def files(self) -> dict[str, str]:
        """By role the adapters of the stages and of the oracle, and every file that is named."""
        said = {f"stage {n}": each.adapter for n, each in enumerate(self.stages, 1)}
        said |= {f"oracle {suite}": adapter for suite, adapter in self.oracle.items()}
        said |= {f"data {suite}": path for suite, path in self.data.items()}
        for key in ("routes", "matrix", "log", "pool", "registered", "results"):
            if (path := getattr(self, key)) is not None:
                said[key] = path
        return said | ({"optimizer": self.optimizer.state} if self.optimizer else {})

    @model_validator(mode="after")
    def _is_one(self) -> Stream:
        if bool(self.stages) == bool(self.matrix):
            raise ValueError("`stages` that are measured, or a published `matrix`: one of them")
        learnt = [stage.learns for stage in self.stages]
        if len(set(learnt)) != len(learnt):
            raise ValueError("stages: a suite is learnt once; name the second part of it apart")
        if self.slots_alone and not (self.stages and self.routes):
            raise ValueError("`slots_alone` holds a router against its slots: name `routes`")
        if (self.registered is None) != (self.results is None):
            raise ValueError(
                "`registered` and `results` go together: the cells, and what they gave"
            )
        return self


class Registered(strict.Model):
    """The file ``registered``: the cells that a study promised, one for each combination of its
    ``factors``, and by how much a baseline may differ. ``plateau`` are the lowest and the highest
    learning rate that are said to be as good as the best by ``margin``; ``domains`` is how many
    adapters a true oracle has."""

    factors: dict[str, list[str | int | float]] = Field(min_length=1)
    margin: Margin
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    domains: int = Field(ge=1)
    plateau: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None

    @field_validator("plateau", mode="before")
    @classmethod
    def _numbers(cls, said: Any) -> Any:
        """``5e-6`` is text to YAML, which wants a point in it."""
        if not isinstance(said, list):
            return said
        return [
            float(rate) if isinstance(rate, str) and _is_number(rate) else rate for rate in said
        ]


class Row(strict.Model):
    """One line of ``results``: the score of an ``arm`` in one cell. ``registered`` is the digest of
    the file under which it ran, ``slots`` how many adapters the arm had, ``rate`` the learning rate
    and ``inside`` whether it was said to lie on the plateau."""

    arm: str
    score: float
    metric: str = "accuracy"
    cell: dict[str, str | int | float] = {}
    registered: str | None = None
    slots: int | None = None
    rate: float | None = None
    inside: bool | None = None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
