"""Merges computed again from their parents, as PEFT, as mergekit and as their papers compute them.

Under one name the tools differ: PEFT elects signs before it weighs, mergekit after; PEFT divides
what was kept by how many kept it, mergekit by their weights; PEFT rescales what DARE left by 1 /
density, mergekit to the L1 norm from before; PEFT up to 0.20 weighed a delta by its alpha / rank a
second time. Source: peft 0.20 and 0.21 (``utils/merge_utils.py``, ``tuners/lora/model.py``),
mergekit 0.1.5 (``merge_methods/generalized_task_arithmetic.py``, ``merge_methods/linear.py``,
``sparsify.py``); TIES: arXiv 2306.01708, DARE: arXiv 2311.03099."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from harness.subjects.kinds.merge.spec import On, Recipe, Tool

Array = NDArray[np.float32]
OVERSAMPLED, ROUNDS = 8, 3  # of the subspace that a truncation is found in
FEW = 4  # parents whose weights are tried in every order


@dataclass(frozen=True)
class Factors:
    """One matrix of an adapter: its update is ``scale a b``, of shapes (in, rank), (rank, out)."""

    a: Array
    b: Array
    scale: float = 1.0

    @property
    def delta(self) -> Array:
        """The update, (in, out)."""
        return np.asarray((self.a * np.float32(self.scale)) @ self.b, np.float32)


def merged(recipe: Recipe, parents: Sequence[Factors], seed: int = 0) -> Array:
    """The update (in, out) that a merge of these parents has before any truncation; what is
    dropped by chance is drawn from ``seed``, never as torch would draw it."""
    chance = np.random.default_rng(seed)
    if recipe.on == "factors":
        a, b = (combined(recipe, *side, chance) for side in sides(recipe, parents))
        product: Array = a @ b
        return product
    kept = [n for n, weight in enumerate(recipe.weights) if weight]
    scales = _scales(recipe, parents)
    deltas = [replace(parents[n], scale=scales[n]).delta for n in kept]
    weights = [recipe.weights[n] for n in kept]
    if recipe.scale == "twice":
        weights = [weight * scales[n] for weight, n in zip(weights, kept, strict=True)]
    return combined(recipe, deltas, weights, chance)


def _scales(recipe: Recipe, parents: Sequence[Factors]) -> list[float]:
    own = [one.scale for one in parents]
    return own[:1] * len(own) if recipe.scale == "first" else own


def sides(
    recipe: Recipe, parents: Sequence[Factors]
) -> tuple[tuple[list[Array], list[float]], tuple[list[Array], list[float]]]:
    """The factors ``a`` of the parents and their weights, and the factors ``b`` with theirs: what a
    merge on factors combines each for itself."""
    kept = [n for n, weight in enumerate(recipe.weights) if weight]
    scales = _scales(recipe, parents)
    left, right = list[float](), list[float]()
    for n in kept:
        weight, scale = recipe.weights[n], scales[n]
        root = math.sqrt(abs(weight * scale))
        peft = recipe.tool == "peft"
        left.append(math.copysign(root, weight * scale) if peft else weight)
        right.append(root if peft else weight * scale)
    return ([parents[n].a for n in kept], left), ([parents[n].b for n in kept], right)


def combined(
    recipe: Recipe, tasks: Sequence[Array], weights: Sequence[float], chance: np.random.Generator
) -> Array:
    """One matrix from those of the parents, pruned, elected and weighed."""
    return mixed(recipe, np.stack([_pruned(recipe, one, chance) for one in tasks]), weights)


def mixed(recipe: Recipe, stack: Array, weights: Sequence[float]) -> Array:
    """What the parents' pruned matrices, one behind the other, add up to, entry by entry."""
    by = np.asarray(weights, np.float32).reshape(-1, *[1] * (stack.ndim - 1))
    weighed, mergekit = stack * by, recipe.tool == "mergekit"
    if not recipe.elects:
        total: Array = weighed.sum(axis=0)
        whole = float(by.sum())
        return total / np.float32(whole) if mergekit and recipe.normalized and whole else total
    voting = weighed if mergekit else stack
    votes = (np.sign(voting) if recipe.sign == "frequency" else voting).sum(axis=0)
    agree = np.sign(voting) == np.where(votes >= 0, 1, -1)
    found = np.where(agree, weighed, np.float32(0)).sum(axis=0)
    shares = (by * agree).sum(axis=0) if mergekit else agree.sum(axis=0)
    if mergekit and not recipe.normalized:
        shares = np.ones_like(shares)
    return np.asarray(found / np.where(shares == 0, 1, shares), np.float32)


def _pruned(recipe: Recipe, task: Array, chance: np.random.Generator) -> Array:
    if recipe.density >= 1 or recipe.method in ("linear", "svd"):
        return task
    if recipe.method == "ties":
        keep = int(recipe.density * task.size)
        flat = np.abs(task).ravel()
        mask = np.zeros(task.size, np.float32)
        mask[np.argpartition(flat, task.size - keep)[task.size - keep :]] = 1
        return task * mask.reshape(task.shape)
    drawn: Array = (task * (chance.random(task.shape) < recipe.density)).astype(np.float32)
    if not recipe.rescale:
        return drawn
    left = float(np.abs(drawn).sum())
    by_norm = recipe.tool == "mergekit" and left > 0
    return drawn * np.float32(np.abs(task).sum() / left if by_norm else 1 / recipe.density)


def truncated(delta: Array, rank: int) -> Factors:
    """The best approximation of a rank, by subspace iteration. Source: Halko, Martinsson & Tropp
    2011, SIAM Rev 53:217."""
    if rank + OVERSAMPLED >= min(delta.shape):
        u, s, v = np.linalg.svd(delta, full_matrices=False)
        return Factors(u[:, :rank] * s[:rank], v[:rank])
    basis = np.random.default_rng(0).standard_normal((delta.shape[1], rank + OVERSAMPLED))
    space: Any = delta @ basis.astype(np.float32)
    for _ in range(ROUNDS):
        space = delta @ np.linalg.qr(delta.T @ np.linalg.qr(space)[0])[0]
    q = np.linalg.qr(space)[0]
    u, s, v = np.linalg.svd(q.T @ delta, full_matrices=False)
    return Factors((q @ u[:, :rank]) * s[:rank], v[:rank])


def semantics(recipe: Recipe) -> list[Recipe]:
    """The same declaration in every tool's sense, on deltas and on factors, its own first."""
    every = [replace(recipe, tool=tool, on=on) for on in get_args(On) for tool in get_args(Tool)]
    return [recipe, *(one for one in every if one != recipe)]


def mistakes(recipe: Recipe, names: Sequence[str]) -> Iterator[tuple[str, Recipe]]:
    """What a merge may be instead of what it is said to be, each with the words for it."""
    ones = (1.0,) * len(names)
    for order in sorted(_orders(recipe.weights) - {recipe.weights}):
        said = ", ".join(f"{n} {w:g}" for n, w in zip(names, order, strict=True))
        yield f"with the weights in another order ({said})", replace(recipe, weights=order)
    if recipe.weights != ones:
        yield "with the weights left out", replace(recipe, weights=ones)
    for n, name in enumerate(names):
        rest = tuple(0.0 if n == at else weight for at, weight in enumerate(recipe.weights))
        if any(rest):
            yield f"without parent {name}", replace(recipe, weights=rest)
    if recipe.random:
        yield "without the rescaling of DARE", replace(recipe, rescale=False)
    yield "with the first parent's alpha / rank for all", replace(recipe, scale="first")
    if recipe.on == "delta":
        yield "with each alpha / rank twice, as PEFT up to 0.20", replace(recipe, scale="twice")
    if recipe.density < 1:
        yield "without pruning", replace(recipe, density=1.0)
    if recipe.method != "linear":
        yield "as a linear merge", replace(recipe, method="linear", density=1.0)


def _orders(weights: tuple[float, ...]) -> set[tuple[float, ...]]:
    """Every order of a few weights; of more those with two exchanged, as there are too many."""
    if len(weights) <= FEW:
        return set(permutations(weights))
    found = set()
    for one, other in combinations(range(len(weights)), 2):
        order = list(weights)
        order[one], order[other] = weights[other], weights[one]
        found.add(tuple(order))
    return found
