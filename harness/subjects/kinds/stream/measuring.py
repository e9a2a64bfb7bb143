"""What is measured of a stream beside answers: each file that its entry names, as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.subjects.base import Numbers
from harness.subjects.kinds.stream import matrix, pools, registered, replay
from harness.subjects.kinds.stream.spec import Stream

STILL = ("matrix", "pools", "routes", "replay", "study", "rates", "optimizer")


def owed(own: Stream, at: Mapping[str, Path]) -> dict[str, list[str]]:
    """What has to be measured of the files ``at`` their roles, each with its cases."""
    stages = [pools.STAGE.format(n + 1) for n in range(len(own.stages))]
    found = {
        "matrix": list(_cells(matrix.read(at["matrix"]))) if own.matrix else [],
        "pools": ["adapters"] if own.stages else [],
        "routes": stages if own.routes else [],
        "replay": [key for key in ("log", "pool") if key in at],
        "study": ["cells"] if own.registered else [],
        "rates": ["plateau"] if own.registered else [],
        "optimizer": ["state"] if own.optimizer else [],
    }
    return {what: cases for what, cases in found.items() if cases}


def measured(own: Stream, at: Mapping[str, Path], what: str, case: str) -> Numbers:
    """The numbers of one case; raises :class:`WorkspaceError` for a file that is none."""
    if what == "matrix":
        return _cells(matrix.read(at["matrix"]))[case]
    if what == "pools":
        return pools.adapters(own, at)
    if what == "routes":
        return pools.routing(own, pools.routes(own, at), int(case.split()[-1]))
    if what == "replay":
        data = {suite: at[f"data {suite}"] for suite in own.data}
        order = [stage.learns for stage in own.stages] or matrix.read(at["matrix"]).order
        return (
            replay.log(at["log"], order, data) if case == "log" else replay.pool(at["pool"], data)
        )
    if what == "optimizer":
        assert own.optimizer is not None
        return registered.optimizer(own.optimizer, at["optimizer"])
    read = registered.study if what == "study" else registered.plateau
    return read(at["registered"], at["results"])


def _cells(found: matrix.Matrix) -> dict[str, Numbers]:
    """Each cell of a published matrix by name: the stage, from 0 for base, and the domain."""
    rows = [(0, found.base)] if found.base is not None else []
    rows += list(enumerate(found.scores, 1))
    return {
        f"{stage} {domain}": {"score": score, "metric": metric}
        for stage, row in rows
        for domain, metric, score in zip(found.order, found.metrics, row, strict=True)
    }
