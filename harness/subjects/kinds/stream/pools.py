"""The pool of a stream, stage by stage: which adapter lies in which slot, which slot a router chose
for a prompt, and whether the baselines are what they are called."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.content import strict
from harness.digests import file_digest
from harness.engines.base import read_config
from harness.errors import WorkspaceError
from harness.stats.intervals import wilson
from harness.subjects.base import Bench, Fault, Numbers
from harness.subjects.entering.folders import CONFIG, config_faults
from harness.subjects.kinds.stream.spec import Stream

if TYPE_CHECKING:
    from harness.engines.base import WhiteBox

WEIGHTS = "adapters.safetensors"
STAGE = "stage {}"  #: the role of its adapter, and the arm of the pool behind it
ALONE = "alone {}"  #: the arm of a slot of the last pool that answers everything
Routes = dict[tuple[int, str], dict[str, str | None]]  #: slot by stage and suite, and by case


class Route(strict.Model):
    """One line of the router's record: after ``stage`` these ``cases`` of ``suite`` went to
    ``slot``, or to the bare base."""

    stage: int
    suite: str
    slot: str | None
    cases: list[str]


def kept(own: Stream, stage: int) -> dict[str, int]:
    """What lies in each slot after a stage: the number of the stage that put it there."""
    return {each.slot: number for number, each in enumerate(own.stages[:stage], 1)}


def routes(own: Stream, folders: Mapping[str, Path]) -> Routes | None:
    """The router's record; ``None`` where there is none. Raises :class:`WorkspaceError`."""
    if own.routes is None:
        return None
    found: Routes = {}
    for number, row in strict.read_jsonl(folders["routes"]):
        route = strict.check(row, Route, folders["routes"], line=number)
        at = found.setdefault((route.stage, route.suite), {})
        at |= dict.fromkeys(route.cases, route.slot)
    return found


def chosen(
    own: Stream, known: Routes | None, stage: int, suite: str, cases: Sequence[str], where: str
) -> dict[str, str | None]:
    """The slot that answers each case; without a router the only one, else that of the task that is
    told. Raises :class:`WorkspaceError` for a case that nobody routed."""
    if known is None:
        pool = kept(own, stage)
        told = next((each.slot for each in own.stages if each.learns == suite), None)
        slot = next(iter(pool)) if len(pool) == 1 else told
        return dict.fromkeys(cases, slot)
    found = known.get((stage, suite), {})
    lacking = [case for case in cases if case not in found]
    if lacking:
        text = f"{len(lacking)} of {len(cases)} prompts of {suite} lack a slot: {lacking[0]}, ..."
        raise WorkspaceError(f"{where}: {text}; write one, or null for the bare base, for each")
    return {case: found[case] for case in cases}


def routing(own: Stream, known: Routes | None, stage: int) -> Numbers:
    """How the router chose after a stage among the suites learnt so far: the share that it sent to
    the slot of their task, with its 95 % interval, beside the best share of a router that always
    names the same slot; how many slots it uses, as exp of the entropy."""
    learnt = {each.learns: each.slot for each in own.stages[:stage]}
    found = [
        (learnt[s], slot)
        for (at, s), of in (known or {}).items()
        if at == stage and s in learnt
        for slot in of.values()
    ]
    right, n = sum(task == slot for task, slot in found), len(found)
    used = Counter(str(slot) for _, slot in found)
    shares = [many / n for many in used.values()] if n else []
    constant = max(Counter(task for task, _ in found).values(), default=0)
    interval = wilson(right, n) if n else None
    return {
        "n": n,
        "right": right,
        "low": interval.low if interval else 0.0,
        "constant": constant / n if n else 0.0,
        "used": dict(sorted(used.items())),
        "effective": math.exp(-sum(share * math.log(share) for share in shares)),
        "dead": sorted(set(kept(own, stage)) - set(used)),
        "slots": len(kept(own, stage)),
    }


def adapters(own: Stream, folders: Mapping[str, Path]) -> Numbers:
    """How many adapters the pool and the oracle have, by their weights, and prompts that went to a
    slot that is not in the pool at that stage."""
    weights = [file_digest(folders[f"oracle {suite}"] / WEIGHTS) for suite in own.oracle]
    gone: Counter[str] = Counter()
    for (stage, _), of in (routes(own, folders) or {}).items():
        live = kept(own, stage)
        lost = [slot for slot in of.values() if slot and slot not in live]
        gone.update(f"{slot} after stage {stage}" for slot in lost)
    return {
        "tasks": len(own.stages),
        "oracle": len(set(weights)) if own.oracle else None,
        "slots": own.slots,
        "live": len(kept(own, len(own.stages))),
        "gone": dict(gone),
    }


def unfit(bench: Bench, *parts: str) -> Iterator[Fault]:
    """What an adapter of these parts would be refused for by itself: tensors, and the base it was
    trained on."""
    from harness.subjects.tensors import examine

    roles = [role for role in bench.folders if role.startswith(parts)]
    engine: WhiteBox | None = None
    seen: set[str] = set()
    for role in roles:
        folder, digest = bench.folders[role], bench.digests[role]
        if digest in seen:
            continue
        seen.add(digest)
        config = read_config(folder / CONFIG)
        engine = engine or bench.engine()
        wrong = config_faults(config, folder / CONFIG)
        found = wrong or examine(folder, config, engine).faults
        trained = config.get("trained_on_base")
        for fault in found:
            yield Fault(fault.code, f"{role}: {fault.text}", fault.severity)
        if trained is not None and trained != bench.digests["base"]:
            yield Fault("wrong-base", f"{role}: {folder} was trained on base {trained}")
