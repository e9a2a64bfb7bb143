"""A stream of training stages on one base, with the pool of adapters and the router behind it.

The adapters of every stage answer the suites that were learnt, so that the matrix R is made of
receipts; what a router chose is mounted prompt by prompt. A stream that somebody else measured is
read from a published matrix, which is said, and ships nothing by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.content.library import Entry
from harness.errors import WorkspaceError
from harness.subjects.arms import ADAPTER, arms
from harness.subjects.base import Arm, Bench, Evidence, Fault, Numbers, Owed, Preflight
from harness.subjects.kinds import Kind, Plant
from harness.subjects.kinds.stream import measuring, pools
from harness.subjects.kinds.stream import reasons as reasoning
from harness.subjects.kinds.stream.from_files import MATCHED, ORACLE
from harness.subjects.kinds.stream.spec import Stream
from harness.verdict import Reason

STAGE = pools.STAGE


class StreamKind(Kind):
    """Stages in order, what their pool keeps, and what they are held against."""

    name = "stream"
    spec = Stream
    mounts = False
    still = measuring.STILL

    def parts(self, entry: Entry) -> dict[str, Path]:
        """The adapters of the stages and of the oracle, and every file that is named."""
        files: dict[str, str] = entry.adapter.own.files
        return {role: entry.root / path for role, path in files.items()}

    def examine(self, bench: Bench, found: Preflight) -> Iterator[Fault]:  # noqa: ARG002
        """What an adapter of a stage or of the oracle would be refused for by itself."""
        yield from pools.unfit(bench, "stage ", "oracle ")

    def arms(self, owed: Owed) -> list[Arm]:
        """Of a suite that was learnt the pool after every stage, the last as what is judged, the
        adapter that learnt nothing else, the same slots where the task is told and, where that is
        asked for, each slot by itself; of another the last pool alone."""
        own: Stream = owed.bench.own
        digests, guard = owed.digests, owed.role == "guard"
        told = digests["base"], digests["adapter"], owed.canon
        found = arms(*told, guard=guard, again=owed.again, previous=digests.get("previous"))
        if not own.stages:
            text = "nothing answers for a published matrix; leave `suites` out, and name `facets`"
            raise WorkspaceError(f"library.yaml: adapters.{owed.bench.entry.name}.suites: {text}")
        suite = owed.bench.suites.get(owed.suite)  # none is that of a sweep over lengths
        cases = [case.id for case in suite.cases] if suite else []
        routes = pools.routes(own, owed.bench.folders)

        def pool(stage: int) -> dict[str, str | None]:
            where = f"{owed.bench.folders.get('routes')}: stage {stage}"
            chosen = pools.chosen(own, routes, stage, owed.suite, cases, where)
            kept = pools.kept(own, stage)
            of = {slot: digests[STAGE.format(at)] for slot, at in kept.items()}
            return {case: of.get(slot or "") for case, slot in chosen.items()}

        last = len(own.stages)
        routed = [
            a.model_copy(update={"routed": pool(last)}) if a.id == ADAPTER else a for a in found
        ]
        learnt = {each.learns: each.slot for each in own.stages}
        if owed.suite not in learnt:
            return routed
        mounted: dict[str, Any] = {"weights": digests["base"], "order": "registered"}
        stages = [
            Arm(id=STAGE.format(n), mount=digests[ADAPTER], routed=pool(n), **mounted)
            for n in range(1, last)
        ]
        baselines = []
        if owed.suite in own.oracle:
            oracle = digests[f"{ORACLE} {owed.suite}"]
            baselines.append(Arm(id=ORACLE, mount=oracle, **mounted))
        if own.routes is not None:
            held = digests[STAGE.format(pools.kept(own, last)[learnt[owed.suite]])]
            baselines.append(Arm(id=MATCHED, mount=held, **mounted))
        if own.slots_alone:
            baselines += [
                Arm(id=pools.ALONE.format(slot), mount=digests[STAGE.format(at)], **mounted)
                for slot, at in pools.kept(own, last).items()
            ]
        return [*routed, *stages, *baselines]

    def owes(self, bench: Bench) -> dict[str, list[str]]:
        """One case for each file that was named; of a matrix, each of its cells."""
        return measuring.owed(bench.own, bench.folders)

    def measure(
        self, bench: Bench, what: str, cases: Sequence[str]
    ) -> Iterator[tuple[str, Numbers]]:
        """What the files say; nothing here needs a model."""
        for case in cases:
            yield case, measuring.measured(bench.own, bench.folders, what, case)

    def reasons(self, evidence: Evidence) -> tuple[Numbers, list[Reason]]:
        """R with its metrics, the baselines, and what all of it calls for."""
        return reasoning.decided(evidence)

    def plants(self) -> Sequence[Plant]:
        """F6.1 to F6.12."""
        from harness.subjects.kinds.stream import plants

        return plants.ROWS
