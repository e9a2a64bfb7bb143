"""The planted faults of merges (F3.1 to F3.9) and their clean twins, made by arithmetic from two
adapters of the pocket factory: a workspace each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from harness.content.workspace import shipped
from harness.engines.base import read_config
from harness.files import make_folder
from harness.subjects.entering.folders import CONFIG, MLX
from harness.subjects.kinds import Plant
from harness.subjects.kinds.merge.numbers import read
from harness.subjects.kinds.merge.reasons import SEEDS as FEWEST
from harness.subjects.kinds.merge.recipe import Factors, combined, merged, sides, truncated
from harness.subjects.kinds.merge.spec import Recipe

RANK, NOISE = 16, 0.1  # noise, as merges of nothing at all are not loaded
Change = Callable[[Factors], Factors]


def _opposite(of: Factors) -> Factors:
    return replace(of, b=-of.b * np.float32(1 + NOISE))


def _gauge(of: Factors) -> Factors:
    return replace(of, a=-of.a * np.float32(1 + NOISE), b=-of.b * np.float32(1 + NOISE))


@dataclass(frozen=True)
class Case:
    """A merge that is ``said`` to be one and ``done`` as another. Its second parent is the other
    adapter, or a ``change`` of the first; ``base`` is what that parent was trained on, where it
    was another; ``seeds`` is how many are shown."""

    said: Recipe
    done: Recipe
    change: Change | None = None
    base: str | None = None
    seeds: int = 1


_SUM = Recipe("own", "linear", "delta", (1.0, 0.5))
_HALVES = replace(_SUM, weights=(0.5, 0.5))
_FACTORS = replace(_HALVES, on="factors")
_TIES = Recipe("peft", "ties", "delta", (1.0, 1.0), 0.5)
_DARE = Recipe("peft", "dare_linear", "delta", (1.0, 1.0), 0.5)
_CLEAN = Case(_SUM, _SUM)

#: by number the code that names the fault, what was done, the plant, and its twin
ROWS: Sequence[tuple[str, str, str, Case, Case]] = (
    ("F3.1", "merge-cancelled", "parents of opposite sign",
     Case(_HALVES, _HALVES, _opposite), _CLEAN),
    ("F3.2", "merge-cancelled", "factors of one update with either sign",
     Case(_FACTORS, _FACTORS, _gauge), Case(_HALVES, _HALVES, _gauge)),
    ("F3.3", "merge-other", "factors merged, updates said",
     Case(_TIES, replace(_TIES, on="factors")), Case(_TIES, _TIES)),
    ("F3.4", "merge-other", "DARE without its rescaling",
     Case(_DARE, replace(_DARE, rescale=False), seeds=FEWEST), Case(_DARE, _DARE, seeds=FEWEST)),
    ("F3.5", "merge-other", "one parent's alpha / rank for all",
     Case(_SUM, replace(_SUM, scale="first")), _CLEAN),
    ("F3.6", "merge-other", "a parent left out",
     Case(_SUM, replace(_SUM, weights=(1.0, 0.0))), _CLEAN),
    ("F3.7", "parent-base", "a parent of another base",
     replace(_CLEAN, base="sha256:" + 64 * "0"), _CLEAN),
    ("F3.8", "merge-other", "weights in another order",
     Case(_SUM, replace(_SUM, weights=(0.5, 1.0))), _CLEAN),
    ("F3.9", "merge-seeds-few", "one seed of five",
     Case(_DARE, _DARE), Case(_DARE, _DARE, seeds=FEWEST)),
)  # fmt: skip


def plants() -> list[Plant]:
    """Each as the harness scores itself by it."""
    return [
        Plant(number, code, what, partial(_built, plant, twin), twin=str(twin))
        for number, code, what, plant, twin in ROWS
    ]


def _built(plant: Case, twin: Case, root: Path, planted: bool) -> None:
    pocket = shipped() / "examples" / "pocket"
    parents = [pocket / "adapters" / name for name in ("gamedev", "legacy")]
    build(plant if planted else twin, pocket / "base", parents, root)


def build(case: Case, base: Path, parents: Sequence[Path], root: Path) -> None:
    """A workspace in ``root`` with two parents from adapters on ``base``, and the merge of them
    that is the ``subject``."""
    made = [{name: get() for name, get in read(one).items()} for one in parents]
    if case.change is not None:
        made[1] = {name: case.change(one) for name, one in made[0].items()}
    config = read_config(parents[0] / CONFIG)
    for name, factors in zip(("one", "two"), made, strict=True):
        trained = case.base if name == "two" and case.base else config.get("trained_on_base")
        _write(root / name, factors, {"trained_on_base": trained})
    folders = ["subject", *(f"seed-{number}" for number in range(2, case.seeds + 1))]
    for seed, folder in enumerate(folders):
        drawn = {
            name: _merge(case.done, [made[0][name], made[1][name]], seed + 1) for name in made[0]
        }
        _write(root / folder, drawn, {"trained_on_base": config.get("trained_on_base")})
    (root / "library.yaml").write_text(json.dumps(_library(case, base, folders[1:])), "utf-8")
    suite = {"facet": "any", "role": "facet", "mode": "completion", "max_tokens": 8}
    suite |= {"prompts": "any.jsonl", "criteria": [{"id": "any", "verifier": "any.any"}]}
    (make_folder(root / "suites") / "any.yaml").write_text(json.dumps(suite), "utf-8")
    (root / "suites" / "any.jsonl").write_text('{"id": "any/1", "prompt": "def one():"}\n', "utf-8")


def _merge(recipe: Recipe, parents: list[Factors], seed: int) -> Factors:
    if recipe.on == "delta":
        return truncated(merged(recipe, parents, seed), RANK)
    chance = np.random.default_rng(seed)
    a, b = (combined(recipe, *side, chance) for side in sides(recipe, parents))
    return Factors(a, b)


def _library(case: Case, base: Path, seeds: list[str]) -> dict[str, Any]:
    weights = dict(zip(("one", "two"), case.said.weights, strict=True))
    said: dict[str, Any] = {"parents": weights, "tool": case.said.tool, "on": case.said.on}
    said |= {"method": case.said.method, "seeds": seeds}
    if case.said.density < 1:
        said["density"] = case.said.density
    shared = {"base": "pocket", "status": "candidate", "facets": ["any"], "suites": ["any"]}
    adapters = {name: {"path": name, **shared} for name in ("one", "two")}
    merge = {"subject": {"path": "subject", **shared, "kind": "merge", "merge": said}}
    return {"bases": {"pocket": {"path": str(base)}}, "adapters": adapters | merge}


def _write(folder: Path, modules: Mapping[str, Factors], more: dict[str, Any]) -> None:
    import mlx.core as mx

    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder)
    tensors = dict[str, Any]()
    for name, one in modules.items():
        tensors |= {f"{name}.lora_a": mx.array(one.a), f"{name}.lora_b": mx.array(one.b)}
    any_one = next(iter(modules.values()))
    parameters = {"rank": any_one.a.shape[1], "scale": any_one.scale, "dropout": 0.0}
    config = {"fine_tune_type": "lora", "num_layers": -1, "lora_parameters": parameters}
    mx.save_safetensors(str(folder / MLX), tensors)
    (folder / CONFIG).write_text(json.dumps(config | more), encoding="utf-8")
