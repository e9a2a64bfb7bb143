"""Tenants, each with a memory on one base: what a memory knows of its own tenant, and that it knows
nothing of the others, which is a veto."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.content.library import Entry
from harness.subjects.arms import ADAPTER
from harness.subjects.base import Arm, Bench, Evidence, Fault, Numbers, Owed, Preflight
from harness.subjects.kinds import Kind, Plant
from harness.subjects.kinds.stream import pools
from harness.subjects.kinds.tenants import facts, reasons
from harness.subjects.kinds.tenants.facts import CONTROL, Spec
from harness.verdict import Reason


class Tenants(Kind):
    """``path`` is the folder that holds the memories. Suites are answered by all of them in turn,
    prompt by prompt; what they remember is measured beside."""

    name, spec, mounts, measures = "tenants", Spec, False, ("memory",)

    def parts(self, entry: Entry) -> dict[str, Path]:
        """The memories, their copies, what they were trained on, the control and the facts."""
        own: Spec = entry.adapter.own
        found = {"facts": entry.root / own.facts}
        for one in own.each:
            found[f"tenant {one.id}"] = entry.folder(one.adapter)
            copies = enumerate(one.copies)
            found |= {f"copy {one.id} {at}": entry.root / copy for at, copy in copies}
            if one.records is not None:
                found[f"records {one.id}"] = entry.root / one.records
        if own.control is not None:
            found[CONTROL] = entry.folder(own.control)
        return found

    def examine(self, bench: Bench, found: Preflight) -> Iterator[Fault]:  # noqa: ARG002
        """What an adapter would be refused for by itself, then what is wrong with them as
        tenants."""
        from harness.subjects.kinds.tenants import examining

        yield from pools.unfit(bench, "tenant ", CONTROL)
        yield from examining.faults(bench, _facts(bench))

    def arms(self, owed: Owed) -> list[Arm]:
        """As of an adapter; each tenant's memory answers a part of the prompts."""
        suite, own = owed.bench.suites.get(owed.suite), owed.bench.own
        cases = [case.id for case in suite.cases] if suite else []
        routed: dict[str, str | None] = {
            case: owed.digests[f"tenant {own.ids[at % len(own.ids)]}"]
            for at, case in enumerate(cases)
        }
        return [
            arm.model_copy(update={"routed": routed}) if arm.id == ADAPTER else arm
            for arm in super().arms(owed)
        ]

    def owes(self, bench: Bench) -> dict[str, list[str]]:
        """Questions, probes and likelihoods, by who is asked."""
        from harness.subjects.kinds.tenants import asking

        return asking.owed(bench, _facts(bench))

    def measure(
        self, bench: Bench, what: str, cases: Sequence[str]
    ) -> Iterator[tuple[str, Numbers]]:
        """What is said of the facts, with every tenant's secrets masked."""
        from harness.subjects.kinds.tenants import asking

        ways = {asking.RECALL: asking.recalled, asking.DRAWN: asking.drawn}
        if cases:
            yield from ways.get(what, asking.likely)(bench, _facts(bench), cases)

    def reasons(self, evidence: Evidence) -> tuple[Numbers, list[Reason]]:
        """Whether they leak, and what they remember."""
        return reasons.decide(evidence)

    def plants(self) -> Sequence[Plant]:
        """F8.1 to F8.12."""
        from harness.subjects.kinds.tenants.plants import PLANTS

        return PLANTS


def _facts(bench: Bench) -> list[facts.Fact]:
    return facts.read(bench.folders["facts"], bench.own.ids)
