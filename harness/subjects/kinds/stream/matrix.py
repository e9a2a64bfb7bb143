"""The matrix R of a stream: from receipts, or as somebody published it; what its numbers are, and
what the published ones are by another definition."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from harness import files
from harness.content import strict
from harness.errors import WorkspaceError
from harness.stats.subjects.continual import Continual, continual
from harness.stats.values import Undefined
from harness.subjects.kinds.stream.spec import Metric

BASE = "base"  #: the row before any training
DOWN = ("loss", "perplexity", "nll", "error")


class Published(strict.Model):
    """A matrix as JSON: ``scores[t][i]`` on domain i after stage t, in the order of training.
    ``metric`` is one name, or one for each domain; ``null`` is a cell that was not measured."""

    order: list[str] = Field(min_length=1)
    scores: list[list[float | None]] = Field(min_length=1)
    base: list[float | None] | None = None
    metric: str | list[str] = "accuracy"


@dataclass(frozen=True)
class Matrix:
    """``scores`` by stage and domain, higher is better; ``None`` is a hole. ``metrics`` by
    domain."""

    order: Sequence[str]
    scores: Sequence[Sequence[float | None]]
    base: Sequence[float | None] | None
    metrics: Sequence[str]

    @property
    def holes(self) -> list[str]:
        """The cells that are missing, by name."""
        named = [*zip(self.order, self.scores, strict=True)]
        if self.base is not None:
            named.insert(0, (BASE, self.base))
        return [
            f"{domain} after {stage}"
            for stage, row in named
            for domain, score in zip(self.order, row, strict=True)
            if score is None
        ]

    @property
    def whole(self) -> float:
        """What a whole is in its scores: 100 of percentages, else 1."""
        cells = [abs(score) for row in self.scores for score in row if score is not None]
        return 100.0 if max(cells, default=0) > 1 and not any(map(_falls, self.metrics)) else 1.0

    @property
    def numbers(self) -> Continual | None:
        """Its metrics, where no cell is missing."""
        if self.holes:
            return None
        whole = [[score for score in row if score is not None] for row in self.scores]
        base = None if self.base is None else [score for score in self.base if score is not None]
        return continual(whole, base)


def read(path: Path) -> Matrix:
    """A published matrix: JSON (:class:`Published`), or CSV of which the first line names the
    domains and each other line a stage, the line ``base`` before any training. Raises
    :class:`WorkspaceError` for what is no matrix; a hole is one of its cells."""
    if path.suffix.lower() == ".csv":
        found = _csv(path)
    else:
        found = strict.check(_floats(files.read_json(path)), Published, path)
    order, wide = found.order, len(found.order)
    if len(set(order)) != wide:
        raise WorkspaceError(f"{path}: key 'order': found {order}; expected each domain once")
    for number, row in enumerate([*found.scores, *([found.base] if found.base else [])]):
        if len(row) != wide:
            text = f"row {number + 1} has {len(row)} cells; expected {wide}, one for each domain"
            raise WorkspaceError(f"{path}: {text}; leave a hole as null, or empty in CSV")
    if len(found.scores) > wide:
        text = f"found {len(found.scores)} stages; expected {wide}, one for each domain"
        raise WorkspaceError(f"{path}: {text}")
    lacking: list[list[float | None]] = [[None] * wide] * (wide - len(found.scores))
    metrics = [found.metric] * wide if isinstance(found.metric, str) else found.metric
    if len(metrics) != wide:
        raise WorkspaceError(f"{path}: key 'metric': found {len(metrics)}; expected {wide} or one")
    return Matrix(order, [*found.scores, *lacking], found.base, [m.lower() for m in metrics])


def faults(found: Matrix) -> Iterator[str]:
    """Why its numbers may not be taken together: metrics of two directions, or scores that are none
    of their metric's."""
    down = [_falls(metric) for metric in found.metrics]
    if any(down) and not all(down):
        pairs = ", ".join(f"{d}: {m}" for d, m in zip(found.order, found.metrics, strict=True))
        yield f"losses and scores stand in one matrix ({pairs}): the sign of a mean says nothing"
    rows = [*found.scores, *([found.base] if found.base else [])]
    cells = [score for row in rows for score in row if score is not None]
    if not any(down) and any(not 0 <= score <= 100 for score in cells):
        yield f"{found.metrics[0]} lies between 0 and 1, or 0 and 100; found {max(cells, key=abs)}"


def rising(found: Matrix) -> Matrix:
    """The same with the sign of scores where it holds losses: higher is better in every number."""
    if not all(_falls(metric) for metric in found.metrics):
        return found

    def turned(row: Sequence[float | None]) -> list[float | None]:
        return [None if score is None else -score for score in row]

    base = None if found.base is None else turned(found.base)
    return Matrix(found.order, [turned(row) for row in found.scores], base, found.metrics)


def unlike(found: Continual, said: Mapping[Metric, float], tolerance: float) -> Iterator[str]:
    """Published numbers that are not what the matrix gives by the definition they are named by,
    each with the definition that gives it."""
    known = {k: v for k, v in vars(found).items() if isinstance(v, float)}
    for name, value in said.items():
        own = getattr(found, name)
        if isinstance(own, Undefined):
            yield f"{name} {value:g} cannot be computed: {own.reason}"
        elif abs(own - value) > tolerance:
            others = [k for k, v in known.items() if k != name and abs(v - value) <= tolerance]
            turned = "; that is its sign turned, as of a loss" if _turned(own, value) else ""
            also = f"; {value:g} is {' or '.join(others)}" if others else turned
            yield f"{name} is {own:.4g}, and {value:g} was published{also}"


def _turned(own: float, said: float) -> bool:
    return own * said < 0 and abs(own + said) <= 0.25 * abs(own)


def _falls(metric: str) -> bool:
    return any(word in metric for word in DOWN)


def _csv(path: Path) -> Published:
    rows = [row for row in csv.reader(io.StringIO(files.read_text(path))) if any(row)]
    if len(rows) < 2 or len(rows[0]) < 2:
        raise WorkspaceError(f"{path}: found no matrix; expected a line of domains, then stages")
    order = [cell.strip() for cell in rows[0][1:]]
    base, scores, metric = None, list[list[float | None]](), ["accuracy"] * len(order)
    for number, (name, *cells) in enumerate(rows[1:], start=2):
        if name.strip().lower() == "metric":
            metric = [cell.strip() for cell in cells]
        elif name.strip().lower() == BASE:
            base = [_cell(cell, path, number) for cell in cells]
        else:
            scores.append([_cell(cell, path, number) for cell in cells])
    return Published(order=order, scores=scores, base=base, metric=metric)


def _cell(text: str, path: Path, line: int) -> float | None:
    said = text.strip().rstrip("%")
    if said in ("", "-", "nan", "null"):
        return None
    try:
        return float(said)
    except ValueError:
        raise WorkspaceError(
            f"{path}:{line}: found {text!r}; expected a number, or nothing where none was measured"
        ) from None


def _floats(data: Any) -> Any:
    """Whole numbers are scores too, which strict reading would not take for one."""
    if isinstance(data, list):
        return [_floats(item) for item in data]
    if isinstance(data, dict):
        return {key: _floats(value) for key, value in data.items()}
    return float(data) if isinstance(data, int) and not isinstance(data, bool) else data
