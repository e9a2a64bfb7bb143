"""What one matrix of a merge shows: how its parents get along, and how far it is from what each
recipe makes of them.

Every number is a sum, so that matrices add up: with ``f`` what was found and ``d`` what a recipe
gives, ``square = ||d||^2``, ``inner = <f, d>`` and ``norm = ||f||^2`` say how far ``f`` is from any
multiple of ``d``. A merge that was cut to a low rank is held to the same cut of ``d``: to its
projections on what ``f`` spans on either side, which a truncated SVD equals exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from harness.engines.base import read_config
from harness.errors import EngineError
from harness.subjects.entering.folders import CONFIG, MLX
from harness.subjects.kinds.merge.recipe import (
    Array,
    Factors,
    merged,
    mistakes,
    mixed,
    semantics,
    sides,
    truncated,
)
from harness.subjects.kinds.merge.spec import Recipe

NEAR, NEAR_BY_CHANCE = 0.02, 0.05  # how far a merge may be from its recipe, as a share of its size
ODD = 10  # times as far as all matrices together, a single one may be
ENTRY = 0.01  # of one entry, which may be stored in 16 bits
LEAST = 1e-6  # of the largest singular value; less is rounding


def read(folder: Path) -> dict[str, Callable[[], Factors]]:
    """How to get at the factors of each matrix that an adapter of mlx-lm changes, of experts each
    for itself; raises :class:`EngineError` where they are not all that it is."""
    import mlx.core as mx

    config = read_config(folder / CONFIG)
    try:
        loaded: Any = mx.load(str(folder / MLX))
    except (RuntimeError, ValueError) as error:
        raise EngineError(f"{folder / MLX}: cannot be read: {error}") from None
    kind = config.get("fine_tune_type", "lora")
    if kind != "lora":
        raise EngineError(f"{folder}: is {kind}; only merges of LoRA can be computed again")
    scale, found = float(config["lora_parameters"]["scale"]), dict[str, Callable[[], Factors]]()
    for name in sorted(key for key in loaded if key.endswith(".lora_a")):
        module = name.removesuffix(".lora_a")
        pair = loaded[name], loaded[f"{module}.lora_b"]
        if pair[0].ndim == 2:
            found[module] = partial(_factors, *pair, scale)
            continue
        for n in range(pair[0].shape[0]):  # mlx-lm stores experts' factors the other way round
            found[f"{module}, expert {n}"] = partial(_factors, pair[0][n].T, pair[1][n].T, scale)
    return found


def _factors(a: Any, b: Any, scale: float) -> Factors:
    import mlx.core as mx

    return Factors(np.array(a.astype(mx.float32)), np.array(b.astype(mx.float32)), scale)


def measured(
    found: Factors, parents: Sequence[Factors], recipe: Recipe, names: Sequence[str]
) -> dict[str, Any]:
    """The numbers of one matrix: ``gram`` of the parents' updates, ``onto`` how much of each is in
    the merge, the share of entries on whose sign they disagree, the recipes, declared first, and
    the declaration's own merge of deltas, of which a merge on factors is another. Where the
    declared recipe is not what was found, the ``mistakes`` that it may be."""
    deltas = [one.delta for one in parents]
    every = [inner(one, other) for one, other in product(parents, parents)]
    view = View(found, parents, np.reshape(every, (len(parents), -1)))
    signs = np.sign(np.stack(deltas))
    apart = (signs.max(axis=0) > 0) & (signs.min(axis=0) < 0)
    recipes = {str(one): view.sums(one) for one in semantics(recipe)}
    numbers: dict[str, Any] = {
        "norm": view.norm,
        "gram": view.gram.tolist(),
        "onto": view.onto.tolist(),
        "conflict": float(apart.mean()),
        "recipes": recipes,
        "whole": view.whole(recipe),
    }
    limit = near(recipe) * (ODD if recipe.random else 1)  # one draw of a small matrix is no other
    if pooled([numbers], "recipes", str(recipe))[0] > limit:
        numbers["mistakes"] = {said: view.sums(one) for said, one in mistakes(recipe, names)}
    return numbers


def pooled(rows: Sequence[Mapping[str, Any]], group: str, name: str) -> tuple[float, float, float]:
    """How far all matrices together are from a recipe, by which factor, and how far from that
    multiple of it; of the matrices that have it.

    Where entries were dropped by chance, what is left along the parents is compared: sums over all
    matrices, in which chance evens out."""
    having = [row for row in rows if name in row.get(group, {})]
    said = [row[group][name] for row in having]
    if having and isinstance(said[0], dict):
        onto = np.sum([row["onto"] for row in having], axis=0)
        drawn = np.sum([one["onto"] for one in said], axis=0)
        inverse = inverted(np.sum([row["gram"] for row in having], axis=0))
        square, along, norm = drawn @ inverse @ drawn, drawn @ inverse @ onto, onto @ inverse @ onto
    else:
        square, along = np.sum(said, axis=0) if said else (0.0, 0.0)
        norm = sum(row["norm"] for row in having)
    times = float(along / square) if square else 1.0
    told = float(square), float(along), float(norm)
    return apart_by(*told), times, apart_by(*told, times)


def inverted(gram: Any) -> Any:
    """The inverse of a Gram matrix, also of parents of which some are alike."""
    return np.linalg.pinv(np.asarray(gram), rcond=1e-6, hermitian=True)


def near(recipe: Recipe) -> float:
    """How far a merge may be from this recipe: further where what was dropped is not known."""
    return NEAR_BY_CHANCE if recipe.random and recipe.on == "delta" else NEAR


def apart_by(square: float, along: float, norm: float, times: float = 1.0) -> float:
    """The distance of what was found from ``times`` what a recipe gives, as a share of what was
    found; 1 where nothing was found of something."""
    rest = max(0.0, times * times * square - 2 * times * along + norm)
    return float(np.sqrt(rest / norm)) if norm else float(square > 0)


def inner(one: Factors, other: Factors) -> float:
    """``<d1, d2>`` of two updates, without either product."""
    left, right = one.a.T @ other.a, one.b @ other.b.T
    return float((left.astype(float) * right).sum()) * one.scale * other.scale


class View:
    """One matrix of a merge with its parents."""

    def __init__(self, found: Factors, parents: Sequence[Factors], gram: Any) -> None:
        self._found, self._parents, self.gram = found, parents, gram
        self.norm = inner(found, found)
        self.onto = np.array([inner(found, one) for one in parents])
        self._delta = found.delta
        (u, left), (v, right) = np.linalg.qr(found.a), np.linalg.qr(found.b.T)
        x, s, y = np.linalg.svd(left @ right.T)
        rank = int((s > LEAST * s[0]).sum()) if s.size else 0
        self._u, self._v, self._rank = u @ x[:, :rank], v @ y[:rank].T, rank

    def sums(self, recipe: Recipe) -> list[float] | dict[str, list[float]]:
        """``square`` and ``inner`` of a recipe; of one by chance the share of entries of both
        factors that some draw gives, or what one draw leaves along each parent."""
        if recipe.on == "factors" and len({one.a.shape for one in self._parents}) > 1:
            return [0.0, 0.0]  # no factors of different ranks add up
        if recipe.random and recipe.on == "factors":
            share = self.norm * self._drawn(recipe)
            return [share, share]
        made = merged(recipe, self._parents)
        if recipe.random:
            drawn = truncated(made, self._rank)
            return {"onto": [inner(drawn, one) for one in self._parents]}
        if not self._rank:
            return [float((made * made).sum(dtype=float)), 0.0]
        left, right = self._u.T @ made, made @ self._v
        square = (float((left * left).sum()) + float((right * right).sum())) / 2
        return [square, float((self._delta * made).sum(dtype=float))]

    def whole(self, recipe: Recipe) -> list[float]:
        """``square`` and ``inner`` of the declared merge of deltas, before any cut."""
        made = merged(_of_deltas(recipe), self._parents)
        return [float((made * made).sum(dtype=float)), float((self._delta * made).sum(dtype=float))]

    def _drawn(self, recipe: Recipe) -> float:
        """The share of entries of both factors that some choice of what was dropped gives."""
        if self._found.a.shape != self._parents[0].a.shape:
            return 0.0
        sizes = self._found.a.size + self._found.b.size
        pairs = zip(_held(self._found), sides(recipe, self._parents), strict=True)
        return sum(_explained(recipe, found, *side) for found, side in pairs) / sizes


def _of_deltas(recipe: Recipe) -> Recipe:
    return replace(recipe, on="delta", density=1.0 if recipe.random else recipe.density)


def _held(found: Factors) -> Iterator[Array]:
    yield found.a
    yield found.b * np.float32(found.scale)


def _explained(
    recipe: Recipe, found: Array, tasks: Sequence[Array], weights: Sequence[float]
) -> int:
    """How many entries are what is left of the parents' by one choice of whom to drop."""
    grown = 1 / recipe.density if recipe.rescale else 1.0
    rounding = ENTRY * np.abs(found) + 1e-4 * float(np.abs(found).mean() or 1)
    seen = np.zeros(found.shape, bool)
    for kept in product((0.0, grown), repeat=len(tasks)):
        stack = np.stack([one * np.float32(by) for one, by in zip(tasks, kept, strict=True)])
        seen |= np.abs(found - mixed(recipe, stack, weights)) <= rounding
    return int(seen.sum())
