"""A registered study of a stream: which of its cells are there, under which registration they ran,
what they say against each baseline; the learning rates, and the optimizer's state."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from harness import files
from harness.content import strict
from harness.digests import file_digest
from harness.stats.subjects.equivalence import compared
from harness.subjects.base import Numbers
from harness.subjects.kinds.stream.from_files import ORACLE
from harness.subjects.kinds.stream.spec import Optimizer, Registered, Row

POOL = "pool"  # the arm of `results` that is judged
SHOWN = 5
#: tensors of state that an optimizer keeps for each tensor that it trains
STATE = {"sgd": 0, "signum": 1, "lion": 1, "adam": 2, "adamw": 2}
_OWN = ("arm", "score", "metric", "registered", "slots", "rate", "inside")


def rows(path: Path) -> list[Row]:
    """The lines of ``results``: JSONL, or CSV of which the columns that are no field of a row are
    factors of its cell. Raises :class:`WorkspaceError`."""
    if path.suffix.lower() != ".csv":
        found = [(n, _typed(value)) for n, value in strict.read_jsonl(path)]
    else:
        table = csv.DictReader(io.StringIO(files.read_text(path)))
        found = [(n, _typed(_parsed(row))) for n, row in enumerate(table, start=2)]
    return [strict.check(row, Row, path, line=number) for number, row in found]


def _parsed(row: Mapping[str, str | None]) -> dict[str, Any]:
    return {key: _value(text) for key, text in row.items() if key and text not in (None, "")}


def _value(text: str | None) -> Any:
    """What a cell of CSV says: a number, true or false, else its text."""
    try:
        return json.loads((text or "").lower())
    except ValueError:
        return text


def _typed(row: Any) -> Any:
    """Factors beside the fields go into the cell, whole numbers are scores too."""
    if not isinstance(row, dict):
        return row
    own = {key: value for key, value in row.items() if key in (*_OWN, "cell")}
    beside = {key: value for key, value in row.items() if key not in own}
    own["cell"] = {**own.get("cell", {}), **beside}
    for key in ("score", "rate"):
        if isinstance(own.get(key), int):
            own[key] = float(own[key])
    return own


def study(path: Path, results: Path) -> Numbers:
    """What the study shows: cells that are lacking, rows of another registration or metric, a
    baseline that is no oracle, and the differences from each baseline in pairs of cells."""
    plan, found = strict.load(path, Registered), rows(results)
    digest, names = file_digest(path), list(plan.factors)
    owed = [tuple(map(str, cell)) for cell in itertools.product(*plan.factors.values())]
    scores: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
    twice: list[str] = []
    for row in found:
        if row.rate is None:
            cell = tuple(str(row.cell.get(name, "")) for name in names)
            if cell in scores[row.arm]:
                twice.append(f"{row.arm} {_named(names, cell)}")
            scores[row.arm][cell] = row.score
    arms = [arm for arm in scores if arm != POOL]
    lacking = [
        f"{arm} {_named(names, cell)}"
        for arm in (POOL, *arms)
        for cell in owed
        if cell not in scores.get(arm, {})
    ]
    edited = [
        r for r in found if r.registered not in (None, digest, digest.removeprefix("sha256:"))
    ]
    relabelled = [r for r in found if r.arm == ORACLE and (r.slots or plan.domains) < plan.domains]
    return {
        "digest": digest,
        "cells": len(owed),
        "rows": len(found),
        "lacking": lacking[:SHOWN],
        "lacking_many": len(lacking),
        "twice": twice[:SHOWN],
        "edited": len(edited),
        "metrics": sorted({row.metric for row in found}),
        "relabelled": [f"{row.slots} of {plan.domains} adapters" for row in relabelled[:1]],
        "margin": plan.margin,
        "alpha": plan.alpha,
        "against": {arm: _against(scores[POOL], scores[arm], plan) for arm in sorted(arms)},
    }


def _against(
    pool: Mapping[tuple[str, ...], float], other: Mapping[tuple[str, ...], float], plan: Registered
) -> Numbers:
    pairs = sorted(pool.keys() & other.keys())
    if len(pairs) < 2:
        return {"n": len(pairs), "outcome": "not established"}
    found = compared(
        [pool[cell] for cell in pairs], [other[cell] for cell in pairs], plan.margin, plan.alpha
    )
    return vars(found)


def _named(names: Sequence[str], cell: Sequence[str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(names, cell, strict=True))


def plateau(path: Path, results: Path) -> Numbers:
    """The learning rates that were swept: how far each is below the best, where the cliff is, and
    rates that were said to lie on the plateau and do not, by their place or by their score."""
    plan = strict.load(path, Registered)
    swept: dict[float, list[float]] = defaultdict(list)
    said: dict[float, bool] = {}
    for row in rows(results):
        if row.rate is not None:
            swept[row.rate].append(row.score)
            said[row.rate] = said.get(row.rate, False) or bool(row.inside)
    low, high = plan.plateau or (math.nan, math.nan)
    if not swept or plan.plateau is None:
        return {"rates": 0}
    means = {rate: fmean(scores) for rate, scores in sorted(swept.items())}
    best = max(means.values())
    below = {rate: best - mean for rate, mean in means.items()}
    cliff = [rate for rate in means if rate >= low and below[rate] > plan.margin]
    edge = min(cliff, default=None)
    above = [rate for rate in means if rate < (edge or 0) and below[rate] <= plan.margin]
    wrong = {rate: below[rate] for rate in means if low <= rate <= high or said[rate]}
    outside = [rate for rate in wrong if not low <= rate <= high or wrong[rate] > plan.margin]
    return {
        "rates": len(means),
        "decades": math.log10(high / low),
        "ends": [end for end in (low, high) if end not in means],
        "cliff": edge,
        "next": [] if edge is None or not above else list(logged((max(above), edge), 9)),
        "outside": [
            f"{rate:g} ({100 * wrong[rate]:.3g} points below the best)" for rate in outside
        ],
    }


def optimizer(said: Optimizer, state: Path) -> Numbers:
    """The tensors of state for each that is trained, by the header of the checkpoint alone, and the
    bytes that they take. Raises :class:`WorkspaceError` for what is no safetensors."""
    head = files.read_tensor_head(state)
    header = {name: row for name, row in head.items() if name != "__metadata__"}
    shapes: dict[str, list[str]] = defaultdict(list)
    for name in header:
        stem, _, kind = name.rpartition(".")
        if kind.lower() not in ("step", "learning_rate"):
            shapes[stem].append(kind)
    each = [len(kinds) for kinds in shapes.values()]
    taken = sum(end - begin for begin, end in (row["data_offsets"] for row in header.values()))
    return {
        "says": said.says,
        "expected": STATE[said.says],
        "each": max(each, default=0),
        "trained": len(shapes),
        "bytes": taken,
    }


def logged(rates: tuple[float, float], points: int) -> Iterator[float]:
    """``points`` learning rates between two, evenly in logarithms: where a cliff is looked for."""
    low, high = map(math.log, rates)
    for number in range(1, points + 1):
        yield math.exp(low + (high - low) * number / (points + 1))
