"""A running server with several adapters on one base: whether every request gets the answer of the
adapter that it names, whatever is asked beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.content.library import Entry
from harness.errors import EngineError, WorkspaceError
from harness.subjects.base import Bench, Evidence, Fault, Numbers, Preflight
from harness.subjects.kinds import Kind, Plant
from harness.subjects.kinds.served import reasons, schedule
from harness.subjects.kinds.served.spec import BASE, Spec
from harness.verdict import Reason

ASKED = reasons.ASKED


class ServedKind(Kind):
    """``path`` is the adapter that is judged by suites, one of those that the server holds."""

    name, spec, timed = "served", Spec, ("ms",)

    def parts(self, entry: Entry) -> dict[str, Path]:
        """The adapters that the server is said to hold, in the form of mlx-lm."""
        from harness.subjects.entering import peft

        own: Spec = entry.adapter.own
        found = {name: entry.folder(name) for name in own.adapters}
        if entry.path.resolve() not in {path.resolve() for path in found.values()}:
            raise WorkspaceError(
                f"library.yaml: adapters.{entry.name}.path: found {entry.adapter.path!r}; expected"
                f" one of those that `served.adapters` names: {', '.join(found)}"
            )
        return {name: peft.mountable(path, entry.base_path) for name, path in found.items()}

    def examine(self, bench: Bench, found: Preflight) -> Iterator[Fault]:  # noqa: ARG002
        """No fault of its own; raises :class:`EngineError` in one sentence for a server that is not
        there, before anything is asked."""
        from harness.engines.elsewhere.residents import listens

        own: Spec = bench.own
        if not own.start and not listens(own.endpoint):
            raise EngineError(
                f"{own.endpoint}: no server listens there, and {bench.entry.name} is judged on a"
                " running one; start it (docs/servers.md), or let the harness: name its command as"
                f" `adapters.{bench.entry.name}.served.start` in library.yaml"
            )
        return iter(())

    def owes(self, bench: Bench) -> dict[str, list[str]]:
        """What each one's weights answer here, and every schedule in blocks of requests."""
        own: Spec = bench.own
        return {schedule.TRUTH: [BASE, *own.adapters], ASKED: schedule.owed(own)}

    def measure(
        self, bench: Bench, what: str, cases: Sequence[str]
    ) -> Iterator[tuple[str, Numbers]]:
        """The answers themselves, counted, so that whoever has the receipts compares them again."""
        from harness.subjects.kinds.served import measuring

        if cases:
            measured = measuring.truth if what == schedule.TRUTH else measuring.asked
            yield from measured(bench, cases)

    def reasons(self, evidence: Evidence) -> tuple[Numbers, list[Reason]]:
        """Whether each request gets the answer of what it names."""
        return reasons.decide(evidence)

    def plants(self) -> Sequence[Plant]:
        """F5.1 to F5.10."""
        from harness.subjects.kinds.served.plants import PLANTS

        return PLANTS
