"""The mechanisms by which vectors find their adapter: how each is fitted, and what it makes of a
prompt. All of them are a few lines of arrays, and the same again for the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax

from harness import files
from harness.errors import WorkspaceError
from harness.subjects.kinds.pool.encoders import unit
from harness.subjects.kinds.pool.spec import BASE, Router

if TYPE_CHECKING:
    from harness.subjects.kinds.pool.encoders import Vectors

FLOOR = 1e-4  # added to every variance, as examples of one form do not vary at all in some places
STEPS, RATE, DECAY = 200, 20.0, 1e-4  # of the gate's gradient descent


class Choice(NamedTuple):
    """Who answers a prompt, and with which probability, where the router has one."""

    name: str
    p: float | None = None


@dataclass(frozen=True)
class State:
    """A fitted router: the adapter of each component (or of each stored example), its ``arrays``,
    and how like its own component the least typical example is (``near``). ``kind``, ``encoder``
    and ``per`` are what the file says that it is of."""

    kind: str
    adapters: list[str]
    arrays: dict[str, Any]
    near: float | None = None
    encoder: str | None = None
    per: str = "request"

    def without(self, name: str) -> State:
        """The same of a pool that lacks one adapter."""
        kept = [n for n, adapter in enumerate(self.adapters) if adapter != name]
        arrays = {key: held[kept] for key, held in self.arrays.items() if key in ROWS}
        rest = {key: held for key, held in self.arrays.items() if key not in ROWS}
        if "labels" in rest:  # stored examples, each of a component
            place = {old: new for new, old in enumerate(kept)}
            seen = np.isin(rest["labels"], kept)
            labels = np.array([place[int(old)] for old in rest["labels"][seen]], int)
            rest = {"vectors": rest["vectors"][seen], "labels": labels}
        return replace(self, adapters=[self.adapters[n] for n in kept], arrays=arrays | rest)


ROWS = ("means", "variances", "counts", "weight", "bias")  #: arrays with a row for each component


def _spread(x: Vectors, at: Vectors, many: int) -> dict[str, Any]:
    of = [x[at == n] for n in range(many)]
    means = np.array([rows.mean(axis=0) for rows in of])
    variances = np.array([rows.var(axis=0) for rows in of]) + FLOOR
    return {"means": means, "variances": variances, "counts": np.array([*map(len, of)])}


def _gate(x: Vectors, at: Vectors, many: int) -> dict[str, Any]:
    """A linear gate under softmax, by gradient descent on the cross-entropy."""
    weight, bias, truth = np.zeros((many, x.shape[1])), np.zeros(many), np.eye(many)[at.astype(int)]
    for _ in range(STEPS):
        off = (softmax(x @ weight.T + bias, axis=1) - truth) / len(x)
        weight -= RATE * (off.T @ x + DECAY * weight)
        bias -= off.sum(axis=0)
    return _spread(x, at, many) | {"weight": weight, "bias": bias}


def _stored(x: Vectors, at: Vectors, many: int) -> dict[str, Any]:
    return _spread(x, at, many) | {"vectors": x, "labels": at.astype(int)}


def _densities(held: Mapping[str, Any], x: Vectors, _: Router) -> Vectors:
    """``log w + log N(x; mean, variance)`` of each component."""
    counts = held.get("counts", np.ones(len(held["means"])))
    prior = np.log(held["weights"] if "weights" in held else counts / counts.sum())
    rows = zip(held["means"], held["variances"], strict=True)
    logs = [-0.5 * (((x - m) ** 2 / v) + np.log(2 * np.pi * v)).sum(axis=1) for m, v in rows]
    found: Vectors = np.array(logs).T + prior
    return found


def _linear(held: Mapping[str, Any], x: Vectors, _: Router) -> Vectors:
    found: Vectors = x @ held["weight"].T + held["bias"]
    return found


def _centroids(held: Mapping[str, Any], x: Vectors, _: Router) -> Vectors:
    found: Vectors = x @ unit(held["means"]).T
    return found / SHARP


def _neighbours(held: Mapping[str, Any], x: Vectors, said: Router) -> Vectors:
    """The summed likeness of those of the nearest examples that are of each component."""
    alike, many = x @ unit(held["vectors"]).T, len(held["means"])
    few = min(said.neighbours, alike.shape[1])
    top = np.argsort(-alike, axis=1, kind="stable")[:, :few]
    votes = np.zeros((len(x), many))
    for row, near in enumerate(top):
        np.add.at(votes[row], held["labels"][near].astype(int), alike[row, near])
    found: Vectors = votes / few / SHARP
    return found


SHARP = 0.05  # of likenesses, which lie between 0 and 1, before the temperature
Fit = Callable[["Vectors", "Vectors", int], dict[str, Any]]
Score = Callable[[Mapping[str, Any], "Vectors", Router], "Vectors"]
#: by mechanism: how it is fitted, what it says of each component, and the arrays that it needs
MECHANISMS: dict[str, tuple[Fit, Score, tuple[str, ...]]] = {
    "gmm": (_spread, _densities, ("means", "variances")),
    "lorauter": (_spread, _centroids, ("means",)),
    "softmax": (_gate, _linear, ("weight", "bias")),
    "knn": (_stored, _neighbours, ("means", "vectors", "labels")),
}


def fitted(kind: str, x: Vectors, tasks: Sequence[tuple[str, str]]) -> State:
    """A router fitted on vectors and the adapter and task of each: a component for each of them."""
    known = sorted(set(tasks))
    at = np.array([known.index(task) for task in tasks])
    arrays = MECHANISMS[kind][0](x, at, len(known))
    near = float((x @ unit(arrays["means"]).T).max(axis=1).min())
    return State(kind, [adapter for adapter, _ in known], arrays, near)


def chosen(said: Router, state: State, x: Vectors, fallback: str) -> list[Choice]:
    """Who answers each prompt; one that is too unlike every component goes to the fallback."""
    if not state.adapters:
        return [Choice(fallback)] * len(x)
    scores = MECHANISMS[state.kind][1](state.arrays, x, said) / said.temperature
    names = list(dict.fromkeys(state.adapters))
    owned = np.array([[adapter == name for adapter in state.adapters] for name in names])
    logs = [logsumexp(np.where(mask, scores, -np.inf), axis=1) for mask in owned]
    said_of = np.exp(log_softmax(np.array(logs).T, axis=1))
    found = [Choice(names[int(row.argmax())], float(row.max())) for row in said_of]
    if state.near is None or "means" not in state.arrays:
        return found
    alike = (x @ unit(state.arrays["means"]).T).max(axis=1)
    far = alike < state.near - said.reach
    return [Choice(fallback) if off else one for one, off in zip(found, far, strict=True)]


def arrow(
    prototypes: Sequence[Vectors], tokens: Vectors, temperature: float, *, signed: bool = False
) -> Vectors:
    """``(tokens, adapters)``: Arrow's share of each adapter, the softmax of the mean of ``|h v|``
    over the matrices whose directions v are an adapter's ``prototypes``.

    ``v`` is the first right singular vector of the update, whose sign is arbitrary: without the
    absolute value (``signed``) chance routes. Source: Ostapenko et al. 2024, arXiv 2405.11157."""
    along = [tokens @ rows.T for rows in prototypes]
    logits = np.array([(one if signed else np.abs(one)).mean(axis=1) for one in along]).T
    shares: Vectors = softmax(logits / temperature, axis=1)
    return shares


def read(path: Path, kind: str, names: Sequence[str]) -> State:
    """A state as JSON or ``.npz``: ``kind``, ``adapters`` (of each component), ``encoder``,
    ``near`` and the arrays. Raises :class:`WorkspaceError` for what is none."""
    if path.suffix == ".npz":
        try:
            with np.load(path) as opened:  # which loads no pickle
                held: dict[str, Any] = {key: opened[key].tolist() for key in opened}
        except (ValueError, OSError) as error:
            raise WorkspaceError(f"{path}: cannot be read as arrays: {error}") from None
    else:
        held = files.read_json(path)
    if not isinstance(held, dict) or not isinstance(held.get("adapters"), list):
        text = "key 'adapters': expected a list, the adapter of each component"
        raise WorkspaceError(f"{path}: {text}")
    if strange := [one for one in held["adapters"] if one not in (BASE, *names)]:
        text = f"key 'adapters': found {strange[0]!r}; expected one of {', '.join(names)}"
        raise WorkspaceError(f"{path}: {text}")
    told = {key: held.pop(key, None) for key in ("kind", "adapters", "near", "encoder", "per")}
    numbers = {key: value for key, value in held.items() if isinstance(value, list)}
    try:
        arrays = {key: np.array(value, dtype=np.float64) for key, value in numbers.items()}
    except (ValueError, TypeError) as error:
        raise WorkspaceError(f"{path}: an array of numbers was expected: {error}") from None
    many = len(told["adapters"])
    for key in (key for key in ROWS if key in arrays and len(arrays[key]) != many):
        text = f"key {key!r}: found {len(arrays[key])} rows; expected {many}, one for each of"
        raise WorkspaceError(f"{path}: {text} `adapters`")
    near = None if told["near"] is None else float(told["near"])
    of = (str(told["kind"] or kind), told["adapters"], arrays, near, told["encoder"])
    return State(*of, str(told["per"] or "request"))
