"""What the receipts of a pool come to: the utility of every adapter for every prompt, what the
router makes of it, what others would, and the reasons that follow. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from harness.stats.paired import two_sided
from harness.stats.repeated import score_interval
from harness.stats.subjects import routing
from harness.stats.values import Undefined
from harness.subjects.arms import ADAPTER, BASE
from harness.subjects.base import Evidence, Numbers
from harness.subjects.kinds.pool.spec import Pool
from harness.verdict import Reason, reason

ALIKE = 0.02  # of the choices may differ between two programs of one mechanism
SHUFFLED, RIGHT = 0.25, 0.8  # so many more would be right under other names, and that is most
Routes = Mapping[str, Numbers]


@dataclass(frozen=True)
class Unit:
    """A prompt (or a group of them) of a facet: what each name scores, what the pool scores, and
    what was measured of its choice."""

    suite: str
    utility: dict[str, float]
    routed: float
    route: Numbers


def decided(evidence: Evidence) -> tuple[Numbers, list[Reason]]:
    """The card's numbers and every reason, as far as there is evidence for each."""
    own: Pool = evidence.own
    routes, units = evidence.measured.get("route", {}), _units(evidence)
    numbers = _choices(own, routes, evidence.measured.get("probes", {}))
    if units:
        numbers |= _utility(own, units, evidence.alpha)
    found = [*_of_choices(own, numbers), *(_of_utility(own, numbers) if units else ())]
    if units and not found:
        found.append(reason("pool-routed", "pool", f"{_told(numbers)}; {_gap(numbers)}"))
    return numbers, found


def _units(evidence: Evidence) -> list[Unit]:
    """Of facets that every adapter answered; prompts of one group are one, by their first."""
    own: Pool = evidence.own
    arms = {name: BASE if name == BASE else f"member {name}" for name in own.names}
    found = []
    for suite, by_arm in evidence.outcomes.items():
        answered = [by_arm.get(arm, {}) for arm in (ADAPTER, *arms.values())]
        groups, seen = evidence.groups.get(suite, {}), set()
        for case in sorted(set.intersection(*map(set, answered))):
            route, group = evidence.measured["route"].get(f"{suite} {case}"), groups.get(case, case)
            if route is None or group in seen:
                continue
            seen.add(group)
            score = {arm: _passed(by_arm[arm][case]) for arm in (ADAPTER, *arms.values())}
            utility = {name: score[arm] for name, arm in arms.items()}
            found.append(Unit(suite, utility, score[ADAPTER], route))
    return found


def _passed(outcomes: Sequence[str]) -> float:
    return fmean(one == "pass" for one in outcomes)


# From choices alone.


def _choices(own: Pool, routes: Routes, probes: Routes) -> Numbers:
    inside = [row for row in routes.values() if not row["ood"]]
    outside = [row["adapter"] == own.fallback for row in routes.values() if row["ood"]]
    outside += [row["adapter"] == own.fallback for row in probes.values() if _beyond(own, row)]
    fallen = [row["ood"] for row in routes.values() if row["adapter"] == own.fallback]
    counts = Counter(row["adapter"] for row in inside)
    spread = routing.load([counts[name] for name in own.adapters])
    kinds = {row["kind"] for row in probes.values()}
    met = {k: [r["adapter"] in r["to"] for r in probes.values() if r["kind"] == k] for k in kinds}
    everyone = list(routes.values())
    logged = [row["logged"] for row in everyone if row["logged"] is not None]
    return {
        "counts": {name: counts[name] for name in own.names},
        "load": None if isinstance(spread, Undefined) else asdict(spread),
        "recall": fmean(outside) if outside else None,
        "outside": len(outside),
        "precision": fmean(fallen) if fallen and own.fallback == BASE else None,
        "probes": {kind: fmean(said) for kind, said in sorted(met.items())},
        "unsteady": _share(everyone, "again"),
        "label": _share(everyone, "plain"),
        "stable": fmean(_same(row) for row in inside) if inside else None,
        "noise": _share(inside, "noise"),
        "other": _share(everyone, "declared"),
        "signed": fmean((row["logged"] or [row["adapter"]]) != [row["signed"]] for row in everyone)
        if own.router.kind == "arrow"
        else None,
        "log": fmean(set(row["logged"]) != {row["adapter"]} for row in everyone if row["logged"])
        if logged
        else None,
        "mixed": sum(len(set(said)) > 1 for said in logged),
    }


def _beyond(own: Pool, row: Numbers) -> bool:
    return bool(row["to"] == [own.fallback])


def _same(row: Numbers) -> float:
    return fmean(one == row["adapter"] for one in row["put"])


def _share(rows: Sequence[Numbers], key: str) -> float | None:
    """The share of choices that are others in this column."""
    known = [row[key] != row["adapter"] for row in rows if row.get(key) is not None]
    return fmean(known) if known else None


def _of_choices(own: Pool, n: Numbers) -> Iterator[Reason]:
    most = 1 - own.stable
    if n["unsteady"]:
        text = f"asked twice, {n['unsteady']:.1%} of the prompts went to another adapter"
        yield reason("pool-unsteady", "router", f"{text}: what was judged is not what will answer")
    if n["mixed"]:
        text = f"{n['mixed']} requests of its log were answered by several adapters"
        yield reason("pool-mixed", "router", f"{text}, which is no choice for each request")
    kind = own.router.kind
    for key, what in (("other", "router.function"), ("log", "the log of the router")):
        away = n[key]
        if away is not None and away > ALIKE and not n["mixed"]:
            text = f"declared is {kind}, and on {away:.1%} of the prompts {what} chose otherwise"
            signed = n["signed"] is not None and n["signed"] <= ALIKE
            text += ", as Arrow does that forgot the absolute value" if signed else ""
            yield reason("pool-other", "router", text)
    if n["label"] is not None and n["label"] > most:
        text = f"{n['label']:.1%} of the choices change when the names of suite, facet and case are"
        text += " taken out and a space is put behind the prompt: it knows prompts, or labels"
        yield reason("pool-label", "router", text)
    elif n["stable"] is not None and n["stable"] < own.stable:
        text = f"{n['stable']:.1%} of the choices stand when a prompt is put more politely"
        yield reason("pool-unstable", "router", f"{text}; {own.stable:.0%} have to")
    few = {kind: share for kind, share in n["probes"].items() if share < own.stable}
    if few:
        told = ", ".join(f"{share:.0%} of {kind}" for kind, share in few.items())
        yield reason(
            "pool-unstable", "probes", f"{told} went where they may; {own.stable:.0%} must"
        )
    if n["recall"] is not None and n["recall"] < own.recall:
        text = f"{n['recall']:.1%} of {n['outside']} prompts that belong to no adapter went to"
        yield reason("pool-beyond", "router", f"{text} {own.fallback}; {own.recall:.0%} have to")


# From answers.


def _utility(own: Pool, units: Sequence[Unit], alpha: float) -> Numbers:
    names = own.names
    suites = list(dict.fromkeys(unit.suite for unit in units))
    of = {suite: [unit for unit in units if unit.suite == suite] for suite in suites}
    known = [[fmean(u.utility[name] for u in of[s]) for name in names] for s in suites]
    sent = [[sum(u.route["adapter"] == name for u in of[s]) for name in names] for s in suites]
    stands = routing.standing(known, sent, [len(of[s]) for s in suites])
    routed, best = fmean(unit.routed for unit in units), names[stands.best]
    right = [_right(row, many) for row, many in zip(known, sent, strict=True)]
    table = [[0] * len(names) for _ in names]
    for at, many in zip(right, sent, strict=True):
        table[at] = [a + b for a, b in zip(table[at], many, strict=True)]
    met = routing.agreement(table)
    label = {suite: names[at] for suite, at in zip(suites, right, strict=True)}
    level = two_sided(alpha)
    over = score_interval([unit.routed - unit.utility[best] for unit in units], level)
    shuffled = [fmean(unit.utility[name] for name in unit.route["shuffled"]) for unit in units]
    beside = [u.routed - chance for u, chance in zip(units, shuffled, strict=True)]
    said = [(u.route["p"], u.route["adapter"] == label[u.suite]) for u in units]
    sure = [(p, met) for p, met in said if p is not None]
    noisy = [u for u in units if u.route["noise"] is not None]
    return {
        "names": names,
        "suites": suites,
        "utility": known,
        "shares": [[one / max(1, sum(row)) for one in row] for row in sent],
        "below": {
            s: [fmean(u.routed for u in of[s]), row[-1]]
            for s, row in zip(suites, known, strict=True)
            if fmean(u.routed for u in of[s]) < row[-1]
        },
        "right": label,
        "best": best,
        "n": len(units),
        "score": routed,
        **_plain(asdict(stands) | {"best": best, "routed": routed}),
        "normalised": routed / stands.oracle if stands.oracle else None,
        "item_oracle": fmean(max(unit.utility.values()) for unit in units),
        "base": fmean(unit.utility[BASE] for unit in units),
        "over": asdict(over),
        "shuffled": fmean(shuffled),
        "over_shuffled": asdict(score_interval(beside, level)),
        "agreement": None if isinstance(met, Undefined) else _plain(asdict(met)),
        "renamed": _renamed(table, len(own.adapters)),
        "prior": max(sum(row) for row in table) / len(units),
        "calibration": routing.calibration([p for p, _ in sure], [met for _, met in sure])
        if sure
        else None,
        "noisy": fmean(u.utility.get(u.route["noise"], u.utility[BASE]) for u in noisy)
        if noisy
        else None,
        "marginal": {
            name: routed - fmean(u.utility[u.route["without"][name]] for u in units)
            for name in own.adapters
        },
    }


def _right(utility: Sequence[float], sent: Sequence[int]) -> int:
    """The best adapter of a task; of several that are, the one that got most of it."""
    best = max(utility)
    tied = [at for at, score in enumerate(utility) if score >= best - 1e-9]
    return max(tied, key=lambda at: sent[at])


def _renamed(table: Sequence[Sequence[int]], adapters: int) -> float:
    """The share of right choices under the names of the adapters that suit the router best."""
    many = np.asarray(table)
    own = many[:adapters, :adapters]
    return float((own[linear_sum_assignment(-own)].sum() + many[-1, -1]) / max(1, many.sum()))


def _plain(found: Mapping[str, Any]) -> Numbers:
    return {k: v["reason"] if isinstance(v, dict) else v for k, v in found.items()}


def _of_utility(own: Pool, n: Numbers) -> Iterator[Reason]:
    over, names, load = n["over"], list(own.adapters), n["load"]
    used = {name for name, many in n["counts"].items() if many}
    if n["score"] <= n["single"]:
        text = f"{_told(n)}: release {n['best']} by itself, which no router can miss"
        yield reason("pool-worse", "pool", text)
    elif over["low"] <= 0:
        yield reason("pool-open", "pool", f"no gain is shown: {_told(n)}")
    if n["normalised"] is not None and n["normalised"] < own.normalised:
        text = f"it reaches {n['normalised']:.3f} of the best adapter of each facet"
        yield reason("pool-short", "pool", f"{text}; {own.normalised:g} is asked")
    for suite, (routed, base) in n["below"].items():
        text = f"{suite}: {routed:.1%} routed, {base:.1%} of base by itself"
        yield reason("pool-below", "pool", text)
    accuracy = n["agreement"]["accuracy"] if n["agreement"] else 0.0
    if n["renamed"] >= RIGHT and n["renamed"] - accuracy >= SHUFFLED:
        text = f"{accuracy:.1%} of the choices are right, and {n['renamed']:.1%} would be under"
        yield reason("pool-shuffled", "router", f"{text} other names: they are in another order")
    limit = min(1.0, 2 / len(names) + n["prior"] - 1 / len(names))
    if n["over_shuffled"]["low"] <= 0 or (load and load["most"] > limit):
        spread = ", ".join(f"{name} {many}" for name, many in n["counts"].items())
        text = f"the choices ({spread}) score {n['score']:.1%}, those of routers with shuffled"
        yield reason("pool-collapsed", "router", f"{text} labels {n['shuffled']:.1%}")
    dead = [name for name in names if name in n["right"].values() and name not in used]
    if dead:
        text = f"the best of a facet, and no prompt goes there: {', '.join(dead)}"
        yield reason("pool-dead", "router", text)
    if n["recall"] is None:
        text = "no suite and no probe shows what becomes of a prompt that belongs to no adapter"
        yield reason("pool-open", "router", text)


def _told(n: Numbers) -> str:
    over, low, high = n["score"] - n["single"], n["over"]["low"], n["over"]["high"]
    text = f"routed {n['score']:.1%} of {n['n']} prompts pass, {n['single']:.1%} of {n['best']}"
    bounds = f"{100 * low:+.1f} to {100 * high:+.1f}"
    return f"{text}, the best by itself ({100 * over:+.1f} points, bounds {bounds})"


def _gap(n: Numbers) -> str:
    share = n["normalised"]
    text = f"{share:.3f} of the best adapter of each facet" if share is not None else ""
    return f"{text}; routers of shuffled labels {n['shuffled']:.1%}"
