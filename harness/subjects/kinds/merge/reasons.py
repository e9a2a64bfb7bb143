"""What the numbers of a merge come to: whether it is the merge that it is said to be, whether its
parents cancel out, what it keeps of each, and how far one seed is from another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

import numpy as np

from harness.stats.repeated import score_interval
from harness.stats.subjects.retention import retention
from harness.stats.values import Undefined
from harness.subjects.arms import ADAPTER, BASE
from harness.subjects.base import Evidence, Numbers
from harness.subjects.kinds.merge.numbers import ODD, inverted, near, pooled
from harness.subjects.kinds.merge.recipe import semantics
from harness.subjects.kinds.merge.spec import Merge, Recipe
from harness.verdict import Reason, reason

KEPT = 0.8  # of each parent's gain, by its lower bound
SEEDS, SPREAD = 5, 0.03  # how many seeds are to be shown, and how far apart they may score
CANCELLED = 0.1  # of the size that the parents would have if they had nothing to do with each other
PARENT, SEED, LINEAR = "parent-", "seed-", "linear"  # how the arms of its parts are called
Rows = Sequence[Numbers]


def decided(evidence: Evidence) -> tuple[Numbers, list[Reason]]:
    """The numbers of its part of the scorecard, and the reasons."""
    own: Merge = evidence.own
    rows = list(evidence.measured["modules"].values())
    numbers = _sums(own, rows) | _skills(own, evidence)
    found = [_recipe(own, rows), *_cancelled(own, evidence.measured["modules"], numbers)]
    return numbers, [*found, *_kept(own, numbers), *_seeds(own, numbers)]


def _sums(own: Merge, rows: Rows) -> Numbers:
    gram, onto = (np.sum([row[key] for row in rows], axis=0) for key in ("gram", "onto"))
    norms = np.sqrt(np.diag(gram))
    cosines = gram / np.outer(norms, norms)
    acts: Any = inverted(gram) @ onto
    norm = sum(row["norm"] for row in rows)
    upper = np.triu_indices(len(norms), 1)
    names = list(own.parents)
    return {
        "conflict": fmean(row["conflict"] for row in rows),
        "cosine": float(np.mean(cosines[upper])),
        "norm_ratio": float(np.sqrt(norm) / norms.mean()),
        "acts_as": dict(zip(names, acts.tolist(), strict=True)),
        "factor_error": _of_whole(rows),
        "errors": {str(one): pooled(rows, "recipes", str(one))[0] for one in semantics(own.recipe)},
    }


def _of_whole(rows: Rows) -> float:
    """``||f - d|| / ||d||``, with ``d`` the declared merge of updates before any cut."""
    square, along = np.sum([row["whole"] for row in rows], axis=0)
    rest = square - 2 * along + sum(row["norm"] for row in rows)
    return float(np.sqrt(max(rest, 0.0) / square)) if square else 0.0


def _recipe(own: Merge, rows: Rows) -> Reason:
    """Whether it is the declared merge; else which it is, where that can be told."""
    declared = own.recipe
    limit, away = near(declared), pooled(rows, "recipes", str(declared))[0]
    senses = {str(one): pooled(rows, "recipes", str(one))[0] for one in semantics(declared)}
    alike = [name for name, error in senses.items() if error <= limit]
    meant = [str(one) for one in semantics(declared) if _meant(declared, one)]
    told = f"declared is {declared}"
    if any(name in meant for name in alike):
        odd = [row for row in rows if _off(row, alike) > ODD * limit]
        if not odd:
            near_by = [f"{name}: {senses[name]:.1%}" for name in _on(declared)]
            text = f"it is what its parents give, and so far from it: {'; '.join(near_by)}"
            return reason("merge-declared", "merge", text)
        text = f"{told}, and {len(odd)} of {len(rows)} matrices are another"
        return reason("merge-other", "merge", text)
    likely = _likely(declared, rows, senses, limit)
    if likely is not None:
        text = f"{told}, which is {away:.1%} away; it is {likely}"
        return reason("merge-other", "merge", text)
    name, error = min(senses.items(), key=lambda one: one[1])
    text = f"{told}, which is {away:.1%} away; the nearest is {name}, {error:.1%} away"
    return reason("merge-unknown", "merge", text)


def _meant(declared: Recipe, one: Recipe) -> bool:
    """Whether a declaration stands for this recipe too: a tool of one's own for any sense."""
    return one == declared or (declared.tool == "own" and one.on == declared.on)


def _on(declared: Recipe) -> list[str]:
    return [str(one) for one in semantics(declared) if one.on == declared.on]


def _off(row: Numbers, alike: Iterable[str]) -> float:
    return min(pooled([row], "recipes", name)[0] for name in alike)


def _likely(declared: Recipe, rows: Rows, senses: dict[str, float], limit: float) -> str | None:
    """What it is instead, in words."""
    missed = [row for row in rows if "mistakes" in row]
    names = {name for row in missed for name in row["mistakes"]}
    errors = {f"that merge {name}": pooled(missed, "mistakes", name)[0] for name in sorted(names)}
    name, error = min((errors | senses).items(), key=lambda one: one[1], default=("", np.inf))
    if error <= limit:
        return name
    _, times, rest = pooled(rows, "recipes", str(declared))
    return f"that merge {times:.3g} times" if rest <= limit and times > 0 else None


def _cancelled(own: Merge, modules: Mapping[str, Numbers], numbers: Numbers) -> Iterator[Reason]:
    weights = np.array(own.recipe.weights)
    gone = []
    for name, row in modules.items():
        apart = float(weights**2 @ np.diag(np.array(row["gram"])))
        if apart and row["norm"] < CANCELLED**2 * apart:
            gone.append(name)
    if gone:
        text = (
            f"the parents cancel out in {len(gone)} of {len(modules)} matrices, first {gone[0]}:"
            f" under {CANCELLED:.0%} of their size is left; their updates have a cosine of"
            f" {numbers['cosine']:.2f} and disagree in sign on {numbers['conflict']:.0%} of entries"
        )
        yield reason("merge-cancelled", "merge", text)


# What it keeps, from the answers.


def _skills(own: Merge, evidence: Evidence) -> Numbers:
    """What each parent's facets show of each arm: their mean, and R of each parent."""
    parents = evidence.measured["parents"]
    of = {
        name: [id for id, suite in evidence.suites.items() if suite["facet"] in said["facets"]]
        for name, said in parents.items()
    }
    table = {id: _scores(evidence, id) for ids in of.values() for id in ids}
    if not table or not all(_whole(own, arms) for arms in table.values()):
        return {}
    kept: dict[str, Any] = {}
    for name, ids in of.items():
        base, alone, merge = (_joined(table, ids, arm) for arm in (BASE, PARENT + name, ADAPTER))
        found = retention(base, alone, merge, evidence.alpha) if ids else Undefined("no facet")
        kept[name] = {"undefined": found.reason} if isinstance(found, Undefined) else asdict(found)
    macro = {arm: fmean(_joined(table, table, arm)) for arm in _shared(table)}
    best = max((PARENT + name for name in of), key=lambda arm: macro[arm])
    pairs = zip(_joined(table, table, ADAPTER), _joined(table, table, best), strict=True)
    over = score_interval([a - b for a, b in pairs], 1 - 2 * evidence.alpha)
    right = {id: PARENT + name for name, ids in of.items() for id in ids}
    oracle = fmean(score for id, arm in right.items() for score in table[id][arm])
    shown = {"macro": macro, "best": best, "oracle": oracle, "over_best": asdict(over)}
    return {"kept": kept, **shown}


def _scores(evidence: Evidence, suite: str) -> dict[str, list[float]]:
    """By arm the share of passes of each unit: a prompt, or prompts of one group."""
    groups, arms = evidence.groups.get(suite, {}), evidence.outcomes[suite]
    cases = sorted(set.intersection(*(set(answered) for answered in arms.values())))
    units: dict[str, list[str]] = {}
    for case in cases:
        units.setdefault(groups.get(case, case), []).append(case)
    found = {}
    for arm, answers in arms.items():
        shares = {case: fmean(said == "pass" for said in answers[case]) for case in cases}
        found[arm] = [fmean(shares[case] for case in unit) for unit in units.values()]
    return found if cases else {}


def _whole(own: Merge, arms: Mapping[str, Sequence[float]]) -> bool:
    return {BASE, ADAPTER, *(PARENT + name for name in own.parents)} <= arms.keys()


def _shared(table: Mapping[str, Mapping[str, Any]]) -> list[str]:
    first, *rest = table.values()
    return [arm for arm in first if all(arm in arms for arms in rest)]


def _joined(
    table: Mapping[str, Mapping[str, Sequence[float]]], suites: Iterable[str], arm: str
) -> list[float]:
    return [score for id in suites for score in table[id][arm]]


def _kept(own: Merge, numbers: Numbers) -> Iterator[Reason]:
    """R of every parent against the least that has to be kept, and the best parent beside it."""
    if "kept" not in numbers:
        return
    kept, over, best = numbers["kept"], numbers["over_best"], numbers["best"].removeprefix(PARENT)
    told = [_said(name, found) for name, found in kept.items()]
    told.append(
        f"over the best parent alone, {best}, {over['low']:+.1%} to {over['high']:+.1%} on the mean"
        " of all their facets"
    )
    said = [found["interval"] for found in kept.values() if "interval" in found]
    text = "; ".join(told)
    if over["high"] < 0 or any(one["high"] < KEPT for one in said):
        yield reason("merge-lost", "merge", f"it lost what its parents had: {text}")
    elif len(said) < len(own.parents) or over["low"] <= 0 or any(o["low"] < KEPT for o in said):
        yield reason("merge-open", "merge", f"not shown that it has what its parents had: {text}")
    else:
        yield reason("merge-kept", "merge", f"it has what its parents had: {text}")


def _said(name: str, found: Mapping[str, Any]) -> str:
    if "undefined" in found:
        return f"{name}: {found['undefined']}"
    low, high = found["interval"]["low"], found["interval"]["high"]
    return f"of the gain of {name} it keeps {found['value']:.2f} (bounds {low:.2f} and {high:.2f})"


def _seeds(own: Merge, numbers: Numbers) -> Iterator[Reason]:
    """How far apart the seeds of one merge score."""
    macro = numbers.get("macro", {})
    scores = [macro[arm] for arm in macro if arm == ADAPTER or arm.startswith(SEED)]
    if not own.recipe.random or len(scores) < 2:
        return
    spread = max(scores) - min(scores)
    text = f"{len(scores)} seeds score {min(scores):.1%} to {max(scores):.1%}"
    if spread >= SPREAD:
        yield reason("merge-seeds", "merge", f"{text}, {spread:.1%} apart: chance decided")
